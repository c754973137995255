//! Edited, swapped and foreign files: what is refused, and that all else goes on working.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::Path;

use claviger_store::storage::Table;
use claviger_store::{Author, Error, Finding, ObjectId, Root, What};
use common::{PIN, SO_PIN, Token, bodies, make};
use rusqlite::Connection;

const HEADER: &[u8] = &[1];
const COUNTERS: &[u8] = &[2];
const ROOT: &[u8] = &[0; 8];

/// A key as the number that the database has.
fn number(key: &[u8]) -> i64 {
    key.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// Reads a record past the store.
fn record(token: &Token, table: &str, key: &[u8]) -> Vec<u8> {
    let sql = format!("SELECT value FROM {table} WHERE key = ?1");
    Connection::open(token.database()).unwrap().query_row(&sql, [number(key)], |row| row.get(0)).unwrap()
}

/// Writes a record past the store.
fn forge(token: &Token, table: &str, key: &[u8], value: &[u8]) {
    let sql = format!("INSERT INTO {table} (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2");
    Connection::open(token.database()).unwrap().execute(&sql, (number(key), value)).unwrap();
}

fn run(database: &Path, sql: &str) {
    Connection::open(database).unwrap().execute_batch(sql).unwrap();
}

/// Three objects: private, private, public.
fn three(token: &Token, author: Author<'_>) -> [ObjectId; 3] {
    [(true, b"one"), (true, b"two"), (false, b"six")].map(|(private, body)| make(&token.store, author, private, body).0)
}

#[test]
fn a_flipped_bit_anywhere_in_an_object_damages_that_object_alone() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let ids = three(&token, author);
    for id in ids {
        let key = id.0.to_be_bytes();
        let whole = record(&token, "objects", &key);
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            forge(&token, "objects", &key, &flipped);
            let loaded = token.store.load(author).unwrap();
            assert_eq!((loaded.damaged, loaded.objects.len()), (vec![id], 2), "byte {at}");
        }
        forge(&token, "objects", &key, &whole[..whole.len() - 1]);
        assert_eq!(token.store.load(author).unwrap().damaged, [id]);
        forge(&token, "objects", &key, b"");
        assert_eq!(token.store.load(author).unwrap().damaged, [id]);
        forge(&token, "objects", &key, &whole);
        assert!(token.store.load(author).unwrap().damaged.is_empty());
    }
}

#[test]
fn objects_that_swapped_places_are_refused() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let [one, two, public] = three(&token, author);
    let [at_one, at_two] = [one, two].map(|id| record(&token, "objects", &id.0.to_be_bytes()));
    forge(&token, "objects", &one.0.to_be_bytes(), &at_two);
    forge(&token, "objects", &two.0.to_be_bytes(), &at_one);
    let loaded = token.store.load(author).unwrap();
    assert_eq!(bodies(&loaded), [b"six"]);
    assert_eq!(loaded.damaged, [one, two]);
    assert_eq!(token.store.read(author, &[public]).unwrap().objects.len(), 1);
}

#[test]
fn a_row_under_what_is_no_key_hides_nothing() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let [one, two, _] = three(&token, author);
    for (table, number) in [("objects", "-1"), ("users", "1 << 40"), ("users", "-1")] {
        run(
            &token.database(),
            &format!("INSERT INTO {table} SELECT {number}, value FROM objects WHERE key = {}", one.0),
        );
    }
    assert_eq!(token.store.users().unwrap().len(), 2);
    let loaded = token.store.load(author).unwrap();
    assert_eq!((loaded.damaged, loaded.objects.len()), (vec![], 3));
    assert_eq!(token.store.examine(Some(author)).unwrap().findings, [Finding::Unknown(3)]);
    // The same where the page that knows them is damaged: every row below it is named.
    let page = (3_u64 << 58).to_be_bytes();
    forge(&token, "tree", &page, b"");
    let store = token.another();
    assert_eq!(store.load(author).unwrap().damaged.len(), 3);
    let findings = store.examine(Some(author)).unwrap().findings;
    assert!(findings.contains(&Finding::Object(two)) && findings.contains(&Finding::Page(Table::Objects, 0, 63)));
}

#[test]
fn a_record_of_another_token_is_refused() {
    let (token, other) = (Token::new(), Token::new());
    let (keys, others) = (token.app(), other.app());
    let (id, _) = make(&token.store, Author::User(&keys), false, b"x");
    assert_eq!(make(&other.store, Author::User(&others), false, b"x").0, id);
    forge(&token, "objects", &id.0.to_be_bytes(), &record(&other, "objects", &id.0.to_be_bytes()));
    assert_eq!(token.store.load(Author::User(&keys)).unwrap().damaged, [id]);
}

#[test]
fn a_record_from_before_the_token_was_initialised_again_is_refused() {
    let token = Token::new();
    let (id, _) = make(&token.store, Author::Public(token.header.token), false, b"x");
    let old = record(&token, "objects", &id.0.to_be_bytes());
    let again = claviger_store::NewToken { replaces: Some(token.header.token), ..common::new_token() };
    let header = token.store.initialize(&again).unwrap();
    forge(&token, "objects", &id.0.to_be_bytes(), &old);
    let loaded = token.store.load(Author::Public(header.token)).unwrap();
    assert!(loaded.objects.is_empty() && loaded.damaged.is_empty(), "nobody knows of it");
    assert_eq!(token.store.examine(None).unwrap().findings, [Finding::Unknown(1)]);
}

#[test]
fn no_edit_of_a_user_resets_its_count_or_makes_it_an_officer() {
    let token = Token::new();
    let so = token.so();
    let key = token.add_user("app1").id.0.to_be_bytes();
    let whole = record(&token, "users", &key);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        forge(&token, "users", &key, &flipped);
        assert!(token.store.users().unwrap().iter().all(|user| user.name != "app1"), "byte {at}");
        assert_eq!(token.store.login(false, "app1", PIN).err(), Some(Error::Damaged), "byte {at}");
    }
    // The officer's record in the user's place.
    forge(&token, "users", &key, &record(&token, "users", &so.user().0.to_be_bytes()));
    assert_eq!(token.store.users().unwrap().len(), 1);
    assert!(token.store.login(true, "so", SO_PIN).is_ok(), "all others go on");
}

#[test]
fn an_edited_header_is_refused_and_not_overwritten() {
    let token = Token::new();
    let whole = record(&token, "meta", HEADER);
    for at in 1..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x80;
        forge(&token, "meta", HEADER, &flipped);
        assert_eq!(token.store.header(), Err(Error::Damaged), "byte {at}");
    }
    assert_eq!(token.store.initialize(&common::new_token()), Err(Error::Damaged));
    forge(&token, "meta", HEADER, &whole);
    assert_eq!(token.store.header(), Ok(Some(token.header)));
}

#[test]
fn edited_counters_stop_new_ids_and_nothing_else() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    make(&token.store, author, false, b"x");
    forge(&token, "meta", COUNTERS, &record(&token, "meta", HEADER));
    assert_eq!(token.store.commit(author, &[common::create(false, b"y")]), Err(Error::Damaged));
    assert_eq!(bodies(&token.store.load(author).unwrap()), [b"x"]);
    assert!(token.store.login(true, "so", SO_PIN).is_ok());
}

#[test]
fn a_log_that_was_edited_tells_to_read_everything() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let seen = token.store.generation().unwrap();
    let (_, version) = make(&token.store, author, false, b"x");
    make(&token.store, author, false, b"y");
    let what = || token.store.changes_since(token.header.token, seen).unwrap().what;
    assert!(matches!(what(), What::Parts(_)));
    let mut row = record(&token, "log", &version.to_be_bytes());
    *row.last_mut().unwrap() ^= 1;
    forge(&token, "log", &version.to_be_bytes(), &row);
    assert_eq!(what(), What::Everything);
    run(&token.database(), &format!("DELETE FROM log WHERE key = {version}"));
    assert_eq!(what(), What::Everything);
}

#[test]
fn a_newer_format_is_refused_and_left_untouched() {
    let token = Token::new();
    let mut newer = record(&token, "tree", ROOT);
    newer[0] = 2;
    forge(&token, "tree", ROOT, &newer);
    assert_eq!(token.store.header(), Err(Error::NewerFormat));
    assert!(matches!(token.store.login(true, "so", SO_PIN), Err(Error::NewerFormat)));
    assert_eq!(token.store.initialize(&common::new_token()), Err(Error::NewerFormat));
    assert_eq!(record(&token, "tree", ROOT), newer);
}

/// What opening the slot says after `edit` was done to its closed database, and that the file stays.
fn opened_after(edit: impl Fn(&Path)) -> Option<Error> {
    let token = Token::new();
    let database = token.database();
    let dir = token.dir;
    drop(token.store);
    edit(&database);
    let before = fs::read(&database).unwrap();
    let refused = Root::open(dir.path()).unwrap().slot(0).err();
    assert_eq!(fs::read(&database).unwrap(), before);
    refused
}

#[test]
fn a_newer_layout_is_refused_and_left_untouched() {
    assert_eq!(opened_after(|database| run(database, "PRAGMA user_version = 2")), Some(Error::NewerFormat));
}

#[test]
fn tables_that_are_not_ours_are_refused() {
    let edits = [
        "CREATE TRIGGER t AFTER INSERT ON objects BEGIN DELETE FROM users; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE extra (a)",
        "DROP TABLE log",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ];
    for edit in edits {
        assert_eq!(opened_after(|database| run(database, edit)), Some(Error::Damaged), "{edit}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    assert_eq!(opened_after(|database| fs::write(database, [7; 8192]).unwrap()), Some(Error::Damaged));
    let truncate = |database: &Path| fs::OpenOptions::new().write(true).open(database).unwrap().set_len(5000).unwrap();
    assert_eq!(opened_after(truncate), Some(Error::Damaged));
}

/// SQLite takes the file for one that it may only read, so every write would fail and nobody would know why.
#[test]
fn a_database_of_a_later_sqlite_is_refused() {
    let with_version = |database: &Path| {
        let mut bytes = fs::read(database).unwrap();
        bytes[18] = 0x12;
        fs::write(database, bytes).unwrap();
    };
    assert_eq!(opened_after(with_version), Some(Error::Damaged));
}

#[test]
fn another_device_key_opens_nothing() {
    let token = Token::new();
    fs::write(token.dir.path().join("device.key"), [7; 32]).unwrap();
    let store = Root::open(token.dir.path()).unwrap().slot(0);
    assert_eq!(store.err(), Some(Error::Damaged));
}

#[test]
fn a_list_of_changes_that_has_forgotten_the_oldest_is_whole() {
    let store = claviger_store::Store::in_memory().unwrap();
    let header = store.initialize(&common::new_token()).unwrap();
    let (id, mut version) = make(&store, Author::Public(header.token), false, b"x");
    while version < 4100 {
        version = store.commit(Author::Public(header.token), &[common::replace(id, version, b"y")]).unwrap().generation;
    }
    assert_eq!(store.examine(None).unwrap().findings, []);
}
