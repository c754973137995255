//! What the audit log of a token hears, and what it does not.

use std::fs;

use claviger_audit::{Entry, Kind, verify};
use claviger_crypto::{DataParams, Secret};
use claviger_rules::attribute::Value;
use claviger_rules::{AttributeType, Error, KeyType, MechanismType, Mode, ObjectClass, Parameter, Template};
use claviger_session::{Answer, MechanismCall, ObjectHandle, Room, Session, UserType};

use crate::world::{PIN, SLOT, SO_PIN, World, aes, as_officer, refused, template};

/// The log as an officer reads it.
fn log(world: &World) -> Vec<Entry> {
    world.as_officer(|so| so.audit_log().unwrap().map(Result::unwrap).collect())
}

/// The events of a kind, as call and object.
fn told(world: &World, kind: Kind) -> Vec<(String, String)> {
    let events = log(world).into_iter().filter(|entry| entry.kind() == Some(kind));
    events.map(|entry| (entry.call, entry.label.unwrap_or_default())).collect()
}

/// How many bytes the log has.
fn size(world: &World) -> u64 {
    fs::metadata(world.data().join("slot-0/audit/000001.jsonl")).unwrap().len()
}

fn key(session: &Session, label: &str, flags: &[(AttributeType, bool)]) -> ObjectHandle {
    let mut wanted = template([
        (AttributeType::VALUE_LEN, Value::Ulong(32)),
        (AttributeType::TOKEN, Value::Bool(true)),
        (AttributeType::LABEL, Value::bytes(label)),
    ]);
    flags.iter().for_each(|(attribute, flag)| wanted.set(*attribute, Value::Bool(*flag)));
    session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), wanted).unwrap()
}

fn wrap(session: &Session, under: ObjectHandle, payload: ObjectHandle) -> Option<Error> {
    let mut call = MechanismCall::plain(MechanismType::AES_KEY_WRAP_KWP);
    let mut buffer = [0; 64];
    refused(session.wrap_key(&mut call, under, payload, &mut Room::bytes(&mut buffer)))
}

const LEAVES: [(AttributeType, bool); 2] = [(AttributeType::SENSITIVE, true), (AttributeType::EXTRACTABLE, true)];
const WRAPS: [(AttributeType, bool); 1] = [(AttributeType::WRAP, true)];

#[test]
fn a_rules_refusal_is_told_with_its_rule_and_its_key() {
    let world = World::with_users();
    let app = world.login("app");
    let (own, data) = (key(&app, "own", &WRAPS), key(&app, "data", &LEAVES));
    assert_eq!(wrap(&app, own, data), Some(Error::KeyNotWrappable));
    app.logout().unwrap();
    let log = log(&world);
    let refusal = log.iter().find(|entry| entry.kind() == Some(Kind::Refused)).unwrap();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    assert_eq!(
        [text(&refusal.user), text(&refusal.role), text(&refusal.label), text(&refusal.error), text(&refusal.rule)],
        ["app", "nu", "data", "CKR_KEY_NOT_WRAPPABLE", "R1"]
    );
    assert_eq!((refusal.call.as_str(), refusal.times), ("C_WrapKey", Some(1)));
    assert!(told(&world, Kind::KeyWrappedOut).is_empty() && told(&world, Kind::WouldRefuse).is_empty());
}

#[test]
fn in_audit_the_call_is_done_and_told() {
    let world = World::in_mode(Mode::Audit);
    world.as_officer(|so| so.create_user("app", claviger_rules::Role::NormalUser, PIN)).unwrap();
    let app = world.login("app");
    let (own, data) = (key(&app, "own", &WRAPS), key(&app, "data", &LEAVES));
    assert_eq!(wrap(&app, own, data), None);
    app.logout().unwrap();
    let expected = [("C_WrapKey".to_owned(), "data".to_owned())];
    assert_eq!(told(&world, Kind::WouldRefuse), expected);
    assert_eq!(told(&world, Kind::KeyWrappedOut), expected);
    assert!(told(&world, Kind::Refused).is_empty());
}

/// A token in `audit` with `app` (NU) and `kim` (KM).
fn rehearsal() -> World {
    let world = World::in_mode(Mode::Audit);
    world.as_officer(|so| {
        so.create_user("app", claviger_rules::Role::NormalUser, PIN).unwrap();
        so.create_user("kim", claviger_rules::Role::KeyManager, PIN).unwrap();
    });
    world
}

#[test]
fn in_audit_a_value_that_enforce_would_keep_back_is_given_and_told() {
    let world = rehearsal();
    let app = world.login("app");
    let open = key(&app, "open", &[(AttributeType::SENSITIVE, false), (AttributeType::EXTRACTABLE, true)]);
    app.set_attributes(open, template([(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true))])).unwrap();
    let answers = app.attributes(open, &[AttributeType::LABEL, AttributeType::VALUE]).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Value(_))));
    app.logout().unwrap();
    assert_eq!(told(&world, Kind::WouldRefuse), [("C_GetAttributeValue".to_owned(), "open".to_owned())]);
}

#[test]
fn in_audit_an_unwrap_that_truncates_is_done_and_told() {
    let world = rehearsal();
    let app = world.login("app");
    let own = aes(&app, &[AttributeType::WRAP, AttributeType::UNWRAP, AttributeType::ENCRYPT]);
    let wanted = |len| {
        template([
            (AttributeType::CLASS, Value::Ulong(ObjectClass::SecretKey.id())),
            (AttributeType::KEY_TYPE, Value::Ulong(KeyType::Aes.id())),
            (AttributeType::VALUE_LEN, Value::Ulong(len)),
        ])
    };
    let unwrap = |len| app.unwrap_key(MechanismCall::plain(MechanismType::AES_ECB), own, &[7; 32], wanted(len));
    unwrap(32).unwrap();
    unwrap(24).unwrap();
    app.logout().unwrap();
    let refusals: Vec<_> = log(&world).into_iter().filter(|entry| entry.kind() == Some(Kind::WouldRefuse)).collect();
    assert_eq!(refusals.len(), 1);
    let told = refusals.first().map(|entry| (entry.call.clone(), entry.error.clone(), entry.rule.clone(), entry.times));
    let expected =
        ("C_UnwrapKey".to_owned(), Some("CKR_WRAPPED_KEY_LEN_RANGE".to_owned()), Some("R11".to_owned()), Some(1));
    assert_eq!(told, Some(expected));
}

/// A mechanism comes last in the precedence of errors.
#[test]
fn in_audit_what_is_told_is_what_the_call_would_have_met_first() {
    let world = rehearsal();
    let kim = world.login("kim");
    let base = aes(&kim, &[AttributeType::DERIVE]);
    let data = DataParams { data: Secret::copy_of(&[1; 32]) };
    let call = MechanismCall::with(MechanismType::XOR_BASE_AND_DATA, Parameter::Data(data));
    kim.derive_key(call, base, Template::new()).unwrap();
    kim.logout().unwrap();
    let refusals: Vec<_> = log(&world).into_iter().filter(|entry| entry.kind() == Some(Kind::WouldRefuse)).collect();
    let rules: Vec<_> = refusals.iter().map(|entry| (entry.call.as_str(), entry.rule.as_deref())).collect();
    assert_eq!(rules, [("C_DeriveKey", Some("role"))]);
}

/// In `enforce` it would be a key on the token, whatever the template leaves out.
#[test]
fn in_audit_a_candidate_of_a_read_only_session_is_told() {
    let world = rehearsal();
    let kim = world.open(false);
    kim.login_user(UserType::User, PIN, b"kim").unwrap();
    aes(&kim, &[AttributeType::WRAP]);
    kim.logout().unwrap();
    world.close(&kim).unwrap();
    assert_eq!(told(&world, Kind::WouldRefuse), [("C_GenerateKey".to_owned(), String::new())]);
}

#[test]
fn a_standard_token_notes_nothing() {
    let world = World::in_mode(Mode::Standard);
    world.as_officer(|so| so.create_user("app", claviger_rules::Role::NormalUser, PIN)).unwrap();
    let app = world.login("app");
    assert_eq!(wrap(&app, key(&app, "own", &WRAPS), key(&app, "data", &LEAVES)), None);
    app.logout().unwrap();
    assert!(told(&world, Kind::WouldRefuse).is_empty());
}

#[test]
fn a_programs_mistakes_are_not_told() {
    let world = World::with_users();
    let app = world.login("app");
    let own = aes(&app, &[AttributeType::WRAP, AttributeType::ENCRYPT]);
    let nothing = ObjectHandle(4711);
    assert_eq!(refused(app.destroy_object(nothing)), Some(Error::ObjectHandleInvalid));
    assert_eq!(wrap(&app, own, nothing), Some(Error::KeyHandleInvalid));
    let unknown = MechanismCall::plain(MechanismType(0x8000_0001));
    assert_eq!(refused(app.generate_key(unknown, Template::new())), Some(Error::MechanismInvalid));
    let short = template([(AttributeType::VALUE_LEN, Value::Ulong(7))]);
    let generated = app.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), short);
    assert!(generated.is_err());
    let reader = world.open(false);
    let wanted = template([(AttributeType::VALUE_LEN, Value::Ulong(32)), (AttributeType::TOKEN, Value::Bool(true))]);
    let stored = reader.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), wanted);
    assert_eq!(refused(stored), Some(Error::SessionReadOnly));
    world.close(&reader).unwrap();
    app.logout().unwrap();
    assert!(told(&world, Kind::Refused).is_empty(), "{:?}", told(&world, Kind::Refused));
}

#[test]
fn session_keys_and_the_use_of_keys_are_not_told() {
    let world = World::with_users();
    let app = world.login("app");
    let used = key(&app, "used", &[(AttributeType::ENCRYPT, true)]);
    let before = size(&world);
    for _ in 0..100 {
        let made = aes(&app, &[AttributeType::ENCRYPT]);
        app.set_attributes(made, template([(AttributeType::LABEL, Value::bytes("changed"))])).unwrap();
        for key in [made, used] {
            app.encrypt_init(MechanismCall::plain(MechanismType::AES_ECB), key).unwrap();
            app.encrypt(&[0; 16], &mut Room::bytes(&mut [0; 16])).unwrap();
        }
        app.destroy_object(made).unwrap();
    }
    assert_eq!(size(&world), before);
}

#[test]
fn a_loop_of_refusals_and_of_wrapped_keys_is_told_in_powers_of_ten() {
    let world = World::with_users();
    let app = world.login("app");
    let (own, data) = (key(&app, "own", &WRAPS), key(&app, "data", &LEAVES));
    let open = key(&app, "open", &[(AttributeType::SENSITIVE, false), (AttributeType::EXTRACTABLE, true)]);
    for _ in 0..250 {
        assert_eq!(wrap(&app, own, data), Some(Error::KeyNotWrappable));
        assert_eq!(wrap(&app, own, open), None);
    }
    app.logout().unwrap();
    let log = log(&world);
    for kind in [Kind::Refused, Kind::KeyWrappedOut] {
        let times = log.iter().filter(|entry| entry.kind() == Some(kind)).filter_map(|entry| entry.times);
        assert_eq!(times.collect::<Vec<_>>(), [1, 10, 100], "{}", kind.name());
    }
}

#[test]
fn only_a_security_officer_reads_the_log_and_the_attempt_is_told() {
    let world = World::with_users();
    assert_eq!(world.session().audit_log().err().map(|refusal| refusal.error), Some(Error::UserNotLoggedIn));
    let app = world.login("app");
    assert_eq!(app.audit_log().err().map(|refusal| refusal.error), Some(Error::UserNotLoggedIn));
    app.logout().unwrap();
    let attempts = log(&world).into_iter().filter(|entry| entry.kind() == Some(Kind::Refused));
    let users: Vec<_> = attempts.map(|entry| (entry.call, entry.user)).collect();
    assert_eq!(users, [("audit".to_owned(), None), ("audit".to_owned(), Some("app".to_owned()))]);
}

#[test]
fn a_name_that_nobody_has_is_not_written() {
    let world = World::with_users();
    let session = world.session();
    let wrong = |user_type, pin: &[u8], name: &[u8]| refused(session.login_user(user_type, pin, name));
    for (user_type, name) in [(UserType::User, "my-secret-pin"), (UserType::So, "my-secret-pin"), (UserType::So, "app")]
    {
        assert_eq!(wrong(user_type, b"my-other-pin", name.as_bytes()), Some(Error::PinIncorrect));
    }
    assert_eq!(refused(session.login(UserType::User, b"my-secret-pin:my-other-pin")), Some(Error::PinIncorrect));
    assert_eq!(wrong(UserType::User, b"my-other-pin", b"app"), Some(Error::PinIncorrect));
    let failed: Vec<_> = log(&world).into_iter().filter(|entry| entry.kind() == Some(Kind::LoginFailed)).collect();
    let users: Vec<_> = failed.iter().map(|entry| entry.user.as_deref()).collect();
    assert_eq!(users, [None, None, Some("app")], "one of each call and answer is written");
    let text = fs::read_to_string(world.data().join("slot-0/audit/000001.jsonl")).unwrap();
    assert!(!text.contains("my-secret") && !text.contains("my-other"));
}

#[test]
fn logins_end_in_the_log_however_they_end() {
    let world = World::with_users();
    let app = world.login("app");
    world.close(&app).unwrap();
    let kim = world.login("kim");
    kim.logout().unwrap();
    let log = log(&world);
    let ends = log.iter().filter(|entry| entry.kind() == Some(Kind::Logout) && entry.user.as_deref() != Some("so"));
    let ends: Vec<_> = ends.map(|entry| (entry.user.as_deref().unwrap(), entry.call.as_str())).collect();
    assert_eq!(ends, [("app", "C_CloseSession"), ("kim", "C_Logout")]);
}

#[test]
fn two_processes_and_a_new_token_write_one_log() {
    let world = World::with_users();
    let other = world.another_process();
    as_officer(&other, |so| so.create_user("ann", claviger_rules::Role::NormalUser, PIN)).unwrap();
    world.as_officer(|so| so.create_user("bob", claviger_rules::Role::NormalUser, PIN)).unwrap();
    other.init_token(SLOT, SO_PIN, b"new").unwrap();
    assert_eq!(told(&world, Kind::TokenInitialized).len(), 2);
    assert_eq!(told(&world, Kind::UserCreated).len(), 5);
    assert!(world.as_officer(|so| verify(so.audit_log().unwrap()).is_whole()));
}

#[test]
fn the_log_of_one_slot_does_not_hold_in_another() {
    let world = World::with_users();
    let other = claviger_session::SlotId(1);
    world.library.init_token(other, SO_PIN, b"other").unwrap();
    let directory = |slot: u32| world.data().join(format!("slot-{slot}/audit"));
    for name in ["head", "000001.jsonl"] {
        fs::copy(directory(0).join(name), directory(1).join(name)).unwrap();
    }
    let handle = world.library.open_session(other, true).unwrap();
    let session = world.library.session(handle).unwrap();
    session.login(UserType::So, SO_PIN).unwrap();
    assert!(!verify(session.audit_log().unwrap()).is_whole());
}
