//! Backup and restore: what comes back, and what is refused before anything is changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use claviger_crypto::Secret;
use claviger_rules::{Mode, Role};
use claviger_store::backup::{Domain, Error, Made, NewBackup, Opening, Restored};
use claviger_store::{Act, Author, Effects, HeaderChange, NewToken, Outcome, Quorum, Root, Store};
use common::*;

const CHUNK: usize = (64 << 10) + 28;
const HEAD: usize = 57;

/// A token, a domain beside it, and room for backups.
struct Desk {
    token: Token,
    room: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { token: Token::new(), room: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn domain(&self) -> Domain {
        Domain::open_or_make(&self.path("domain")).unwrap()
    }

    fn back_up(&self, name: &str) -> Made {
        self.back_up_with(name, None).unwrap()
    }

    fn back_up_with(&self, name: &str, passphrase: Option<&str>) -> Result<Made, Error> {
        let passphrase = passphrase.map(|text| Secret::copy_of(text.as_bytes()));
        let new = NewBackup::prepare(&self.path(name), self.domain(), passphrase.as_ref())?;
        self.token.store.back_up(new, &mut |_, _| ())
    }

    fn restore(&self, name: &str, into: &Store) -> Result<Restored, Error> {
        self.restore_by(name, into, &[])
    }

    fn restore_by(&self, name: &str, into: &Store, officers: &[(&str, &[u8])]) -> Result<Restored, Error> {
        restore(&self.path(name), &self.path("domain"), None, into, officers)
    }

    fn altered(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = fs::read(self.path(name)).unwrap();
        edit(&mut bytes);
        let path = self.path("altered");
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn restore(
    path: &Path,
    domain: &Path,
    passphrase: Option<&str>,
    into: &Store,
    officers: &[(&str, &[u8])],
) -> Result<Restored, Error> {
    let passphrase = passphrase.map(|text| Secret::copy_of(text.as_bytes()));
    let opening = Opening::open(path)?;
    let backup = opening.verify(Domain::open(domain)?, passphrase.as_ref(), &mut |_, _| ())?;
    into.restore(backup, officers, &mut |_, _| ())
}

fn empty() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Root::open(dir.path()).unwrap().slot(0).unwrap();
    (dir, store)
}

#[test]
fn what_was_there_is_there_again_on_another_device() {
    let desk = Desk::new();
    let app = desk.token.app();
    let (public, _) = make(&desk.token.store, Author::Public(app.token()), false, b"certificate");
    let (private, version) = make(&desk.token.store, Author::User(&app), true, b"key");
    desk.token.store.login(false, "app1", b"wrong").err().unwrap();
    let made = desk.back_up("one");
    assert_eq!(made.counter, 1);
    assert_eq!(fs::metadata(desk.path("one")).unwrap().permissions().mode() & 0o777, 0o600);

    let (dir, store) = empty();
    let restored = desk.restore("one", &store).unwrap();
    assert_eq!(restored, Restored { counter: 1, newer: None, records: made.records, officers: Vec::new() });
    let header = store.header().unwrap().unwrap();
    assert_eq!(header, desk.token.header);
    assert_eq!(store.users().unwrap(), desk.token.store.users().unwrap());
    assert_eq!(store.users().unwrap()[1].failures, 1);

    assert!(store.generation().unwrap() > desk.token.store.generation().unwrap());

    drop(store);
    let store = open(dir.path());
    let app = store.login(false, "app1", PIN).unwrap().keys;
    let loaded = store.load(Author::User(&app)).unwrap();
    assert_eq!(bodies(&loaded), [&b"certificate"[..], b"key"]);
    assert_eq!((loaded.objects[0].id, loaded.objects[1].id), (public, private));
    assert_eq!(loaded.objects[1].version, version);
    assert!(loaded.damaged.is_empty());
    // Ids go on where they were.
    let (next, later) = make(&store, Author::User(&app), true, b"new");
    assert!(next > private && later > version);
    store.commit(Author::User(&app), &[replace(private, version, b"changed")]).unwrap();
}

#[test]
fn a_backup_reveals_nothing_without_the_domain_and_private_values_not_even_with_it() {
    let desk = Desk::new();
    let app = desk.token.app();
    make(&desk.token.store, Author::Public(app.token()), false, b"a public certificate of ours");
    desk.back_up("one");
    let bytes = fs::read(desk.path("one")).unwrap();
    for word in [&b"public certificate"[..], b"app1", b"unmistakable"] {
        assert!(!bytes.windows(word.len()).any(|window| window == word));
    }
}

#[test]
fn pending_acts_stay_behind() {
    let desk = Desk::new();
    let so = desk.token.so();
    let officer = desk.token.store.new_officer(&so, "so2", PIN).unwrap();
    alone(&desk.token.store, &so, &officer, 0, &[]).unwrap();
    let quorum = Act::SetQuorum(Quorum::new(2, 24).unwrap());
    alone(&desk.token.store, &so, &quorum, 0, &[]).unwrap();
    let waits = desk.token.store.perform(&so, &Act::Backup, Effects::NONE, 0).unwrap();
    assert!(matches!(waits, Outcome::Waits(..)));
    desk.back_up("one");
    let (_dir, store) = empty();
    desk.restore("one", &store).unwrap();
    assert!(store.pending(0).unwrap().acts.is_empty());
    assert_eq!(store.header().unwrap().unwrap().quorum.needed(), 2);
}

#[test]
fn the_last_approval_of_a_backup_is_given_by_who_writes_it() {
    let desk = Desk::new();
    let store = &desk.token.store;
    let so = desk.token.so();
    alone(store, &so, &store.new_officer(&so, "so2", PIN).unwrap(), 0, &[]).unwrap();
    alone(store, &so, &Act::SetQuorum(Quorum::new(2, 24).unwrap()), 0, &[]).unwrap();
    let so2 = store.login(true, "so2", PIN).unwrap().keys;
    store.perform(&so, &Act::Backup, Effects::NONE, 0).unwrap();
    let pending = store.pending(0).unwrap().acts.remove(0);
    let approved = store.approve(&so2, pending.id, &pending.digest, Effects::NONE, 0);
    assert_eq!(approved.err(), Some(claviger_store::Error::ActNeeded));
    assert_eq!(store.pending(0).unwrap().acts[0].approvals.len(), 1);
    let done = store.perform(&so2, &Act::Backup, Effects::NONE, 0).unwrap();
    assert!(matches!(done, Outcome::Done { act: Some(_), .. }));
}

#[test]
fn every_altered_byte_is_refused_and_the_slot_stays_empty() {
    let desk = Desk::new();
    desk.back_up("one");
    let (_dir, store) = empty();
    let before = store.generation().unwrap();
    let len = fs::read(desk.path("one")).unwrap().len();
    for at in 0..len {
        let path = desk.altered("one", |bytes| bytes[at] ^= 1);
        let refused = restore(&path, &desk.path("domain"), None, &store, &[]).err().unwrap();
        let expected = match at {
            0..7 => Error::NotABackup,
            7 => Error::NotABackup,
            8..24 => Error::OtherDomain,
            24 => Error::PassphraseNeeded,
            _ => Error::Altered,
        };
        assert_eq!(refused, expected, "byte {at}");
    }
    assert_eq!((store.header().unwrap(), store.generation().unwrap()), (None, before));
    desk.restore("one", &store).unwrap();
}

#[test]
fn a_file_cut_anywhere_or_put_together_otherwise_is_refused() {
    let desk = Desk::new();
    let app = desk.token.app();
    for _ in 0..4 {
        make(&desk.token.store, Author::User(&app), true, &vec![7; 60_000]);
    }
    desk.back_up("one");
    let len = fs::read(desk.path("one")).unwrap().len();
    let ends: Vec<_> = (0..).map(|n| HEAD + n * CHUNK).take_while(|end| *end < len).collect();
    assert!(ends.len() >= 4);
    let around = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]);
    let (_dir, store) = empty();
    let refused = |path: &Path| restore(path, &desk.path("domain"), None, &store, &[]).err().unwrap();
    for cut in around.chain((0..len).step_by(997)).chain([len - 1]).filter(|cut| *cut < len) {
        let error = refused(&desk.altered("one", |bytes| bytes.truncate(cut)));
        assert_eq!(error, if cut < HEAD { Error::NotABackup } else { Error::Altered }, "cut at {cut}");
    }
    let swapped = desk.altered("one", |bytes| {
        let (first, second) = bytes[HEAD..HEAD + 2 * CHUNK].split_at_mut(CHUNK);
        first.swap_with_slice(second);
    });
    assert_eq!(refused(&swapped), Error::Altered);
    let repeated = desk.altered("one", |bytes| {
        let first = bytes[HEAD..HEAD + CHUNK].to_vec();
        bytes.splice(HEAD..HEAD, first);
    });
    assert_eq!(refused(&repeated), Error::Altered);
    let left_out = desk.altered("one", |bytes| drop(bytes.drain(HEAD..HEAD + CHUNK)));
    assert_eq!(refused(&left_out), Error::Altered);
    let longer = desk.altered("one", |bytes| bytes.push(0));
    assert_eq!(refused(&longer), Error::Altered);
    desk.back_up("two");
    let two = fs::read(desk.path("two")).unwrap();
    let mixed = desk.altered("one", |bytes| bytes[HEAD..HEAD + CHUNK].copy_from_slice(&two[HEAD..HEAD + CHUNK]));
    assert_eq!(refused(&mixed), Error::Altered);
    assert_eq!(store.header().unwrap(), None);
}

#[test]
fn a_backup_of_another_domain_is_refused_whatever_its_head_says() {
    let (desk, other) = (Desk::new(), Desk::new());
    desk.back_up("one");
    other.back_up("one");
    let (_dir, store) = empty();
    let refused = |path: &Path| restore(path, &desk.path("domain"), None, &store, &[]).err().unwrap();
    assert_eq!(refused(&other.path("one")), Error::OtherDomain);
    let ours = fs::read(desk.path("one")).unwrap();
    let forged = other.altered("one", |bytes| bytes[..24].copy_from_slice(&ours[..24]));
    assert_eq!(refused(&forged), Error::Altered);
    assert_eq!(restore(&desk.path("one"), &desk.path("none"), None, &store, &[]).err(), Some(Error::DomainMissing));
    assert!(!desk.path("none").exists());
    assert_eq!(store.header().unwrap(), None);
}

#[test]
fn a_passphrase_comes_on_top_of_the_domain() {
    let desk = Desk::new();
    assert_eq!(desk.back_up_with("one", Some("")).err(), Some(Error::PassphraseEmpty));
    desk.back_up_with("one", Some("correct horse")).unwrap();
    assert!(Opening::open(&desk.path("one")).unwrap().has_passphrase());
    let (_dir, store) = empty();
    let with = |passphrase| restore(&desk.path("one"), &desk.path("domain"), passphrase, &store, &[]);
    assert_eq!(with(None).err(), Some(Error::PassphraseNeeded));
    assert_eq!(with(Some("wrong")).err(), Some(Error::PassphraseWrong));
    assert_eq!(store.header().unwrap(), None);
    with(Some("correct horse")).unwrap();
}

#[test]
fn nothing_is_overwritten() {
    let desk = Desk::new();
    fs::write(desk.path("one"), "precious").unwrap();
    assert_eq!(desk.back_up_with("one", None).err(), Some(Error::Exists));
    assert_eq!(fs::read(desk.path("one")).unwrap(), b"precious");
    desk.back_up("two");
    let full = open(desk.token.dir.path());
    assert_eq!(desk.restore("two", &full).err(), Some(Error::NotEmpty));
    assert_eq!(full.header().unwrap(), Some(desk.token.header));
    assert_eq!(fs::read_dir(desk.room.path()).unwrap().count(), 3);
}

#[test]
fn a_backup_that_is_not_made_leaves_no_file_and_no_number() {
    let desk = Desk::new();
    let (_dir, store) = empty();
    let new = NewBackup::prepare(&desk.path("one"), desk.domain(), None).unwrap();
    assert_eq!(store.back_up(new, &mut |_, _| ()).err(), Some(Error::Store(claviger_store::Error::Uninitialized)));
    assert_eq!(fs::read_dir(desk.room.path()).unwrap().count(), 1);
    assert_eq!(desk.back_up("one").counter, 1);
}

/// A token with the officers so and so2 and a quorum of two, and backups 1 and 2.
fn two_backups() -> Desk {
    let desk = Desk::new();
    let store = &desk.token.store;
    let so = desk.token.so();
    alone(store, &so, &store.new_officer(&so, "so2", PIN).unwrap(), 0, &[]).unwrap();
    store.create_user(&so, "kim", Role::KeyManager, PIN).unwrap();
    alone(store, &so, &Act::SetQuorum(Quorum::new(2, 24).unwrap()), 0, &[]).unwrap();
    desk.back_up("one");
    desk.back_up("two");
    desk
}

#[test]
fn an_older_backup_takes_the_quorum_of_the_officers_in_it() {
    let desk = two_backups();
    let (_dir, store) = empty();
    let by = |officers: &[(&str, &[u8])]| desk.restore_by("one", &store, officers);
    assert_eq!(by(&[]).err(), Some(Error::Older));
    assert_eq!(by(&[("so", SO_PIN)]).err(), Some(Error::Older));
    assert_eq!(by(&[("so", SO_PIN), ("SO", SO_PIN)]).err(), Some(Error::OfficerUnknown));
    assert_eq!(by(&[("so", SO_PIN), ("kim", PIN)]).err(), Some(Error::OfficerUnknown));
    assert_eq!(by(&[("so", SO_PIN), ("so2", b"wrong")]).err(), Some(Error::PinIncorrect));
    assert_eq!(store.header().unwrap(), None);
    let restored = by(&[("so", SO_PIN), ("so2", PIN)]).unwrap();
    assert_eq!((restored.counter, restored.newer), (1, Some(2)));
    assert_eq!(restored.officers, ["so", "so2"]);
    let (_dir, store) = empty();
    assert_eq!(desk.restore("two", &store).unwrap().newer, None);
}

#[test]
fn wrong_pins_of_an_older_backup_are_counted_with_those_in_it() {
    let desk = two_backups();
    let (_dir, store) = empty();
    for _ in 0..10 {
        let wrong = desk.restore_by("one", &store, &[("so", b"wrong"), ("so2", PIN)]);
        assert_eq!(wrong.err(), Some(Error::PinIncorrect));
    }
    let right: [(&str, &[u8]); 2] = [("so", SO_PIN), ("so2", PIN)];
    assert_eq!(desk.restore_by("one", &store, &right).err(), Some(Error::PinLocked));
    // The newest one needs nobody.
    desk.restore("two", &store).unwrap();
}

#[test]
fn a_token_is_not_loosened_by_an_older_backup() {
    let desk = Desk { token: Token::new(), room: tempfile::tempdir().unwrap() };
    let so = desk.token.so();
    let replaces = Some(desk.token.header.token);
    drop(so);
    desk.token.store.initialize(&NewToken { replaces, mode: Mode::Audit, ..new_token() }).unwrap();
    desk.back_up("one");
    let so = desk.token.so();
    let seen = desk.token.store.generation().unwrap();
    let tighter = HeaderChange { mode: Some(Mode::Enforce), ..HeaderChange::default() };
    alone(&desk.token.store, &so, &Act::ChangeHeader(tighter), seen, &[]).unwrap();
    desk.back_up("two");
    let (_dir, store) = empty();
    assert_eq!(desk.restore_by("one", &store, &[("so", SO_PIN)]).err(), Some(Error::Looser));
    desk.restore("two", &store).unwrap();
}

#[test]
fn an_altered_domain_file_is_refused() {
    let desk = Desk::new();
    desk.back_up("one");
    let path = desk.path("domain");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= if at == 7 { 2 } else { 1 };
        fs::write(&path, bytes).unwrap();
        let expected = if at == 7 { Error::DomainNewer } else { Error::DomainDamaged };
        assert_eq!(Domain::open(&path).err(), Some(expected), "byte {at}");
    }
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(Domain::open(&path).err(), Some(Error::DomainDamaged), "cut at {cut}");
    }
    fs::write(&path, &whole).unwrap();
    assert!(Domain::open(&path).is_ok());
}

#[test]
fn two_of_one_domain_take_turns() {
    let desk = Desk::new();
    let held = desk.domain();
    assert_eq!(Domain::open(&desk.path("domain")).err(), Some(Error::DomainBusy));
    drop(held);
    assert!(Domain::open(&desk.path("domain")).is_ok());
}
