//! Rules that show only where calls, keys and attributes come together.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use claviger_crypto::{Curve, Hash, encoding};
use claviger_rules::mechanism::{HkdfParameter, HkdfSalt};
use claviger_rules::{
    AttributeType as A, Error, KeyType, MechanismType as M, Mode, ObjectClass, Parameter, Role, Template, Value,
};
use claviger_session::{
    Answer, Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Room, Session, SlotId, UserType,
};
use tempfile::TempDir;

/// Runs `test` in the session of the normal user `app` on a token of `mode`.
fn with_app(mode: Mode, test: impl FnOnce(&Session)) {
    let directory = TempDir::new().unwrap();
    let library = Library::open(Config::new(directory.path())).unwrap();
    let new =
        Initialize { label: "test", so_pin: b"12345678", mode: Some(mode), pin_cost: Some(Cost::Quick), reset: None };
    library.initialize(SlotId(0), &new).unwrap();
    let session = library.session(library.open_session(SlotId(0), true).unwrap()).unwrap();
    session.login(UserType::So, b"12345678").unwrap();
    session.create_user("app", Role::NormalUser, b"apps").unwrap();
    session.create_user("kim", Role::KeyManager, b"kims").unwrap();
    session.logout().unwrap();
    session.login(UserType::User, b"app:apps").unwrap();
    test(&session);
}

fn flags(list: &[(A, bool)]) -> Template {
    Template::from_list(list.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap()
}

fn code<T>(outcome: claviger_session::Result<T>) -> Result<T, Error> {
    outcome.map_err(|refusal| refusal.error)
}

fn generate(session: &Session, len: u64, list: &[(A, bool)]) -> Result<ObjectHandle, Error> {
    let mut wanted = flags(list);
    wanted.set(A::VALUE_LEN, Value::Ulong(len));
    code(session.generate_key(MechanismCall::plain(M::GENERIC_SECRET_KEY_GEN), wanted))
}

fn hkdf(salt: HkdfSalt) -> MechanismCall {
    let parameter = HkdfParameter { extract: true, expand: true, hash: Hash::Sha256, salt, info: Vec::new() };
    MechanismCall::with(M::HKDF_DERIVE, Parameter::Hkdf(parameter))
}

fn derive(session: &Session, base: ObjectHandle, salt: HkdfSalt, list: &[(A, bool)]) -> Result<ObjectHandle, Error> {
    let mut wanted = flags(list);
    wanted.set(A::VALUE_LEN, Value::Ulong(32));
    code(session.derive_key(hkdf(salt), base, wanted))
}

#[test]
fn r15_a_salt_key_is_checked_like_the_base_key() {
    with_app(Mode::Enforce, |app| {
        let base = generate(app, 32, &[(A::DERIVE, true)]).unwrap();
        let no_derive = generate(app, 32, &[(A::SIGN, true)]).unwrap();
        let mut named = flags(&[(A::DERIVE, true)]);
        named.set(A::VALUE_LEN, Value::Ulong(32));
        named.set(A::ALLOWED_MECHANISMS, Value::Mechanisms(vec![M::SHA256_HMAC.0]));
        let for_hmac = app.generate_key(MechanismCall::plain(M::GENERIC_SECRET_KEY_GEN), named).unwrap();
        for (bad, expected) in [(no_derive, Error::KeyFunctionNotPermitted), (for_hmac, Error::MechanismInvalid)] {
            assert_eq!(derive(app, bad, HkdfSalt::Null, &[]), Err(expected));
            assert_eq!(derive(app, base, HkdfSalt::Key(bad.0), &[]), Err(expected));
        }
        assert_eq!(derive(app, base, HkdfSalt::Key(999_999), &[]), Err(Error::KeyHandleInvalid));
    });
}

#[test]
fn r15_what_is_derived_is_as_protected_as_its_base_and_salt() {
    with_app(Mode::Enforce, |app| {
        let open = generate(app, 32, &[(A::SENSITIVE, false), (A::DERIVE, true)]).unwrap();
        let kept = generate(app, 32, &[(A::EXTRACTABLE, true), (A::SENSITIVE, true), (A::DERIVE, true)]).unwrap();
        let laundered = [(A::SENSITIVE, false), (A::EXTRACTABLE, true)];
        assert_eq!(derive(app, kept, HkdfSalt::Null, &laundered), Err(Error::TemplateInconsistent));
        assert_eq!(derive(app, open, HkdfSalt::Key(kept.0), &laundered), Err(Error::TemplateInconsistent));
        assert!(derive(app, open, HkdfSalt::Null, &laundered).is_ok());
    });
}

#[test]
fn the_halves_of_a_pair_name_one_curve() {
    with_app(Mode::Enforce, |app| {
        let pair = |public: Curve, private: Curve| {
            let named = |curve| {
                Template::from_list([(A::EC_PARAMS, Value::bytes(encoding::ec_params(curve).unwrap()))]).unwrap()
            };
            code(app.generate_key_pair(MechanismCall::plain(M::EC_KEY_PAIR_GEN), named(public), named(private)))
        };
        assert_eq!(pair(Curve::P256, Curve::P384), Err(Error::TemplateInconsistent));
        assert!(pair(Curve::P384, Curve::P384).is_ok());
    });
}

#[test]
fn r16_a_wrapping_key_has_no_check_value_however_it_became_one() {
    with_app(Mode::Enforce, |app| {
        let mut wanted = flags(&[(A::ENCRYPT, true)]);
        wanted.set(A::VALUE_LEN, Value::Ulong(32));
        let key = app.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wanted).unwrap();
        let check_value = |key| matches!(app.attributes(key, &[A::CHECK_VALUE]).unwrap()[0], Answer::Value(_));
        assert!(check_value(key));
        app.set_attributes(key, flags(&[(A::WRAP, true)])).unwrap();
        assert!(!check_value(key));
    });
}

#[test]
fn r14_no_change_makes_a_short_key_a_protected_one() {
    with_app(Mode::Enforce, |app| {
        let short = generate(app, 8, &[(A::SENSITIVE, false)]).unwrap();
        for protection in [(A::SENSITIVE, true), (A::EXTRACTABLE, false)] {
            assert_eq!(code(app.set_attributes(short, flags(&[protection]))), Err(Error::KeySizeRange));
            assert_eq!(code(app.copy_object(short, flags(&[protection]))), Err(Error::KeySizeRange));
        }
        assert_eq!(generate(app, 8, &[]), Err(Error::KeySizeRange));
    });
}

#[test]
fn r12_a_sharee_does_not_read_the_value_of_a_key_shared_with_it() {
    with_app(Mode::Enforce, |session| {
        session.logout().unwrap();
        session.login(UserType::User, b"kim:kims").unwrap();
        let key = generate(session, 16, &[(A::SENSITIVE, false), (A::TOKEN, true), (A::SIGN, true)]).unwrap();
        let value = |key| session.attributes(key, &[A::VALUE]).unwrap().remove(0);
        assert!(matches!(value(key), Answer::Value(_)), "its owner does");
        let sharees = Template::from_list([(A::CLAVIGER_SHARED_WITH, Value::bytes("app"))]).unwrap();
        session.set_attributes(key, sharees).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, b"app:apps").unwrap();
        session.find_init(flags(&[(A::SIGN, true)])).unwrap();
        let seen = session.find(1).unwrap()[0];
        session.find_final().unwrap();
        assert!(matches!(value(seen), Answer::Sensitive));
    });
}

#[test]
fn no_attribute_grows_without_bound() {
    with_app(Mode::Enforce, |app| {
        let key = generate(app, 32, &[]).unwrap();
        let long = Template::from_list([(A::LABEL, Value::bytes(vec![b'x'; 65 * 1024]))]).unwrap();
        assert_eq!(code(app.set_attributes(key, long.clone())), Err(Error::AttributeValueInvalid));
        let nested = Template::from_list([(A::WRAP_TEMPLATE, Value::Template(long))]).unwrap();
        let made = app.generate_key(MechanismCall::plain(M::AES_KEY_GEN), nested);
        assert_eq!(code(made), Err(Error::AttributeValueInvalid));
    });
}

#[test]
fn what_is_hidden_is_as_if_it_were_not_there() {
    with_app(Mode::Enforce, |session| {
        let hidden = generate(session, 32, &[(A::TOKEN, true)]).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, b"kim:kims").unwrap();
        let sign = |key| code(session.sign_init(MechanismCall::plain(M::SHA256_HMAC), key));
        assert_eq!(sign(hidden), sign(ObjectHandle(999_999)));
    });
}

#[test]
fn r11_block_modes_wrap_whole_blocks_and_outside_enforce_fill_up() {
    let round_trip = |app: &Session| {
        let aes = |list: &[(A, bool)], len| {
            let mut wanted = flags(list);
            wanted.set(A::VALUE_LEN, Value::Ulong(len));
            app.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wanted).unwrap()
        };
        let under = aes(&[(A::WRAP, true), (A::UNWRAP, true)], 32);
        let payload = aes(&[(A::SENSITIVE, false), (A::EXTRACTABLE, true)], 24);
        let mut blob = [0; 64];
        let mut room = Room::bytes(&mut blob);
        code(app.wrap_key(&mut MechanismCall::plain(M::AES_ECB), under, payload, &mut room))?;
        let len = room.reported();
        let mut wanted = flags(&[(A::SENSITIVE, false)]);
        wanted.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
        wanted.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
        wanted.set(A::VALUE_LEN, Value::Ulong(24));
        let back = code(app.unwrap_key(MechanismCall::plain(M::AES_ECB), under, &blob[..len], wanted))?;
        let value = |key| match app.attributes(key, &[A::VALUE]).unwrap().remove(0) {
            Answer::Value(value) => value.as_bytes().unwrap().to_vec(),
            _ => panic!("the value is open"),
        };
        Ok(value(back) == value(payload))
    };
    with_app(Mode::Enforce, |app| assert_eq!(round_trip(app), Err(Error::KeySizeRange)));
    with_app(Mode::Standard, |app| assert_eq!(round_trip(app), Ok(true)));
}

/// Otherwise the flow that `enforce` asks for could not be tried out before a token is tightened.
#[test]
fn in_audit_an_officer_sees_and_trusts_what_would_be_a_candidate() {
    with_app(Mode::Audit, |session| {
        let own = session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wrapping_key()).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, b"kim:kims").unwrap();
        let candidate = session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wrapping_key()).unwrap();
        session.logout().unwrap();
        session.login(UserType::So, b"12345678").unwrap();
        let trusted = flags(&[(A::TRUSTED, true)]);
        assert_eq!(code(session.set_attributes(own, trusted.clone())), Err(Error::ObjectHandleInvalid));
        session.find_init(flags(&[(A::WRAP, true)])).unwrap();
        let seen = session.find(10).unwrap();
        assert_eq!(seen.len(), 1, "the normal user's wrapping key would be no candidate");
        session.set_attributes(seen[0], trusted).unwrap();
        assert_ne!(candidate, own);
    });
}

/// What the standard forbids an officer it forbids in every mode: to see a key is not to use it.
#[test]
fn in_audit_an_officer_uses_no_key_that_it_sees() {
    with_app(Mode::Audit, |session| {
        session.logout().unwrap();
        session.login(UserType::User, b"kim:kims").unwrap();
        let mut wanted = wrapping_key();
        wanted.set(A::LABEL, Value::bytes("kT"));
        wanted.set(A::ENCRYPT, Value::Bool(true));
        session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wanted).unwrap();
        session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wrapping_key()).unwrap();
        session.logout().unwrap();
        session.login(UserType::So, b"12345678").unwrap();
        session.find_init(flags(&[(A::WRAP, true)])).unwrap();
        let key = session.find(10).unwrap()[0];
        let mut class = flags(&[(A::SENSITIVE, false), (A::PRIVATE, false)]);
        class.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
        class.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
        let (kwp, mut blob) = (|| MechanismCall::plain(M::AES_KEY_WRAP_KWP), [0; 64]);
        let wrapped = session.wrap_key(&mut kwp(), key, key, &mut Room::bytes(&mut blob));
        assert_eq!(code(wrapped), Err(Error::UserNotLoggedIn));
        assert_eq!(code(session.unwrap_key(kwp(), key, &blob[..24], class)), Err(Error::UserNotLoggedIn));
        assert_eq!(code(session.encrypt_init(MechanismCall::plain(M::AES_ECB), key)), Err(Error::UserNotLoggedIn));
    });
}

#[test]
fn once_tightened_an_officer_no_longer_sees_what_only_would_have_been_a_candidate() {
    with_app(Mode::Audit, |session| {
        session.logout().unwrap();
        session.login(UserType::User, b"kim:kims").unwrap();
        session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wrapping_key()).unwrap();
        session.logout().unwrap();
        session.login(UserType::So, b"12345678").unwrap();
        let seen = || {
            session.find_init(flags(&[(A::WRAP, true)])).unwrap();
            let seen = session.find(10).unwrap().len();
            session.find_final().unwrap();
            seen
        };
        assert_eq!(seen(), 1);
        session.tighten(Mode::Enforce).unwrap();
        assert_eq!(seen(), 0);
    });
}

fn certificate() -> Template {
    let mut wanted = flags(&[(A::TOKEN, true)]);
    wanted.set(A::CLASS, Value::Ulong(ObjectClass::Certificate.id()));
    wanted.set(A::CERTIFICATE_TYPE, Value::Ulong(0));
    wanted.set(A::SUBJECT, Value::bytes("subject"));
    wanted.set(A::VALUE, Value::bytes("value"));
    wanted
}

/// PKCS#11 3.2 section 4.6: "Trusted certificates cannot be modified."
#[test]
fn a_trusted_certificate_is_modified_by_nobody_and_its_copy_is_not_trusted() {
    for mode in Mode::ALL {
        with_app(mode, |session| {
            let certificate = session.create_object(certificate()).unwrap();
            let mut subject = Template::new();
            subject.set(A::SUBJECT, Value::bytes("another"));
            let changed = || code(session.set_attributes(certificate, subject.clone()));
            let trust = |trusted| {
                session.logout().unwrap();
                session.login(UserType::So, b"12345678").unwrap();
                session.set_attributes(certificate, flags(&[(A::TRUSTED, trusted)])).unwrap();
                changed()
            };
            assert_eq!(changed(), Ok(()));
            assert_eq!(trust(true), Err(Error::ActionProhibited), "by an officer in {}", mode.name());
            session.logout().unwrap();
            session.login(UserType::User, b"app:apps").unwrap();
            assert_eq!(changed(), Err(Error::ActionProhibited), "by its owner in {}", mode.name());
            let copy = session.copy_object(certificate, flags(&[(A::TRUSTED, false)])).unwrap();
            assert_eq!(
                code(session.copy_object(certificate, flags(&[(A::TRUSTED, true)]))),
                Err(Error::AttributeReadOnly)
            );
            assert_eq!(code(session.set_attributes(copy, subject.clone())), Ok(()));
            assert_eq!(trust(false), Ok(()));
        });
    }
}

/// The parts of an RSA key have no leading zeros: their lengths are a little of the value.
#[test]
fn r16_the_size_of_a_protected_key_tells_nothing_of_its_value() {
    with_app(Mode::Enforce, |app| {
        let size = |bytes: &[u8]| {
            let mut wanted = flags(&[(A::SENSITIVE, true)]);
            wanted.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
            wanted.set(A::KEY_TYPE, Value::Ulong(KeyType::GenericSecret.id()));
            wanted.set(A::VALUE, Value::bytes(bytes));
            let key = app.create_object(wanted).unwrap();
            app.object_size(key).unwrap()
        };
        // VALUE_LEN is open and has one length up to 127.
        assert_eq!(size(&[1; 32]), size(&[1; 48]));
    });
}

fn wrapping_key() -> Template {
    let mut wanted = flags(&[(A::TOKEN, true), (A::WRAP, true), (A::UNWRAP, true)]);
    wanted.set(A::VALUE_LEN, Value::Ulong(32));
    wanted
}
