//! The quality of the wrapping key: who made it, who knows it, how strong it is.

use cryptoki_sys::*;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Generate};
use sha1::Sha1;

use super::arena::{KEY_WRAP, User, imported};
use super::outside::aes;
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::Attribute;

/// A17. The attacker brings the wrapping key along: an AES key with a known value, or an RSA public key whose
/// private half is outside.
pub(super) const TROJAN_WRAPPING_KEY: &[Way] = &[known_secret_key, own_public_key_pkcs, own_public_key_oaep];

fn known_secret_key(arena: &Arena<'_>) -> Ended {
    let known = [0x4B; 32];
    let victim = arena.victim()?;
    let own = step("C_CreateObject(kA{WRAP})", arena.known_key(&known, attrs![CKA_WRAP => true]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), own, victim.key);
    victim.recovered(&aes::open(&known, &step("C_WrapKey(AES_KEY_WRAP, kA, kS)", blob)?)?)
}

fn own_public_key_pkcs(arena: &Arena<'_>) -> Ended {
    let (private, own) = own_public_key(arena)?;
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(CKM_RSA_PKCS), own, victim.key);
    let blob = step("C_WrapKey(RSA_PKCS, pub, kS)", blob)?;
    victim.recovered(&private.pkcs1v15_decrypt(&blob).unwrap_or_default())
}

fn own_public_key_oaep(arena: &Arena<'_>) -> Ended {
    let (private, own) = own_public_key(arena)?;
    let victim = arena.victim()?;
    let mechanism = Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, &[]);
    let blob = arena.session.wrap_key(&mechanism, own, victim.key);
    let blob = step("C_WrapKey(RSA_PKCS_OAEP, pub, kS)", blob)?;
    victim.recovered(&private.oaep_decrypt::<Sha256>(&blob).unwrap_or_default())
}

/// A pair made outside, its public half in the token.
fn own_public_key(arena: &Arena<'_>) -> Result<(rsa::PrivateKey, Object), Stop> {
    let private = rsa::PrivateKey::generate();
    let template = attrs![
        CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_TOKEN => false, CKA_WRAP => true,
        CKA_MODULUS => private.n_bytes().to_vec(),
        CKA_PUBLIC_EXPONENT => private.e_bytes().to_vec(),
    ];
    let own = step("C_CreateObject(RSA pub{WRAP})", arena.session.create_object(&template))?;
    Ok((private, own))
}

/// A18. kA, encrypted outside under a public key of the token and unwrapped, is taken for a key that the token made:
/// it claims a history, wraps kS, or is trusted by the SO.
pub(super) const TROJAN_WRAPPED_KEY: &[Way] = &[smuggled_history, smuggled_wraps, smuggled_trusted];

fn smuggled_history(arena: &Arena<'_>) -> Ended {
    let smuggled = smuggle(arena, attrs![CKA_ENCRYPT => true])?;
    for (kind, name) in
        [(CKA_LOCAL, "LOCAL"), (CKA_ALWAYS_SENSITIVE, "ALWAYS_SENSITIVE"), (CKA_NEVER_EXTRACTABLE, "NEVER_EXTRACTABLE")]
    {
        if scene(name, arena.session.flag(smuggled, kind))? {
            return evidence(format_args!("kA from outside has {name}=1"));
        }
    }
    harmless("kA is told from keys of the token: LOCAL=0, ALWAYS_SENSITIVE=0, NEVER_EXTRACTABLE=0")
}

fn smuggled_wraps(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let smuggled = smuggle(arena, attrs![CKA_WRAP => true])?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), smuggled, victim.key);
    victim.recovered(&aes::open(&SMUGGLED, &step("C_WrapKey(AES_KEY_WRAP, kA unwrapped, kS)", blob)?)?)
}

/// A key manager smuggles, the SO trusts.
fn smuggled_trusted(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    let label = arena.label("kA");
    arena.become_user(User::Kim)?;
    let smuggled = smuggle(arena, attrs![CKA_WRAP => true, CKA_TOKEN => true, CKA_LABEL => &label])?;
    arena.become_user(User::So)?;
    let seen = scene("C_FindObjects(LABEL)", arena.session.find(&attrs![CKA_LABEL => &label]))?;
    let key = seen.first().copied().unwrap_or(smuggled);
    let set = arena.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    step("C_SetAttributeValue(TRUSTED=1) on kA unwrapped", set)?;
    match scene("C_GetAttributeValue(TRUSTED)", arena.session.flag(key, CKA_TRUSTED))? {
        true => evidence("a trusted key whose value the attacker knows"),
        false => harmless("TRUSTED=1 was accepted and ignored"),
    }
}

/// The value of kA.
const SMUGGLED: [u8; 32] = [0x5A; 32];

/// kA from outside, under a pair that the token made.
fn smuggle(arena: &Arena<'_>, usage: Vec<Attribute>) -> Result<Object, Stop> {
    let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048, CKA_WRAP => true];
    let private = attrs![CKA_TOKEN => false, CKA_UNWRAP => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (public, private) = scene("C_GenerateKeyPair(RSA)", pair)?;
    let modulus = scene("C_GetAttributeValue(MODULUS)", arena.session.attribute(public, CKA_MODULUS))?;
    let exponent = scene("C_GetAttributeValue(PUBLIC_EXPONENT)", arena.session.attribute(public, CKA_PUBLIC_EXPONENT))?;
    let (n, e) = (BoxedUint::from_be_slice_vartime(&modulus), BoxedUint::from_be_slice_vartime(&exponent));
    let sealed = rsa::PublicKey::new(n, e).and_then(|public| public.oaep_encrypt::<Sha1>(&SMUGGLED));
    let sealed = scene("RSA_PKCS_OAEP outside", sealed.map_err(|_| Rv(CKR_GENERAL_ERROR)))?;
    let oaep = Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]);
    step("C_UnwrapKey(RSA_PKCS_OAEP, kA)", arena.session.unwrap_key(&oaep, private, &sealed, &imported(usage)))
}
