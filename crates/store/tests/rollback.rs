//! Records and files put back to an earlier state, deleted, or brought from elsewhere: what is noticed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;

use claviger_crypto::Secret;
use claviger_store::{Act, Author, Change, Effects, Error, Finding, HeaderChange, ObjectId, Root};
use common::{PIN, SO_PIN, Token, make, replace};
use rusqlite::Connection;

/// Every row of a table, past the store.
fn rows(token: &Token, table: &str) -> Vec<(i64, Vec<u8>)> {
    let database = Connection::open(token.database()).unwrap();
    let mut statement = database.prepare(&format!("SELECT key, value FROM {table}")).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Puts a table back to these rows.
fn put_back(token: &Token, table: &str, rows: &[(i64, Vec<u8>)]) {
    let database = Connection::open(token.database()).unwrap();
    database.execute(&format!("DELETE FROM {table}"), []).unwrap();
    for (key, value) in rows {
        database.execute(&format!("INSERT INTO {table} (key, value) VALUES (?1, ?2)"), (key, value)).unwrap();
    }
}

fn findings(token: &Token) -> Vec<Finding> {
    token.another().examine(None).unwrap().findings
}

#[test]
fn an_older_record_of_an_object_is_refused_and_all_others_are_there() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let ((id, version), (other, _)) =
        (make(&token.store, author, false, b"trusted"), make(&token.store, author, false, b"y"));
    let old = rows(&token, "objects");
    token.store.commit(author, &[replace(id, version, b"retired")]).unwrap();
    put_back(&token, "objects", &old);
    for store in [&token.store, &token.another()] {
        let loaded = store.load(author).unwrap();
        assert_eq!((loaded.damaged, loaded.objects[0].id), (vec![id], other));
        assert_eq!(store.read(author, &[id]).unwrap().damaged, [id]);
        assert_eq!(store.commit(author, &[replace(id, version, b"z")]).err(), Some(Error::Damaged));
    }
    assert_eq!(findings(&token), [Finding::Object(id)]);
}

#[test]
fn a_deleted_record_is_missed_and_a_destroyed_one_does_not_come_back() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let (id, version) = make(&token.store, author, false, b"x");
    let old = rows(&token, "objects");
    put_back(&token, "objects", &[]);
    assert_eq!(token.another().load(author).unwrap().damaged, [id]);
    assert_eq!(findings(&token), [Finding::Object(id)]);
    put_back(&token, "objects", &old);
    token.store.commit(author, &[Change::Delete { id, expected: version }]).unwrap();
    put_back(&token, "objects", &old);
    let loaded = token.another().load(author).unwrap();
    assert!(loaded.objects.is_empty() && loaded.damaged.is_empty());
    assert_eq!(findings(&token), [Finding::Unknown(1)]);
}

#[test]
fn no_count_of_wrong_pins_no_policy_and_no_page_goes_back() {
    for table in ["users", "meta", "tree"] {
        let token = Token::new();
        token.add_user("app1");
        let so = token.so();
        let old = rows(&token, table);
        assert!(token.store.login(false, "app1", b"wrong").is_err());
        let seen = token.store.generation().unwrap();
        let harder = HeaderChange { max_pin_failures: Some(3), ..HeaderChange::default() };
        token.store.perform(&so, &Act::ChangeHeader(harder), Effects { seen, ..Effects::NONE }, 0).unwrap();
        put_back(&token, table, &old);
        let store = token.another();
        assert_eq!(store.login(false, "app1", PIN).err(), Some(Error::Damaged), "{table}");
        assert_ne!(findings(&token), [], "{table}");
    }
}

#[test]
fn a_database_put_back_alone_is_refused_by_who_knows_and_by_who_comes_new() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let copy = token.dir.path().join("copy");
    Connection::open(token.database()).unwrap().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    make(&token.store, author, false, b"x");
    let dir = token.dir;
    drop(token.store);
    let database = dir.path().join("slot-0/store.db");
    fs::copy(&copy, &database).unwrap();
    for beside in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(database.with_file_name(beside));
    }
    assert_eq!(Root::open(dir.path()).unwrap().slot(0).err(), Some(Error::RolledBack));
    fs::remove_file(database.with_file_name("anchor")).unwrap();
    assert_eq!(Root::open(dir.path()).unwrap().slot(0).err(), Some(Error::RolledBack));
    assert!(!database.with_file_name("anchor").exists());
}

#[test]
fn a_log_cut_short_by_an_edit_is_refused_and_can_be_mended() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let (id, _) = make(&token.store, author, false, b"x");
    // As a process leaves it that was killed.
    let copy = tempfile::tempdir().unwrap();
    let slot = copy.path().join("slot-0");
    fs::create_dir(&slot).unwrap();
    fs::copy(token.dir.path().join("device.key"), copy.path().join("device.key")).unwrap();
    for file in ["store.db", "store.db-wal", "anchor", "generation"] {
        fs::copy(token.database().with_file_name(file), slot.join(file)).unwrap();
    }
    let log = slot.join("store.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    for _ in 0..2 {
        assert_eq!(Root::open(copy.path()).unwrap().slot(0).err(), Some(Error::RolledBack));
        assert_eq!(fs::read(&log).unwrap(), bytes, "left as it was");
    }
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    assert_eq!(common::open(copy.path()).load(author).unwrap().objects[0].id, id);
}

#[test]
fn the_files_of_one_slot_mean_nothing_in_another() {
    let token = Token::new();
    let root = Root::open(token.dir.path()).unwrap();
    let other = root.slot(1).unwrap();
    other.initialize(&common::new_token()).unwrap();
    drop((other, token.store));
    for file in ["store.db", "anchor"] {
        fs::copy(token.dir.path().join("slot-0").join(file), token.dir.path().join("slot-1").join(file)).unwrap();
    }
    assert!(root.slot(1).and_then(|store| store.header()).is_err());
}

#[test]
fn names_lead_to_objects_for_as_long_as_they_have_them() {
    let token = Token::new();
    let keys = token.app();
    let (user, public) = (Author::User(&keys), Author::Public(token.header.token));
    let body = || Secret::copy_of(b"body");
    let create =
        |private, name: &[u8]| Change::Create { private, body: body(), terms: vec![name.to_vec(), b"both".to_vec()] };
    let made = token.store.commit(user, &[create(true, b"one"), create(false, b"two")]).unwrap();
    let [one, two] = *made.ids.as_slice() else { panic!() };
    let find = |author, names: &[&[u8]]| {
        let terms: Vec<_> = names.iter().map(|name| name.to_vec()).collect();
        let found = token.store.find(author, &terms).unwrap();
        found.map(|loaded| loaded.objects.iter().map(|object| object.id).collect::<Vec<_>>())
    };
    assert_eq!(find(user, &[b"one"]), Some(vec![one]));
    assert_eq!(find(user, &[b"both"]), Some(vec![one, two]));
    assert_eq!(find(user, &[b"both", b"two"]), Some(vec![two]));
    assert_eq!(find(public, &[b"both"]), Some(vec![two]));
    assert_eq!(find(public, &[b"one"]), Some(Vec::<ObjectId>::new()));
    assert_eq!(find(user, &[]), None);
    let renamed = Change::Replace { id: one, expected: made.generation, body: body(), terms: vec![b"uno".to_vec()] };
    let renamed = token.store.commit(user, &[renamed]).unwrap();
    assert_eq!((find(user, &[b"one"]), find(user, &[b"uno"])), (Some(vec![]), Some(vec![one])));
    assert_eq!(find(user, &[b"both"]), Some(vec![two]));
    token.store.commit(user, &[Change::Delete { id: one, expected: renamed.generation }]).unwrap();
    assert_eq!(find(user, &[b"uno"]), Some(vec![]));
    assert_eq!(findings(&token), []);
}

#[test]
fn a_tree_of_several_levels_still_knows_every_row() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let many: Vec<_> = (0..4200_u32).map(|number| common::create(false, &number.to_be_bytes())).collect();
    let made = token.store.commit(author, &many).unwrap();
    assert_eq!(token.store.load(author).unwrap().objects.len(), 4200);
    let gone: Vec<_> = made.ids.iter().filter(|id| id.0 % 64 < 40 || id.0 > 4000).copied().collect();
    let delete: Vec<_> = gone.iter().map(|id| Change::Delete { id: *id, expected: made.generation }).collect();
    token.store.commit(author, &delete).unwrap();
    let left: Vec<_> = made.ids.iter().filter(|id| !gone.contains(id)).copied().collect();
    let there: Vec<_> = token.another().load(author).unwrap().objects.iter().map(|object| object.id).collect();
    assert_eq!(there, left);
    assert_eq!(findings(&token), []);
    let victim = left[100];
    let rows: Vec<_> =
        rows(&token, "objects").into_iter().filter(|(key, _)| u64::try_from(*key) != Ok(victim.0)).collect();
    put_back(&token, "objects", &rows);
    assert_eq!(token.another().load(author).unwrap().damaged, [victim]);
    assert!(token.store.login(true, "so", SO_PIN).is_ok());
}

#[test]
fn an_edited_generation_is_not_taken_over_by_the_anchor() {
    let token = Token::new();
    let before = fs::read(token.database().with_file_name("anchor")).unwrap();
    let generation = token.store.generation().unwrap();
    drop(token.another());
    let set = |value: u64| {
        let database = Connection::open(token.database()).unwrap();
        database.execute("UPDATE generation SET value = ?1", [i64::try_from(value).unwrap()]).unwrap();
    };
    set(generation + 32);
    assert_eq!(token.another().header().err(), Some(Error::Damaged));
    assert_eq!(token.another().login(true, "so", SO_PIN).err(), Some(Error::Damaged));
    assert!(fs::read(token.database().with_file_name("anchor")).unwrap() == before);
    set(generation);
    assert!(token.another().header().is_ok(), "whole again when it is undone");
}

#[test]
fn a_torn_anchor_does_not_shut_the_slot_after_the_next_change() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let anchor = token.database().with_file_name("anchor");
    let mut bytes = fs::read(&anchor).unwrap();
    let newer = if token.store.generation().unwrap().is_multiple_of(2) { 0 } else { 48 };
    bytes[newer + 20] ^= 1;
    fs::write(&anchor, &bytes).unwrap();
    make(&token.another(), author, false, b"x");
    assert!(token.another().load(author).is_ok_and(|loaded| loaded.objects.len() == 1));
}
