//! The directory: modes, the device key, the mapped counter, and that nothing is readable in any file.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use claviger_store::{Author, Error, Root, Store};
use common::{LABEL, Token, bodies, make};

fn everything_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { [everything_in(&path), vec![path]].concat() } else { vec![path] })
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn directories_are_0700_and_files_0600() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("not").join("there yet");
    let store = Root::open(&root).unwrap().slot(7).unwrap();
    store.initialize(&common::new_token()).unwrap();
    let all = everything_in(&root);
    assert_eq!(mode(&root), 0o700);
    for path in &all {
        assert_eq!(mode(path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    let names: Vec<_> = all.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["device.key", "slot-7", "store.db", "store.db-wal", "store.db-shm", "turn", "login", "generation"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert_eq!(all.len(), 9);
}

#[test]
fn slots_are_listed_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    assert_eq!(root.slots(), Ok(vec![]));
    for slot in [10, 2, 0] {
        root.slot(slot).unwrap();
    }
    fs::create_dir(dir.path().join("slot-x")).unwrap();
    assert_eq!(root.slots(), Ok(vec![0, 2, 10]));
}

#[test]
fn nothing_is_readable_in_any_file() {
    let token = Token::new();
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"unmistakable secret");
    make(&token.store, Author::User(&keys), false, b"unmistakable public");
    token.store.change_pin(keys.user(), common::PIN, b"unmistakable pin").unwrap();
    let device = fs::read(token.dir.path().join("device.key")).unwrap();
    let is_clean = || {
        for path in everything_in(token.dir.path()).iter().filter(|path| path.is_file()) {
            let bytes = fs::read(path).unwrap();
            for needle in [&b"unmistakable"[..], b"app1", &LABEL[..8], &token.header.serial[..8]] {
                assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{}", path.display());
            }
            assert!(path.ends_with("device.key") || !bytes.windows(32).any(|part| part == device));
        }
    };
    is_clean();
    drop(token.store);
    is_clean();
}

#[test]
fn a_device_key_of_another_length_is_refused() {
    for len in [0, 31, 33] {
        let token = Token::new();
        fs::write(token.dir.path().join("device.key"), vec![7; len]).unwrap();
        assert_eq!(Root::open(token.dir.path()).err(), Some(Error::DeviceKey));
        assert_eq!(fs::metadata(token.dir.path().join("device.key")).unwrap().len(), len as u64);
    }
}

#[test]
fn a_lost_device_key_is_not_made_anew_over_existing_slots() {
    let token = Token::new();
    let key = token.dir.path().join("device.key");
    fs::remove_file(&key).unwrap();
    assert_eq!(Root::open(token.dir.path()).err(), Some(Error::DeviceKey));
    assert!(!key.exists());
}

#[test]
fn of_many_who_make_the_device_key_at_once_one_does() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let start = Barrier::new(8);
        let roots: Vec<Root> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                Root::open(dir.path()).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let header = roots[0].slot(0).unwrap().initialize(&common::new_token()).unwrap();
        for root in &roots {
            assert_eq!(root.slot(0).unwrap().header(), Ok(Some(header)));
        }
    }
}

#[test]
fn of_many_who_make_a_slot_at_once_all_get_the_same() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let (root, start) = (Root::open(dir.path()).unwrap(), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let store = root.slot(0).unwrap();
                    assert_eq!(store.header(), Ok(None));
                });
            }
        });
        assert_eq!(root.slot(0).unwrap().generation(), Ok(0));
    }
}

fn sees(store: &Store, author: Author<'_>, body: &[u8]) -> bool {
    let seen = store.load(author).unwrap().generation;
    store.generation() == Ok(seen) && bodies(&store.load(author).unwrap()).contains(&body)
}

#[test]
fn a_counter_that_is_missing_short_or_foreign_is_made_anew() {
    let edits: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, b"").unwrap(),
        |path| fs::write(path, b"CLVGEN\0\x01").unwrap(),
        |path| fs::write(path, [7; 4096]).unwrap(),
    ];
    for edit in edits {
        let token = Token::new();
        let author = Author::Public(token.header.token);
        make(&token.store, author, false, b"before");
        let path = token.database().with_file_name("generation");
        let dir = token.dir;
        drop(token.store);
        edit(&path);
        let (one, two) = (common::open(dir.path()), common::open(dir.path()));
        assert!(sees(&one, author, b"before"));
        make(&one, author, false, b"after");
        assert!(sees(&two, author, b"after"));
        assert_eq!(fs::metadata(&path).unwrap().len(), 16);
    }
}

#[test]
fn a_counter_removed_under_a_running_store_blinds_nobody_for_long() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let other = token.another();
    let seen = other.generation().unwrap();
    fs::remove_file(token.database().with_file_name("generation")).unwrap();
    let (_, version) = make(&token.store, author, false, b"x");
    assert!(version > seen);
    let deadline = Instant::now() + Duration::from_secs(5);
    while other.generation() != Ok(version) {
        assert!(Instant::now() < deadline, "still at {seen}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (_, version) = make(&token.store, author, false, b"y");
    assert_eq!(other.generation(), Ok(version), "at once again");
}

#[test]
fn a_writer_that_died_before_its_commit_leaves_nobody_blind() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let path = token.database().with_file_name("generation");
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let (_, version) = make(&token.store, author, false, b"x");
    let mut word = [0; 8];
    file.read_exact_at(&mut word, 8).unwrap();
    assert_eq!(u64::from_ne_bytes(word), version * 2);
    // As a process leaves it that was killed on its way to the next generation.
    file.write_all_at(&(version * 2 + 1).to_ne_bytes(), 8).unwrap();
    assert_eq!(token.store.generation(), Ok(version));
    let (_, version) = make(&token.another(), author, false, b"y");
    assert_eq!(token.store.generation(), Ok(version));
}

#[test]
fn a_counter_older_than_the_database_is_put_right_at_the_next_opening() {
    let token = Token::new();
    let author = Author::Public(token.header.token);
    let (_, version) = make(&token.store, author, false, b"x");
    let path = token.database().with_file_name("generation");
    let dir = token.dir;
    drop(token.store);
    // A power cut may lose the mapped page, but not what was fsynced.
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&2_u64.to_ne_bytes(), 8).unwrap();
    assert_eq!(common::open(dir.path()).generation(), Ok(version));
}

#[test]
fn every_slot_has_an_audit_log_and_a_key_of_its_own_from_the_device_key() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("device.key"), [7; 32]).unwrap();
    let place = |slot| Root::open(dir.path()).unwrap().audit(slot).unwrap();
    assert_eq!(place(3).directory, dir.path().join("slot-3/audit"));
    assert!(!place(3).directory.exists());
    // docs/FORMAT.md, computed apart.
    assert_eq!(hex(place(3).key.expose()), "7ea970e42a32917b2ff15df0c9900062491df3efd3cf3468dbb5fa6fc0a33b9c");
    assert_ne!(place(3).key.expose(), place(4).key.expose());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
