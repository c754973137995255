//! Key separation: one key in two roles (Clulow 2003; Delaune, Kremer and Steel 2008; Bortolozzo and others 2010).

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, imported};
use super::outside::aes;
use super::{Arena, Ended, Way, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::session::Object;
use crate::template::Attribute;

/// A1. k2 may wrap and decrypt: what it wraps it opens.
pub(super) const WRAP_DECRYPT: &[Way] = &[wrap_decrypt];

fn wrap_decrypt(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let k2 = step("C_GenerateKey(k2{WRAP,DECRYPT})", arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), k2, victim.key);
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", blob)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, k2, "k2", &blob)?)
}

/// A2. The same with a key pair: the public half wraps, the private half decrypts.
pub(super) const ASYMMETRIC_WRAP_DECRYPT: &[Way] = &[
    |arena| public_wrap(arena, &Mechanism::plain(CKM_RSA_PKCS), "RSA_PKCS"),
    |arena| public_wrap(arena, &Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]), "RSA_PKCS_OAEP"),
];

fn public_wrap(arena: &Arena<'_>, mechanism: &Mechanism, name: &str) -> Ended {
    let victim = arena.victim()?;
    let public = attrs![CKA_TOKEN => false, CKA_WRAP => true, CKA_MODULUS_BITS => 2048];
    let private = attrs![CKA_TOKEN => false, CKA_DECRYPT => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (public, private) = step("C_GenerateKeyPair(pub{WRAP}, priv{DECRYPT})", pair)?;
    let blob = arena.session.wrap_key(mechanism, public, victim.key);
    let blob = step(format_args!("C_WrapKey({name}, pub, kS)"), blob)?;
    let value = arena.session.decrypt(mechanism, private, &blob);
    victim.recovered(&step(format_args!("C_Decrypt({name}, priv)"), value)?)
}

/// A3. k2 wraps now and decrypts later; kT is told to decrypt by the user it is shared with.
pub(super) const FLIP: &[Way] = &[flip, flip_trusted];

fn flip(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let k2 = step("C_GenerateKey(k2{WRAP})", arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => false]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), k2, victim.key);
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", blob)?;
    let flipped = arena.session.set_attribute_value(k2, &attrs![CKA_WRAP => false, CKA_DECRYPT => true]);
    step("C_SetAttributeValue(k2, WRAP=0, DECRYPT=1)", flipped)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, k2, "k2", &blob)?)
}

fn flip_trusted(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), trusted, victim.key);
    let blob = scene("C_WrapKey(AES_KEY_WRAP, kT, kS)", blob)?;
    let flipped = arena.session.set_attribute_value(trusted, &attrs![CKA_WRAP => false, CKA_DECRYPT => true]);
    step("C_SetAttributeValue(kT, WRAP=0, DECRYPT=1)", flipped)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, trusted, "kT", &blob)?)
}

/// A4. A blob of a known value kA is made with C_Encrypt; unwrapped, it is a wrapping key the attacker knows.
pub(super) const ENCRYPT_UNWRAP: &[Way] = &[encrypt_unwrap];

fn encrypt_unwrap(arena: &Arena<'_>) -> Ended {
    let known = [0x4B; 32];
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_UNWRAP => true, CKA_ENCRYPT => true]);
    let k2 = step("C_GenerateKey(k2{UNWRAP,ENCRYPT})", k2)?;
    let planted = aes::seal_by_encrypt(arena.session, k2, "k2", &known)?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let n = arena.session.unwrap_key(&key_wrap, k2, &planted, &imported(attrs![CKA_WRAP => false]));
    let n = step("C_UnwrapKey(AES_KEY_WRAP, k2, {kA})", n)?;
    let raised = arena.session.set_attribute_value(n, &attrs![CKA_WRAP => true]);
    step("C_SetAttributeValue(n, WRAP=1)", raised)?;
    let blob = step("C_WrapKey(AES_KEY_WRAP, n, kS)", arena.session.wrap_key(&key_wrap, n, victim.key))?;
    victim.recovered(&aes::open(&known, &blob)?)
}

/// A5. k2 wrapped under itself comes back with the usages it lacked.
pub(super) const SELF_WRAP: &[Way] = &[|arena| self_wrap_with(arena, true), |arena| self_wrap_with(arena, false)];

fn self_wrap_with(arena: &Arena<'_>, sensitive: bool) -> Ended {
    let victim = arena.victim()?;
    let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_EXTRACTABLE => true, CKA_SENSITIVE => sensitive];
    let k2 = step("C_GenerateKey(k2{WRAP,UNWRAP,EXTRACTABLE})", arena.aes_key(template))?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let itself = step("C_WrapKey(AES_KEY_WRAP, k2, k2)", arena.session.wrap_key(&key_wrap, k2, k2))?;
    let n = arena.session.unwrap_key(&key_wrap, k2, &itself, &imported(attrs![CKA_DECRYPT => true]));
    let n = step("C_UnwrapKey(AES_KEY_WRAP, k2, n{DECRYPT})", n)?;
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", arena.session.wrap_key(&key_wrap, k2, victim.key))?;
    victim.recovered(&aes::open_by_decrypt(arena.session, n, "n", &blob)?)
}

/// A6. Random bytes are unwrapped twice: an unknown value, the same in two roles (key conjuring, Bond 2001).
pub(super) const CONJURE: &[Way] = &[
    |arena| conjure(arena, &Mechanism::plain(CKM_AES_ECB), "AES_ECB"),
    |arena| conjure(arena, &Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), "AES_CBC"),
    |arena| conjure_under_trusted(arena, &Mechanism::plain(CKM_AES_ECB), "AES_ECB"),
    |arena| conjure_under_trusted(arena, &Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), "AES_CBC"),
    |arena| conjure_under_trusted(arena, &Mechanism::aes_gcm(&[0; 12], &[], 0), "AES_GCM without a tag"),
];

fn conjure(arena: &Arena<'_>, mechanism: &Mechanism, name: &str) -> Ended {
    arena.needs(mechanism.kind(), name)?;
    let k2 = step("C_GenerateKey(k2{UNWRAP})", arena.aes_key(attrs![CKA_UNWRAP => true]))?;
    conjure_under(arena, k2, "k2", mechanism, name)
}

fn conjure_under_trusted(arena: &Arena<'_>, mechanism: &Mechanism, name: &str) -> Ended {
    let trusted = arena.trusted_key()?;
    conjure_under(arena, trusted, "kT", mechanism, name)
}

fn conjure_under(arena: &Arena<'_>, key: Object, key_name: &str, mechanism: &Mechanism, name: &str) -> Ended {
    let victim = arena.victim()?;
    let garbage = scene("C_GenerateRandom", arena.session.generate_random(32))?;
    let conjured = |usage: Vec<Attribute>, role: &str| {
        let made = arena.session.unwrap_key(mechanism, key, &garbage, &imported(usage));
        step(format_args!("C_UnwrapKey({name}, {key_name}, 32 random bytes, n{{{role}}})"), made)
    };
    let wrapping = conjured(attrs![CKA_WRAP => true], "WRAP")?;
    let decrypting = conjured(attrs![CKA_DECRYPT => true], "DECRYPT")?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), wrapping, victim.key);
    let blob = step("C_WrapKey(AES_KEY_WRAP, n{WRAP}, kS)", blob)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, decrypting, "n{DECRYPT}", &blob)?)
}

/// A7. One blob imported twice: one copy wraps, the other decrypts (Focardi, Luccio and Steel 2011).
pub(super) const IMPORT_TWICE: &[Way] = &[
    |arena| import_twice(arena, &Mechanism::plain(KEY_WRAP), "AES_KEY_WRAP"),
    |arena| import_twice(arena, &Mechanism::aes_gcm(&[7; 12], &[], 128), "AES_GCM"),
    import_twice_from_trusted,
];

fn import_twice(arena: &Arena<'_>, mechanism: &Mechanism, name: &str) -> Ended {
    arena.needs(mechanism.kind(), name)?;
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
    let k2 = step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?;
    let template = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let source = step("C_GenerateKey(source)", arena.aes_key(template))?;
    let blob = arena.session.wrap_key(mechanism, k2, source);
    let blob = step(format_args!("C_WrapKey({name}, k2, source)"), blob)?;
    let n3 = arena.session.unwrap_key(mechanism, k2, &blob, &imported(attrs![CKA_WRAP => true]));
    let n3 = step(format_args!("C_UnwrapKey({name}, k2, n3{{WRAP}})"), n3)?;
    let n4 = arena.session.unwrap_key(mechanism, k2, &blob, &imported(attrs![CKA_DECRYPT => true]));
    let n4 = step(format_args!("C_UnwrapKey({name}, k2, n4{{DECRYPT}})"), n4)?;
    let stolen = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), n3, victim.key);
    let stolen = step("C_WrapKey(AES_KEY_WRAP, n3, kS)", stolen)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, n4, "n4", &stolen)?)
}

/// The same with a blob that the trusted key made.
fn import_twice_from_trusted(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let (victim, source) = (arena.victim()?, arena.victim()?);
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = scene("C_WrapKey(kT, source)", arena.session.wrap_key(&key_wrap, trusted, source.key))?;
    let n3 = arena.session.unwrap_key(&key_wrap, trusted, &blob, &imported(attrs![CKA_WRAP => true]));
    let n3 = step("C_UnwrapKey(kT, n3{WRAP})", n3)?;
    let n4 = arena.session.unwrap_key(&key_wrap, trusted, &blob, &imported(attrs![CKA_DECRYPT => true]));
    let n4 = step("C_UnwrapKey(kT, n4{DECRYPT})", n4)?;
    let stolen = arena.session.wrap_key(&key_wrap, n3, victim.key);
    let stolen = step("C_WrapKey(AES_KEY_WRAP, n3 unwrapped under kT, kS)", stolen)?;
    victim.recovered(&aes::open_by_decrypt(arena.session, n4, "n4", &stolen)?)
}

/// A8. What was wrapped as sensitive is unwrapped as not sensitive, and read.
pub(super) const UNWRAP_READABLE: &[Way] = &[
    |arena| {
        let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        unwrap_readable_under(arena, step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?, "k2")
    },
    |arena| unwrap_readable_under(arena, arena.trusted_key()?, "kT"),
];

fn unwrap_readable_under(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    let victim = arena.victim()?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = arena.session.wrap_key(&key_wrap, key, victim.key);
    let blob = step(format_args!("C_WrapKey(AES_KEY_WRAP, {name}, kS)"), blob)?;
    let readable = imported(attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
    let copy = arena.session.unwrap_key(&key_wrap, key, &blob, &readable);
    let copy = step(format_args!("C_UnwrapKey(AES_KEY_WRAP, {name}, {{SENSITIVE=0}})"), copy)?;
    victim.recovered(&step("C_GetAttributeValue(VALUE)", arena.session.attribute(copy, CKA_VALUE))?)
}
