//! Logging in and out: whom a PIN speaks for, who may be logged in together with whom, and what a logout takes along.

use claviger_rules::{Error, Role};
use claviger_session::{UserType, flag};

use crate::world::{PIN, SLOT, SO_PIN, World, refused};

#[test]
fn the_plain_flow_of_2_40_works_untouched() {
    let world = World::with_token();
    let session = world.session();
    assert_eq!(session.info().unwrap().state, flag::RW_PUBLIC_SESSION);
    session.login(UserType::So, SO_PIN).unwrap();
    assert_eq!(session.info().unwrap().state, flag::RW_SO_FUNCTIONS);
    session.init_pin(PIN).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, PIN).unwrap();
    assert_eq!(session.info().unwrap().state, flag::RW_USER_FUNCTIONS);
    session.logout().unwrap();
    assert_eq!(refused(session.logout()), Some(Error::UserNotLoggedIn));
}

#[test]
fn all_sessions_of_an_application_share_its_login() {
    let world = World::with_users();
    let (one, two, reader) = (world.session(), world.session(), world.open(false));
    one.login(UserType::User, PIN).unwrap();
    assert_eq!(two.info().unwrap().state, flag::RW_USER_FUNCTIONS);
    assert_eq!(reader.info().unwrap().state, flag::RO_USER_FUNCTIONS);
    two.logout().unwrap();
    assert_eq!(one.info().unwrap().state, flag::RW_PUBLIC_SESSION);
    assert_eq!(reader.info().unwrap().state, flag::RO_PUBLIC_SESSION);
}

/// User type, PIN, name, what the login is refused with.
type Case = (UserType, &'static [u8], Option<&'static [u8]>, Option<Error>);

#[test]
fn every_way_of_naming_a_user_leads_to_that_user() {
    let world = World::with_users();
    let session = world.session();
    let (so, user) = (UserType::So, UserType::User);
    #[rustfmt::skip]
    let cases: &[Case] = &[
        (user, b"1234",          None,            None),
        (user, b"user:1234",     None,            None),
        (user, b"app:1234",      None,            None),
        (user, b"APP:1234",      None,            None),
        (user, b"kim:1234",      None,            None),
        (user, b"1234",          Some(b"kim"),    None),
        (user, b"1234",          Some(b""),       None),
        (so,   b"12345678",      None,            None),
        (so,   b"so:12345678",   None,            None),
        (so,   b"12345678",      Some(b"so"),     None),
        // A name of the other type, an unknown one, none at all, and PINs of others.
        (so,   b"app:1234",      None,            Some(Error::PinIncorrect)),
        (user, b"so:12345678",   None,            Some(Error::PinIncorrect)),
        (user, b"bob:1234",      None,            Some(Error::PinIncorrect)),
        (user, b"1234",          Some(b"bob"),    Some(Error::PinIncorrect)),
        (user, b"1234",          Some(b"\xff"),   Some(Error::PinIncorrect)),
        (user, b"app:1234",      Some(b"app"),    Some(Error::PinIncorrect)),
        (so,   b"1234",          None,            Some(Error::PinIncorrect)),
        (user, b"",              None,            Some(Error::PinIncorrect)),
        (UserType::ContextSpecific, b"1234", None, Some(Error::OperationNotInitialized)),
    ];
    for (user_type, pin, name, expected) in cases {
        let told = match name {
            None => session.login(*user_type, pin),
            Some(name) => session.login_user(*user_type, pin, name),
        };
        assert_eq!(refused(told), *expected, "{user_type:?} {:?}", String::from_utf8_lossy(pin));
        if expected.is_none() {
            session.logout().unwrap();
        }
    }
}

#[test]
fn an_unknown_name_counts_for_nobody() {
    let world = World::with_users();
    let session = world.session();
    for _ in 0..3 {
        assert_eq!(refused(session.login(UserType::User, b"bob:1234")), Some(Error::PinIncorrect));
    }
    assert!(world.library.users(SLOT).unwrap().iter().all(|user| user.failures == 0));
    assert!(!world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn one_user_at_a_time() {
    let world = World::with_users();
    let session = world.session();
    session.login(UserType::User, PIN).unwrap();
    let again = |pin: &[u8]| refused(session.login(UserType::User, pin));
    assert_eq!(again(PIN), Some(Error::UserAlreadyLoggedIn));
    assert_eq!(again(b"user:1234"), Some(Error::UserAlreadyLoggedIn));
    assert_eq!(again(b"app:1234"), Some(Error::UserAnotherAlreadyLoggedIn));
    assert_eq!(refused(session.login(UserType::So, SO_PIN)), Some(Error::UserAnotherAlreadyLoggedIn));
}

#[test]
fn a_refused_login_never_looks_at_the_pin() {
    let world = World::with_users();
    let session = world.session();
    session.login(UserType::User, PIN).unwrap();
    assert_eq!(refused(session.login(UserType::User, b"wrong")), Some(Error::UserAlreadyLoggedIn));
    assert!(!world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn a_security_officer_and_a_read_only_session_exclude_each_other() {
    let world = World::with_token();
    let (session, reader) = (world.session(), world.open(false));
    assert_eq!(refused(session.login(UserType::So, SO_PIN)), Some(Error::SessionReadOnlyExists));
    world.close(&reader).unwrap();
    session.login(UserType::So, SO_PIN).unwrap();
    assert_eq!(refused(world.library.open_session(SLOT, false)), Some(Error::SessionReadWriteSoExists));
    session.logout().unwrap();
    world.library.open_session(SLOT, false).unwrap();
}

#[test]
fn the_default_user_must_exist_before_it_can_log_in() {
    let world = World::with_token();
    let session = world.session();
    assert_eq!(refused(session.login(UserType::User, PIN)), Some(Error::UserPinNotInitialized));
    world.as_officer(|officer| officer.create_user("app", Role::NormalUser, PIN)).unwrap();
    assert_eq!(refused(session.login(UserType::User, PIN)), Some(Error::UserPinNotInitialized));
    session.login(UserType::User, b"app:1234").unwrap();
}

#[test]
fn the_last_session_takes_the_login_along() {
    let world = World::with_users();
    let (one, two) = (world.session(), world.session());
    one.login(UserType::User, PIN).unwrap();
    world.close(&one).unwrap();
    assert_eq!(two.info().unwrap().state, flag::RW_USER_FUNCTIONS);
    world.close(&two).unwrap();
    assert_eq!(world.session().info().unwrap().state, flag::RW_PUBLIC_SESSION);
}

#[test]
fn closing_all_sessions_logs_out() {
    let world = World::with_users();
    world.login("app");
    world.session();
    world.library.close_all_sessions(SLOT).unwrap();
    assert_eq!(world.session().info().unwrap().state, flag::RW_PUBLIC_SESSION);
}

#[test]
fn threads_that_log_in_at_once_make_one_login() {
    let world = World::with_users();
    let session = world.session();
    let told: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4).map(|_| scope.spawn(|| refused(session.login(UserType::User, PIN)))).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|told| told.is_none()).count(), 1);
    assert!(told.iter().flatten().all(|error| *error == Error::UserAlreadyLoggedIn));
    assert!(!world.has(flag::USER_PIN_COUNT_LOW));
}
