//! The keys that tests use, made with the fewest attributes that say what is meant.

use cryptoki_sys::*;

use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::{Object, Session};
use crate::template::{Attribute, with};
use crate::token::must;

/// The object identifier of P-256 in DER (CKA_EC_PARAMS).
pub const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// The object identifier of P-384 in DER.
pub const P384: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22];

/// An AES-256 session key with these attributes.
#[track_caller]
pub fn aes_key(session: &Session<'_>, template: Vec<Attribute>) -> Object {
    must("C_GenerateKey(AES)", try_aes_key(session, template))
}

/// As `aes_key`, for a template that may be refused.
pub fn try_aes_key(session: &Session<'_>, template: Vec<Attribute>) -> Result<Object, Rv> {
    let template = with(attrs![CKA_TOKEN => false, CKA_VALUE_LEN => 32], template);
    session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
}

/// The template of a secret session key of known value.
pub fn known_key(kind: CK_KEY_TYPE, value: &[u8], usage: Vec<Attribute>) -> Vec<Attribute> {
    let base = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind, CKA_TOKEN => false, CKA_VALUE => value,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    with(base, usage)
}

/// Imports a secret session key of known value.
#[track_caller]
pub fn import(session: &Session<'_>, kind: CK_KEY_TYPE, value: &[u8], usage: Vec<Attribute>) -> Object {
    must("C_CreateObject(secret key)", session.create_object(&known_key(kind, value, usage)))
}

/// An RSA-2048 session pair with these attributes on each half.
#[track_caller]
pub fn rsa_pair(session: &Session<'_>, public: Vec<Attribute>, private: Vec<Attribute>) -> (Object, Object) {
    let public = with(attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048], public);
    let private = with(attrs![CKA_TOKEN => false], private);
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    must("C_GenerateKeyPair(RSA)", session.generate_key_pair(&generation, &public, &private))
}

/// An elliptic-curve session pair that signs and verifies.
#[track_caller]
pub fn ec_pair(session: &Session<'_>, curve: &[u8]) -> (Object, Object) {
    let public = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => curve, CKA_VERIFY => true];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true];
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    must("C_GenerateKeyPair(EC)", session.generate_key_pair(&generation, &public, &private))
}

/// The template of an AES key that comes out of C_UnwrapKey into this session.
pub fn unwrapped(usage: Vec<Attribute>) -> Vec<Attribute> {
    with(attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false], usage)
}
