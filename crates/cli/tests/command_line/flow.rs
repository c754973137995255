//! The trusted-key flow by command line: each step is a process of its own, so that all of it must survive on disk.

use std::path::Path;

use crate::desk::{Desk, text};
use claviger_rules::{AttributeType, MechanismType, Parameter, Template, Value};
use claviger_session::{Config, Library, MechanismCall, ObjectHandle, Room, Session, SlotId, UserType};

const IV: [u8; 16] = [7; 16];

#[test]
fn a_key_leaves_under_a_trusted_key_comes_back_and_still_decrypts() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    make_data_key(&desk, "app1");
    let ciphertext = with_key(&desk.token_data(), encrypt);
    let blob = desk.path("data.blob");

    desk.refused("app1", &wrap("data", "kek", &blob), &["CKR_KEY_FUNCTION_NOT_PERMITTED", "R9", "TRUSTED"]);
    assert!(!blob.exists());
    trust(&desk);
    desk.done("app1", &wrap("data", "kek", &blob));
    desk.done("app1", &["key", "delete", "--filter", "attr.label=data"]);
    assert!(desk.keys("app1", &["attr.label=data"]).is_empty());
    desk.done("app1", &unwrap(&blob));

    assert_eq!(with_key(&desk.token_data(), |session, key| decrypt(session, key, &ciphertext)), MESSAGE);
    let [key] = &desk.keys("app1", &["attr.label=data"])[..] else { panic!("one key") };
    let attributes = &key["attributes"];
    assert_eq!(attributes["wrap-with-trusted"], true);
    assert_eq!(attributes["sensitive"], true);
    assert_eq!(attributes["trusted"], false);
    assert_eq!(attributes["local"], false);
    assert_eq!(key["key-info"]["key-owners"][0]["username"], "app1");
}

#[test]
fn nobody_but_its_owner_sees_a_key_or_wraps_it_out() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    trust(&desk);
    make_data_key(&desk, "app1");
    desk.done("kim", &["key", "share", "--filter", "attr.label=kek", "--username", "app2"]);
    let blob = desk.path("stolen.blob");
    for user in ["app2", "kim", "so"] {
        assert!(desk.keys(user, &["attr.label=data"]).is_empty(), "{user}");
        desk.refused(user, &wrap("data", "kek", &blob), &["matched 0 keys", "--payload-filter"]);
    }
    assert!(!blob.exists());
}

#[test]
fn under_a_key_of_ones_own_a_sensitive_key_does_not_leave() {
    let desk = Desk::with_users();
    make_data_key(&desk, "app1");
    let own = ["key", "generate-symmetric", "aes", "--label", "own", "--attributes", "wrap=true", "unwrap=true"];
    desk.done("app1", &own);
    desk.refused("app1", &wrap("data", "own", &desk.path("blob")), &["CKR_KEY_NOT_WRAPPABLE", "R1"]);
}

#[test]
fn a_user_the_key_is_shared_with_uses_it_and_changes_nothing() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    trust(&desk);
    for arguments in [
        &["key", "delete", "--filter", "attr.label=kek"][..],
        &["key", "set-attribute", "--filter", "attr.label=kek", "--name", "label", "--value", "mine"],
    ] {
        desk.refused("app1", arguments, &["CKR_ACTION_PROHIBITED", "R12"]);
    }
    let share = ["key", "share", "--filter", "attr.label=kek", "--username", "app2"];
    desk.refused("app1", &share, &["CKR_ATTRIBUTE_READ_ONLY"]);
    make_data_key(&desk, "app1");
    desk.refused("app1", &wrap("kek", "kek", &desk.path("blob")), &["CKR_KEY_UNEXTRACTABLE", "R12"]);
}

#[test]
fn what_is_shared_can_be_taken_back() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    assert_eq!(desk.keys("app1", &["attr.label=kek"]).len(), 1);
    desk.done("kim", &["key", "unshare", "--filter", "attr.label=kek", "--username", "app1"]);
    assert!(desk.keys("app1", &["attr.label=kek"]).is_empty());
}

#[test]
fn only_a_security_officer_trusts_and_only_a_candidate() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    let trusting = ["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "true"];
    for user in ["kim", "app1"] {
        desk.refused(user, &trusting, &["CKR_ATTRIBUTE_READ_ONLY"]);
    }
    desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "plain"]);
    let plain = ["key", "set-attribute", "--filter", "attr.label=plain", "--name", "trusted", "--value", "true"];
    desk.refused("so", &plain, &["matched 0 keys"]);
    desk.refused(
        "app1",
        &["key", "generate-symmetric", "aes", "--label", "no", "--attributes", "trusted=true"],
        &["CKR_ATTRIBUTE_READ_ONLY"],
    );
}

#[test]
fn a_retired_key_opens_old_blobs_and_makes_no_new_ones() {
    let desk = Desk::with_users();
    make_candidate(&desk);
    trust(&desk);
    make_data_key(&desk, "app1");
    let blob = desk.path("data.blob");
    desk.done("app1", &wrap("data", "kek", &blob));
    desk.done("so", &["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "false"]);
    desk.refused("app1", &wrap("data", "kek", &desk.path("new.blob")), &["CKR_KEY_FUNCTION_NOT_PERMITTED", "R9"]);
    desk.done("app1", &["key", "delete", "--filter", "attr.label=data"]);
    desk.done("app1", &unwrap(&blob));
    let again = ["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "true"];
    desk.refused("so", &again, &["CKR_ATTRIBUTE_READ_ONLY"]);
}

fn make_candidate(desk: &Desk) {
    desk.done("kim", &["key", "generate-symmetric", "aes", "--label", "kek", "--candidate"]);
    desk.done("kim", &["key", "share", "--filter", "attr.label=kek", "--username", "app1"]);
}

fn trust(desk: &Desk) {
    desk.done("so", &["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "true"]);
}

fn make_data_key(desk: &Desk, user: &str) {
    let generate = ["key", "generate-symmetric", "aes", "--label", "data", "--key-length-bytes", "32", "--attributes"];
    let attributes = ["sensitive=true", "extractable=true", "encrypt=true", "decrypt=true"];
    desk.done(user, &[&generate[..], &attributes].concat());
}

fn wrap<'a>(payload: &str, wrapping: &str, path: &'a Path) -> Vec<&'a str> {
    let filter = |label: &str| match label {
        "data" => "attr.label=data",
        "own" => "attr.label=own",
        _ => "attr.label=kek",
    };
    let (payload, wrapping) = (filter(payload), filter(wrapping));
    vec!["key", "wrap", "aes-kwp", "--payload-filter", payload, "--wrapping-filter", wrapping, "--path", text(path)]
}

fn unwrap(path: &Path) -> Vec<&str> {
    let key = ["key", "unwrap", "aes-kwp", "--filter", "attr.label=kek", "--key-type-class", "aes", "--label", "data"];
    [&key[..], &["--path", text(path), "--attributes", "encrypt=true", "decrypt=true"]].concat()
}

const MESSAGE: &[u8] = b"what app1 keeps to itself";

/// What `body` makes of app1's data key, through the API below the command.
fn with_key<T>(token_data: &Path, body: impl FnOnce(&Session, ObjectHandle) -> T) -> T {
    let library = Library::open(Config::new(token_data)).unwrap();
    let session = library.session(library.open_session(SlotId(0), true).unwrap()).unwrap();
    session.login_user(UserType::User, b"app1-pin", b"app1").unwrap();
    session.find_init(Template::from_list([(AttributeType::LABEL, Value::bytes("data"))]).unwrap()).unwrap();
    let found = session.find(2).unwrap();
    session.find_final().unwrap();
    body(&session, found[0])
}

fn cbc() -> MechanismCall {
    MechanismCall::with(MechanismType::AES_CBC_PAD, Parameter::Iv(IV))
}

fn encrypt(session: &Session, key: ObjectHandle) -> Vec<u8> {
    let mut buffer = [0; 64];
    let mut room = Room::bytes(&mut buffer);
    session.encrypt_init(cbc(), key).unwrap();
    session.encrypt(MESSAGE, &mut room).unwrap();
    let len = room.reported();
    buffer[..len].to_vec()
}

fn decrypt(session: &Session, key: ObjectHandle, ciphertext: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 64];
    let mut room = Room::bytes(&mut buffer);
    session.decrypt_init(cbc(), key).unwrap();
    session.decrypt(ciphertext, &mut room).unwrap();
    let len = room.reported();
    buffer[..len].to_vec()
}
