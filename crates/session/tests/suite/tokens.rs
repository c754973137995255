//! Tokens: made, made again, described; and their users.

use claviger_rules::attribute::Value;
use claviger_rules::{AttributeType, Error, MechanismType, Mode, Role, Template};
use claviger_session::{Config, Library, MechanismCall, SlotId, UserType, flag};

use crate::world::{PIN, SLOT, SO_PIN, World, initialize, refused, template};

#[test]
fn slots_are_numbered_as_configured_and_never_move() {
    let world = World::with(|config| config.slots = vec![3, 17]);
    assert_eq!(world.library.slots(), [SlotId(3), SlotId(17)]);
    world.library.init_token(SlotId(17), SO_PIN, b"late").unwrap();
    assert_eq!(world.library.slots(), [SlotId(3), SlotId(17)]);
    assert_eq!(refused(world.library.slot_info(SlotId(0))), Some(Error::SlotIdInvalid));
}

#[test]
fn an_empty_slot_says_so() {
    let world = World::new();
    let info = world.library.token_info(SLOT).unwrap();
    assert_eq!((info.label.as_str(), info.mode), ("", None));
    assert_eq!(info.flags, flag::RNG | flag::LOGIN_REQUIRED | flag::CLOCK_ON_TOKEN);
    assert_eq!(world.library.slot_info(SLOT).unwrap().flags, flag::TOKEN_PRESENT);
    assert_eq!(refused(world.library.open_session(SLOT, true)), Some(Error::TokenNotRecognized));
}

#[test]
fn a_new_token_is_born_in_enforce_unless_configured_otherwise() {
    assert_eq!(World::with_token().library.token_info(SLOT).unwrap().mode, Some(Mode::Enforce));
    assert_eq!(World::in_mode(Mode::Audit).library.token_info(SLOT).unwrap().mode, Some(Mode::Audit));
}

#[test]
fn the_flags_tell_the_truth() {
    let world = World::with_token();
    assert!(world.has(flag::TOKEN_INITIALIZED) && !world.has(flag::USER_PIN_INITIALIZED));
    world.as_officer(|officer| officer.create_user("sol", Role::SecurityOfficer, PIN)).unwrap();
    assert!(!world.has(flag::USER_PIN_INITIALIZED));
    world.as_officer(|officer| officer.create_user("kim", Role::KeyManager, PIN)).unwrap();
    assert!(world.has(flag::USER_PIN_INITIALIZED));
}

#[test]
fn initialising_again_wants_a_security_officer_and_wipes() {
    let world = World::in_mode(Mode::Standard);
    world.as_officer(|officer| officer.init_pin(PIN)).unwrap();
    let before = world.library.token_info(SLOT).unwrap();
    assert_eq!(refused(world.library.init_token(SLOT, b"wrong", b"again")), Some(Error::PinIncorrect));
    assert!(world.has(flag::SO_PIN_COUNT_LOW));
    world.library.init_token(SLOT, SO_PIN, b"again").unwrap();
    let after = world.library.token_info(SLOT).unwrap();
    assert_eq!((after.label.as_str(), after.mode), ("again", Some(Mode::Standard)));
    assert_eq!(after.serial, before.serial);
    assert!(!world.has(flag::USER_PIN_INITIALIZED) && !world.has(flag::SO_PIN_COUNT_LOW));
    assert_eq!(world.library.users(SLOT).unwrap().len(), 1);
}

#[test]
fn any_security_officer_may_initialise_again_and_the_new_one_is_so() {
    let world = World::with_token();
    world.as_officer(|officer| officer.create_user("sol", Role::SecurityOfficer, b"87654321")).unwrap();
    world.as_officer(|officer| officer.create_user("app", Role::NormalUser, PIN)).unwrap();
    assert_eq!(refused(world.library.init_token(SLOT, b"app:1234", b"again")), Some(Error::PinIncorrect));
    world.library.init_token(SLOT, b"sol:87654321", b"again").unwrap();
    let session = world.session();
    session.login(UserType::So, b"87654321").unwrap();
}

#[test]
fn the_first_pin_is_that_of_so_and_will_do() {
    let world = World::new();
    for pin in [b"sol:12345678".as_slice(), b"123", b"", b"so:123"] {
        assert_eq!(refused(world.library.init_token(SLOT, pin, b"test")), Some(Error::PinIncorrect));
    }
    world.library.init_token(SLOT, b"so:12345678", b"test").unwrap();
    world.session().login(UserType::So, SO_PIN).unwrap();
}

#[test]
fn a_locked_security_officer_initialises_nothing() {
    let world = World::with(|config| config.max_pin_failures = 1);
    world.library.init_token(SLOT, SO_PIN, b"test").unwrap();
    assert_eq!(refused(world.library.init_token(SLOT, b"wrong", b"again")), Some(Error::PinIncorrect));
    assert_eq!(refused(world.library.init_token(SLOT, SO_PIN, b"again")), Some(Error::PinLocked));
}

#[test]
fn sessions_keep_a_token_from_being_initialised() {
    let world = World::with_token();
    let session = world.session();
    assert_eq!(refused(world.library.init_token(SLOT, SO_PIN, b"again")), Some(Error::SessionExists));
    assert_eq!(refused(world.library.initialize(SLOT, &initialize("again", Some(SO_PIN)))), Some(Error::SessionExists));
    world.library.init_token(SlotId(1), SO_PIN, b"other").unwrap();
    world.close(&session).unwrap();
    world.library.init_token(SLOT, SO_PIN, b"again").unwrap();
}

#[test]
fn a_label_is_32_bytes_of_text() {
    let world = World::new();
    for label in [[b'x'; 33].as_slice(), b"\xff"] {
        assert_eq!(refused(world.library.init_token(SLOT, SO_PIN, label)), Some(Error::ArgumentsBad));
    }
    world.library.init_token(SLOT, SO_PIN, b"padded                          ").unwrap();
    assert_eq!(world.library.token_info(SLOT).unwrap().label, "padded");
}

#[test]
fn the_command_line_resets_only_when_asked_to() {
    let world = World::with_token();
    assert_eq!(refused(world.library.initialize(SLOT, &initialize("again", None))), Some(Error::ActionProhibited));
    let wrong = initialize("again", Some(b"so:wrong"));
    assert_eq!(refused(world.library.initialize(SLOT, &wrong)), Some(Error::PinIncorrect));
    let mut right = initialize("again", Some(b"so:12345678"));
    right.mode = Some(Mode::Audit);
    world.library.initialize(SLOT, &right).unwrap();
    let info = world.library.token_info(SLOT).unwrap();
    assert_eq!((info.label.as_str(), info.mode), ("again", Some(Mode::Audit)));
    world.library.initialize(SLOT, &initialize("once more", Some(SO_PIN))).unwrap();
    assert_eq!(world.library.token_info(SLOT).unwrap().mode, Some(Mode::Audit));
}

#[test]
fn mechanisms_promise_what_the_mode_allows() {
    let oracle = MechanismType::AES_CBC_PAD;
    let unwrap = 0x0004_0000;
    let promises = |world: &World| world.library.mechanism_info(SLOT, oracle).unwrap().flags & unwrap != 0;
    assert!(!promises(&World::with_token()) && promises(&World::in_mode(Mode::Standard)));
    let world = World::new();
    assert_eq!(refused(world.library.mechanism_info(SLOT, MechanismType(0x8000_0000))), Some(Error::MechanismInvalid));
    let ids = world.library.mechanisms(SLOT).unwrap();
    assert!(ids.contains(&MechanismType::SHA256) && ids.is_sorted());
    let ec = world.library.mechanism_info(SLOT, MechanismType::ECDSA).unwrap();
    assert_ne!(ec.flags & flag::EC_F_P, 0);
}

#[test]
fn a_directory_that_cannot_be_used_is_told_and_not_a_panic() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(refused(Library::open(Config::new(file.path())).map(drop)), Some(Error::DeviceError));
}

#[test]
fn users_are_managed_by_security_officers_alone() {
    let world = World::with_users();
    let session = world.login("kim");
    assert_eq!(refused(session.create_user("bob", Role::NormalUser, PIN)), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(session.delete_user("app")), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(session.change_password("app", b"fresh")), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(session.unlock_user("app")), Some(Error::UserNotLoggedIn));
    session.logout().unwrap();
    assert_eq!(refused(session.create_user("bob", Role::NormalUser, PIN)), Some(Error::UserNotLoggedIn));
}

#[test]
fn a_security_officer_manages_users() {
    let world = World::with_users();
    world.as_officer(|officer| {
        assert_eq!(refused(officer.create_user("APP", Role::NormalUser, PIN)), Some(Error::ArgumentsBad));
        assert_eq!(refused(officer.create_user("env", Role::NormalUser, PIN)), Some(Error::ArgumentsBad));
        assert_eq!(refused(officer.create_user("", Role::NormalUser, PIN)), Some(Error::ArgumentsBad));
        assert_eq!(refused(officer.delete_user("bob")), Some(Error::ArgumentsBad));
        assert_eq!(refused(officer.delete_user("so")), Some(Error::ActionProhibited));
        assert_eq!(refused(officer.change_password("so", b"fresh")), Some(Error::ActionProhibited));
        officer.change_password("app", b"fresh").unwrap();
        officer.delete_user("kim").unwrap();
    });
    let session = world.session();
    assert_eq!(refused(session.login(UserType::User, b"kim:1234")), Some(Error::PinIncorrect));
    session.login(UserType::User, b"app:fresh").unwrap();
    let names: Vec<_> = world.library.users(SLOT).unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["so", "user", "app"]);
    assert_eq!(world.library.user_role(SLOT, b"app").unwrap(), Some(Role::NormalUser));
    assert_eq!(world.library.user_role(SLOT, b"kim").unwrap(), None);
}

#[test]
fn a_slot_that_cannot_be_used_does_not_take_the_others_along() {
    let world = World::with_token();
    let slot = world.data().join("slot-1");
    std::fs::remove_dir_all(&slot).unwrap();
    std::fs::write(slot, b"no directory").unwrap();
    let library = world.another_process();
    assert_eq!(refused(library.token_info(SlotId(1))), Some(Error::DeviceError));
    assert_eq!(library.slots(), [SLOT, SlotId(1)]);
    assert_eq!(library.token_info(SLOT).unwrap().label, "test");
}

#[test]
fn a_user_who_owns_objects_is_not_deleted() {
    let world = World::with_users();
    let session = world.login("app");
    let kept = template([(AttributeType::TOKEN, Value::Bool(true)), (AttributeType::VALUE_LEN, Value::Ulong(32))]);
    let key = session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), kept).unwrap();
    session.logout().unwrap();
    assert_eq!(world.as_officer(|officer| refused(officer.delete_user("app"))), Some(Error::ActionProhibited));
    session.login(UserType::User, b"app:1234").unwrap();
    assert_eq!(refused(session.destroy_object(key)), Some(Error::ObjectHandleInvalid));
    session.find_init(Template::new()).unwrap();
    let found = session.find(9).unwrap();
    assert_eq!(found.len(), 1);
    session.destroy_object(found[0]).unwrap();
    session.logout().unwrap();
    world.as_officer(|officer| officer.delete_user("app")).unwrap();
}
