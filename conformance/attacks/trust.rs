//! Trusted keys: making, stealing, changing and outliving them. Of use only where there are roles.

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User};
use super::outside::aes;
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::{Attribute, with};
use crate::vendor::CKA_CLAVIGER_SHARED_WITH;

/// A9. A trusted key that can leave: made extractable, or wrapped out by the one it is shared with
/// (Delaune, Kremer and Steel 2008, experiment 6).
pub(super) const STEAL_TRUSTED: &[Way] =
    &[extractable_candidate, wrap_out_trusted, wrap_out_trusted_under_known, wrap_out_as_owner];

fn extractable_candidate(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    arena.become_user(User::Kim)?;
    let label = arena.label("kT");
    let template = attrs![
        CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_UNWRAP => true, CKA_EXTRACTABLE => true,
    ];
    let born = arena.aes_key(template);
    arena.become_user(User::Attacker)?;
    step("C_GenerateKey(candidate{EXTRACTABLE=1})", born)?;
    arena.set_trusted(&label, true)?;
    arena.become_user(User::Attacker)?;
    evidence("a trusted key that is extractable")
}

fn wrap_out_trusted(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]);
    let k2 = scene("C_GenerateKey(k2{WRAP,DECRYPT})", k2)?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let stolen = step("C_WrapKey(k2, kT)", arena.session.wrap_key(&key_wrap, k2, trusted))?;
    let blob = step("C_WrapKey(kT, kS)", arena.session.wrap_key(&key_wrap, trusted, victim.key))?;
    let value = aes::open_by_decrypt(arena.session, k2, "k2", &stolen)?;
    match value.as_slice().try_into() {
        Ok(value) => victim.recovered(&aes::open(value, &blob)?),
        Err(_) => harmless("the blob of kT holds no AES-256 key"),
    }
}

/// The wrapping key is one that the attacker brought along.
fn wrap_out_trusted_under_known(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let known = [0x4B; 32];
    let own = step("C_CreateObject(kA{WRAP})", arena.known_key(&known, attrs![CKA_WRAP => true]))?;
    stolen_under(arena, own, &known, trusted)
}

/// The owner of kT is in league with the attacker.
fn wrap_out_as_owner(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    arena.trusted_key_named(&label)?;
    arena.become_user(User::Kim)?;
    let known = [0x4B; 32];
    let own = step("C_CreateObject(kA{WRAP}) by the owner of kT", arena.known_key(&known, attrs![CKA_WRAP => true]))?;
    stolen_under(arena, own, &known, arena.find(&label)?)
}

fn stolen_under(arena: &Arena<'_>, own: Object, known: &[u8; 32], trusted: Object) -> Ended {
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let stolen = step("C_WrapKey(kA, kT)", arena.session.wrap_key(&key_wrap, own, trusted))?;
    let victim = arena.victim()?;
    let blob = step("C_WrapKey(kT, kS)", arena.session.wrap_key(&key_wrap, trusted, victim.key))?;
    match aes::open(known, &stolen)?.as_slice().try_into() {
        Ok(value) => victim.recovered(&aes::open(value, &blob)?),
        Err(_) => harmless("the blob of kT holds no AES-256 key"),
    }
}

/// A10. The SO is careless, or bribed: TRUSTED on keys that are no candidates.
pub(super) const TRUST_BAD_KEY: &[Way] = &[
    |arena| trusted_by_so(arena, User::Kim, "a key imported by kim", imported),
    |arena| {
        trusted_by_so(arena, User::Attacker, "a key made by a normal user", |arena, template| {
            arena.aes_key(with(attrs![CKA_WRAP => true, CKA_UNWRAP => true], template))
        })
    },
    |arena| {
        trusted_by_so(arena, User::Kim, "a key made to decrypt", |arena, template| {
            arena.aes_key(with(attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true], template))
        })
    },
    |arena| {
        trusted_by_so(arena, User::Kim, "an extractable key", |arena, template| {
            let leaving = attrs![CKA_ENCRYPT => true, CKA_EXTRACTABLE => true, CKA_SENSITIVE => true];
            arena.aes_key(with(leaving, template))
        })
    },
    |arena| trusted_by_so(arena, User::Attacker, "a public key", public_key),
    retired_again,
];

fn imported(arena: &Arena<'_>, template: Vec<Attribute>) -> Result<Object, Rv> {
    let known = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE => &[0x4B; 32], CKA_WRAP => true,
    ];
    arena.session.create_object(&with(known, template))
}

/// A key whose trust was taken back gets it again.
fn retired_again(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    let label = arena.label("kT");
    arena.trusted_key_named(&label)?;
    arena.set_trusted(&label, false)?;
    let key = arena.find(&label)?;
    let set = arena.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    step("C_SetAttributeValue(TRUSTED=1) on a retired key", set)?;
    evidence("a retired key, trusted again")
}

fn public_key(arena: &Arena<'_>, template: Vec<Attribute>) -> Result<Object, Rv> {
    let public = with(attrs![CKA_WRAP => true, CKA_MODULUS_BITS => 2048, CKA_PRIVATE => false], template);
    let private = attrs![CKA_TOKEN => false, CKA_UNWRAP => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    arena.session.generate_key_pair(&generation, &public, &private).map(|(public, _)| public)
}

/// Makes a token key as `maker`, then tries as the SO to trust it: by search, and by the handle its maker had.
fn trusted_by_so(
    arena: &Arena<'_>,
    maker: User,
    what: &str,
    make: fn(&Arena<'_>, Vec<Attribute>) -> Result<Object, Rv>,
) -> Ended {
    arena.needs_roles()?;
    arena.become_user(maker)?;
    let label = arena.label("bad");
    let key = scene(format_args!("making {what}"), make(arena, attrs![CKA_TOKEN => true, CKA_LABEL => &label]))?;
    arena.become_user(User::So)?;
    let seen = scene("C_FindObjects", arena.session.find(&attrs![CKA_LABEL => &label]))?;
    let key = seen.first().copied().unwrap_or(key);
    let set = arena.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    let read = set.and_then(|()| arena.session.flag(key, CKA_TRUSTED));
    arena.become_user(User::Attacker)?;
    match step(format_args!("C_SetAttributeValue(TRUSTED=1) on {what}"), read)? {
        true => evidence(format_args!("{what}, now trusted")),
        false => harmless(format_args!("TRUSTED=1 on {what} was accepted and ignored")),
    }
}

/// A11. Trust is taken back and the old blob unwrapped: does the copy of kS still need a trusted key?
pub(super) const RETIRE_THEN_UNWRAP: &[Way] = &[
    |arena| {
        let unprotected = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => false];
        unwrap_retired(arena, unprotected, "{SENSITIVE=0,WRAP_WITH_TRUSTED=0}")
    },
    |arena| unwrap_retired(arena, attrs![CKA_WRAP_WITH_TRUSTED => false], "{WRAP_WITH_TRUSTED=0}"),
    |arena| unwrap_retired(arena, attrs![CKA_EXTRACTABLE => true], "{EXTRACTABLE=1}"),
    wrap_under_retired,
];

fn unwrap_retired(arena: &Arena<'_>, more: Vec<Attribute>, name: &str) -> Ended {
    let (trusted, victim, blob) = wrapped_then_retired(arena)?;
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false];
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let copy = arena.session.unwrap_key(&key_wrap, trusted, &blob, &with(template, more));
    let copy = step(format_args!("C_UnwrapKey(retired kT, {name})"), copy)?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]);
    let k2 = scene("C_GenerateKey(k2{WRAP,DECRYPT})", k2)?;
    let stolen = step("C_WrapKey(k2, copy of kS)", arena.session.wrap_key(&key_wrap, k2, copy))?;
    victim.recovered(&aes::open_by_decrypt(arena.session, k2, "k2", &stolen)?)
}

fn wrap_under_retired(arena: &Arena<'_>) -> Ended {
    let (retired, _, _) = wrapped_then_retired(arena)?;
    let again = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), retired, again.key);
    step("C_WrapKey(retired kT, kS)", blob)?;
    evidence("a blob made under a retired key")
}

/// kS wrapped under a trusted key which the SO then retires: the key as the attacker sees it, kS, the blob.
fn wrapped_then_retired(arena: &Arena<'_>) -> Result<(Object, super::arena::Victim, Vec<u8>), Stop> {
    arena.needs_roles()?;
    let label = arena.label("kT");
    arena.become_user(User::Kim)?;
    arena.candidate(&label)?;
    arena.set_trusted(&label, true)?;
    arena.become_user(User::Attacker)?;
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), arena.find(&label)?, victim.key);
    let blob = scene("C_WrapKey(kT, kS)", blob)?;
    arena.set_trusted(&label, false)?;
    arena.become_user(User::Attacker)?;
    Ok((arena.find(&label)?, victim, blob))
}

/// A15. The one a trusted key is shared with does what only its owner may.
pub(super) const SHAREE_CHANGES: &[Way] = &[
    |arena| changed(arena, "DECRYPT=1", attrs![CKA_DECRYPT => true]),
    |arena| changed(arena, "LABEL", attrs![CKA_LABEL => "mine"]),
    |arena| changed(arena, "SHARED_WITH", attrs![CKA_CLAVIGER_SHARED_WITH => "app1"]),
    |arena| changed(arena, "TRUSTED=0", attrs![CKA_TRUSTED => false]),
    |arena| {
        step("C_DestroyObject(kT)", arena.session.destroy_object(arena.trusted_key()?))?;
        evidence("a key destroyed by a user it is shared with")
    },
    wrap_out_trusted,
];

fn changed(arena: &Arena<'_>, name: &str, template: Vec<Attribute>) -> Ended {
    let trusted = arena.trusted_key()?;
    step(format_args!("C_SetAttributeValue(kT, {name})"), arena.session.set_attribute_value(trusted, &template))?;
    evidence(format_args!("{name} set by a user the key is shared with"))
}
