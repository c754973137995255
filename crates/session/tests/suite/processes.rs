//! Several processes with one token: what another one does is noticed at the next call. Two libraries stand for two
//! processes; real ones are the store's tests.

use claviger_rules::{AttributeType, Error, MechanismType, Parameter, Role};
use claviger_session::{MechanismCall, Room, UserType, flag};

use crate::world::{PIN, SLOT, SO_PIN, World, aes, as_officer, refused};

#[test]
fn a_token_that_another_process_makes_appears() {
    let world = World::new();
    world.another_process().init_token(SLOT, SO_PIN, b"there").unwrap();
    assert_eq!(world.library.token_info(SLOT).unwrap().label, "there");
    world.session().login(UserType::So, SO_PIN).unwrap();
}

#[test]
fn users_and_counts_of_another_process_are_seen() {
    let world = World::with_token();
    let other = world.another_process();
    as_officer(&other, |officer| officer.init_pin(PIN)).unwrap();
    let session = world.session();
    session.login(UserType::User, PIN).unwrap();
    let handle = other.open_session(SLOT, true).unwrap();
    let wrong = other.session(handle).unwrap().login(UserType::User, b"wrong");
    assert_eq!(refused(wrong), Some(Error::PinIncorrect));
    assert!(world.has(flag::USER_PIN_COUNT_LOW));
}

#[test]
fn a_deleted_user_is_logged_out_at_the_next_call() {
    let world = World::with_users();
    let session = world.login("app");
    as_officer(&world.another_process(), |officer| officer.delete_user("app")).unwrap();

    let session = world.again(&session).unwrap();
    let told = session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), claviger_rules::Template::new());
    assert_eq!(refused(told), Some(Error::UserNotLoggedIn));
    assert_eq!(session.info().unwrap().state, flag::RW_PUBLIC_SESSION);
    assert_eq!(refused(session.logout()), Some(Error::UserNotLoggedIn));
    // From here on it is a session without login like any other.
    session.find_init(claviger_rules::Template::new()).unwrap();
}

#[test]
fn a_pin_reset_ends_the_login_and_the_new_pin_begins_another() {
    let world = World::with_users();
    let session = world.login("app");
    as_officer(&world.another_process(), |officer| officer.change_password("app", b"fresh")).unwrap();
    let session = world.again(&session).unwrap();
    assert_eq!(refused(session.find_init(claviger_rules::Template::new())), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(session.login(UserType::User, b"app:1234")), Some(Error::PinIncorrect));
    session.login(UserType::User, b"app:fresh").unwrap();
    session.find_init(claviger_rules::Template::new()).unwrap();
}

#[test]
fn ones_own_new_pin_ends_nothing_anywhere() {
    let world = World::with_users();
    let session = world.login("app");
    let other = world.another_process();
    let there = other.session(other.open_session(SLOT, true).unwrap()).unwrap();
    there.set_pin(b"app:1234", b"fresh").unwrap();
    assert_eq!(world.again(&session).unwrap().info().unwrap().state, flag::RW_USER_FUNCTIONS);
}

#[test]
fn a_running_operation_keeps_its_key_when_its_user_is_deleted() {
    let world = World::with_users();
    let session = world.login("app");
    let key = aes(&session, &[AttributeType::ENCRYPT]);
    session.encrypt_init(MechanismCall::with(MechanismType::AES_CBC_PAD, Parameter::Iv([0; 16])), key).unwrap();
    as_officer(&world.another_process(), |officer| officer.delete_user("app")).unwrap();
    let session = world.again(&session).unwrap();
    let mut out = [0; 32];
    session.encrypt(b"on its way", &mut Room::bytes(&mut out)).unwrap();
    let again = session.encrypt_init(MechanismCall::with(MechanismType::AES_CBC_PAD, Parameter::Iv([0; 16])), key);
    assert_eq!(refused(again), Some(Error::UserNotLoggedIn));
}

#[test]
fn a_token_made_anew_by_another_process_ends_every_session() {
    let world = World::with_users();
    let (session, second) = (world.login("app"), world.session());
    session.digest_init(MechanismCall::plain(MechanismType::SHA256)).unwrap();
    world.another_process().init_token(SLOT, SO_PIN, b"again").unwrap();
    assert_eq!(refused(world.again(&session)), Some(Error::SessionHandleInvalid));
    assert_eq!(refused(world.again(&second)), Some(Error::SessionHandleInvalid));
    assert_eq!(world.library.token_info(SLOT).unwrap().sessions, 0);
    let fresh = world.session();
    assert_eq!(fresh.info().unwrap().state, flag::RW_PUBLIC_SESSION);
    assert_eq!(world.library.token_info(SLOT).unwrap().sessions, 1);
}

#[test]
fn a_recreated_name_is_another_user() {
    let world = World::with_users();
    let session = world.login("app");
    as_officer(&world.another_process(), |officer| {
        officer.delete_user("app").unwrap();
        officer.create_user("app", Role::NormalUser, PIN).unwrap();
    });
    let session = world.again(&session).unwrap();
    assert_eq!(refused(session.find_init(claviger_rules::Template::new())), Some(Error::UserNotLoggedIn));
}
