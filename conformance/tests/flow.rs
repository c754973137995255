//! The flow that trusted keys are for, by C calls alone: the key manager makes the wrapping key, the security officer
//! trusts it, an application wraps its data key under it, loses it and gets it back. Then the same token from a
//! second process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claviger_conformance::attrs;
use claviger_conformance::fixture::{Policy, SO_PIN};
use claviger_conformance::isolated::{second_process, with_roles};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Out;
use claviger_conformance::samples::{try_aes_key, unwrapped};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::Attribute;
use claviger_conformance::token::{Token, must, refused};
use claviger_conformance::vendor::{CKA_CLAVIGER_OWNER, CKA_CLAVIGER_SHARED_WITH};
use cryptoki_sys::*;

/// What the first process hands to the second.
const CIPHER: &str = "CONFORMANCE_CIPHER";
const BLOB: &str = "CONFORMANCE_BLOB";

const PLAIN: &[u8] = b"what app1 wants back";

fn gcm() -> Mechanism {
    Mechanism::aes_gcm(&[9; 12], b"", 128)
}

#[track_caller]
fn become_user(session: &Session<'_>, kind: CK_USER_TYPE, pin: &str) {
    match session.logout() {
        Ok(()) => {}
        Err(rv) => assert_eq!(rv, CKR_USER_NOT_LOGGED_IN, "C_Logout: {rv}"),
    }
    must(&format!("C_Login({})", pin.split(':').next().unwrap_or("so")), session.login(kind, pin));
}

fn by_label(session: &Session<'_>, label: &str) -> Vec<Object> {
    must("C_FindObjects", session.find(&attrs![CKA_LABEL => label]))
}

#[track_caller]
fn one(session: &Session<'_>, label: &str) -> Object {
    let found = by_label(session, label);
    assert_eq!(found.len(), 1, "keys labelled {label}");
    found[0]
}

/// As kim: a candidate, made with the fewest words, and shared with app1.
fn candidate(session: &Session<'_>, label: &str) {
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_WRAP => true, CKA_UNWRAP => true];
    let key = must("C_GenerateKey(candidate)", try_aes_key(session, template));
    for (name, kind, wanted) in [
        ("PRIVATE", CKA_PRIVATE, true),
        ("SENSITIVE", CKA_SENSITIVE, true),
        ("EXTRACTABLE", CKA_EXTRACTABLE, false),
        ("COPYABLE", CKA_COPYABLE, false),
        ("MODIFIABLE", CKA_MODIFIABLE, false),
        ("WRAP", CKA_WRAP, true),
        ("UNWRAP", CKA_UNWRAP, true),
        ("ENCRYPT", CKA_ENCRYPT, false),
        ("DECRYPT", CKA_DECRYPT, false),
        ("SIGN", CKA_SIGN, false),
        ("DERIVE", CKA_DERIVE, false),
        ("TRUSTED", CKA_TRUSTED, false),
    ] {
        assert_eq!(must(name, session.flag(key, kind)), wanted, "{name} of a candidate");
    }
    assert_eq!(must("OWNER", session.attribute(key, CKA_CLAVIGER_OWNER)), b"kim");
    let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1"];
    must("C_SetAttributeValue(SHARED_WITH)", session.set_attribute_value(key, &share));
}

fn data_key() -> Vec<Attribute> {
    attrs![
        CKA_TOKEN => true, CKA_LABEL => "data key", CKA_SENSITIVE => true, CKA_EXTRACTABLE => true,
        CKA_ENCRYPT => true, CKA_DECRYPT => true,
    ]
}

fn restored() -> Vec<Attribute> {
    unwrapped(attrs![CKA_TOKEN => true, CKA_LABEL => "data key", CKA_ENCRYPT => true, CKA_DECRYPT => true])
}

#[test]
fn a_key_leaves_under_a_trusted_key_and_comes_back() {
    with_roles(Policy::Enforce, |token| {
        if let (Ok(cipher), Ok(blob)) = (std::env::var(CIPHER), std::env::var(BLOB)) {
            return second_application(token, &hex::decode(cipher).unwrap(), &hex::decode(blob).unwrap());
        }
        let session = token.session();
        let key_wrap = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        become_user(&session, CKU_USER, &token.named().kim);
        candidate(&session, "kT");

        become_user(&session, CKU_USER, &token.named().app1);
        let key = must("C_GenerateKey(data key)", try_aes_key(&session, data_key()));
        assert!(must("WRAP_WITH_TRUSTED", session.flag(key, CKA_WRAP_WITH_TRUSTED)), "raised by the token");
        let cipher = must("C_Encrypt", session.encrypt(&gcm(), key, PLAIN));
        let early = session.wrap_key(&key_wrap, one(&session, "kT"), key);
        refused("C_WrapKey(candidate)", early, &[CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_NOT_WRAPPABLE]);

        become_user(&session, CKU_SO, SO_PIN);
        let trust = session.set_attribute_value(one(&session, "kT"), &attrs![CKA_TRUSTED => true]);
        must("C_SetAttributeValue(TRUSTED)", trust);

        become_user(&session, CKU_USER, &token.named().app1);
        let (trusted, key) = (one(&session, "kT"), one(&session, "data key"));
        assert!(must("TRUSTED", session.flag(trusted, CKA_TRUSTED)));
        let blob = must("C_WrapKey(kT, data key)", session.wrap_key(&key_wrap, trusted, key));
        must("C_DestroyObject(data key)", session.destroy_object(key));
        let back = must("C_UnwrapKey(kT)", session.unwrap_key(&key_wrap, trusted, &blob, &restored()));
        assert_eq!(must("C_Decrypt", session.decrypt(&gcm(), back, &cipher)), PLAIN);
        for (name, kind, wanted) in [
            ("WRAP_WITH_TRUSTED", CKA_WRAP_WITH_TRUSTED, true),
            ("SENSITIVE", CKA_SENSITIVE, true),
            ("TRUSTED", CKA_TRUSTED, false),
            ("LOCAL", CKA_LOCAL, false),
        ] {
            assert_eq!(must(name, session.flag(back, kind)), wanted, "{name} of what was unwrapped");
        }
        assert_eq!(must("OWNER", session.attribute(back, CKA_CLAVIGER_OWNER)), b"app1");

        let own = must("C_GenerateKey(own)", try_aes_key(&session, attrs![CKA_WRAP => true]));
        refused("C_WrapKey(own key, data key)", session.wrap_key(&key_wrap, own, back), &[CKR_KEY_NOT_WRAPPABLE]);
        refused("C_WrapKey(own key, kT)", session.wrap_key(&key_wrap, own, trusted), &[CKR_KEY_UNEXTRACTABLE]);

        become_user(&session, CKU_USER, &token.named().app2);
        assert!(by_label(&session, "kT").is_empty() && by_label(&session, "data key").is_empty());
        become_user(&session, CKU_USER, &token.named().kim);
        assert!(by_label(&session, "data key").is_empty());
        assert_eq!(by_label(&session, "kT").len(), 1);

        let found = [(CIPHER, &cipher), (BLOB, &blob)].map(|(name, bytes)| (name.to_owned(), hex::encode(bytes)));
        let second = second_process(&found);
        assert!(second.output.contains("the second process is done"), "{}", second.output);
    });
}

/// The same objects, users and trust, seen by another application.
fn second_application(token: &Token, cipher: &[u8], blob: &[u8]) {
    let session = token.session();
    assert_eq!(must("C_GetSessionInfo", session.info()).state, CKS_RW_PUBLIC_SESSION);
    become_user(&session, CKU_USER, &token.named().app1);
    let (trusted, key) = (one(&session, "kT"), one(&session, "data key"));
    assert!(must("TRUSTED", session.flag(trusted, CKA_TRUSTED)));
    assert_eq!(must("C_Decrypt", session.decrypt(&gcm(), key, cipher)), PLAIN);
    let key_wrap = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    must("C_UnwrapKey", session.unwrap_key(&key_wrap, trusted, blob, &restored()));
    must("C_WrapKey", session.wrap_key(&key_wrap, trusted, key));
    become_user(&session, CKU_USER, &token.named().app2);
    assert!(by_label(&session, "kT").is_empty() && by_label(&session, "data key").is_empty());
    println!("the second process is done");
}

#[test]
fn a_retired_key_opens_old_blobs_and_makes_no_new_ones() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        let key_wrap = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        become_user(&session, CKU_USER, &token.named().kim);
        candidate(&session, "kT");
        become_user(&session, CKU_SO, SO_PIN);
        let set = |trusted: bool| session.set_attribute_value(one(&session, "kT"), &attrs![CKA_TRUSTED => trusted]);
        must("TRUSTED=1", set(true));
        become_user(&session, CKU_USER, &token.named().app1);
        let key = must("C_GenerateKey", try_aes_key(&session, data_key()));
        let blob = must("C_WrapKey", session.wrap_key(&key_wrap, one(&session, "kT"), key));
        become_user(&session, CKU_SO, SO_PIN);
        must("TRUSTED=0", set(false));
        refused("TRUSTED=1 again", set(true), &[CKR_ATTRIBUTE_READ_ONLY]);
        become_user(&session, CKU_USER, &token.named().app1);
        let retired = one(&session, "kT");
        let again = session.wrap_key(&key_wrap, retired, one(&session, "data key"));
        refused("C_WrapKey(retired)", again, &[CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_NOT_WRAPPABLE]);
        let back = must("C_UnwrapKey(retired)", session.unwrap_key(&key_wrap, retired, &blob, &restored()));
        assert!(must("WRAP_WITH_TRUSTED", session.flag(back, CKA_WRAP_WITH_TRUSTED)));
    });
}

/// R10: under a trusted key the token makes the IV, and tells it.
#[test]
fn under_a_trusted_key_gcm_takes_the_tokens_iv_and_a_full_tag() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        become_user(&session, CKU_USER, &token.named().kim);
        candidate(&session, "kT");
        become_user(&session, CKU_SO, SO_PIN);
        must("TRUSTED=1", session.set_attribute_value(one(&session, "kT"), &attrs![CKA_TRUSTED => true]));
        become_user(&session, CKU_USER, &token.named().app1);
        let (trusted, key) = (one(&session, "kT"), must("C_GenerateKey", try_aes_key(&session, data_key())));
        let invalid = &[CKR_MECHANISM_PARAM_INVALID];
        for (name, mechanism) in [
            ("the caller's IV", Mechanism::aes_gcm(&[1; 12], &[], 128)),
            ("an IV of 16 bytes", Mechanism::aes_gcm(&[0; 16], &[], 128)),
            ("a tag of 96 bits", Mechanism::aes_gcm(&[0; 12], &[], 96)),
            ("a tag of 0 bits", Mechanism::aes_gcm(&[0; 12], &[], 0)),
        ] {
            refused(name, session.wrap_key(&mechanism, trusted, key), invalid);
        }
        let mut ivs = Vec::new();
        for _ in 0..2 {
            let mechanism = Mechanism::aes_gcm(&[0; 12], &[], 128);
            let mut buffer = [0; 128];
            let mut out = Out::into(&mut buffer);
            must("C_WrapKey(AES_GCM)", session.wrap_key_into(&mechanism, trusted, key, &mut out));
            assert_eq!(out.length, 48);
            let unwrap = Mechanism::aes_gcm(&mechanism.iv(), &[], 128);
            must("C_UnwrapKey(AES_GCM)", session.unwrap_key(&unwrap, trusted, &buffer[..48], &restored()));
            let short = Mechanism::aes_gcm(&mechanism.iv(), &[], 32);
            refused("tag of 32 bits", session.unwrap_key(&short, trusted, &buffer[..36], &restored()), invalid);
            ivs.push(mechanism.iv());
        }
        assert!(ivs[0] != ivs[1] && ivs[0] != [0; 12], "a fresh IV each time");
        for kind in [CKM_AES_ECB, CKM_AES_CBC_PAD, CKM_AES_CBC] {
            let mechanism = if kind == CKM_AES_ECB { kind.into() } else { Mechanism::with_bytes(kind, &[0; 16]) };
            let wrapped = session.wrap_key(&mechanism, trusted, key);
            let refusals = &[CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED];
            refused(&format!("C_WrapKey({kind:#x})"), wrapped, refusals);
        }
    });
}

/// Section 1 of the roles: what each role may not do, and the code that says so.
#[test]
fn each_role_keeps_to_its_own() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        become_user(&session, CKU_USER, &token.named().kim);
        let key = must("C_GenerateKey by kim", try_aes_key(&session, attrs![CKA_LABEL => "kim's"]));
        let permitted = &[CKR_KEY_FUNCTION_NOT_PERMITTED];
        refused("C_EncryptInit by kim", session.encrypt_init(&Mechanism::plain(CKM_AES_ECB), key), permitted);
        refused("C_SignInit by kim", session.sign_init(&Mechanism::plain(CKM_AES_CMAC), key), permitted);
        candidate(&session, "kT");
        let trust = session.set_attribute_value(one(&session, "kT"), &attrs![CKA_TRUSTED => true]);
        refused("TRUSTED=1 by kim", trust, &[CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED]);

        become_user(&session, CKU_USER, &token.named().app1);
        let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app2"];
        let own = must("C_GenerateKey by app1", try_aes_key(&session, attrs![CKA_LABEL => "app1's"]));
        refused("SHARED_WITH by app1", session.set_attribute_value(own, &share), &[CKR_ATTRIBUTE_READ_ONLY]);
        let candidate = attrs![CKA_TOKEN => true, CKA_LABEL => "own", CKA_WRAP => true, CKA_UNWRAP => true];
        must("C_GenerateKey(WRAP) by app1", try_aes_key(&session, candidate));

        become_user(&session, CKU_SO, SO_PIN);
        refused("C_GenerateKey by the SO", try_aes_key(&session, attrs![]), &[CKR_USER_NOT_LOGGED_IN]);
        assert!(by_label(&session, "own").is_empty(), "a normal user's wrapping key is no candidate");
        let seen = one(&session, "kT");
        refused("VALUE by the SO", session.attribute(seen, CKA_VALUE), &[CKR_ATTRIBUTE_SENSITIVE]);
        refused("C_DestroyObject by the SO", session.destroy_object(seen), &[CKR_ACTION_PROHIBITED]);
    });
}

#[test]
fn standard_mode_is_plain_pkcs_11() {
    with_roles(Policy::Standard, |token| {
        let session = token.session();
        become_user(&session, CKU_USER, &token.named().app1);
        let key = must("C_GenerateKey", try_aes_key(&session, data_key()));
        assert!(!must("WRAP_WITH_TRUSTED", session.flag(key, CKA_WRAP_WITH_TRUSTED)), "not raised in standard");
        let own = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_ENCRYPT => true, CKA_DECRYPT => true];
        let own = must("C_GenerateKey(own)", try_aes_key(&session, own));
        let key_wrap = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        must("C_WrapKey(own key, data key)", session.wrap_key(&key_wrap, own, key));
        let asked = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
        let asked = must("C_GenerateKey(WRAP_WITH_TRUSTED)", try_aes_key(&session, asked));
        refused("C_WrapKey(own key, asked)", session.wrap_key(&key_wrap, own, asked), &[CKR_KEY_NOT_WRAPPABLE]);
    });
}
