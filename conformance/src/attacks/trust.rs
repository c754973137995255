//! Trusted keys: making, stealing, changing and outliving them. Of use only where there are roles.

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User};
use super::{Arena, Evidence, Stop, Way, first_of, outside, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::{Attribute, with};
use crate::vendor::CKA_CLAVIGER_SHARED_WITH;

/// A9. A trusted key that can leave: made extractable, or wrapped out by the one it is shared with
/// (Delaune, Kremer and Steel 2008, experiment 6).
pub(super) fn steal_trusted(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    arena.needs_roles()?;
    first_of(vec![Box::new(|| extractable_candidate(arena)), Box::new(|| wrap_out_trusted(arena))])
}

fn extractable_candidate(arena: &Arena<'_>) -> Result<Evidence, Stop> {
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
    Ok(Evidence("a trusted key that is extractable".to_owned()))
}

fn wrap_out_trusted(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let trusted = arena.trusted_key()?;
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]);
    let k2 = scene("C_GenerateKey(k2{WRAP,DECRYPT})", k2)?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let stolen = step("C_WrapKey(k2, kT)", arena.session.wrap_key(&key_wrap, k2, trusted))?;
    let blob = step("C_WrapKey(kT, kS)", arena.session.wrap_key(&key_wrap, trusted, victim.key))?;
    let value = outside::open_by_decrypt(arena.session, k2, "k2", &stolen)?;
    match value.as_slice().try_into() {
        Ok(value) => victim.recovered(&outside::open(value, &blob)?),
        Err(_) => Err(Stop::Harmless("the blob of kT holds no AES-256 key".to_owned())),
    }
}

/// A10. The SO is careless, or bribed: TRUSTED on keys that are no candidates.
pub(super) fn trust_bad_key(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    arena.needs_roles()?;
    let known = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE => &[0x4B; 32], CKA_WRAP => true,
    ];
    let made = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_VALUE_LEN => 32];
    let data = attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true, CKA_VALUE_LEN => 32];
    let leaving = attrs![CKA_ENCRYPT => true, CKA_EXTRACTABLE => true, CKA_SENSITIVE => true, CKA_VALUE_LEN => 32];
    let ways: Vec<Way<'_>> = vec![
        Box::new(|| {
            trusted_by_so(arena, User::Kim, "a key imported by kim", |template| {
                arena.session.create_object(&with(known.clone(), template))
            })
        }),
        Box::new(|| {
            trusted_by_so(arena, User::Attacker, "a key made by a normal user", |template| {
                arena.aes_key(with(made.clone(), template))
            })
        }),
        Box::new(|| {
            trusted_by_so(arena, User::Kim, "a key made to decrypt", |template| {
                arena.aes_key(with(data.clone(), template))
            })
        }),
        Box::new(|| {
            trusted_by_so(arena, User::Kim, "an extractable key", |template| {
                arena.aes_key(with(leaving.clone(), template))
            })
        }),
        Box::new(|| trusted_by_so(arena, User::Attacker, "a public key", |template| public_key(arena, template))),
    ];
    first_of(ways)
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
    make: impl FnOnce(Vec<Attribute>) -> Result<Object, Rv>,
) -> Result<Evidence, Stop> {
    arena.become_user(maker)?;
    let label = arena.label("bad");
    let key = scene(format_args!("making {what}"), make(attrs![CKA_TOKEN => true, CKA_LABEL => &label]))?;
    arena.become_user(User::So)?;
    let seen = scene("C_FindObjects", arena.session.find(&attrs![CKA_LABEL => &label]))?;
    let key = seen.first().copied().unwrap_or(key);
    let set = arena.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    let read = set.and_then(|()| arena.session.flag(key, CKA_TRUSTED));
    arena.become_user(User::Attacker)?;
    match step(format_args!("C_SetAttributeValue(TRUSTED=1) on {what}"), read)? {
        true => Ok(Evidence(format!("{what}, now trusted"))),
        false => Err(Stop::Harmless(format!("TRUSTED=1 on {what} was accepted and ignored"))),
    }
}

/// A11. Trust is taken back and the old blob unwrapped: does the copy of kS still need a trusted key?
pub(super) fn retire_then_unwrap(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    arena.needs_roles()?;
    let unprotected = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => false];
    first_of(vec![
        Box::new(|| unwrap_retired(arena, unprotected, "{SENSITIVE=0,WRAP_WITH_TRUSTED=0}")),
        Box::new(|| unwrap_retired(arena, attrs![CKA_WRAP_WITH_TRUSTED => false], "{WRAP_WITH_TRUSTED=0}")),
        Box::new(|| unwrap_retired(arena, attrs![CKA_EXTRACTABLE => true], "{EXTRACTABLE=1}")),
        Box::new(|| wrap_under_retired(arena)),
    ])
}

fn unwrap_retired(arena: &Arena<'_>, more: Vec<Attribute>, name: &str) -> Result<Evidence, Stop> {
    let (trusted, victim, blob) = wrapped_then_retired(arena)?;
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false];
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let copy = arena.session.unwrap_key(&key_wrap, trusted, &blob, &with(template, more));
    let copy = step(format_args!("C_UnwrapKey(retired kT, {name})"), copy)?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]);
    let k2 = scene("C_GenerateKey(k2{WRAP,DECRYPT})", k2)?;
    let stolen = step("C_WrapKey(k2, copy of kS)", arena.session.wrap_key(&key_wrap, k2, copy))?;
    victim.recovered(&outside::open_by_decrypt(arena.session, k2, "k2", &stolen)?)
}

fn wrap_under_retired(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let (retired, _, _) = wrapped_then_retired(arena)?;
    let again = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), retired, again.key);
    step("C_WrapKey(retired kT, kS)", blob)?;
    Ok(Evidence("a blob made under a retired key".to_owned()))
}

/// kS wrapped under a trusted key which the SO then retires: the key as the attacker sees it, kS, the blob.
fn wrapped_then_retired(arena: &Arena<'_>) -> Result<(Object, super::arena::Victim, Vec<u8>), Stop> {
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
pub(super) fn sharee_changes(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    arena.needs_roles()?;
    let trusted = arena.trusted_key()?;
    let session = arena.session;
    let changed = |name: &'static str, template: Vec<Attribute>| -> Way<'_> {
        Box::new(move || {
            step(format_args!("C_SetAttributeValue(kT, {name})"), session.set_attribute_value(trusted, &template))?;
            Ok(Evidence(format!("{name} set by a user the key is shared with")))
        })
    };
    first_of(vec![
        changed("DECRYPT=1", attrs![CKA_DECRYPT => true]),
        changed("LABEL", attrs![CKA_LABEL => "mine"]),
        changed("SHARED_WITH", attrs![CKA_CLAVIGER_SHARED_WITH => "app1\0app2"]),
        changed("TRUSTED=0", attrs![CKA_TRUSTED => false]),
        Box::new(|| {
            step("C_DestroyObject(kT)", session.destroy_object(trusted))?;
            Ok(Evidence("a key destroyed by a user it is shared with".to_owned()))
        }),
        // Last, for it logs out and so ends the handle that the others use.
        Box::new(|| wrap_out_trusted(arena)),
    ])
}
