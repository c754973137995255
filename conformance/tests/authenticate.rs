//! PKCS#11 3.2, sections 4.10 and 5.6.8: private keys with CKA_ALWAYS_AUTHENTICATE, whose user proves the PIN for each
//! use with C_Login(CKU_CONTEXT_SPECIFIC).

use claviger_conformance::attrs;
use claviger_conformance::fixture::{Policy, USER_PIN};
use claviger_conformance::isolated::{with_roles, with_token};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Out;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::{P256, rsa_pair};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::{Attribute, with};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

const NOT_PROVEN: &[CK_RV] = &[CKR_USER_NOT_LOGGED_IN];
const NOTHING_WAITS: &[CK_RV] = &[CKR_OPERATION_NOT_INITIALIZED];

/// A pair whose private half asks for the PIN at each use.
#[track_caller]
fn asking_pair(session: &Session<'_>, more: Vec<Attribute>) -> (Object, Object) {
    rsa_pair(session, attrs![], with(attrs![CKA_ALWAYS_AUTHENTICATE => true], more))
}

#[track_caller]
fn sign_init(session: &Session<'_>, key: Object) {
    must("C_SignInit", session.sign_init(&Mechanism::plain(CKM_SHA256_RSA_PKCS), key));
}

fn prove(session: &Session<'_>, pin: &str) -> Result<(), Rv> {
    session.login(CKU_CONTEXT_SPECIFIC, pin)
}

/// C_Sign in one call.
fn sign(session: &Session<'_>) -> Result<Vec<u8>, Rv> {
    let mut signature = vec![0; 256];
    session.sign_into(b"message", &mut Out::into(&mut signature)).map(|()| signature)
}

/// C_Decrypt in one call.
fn decrypt(session: &Session<'_>, ciphertext: &[u8]) -> Result<Vec<u8>, Rv> {
    let mut plaintext = vec![0; 256];
    let mut out = Out::into(&mut plaintext);
    session.decrypt_into(ciphertext, &mut out)?;
    let length = usize::try_from(out.length).unwrap_or(0);
    plaintext.truncate(length);
    Ok(plaintext)
}

#[test]
fn each_signature_waits_for_a_pin_of_its_own() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = asking_pair(&session, attrs![]);
        assert!(must("ALWAYS_AUTHENTICATE", session.flag(private, CKA_ALWAYS_AUTHENTICATE)));
        for _ in 0..2 {
            sign_init(&session, private);
            must("C_Login(CKU_CONTEXT_SPECIFIC)", prove(&session, USER_PIN));
            let signature = must("C_Sign", sign(&session));
            let verified = session.verify(&Mechanism::plain(CKM_SHA256_RSA_PKCS), public, b"message", &signature);
            must("C_Verify", verified);
            refused("a PIN that nothing waits for", prove(&session, USER_PIN), NOTHING_WAITS);
            sign_init(&session, private);
            refused("C_Sign without a PIN", sign(&session), NOT_PROVEN);
            refused("C_Sign after that", sign(&session), NOTHING_WAITS);
        }
        let changed = session.set_attribute_value(private, &attrs![CKA_ALWAYS_AUTHENTICATE => false]);
        refused("ALWAYS_AUTHENTICATE=0", changed, &[CKR_ATTRIBUTE_READ_ONLY]);
    });
}

#[test]
fn each_decryption_waits_for_a_pin_of_its_own() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = asking_pair(&session, attrs![]);
        let oaep = Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]);
        let ciphertext = must("C_Encrypt", session.encrypt(&oaep, public, b"secret"));
        for _ in 0..2 {
            must("C_DecryptInit", session.decrypt_init(&oaep, private));
            must("C_Login(CKU_CONTEXT_SPECIFIC)", prove(&session, USER_PIN));
            assert_eq!(must("C_Decrypt", decrypt(&session, &ciphertext)), b"secret");
            must("C_DecryptInit", session.decrypt_init(&oaep, private));
            refused("C_Decrypt without a PIN", decrypt(&session, &ciphertext), NOT_PROVEN);
        }
    });
}

#[test]
fn a_signature_in_parts_waits_at_its_first_part() {
    with_token(|token| {
        let session = token.user_session();
        let (_, private) = asking_pair(&session, attrs![]);
        sign_init(&session, private);
        refused("C_SignUpdate without a PIN", session.sign_update(b"part"), NOT_PROVEN);
        sign_init(&session, private);
        must("C_Login(CKU_CONTEXT_SPECIFIC)", prove(&session, USER_PIN));
        must("C_SignUpdate", session.sign_update(b"one"));
        must("C_SignUpdate", session.sign_update(b"two"));
        assert_eq!(must("C_SignFinal", session.sign_final()).len(), 256);
    });
}

/// Section 5.2: whoever asks for a length may log in afterwards.
#[test]
fn a_length_is_told_without_a_pin() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: the standard does not say");
        }
        let session = token.user_session();
        let (_, private) = asking_pair(&session, attrs![]);
        sign_init(&session, private);
        let mut query = Out::query();
        must("C_Sign(NULL)", session.sign_into(b"message", &mut query));
        assert_eq!(query.length, 256);
        must("C_Login(CKU_CONTEXT_SPECIFIC)", prove(&session, USER_PIN));
        must("C_Sign", sign(&session));
    });
}

#[test]
fn a_wrong_pin_leaves_the_operation_waiting() {
    with_token(|token| {
        let session = token.user_session();
        let (_, private) = asking_pair(&session, attrs![]);
        sign_init(&session, private);
        refused("a wrong PIN", prove(&session, "4321"), &[CKR_PIN_INCORRECT]);
        let info = must("C_GetTokenInfo", token.module.token_info(token.slot));
        if token.is_claviger {
            assert_ne!(info.flags & CKF_USER_PIN_COUNT_LOW, 0, "it was counted");
        }
        assert_eq!(must("C_GetSessionInfo", session.info()).state, CKS_RW_USER_FUNCTIONS);
        must("the right PIN", prove(&session, USER_PIN));
        must("C_Sign", sign(&session));
    });
}

/// Section 4.10: "CKR_PIN_LOCKED and this also logs the user out from the token".
#[test]
fn a_user_who_is_locked_is_logged_out() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: how many wrong PINs lock a user is the token's to say");
        }
        let session = token.user_session();
        let (_, private) = asking_pair(&session, attrs![]);
        sign_init(&session, private);
        for _ in 0..10 {
            refused("a wrong PIN", prove(&session, "4321"), &[CKR_PIN_INCORRECT]);
        }
        refused("the right PIN", prove(&session, USER_PIN), &[CKR_PIN_LOCKED]);
        assert_eq!(must("C_GetSessionInfo", session.info()).state, CKS_RW_PUBLIC_SESSION);
        refused("C_Sign", sign(&session), NOTHING_WAITS);
        refused("C_Login", session.login(CKU_USER, USER_PIN), &[CKR_PIN_LOCKED]);
    });
}

#[test]
fn nothing_waits_for_a_pin_but_such_a_key() {
    with_token(|token| {
        let session = token.session();
        refused("before C_Login", prove(&session, USER_PIN), NOTHING_WAITS);
        let session = token.user_session();
        refused("without an operation", prove(&session, USER_PIN), NOTHING_WAITS);
        let (_, private) = rsa_pair(&session, attrs![], attrs![CKA_SIGN => true]);
        sign_init(&session, private);
        refused("ALWAYS_AUTHENTICATE=0", prove(&session, USER_PIN), NOTHING_WAITS);
        must("C_Sign", sign(&session));
    });
}

#[test]
fn named_users_prove_their_own_pin() {
    with_roles(Policy::Enforce, |token| {
        let session = token.user_session();
        let (_, private) = asking_pair(&session, attrs![]);
        let (app1, app2) = (&token.named().app1, &token.named().app2);
        let bare = app1.split_once(':').map_or("", |(_, pin)| pin);
        for (pin, name) in [(app1.as_str(), ""), (bare, ""), (bare, "app1")] {
            sign_init(&session, private);
            let proven = match name {
                "" => prove(&session, pin),
                _ => session.login_user(CKU_CONTEXT_SPECIFIC, pin, name),
            };
            must("the own PIN", proven);
            must("C_Sign", sign(&session));
        }
        sign_init(&session, private);
        refused("another user's PIN", prove(&session, app2), &[CKR_PIN_INCORRECT]);
        let other = session.login_user(CKU_CONTEXT_SPECIFIC, bare, "app2");
        refused("another user", other, &[CKR_USER_ANOTHER_ALREADY_LOGGED_IN]);
        refused("C_Sign", sign(&session), NOT_PROVEN);
    });
}

/// R2: what could not ask for the PIN is not there; the key never leaves.
#[test]
fn in_enforce_such_a_key_neither_leaves_nor_unwraps_nor_derives() {
    with_roles(Policy::Enforce, |token| {
        let session = token.user_session();
        let generate = |mechanism, public: Vec<Attribute>, private: Vec<Attribute>| {
            let private = with(attrs![CKA_TOKEN => false, CKA_ALWAYS_AUTHENTICATE => true], private);
            let public = with(attrs![CKA_TOKEN => false], public);
            session.generate_key_pair(&Mechanism::plain(mechanism), &public, &private)
        };
        let rsa = |private| generate(CKM_RSA_PKCS_KEY_PAIR_GEN, attrs![CKA_MODULUS_BITS => 2048], private);
        let ec = |private| generate(CKM_EC_KEY_PAIR_GEN, attrs![CKA_EC_PARAMS => P256], private);
        let inconsistent = &[CKR_TEMPLATE_INCONSISTENT];
        refused("EXTRACTABLE=1", rsa(attrs![CKA_EXTRACTABLE => true]), inconsistent);
        refused("UNWRAP=1", rsa(attrs![CKA_UNWRAP => true]), inconsistent);
        refused("DERIVE=1", ec(attrs![CKA_DERIVE => true]), inconsistent);
        let (_, private) = must("C_GenerateKeyPair", rsa(attrs![CKA_SENSITIVE => false]));
        for (kind, wanted) in [(CKA_EXTRACTABLE, false), (CKA_UNWRAP, false), (CKA_DERIVE, false), (CKA_SIGN, true)] {
            assert_eq!(must("a flag", session.flag(private, kind)), wanted, "{kind:#x}");
        }
        for kind in [CKA_UNWRAP, CKA_DERIVE] {
            let changed = session.set_attribute_value(private, &attrs![kind => true]);
            refused("a usage later", changed, &[CKR_ATTRIBUTE_READ_ONLY]);
        }
    });
}

#[test]
fn in_standard_the_template_says() {
    with_roles(Policy::Standard, |token| {
        let session = token.user_session();
        let more = attrs![CKA_EXTRACTABLE => true, CKA_UNWRAP => true, CKA_SIGN => true];
        let (_, private) = asking_pair(&session, more);
        assert!(must("EXTRACTABLE", session.flag(private, CKA_EXTRACTABLE)));
        assert!(must("UNWRAP", session.flag(private, CKA_UNWRAP)));
        sign_init(&session, private);
        refused("C_Sign without a PIN", sign(&session), NOT_PROVEN);
        let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048];
        let open = attrs![CKA_TOKEN => false, CKA_ALWAYS_AUTHENTICATE => true, CKA_PRIVATE => false];
        let made = session.generate_key_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &open);
        refused("PRIVATE=0", made, &[CKR_TEMPLATE_INCONSISTENT]);
    });
}
