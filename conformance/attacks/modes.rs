//! The modes that wrap: initial values and tags in the caller's hand (NIST SP 800-38D, RFC 3394, RFC 5649).

use cryptoki_sys::*;

use super::arena::{imported, signing_secret};
use super::outside::ec::{P256, scalar_within};
use super::outside::{gcm, hash};
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::session::Object;

/// A31. kA and kS under one IV: the two blobs and kA give kS.
pub(super) const ONE_IV_TWICE: &[Way] = &[
    |arena| one_iv_twice(arena, own_key(arena)?, "k2", || Mechanism::aes_gcm(&[5; 12], &[], 128), "the caller's IV"),
    |arena| {
        one_iv_twice(arena, arena.trusted_key()?, "kT", || Mechanism::aes_gcm(&[5; 12], &[], 128), "the caller's IV")
    },
    |arena| {
        one_iv_twice(arena, arena.trusted_key()?, "kT", || Mechanism::aes_gcm(&[5; 16], &[], 128), "an IV of 16 bytes")
    },
    |arena| {
        one_iv_twice(arena, arena.trusted_key()?, "kT", || Mechanism::aes_gcm(&[0; 12], &[], 128), "an IV of zeros")
    },
    |arena| {
        let fixed = || Mechanism::aes_gcm_wrap(&[5; 12], 96, CKG_GENERATE, 128);
        one_iv_twice(arena, arena.trusted_key()?, "kT", fixed, "an IV of 96 fixed bits")
    },
    |arena| {
        let half = || Mechanism::aes_gcm_wrap(&[5; 12], 64, CKG_GENERATE_RANDOM, 128);
        one_iv_twice(arena, arena.trusted_key()?, "kT", half, "an IV of 64 fixed bits")
    },
    |arena| {
        let counter = || Mechanism::aes_gcm_wrap(&[5; 12], 64, CKG_GENERATE_COUNTER, 128);
        one_iv_twice(arena, arena.trusted_key()?, "kT", counter, "a counter in the IV")
    },
    |arena| {
        let given = || Mechanism::aes_gcm_wrap(&[5; 12], 0, CKG_NO_GENERATE, 128);
        one_iv_twice(arena, arena.trusted_key()?, "kT", given, "an IV that is not to be made")
    },
    |arena| {
        let random = || Mechanism::aes_gcm_wrap(&[5; 12], 0, CKG_GENERATE, 128);
        one_iv_twice(arena, arena.trusted_key()?, "kT", random, "an IV left to the token")
    },
];

fn own_key(arena: &Arena<'_>) -> Result<Object, Stop> {
    let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true];
    step("C_GenerateKey(k2{WRAP,UNWRAP})", arena.aes_key(template))
}

fn one_iv_twice(arena: &Arena<'_>, key: Object, name: &str, mechanism: fn() -> Mechanism, what: &str) -> Ended {
    let victim = arena.victim()?;
    let known = [0x4B; 32];
    let own = scene("C_CreateObject(kA)", arena.known_key(&known, attrs![CKA_ENCRYPT => true]))?;
    let (first, second) = (mechanism(), mechanism());
    let of_known = arena.session.wrap_key(&first, key, own);
    let of_known = step(format_args!("C_WrapKey(AES_GCM with {what}, {name}, kA)"), of_known)?;
    let of_victim = arena.session.wrap_key(&second, key, victim.key);
    let of_victim = step(format_args!("C_WrapKey(AES_GCM with {what}, {name}, kS)"), of_victim)?;
    let stream = gcm::xor(&of_known, &known);
    match victim.is(&gcm::xor(&of_victim, &stream)) {
        true => evidence(format_args!("the value of kS: both blobs were made with {what}")),
        false if first.iv() != second.iv() => {
            harmless(format_args!("with {what} under {name} the token makes a new IV for each blob"))
        }
        false => harmless("the blobs share no keystream"),
    }
}

/// A32. KW and KWP are one cipher with two initial values: with the other's value a blob is opened as the other's.
pub(super) const INITIAL_VALUE: &[Way] = &[
    |arena| kw_as_kwp(arena, own_key(arena)?, "k2"),
    |arena| kw_as_kwp(arena, arena.trusted_key()?, "kT"),
    |arena| opened_with_value(arena, CKM_AES_KEY_WRAP, &KWP_OF_32_BYTES, "AES_KEY_WRAP with KWP's initial value"),
    |arena| opened_with_value(arena, CKM_AES_KEY_WRAP_KWP, &[0xA6; 4], "AES_KEY_WRAP_KWP with KW's initial value"),
];

/// RFC 5649, section 3: the constant, and the length of the payload in bytes.
const KWP_OF_32_BYTES: [u8; 8] = [0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 32];

fn kw_as_kwp(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP")?;
    let victim = arena.victim()?;
    let kw = Mechanism::with_bytes(CKM_AES_KEY_WRAP, &KWP_OF_32_BYTES);
    let blob = arena.session.wrap_key(&kw, key, victim.key);
    let blob = step(format_args!("C_WrapKey(AES_KEY_WRAP with KWP's initial value, {name}, kS)"), blob)?;
    let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    let copy = arena.session.unwrap_key(&kwp, key, &blob, &imported(attrs![CKA_ENCRYPT => true]));
    let copy = step(format_args!("C_UnwrapKey(AES_KEY_WRAP_KWP, {name}, the blob of KW)"), copy)?;
    match scene("C_Encrypt(copy)", victim.is_also(arena, copy))? {
        true => evidence("a blob of KW that is a blob of KWP too: its length is the caller's word"),
        false => harmless("what came out is not kS"),
    }
}

/// Under kT, with which the initial value is no business of the caller on unwrap either.
fn opened_with_value(arena: &Arena<'_>, kind: CK_MECHANISM_TYPE, value: &[u8], name: &str) -> Ended {
    let trusted = arena.trusted_key()?;
    let blob = vec![0x5A; 40];
    let made = arena.session.unwrap_key(&Mechanism::with_bytes(kind, value), trusted, &blob, &imported(Vec::new()));
    step(format_args!("C_UnwrapKey({name}, kT)"), made)?;
    evidence("a blob opened with an initial value of the caller's")
}

/// A43. The blob of an EC key, cut to each length, is unwrapped as a secret without a tag to check; an HMAC of each
/// tells the byte that came last.
pub(super) const SHORT_TAG: &[Way] = &[
    |arena| without_tag(arena, own_key(arena)?, "k2", true),
    |arena| without_tag(arena, arena.trusted_key()?, "kT", false),
    |arena| short_tag(arena, arena.trusted_key()?, 8),
    |arena| short_tag(arena, arena.trusted_key()?, 96),
    |arena| short_tag(arena, arena.trusted_key()?, 120),
    wrapped_with_short_tag,
];

/// Where the token makes the IV, the IV that was written back opens the blob.
fn without_tag(arena: &Arena<'_>, key: Object, name: &str, callers_iv: bool) -> Ended {
    arena.needs(CKM_AES_GCM, "CKM_AES_GCM")?;
    let (point, private) = leaving_pair(arena)?;
    let mechanism = Mechanism::aes_gcm(if callers_iv { &[3; 12] } else { &[0; 12] }, &[], 128);
    let blob = arena.session.wrap_key(&mechanism, key, private);
    let blob = step(format_args!("C_WrapKey(AES_GCM, {name}, EC private key)"), blob)?;
    let untagged = Mechanism::aes_gcm(&mechanism.iv(), &[], 0);
    let mut message = Vec::new();
    for bytes in 1..=blob.len().saturating_sub(16) {
        let cut = blob.get(..bytes).unwrap_or_default();
        let made = arena.session.unwrap_key(&untagged, key, cut, &signing_secret(bytes));
        let piece = step(format_args!("C_UnwrapKey(AES_GCM with a tag of 0 bits, {name}, {bytes} bytes)"), made)?;
        let mac = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), piece, hash::MESSAGE);
        let mac = step(format_args!("C_Sign(SHA256_HMAC, {bytes} bytes)"), mac)?;
        let Some(byte) = hash::next_byte(&message, &mac) else { return harmless("no byte makes this HMAC") };
        message.push(byte);
        scene("C_DestroyObject(piece)", arena.session.destroy_object(piece))?;
    }
    match scalar_within(&message, &point) {
        Some(scalar) => {
            evidence(format_args!("the EC private key, {} bytes: its point is the public key's", scalar.len()))
        }
        None => harmless("what came out holds no scalar of this public key"),
    }
}

fn short_tag(arena: &Arena<'_>, key: Object, bits: CK_ULONG) -> Ended {
    let (_, private) = leaving_pair(arena)?;
    let mechanism = Mechanism::aes_gcm(&[0; 12], &[], 128);
    let blob = scene("C_WrapKey(AES_GCM, kT, EC key)", arena.session.wrap_key(&mechanism, key, private))?;
    let short = Mechanism::aes_gcm(&mechanism.iv(), &[], bits);
    let made = arena.session.unwrap_key(&short, key, blob.get(..17).unwrap_or_default(), &signing_secret(1));
    step(format_args!("C_UnwrapKey(AES_GCM with a tag of {bits} bits, kT)"), made)?;
    evidence(format_args!("a blob opened with a tag of {bits} bits"))
}

fn wrapped_with_short_tag(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::aes_gcm(&[0; 12], &[], 0), trusted, victim.key);
    step("C_WrapKey(AES_GCM with a tag of 0 bits, kT, kS)", blob)?;
    evidence("a blob without a tag")
}

/// A P-256 pair whose private half is sensitive and may leave: its public point and the private key.
fn leaving_pair(arena: &Arena<'_>) -> Result<(Vec<u8>, Object), Stop> {
    let public = attrs![CKA_TOKEN => false, CKA_VERIFY => true, CKA_EC_PARAMS => P256];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (public, private) = scene("C_GenerateKeyPair(EC)", pair)?;
    let point = scene("C_GetAttributeValue(EC_POINT)", arena.session.attribute(public, CKA_EC_POINT))?;
    // The point is an OCTET STRING in DER; some libraries leave the wrapping out.
    let point = point.get(point.len().saturating_sub(65)..).unwrap_or_default().to_vec();
    Ok((point, private))
}
