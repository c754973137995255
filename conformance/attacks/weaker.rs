//! Weaker keys around a strong one: a short wrapping key, blocks that are cut and swapped, small pieces that can be
//! searched, a private key with a fault.

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User, Victim, imported, signing_secret};
use super::outside::{hash, rsa};
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::session::Object;
use crate::template::with;

/// A20. kS is only as strong as what it is wrapped under and as the pieces it can be cut into.
pub(super) const WEAKER_KEY: &[Way] = &[
    |arena| search_pieces(arena, own_key(arena)?, "k2"),
    |arena| search_pieces(arena, arena.trusted_key()?, "kT"),
    |arena| swap_blocks(arena, own_key(arena)?, "k2"),
    |arena| swap_blocks(arena, arena.trusted_key()?, "kT"),
    short_wrapping_key,
    short_candidate,
    |arena| one_byte_of_kwp(arena, own_key(arena)?, "k2"),
    |arena| one_byte_of_kwp(arena, arena.trusted_key()?, "kT"),
    |arena| fault_in_private_key(arena, own_key(arena)?, "k2"),
    |arena| fault_in_private_key(arena, arena.trusted_key()?, "kT"),
];

fn own_key(arena: &Arena<'_>) -> Result<Object, Stop> {
    let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true];
    step("C_GenerateKey(k2{WRAP,UNWRAP})", arena.aes_key(template))
}

/// ECB hides nothing between blocks and the standard lets a payload be cut to CKA_VALUE_LEN (section 6.13.4): 1 byte,
/// then 2, and so on, each searched by its HMAC.
fn search_pieces(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_ECB, "CKM_AES_ECB")?;
    let (victim, blob) = wrapped_by_ecb(arena, key, name)?;
    let mut value = Vec::new();
    for block in blob.chunks(16) {
        let mut known = Vec::new();
        for bytes in 1..=16 {
            let made = arena.session.unwrap_key(&ECB.into(), key, block, &signing_secret(bytes));
            let piece = step(format_args!("C_UnwrapKey(AES_ECB, {name}, a block, {{VALUE_LEN={bytes}}})"), made)?;
            let mac = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), piece, hash::MESSAGE);
            let mac = step(format_args!("C_Sign(SHA256_HMAC, {bytes} bytes)"), mac)?;
            let Some(byte) = hash::next_byte(&known, &mac) else {
                return harmless("the piece is not the front of the block");
            };
            known.push(byte);
        }
        value.extend(known);
    }
    victim.recovered(&value)
}

/// The halves of kS the other way round are as good a key as kS to a token that looks at each block alone.
fn swap_blocks(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_ECB, "CKM_AES_ECB")?;
    let (victim, blob) = wrapped_by_ecb(arena, key, name)?;
    let (first, second) = blob.split_at(blob.len() / 2);
    let usage = attrs![CKA_ENCRYPT => true];
    let turned = arena.session.unwrap_key(&ECB.into(), key, &[second, first].concat(), &imported(usage));
    let turned = step(format_args!("C_UnwrapKey(AES_ECB, {name}, the halves of kS swapped)"), turned)?;
    match scene("C_Encrypt(swapped)", victim.is_also(arena, turned))? {
        false => evidence("a key put together of kS's halves the other way round"),
        true => harmless("what came out is kS"),
    }
}

const ECB: CK_MECHANISM_TYPE = CKM_AES_ECB;

fn wrapped_by_ecb(arena: &Arena<'_>, key: Object, name: &str) -> Result<(Victim, Vec<u8>), Stop> {
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&ECB.into(), key, victim.key);
    Ok((victim, step(format_args!("C_WrapKey(AES_ECB, {name}, kS)"), blob)?))
}

/// 256 bits under 128.
fn short_wrapping_key(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let short = arena.aes_key(attrs![CKA_WRAP => true, CKA_VALUE_LEN => 16]);
    let short = step("C_GenerateKey(AES-128{WRAP})", short)?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), short, victim.key);
    step("C_WrapKey(AES_KEY_WRAP, AES-128, kS)", blob)?;
    evidence("a 256-bit key wrapped under one of 128 bits")
}

fn short_candidate(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    arena.as_user(User::Kim, || {
        let label = arena.label("short");
        let template = attrs![
            CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_UNWRAP => true, CKA_VALUE_LEN => 16,
        ];
        step("C_GenerateKey(candidate{VALUE_LEN=16})", arena.aes_key(template))?;
        evidence("a candidate of 128 bits")
    })
}

/// KWP knows the payload's length; a token that cuts it all the same gives a key of one byte.
fn one_byte_of_kwp(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP")?;
    let victim = arena.victim()?;
    let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    let blob = arena.session.wrap_key(&kwp, key, victim.key);
    let blob = step(format_args!("C_WrapKey(AES_KEY_WRAP_KWP, {name}, kS)"), blob)?;
    let piece = arena.session.unwrap_key(&kwp, key, &blob, &signing_secret(1));
    step(format_args!("C_UnwrapKey(AES_KEY_WRAP_KWP, {name}, {{VALUE_LEN=1}})"), piece)?;
    evidence("the first byte of kS as a key of its own")
}

/// A flipped bit in the blob of an RSA key; if it is let in and signs, its faulty signature gives a prime away.
fn fault_in_private_key(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD")?;
    let session = arena.session;
    let public = attrs![CKA_TOKEN => false, CKA_VERIFY => true, CKA_MODULUS_BITS => 2048];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = session.generate_key_pair(&generation, &public, &private);
    let (public, private) = scene("C_GenerateKeyPair(RSA)", pair)?;
    let cbc = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]);
    let blob = session.wrap_key(&cbc, key, private);
    let mut blob = step(format_args!("C_WrapKey(AES_CBC_PAD, {name}, RSA private key)"), blob)?;
    // Within the coefficient, the last 128 bytes of the key: what goes wrong goes wrong modulo one prime.
    let place = (blob.len().saturating_sub(96) / 16) * 16;
    blob.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
    let template = attrs![
        CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_TOKEN => false, CKA_SIGN => true,
    ];
    let faulty = session.unwrap_key(&cbc, key, &blob, &with(template, Vec::new()));
    let faulty = step(format_args!("C_UnwrapKey(AES_CBC_PAD, {name}, RSA key with a bit flipped)"), faulty)?;
    let signature = session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), faulty, hash::MESSAGE);
    let signature = step("C_Sign(SHA256_RSA_PKCS, faulty key)", signature)?;
    let modulus = scene("C_GetAttributeValue(MODULUS)", session.attribute(public, CKA_MODULUS))?;
    let exponent = scene("C_GetAttributeValue(PUBLIC_EXPONENT)", session.attribute(public, CKA_PUBLIC_EXPONENT))?;
    let encoded = rsa::encoded(&hash::sha256(hash::MESSAGE), modulus.len());
    match rsa::factor(&modulus, &exponent, &encoded, &signature) {
        Some(prime) => evidence(format_args!("a prime of {} bytes, from one faulty signature", prime.len())),
        None => harmless("the faulty key signs, but its signature gives no prime away"),
    }
}
