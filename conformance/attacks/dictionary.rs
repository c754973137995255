//! Guesses confirmed by the token: check values, searches by value, digests of keys.

use cryptoki_sys::*;

use super::arena::KEY_WRAP;
use super::outside::{aes, hash};
use super::{Arena, Ended, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::template::{Attribute, with};

/// A33. The check value of a wrapping key is 24 bits of GCM's hash key; a search, or a template that is matched, says
/// whether a guessed value is right.
pub(super) const CHECK_VALUES: &[Way] = &[
    check_value_of_trusted,
    |arena| found_by_value(arena, CKA_VALUE),
    |arena| found_by_value(arena, CKA_CHECK_VALUE),
    |arena| guessed_in_template(arena, CKA_WRAP_TEMPLATE, "WRAP_TEMPLATE"),
    |arena| guessed_in_template(arena, CKA_UNWRAP_TEMPLATE, "UNWRAP_TEMPLATE"),
    |arena| guessed_in_template(arena, CKA_DERIVE_TEMPLATE, "DERIVE_TEMPLATE"),
];

fn check_value_of_trusted(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let value = step("C_GetAttributeValue(kT, CHECK_VALUE)", arena.session.attribute(trusted, CKA_CHECK_VALUE))?;
    match value.len() {
        0 => harmless("the CHECK_VALUE of a wrapping key is empty"),
        bytes => evidence(format_args!("{bytes} bytes of the CHECK_VALUE of a wrapping key")),
    }
}

/// kS is a password-like key: sensitive, of a value that can be guessed.
const GUESSED: [u8; 32] = [0x31; 32];

fn guessable(arena: &Arena<'_>) -> Result<Vec<Attribute>, super::Stop> {
    let label = arena.label("kS");
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false, CKA_LABEL => &label,
        CKA_VALUE => &GUESSED, CKA_SENSITIVE => true, CKA_ENCRYPT => true,
    ];
    scene("C_CreateObject(kS{SENSITIVE})", arena.session.create_object(&template))?;
    Ok(attrs![CKA_LABEL => &label])
}

fn found_by_value(arena: &Arena<'_>, kind: CK_ATTRIBUTE_TYPE) -> Ended {
    let name = if kind == CKA_VALUE { "VALUE" } else { "CHECK_VALUE" };
    let of = |value: [u8; 32]| match kind {
        CKA_VALUE => value.to_vec(),
        _ => aes::encrypt_block(&value, [0; 16])[..3].to_vec(),
    };
    let label = guessable(arena)?;
    let found = |value: [u8; 32]| arena.session.find(&with(label.clone(), attrs![kind => of(value)]));
    let right = step(format_args!("C_FindObjectsInit({{{name} = right guess}})"), found(GUESSED))?;
    let wrong = step(format_args!("C_FindObjectsInit({{{name} = wrong guess}})"), found([0x32; 32]))?;
    match right.len() == wrong.len() {
        true => harmless(format_args!("a search by {name} finds the same whether the guess is right or wrong")),
        false => evidence(format_args!("a search by {name} tells a right guess from a wrong one")),
    }
}

/// A wrapping key that takes only payloads of a guessed value: whether it wraps says whether the guess is right.
fn guessed_in_template(arena: &Arena<'_>, kind: CK_ATTRIBUTE_TYPE, name: &str) -> Ended {
    let open = attrs![
        CKA_VALUE => &GUESSED, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true,
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false,
    ];
    let payload = scene("C_CreateObject(payload)", arena.session.create_object(&open))?;
    let carrying = |value: &[u8; 32]| {
        let template =
            attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_DERIVE => true, kind => attrs![CKA_VALUE => value]];
        arena.aes_key(template)
    };
    let right = step(format_args!("C_GenerateKey(k2{{{name}{{VALUE = guess}}}})"), carrying(&GUESSED))?;
    let wrong = step(format_args!("C_GenerateKey(k2{{{name}{{VALUE = wrong guess}}}})"), carrying(&[0x32; 32]))?;
    let wraps = |key| arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), key, payload).is_ok();
    match (wraps(right), wraps(wrong)) {
        (true, false) => evidence(format_args!("{name}{{VALUE}} tells a right guess from a wrong one")),
        _ => harmless(format_args!("{name}{{VALUE}} tells nothing of a guess")),
    }
}

/// A34. The digest of a short key is looked up among the digests of all short keys.
pub(super) const DIGEST_KEY: &[Way] =
    &[|arena| digest_of(arena, 2, &[]), |arena| digest_of(arena, 2, b"a prefix"), digest_of_long];

fn digest_of(arena: &Arena<'_>, bytes: usize, prefix: &[u8]) -> Ended {
    let template = attrs![CKA_SENSITIVE => true, CKA_SIGN => true];
    let key = step(format_args!("C_GenerateKey({bytes} bytes, SENSITIVE)"), arena.generic_key(bytes, template))?;
    let digest = digested(arena, key, prefix);
    let digest = step("C_DigestKey", digest)?;
    let proof = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, hash::MESSAGE);
    let proof = scene("C_Sign(SHA256_HMAC)", proof)?;
    let guess = (0..=u16::MAX).map(u16::to_be_bytes).find(|guess| hash::sha256(&[prefix, guess].concat()) == digest);
    match guess {
        Some(value) if hash::mac(&value) == proof => evidence("the value of a sensitive key of 2 bytes, by its digest"),
        _ => harmless("the digest is of something else"),
    }
}

/// Long keys cannot be looked up, but two equal ones can be told by their digests.
fn digest_of_long(arena: &Arena<'_>) -> Ended {
    let victim = arena.secret_victim(Vec::new())?;
    step("C_DigestKey(kS of 32 bytes)", digested(arena, victim.key, &[]))?;
    evidence("a digest of a sensitive key: a guess can be checked outside")
}

fn digested(arena: &Arena<'_>, key: CK_OBJECT_HANDLE, prefix: &[u8]) -> Result<Vec<u8>, Rv> {
    arena.session.digest_init(&Mechanism::plain(CKM_SHA256))?;
    arena.session.digest_update(prefix)?;
    arena.session.digest_key(key)?;
    arena.session.digest_final()
}
