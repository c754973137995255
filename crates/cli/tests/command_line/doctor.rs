//! `claviger doctor` on whole, damaged and incomplete tokens: what it names, what it says to do, and its exit status.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use crate::desk::{Answer, Desk};

/// A desk whose token has users, a public and a private key, and the state before the last change.
struct Ward {
    desk: Desk,
}

impl Ward {
    fn new() -> Self {
        let desk = Desk::with_users();
        desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "data"]);
        desk.done("app1", &["key", "generate-asymmetric-pair", "ec", "--label", "sig"]);
        Self { desk }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.desk.token_data().join(name)
    }

    /// Changes the database past the token.
    fn sql(&self, sql: &str) {
        let database = Connection::open(self.file("slot-0/store.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// Inverts the last byte of a row, which is one of its tag.
    fn tag(&self, table: &str, row: &str) {
        self.edit(table, row, |value| *value.last_mut().unwrap() ^= 0xff);
    }

    fn edit(&self, table: &str, row: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let database = Connection::open(self.file("slot-0/store.db")).unwrap();
        let query = format!("SELECT key, value FROM {table} WHERE {row} LIMIT 1");
        let (key, mut value): (i64, Vec<u8>) =
            database.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        edit(&mut value);
        database.execute(&format!("UPDATE {table} SET value = ?2 WHERE key = ?1"), (key, value)).unwrap();
    }

    fn ask(&self, user: &str) -> Answer {
        self.desk.ask(user, &["doctor"])
    }

    /// The findings; without any, and only then, the command succeeds.
    #[track_caller]
    fn findings(&self, user: &str) -> Vec<Value> {
        let answer = self.ask(user);
        let findings = answer.data["findings"].as_array().unwrap_or_else(|| panic!("{}", answer.data)).clone();
        let status = i32::from(!findings.is_empty());
        assert_eq!((answer.status, answer.error_code), (status, i64::from(status)), "{}", answer.data);
        findings
    }

    /// The doctor names this, and says these words to people.
    #[track_caller]
    fn names(&self, user: &str, found: &Value, words: &[&str]) {
        let findings = self.findings(user);
        assert!(findings.contains(found), "{found} is not among {findings:?}");
        let output = self.desk.run(user, &["doctor"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1));
        for word in words {
            assert!(text.contains(word), "{text:?} lacks {word:?}");
        }
    }

    /// The doctor blames this file alone, with these words, and says what to do.
    #[track_caller]
    fn blames(&self, file: &str, words: &[&str], next: &str) {
        let answer = self.ask("");
        let findings = answer.data["findings"].as_array().unwrap();
        assert_eq!((answer.status, findings.len()), (1, 1), "{}", answer.data);
        assert_eq!((&findings[0]["damaged"], &findings[0]["file"]), (&"file".into(), &file.into()));
        let because = findings[0]["because"].as_str().unwrap();
        assert!(words.iter().all(|word| because.contains(word)), "{because}");
        let advice = answer.data["next"].as_array().unwrap();
        assert!(advice.len() == 1 && advice[0].as_str().unwrap().contains(next), "{advice:?}");
    }
}

/// The `number`-th object of the token, as a condition.
fn object(number: u64) -> String {
    format!("key = {number}")
}

#[test]
fn a_whole_token_has_no_findings() {
    let ward = Ward::new();
    for user in ["", "app1", "so"] {
        let answer = ward.ask(user);
        assert_eq!((answer.status, &answer.data["findings"]), (0, &Value::Array(Vec::new())), "{}", answer.data);
        assert_eq!(answer.data["not-opened"] == 0, !user.is_empty());
    }
}

#[test]
fn an_empty_slot_is_no_damage() {
    let desk = Desk::empty();
    let answer = desk.ask("", &["doctor"]);
    assert_eq!((answer.status, &answer.data["notes"][0]), (0, &"The slot holds no token.".into()));
}

#[test]
fn a_changed_object_is_named_and_all_others_are_listed() {
    let ward = Ward::new();
    ward.tag("objects", &object(1));
    ward.names("", &serde_json::json!({"damaged": "object", "number": 1}), &["Object 1:", "claviger restore"]);
    assert_eq!(ward.findings("").len(), 1);
    assert_eq!(ward.desk.keys("app1", &["attr.label=sig"]).len(), 2);
}

#[test]
fn the_middle_of_a_private_object_needs_a_login_and_the_doctor_says_so() {
    let ward = Ward::new();
    ward.edit("objects", &object(1), |value| value[30] ^= 1);
    let text = String::from_utf8(ward.desk.run("", &["doctor"]).stdout).unwrap();
    assert!(text.contains("CLAVIGER_PIN=name:pin"), "{text}");
    ward.names("so", &serde_json::json!({"damaged": "object", "number": 1}), &["Object 1:"]);
}

#[test]
fn a_deleted_object_is_missed() {
    let ward = Ward::new();
    ward.sql(&format!("DELETE FROM objects WHERE {}", object(2)));
    ward.names("", &serde_json::json!({"damaged": "object", "number": 2}), &["Object 2:", "deleted"]);
}

#[test]
fn a_changed_user_is_named_and_its_login_does_not_stop_the_doctor() {
    let ward = Ward::new();
    ward.tag("users", "key = 3");
    ward.names("", &serde_json::json!({"damaged": "user", "number": 3}), &["User 3:", "Nobody logs in"]);
    ward.names("app1", &serde_json::json!({"damaged": "user", "number": 3}), &["Looked without a login."]);
}

#[test]
fn a_damaged_bucket_of_the_index_is_named() {
    let ward = Ward::new();
    ward.tag("private_index", "true");
    ward.names("", &serde_json::json!({"damaged": "index"}), &["index"]);
}

#[test]
fn a_damaged_page_of_the_tree_is_named_though_all_rows_below_are_deleted() {
    let ward = Ward::new();
    ward.tag("tree", "key = 3 << 58");
    let page = serde_json::json!({"damaged": "page", "table": "objects", "first": 0, "last": 63});
    ward.names("", &page, &["objects 0 to 63", "Object 1:", "Object 2:"]);
    ward.sql("DELETE FROM objects");
    assert_eq!(ward.findings(""), [page]);
}

#[test]
fn a_damaged_header_or_root_is_the_whole_token() {
    for (table, row) in [("meta", "key = 1"), ("tree", "key = 0")] {
        let ward = Ward::new();
        ward.tag(table, row);
        let found = ward.findings("");
        assert_eq!(found[0]["damaged"], "token", "{found:?}");
        ward.names("", &found[0], &["The whole token", "claviger restore"]);
    }
}

#[test]
fn a_gap_in_the_newest_changes_and_rows_that_nobody_wrote_are_named() {
    let ward = Ward::new();
    for row in ["min(key)", "max(key)", "3"] {
        let ward = Ward::new();
        ward.sql(&format!("DELETE FROM log WHERE key = (SELECT {row} FROM log)"));
        assert_eq!(ward.findings(""), [serde_json::json!({"damaged": "changes"})], "{row}");
    }
    ward.sql("INSERT INTO acts VALUES (9, x'00'), (-9, x'00')");
    assert_eq!(ward.findings(""), [serde_json::json!({"damaged": "unknown-rows", "rows": 2})]);
}

#[test]
fn an_older_database_is_blamed_and_nothing_is_written_to_it() {
    let ward = Ward::new();
    let old = fs::read(ward.file("slot-0/store.db")).unwrap();
    ward.desk.done("app1", &["key", "generate-symmetric", "aes", "--label", "newer"]);
    fs::write(ward.file("slot-0/store.db"), &old).unwrap();
    ward.blames("slot-0/store.db", &["is at change", "older copy"], "claviger restore");
    assert!(fs::read(ward.file("slot-0/store.db")).unwrap() == old);
}

#[test]
fn a_missing_or_damaged_anchor_is_blamed() {
    let ward = Ward::new();
    let anchor = ward.file("slot-0/anchor");
    let whole = fs::read(&anchor).unwrap();
    // The place of the newest change says that the database has come that far; without the other one it may lack one.
    let place = |number: usize| whole[number * 48 + 8..][..8].to_vec();
    let [older, newer] = if place(0) < place(1) { [0, 48] } else { [48, 0] };
    let mut torn = whole.clone();
    torn[newer + 20] ^= 1;
    fs::write(&anchor, &torn).unwrap();
    let text = String::from_utf8(ward.desk.run("", &["doctor"]).stdout).unwrap();
    assert!(text.contains("slot-0/anchor is damaged in one of its two places"), "{text}");
    assert!(
        ward.findings("").is_empty() && fs::read(&anchor).unwrap() == whole,
        "it was mended when the slot was opened"
    );
    torn[older + 20] ^= 1;
    fs::write(&anchor, &torn).unwrap();
    ward.blames("slot-0/anchor", &["both places"], "copy");
    torn[newer + 20] ^= 1;
    fs::write(&anchor, &torn).unwrap();
    ward.blames("slot-0/anchor", &["lacks the newest change"], "claviger restore");
    fs::remove_file(&anchor).unwrap();
    ward.blames("slot-0/anchor", &["is missing"], "claviger restore");
}

#[test]
fn the_device_key_is_blamed_when_it_is_missing_cut_or_another() {
    let ward = Ward::new();
    let key = ward.file("device.key");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, &whole[..31]).unwrap();
    ward.blames("device.key", &["32 bytes"], "copy");
    fs::write(&key, [7; 32]).unwrap();
    let found = ward.findings("");
    assert_eq!((&found[0]["file"], &found[0]["damaged"]), (&"device.key".into(), &"file".into()));
    fs::remove_file(&key).unwrap();
    ward.blames("device.key", &["is missing"], "copy");
    assert!(!key.exists());
    fs::write(&key, &whole).unwrap();
    assert!(ward.findings("").is_empty());
}

#[test]
fn a_database_that_is_missing_cut_or_of_something_else_is_blamed() {
    let ward = Ward::new();
    let database = ward.file("slot-0/store.db");
    let whole = fs::read(&database).unwrap();
    fs::remove_file(&database).unwrap();
    ward.blames("slot-0/store.db", &["is missing"], "claviger restore");
    fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    let found = ward.findings("");
    assert_eq!((&found[0]["damaged"], &found[0]["file"]), (&"file".into(), &"slot-0/store.db".into()), "{found:?}");
    fs::write(&database, "no database at all, whatever its length may be".repeat(200)).unwrap();
    ward.blames("slot-0/store.db", &["no database of a token"], "claviger restore");
}

#[test]
fn every_other_command_sends_to_the_doctor() {
    let ward = Ward::new();
    fs::remove_file(ward.file("slot-0/anchor")).unwrap();
    for arguments in [&["key", "list"][..], &["user", "list"], &["token", "info"]] {
        ward.desk.refused("app1", arguments, &["CKR_DEVICE_ERROR", "one is missing", "claviger doctor"]);
    }
    fs::write(ward.file("slot-0/store.db"), "no database at all").unwrap();
    let named: Vec<_> = ward.findings("").iter().map(|found| found["file"].clone()).collect();
    assert_eq!(named, ["slot-0/store.db", "slot-0/anchor"]);
}

#[test]
fn a_database_of_a_newer_version_asks_for_that_version_and_stays_as_it_is() {
    let ward = Ward::new();
    ward.sql("PRAGMA user_version = 2");
    let newer = fs::read(ward.file("slot-0/store.db")).unwrap();
    ward.blames("slot-0/store.db", &["newer version"], "newer version");
    assert!(fs::read(ward.file("slot-0/store.db")).unwrap() == newer);
}

#[test]
fn a_damaged_token_is_not_backed_up_and_its_backup_comes_back_as_the_doctor_says() {
    let ward = Ward::new();
    ward.desk.done("so", &["backup", "--to", "whole"]);
    ward.tag("objects", &object(1));
    ward.desk.refused("so", &["backup", "--to", "damaged"], &["claviger doctor"]);
    assert!(ward.ask("").data["next"][0].as_str().unwrap().contains("move the slot's directory away"));
    fs::rename(ward.file("slot-0"), ward.desk.path("kept")).unwrap();
    ward.desk.done("", &["restore", "whole"]);
    assert!(ward.findings("so").is_empty());
    assert_eq!(ward.desk.keys("app1", &["attr.label=data"]).len(), 1);
}

#[test]
fn without_its_device_key_a_token_comes_back_elsewhere_as_the_doctor_says() {
    let ward = Ward::new();
    ward.desk.done("so", &["backup", "--to", "whole"]);
    fs::remove_file(ward.file("device.key")).unwrap();
    let advice = ward.ask("").data["next"][0].clone();
    assert!(["--token-data", "CLAVIGER_DOMAIN"].iter().all(|word| advice.as_str().unwrap().contains(word)), "{advice}");
    let mut restore = ward.desk.command("", &["restore", "whole"]);
    restore.env("CLAVIGER_TOKEN_DATA", ward.desk.path("other")).env("CLAVIGER_DOMAIN", ward.file("domain"));
    assert!(restore.output().unwrap().status.success());
}

#[test]
fn a_cut_audit_log_is_named() {
    let ward = Ward::new();
    let log = ward.file("slot-0/audit/000001.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = text.lines().collect();
    fs::write(&log, lines[..lines.len() - 2].join("\n") + "\n").unwrap();
    let findings = ward.findings("");
    assert_eq!((findings.len(), &findings[0]["damaged"]), (1, &"audit-log".into()), "{findings:?}");
    assert!(findings[0]["faults"][0].as_str().unwrap().contains("000001.jsonl"));
}
