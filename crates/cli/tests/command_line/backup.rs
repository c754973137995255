//! Backup, restore and export-public by command line.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use crate::desk::{Desk, SO_PIN, text};

/// Runs on the desk's domain, but with another token directory.
fn elsewhere(desk: &Desk, user: &str, arguments: &[&str]) -> Output {
    let mut command = desk.command(user, arguments);
    command.env("CLAVIGER_TOKEN_DATA", desk.path("other")).env("CLAVIGER_DOMAIN", desk.token_data().join("domain"));
    command.output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> (bool, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn done(output: &Output) -> String {
    let (succeeded, text) = said(output);
    assert!(succeeded, "{text}");
    text
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let (succeeded, text) = said(output);
    assert!(!succeeded && words.iter().all(|word| text.contains(word)), "{text:?} lacks one of {words:?}");
}

#[test]
fn a_token_comes_back_with_its_users_and_keys_in_another_directory() {
    let desk = Desk::with_users();
    desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "data"]);
    let made = desk.done("so", &["backup", "--to", "token.backup"]);
    assert_eq!((&made["counter"], &made["passphrase"]), (&1.into(), &false.into()));
    for file in [desk.path("token.backup"), desk.token_data().join("domain")] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let output = elsewhere(&desk, "", &["restore", "token.backup"]);
    assert!(done(&output).contains("Restored backup 1: token \"desk\" is in slot 0 with policy enforce."));
    assert!(output.stderr.is_empty(), "no progress bar where there is no terminal");
    assert!(done(&elsewhere(&desk, "app1", &["key", "list"])).contains("data"));
    assert!(done(&elsewhere(&desk, "so", &["audit", "show", "--event", "restored"])).contains("backup 1"));
    assert!(desk.done("so", &["audit", "show", "--event", "backed-up"])["events"][0]["reason"] == "backup 1");
    refused(&elsewhere(&desk, "", &["restore", "token.backup"]), &["rule R18", "holds a token", "--slot"]);
    refused(&elsewhere(&desk, "", &["restore", "token.backup", "--slot", "1"]), &["rule R18", "another slot"]);
}

#[test]
fn only_a_security_officer_makes_a_backup_and_nothing_is_overwritten() {
    let desk = Desk::with_users();
    for user in ["kim", "app1"] {
        desk.refused(user, &["backup", "--to", "x"], &["CKR_USER_NOT_LOGGED_IN"]);
    }
    std::fs::write(desk.path("x"), "precious").unwrap();
    desk.refused("so", &["backup", "--to", "x"], &["none is overwritten", "another name"]);
    desk.refused("so", &["backup", "--to", "missing/x"], &["could not be"]);
    assert_eq!(std::fs::read(desk.path("x")).unwrap(), b"precious");
    assert!(!desk.path("x.part").exists());
}

#[test]
fn with_a_quorum_the_last_officers_command_writes_the_file() {
    let desk = Desk::with_users();
    for name in ["so2", "so3"] {
        let pin = format!("{name}-pin");
        desk.done("so", &["user", "create", "--username", name, "--role", "so", "--password", &pin]);
    }
    desk.done("so", &["quorum", "set", "3"]);
    desk.refused("so", &["backup", "--to", "one"], &["pending act 1", "1 of 3"]);
    assert!(!desk.path("one").exists() && !desk.path("one.part").exists());
    desk.done("so2", &["quorum", "approve", "1"]);
    desk.refused("so3", &["quorum", "approve", "1"], &["claviger backup --to FILE"]);
    assert_eq!(desk.done("so3", &["backup", "--to", "one"])["counter"], 1);
    assert_eq!(desk.done("so", &["quorum", "pending"])["acts"], serde_json::json!([]));
}

#[test]
fn an_older_backup_says_who_must_consent_and_comes_back_when_they_do() {
    let desk = Desk::with_users();
    desk.done("so", &["user", "create", "--username", "so2", "--role", "so", "--password", "so2-pin"]);
    desk.done("so", &["quorum", "set", "2"]);
    for file in ["one", "two"] {
        desk.ask("so", &["backup", "--to", file]);
        desk.done("so2", &["backup", "--to", file]);
    }
    let so = format!("so:{SO_PIN}");
    let old = |officers: &[&str]| elsewhere(&desk, "", &[&["restore", "one"][..], officers].concat());
    refused(&old(&[]), &["backup 1", "knows backup 2", "2 of the", "(so, so2)", "--officer"]);
    refused(&old(&["--officer", &so]), &["--officer"]);
    refused(&old(&["--officer", &so, "--officer", "so2:wrong"]), &["CKR_PIN_INCORRECT", "R18"]);
    refused(&elsewhere(&desk, "", &["token", "tighten", "--policy", "enforce"]), &["claviger init"]);
    let text = done(&old(&["--officer", &so, "--officer", "so2:so2-pin"]));
    assert!(text.contains("Restored backup 1") && text.contains("what was done since is undone"), "{text}");
    let events = done(&elsewhere(&desk, "so", &["audit", "show", "--json"]));
    for words in ["older than 2, by so, so2", "login-failed"] {
        assert!(events.contains(words), "{events}");
    }
}

#[test]
fn a_passphrase_comes_from_the_environment_and_a_wrong_one_is_told() {
    let desk = Desk::with_users();
    let with = |passphrase: &str, arguments: &[&str]| {
        let mut command = desk.command("so", arguments);
        command.env("CLAVIGER_BACKUP_PASSPHRASE", passphrase);
        if arguments[0] == "restore" {
            command.arg("--token-data").arg(desk.path("other"));
            command.env("CLAVIGER_DOMAIN", desk.token_data().join("domain"));
        }
        command.output().unwrap()
    };
    done(&with("correct horse", &["backup", "--to", "one"]));
    refused(&elsewhere(&desk, "", &["restore", "one"]), &["CLAVIGER_BACKUP_PASSPHRASE"]);
    refused(&with("battery", &["restore", "one"]), &["passphrase is wrong"]);
    done(&with("correct horse", &["restore", "one"]));
}

#[test]
fn without_the_domain_the_sentence_says_what_to_copy() {
    let desk = Desk::with_users();
    desk.done("so", &["backup", "--to", "one"]);
    let other = desk.path("other");
    desk.refused("", &["restore", "one", "--token-data", text(&other)], &["domain file", "CLAVIGER_DOMAIN", "copy it"]);
    std::fs::write(desk.path("none"), "no backup at all").unwrap();
    desk.refused("", &["restore", "none"], &["no backup"]);
    desk.refused("", &["restore", "nowhere"], &["no such file"]);
}

#[test]
fn public_parts_come_out_as_pem_and_nothing_is_overwritten() {
    let desk = Desk::with_users();
    desk.done("app1", &["key", "generate-asymmetric-pair", "ec", "--label", "sig"]);
    desk.done("app1", &["key", "generate-asymmetric-pair", "rsa", "--label", "tls"]);
    let parts = desk.done("app1", &["token", "export-public"])["parts"].as_array().unwrap().clone();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|part| part["pem"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n")));
    // The public halves are public objects: no login is needed.
    assert_eq!(desk.done("", &["token", "export-public"])["parts"].as_array().unwrap().len(), 2);
    let files =
        desk.done("app1", &["token", "export-public", "--directory", "pem"])["files"].as_array().unwrap().clone();
    assert_eq!(files, ["pem/sig.pub.pem", "pem/tls.pub.pem"]);
    for file in files {
        let openssl = std::process::Command::new("openssl")
            .args(["pkey", "-pubin", "-noout", "-in"])
            .arg(desk.path(file.as_str().unwrap()))
            .output()
            .unwrap();
        assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    }
    desk.refused("app1", &["token", "export-public", "--directory", "pem"], &["nothing is overwritten"]);
}

#[test]
fn a_command_refuses_a_token_in_memory() {
    let desk = Desk::empty();
    let output = desk.command("", &["token", "info"]).env("CLAVIGER_TOKEN_DATA", "memory:").output().unwrap();
    refused(&output, &["in memory", "--token-data"]);
}
