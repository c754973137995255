//! Users, PINs and the counting of wrong ones; the token's header.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::{Duration, Instant};

use claviger_rules::{Mode, Role, UserId};
use claviger_store::{Act, Author, Cost, Error, Header, HeaderChange, Login, NewToken, Result, Settings, Store};
use common::{PIN, SO_PIN, Token, alone, create, make, new_token};

fn failure(result: Result<Login>) -> Option<Error> {
    result.err()
}

fn failures(store: &Store, id: UserId) -> u32 {
    store.users().unwrap().into_iter().find(|user| user.id == id).unwrap().failures
}

fn limited(max_pin_failures: u32) -> Token {
    Token::with(Settings { max_pin_failures, ..common::settings() })
}

#[test]
fn a_fresh_slot_holds_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let store = common::open(dir.path());
    assert_eq!(store.header(), Ok(None));
    assert_eq!(store.users(), Err(Error::Uninitialized));
    assert_eq!(failure(store.login(true, "so", SO_PIN)), Some(Error::Uninitialized));
}

#[test]
fn the_security_officer_is_made_with_the_token() {
    let token = Token::new();
    let login = token.store.login(true, "SO", SO_PIN).unwrap();
    assert_eq!((login.user.name.as_str(), login.user.role), ("so", Role::SecurityOfficer));
    assert_eq!((login.user.failures, login.user.locked), (0, false));
    assert_eq!(login.keys.user(), login.user.id);
    assert_eq!(token.store.users(), Ok(vec![login.user]));
}

#[test]
fn wrong_pins_are_counted_and_the_count_survives_reopening() {
    let token = limited(3);
    let id = token.add_user("app1").id;
    for wrong in [&b"0000"[..], b""] {
        assert_eq!(failure(token.store.login(false, "app1", wrong)), Some(Error::PinIncorrect));
    }
    drop(token.store);
    let store = common::open(token.dir.path());
    assert_eq!(failures(&store, id), 2);
    assert_eq!(failure(store.login(false, "app1", b"0000")), Some(Error::PinIncorrect));
    assert_eq!(failure(store.login(false, "app1", PIN)), Some(Error::PinLocked));
    assert!(store.users().unwrap()[1].locked);
    assert_eq!(failures(&store, id), 3);
    store.unlock(&store.login(true, "so", SO_PIN).unwrap().keys, id).unwrap();
    assert!(store.login(false, "app1", PIN).is_ok());
}

#[test]
fn the_right_pin_takes_the_count_back() {
    let token = limited(3);
    let id = token.add_user("app1").id;
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(failure(token.store.login(false, "app1", b"0000")), Some(Error::PinIncorrect));
        }
        assert!(token.store.login(false, "app1", PIN).is_ok());
        assert_eq!(failures(&token.store, id), 0);
    }
}

#[test]
fn with_no_limit_nobody_is_locked() {
    let token = limited(0);
    token.add_user("app1");
    for _ in 0..12 {
        assert_eq!(failure(token.store.login(false, "app1", b"0000")), Some(Error::PinIncorrect));
    }
    assert!(token.store.login(false, "app1", PIN).is_ok());
}

#[test]
fn unknown_names_and_wrong_types_count_for_nobody() {
    let token = limited(2);
    token.add_user("app1");
    for (is_so, name) in [(false, "nobody"), (true, "app1"), (false, "so"), (false, ""), (false, "env"), (true, "")] {
        for _ in 0..3 {
            assert_eq!(failure(token.store.login(is_so, name, PIN)), Some(Error::PinIncorrect), "{name}");
        }
    }
    assert!(token.store.users().unwrap().iter().all(|user| user.failures == 0));
    assert!(token.store.login(false, "app1", PIN).is_ok());
}

#[test]
fn an_unknown_name_takes_as_long_as_a_wrong_pin() {
    let token = limited(0);
    token.add_user("app1");
    let time = |name: &str| {
        let start = Instant::now();
        assert!(token.store.login(false, name, b"0000").is_err());
        start.elapsed()
    };
    // The shortest of many, in turns: a busy machine only ever adds time.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    let alike = (0..50).any(|round| {
        (known, unknown) = (known.min(time("app1")), unknown.min(time("nobody")));
        round >= 3 && known < unknown * 3 / 2 && unknown < known * 3 / 2
    });
    assert!(alike, "{known:?} against {unknown:?}");
    assert!(known > Duration::from_millis(5), "no Argon2 in {known:?}");
}

#[test]
fn right_pins_at_the_same_time_lock_nobody_out() {
    let token = limited(2);
    token.add_user("app1");
    let stores: Vec<Store> = (0..6).map(|_| token.another()).collect();
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| assert_eq!(failure(store.login(false, "app1", PIN)), None));
        }
    });
}

#[test]
fn wrong_pins_at_the_same_time_are_all_counted() {
    let token = limited(0);
    let id = token.add_user("app1").id;
    let stores: Vec<Store> = (0..6).map(|_| token.another()).collect();
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| assert_eq!(failure(store.login(false, "app1", b"0000")), Some(Error::PinIncorrect)));
        }
    });
    assert_eq!(failures(&token.store, id), 6);
}

#[test]
fn names_are_checked_and_kept_in_lower_case() {
    let token = Token::new();
    let so = token.so();
    let create = |name: &str| token.store.create_user(&so, name, Role::NormalUser, PIN).map(|user| user.name);
    let longest = "a".repeat(31);
    for (name, kept) in [("App_1.x-y", "app_1.x-y"), ("7", "7"), (longest.as_str(), &longest)] {
        assert_eq!(create(name).as_deref(), Ok(kept));
    }
    for name in ["", ".a", "-a", "_a", "a b", "a:b", "ä", "ENV", "env", "a\0", &"a".repeat(32)] {
        assert_eq!(create(name), Err(Error::NameInvalid), "{name:?}");
    }
    assert_eq!(create("APP_1.x-Y"), Err(Error::NameTaken));
    assert_eq!(create("So"), Err(Error::NameTaken));
    assert!(token.store.login(false, "aPP_1.X-y", PIN).is_ok());
}

#[test]
fn a_pin_is_4_to_255_bytes_long() {
    let token = Token::new();
    let so = token.so();
    let id = token.add_user("app1").id;
    for pin in [&[7; 3][..], &[7; 256], &[]] {
        assert_eq!(token.store.set_pin(&so, id, pin), Err(Error::PinLength));
        assert_eq!(token.store.change_pin(id, PIN, pin), Err(Error::PinLength));
        assert_eq!(token.store.create_user(&so, "app2", Role::KeyManager, pin), Err(Error::PinLength));
    }
    assert_eq!(failures(&token.store, id), 0);
    for pin in [&[7; 4][..], &[7; 255]] {
        token.store.set_pin(&so, id, pin).unwrap();
        assert!(token.store.login(false, "app1", pin).is_ok());
    }
    let short = NewToken { replaces: Some(token.header.token), so_pin: b"123", ..new_token() };
    assert_eq!(token.store.initialize(&short), Err(Error::PinLength));
}

#[test]
fn a_changed_pin_keeps_logins_and_objects() {
    let token = Token::new();
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"mine");
    token.store.change_pin(keys.user(), PIN, b"new pin").unwrap();
    assert_eq!(failure(token.store.login(false, "app1", PIN)), Some(Error::PinIncorrect));
    let again = token.store.login(false, "app1", b"new pin").unwrap();
    assert_eq!(common::bodies(&token.store.load(Author::User(&again.keys)).unwrap()), [b"mine"]);
    assert!(token.store.load(Author::User(&keys)).is_ok());
}

#[test]
fn a_wrong_old_pin_is_counted_too() {
    let token = limited(2);
    let id = token.add_user("app1").id;
    for _ in 0..2 {
        assert_eq!(token.store.change_pin(id, b"0000", b"5678"), Err(Error::PinIncorrect));
    }
    assert_eq!(token.store.change_pin(id, PIN, b"5678"), Err(Error::PinLocked));
    assert_eq!(token.store.change_pin(UserId(99), PIN, b"5678"), Err(Error::PinIncorrect));
    assert_eq!(token.store.change_pin(UserId(0), PIN, b"5678"), Err(Error::PinIncorrect));
}

#[test]
fn a_pin_set_by_another_ends_logins_and_keeps_objects() {
    let token = limited(1);
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"mine");
    assert_eq!(failure(token.store.login(false, "app1", b"0000")), Some(Error::PinIncorrect));
    token.store.set_pin(&token.so(), keys.user(), b"5678").unwrap();
    assert_eq!(token.store.load(Author::User(&keys)).err(), Some(Error::UserGone));
    assert_eq!(token.store.commit(Author::User(&keys), &[create(false, b"x")]), Err(Error::UserGone));
    let again = token.store.login(false, "app1", b"5678").unwrap();
    assert!(again.user.reset > again.user.born);
    assert_eq!(common::bodies(&token.store.load(Author::User(&again.keys)).unwrap()), [b"mine"]);
}

#[test]
fn security_officers_are_made_and_changed_by_acts_of_the_quorum_alone() {
    let token = Token::new();
    let so = token.so();
    assert_eq!(token.store.create_user(&so, "sol", Role::SecurityOfficer, PIN), Err(Error::ActNeeded));
    assert_eq!(token.store.set_pin(&so, so.user(), PIN), Err(Error::ActNeeded));
    assert_eq!(token.store.unlock(&so, so.user()), Err(Error::ActNeeded));
    assert_eq!(token.store.users().unwrap().len(), 1);
}

#[test]
fn a_deleted_user_is_gone_and_its_id_never_comes_back() {
    let token = Token::new();
    let so = token.so();
    let keys = token.app();
    let seen = token.store.generation().unwrap();
    alone(&token.store, &so, &Act::DeleteUser(keys.user()), seen, &[]).unwrap();
    assert_eq!(token.store.commit(Author::User(&keys), &[create(false, b"x")]), Err(Error::UserGone));
    assert_eq!(failure(token.store.login(false, "app1", PIN)), Some(Error::PinIncorrect));
    assert_eq!(alone(&token.store, &so, &Act::DeleteUser(keys.user()), seen, &[]), Err(Error::UserUnknown));
    assert_eq!(token.store.unlock(&so, UserId(0)), Err(Error::UserUnknown));
    let again = token.add_user("app1");
    assert!(again.id > keys.user());
    assert_eq!(token.store.load(Author::User(&keys)).err(), Some(Error::UserGone));
}

#[test]
fn a_user_is_deleted_with_its_objects_or_not_at_all() {
    let token = Token::new();
    let (so, keys) = (token.so(), token.app());
    let (id, expected) = make(&token.store, Author::User(&keys), true, b"1");
    let delete = || [claviger_store::Change::Delete { id, expected }];
    let seen = token.store.generation().unwrap();
    make(&token.store, Author::User(&keys), true, b"made meanwhile");
    assert_eq!(alone(&token.store, &so, &Act::DeleteUser(keys.user()), seen, &delete()), Err(Error::Conflict));
    assert_eq!(token.store.load(Author::User(&keys)).unwrap().objects.len(), 2);
    let seen = token.store.generation().unwrap();
    alone(&token.store, &so, &Act::DeleteUser(keys.user()), seen, &delete()).unwrap();
    assert_eq!(common::bodies(&token.store.load(Author::User(&so)).unwrap()), [b"made meanwhile"]);
}

#[test]
fn initialising_again_wipes_everything_but_the_serial_number() {
    let token = Token::new();
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"old");
    let other = token.another();
    let seen = other.generation().unwrap();
    assert_eq!(token.store.initialize(&new_token()), Err(Error::TokenChanged), "it is initialised");
    let again = NewToken { replaces: Some(token.header.token), so_pin: b"other pin", ..new_token() };
    let header = token.store.initialize(&again).unwrap();
    assert_eq!(header.serial, token.header.serial);
    assert_ne!(header.token, token.header.token);
    assert_eq!(token.store.users().unwrap().len(), 1);
    assert_eq!(failure(token.store.login(true, "so", SO_PIN)), Some(Error::PinIncorrect));
    let so = token.store.login(true, "so", b"other pin").unwrap().keys;
    assert!(token.store.load(Author::User(&so)).unwrap().objects.is_empty());
    for author in [Author::User(&keys), Author::Public(token.header.token)] {
        assert_eq!(other.load(author).err(), Some(Error::TokenChanged));
        assert_eq!(other.commit(author, &[create(false, b"x")]), Err(Error::TokenChanged));
    }
    assert_eq!(token.store.initialize(&again), Err(Error::TokenChanged));
    assert_eq!(other.changes_since(token.header.token, seen).unwrap().what, claviger_store::What::Everything);
}

#[test]
fn a_serial_number_is_16_hexadecimal_characters() {
    let (one, other) = (Token::new().header.serial, Token::new().header.serial);
    assert!(one.iter().all(|digit| b"0123456789abcdef".contains(digit)));
    assert_ne!(one, other);
}

#[test]
fn a_mode_is_only_tightened() {
    let dir = tempfile::tempdir().unwrap();
    let store = common::open(dir.path());
    store.initialize(&NewToken { mode: Mode::Standard, ..new_token() }).unwrap();
    let so = store.login(true, "so", SO_PIN).unwrap().keys;
    let set = |mode| {
        let seen = store.generation().unwrap();
        let change = HeaderChange { mode: Some(mode), ..HeaderChange::default() };
        alone(&store, &so, &Act::ChangeHeader(change), seen, &[])?;
        Ok(store.header()?.unwrap().mode)
    };
    assert_eq!(set(Mode::Audit), Ok(Mode::Audit));
    assert_eq!(set(Mode::Standard), Err(Error::ModeLoosened));
    assert_eq!(set(Mode::Enforce), Ok(Mode::Enforce));
    assert_eq!(set(Mode::Audit), Err(Error::ModeLoosened));
    assert_eq!(store.header().unwrap().unwrap().mode, Mode::Enforce);
}

#[test]
fn a_header_changes_together_with_the_objects_that_were_seen() {
    let token = Token::new();
    let so = token.so();
    let (id, version) = make(&token.store, Author::User(&so), false, b"1");
    let seen = token.store.generation().unwrap();
    let new = Act::ChangeHeader(HeaderChange { max_pin_failures: Some(3), ..HeaderChange::default() });
    alone(&token.store, &so, &new, seen, &[common::replace(id, version, b"2")]).unwrap();
    let settings = Settings { max_pin_failures: 3, cost: Cost::Quick };
    assert_eq!(token.store.header(), Ok(Some(Header { settings, ..token.header })));
    assert_eq!(common::bodies(&token.store.load(Author::User(&so)).unwrap()), [b"2"]);
    assert_eq!(alone(&token.store, &so, &new, seen, &[]), Err(Error::Conflict), "an object changed since");
}

#[test]
fn costs_have_names_and_a_floor() {
    for cost in Cost::ALL {
        assert_eq!(Cost::from_name(cost.name()), Some(*cost));
        let (memory_kib, passes) = cost.parameters();
        assert!(memory_kib >= 19 * 1024 && passes >= 2);
    }
    assert_eq!(Cost::from_name("free"), None);
}
