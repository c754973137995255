//! How the command behaves whatever the verb: JSON, exit status, secrets, filters, files.

use std::os::unix::fs::PermissionsExt as _;

use crate::desk::{Desk, SO_PIN, text};

const FILTER: &str = "--filter";

#[test]
fn json_may_stand_before_or_after_the_verb() {
    let desk = Desk::with_users();
    for arguments in [&["--json", "user", "list"][..], &["user", "--json", "list"], &["user", "list", "--json"]] {
        let output = desk.run("", arguments);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["error_code"], 0);
        assert_eq!(value["data"]["users"][1]["username"], "kim");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn json_begins_with_the_error_code() {
    let desk = Desk::with_users();
    let output = desk.run("", &["user", "list", "--json"]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(r#"{"error_code":0,"data":{"#));
}

#[test]
fn a_usage_error_exits_with_2_and_one_json_value() {
    let desk = Desk::empty();
    let answer = desk.ask("", &["key", "delete"]);
    assert_eq!((answer.status, answer.error_code), (2, 1));
    assert!(answer.data.as_str().unwrap().contains("--filter"));
    assert!(answer.stderr.is_empty());
}

#[test]
fn a_usage_error_without_json_leaves_stdout_clean() {
    let output = Desk::empty().run("", &["key", "delete"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_failure_without_json_goes_to_stderr() {
    let output = Desk::with_users().run("app1", &["key", "delete", FILTER, "attr.label=none"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("matched 0 keys"));
}

#[test]
fn init_on_an_initialised_slot_is_refused_unless_it_resets() {
    let desk = Desk::with_users();
    let init = ["init", "--label", "new", "--so-pin", "87654321"];
    desk.refused("so", &init, &["--reset", "CKR_ACTION_PROHIBITED"]);
    let reset = [&init[..], &["--reset"]].concat();
    desk.refused("app1", &reset, &["CKR_"]);
    desk.refused("", &reset, &["CLAVIGER_PIN"]);
    assert_eq!(desk.done("", &["token", "info"])["label"], "desk");
    desk.done("so", &reset);
    assert_eq!(desk.done("", &["token", "info"])["label"], "new");
    assert_eq!(desk.done("", &["user", "list"])["users"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reset_keeps_the_policy_unless_told_otherwise() {
    let desk = Desk::empty();
    let policy = |desk: &Desk| desk.done("", &["token", "info"])["policy"].clone();
    desk.done("", &["init", "--label", "x", "--so-pin", SO_PIN, "--policy", "audit"]);
    desk.done("so", &["init", "--label", "x", "--so-pin", SO_PIN, "--reset"]);
    assert_eq!(policy(&desk), "audit");
    desk.done("so", &["init", "--label", "x", "--so-pin", SO_PIN, "--reset", "--policy", "enforce"]);
    assert_eq!(policy(&desk), "enforce");
}

#[test]
fn slots_are_apart() {
    let desk = Desk::with_users();
    assert_eq!(desk.done("", &["token", "info", "--slot", "1"])["policy"], serde_json::Value::Null);
    desk.done("", &["init", "--slot", "1", "--label", "other", "--so-pin", SO_PIN, "--policy", "standard"]);
    assert_eq!(desk.done("", &["--slot", "1", "token", "info"])["label"], "other");
    assert_eq!(desk.done("", &["token", "info"])["label"], "desk");
    desk.refused("", &["token", "info", "--slot", "7"], &["CKR_SLOT_ID_INVALID"]);
}

#[test]
fn no_secret_of_the_command_line_is_printed() {
    let desk = Desk::empty();
    let secret = "s3cr3t-pin";
    let create = ["user", "create", "--username", "kim", "--role", "km", "--password", secret];
    let attempts = [
        &["init", "--label", "desk", "--so-pin", secret][..],
        &["init", "--label", "desk", "--so-pin", secret, "--oops"],
        &["init", "--lable", "desk", "--so-pin", secret],
        &["user", "delete", "--username", "kim", "--password", secret],
        &["user", "create", "--username", "kim", "--role", "boss", "--password", secret],
        &create,
        &["key", "list", FILTER, "attr.value=0xs3cr3t-pin"],
        &["key", "generate-symmetric", "aes", "--label", "k", "--attributes", "value=s3cr3t-pin"],
    ];
    for arguments in attempts {
        for json in [&[][..], &["--json"]] {
            let mut command = desk.command("", &[arguments, json].concat());
            let output = command.env("CLAVIGER_PIN", format!("so:{secret}")).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(!String::from_utf8_lossy(&said).contains("s3cr3t"), "{arguments:?}");
        }
    }
}

#[test]
fn a_command_without_user_and_terminal_says_how_to_name_one() {
    let desk = Desk::with_users();
    desk.refused("", &["key", "list"], &["CLAVIGER_PIN=name:pin"]);
    let mut nameless = desk.command("", &["key", "list", "--json"]);
    let output = nameless.env("CLAVIGER_PIN", "1234").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("name:pin") && !said.contains("1234"), "{said}");
}

#[test]
fn filters_are_anded_and_count_what_they_match() {
    let desk = Desk::with_users();
    for (label, id) in [("a", "id=0x01"), ("a", "id=0x02"), ("b", "id=0x01")] {
        desk.done("app1", &["key", "generate-symmetric", "aes", "--label", label, "--attributes", id]);
    }
    assert_eq!(desk.keys("app1", &["attr.label=a"]).len(), 2);
    assert_eq!(desk.keys("app1", &["attr.id=0x01"]).len(), 2);
    assert_eq!(desk.keys("app1", &["attr.label=a", "attr.id=0x01"]).len(), 1);
    assert_eq!(desk.keys("app1", &["attr.key-type=aes", "attr.class=secret-key"]).len(), 3);
    let sentence =
        ["Key selection criteria matched 2 keys. Refine selection criteria to select a single key.", "--filter"];
    desk.refused("app1", &["key", "delete", FILTER, "attr.label=a"], &sentence);
    let reference = desk.keys("app1", &["attr.label=b"])[0]["key-reference"].as_str().unwrap().to_owned();
    desk.done("app1", &["key", "delete", FILTER, &format!("key-reference={reference}")]);
    assert_eq!(desk.keys("app1", &[]).len(), 2);
}

#[test]
fn a_pair_shares_out_its_attributes() {
    let desk = Desk::with_users();
    let generate = ["key", "generate-asymmetric-pair", "ec", "--label", "sig", "--curve", "P-384", "--attributes"];
    let pair = desk.done("app1", &[&generate[..], &["id=0x22", "sign=true", "verify=true"]].concat());
    let (public, private) = (&pair["public_key"]["attributes"], &pair["private_key"]["attributes"]);
    assert_eq!((&public["id"], &private["id"]), (&"0x22".into(), &"0x22".into()));
    assert_eq!((&public["verify"], &private["sign"]), (&true.into(), &true.into()));
    assert_eq!((&public["curve"], &private["curve"]), (&"P-384".into(), &"P-384".into()));
    assert_eq!((&public["sign"], &private["verify"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    desk.refused("app1", &[&generate[..], &["check-value=0x00"]].concat(), &["check-value"]);
}

#[test]
fn keys_of_every_kind_come_back_from_every_wrap() {
    let desk = Desk::with_users();
    desk.done("kim", &["key", "generate-symmetric", "aes", "--label", "kek", "--candidate"]);
    desk.done("kim", &["key", "share", FILTER, "attr.label=kek", "--username", "app1"]);
    desk.done("so", &["key", "set-attribute", FILTER, "attr.label=kek", "--name", "trusted", "--value", "true"]);
    let free = ["--attributes", "sensitive=true", "extractable=true"];
    let rsa = ["key", "generate-asymmetric-pair", "rsa", "--label", "rsa-private"];
    desk.done("app1", &[&rsa[..], &free].concat());
    desk.done("app1", &[&["key", "generate-asymmetric-pair", "ec", "--label", "ec-private"][..], &free].concat());
    desk.done("app1", &[&["key", "generate-symmetric", "aes", "--label", "aes"][..], &free].concat());
    let secret =
        ["key", "generate-symmetric", "generic-secret", "--label", "generic-secret", "--key-length-bytes", "48"];
    desk.done("app1", &[&secret[..], &free].concat());
    for (method, kind) in [
        ("aes-kw", "aes"),
        ("aes-kw", "generic-secret"),
        ("aes-kwp", "rsa-private"),
        ("aes-kwp", "ec-private"),
        ("aes-kwp", "generic-secret"),
        ("aes-gcm", "aes"),
        ("aes-gcm", "rsa-private"),
    ] {
        round_trip(&desk, method, kind);
    }
}

#[track_caller]
fn round_trip(desk: &Desk, method: &str, kind: &str) {
    let class = if kind.ends_with("private") { "attr.class=private-key" } else { "attr.class=secret-key" };
    let payload = format!("attr.label={kind}");
    let wrap = ["key", "wrap", method, "--payload-filter", &payload, class, "--wrapping-filter", "attr.label=kek"];
    let blob = desk.done("app1", &wrap)["wrapped_key_data"].as_str().unwrap().to_owned();
    let label = format!("{kind}-{method}");
    let unwrap = ["key", "unwrap", method, FILTER, "attr.label=kek", "--key-type-class", kind, "--label", &label];
    let back = desk.done("app1", &[&unwrap[..], &["--data", &blob]].concat());
    let whole = desk.keys("app1", &[&payload, class]);
    for attribute in ["key-type", "class", "check-value", "key-length-bytes", "modulus", "curve"] {
        let (back, whole) = (&back["key"]["attributes"][attribute], &whole[0]["attributes"][attribute]);
        assert_eq!(back, whole, "{method} {kind} {attribute}");
    }
}

#[test]
fn a_gcm_blob_is_iv_ciphertext_and_tag_in_a_private_file() {
    let desk = Desk::with_users();
    desk.done(
        "app1",
        &["key", "generate-symmetric", "aes", "--label", "own", "--attributes", "wrap=true", "unwrap=true"],
    );
    let open = ["--attributes", "sensitive=false", "extractable=true"];
    desk.done("app1", &[&["key", "generate-symmetric", "aes", "--label", "data"][..], &open].concat());
    let (one, two) = (desk.path("one.blob"), desk.path("two.blob"));
    for path in [&one, &two] {
        let wrap = ["key", "wrap", "aes-gcm", "--payload-filter", "attr.label=data", "--wrapping-filter"];
        let data = desk.done("app1", &[&wrap[..], &["attr.label=own", "--path", text(path)]].concat());
        assert_eq!(data["path"], text(path));
    }
    let (one, two) = (std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
    assert_eq!(one.len(), 12 + 32 + 16);
    assert_ne!(one[..12], two[..12], "the token makes a new IV each time");
    assert_ne!(one[..12], [0; 12]);
}

#[test]
fn a_blob_in_a_file_is_for_its_owner_alone() {
    let desk = Desk::with_users();
    let path = desk.path("data.blob");
    std::fs::write(&path, "an old file that everybody may read").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "own", "--attributes", "wrap=true"]);
    let open = ["--attributes", "sensitive=false", "extractable=true"];
    desk.done("app1", &[&["key", "generate-symmetric", "aes", "--label", "data"][..], &open].concat());
    let wrap = ["key", "wrap", "aes-kw", "--payload-filter", "attr.label=data", "--wrapping-filter", "attr.label=own"];
    desk.done("app1", &[&wrap[..], &["--path", text(&path)]].concat());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read(&path).unwrap().len(), 40);
}

#[test]
fn a_damaged_blob_is_refused() {
    let desk = Desk::with_users();
    let own = ["wrap=true", "unwrap=true"];
    desk.done("app1", &[&["key", "generate-symmetric", "aes", "--label", "own", "--attributes"][..], &own].concat());
    let unwrap = ["key", "unwrap", "aes-kwp", FILTER, "attr.label=own", "--key-type-class", "aes", "--label", "x"];
    let blob = ["--data", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"];
    desk.refused("app1", &[&unwrap[..], &blob].concat(), &["CKR_WRAPPED_KEY_"]);
    desk.refused("app1", &[&unwrap[..], &["--data", "%%%"]].concat(), &["base64"]);
    desk.refused("app1", &[&unwrap[..], &["--path", "nowhere"]].concat(), &["nowhere"]);
}

#[test]
fn a_users_life() {
    let desk = Desk::with_users();
    let wrong = |desk: &Desk| {
        let output = desk.command("", &["key", "list"]).env("CLAVIGER_PIN", "app1:wrong").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for _ in 0..3 {
        assert!(wrong(&desk).contains("CKR_PIN_INCORRECT"));
    }
    assert!(wrong(&desk).contains("CKR_PIN_LOCKED"));
    desk.refused("app1", &["key", "list"], &["CKR_PIN_LOCKED", "claviger user unlock"]);
    let users = desk.done("", &["user", "list"]);
    assert_eq!(users["users"][2]["locked"], true);
    desk.refused("kim", &["user", "unlock", "--username", "app1"], &["CKR_"]);
    desk.done("so", &["user", "unlock", "--username", "app1"]);
    desk.done("app1", &["key", "list"]);

    desk.done("app1", &["user", "change-password", "--username", "app1", "--password", "another"]);
    desk.refused("app1", &["key", "list"], &["CKR_PIN_INCORRECT"]);
    desk.done("so", &["user", "change-password", "--username", "app1", "--password", "app1-pin"]);
    desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "k"]);
    desk.refused("kim", &["user", "change-password", "--username", "app1", "--password", "mine"], &["CKR_"]);

    desk.refused("so", &["user", "delete", "--username", "app1"], &["CKR_"]);
    desk.done("app1", &["key", "delete", FILTER, "attr.label=k"]);
    desk.done("so", &["user", "delete", "--username", "app1"]);
    desk.refused("app1", &["key", "list"], &["CKR_PIN_INCORRECT"]);
}

#[test]
fn the_tables_are_printed_as_text_and_as_json() {
    let desk = Desk::empty();
    for (name, section, row) in [
        ("policy", "Actions", "WrapOut"),
        ("attributes", "Attributes", "CKA_WRAP_WITH_TRUSTED"),
        ("mechanisms", "Mechanisms", "CKM_AES_KEY_WRAP_KWP"),
        ("functions", "Functions", "C_LoginUser"),
    ] {
        let text = String::from_utf8(desk.run("", &["table", name]).stdout).unwrap();
        assert!(text.contains(&format!("## {section}")) && text.contains(row), "{name}");
        assert!(!desk.done("", &["table", name])[section].as_array().unwrap().is_empty());
    }
    assert!(!desk.token_data().exists(), "a table needs no token");
}
