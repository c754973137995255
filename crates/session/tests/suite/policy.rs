//! A token's policy: its mode grows stricter, never looser, and what was made before is not taken on trust.

use claviger_rules::attribute::Value;
use claviger_rules::tighten::Tightened;
use claviger_rules::{AttributeType, Error, MechanismType, Mode, Role, Template};
use claviger_session::{Answer, Cost, MechanismCall, ObjectHandle, Room, Session, UserType};

use crate::world::{PIN, SLOT, World, refused, template};

/// A token of that mode with the key manager `kim` and the normal user `app`.
fn world(mode: Mode) -> World {
    let world = World::in_mode(mode);
    world.as_officer(|so| {
        so.create_user("kim", Role::KeyManager, PIN).unwrap();
        so.create_user("app", Role::NormalUser, PIN).unwrap();
    });
    world
}

fn make(session: &Session, label: &str, flags: &[(AttributeType, bool)]) -> ObjectHandle {
    let mut wanted = Template::new();
    flags.iter().for_each(|(attribute, flag)| wanted.set(*attribute, Value::Bool(*flag)));
    wanted.set(AttributeType::TOKEN, Value::Bool(true));
    wanted.set(AttributeType::VALUE_LEN, Value::Ulong(32));
    wanted.set(AttributeType::LABEL, Value::bytes(label));
    session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), wanted).unwrap()
}

fn find(session: &Session, label: &str) -> ObjectHandle {
    session.find_init(template([(AttributeType::LABEL, Value::bytes(label))])).unwrap();
    let found = session.find(2).unwrap();
    session.find_final().unwrap();
    assert_eq!(found.len(), 1, "{label}");
    found[0]
}

fn flag(session: &Session, label: &str, attribute: AttributeType) -> bool {
    matches!(session.attributes(find(session, label), &[attribute]).unwrap()[..], [Answer::Value(Value::Bool(true))])
}

fn trust(so: &Session, label: &str) -> Option<Error> {
    let trusted = template([(AttributeType::TRUSTED, Value::Bool(true))]);
    refused(so.set_attributes(find(so, label), trusted))
}

const WRAPS: [(AttributeType, bool); 3] =
    [(AttributeType::WRAP, true), (AttributeType::UNWRAP, true), (AttributeType::PRIVATE, false)];
const LEAVES: [(AttributeType, bool); 2] = [(AttributeType::SENSITIVE, true), (AttributeType::EXTRACTABLE, true)];

#[test]
fn a44_what_was_trusted_before_enforce_is_trusted_no_more() {
    for mode in [Mode::Standard, Mode::Audit] {
        let world = world(mode);
        let app = world.login("app");
        make(&app, "old", &WRAPS);
        make(&app, "data", &LEAVES);
        app.logout().unwrap();
        assert_eq!(world.as_officer(|so| trust(so, "old")), None);
        let counts = world.as_officer(|so| so.tighten(Mode::Enforce)).unwrap();
        assert_eq!(counts, Tightened { older: 2, untrusted: 1, bound: 1, exposed: 1 });

        let app = world.again(&app).unwrap();
        app.login_user(UserType::User, PIN, b"app").unwrap();
        assert!(!flag(&app, "old", AttributeType::TRUSTED));
        let (old, data) = (find(&app, "old"), find(&app, "data"));
        let mut blob = [0; 64];
        let wrapped = app.wrap_key(
            &mut MechanismCall::plain(MechanismType::AES_KEY_WRAP),
            old,
            data,
            &mut Room::bytes(&mut blob),
        );
        assert_eq!(refused(wrapped), Some(Error::KeyNotWrappable), "{}", mode.name());
        app.logout().unwrap();
        assert_eq!(world.as_officer(|so| trust(so, "old")), Some(Error::AttributeReadOnly));
    }
}

#[test]
fn a_sensitive_key_made_before_leaves_only_under_a_trusted_key() {
    let world = world(Mode::Standard);
    let app = world.login("app");
    make(&app, "data", &LEAVES);
    assert!(!flag(&app, "data", AttributeType::WRAP_WITH_TRUSTED));
    app.logout().unwrap();
    let counts = world.as_officer(|so| so.tighten(Mode::Enforce)).unwrap();
    assert_eq!(counts, Tightened { older: 1, bound: 1, ..Tightened::default() });
    let app = world.login("app");
    assert!(flag(&app, "data", AttributeType::WRAP_WITH_TRUSTED));
}

#[test]
fn a_mode_is_never_loosened_and_never_set_twice() {
    let world = world(Mode::Standard);
    world.as_officer(|so| {
        assert_eq!(so.tighten(Mode::Audit), Ok(Tightened::default()));
        for mode in [Mode::Standard, Mode::Audit] {
            assert_eq!(refused(so.tighten(mode)), Some(Error::ActionProhibited));
        }
        so.tighten(Mode::Enforce).unwrap();
        for mode in Mode::ALL {
            assert_eq!(refused(so.tighten(mode)), Some(Error::ActionProhibited));
        }
    });
    assert_eq!(world.library.token_info(SLOT).unwrap().mode, Some(Mode::Enforce));
}

#[test]
fn only_a_security_officer_changes_the_policy() {
    let world = world(Mode::Standard);
    let kim = world.login("kim");
    assert_eq!(refused(kim.tighten(Mode::Enforce)), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(kim.set_settings(Some(0), None)), Some(Error::UserNotLoggedIn));
    assert_eq!(world.library.token_info(SLOT).unwrap().mode, Some(Mode::Standard));
}

#[test]
fn another_process_sees_the_stricter_mode_at_its_next_call() {
    let world = world(Mode::Standard);
    let kim = world.login("kim");
    let data = make(&kim, "data", &[(AttributeType::ENCRYPT, true)]);
    let encrypt = |session: &Session| {
        let iv = claviger_rules::Parameter::Iv([0; 16]);
        session.encrypt_init(MechanismCall::with(MechanismType::AES_CBC_PAD, iv), data)
    };
    encrypt(&kim).unwrap();
    kim.encrypt(b"in one call", &mut Room::bytes(&mut [0; 16])).unwrap();
    crate::world::as_officer(&world.another_process(), |so| so.tighten(Mode::Enforce)).unwrap();
    let kim = world.again(&kim).unwrap();
    assert_eq!(refused(encrypt(&kim)), Some(Error::KeyFunctionNotPermitted), "roles bind now");
    make(&kim, "kek", &WRAPS[..2]);
    kim.logout().unwrap();
    assert_eq!(world.as_officer(|so| trust(so, "kek")), None, "a candidate made since");
}

#[test]
fn what_is_born_in_enforce_keeps_its_trust_when_settings_change() {
    let world = world(Mode::Enforce);
    let kim = world.login("kim");
    make(&kim, "kek", &WRAPS[..2]);
    kim.logout().unwrap();
    world.as_officer(|so| {
        assert_eq!(trust(so, "kek"), None);
        so.set_settings(Some(2), Some(Cost::Standard)).unwrap();
        assert!(flag(so, "kek", AttributeType::TRUSTED));
    });
    for wrong in [b"0000", b"0001"] {
        let session = world.session();
        assert_eq!(refused(session.login_user(UserType::User, wrong, b"app")), Some(Error::PinIncorrect));
        world.close(&session).unwrap();
    }
    assert!(world.library.users(SLOT).unwrap().iter().any(|user| user.name == "app" && user.locked));
}
