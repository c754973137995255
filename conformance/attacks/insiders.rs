//! A42. The key manager, the security officer and the normal users are one attacker: every tool of the earlier attacks
//! in every hand, on keys that the token generated. One call that goes through where it must not is enough.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cryptoki_sys::*;
use rsa::traits::PublicKeyParts as _;
use rsa::{Generate as _, PrivateKey};

use super::arena::{KEY_WRAP, User, Victim, imported};
use super::outside::{aes, gcm};
use super::{Arena, Attack, Ended, Refusal, Stop, Way, evidence, harmless, scene};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::{Attribute, with};

/// A42. What they try: on a data key of each, on kT, and on the blob of a data key under kT.
pub(super) const INSIDERS: &[Way] = &[wrap_data_key, open_trusted_key, unwrap_weaker];

/// What was tried, and what it met.
#[derive(Default)]
struct Tally {
    refused: BTreeMap<CK_RV, u32>,
    harmless: u32,
}

impl Tally {
    fn count<T>(&mut self, result: Result<T, Rv>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(rv) => {
                *self.refused.entry(rv.0).or_default() += 1;
                None
            }
        }
    }

    /// All refusals in one; a code that the attack's row does not name stands for the rest.
    fn end(self, arena: &Arena<'_>, what: &str) -> Ended {
        let named = Attack::find(arena.id()).map_or(&[][..], |attack| attack.refusals);
        let odd = self.refused.keys().find(|rv| !named.contains(rv));
        let most = self.refused.iter().max_by_key(|(_, count)| **count).map(|(rv, _)| rv);
        let Some(rv) = odd.or(most) else { return harmless(format_args!("{what}: {} tries", self.harmless)) };
        let codes: Vec<String> = self.refused.iter().map(|(rv, count)| format!("{count} of {}", Rv(*rv))).collect();
        let step = format!("{what}: {}; {} went through to no gain", codes.join(", "), self.harmless);
        Err(Stop::Refused(Refusal { step, rv: Rv(*rv) }))
    }
}

/// What an insider knows of a wrapping key.
#[derive(Clone)]
enum Known {
    Value([u8; 32]),
    Private(Box<PrivateKey>),
    /// It decrypts, or a copy of it does.
    Decrypts(Object),
    Nothing,
}

/// A wrapping key as an insider makes it.
type Recipe = fn(&Arena<'_>, Vec<Attribute>) -> Result<(Object, Known), Rv>;

const RECIPES: &[Recipe] = &[
    |arena, more| {
        let template = attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE => &[0x4B; 32], CKA_WRAP => true,
        ];
        Ok((arena.session.create_object(&with(template, more))?, Known::Value([0x4B; 32])))
    },
    |arena, more| {
        let key = arena.aes_key(with(attrs![CKA_WRAP => true, CKA_DECRYPT => true], more))?;
        Ok((key, Known::Decrypts(key)))
    },
    |arena, more| {
        let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_EXTRACTABLE => true];
        Ok((arena.aes_key(with(template, more))?, Known::Nothing))
    },
    |arena, more| Ok((arena.aes_key(with(attrs![CKA_WRAP => true, CKA_UNWRAP => true], more))?, Known::Nothing)),
    |arena, more| {
        static PRIVATE: LazyLock<PrivateKey> = LazyLock::new(PrivateKey::generate);
        let private = PRIVATE.clone();
        let template = attrs![
            CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_WRAP => true,
            CKA_MODULUS => private.n_bytes().to_vec(), CKA_PUBLIC_EXPONENT => private.e_bytes().to_vec(),
        ];
        Ok((arena.session.create_object(&with(template, more))?, Known::Private(Box::new(private))))
    },
    |arena, more| {
        let unwrapping = arena.aes_key(attrs![CKA_UNWRAP => true])?;
        let ecb = Mechanism::plain(CKM_AES_ECB);
        let template = |usage: Vec<Attribute>| with(imported(usage), more.clone());
        let wraps = arena.session.unwrap_key(&ecb, unwrapping, &[0x5A; 32], &template(attrs![CKA_WRAP => true]))?;
        let opens = arena.session.unwrap_key(&ecb, unwrapping, &[0x5A; 32], &template(attrs![CKA_DECRYPT => true]))?;
        Ok((wraps, Known::Decrypts(opens)))
    },
];

fn mechanisms() -> Vec<Mechanism> {
    vec![
        Mechanism::plain(KEY_WRAP),
        Mechanism::plain(CKM_AES_KEY_WRAP_KWP),
        Mechanism::aes_gcm(&[0; 12], &[], 128),
        Mechanism::aes_gcm(&[0; 12], &[], 0),
        Mechanism::plain(CKM_AES_ECB),
        Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]),
        Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]),
    ]
}

fn rsa_mechanisms() -> Vec<Mechanism> {
    vec![Mechanism::plain(CKM_RSA_PKCS), Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[])]
}

/// Each user's own kS, under each wrapping key of their own, left alone and, if the SO lets it, trusted.
fn wrap_data_key(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    let mut tally = Tally::default();
    for user in [User::Attacker, User::Kim] {
        for recipe in RECIPES {
            for trusted in [false, true] {
                arena.become_user(user)?;
                if let Some(found) = wrap_with_recipe(arena, user, *recipe, trusted, &mut tally)? {
                    return Ok(found);
                }
            }
        }
    }
    tally.end(arena, "C_WrapKey of a data key and what leads to it, by each user")
}

fn wrap_with_recipe(
    arena: &Arena<'_>,
    user: User,
    recipe: Recipe,
    trusted: bool,
    tally: &mut Tally,
) -> Result<Option<super::Evidence>, Stop> {
    let label = arena.label("insider");
    let more = if trusted { attrs![CKA_TOKEN => true, CKA_LABEL => &label] } else { attrs![CKA_TOKEN => false] };
    let Some((mut key, known)) = tally.count(recipe(arena, more)) else { return Ok(None) };
    if trusted {
        arena.become_user(User::So)?;
        let seen = scene("C_FindObjects", arena.session.find(&attrs![CKA_LABEL => &label]))?;
        let handle = seen.first().copied().unwrap_or(key);
        tally.count(arena.session.set_attribute_value(handle, &attrs![CKA_TRUSTED => true]));
        arena.become_user(user)?;
        key = arena.find(&label)?;
    }
    let Some(victim) = own_victim(arena, tally) else { return Ok(None) };
    let ways = if matches!(known, Known::Private(_)) { rsa_mechanisms() } else { mechanisms() };
    for mechanism in ways {
        let Some(blob) = tally.count(arena.session.wrap_key(&mechanism, key, victim)) else { continue };
        if opens(arena, &known, &mechanism, &blob) {
            return Ok(Some(super::Evidence("a sensitive key, opened by insiders".to_owned())));
        }
        tally.harmless += 1;
    }
    Ok(None)
}

/// A sensitive key of the user who is there; without the proof, for key managers do not encrypt.
fn own_victim(arena: &Arena<'_>, tally: &mut Tally) -> Option<Object> {
    let template = attrs![
        CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true, CKA_DECRYPT => true,
    ];
    tally.count(arena.aes_key(template))
}

/// Whether what is known opens the blob: then 32 bytes come out that a mechanism with a check vouches for.
fn opens(arena: &Arena<'_>, known: &Known, mechanism: &Mechanism, blob: &[u8]) -> bool {
    match known {
        Known::Nothing => false,
        Known::Value(value) if mechanism.kind() == KEY_WRAP => {
            aes::open(value, blob).is_ok_and(|value| value.len() == 32)
        }
        Known::Value(value) if mechanism.kind() == CKM_AES_GCM => {
            blob.len() < 48 || gcm::open(value, &mechanism.iv(), blob).len() == 32
        }
        // Without a check of its own: under a known value every blob opens.
        Known::Value(_) => true,
        Known::Private(private) => {
            private.pkcs1v15_decrypt(blob).is_ok_and(|value| value.len() == 32)
                || private.oaep_decrypt::<sha1::Sha1>(blob).is_ok()
        }
        Known::Decrypts(key) => {
            let one = blob.get(..16).unwrap_or_default();
            arena.session.decrypt(&Mechanism::plain(CKM_AES_ECB), *key, one).is_ok()
        }
    }
}

/// kT itself: read, used, changed, copied, wrapped out, by each of the four who see it or have its handle.
fn open_trusted_key(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    arena.trusted_key_named(&label)?;
    let mut tally = Tally::default();
    for user in [User::Attacker, User::Other, User::Kim, User::So] {
        arena.become_user(user)?;
        let trusted = arena.find(&label)?;
        if let Some(what) = use_on_data(arena, trusted, &mut tally) {
            return evidence(what);
        }
        for change in changes() {
            tally.count(arena.session.set_attribute_value(trusted, &change));
        }
        for more in
            [Vec::new(), attrs![CKA_EXTRACTABLE => true], attrs![CKA_DECRYPT => true], attrs![CKA_TOKEN => false]]
        {
            if tally.count(arena.session.copy_object(trusted, &more)).is_some() {
                return evidence("a copy of a trusted key");
            }
        }
        for recipe in RECIPES {
            let Some((key, _)) = tally.count(recipe(arena, attrs![CKA_TOKEN => false])) else { continue };
            for mechanism in [mechanisms(), rsa_mechanisms()].concat() {
                if tally.count(arena.session.wrap_key(&mechanism, key, trusted)).is_some() {
                    return evidence("a trusted key, wrapped out");
                }
            }
        }
    }
    intact(arena, &label, tally)
}

/// The value, and the value by use.
fn use_on_data(arena: &Arena<'_>, key: Object, tally: &mut Tally) -> Option<&'static str> {
    let session = arena.session;
    let ecb = Mechanism::plain(CKM_AES_ECB);
    if tally.count(session.attribute(key, CKA_VALUE)).is_some() {
        return Some("the value of a trusted key, read");
    }
    if tally.count(session.decrypt(&ecb, key, &[0; 16])).is_some() {
        return Some("a trusted key that decrypts");
    }
    if tally.count(session.encrypt(&ecb, key, &[0; 16])).is_some() {
        return Some("a trusted key that encrypts");
    }
    let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"insiders");
    let child = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32, CKA_TOKEN => false];
    tally.count(session.derive_key(&hkdf, key, &child)).map(|_| "a trusted key that derives")
}

fn changes() -> Vec<Vec<Attribute>> {
    vec![
        attrs![CKA_SENSITIVE => false],
        attrs![CKA_EXTRACTABLE => true],
        attrs![CKA_DECRYPT => true],
        attrs![CKA_ENCRYPT => true],
        attrs![CKA_DERIVE => true],
        attrs![CKA_MODIFIABLE => true],
        attrs![CKA_COPYABLE => true],
        attrs![CKA_UNWRAP_TEMPLATE => attrs![CKA_SENSITIVE => false]],
        attrs![crate::vendor::CKA_CLAVIGER_OWNER => "app1"],
    ]
}

/// After all of it kT is what it was.
fn intact(arena: &Arena<'_>, label: &str, tally: Tally) -> Ended {
    arena.become_user(User::Kim)?;
    let trusted = arena.find(label)?;
    for (kind, kept, name) in [
        (CKA_TRUSTED, true, "TRUSTED"),
        (CKA_SENSITIVE, true, "SENSITIVE"),
        (CKA_EXTRACTABLE, false, "EXTRACTABLE"),
        (CKA_DECRYPT, false, "DECRYPT"),
        (CKA_MODIFIABLE, false, "MODIFIABLE"),
    ] {
        if scene(name, arena.session.flag(trusted, kind))? != kept {
            return evidence(format_args!("a trusted key with {name}={}", u8::from(!kept)));
        }
    }
    tally.end(arena, "every use, change, copy and wrap of kT by each of four users")
}

/// The blob of kS under kT, unwrapped with each weak template while kT is trusted, and after the SO retired it.
fn unwrap_weaker(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    let trusted = arena.trusted_key_named(&label)?;
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), trusted, victim.key);
    let blob = scene("C_WrapKey(kT, kS)", blob)?;
    let mut tally = Tally::default();
    for retired in [false, true] {
        if retired {
            arena.set_trusted(&label, false)?;
        }
        for user in [User::Attacker, User::Other, User::Kim] {
            arena.become_user(user)?;
            let trusted = arena.find(&label)?;
            for weak in weak_templates() {
                if let Some(what) = unwrap_one(arena, trusted, &blob, &weak, &victim, &mut tally) {
                    return evidence(what);
                }
            }
        }
    }
    tally.end(arena, "C_UnwrapKey of kS with weak templates, and C_WrapKey of what came out")
}

fn weak_templates() -> Vec<Vec<Attribute>> {
    let [open, leaves, free] =
        [attrs![CKA_SENSITIVE => false], attrs![CKA_EXTRACTABLE => true], attrs![CKA_WRAP_WITH_TRUSTED => false]];
    let mut all = Vec::new();
    for choice in 0..8 {
        let mut template = imported(attrs![CKA_DECRYPT => true, CKA_WRAP => true]);
        for (bit, part) in [&open, &leaves, &free].into_iter().enumerate() {
            if choice >> bit & 1 == 1 {
                template = with(template, part.clone());
            }
        }
        all.push(template);
    }
    all.push(with(imported(Vec::new()), attrs![CKA_TRUSTED => true]));
    all
}

fn unwrap_one(
    arena: &Arena<'_>,
    trusted: Object,
    blob: &[u8],
    weak: &[Attribute],
    victim: &Victim,
    tally: &mut Tally,
) -> Option<&'static str> {
    let copy = tally.count(arena.session.unwrap_key(&Mechanism::plain(KEY_WRAP), trusted, blob, weak))?;
    if tally.count(arena.session.attribute(copy, CKA_VALUE)).is_some_and(|value| victim.is(&value)) {
        return Some("the value of kS, read");
    }
    for recipe in RECIPES {
        let Some((key, _)) = tally.count(recipe(arena, attrs![CKA_TOKEN => false])) else { continue };
        for mechanism in [mechanisms(), rsa_mechanisms()].concat() {
            if tally.count(arena.session.wrap_key(&mechanism, key, copy)).is_some() {
                return Some("a copy of kS, wrapped under a key that is not trusted");
            }
        }
    }
    tally.harmless += 1;
    None
}
