//! Key separation: one key in two roles (Clulow 2003; Delaune, Kremer and Steel 2008; Bortolozzo and others 2010).

use cryptoki_sys::*;

use super::arena::KEY_WRAP;
use super::{Arena, Evidence, Stop, first_of, outside, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::template::Attribute;

/// A1. k2 may wrap and decrypt: what it wraps it opens.
pub(super) fn wrap_decrypt(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let k2 = step("C_GenerateKey(k2{WRAP,DECRYPT})", arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => true]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), k2, victim.key);
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", blob)?;
    victim.recovered(&outside::open_by_decrypt(arena.session, k2, "k2", &blob)?)
}

/// A2. The same with a key pair: the public half wraps, the private half decrypts.
pub(super) fn asymmetric_wrap_decrypt(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let oaep = Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]);
    first_of(vec![
        Box::new(|| public_wrap(arena, &Mechanism::plain(CKM_RSA_PKCS), "RSA_PKCS")),
        Box::new(|| public_wrap(arena, &oaep, "RSA_PKCS_OAEP")),
    ])
}

fn public_wrap(arena: &Arena<'_>, mechanism: &Mechanism, name: &str) -> Result<Evidence, Stop> {
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

/// A3. k2 wraps now and decrypts later.
pub(super) fn flip(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let k2 = step("C_GenerateKey(k2{WRAP})", arena.aes_key(attrs![CKA_WRAP => true, CKA_DECRYPT => false]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), k2, victim.key);
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", blob)?;
    let flipped = arena.session.set_attribute_value(k2, &attrs![CKA_WRAP => false, CKA_DECRYPT => true]);
    step("C_SetAttributeValue(k2, WRAP=0, DECRYPT=1)", flipped)?;
    victim.recovered(&outside::open_by_decrypt(arena.session, k2, "k2", &blob)?)
}

/// A4. A blob of a known value kA is made with C_Encrypt; unwrapped, it is a wrapping key the attacker knows.
pub(super) fn encrypt_unwrap(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let known = [0x4B; 32];
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_UNWRAP => true, CKA_ENCRYPT => true]);
    let k2 = step("C_GenerateKey(k2{UNWRAP,ENCRYPT})", k2)?;
    let planted = outside::seal_by_encrypt(arena.session, k2, "k2", &known)?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let n = arena.session.unwrap_key(&key_wrap, k2, &planted, &imported(attrs![CKA_WRAP => false]));
    let n = step("C_UnwrapKey(AES_KEY_WRAP, k2, {kA})", n)?;
    let raised = arena.session.set_attribute_value(n, &attrs![CKA_WRAP => true]);
    step("C_SetAttributeValue(n, WRAP=1)", raised)?;
    let blob = step("C_WrapKey(AES_KEY_WRAP, n, kS)", arena.session.wrap_key(&key_wrap, n, victim.key))?;
    victim.recovered(&outside::open(&known, &blob)?)
}

/// A5. k2 wrapped under itself comes back with the usages it lacked.
pub(super) fn self_wrap(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    first_of(vec![Box::new(|| self_wrap_with(arena, true)), Box::new(|| self_wrap_with(arena, false))])
}

fn self_wrap_with(arena: &Arena<'_>, sensitive: bool) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_EXTRACTABLE => true, CKA_SENSITIVE => sensitive];
    let k2 = step("C_GenerateKey(k2{WRAP,UNWRAP,EXTRACTABLE})", arena.aes_key(template))?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let itself = step("C_WrapKey(AES_KEY_WRAP, k2, k2)", arena.session.wrap_key(&key_wrap, k2, k2))?;
    let n = arena.session.unwrap_key(&key_wrap, k2, &itself, &imported(attrs![CKA_DECRYPT => true]));
    let n = step("C_UnwrapKey(AES_KEY_WRAP, k2, n{DECRYPT})", n)?;
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, kS)", arena.session.wrap_key(&key_wrap, k2, victim.key))?;
    victim.recovered(&outside::open_by_decrypt(arena.session, n, "n", &blob)?)
}

/// A7. One blob imported twice: one copy wraps, the other decrypts (Focardi, Luccio and Steel 2011).
pub(super) fn import_twice(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
    let k2 = step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?;
    let template = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let source = step("C_GenerateKey(source)", arena.aes_key(template))?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = step("C_WrapKey(AES_KEY_WRAP, k2, source)", arena.session.wrap_key(&key_wrap, k2, source))?;
    let n3 = arena.session.unwrap_key(&key_wrap, k2, &blob, &imported(attrs![CKA_WRAP => true]));
    let n3 = step("C_UnwrapKey(AES_KEY_WRAP, k2, n3{WRAP})", n3)?;
    let n4 = arena.session.unwrap_key(&key_wrap, k2, &blob, &imported(attrs![CKA_DECRYPT => true]));
    let n4 = step("C_UnwrapKey(AES_KEY_WRAP, k2, n4{DECRYPT})", n4)?;
    let stolen = step("C_WrapKey(AES_KEY_WRAP, n3, kS)", arena.session.wrap_key(&key_wrap, n3, victim.key))?;
    victim.recovered(&outside::open_by_decrypt(arena.session, n4, "n4", &stolen)?)
}

/// A8. What was wrapped as sensitive is unwrapped as not sensitive, and read.
pub(super) fn unwrap_readable(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let own = || {
        let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        unwrap_readable_under(arena, step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?, "k2")
    };
    let trusted = || unwrap_readable_under(arena, arena.trusted_key()?, "kT");
    first_of(vec![Box::new(own), Box::new(trusted)])
}

fn unwrap_readable_under(arena: &Arena<'_>, key: CK_OBJECT_HANDLE, name: &str) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = arena.session.wrap_key(&key_wrap, key, victim.key);
    let blob = step(format_args!("C_WrapKey(AES_KEY_WRAP, {name}, kS)"), blob)?;
    let readable = imported(attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
    let copy = arena.session.unwrap_key(&key_wrap, key, &blob, &readable);
    let copy = step(format_args!("C_UnwrapKey(AES_KEY_WRAP, {name}, {{SENSITIVE=0}})"), copy)?;
    victim.recovered(&step("C_GetAttributeValue(VALUE)", arena.session.attribute(copy, CKA_VALUE))?)
}

/// A template for an AES key that comes out of C_UnwrapKey.
fn imported(usage: Vec<Attribute>) -> Vec<Attribute> {
    let base = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false];
    [base, usage].concat()
}
