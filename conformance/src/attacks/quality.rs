//! The quality of the wrapping key: who made it, who knows it, how strong it is.

use cryptoki_sys::*;
use rsa::Generate;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;

use super::arena::KEY_WRAP;
use super::{Arena, Evidence, Stop, first_of, outside, step};
use crate::attrs;
use crate::mechanism::Mechanism;

/// A17. The attacker brings the wrapping key along: an AES key with a known value, or an RSA public key whose
/// private half is outside.
pub(super) fn trojan_wrapping_key(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    first_of(vec![Box::new(|| known_secret_key(arena)), Box::new(|| own_public_key(arena))])
}

fn known_secret_key(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let known = [0x4B; 32];
    let victim = arena.victim()?;
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false, CKA_VALUE => &known,
        CKA_WRAP => true,
    ];
    let own = step("C_CreateObject(kA{WRAP})", arena.session.create_object(&template))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), own, victim.key);
    victim.recovered(&outside::open(&known, &step("C_WrapKey(AES_KEY_WRAP, kA, kS)", blob)?)?)
}

fn own_public_key(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let private = rsa::PrivateKey::generate();
    let victim = arena.victim()?;
    let template = attrs![
        CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_TOKEN => false, CKA_WRAP => true,
        CKA_MODULUS => private.n_bytes().to_vec(),
        CKA_PUBLIC_EXPONENT => private.e_bytes().to_vec(),
    ];
    let own = step("C_CreateObject(RSA pub{WRAP})", arena.session.create_object(&template))?;
    let pkcs = || {
        let blob = arena.session.wrap_key(&Mechanism::plain(CKM_RSA_PKCS), own, victim.key);
        let blob = step("C_WrapKey(RSA_PKCS, pub, kS)", blob)?;
        victim.recovered(&private.pkcs1v15_decrypt(&blob).unwrap_or_default())
    };
    let oaep = || {
        let mechanism = Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, &[]);
        let blob = arena.session.wrap_key(&mechanism, own, victim.key);
        let blob = step("C_WrapKey(RSA_PKCS_OAEP, pub, kS)", blob)?;
        victim.recovered(&private.oaep_decrypt::<Sha256>(&blob).unwrap_or_default())
    };
    first_of(vec![Box::new(pkcs), Box::new(oaep)])
}
