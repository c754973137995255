//! PINs: counted, locked, unlocked, changed.

use claviger_rules::{Error, Role};
use claviger_session::{UserType, flag};

use crate::world::{PIN, SLOT, SO_PIN, World, refused};

#[test]
fn the_flags_tell_how_many_tries_are_left() {
    let world = World::with(|config| config.max_pin_failures = 3);
    world.library.init_token(SLOT, SO_PIN, b"test").unwrap();
    world.as_officer(|officer| officer.init_pin(PIN)).unwrap();
    let session = world.session();
    let flags = || {
        let bits = [flag::USER_PIN_COUNT_LOW, flag::USER_PIN_FINAL_TRY, flag::USER_PIN_LOCKED];
        bits.map(|bit| world.has(bit))
    };
    let wrong = || refused(session.login(UserType::User, b"4321"));
    assert_eq!(flags(), [false, false, false]);
    assert_eq!(wrong(), Some(Error::PinIncorrect));
    assert_eq!(flags(), [true, false, false]);
    assert_eq!(wrong(), Some(Error::PinIncorrect));
    assert_eq!(flags(), [true, true, false]);
    assert_eq!(wrong(), Some(Error::PinIncorrect));
    assert_eq!(flags(), [true, false, true]);
    assert_eq!(refused(session.login(UserType::User, PIN)), Some(Error::PinLocked));

    world.as_officer(|officer| officer.unlock_user("user")).unwrap();
    assert_eq!(flags(), [false, false, false]);
    session.login(UserType::User, PIN).unwrap();
}

#[test]
fn the_flags_speak_of_the_default_user_in_whatever_case_its_name_was_given() {
    let world = World::with_token();
    world.as_officer(|officer| officer.create_user("User", Role::NormalUser, PIN)).unwrap();
    assert_eq!(refused(world.session().login(UserType::User, b"4321")), Some(Error::PinIncorrect));
    assert!(world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn the_right_pin_takes_the_count_back() {
    let world = World::with_users();
    let session = world.session();
    assert_eq!(refused(session.login(UserType::User, b"4321")), Some(Error::PinIncorrect));
    session.login(UserType::User, PIN).unwrap();
    assert!(!world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn wrong_pins_are_counted_per_user() {
    let world = World::with_users();
    let session = world.session();
    assert_eq!(refused(session.login(UserType::User, b"app:4321")), Some(Error::PinIncorrect));
    let failures = |name: &str| {
        world.library.users(SLOT).unwrap().into_iter().find(|user| user.name == name).map(|user| user.failures)
    };
    assert_eq!((failures("app"), failures("user"), failures("so")), (Some(1), Some(0), Some(0)));
    assert_eq!(refused(session.login(UserType::So, b"wrong")), Some(Error::PinIncorrect));
    assert!(world.has(flag::SO_PIN_COUNT_LOW) && !world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn init_pin_is_for_security_officers() {
    let world = World::with_users();
    let session = world.session();
    assert_eq!(refused(session.init_pin(PIN)), Some(Error::UserNotLoggedIn));
    session.login(UserType::User, PIN).unwrap();
    assert_eq!(refused(session.init_pin(PIN)), Some(Error::UserNotLoggedIn));
}

#[test]
fn init_pin_resets_a_default_user_that_exists() {
    let world = World::with_users();
    let session = world.session();
    assert_eq!(refused(session.login(UserType::User, b"wrong")), Some(Error::PinIncorrect));
    world.as_officer(|officer| officer.init_pin(b"fresh")).unwrap();
    assert!(!world.has(flag::USER_PIN_COUNT_LOW));
    assert_eq!(refused(session.login(UserType::User, PIN)), Some(Error::PinIncorrect));
    session.login(UserType::User, b"fresh").unwrap();
}

#[test]
fn new_pins_have_a_length_and_a_form() {
    let world = World::with_token();
    world.as_officer(|officer| {
        assert_eq!(refused(officer.init_pin(b"123")), Some(Error::PinLenRange));
        assert_eq!(refused(officer.init_pin(&[b'1'; 256])), Some(Error::PinLenRange));
        assert_eq!(refused(officer.init_pin(b"app:1234")), Some(Error::PinInvalid));
        assert_eq!(refused(officer.create_user("app", Role::NormalUser, b"app:1234")), Some(Error::PinInvalid));
        assert_eq!(refused(officer.create_user("app", Role::NormalUser, b"123")), Some(Error::PinLenRange));
        officer.create_user("app", Role::NormalUser, b"bob:1234").unwrap();
        officer.init_pin(&[b'1'; 255]).unwrap();
    });
    let session = world.session();
    session.login(UserType::User, b"app:bob:1234").unwrap();
}

#[test]
fn set_pin_is_for_whoever_is_logged_in() {
    let world = World::with_users();
    let session = world.login("app");
    assert_eq!(refused(session.set_pin(b"wrong", b"fresh")), Some(Error::PinIncorrect));
    assert_eq!(refused(session.set_pin(PIN, b"123")), Some(Error::PinLenRange));
    session.set_pin(PIN, b"fresh").unwrap();
    session.set_pin(b"app:fresh", b"app:newer").unwrap();
    assert_eq!(session.info().unwrap().state, flag::RW_USER_FUNCTIONS);
    session.logout().unwrap();
    assert_eq!(refused(session.login(UserType::User, b"app:fresh")), Some(Error::PinIncorrect));
    session.login(UserType::User, b"app:newer").unwrap();
}

#[test]
fn without_a_login_set_pin_is_for_the_default_user_or_the_one_it_names() {
    let world = World::with_users();
    let session = world.session();
    session.set_pin(PIN, b"fresh").unwrap();
    session.login(UserType::User, b"fresh").unwrap();
    session.logout().unwrap();
    session.set_pin(b"app:1234", b"newer").unwrap();
    session.login(UserType::User, b"app:newer").unwrap();
    session.logout().unwrap();
    assert_eq!(refused(session.set_pin(b"bob:1234", b"newer")), Some(Error::PinIncorrect));
    assert_eq!(refused(session.set_pin(b"so:12345678", b"newer")), Some(Error::PinIncorrect));
    assert_eq!(refused(session.set_pin(b"fresh", b"app:newer")), Some(Error::PinInvalid));
}

#[test]
fn set_pin_without_any_default_user_is_a_wrong_pin() {
    let world = World::with_token();
    assert_eq!(refused(world.session().set_pin(PIN, b"fresh")), Some(Error::PinIncorrect));
}

#[test]
fn set_pin_needs_a_read_write_session() {
    let world = World::with_users();
    let reader = world.open(false);
    assert_eq!(refused(reader.set_pin(PIN, b"fresh")), Some(Error::SessionReadOnly));
    reader.login(UserType::User, PIN).unwrap();
    assert_eq!(refused(reader.set_pin(PIN, b"fresh")), Some(Error::SessionReadOnly));
}

#[test]
fn a_wrong_old_pin_counts() {
    let world = World::with(|config| config.max_pin_failures = 1);
    world.library.init_token(SLOT, SO_PIN, b"test").unwrap();
    world.as_officer(|officer| officer.init_pin(PIN)).unwrap();
    let session = world.session();
    assert_eq!(refused(session.set_pin(b"wrong", b"fresh")), Some(Error::PinIncorrect));
    assert_eq!(refused(session.set_pin(PIN, b"fresh")), Some(Error::PinLocked));
    assert!(world.has(flag::USER_PIN_LOCKED));
}
