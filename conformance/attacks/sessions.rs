//! Sessions and logins: what is left when nobody, or somebody else, is logged in (PKCS#11 3.2, section 5.6).

use cryptoki_sys::*;

use super::arena::User;
use super::{Arena, Ended, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::template::Attribute;

/// A36. Secret keys with PRIVATE=0, made, seen, used and destroyed without a login.
pub(super) const PUBLIC_SESSION: &[Way] = &[
    |arena| made_by_nobody(arena, attrs![CKA_PRIVATE => false, CKA_ENCRYPT => true], "PRIVATE=0"),
    |arena| made_by_nobody(arena, attrs![CKA_ENCRYPT => true], "silent of PRIVATE"),
    imported_by_nobody,
    stored_by_nobody,
    seen_by_nobody,
    used_by_nobody,
    destroyed_by_nobody,
];

fn made_by_nobody(arena: &Arena<'_>, template: Vec<Attribute>, name: &str) -> Ended {
    arena.log_out()?;
    step(format_args!("C_GenerateKey({name}) without login"), arena.aes_key(template))?;
    evidence("a secret key of nobody's")
}

fn imported_by_nobody(arena: &Arena<'_>) -> Ended {
    arena.log_out()?;
    let own = arena.known_key(&[0x4B; 32], attrs![CKA_PRIVATE => false, CKA_ENCRYPT => true]);
    step("C_CreateObject(secret key, PRIVATE=0) without login", own)?;
    evidence("an imported secret key of nobody's")
}

fn stored_by_nobody(arena: &Arena<'_>) -> Ended {
    arena.log_out()?;
    let label = arena.label("data");
    let template = attrs![
        CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false, CKA_LABEL => &label, CKA_VALUE => &[1],
    ];
    step("C_CreateObject(data, TOKEN=1, PRIVATE=0) without login", arena.session.create_object(&template))?;
    evidence("a stored object of nobody's")
}

/// A token key that its owner made with PRIVATE=0, and then nobody is logged in: its handle and label.
fn left_open(arena: &Arena<'_>) -> Result<(CK_OBJECT_HANDLE, String), super::Stop> {
    let label = arena.label("open");
    let template = attrs![
        CKA_TOKEN => true, CKA_LABEL => &label, CKA_PRIVATE => false, CKA_ENCRYPT => true, CKA_SENSITIVE => true,
    ];
    let key = scene("C_GenerateKey(TOKEN=1, PRIVATE=0)", arena.aes_key(template))?;
    arena.log_out()?;
    Ok((key, label))
}

fn seen_by_nobody(arena: &Arena<'_>) -> Ended {
    let (_, label) = left_open(arena)?;
    match scene("C_FindObjects", arena.session.find(&attrs![CKA_LABEL => &label]))?.len() {
        0 => harmless("a secret key made with PRIVATE=0 is not seen without login"),
        _ => evidence("a secret key is seen without login"),
    }
}

fn used_by_nobody(arena: &Arena<'_>) -> Ended {
    let (key, _) = left_open(arena)?;
    let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]);
    step("C_EncryptInit(key with PRIVATE=0) without login", block)?;
    evidence("a secret key is used without login")
}

fn destroyed_by_nobody(arena: &Arena<'_>) -> Ended {
    let (key, _) = left_open(arena)?;
    step("C_DestroyObject(key with PRIVATE=0) without login", arena.session.destroy_object(key))?;
    evidence("a secret key is destroyed without login")
}

/// A37. Handles and operations that outlive a login, and what a read-only session can make.
pub(super) const TRICKS: &[Way] = &[
    weaker_copy_read_only,
    stored_read_only,
    survives_logout,
    survives_to_another,
    operation_survives,
    stale_handle,
    guessed_handles,
];

/// In a read-only session a copy is a session object: its protection must be that of its source all the same.
fn weaker_copy_read_only(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kS");
    let template = attrs![
        CKA_TOKEN => true, CKA_LABEL => &label, CKA_ENCRYPT => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => false,
    ];
    let key = scene("C_GenerateKey(TOKEN=1)", arena.aes_key(template))?;
    let read_only = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION);
    let read_only = scene("C_OpenSession(read only)", read_only)?;
    let weak = attrs![CKA_TOKEN => false, CKA_EXTRACTABLE => true];
    let copy = step("C_CopyObject(TOKEN=0, EXTRACTABLE=1) in a read-only session", read_only.copy_object(key, &weak))?;
    match scene("C_GetAttributeValue(EXTRACTABLE)", read_only.flag(copy, CKA_EXTRACTABLE))? {
        true => evidence("an extractable copy of a key that is not"),
        false => harmless("EXTRACTABLE=1 was accepted and ignored"),
    }
}

fn stored_read_only(arena: &Arena<'_>) -> Ended {
    let read_only = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION);
    let read_only = scene("C_OpenSession(read only)", read_only)?;
    let template = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32, CKA_ENCRYPT => true];
    let key = read_only.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
    step("C_GenerateKey(TOKEN=1) in a read-only session", key)?;
    evidence("a token key made in a read-only session")
}

fn survives_logout(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    arena.become_user(User::Attacker)?;
    let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), victim.key, &[0; 16]);
    step("C_EncryptInit(session key from before the logout)", block)?;
    evidence("a private session key outlives the logout")
}

fn survives_to_another(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    let victim = arena.victim()?;
    arena.become_user(User::Other)?;
    let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), victim.key, &[0; 16]);
    step("C_EncryptInit(session key of the user before)", block)?;
    evidence("a private session key outlives its user's login")
}

fn operation_survives(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let ecb = Mechanism::plain(CKM_AES_ECB);
    scene("C_EncryptInit(kS)", arena.session.encrypt_init(&ecb, victim.key))?;
    arena.become_user(User::Attacker)?;
    step("C_EncryptUpdate of an operation from before the logout", arena.session.encrypt_update(&[0; 16]))?;
    evidence("an operation with a private key outlives the logout")
}

fn stale_handle(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    scene("C_DestroyObject(kS)", arena.session.destroy_object(victim.key))?;
    for _ in 0..8 {
        arena.victim()?;
    }
    let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), victim.key, &[0; 16]);
    step("C_EncryptInit(handle of a destroyed key)", block)?;
    evidence("the handle of a destroyed key is that of another now")
}

/// Another user's key, by every handle near the one it had, and every small number.
fn guessed_handles(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    let (key, block) = arena.as_user(User::Other, || {
        let template = attrs![CKA_TOKEN => true, CKA_ENCRYPT => true];
        let key = scene("C_GenerateKey(app2's key)", arena.aes_key(template))?;
        let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[7; 16]);
        Ok((key, scene("C_Encrypt(app2's key)", block)?))
    })?;
    let guesses = (0..4096).chain(key.saturating_sub(256)..=key.saturating_add(256));
    for guess in guesses {
        if arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), guess, &[7; 16]).as_ref() == Ok(&block) {
            return evidence(format_args!("handle {guess} is another user's key"));
        }
    }
    harmless("4609 guessed handles: none is another user's key")
}

/// A38. A key that asks for a login before each use, used by calls that have no Init to log in after.
pub(super) const ALWAYS_AUTHENTICATE: &[Way] = &[
    |arena| unasked(arena, CKA_UNWRAP, "UNWRAP"),
    |arena| unasked(arena, CKA_DERIVE, "DERIVE"),
    unasked_ecdh,
    unasked_later,
    signs_unasked,
    wrapped_out_unasked,
];

fn unasked(arena: &Arena<'_>, usage: CK_ATTRIBUTE_TYPE, name: &str) -> Ended {
    let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048, CKA_WRAP => true];
    let private = attrs![CKA_TOKEN => false, CKA_ALWAYS_AUTHENTICATE => true, usage => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (public, private) = step(format_args!("C_GenerateKeyPair(RSA priv{{ALWAYS_AUTHENTICATE,{name}}})"), pair)?;
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let key = scene("C_GenerateKey(k, not protected)", arena.aes_key(open))?;
    let oaep = Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]);
    let blob = scene("C_WrapKey(RSA_PKCS_OAEP)", arena.session.wrap_key(&oaep, public, key))?;
    let template = super::arena::imported(Vec::new());
    step("C_UnwrapKey without CKU_CONTEXT_SPECIFIC", arena.session.unwrap_key(&oaep, private, &blob, &template))?;
    evidence("a key with ALWAYS_AUTHENTICATE unwraps without a login of its own")
}

fn unasked_ecdh(arena: &Arena<'_>) -> Ended {
    let public = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => super::outside::ec::P256];
    let private = attrs![CKA_TOKEN => false, CKA_ALWAYS_AUTHENTICATE => true, CKA_DERIVE => true];
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (_, private) = step("C_GenerateKeyPair(EC priv{ALWAYS_AUTHENTICATE,DERIVE})", pair)?;
    let ecdh = Mechanism::ecdh(&super::outside::ec::known_point());
    let template = super::arena::signing_secret(32);
    step("C_DeriveKey without CKU_CONTEXT_SPECIFIC", arena.session.derive_key(&ecdh, private, &template))?;
    evidence("a key with ALWAYS_AUTHENTICATE derives without a login of its own")
}

/// A key that signs alone, and asks each time.
fn asking_key(arena: &Arena<'_>, more: Vec<Attribute>) -> Result<CK_OBJECT_HANDLE, super::Stop> {
    let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048, CKA_VERIFY => true];
    let private = attrs![CKA_TOKEN => false, CKA_ALWAYS_AUTHENTICATE => true, CKA_SIGN => true, CKA_SENSITIVE => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &[private, more].concat());
    step("C_GenerateKeyPair(RSA priv{ALWAYS_AUTHENTICATE,SIGN})", pair).map(|(_, private)| private)
}

/// The usage that has no Init comes afterwards.
fn unasked_later(arena: &Arena<'_>) -> Ended {
    let key = asking_key(arena, Vec::new())?;
    let raised = arena.session.set_attribute_value(key, &attrs![CKA_UNWRAP => true]);
    step("C_SetAttributeValue(UNWRAP=1) on a key with ALWAYS_AUTHENTICATE", raised)?;
    match scene("C_GetAttributeValue(UNWRAP)", arena.session.flag(key, CKA_UNWRAP))? {
        true => evidence("a key with ALWAYS_AUTHENTICATE unwraps after all"),
        false => harmless("UNWRAP=1 was accepted and ignored"),
    }
}

fn signs_unasked(arena: &Arena<'_>) -> Ended {
    let key = asking_key(arena, Vec::new())?;
    let signature = arena.session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), key, b"a message");
    step("C_Sign without CKU_CONTEXT_SPECIFIC", signature)?;
    evidence("a key with ALWAYS_AUTHENTICATE signs without a login of its own")
}

/// In another place the key asks nobody.
fn wrapped_out_unasked(arena: &Arena<'_>) -> Ended {
    let key = asking_key(arena, attrs![CKA_EXTRACTABLE => true])?;
    let known = arena.known_key(&[0x4B; 32], attrs![CKA_WRAP => true]);
    let known = scene("C_CreateObject(kA{WRAP})", known)?;
    let blob = arena.session.wrap_key(&Mechanism::plain(CKM_AES_KEY_WRAP_KWP), known, key);
    step("C_WrapKey(kA, key with ALWAYS_AUTHENTICATE)", blob)?;
    evidence("a key with ALWAYS_AUTHENTICATE is wrapped out without a login of its own")
}
