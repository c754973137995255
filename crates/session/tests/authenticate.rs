//! Keys with ALWAYS_AUTHENTICATE and the context-specific login (PKCS#11 3.2 sections 4.10 and 5.6.8; rule R2).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use claviger_rules::{AttributeType as A, Error, MechanismType as M, Mode, Refusal, Role, Template, Value};
use claviger_session::{
    Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Room, Session, SlotId, UserType,
};
use tempfile::TempDir;

const PIN: &[u8] = b"apps";

/// Runs `test` in the session of the normal user `app` on a token of `mode`.
fn with_app(mode: Mode, test: impl FnOnce(&Library, &Session)) {
    let directory = TempDir::new().unwrap();
    let library = Library::open(Config::new(directory.path())).unwrap();
    let new =
        Initialize { label: "test", so_pin: b"12345678", mode: Some(mode), pin_cost: Some(Cost::Quick), reset: None };
    library.initialize(SlotId(0), &new).unwrap();
    let session = library.session(library.open_session(SlotId(0), true).unwrap()).unwrap();
    session.login(UserType::So, b"12345678").unwrap();
    session.create_user("app", Role::NormalUser, PIN).unwrap();
    session.create_user("kim", Role::KeyManager, b"kims").unwrap();
    session.logout().unwrap();
    session.login(UserType::User, b"app:apps").unwrap();
    test(&library, &session);
}

fn code<T>(outcome: Result<T, Refusal>) -> Result<T, Error> {
    outcome.map_err(|refusal| refusal.error)
}

/// The private half of an RSA pair; with ALWAYS_AUTHENTICATE if it asks.
fn rsa(session: &Session, asks: bool, list: &[(A, bool)]) -> (ObjectHandle, ObjectHandle) {
    let public = Template::from_list([(A::MODULUS_BITS, Value::Ulong(2048))]).unwrap();
    let mut private =
        Template::from_list(list.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap();
    private.set(A::ALWAYS_AUTHENTICATE, Value::Bool(asks));
    session.generate_key_pair(MechanismCall::plain(M::RSA_PKCS_KEY_PAIR_GEN), public, private).unwrap()
}

fn sign_init(session: &Session, key: ObjectHandle) {
    session.sign_init(MechanismCall::plain(M::SHA256_RSA_PKCS), key).unwrap();
}

fn sign(session: &Session) -> Result<(), Error> {
    code(session.sign(b"message", &mut Room::bytes(&mut [0; 256])))
}

fn prove(session: &Session, pin: &[u8]) -> Result<(), Error> {
    code(session.login(UserType::ContextSpecific, pin))
}

fn encrypted(session: &Session, public: ObjectHandle) -> Vec<u8> {
    session.encrypt_init(MechanismCall::plain(M::RSA_PKCS), public).unwrap();
    let mut out = [0; 256];
    session.encrypt(b"secret", &mut Room::bytes(&mut out)).unwrap();
    out.to_vec()
}

#[test]
fn each_signature_needs_the_pin_anew() {
    with_app(Mode::Enforce, |_, app| {
        let (_, key) = rsa(app, true, &[]);
        for _ in 0..2 {
            sign_init(app, key);
            assert_eq!(prove(app, PIN), Ok(()));
            assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized), "it waits no more");
            assert_eq!(sign(app), Ok(()));
            assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized), "the operation is over");
            sign_init(app, key);
            assert_eq!(sign(app), Err(Error::UserNotLoggedIn));
            assert_eq!(sign(app), Err(Error::OperationNotInitialized), "an error ends the operation");
        }
        sign_init(app, key);
        app.cancel(claviger_rules::mechanism::Usage::Sign).unwrap();
        assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized));
    });
}

#[test]
fn each_decryption_needs_the_pin_anew() {
    with_app(Mode::Enforce, |_, app| {
        let (public, key) = rsa(app, true, &[]);
        let ciphertext = encrypted(app, public);
        let decrypt = |proof: Option<&[u8]>| {
            app.decrypt_init(MechanismCall::plain(M::RSA_PKCS), key).unwrap();
            if let Some(pin) = proof {
                prove(app, pin)?;
            }
            let mut out = [0; 256];
            let mut room = Room::bytes(&mut out);
            code(app.decrypt(&ciphertext, &mut room))?;
            let len = room.reported();
            Ok(out[..len].to_vec())
        };
        for _ in 0..2 {
            assert_eq!(decrypt(Some(PIN)).unwrap(), b"secret");
            assert_eq!(decrypt(None), Err(Error::UserNotLoggedIn));
        }
    });
}

#[test]
fn parts_wait_for_the_pin_and_the_proof_lasts_to_the_end() {
    with_app(Mode::Enforce, |_, app| {
        let (_, key) = rsa(app, true, &[]);
        sign_init(app, key);
        assert_eq!(code(app.sign_update(b"part")), Err(Error::UserNotLoggedIn));
        sign_init(app, key);
        assert_eq!(code(app.sign_final(&mut Room::bytes(&mut [0; 256]))), Err(Error::UserNotLoggedIn));
        sign_init(app, key);
        prove(app, PIN).unwrap();
        for part in [b"one", b"two"] {
            app.sign_update(part).unwrap();
            assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized));
        }
        app.sign_final(&mut Room::bytes(&mut [0; 256])).unwrap();
    });
}

#[test]
fn to_ask_for_a_length_needs_no_pin_and_ends_nothing() {
    with_app(Mode::Enforce, |_, app| {
        let (public, key) = rsa(app, true, &[]);
        sign_init(app, key);
        let mut query = Room::query();
        app.sign(b"message", &mut query).unwrap();
        assert_eq!(query.reported(), 256);
        app.sign_final(&mut Room::query()).unwrap();
        prove(app, PIN).unwrap();
        assert_eq!(sign(app), Ok(()));
        let ciphertext = encrypted(app, public);
        app.decrypt_init(MechanismCall::plain(M::RSA_PKCS), key).unwrap();
        app.decrypt(&ciphertext, &mut Room::query()).unwrap();
        assert_eq!(code(app.decrypt(&ciphertext, &mut Room::bytes(&mut [0; 256]))), Err(Error::UserNotLoggedIn));
    });
}

#[test]
fn a_key_that_does_not_ask_takes_no_proof() {
    with_app(Mode::Enforce, |_, app| {
        assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized));
        let (_, key) = rsa(app, false, &[]);
        sign_init(app, key);
        assert_eq!(prove(app, PIN), Err(Error::OperationNotInitialized));
        assert_eq!(sign(app), Ok(()), "and the operation goes on");
    });
}

#[test]
fn a_proof_is_for_the_operation_begun_last_and_for_no_other() {
    with_app(Mode::Enforce, |_, app| {
        let (public, key) = rsa(app, true, &[]);
        let ciphertext = encrypted(app, public);
        let decrypt_init = || app.decrypt_init(MechanismCall::plain(M::RSA_PKCS), key).unwrap();
        let decrypt = || code(app.decrypt(&ciphertext, &mut Room::bytes(&mut [0; 256])));
        sign_init(app, key);
        decrypt_init();
        prove(app, PIN).unwrap();
        assert_eq!((sign(app), decrypt()), (Err(Error::UserNotLoggedIn), Ok(())));
        decrypt_init();
        sign_init(app, key);
        prove(app, PIN).unwrap();
        assert_eq!((decrypt(), sign(app)), (Err(Error::UserNotLoggedIn), Ok(())));
        sign_init(app, key);
        decrypt_init();
        prove(app, PIN).unwrap();
        prove(app, PIN).unwrap();
        assert_eq!((sign(app), decrypt()), (Ok(()), Ok(())), "a proof for each");
    });
}

#[test]
fn another_session_s_proof_is_none() {
    with_app(Mode::Enforce, |library, app| {
        let (_, key) = rsa(app, true, &[]);
        let other = library.session(library.open_session(SlotId(0), true).unwrap()).unwrap();
        sign_init(app, key);
        assert_eq!(prove(&other, PIN), Err(Error::OperationNotInitialized));
        sign_init(&other, key);
        prove(&other, PIN).unwrap();
        assert_eq!(sign(app), Err(Error::UserNotLoggedIn));
        assert_eq!(sign(&other), Ok(()));
    });
}

#[test]
fn only_the_user_who_is_logged_in_proves_anything() {
    with_app(Mode::Enforce, |_, app| {
        let (_, key) = rsa(app, true, &[]);
        sign_init(app, key);
        let by_name = |pin, name| code(app.login_user(UserType::ContextSpecific, pin, name));
        for wrong in [&b"kims"[..], b"kim:kims", b"so:12345678", b"12345678", b"wrong", b""] {
            assert_eq!(prove(app, wrong), Err(Error::PinIncorrect));
        }
        assert_eq!(by_name(b"kims", b"kim"), Err(Error::UserAnotherAlreadyLoggedIn));
        assert_eq!(by_name(b"wrong", b"app"), Err(Error::PinIncorrect));
        assert_eq!(prove(app, b"app:apps"), Ok(()), "as C_Login takes it");
        assert_eq!(sign(app), Ok(()), "wrong PINs left the operation waiting");
        sign_init(app, key);
        assert_eq!(by_name(PIN, b"APP"), Ok(()));
        assert_eq!(sign(app), Ok(()));
        sign_init(app, key);
        assert_eq!(by_name(PIN, b""), Ok(()));
        assert_eq!(sign(app), Ok(()));
    });
}

#[test]
fn wrong_pins_count_and_a_locked_user_is_logged_out() {
    with_app(Mode::Enforce, |_, app| {
        let (_, key) = rsa(app, true, &[]);
        sign_init(app, key);
        for _ in 0..9 {
            assert_eq!(prove(app, b"wrong"), Err(Error::PinIncorrect));
        }
        assert_eq!(prove(app, PIN), Ok(()), "a right one takes the count back");
        assert_eq!(sign(app), Ok(()));
        sign_init(app, key);
        for _ in 0..10 {
            assert_eq!(prove(app, b"wrong"), Err(Error::PinIncorrect));
        }
        assert_eq!(prove(app, PIN), Err(Error::PinLocked));
        assert_eq!(sign(app), Err(Error::OperationNotInitialized), "the logout took the operation with it");
        assert_eq!(code(app.logout()), Err(Error::UserNotLoggedIn));
        assert_eq!(code(app.login(UserType::User, b"app:apps")), Err(Error::PinLocked));
    });
}

#[test]
fn in_standard_such_a_key_unwraps_without_being_asked() {
    with_app(Mode::Standard, |_, app| {
        let (public, private) = rsa(app, true, &[(A::UNWRAP, true)]);
        let open = [(A::SENSITIVE, Value::Bool(false)), (A::VALUE_LEN, Value::Ulong(16))];
        let key = app.generate_key(MechanismCall::plain(M::AES_KEY_GEN), Template::from_list(open).unwrap()).unwrap();
        let mut blob = [0; 256];
        app.wrap_key(&mut MechanismCall::plain(M::RSA_PKCS), public, key, &mut Room::bytes(&mut blob)).unwrap();
        let class = Value::Ulong(claviger_rules::ObjectClass::SecretKey.id());
        let named = [(A::CLASS, class), (A::KEY_TYPE, Value::Ulong(claviger_rules::KeyType::Aes.id()))];
        let unwrapped =
            app.unwrap_key(MechanismCall::plain(M::RSA_PKCS), private, &blob, Template::from_list(named).unwrap());
        assert!(unwrapped.is_ok());
    });
}

#[test]
fn r2_in_enforce_such_a_key_is_made_without_what_cannot_ask() {
    with_app(Mode::Enforce, |_, app| {
        let make = |list: &[(A, bool)]| {
            let public = Template::from_list([(A::MODULUS_BITS, Value::Ulong(2048))]).unwrap();
            let list = list.iter().chain(&[(A::ALWAYS_AUTHENTICATE, true)]);
            let private = Template::from_list(list.map(|(attribute, flag)| (*attribute, Value::Bool(*flag))));
            let pair = MechanismCall::plain(M::RSA_PKCS_KEY_PAIR_GEN);
            code(app.generate_key_pair(pair, public, private.unwrap()))
        };
        for contradiction in [A::EXTRACTABLE, A::UNWRAP] {
            assert_eq!(make(&[(contradiction, true)]), Err(Error::TemplateInconsistent), "{contradiction:?}");
        }
        let (_, key) = make(&[]).unwrap();
        let later = Template::from_list([(A::UNWRAP, Value::Bool(true))]).unwrap();
        assert_eq!(code(app.set_attributes(key, later)), Err(Error::AttributeReadOnly));
    });
}
