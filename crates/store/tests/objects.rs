//! Objects: transactions, versions, and what another store on the same slot sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use claviger_store::{Author, Change, Error, Parts, Store, What};
use common::{Token, bodies, create, make, replace};

#[test]
fn a_token_survives_reopening() {
    let token = Token::new();
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"private");
    make(&token.store, Author::Public(token.header.token), false, b"public");
    drop(token.store);
    let store = common::open(token.dir.path());
    assert_eq!(store.header(), Ok(Some(token.header)));
    let keys = store.login(false, "app1", common::PIN).unwrap().keys;
    assert_eq!(bodies(&store.load(Author::User(&keys)).unwrap()), [&b"private"[..], b"public"]);
}

#[test]
fn an_object_is_read_back_at_its_version() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let (id, version) = make(&token.store, author, true, b"");
    let replaced = token.store.commit(author, &[replace(id, version, b"new")]).unwrap();
    assert!(replaced.generation > version);
    let loaded = token.store.load(author).unwrap();
    let object = &loaded.objects[0];
    assert_eq!((object.id, object.version, object.private), (id, replaced.generation, true));
    assert_eq!(object.body.expose(), b"new");
}

#[test]
fn without_a_login_private_objects_are_out_of_reach() {
    let token = Token::new();
    let keys = token.app();
    let public = Author::Public(token.header.token);
    let (id, version) = make(&token.store, Author::User(&keys), true, b"private");
    make(&token.store, public, false, b"public");
    let changes = [create(true, b"x"), replace(id, version, b"x"), Change::Delete { id, expected: version }];
    for change in changes {
        assert_eq!(token.store.commit(public, &[change]), Err(Error::KeysNeeded));
    }
    let loaded = token.store.load(public).unwrap();
    assert_eq!((bodies(&loaded), loaded.damaged.as_slice()), (vec![&b"public"[..]], [].as_slice()));
}

#[test]
fn a_commit_happens_wholly_or_not_at_all() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let (id, version) = make(&token.store, author, true, b"old");
    let generation = token.store.generation().unwrap();
    let pair = [create(true, b"half"), replace(id, version, b"new"), Change::Delete { id, expected: version }];
    assert_eq!(token.store.commit(author, &pair), Err(Error::Conflict));
    assert_eq!(bodies(&token.store.load(author).unwrap()), [b"old"]);
    assert_eq!(token.store.generation(), Ok(generation));
}

#[test]
fn a_change_of_an_older_version_is_a_conflict() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let (id, version) = make(&token.store, author, true, b"1");
    token.store.commit(author, &[replace(id, version, b"2")]).unwrap();
    assert_eq!(token.store.commit(author, &[replace(id, version, b"3")]), Err(Error::Conflict));
    assert_eq!(token.store.commit(author, &[Change::Delete { id, expected: version }]), Err(Error::Conflict));
    assert_eq!(bodies(&token.store.load(author).unwrap()), [b"2"]);
}

#[test]
fn of_two_stores_racing_on_one_object_one_conflicts() {
    let token = Token::new();
    let keys = token.app();
    let other = token.another();
    for round in 0..20_u8 {
        let (id, version) = make(&token.store, Author::User(&keys), true, &[round]);
        let race = |store: &Store, mark: u8| store.commit(Author::User(&keys), &[replace(id, version, &[mark])]);
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| race(&token.store, 101));
            let two = scope.spawn(|| race(&other, 102));
            (one.join().unwrap(), two.join().unwrap())
        });
        let winner = if one.is_ok() { 101 } else { 102 };
        assert!(matches!((one, two), (Ok(_), Err(Error::Conflict)) | (Err(Error::Conflict), Ok(_))));
        let loaded = other.read(Author::User(&keys), &[id]).unwrap();
        assert_eq!(bodies(&loaded), [[winner]]);
    }
}

#[test]
fn ids_are_never_given_twice() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let mut last = None;
    for _ in 0..3 {
        let (id, version) = make(&token.store, author, false, b"x");
        assert!(id.0 > 0 && Some(id) > last);
        last = Some(id);
        token.store.commit(author, &[Change::Delete { id, expected: version }]).unwrap();
    }
    assert!(token.store.load(author).unwrap().objects.is_empty());
}

#[test]
fn another_store_sees_a_commit_at_its_next_call() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    let other = token.another();
    let seen = other.load(author).unwrap();
    assert_eq!(other.generation(), Ok(seen.generation));
    let (id, version) = make(&token.store, author, true, b"new");
    assert_eq!(other.generation(), Ok(version));
    let changes = other.changes_since(token.header.token, seen.generation).unwrap();
    assert_eq!(changes.generation, version);
    assert_eq!(changes.what, What::Parts(Parts { objects: vec![id], ..Parts::default() }));
    assert_eq!(bodies(&other.read(author, &[id]).unwrap()), [b"new"]);
}

#[test]
fn changes_name_exactly_what_changed() {
    let token = Token::new();
    let since = |seen| token.store.changes_since(token.header.token, seen).unwrap().what;
    let start = token.store.generation().unwrap();
    assert_eq!(since(start), What::Parts(Parts::default()));
    let keys = token.app();
    assert_eq!(since(start), What::Parts(Parts { users: true, ..Parts::default() }));
    let before = token.store.generation().unwrap();
    let (id, version) = make(&token.store, Author::User(&keys), true, b"x");
    token.store.commit(Author::User(&keys), &[Change::Delete { id, expected: version }]).unwrap();
    assert_eq!(since(before), What::Parts(Parts { objects: vec![id, id], ..Parts::default() }));
    assert_eq!(since(before + 100), What::Everything, "a generation that never was");
}

#[test]
fn who_was_away_too_long_reads_everything() {
    let store = Store::in_memory().unwrap();
    let header = store.initialize(&common::new_token()).unwrap();
    let author = Author::Public(header.token);
    let seen = store.generation().unwrap();
    for _ in 0..4095 {
        store.commit(author, &[]).unwrap();
    }
    let what = |store: &Store| store.changes_since(header.token, seen).unwrap().what;
    assert!(matches!(what(&store), What::Parts(_)));
    store.commit(author, &[]).unwrap();
    store.commit(author, &[]).unwrap();
    assert_eq!(what(&store), What::Everything);
}

#[test]
fn reading_skips_what_is_gone_and_reads_nothing_twice() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let (gone, version) = make(&token.store, author, false, b"gone");
    let (here, _) = make(&token.store, author, false, b"here");
    token.store.commit(author, &[Change::Delete { id: gone, expected: version }]).unwrap();
    assert_eq!(bodies(&token.store.read(author, &[here, gone, here]).unwrap()), [b"here"]);
}

#[test]
fn a_store_in_memory_is_a_store() {
    let store = Store::in_memory().unwrap();
    assert_eq!(store.header(), Ok(None));
    let header = store.initialize(&common::new_token()).unwrap();
    let keys = store.login(true, "so", common::SO_PIN).unwrap().keys;
    make(&store, Author::User(&keys), true, b"private");
    make(&store, Author::Public(header.token), false, b"public");
    assert_eq!(store.load(Author::User(&keys)).unwrap().objects.len(), 2);
}
