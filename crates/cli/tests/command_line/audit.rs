//! The audit log by the command line: what reaches it, what never does, and what tampering looks like.

use std::fs;
use std::path::{Path, PathBuf};

use crate::desk::{Desk, text};

/// PINs and key values that stand out wherever they would turn up.
const PINS: [&str; 3] = ["Zanzibar-4711", "Timbuktu-0815", "Reykjavik-2342"];
const MASTER: &str = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";

fn log_file(desk: &Desk) -> PathBuf {
    desk.token_data().join("slot-0/audit/000001.jsonl")
}

fn everything_in(dir: &Path) -> Vec<u8> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { everything_in(&path) } else { fs::read(path).unwrap() }).collect()
}

fn kinds(desk: &Desk) -> Vec<String> {
    let shown = desk.done("so", &["audit", "show"]);
    shown["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_pin_and_no_key_value_ever_reaches_the_log() {
    let desk = Desk::with_users();
    let so = |arguments: &[&str]| desk.done("so", arguments);
    so(&["user", "create", "--username", "ann", "--role", "nu", "--password", PINS[0]]);
    so(&["user", "change-password", "--username", "ann", "--password", PINS[1]]);
    let as_user = |credentials: &str, arguments: &[&str]| {
        let mut command = desk.command("", arguments);
        command.env("CLAVIGER_PIN", credentials).output().unwrap()
    };
    assert!(as_user(&format!("ann:{}", PINS[1]), &["key", "list"]).status.success());
    // Wrong PINs, a PIN in the place of a name, and a PIN with the name of nobody.
    for credentials in [format!("ann:{}", PINS[2]), format!("{}:1234", PINS[2]), format!("nobody:{}", PINS[2])] {
        assert!(!as_user(&credentials, &["key", "list"]).status.success());
    }
    let master = desk.path("master");
    fs::write(&master, hex::decode(MASTER).unwrap()).unwrap();
    desk.done(
        "app1",
        &["key", "generate-symmetric", "aes", "--label", "own", "--attributes", "wrap=true", "unwrap=true"],
    );
    desk.run(
        "app1",
        &[
            "key",
            "unwrap",
            "aes-kwp",
            "--filter",
            "attr.label=own",
            "--key-type-class",
            "aes",
            "--label",
            "in",
            "--path",
            text(&master),
        ],
    );
    let written = everything_in(&desk.token_data().join("slot-0/audit"));
    assert!(String::from_utf8_lossy(&written).contains("login-failed"));
    for secret in PINS.iter().map(|pin| pin.as_bytes().to_vec()).chain([hex::decode(MASTER).unwrap(), MASTER.into()]) {
        assert!(
            !written.windows(secret.len()).any(|window| window == secret),
            "{:?}",
            String::from_utf8_lossy(&secret)
        );
    }
}

#[test]
fn every_administrative_act_and_the_life_of_a_key_are_told() {
    let desk = Desk::with_users();
    desk.done("kim", &["key", "generate-symmetric", "aes", "--label", "kek", "--candidate"]);
    desk.done("kim", &["key", "share", "--filter", "attr.label=kek", "--username", "app1"]);
    desk.done("so", &["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "true"]);
    desk.done(
        "app1",
        &["key", "generate-symmetric", "aes", "--label", "data", "--attributes", "sensitive=true", "extractable=true"],
    );
    desk.done(
        "app1",
        &["key", "wrap", "aes-kwp", "--payload-filter", "attr.label=data", "--wrapping-filter", "attr.label=kek"],
    );
    desk.done("app1", &["key", "set-attribute", "--filter", "attr.label=data", "--name", "label", "--value", "new"]);
    desk.done("app1", &["key", "delete", "--filter", "attr.label=new"]);
    desk.done("so", &["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "false"]);
    desk.done("so", &["user", "change-password", "--username", "app2", "--password", "fresh-pin"]);
    desk.done("so", &["user", "unlock", "--username", "app2"]);
    desk.done("so", &["user", "delete", "--username", "app2"]);
    let told: Vec<_> = kinds(&desk).into_iter().filter(|kind| !["login", "logout"].contains(&kind.as_str())).collect();
    #[rustfmt::skip]
    let expected = [
        "audit-opened", "token-initialized", "user-created", "user-created", "user-created", "key-created", "key-shared",
        "key-trusted", "key-created", "key-wrapped-out", "key-changed", "key-destroyed", "key-retired", "pin-reset",
        "user-unlocked", "user-deleted",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_user_that_is_locked_by_wrong_pins_is_told_once() {
    let desk = Desk::with_users();
    for _ in 0..5 {
        desk.command("", &["key", "list"]).env("CLAVIGER_PIN", "app1:wrong").output().unwrap();
    }
    let told = kinds(&desk);
    let count = |kind: &str| told.iter().filter(|told| *told == kind).count();
    assert_eq!((count("login-failed"), count("pin-locked")), (5, 1));
}

#[test]
fn a_new_token_in_the_slot_keeps_the_log_of_the_old_one() {
    let desk = Desk::with_users();
    desk.done("so", &["init", "--reset", "--label", "new", "--so-pin", crate::desk::SO_PIN]);
    assert_eq!(kinds(&desk).iter().filter(|kind| *kind == "token-initialized").count(), 2);
    assert_eq!(desk.done("so", &["audit", "verify"])["whole"], true);
}

#[test]
fn verify_fails_on_a_changed_line_and_says_which() {
    let desk = Desk::with_users();
    let log = fs::read_to_string(log_file(&desk)).unwrap();
    fs::write(log_file(&desk), log.replacen("user-created", "user-deleted", 1)).unwrap();
    let answer = desk.ask("so", &["audit", "verify"]);
    assert_eq!((answer.status, answer.error_code, &answer.data["whole"]), (1, 1, &false.into()));
    let fault = answer.data["faults"][0].as_str().unwrap();
    assert!(fault.starts_with("000001.jsonl, line 4: the line does not follow"), "{fault}");
    let output = desk.run("so", &["audit", "verify"]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("The audit log is not whole: 1 fault."));
}

#[test]
fn a_full_log_drops_its_oldest_file_and_stays_whole() {
    let desk = Desk::empty();
    let configuration = fs::read_to_string(desk.configuration()).unwrap();
    fs::write(desk.configuration(), format!("{configuration}[audit]\nmax-file-bytes = 4096\nmax-files = 2\n")).unwrap();
    desk.done("", &["init", "--label", "desk", "--so-pin", crate::desk::SO_PIN]);
    for round in 0..30 {
        let name = format!("user{round}");
        desk.done("so", &["user", "create", "--username", &name, "--role", "nu", "--password", "1234"]);
    }
    let verdict = desk.done("so", &["audit", "verify"]);
    assert_eq!((&verdict["whole"], &verdict["files"]), (&true.into(), &2.into()));
    assert!(verdict["first"]["seq"].as_u64().unwrap() > 1);
    assert!(!log_file(&desk).exists());
}

#[test]
fn a_log_that_cannot_be_written_stops_no_call_and_is_said() {
    let desk = Desk::with_users();
    // Not a directory: nobody, not even root, opens a file in it.
    let directory = desk.token_data().join("slot-0/audit");
    fs::remove_dir_all(&directory).unwrap();
    fs::write(&directory, "").unwrap();
    let answer = desk.ask("so", &["user", "create", "--username", "ann", "--role", "nu", "--password", "1234"]);
    assert_eq!(answer.status, 0, "{}", answer.data);
    assert!(answer.stderr.contains("An event is missing from the audit log: "), "{}", answer.stderr);
}
