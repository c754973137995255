//! A token that is backed up and restored elsewhere: users, trust, keys and blobs are as they were, and what was retired
//! stays retired unless the officers of the backup say otherwise (rule R18).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use claviger_conformance::attrs;
use claviger_conformance::fixture::{Policy, SO_PIN, command};
use claviger_conformance::isolated::{Finished, second_process, with_roles};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::samples::{P256, try_aes_key, unwrapped};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{Token, must, refused};
use claviger_conformance::vendor::CKA_CLAVIGER_SHARED_WITH;
use cryptoki_sys::*;

/// What the first process hands to the one that uses the restored token.
const BLOB: &str = "CONFORMANCE_BLOB";
const POINT: &str = "CONFORMANCE_POINT";
/// Whether the wrapping key is trusted there.
const TRUSTED: &str = "CONFORMANCE_TRUSTED";
const DONE: &str = "the restored token is as it was";

#[track_caller]
fn become_user(session: &Session<'_>, kind: CK_USER_TYPE, pin: &str) {
    let _ = session.logout();
    must("C_Login", session.login(kind, pin));
}

#[track_caller]
fn one(session: &Session<'_>, class: CK_OBJECT_CLASS, label: &str) -> Object {
    let found = must("C_FindObjects", session.find(&attrs![CKA_CLASS => class, CKA_LABEL => label]));
    assert_eq!(found.len(), 1, "{label}");
    found[0]
}

fn kwp() -> Mechanism {
    Mechanism::plain(CKM_AES_KEY_WRAP_KWP)
}

/// Makes a trusted wrapping key, a data key in a blob, and a signing pair; gives blob and public point.
fn furnish(token: &Token, session: &Session<'_>) -> (Vec<u8>, Vec<u8>) {
    become_user(session, CKU_USER, &token.named().kim);
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => "kT", CKA_WRAP => true, CKA_UNWRAP => true];
    let candidate = must("C_GenerateKey(candidate)", try_aes_key(session, template));
    let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1"];
    must("SHARED_WITH", session.set_attribute_value(candidate, &share));
    become_user(session, CKU_SO, SO_PIN);
    let kt = one(session, CKO_SECRET_KEY, "kT");
    must("TRUSTED", session.set_attribute_value(kt, &attrs![CKA_TRUSTED => true]));
    become_user(session, CKU_USER, &token.named().app1);
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => "data", CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let data = must("C_GenerateKey(data)", try_aes_key(session, template));
    let blob = must("C_WrapKey", session.wrap_key(&kwp(), one(session, CKO_SECRET_KEY, "kT"), data));
    let half = |usage| attrs![CKA_TOKEN => true, CKA_LABEL => "sig", usage => true];
    let public = [half(CKA_VERIFY), attrs![CKA_EC_PARAMS => P256]].concat();
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let pair = session.generate_key_pair(&generation, &public, &half(CKA_SIGN));
    let (public, _) = must("C_GenerateKeyPair", pair);
    (blob, must("EC_POINT", session.attribute(public, CKA_EC_POINT)))
}

/// In the process that finds the restored token.
fn use_restored(token: &Token) {
    let read = |name| hex::decode(std::env::var(name).unwrap()).unwrap();
    let is_trusted = std::env::var(TRUSTED).unwrap() == "true";
    let session = token.session();
    refused("C_Login with another PIN", session.login(CKU_USER, "app1:wrong"), &[CKR_PIN_INCORRECT]);
    become_user(&session, CKU_USER, &token.named().app1);
    let kt = one(&session, CKO_SECRET_KEY, "kT");
    assert_eq!(must("TRUSTED", session.flag(kt, CKA_TRUSTED)), is_trusted);
    let template = unwrapped(attrs![CKA_LABEL => "back"]);
    must("C_UnwrapKey", session.unwrap_key(&kwp(), kt, &read(BLOB), &template));
    let wrapped = session.wrap_key(&kwp(), kt, one(&session, CKO_SECRET_KEY, "data"));
    match is_trusted {
        true => drop(must("C_WrapKey", wrapped)),
        false => refused("C_WrapKey(retired)", wrapped, &[CKR_KEY_FUNCTION_NOT_PERMITTED]),
    }
    let (private, public) = (one(&session, CKO_PRIVATE_KEY, "sig"), one(&session, CKO_PUBLIC_KEY, "sig"));
    assert_eq!(must("EC_POINT", session.attribute(public, CKA_EC_POINT)), read(POINT));
    let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
    let signature = must("C_Sign", session.sign(&ecdsa, private, b"message"));
    must("C_Verify", session.verify(&ecdsa, public, b"message", &signature));
    let new = attrs![CKA_TOKEN => true, CKA_LABEL => "made later"];
    let new = must("C_GenerateKey", try_aes_key(&session, new));
    must("C_SetAttributeValue", session.set_attribute_value(new, &attrs![CKA_LABEL => "named later"]));
    must("C_DestroyObject", session.destroy_object(one(&session, CKO_SECRET_KEY, "named later")));
    println!("{DONE}");
}

fn claviger(arguments: &[&str], more: &[(String, String)]) -> Output {
    let mut command = Command::new(command().unwrap());
    command.args(arguments).env("CLAVIGER_PIN", format!("so:{SO_PIN}")).envs(more.iter().cloned());
    command.output().unwrap()
}

#[track_caller]
fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The environment of another directory on the same domain.
fn elsewhere(directory: &Path) -> Vec<(String, String)> {
    let first = std::env::var("CLAVIGER_TOKEN_DATA").unwrap();
    vec![
        ("CLAVIGER_TOKEN_DATA".to_owned(), directory.to_str().unwrap().to_owned()),
        ("CLAVIGER_DOMAIN".to_owned(), format!("{first}/domain")),
    ]
}

fn used(place: &[(String, String)], blob: &[u8], point: &[u8], is_trusted: bool) -> Finished {
    let facts = [(BLOB, hex::encode(blob)), (POINT, hex::encode(point)), (TRUSTED, is_trusted.to_string())];
    let facts = facts.map(|(name, value)| (name.to_owned(), value));
    second_process(&[place, &facts].concat())
}

#[test]
fn a_restored_token_works_with_the_old_pins_and_opens_old_blobs() {
    with_roles(Policy::Enforce, |token| {
        if std::env::var_os(BLOB).is_some() {
            return use_restored(token);
        }
        let (blob, point) = furnish(token, &token.session());
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("token.backup");
        done(&claviger(&["backup", "--to", file.to_str().unwrap()], &[]));
        let place = elsewhere(&room.path().join("other"));
        done(&claviger(&["restore", file.to_str().unwrap()], &place));
        let finished = used(&place, &blob, &point, true);
        assert!(finished.output.contains(DONE), "{}", finished.output);
    });
}

#[test]
fn a_retired_key_is_trusted_again_only_if_the_officers_of_the_backup_want_it() {
    with_roles(Policy::Enforce, |token| {
        if std::env::var_os(BLOB).is_some() {
            return use_restored(token);
        }
        let session = token.session();
        let (blob, point) = furnish(token, &session);
        let room = tempfile::tempdir().unwrap();
        let [before, after] = ["before", "after"].map(|name| room.path().join(name).to_str().unwrap().to_owned());
        done(&claviger(&["backup", "--to", &before], &[]));
        become_user(&session, CKU_SO, SO_PIN);
        let kt = one(&session, CKO_SECRET_KEY, "kT");
        must("TRUSTED=0", session.set_attribute_value(kt, &attrs![CKA_TRUSTED => false]));
        done(&claviger(&["backup", "--to", &after], &[]));

        let place = elsewhere(&room.path().join("new"));
        let refused = claviger(&["restore", &before], &place);
        let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && sentence.contains("rule R18"), "{sentence}");
        done(&claviger(&["restore", &after], &place));
        let finished = used(&place, &blob, &point, false);
        assert!(finished.output.contains(DONE), "{}", finished.output);

        let place = elsewhere(&room.path().join("old"));
        let wrong = claviger(&["restore", &before, "--officer", "so:wrong"], &place);
        assert!(!wrong.status.success());
        done(&claviger(&["restore", &before, "--officer", &format!("so:{SO_PIN}")], &place));
        let log = claviger(&["audit", "show", "--event", "restored"], &place);
        assert!(String::from_utf8_lossy(&log.stdout).contains("backup 1, older than 2, by so"));
        let finished = used(&place, &blob, &point, true);
        assert!(finished.output.contains(DONE), "{}", finished.output);
    });
}
