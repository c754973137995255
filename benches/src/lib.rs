//! What the benches share: a token in a temporary directory with an application logged in.
//!
//! Times of one machine say little; each bench puts the raw primitive beside the call, so that the ratio can be read
//! off one run. No test asserts a time.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a bench that cannot be set up says so and stops")]

use std::sync::Arc;

use claviger_rules::{AttributeType, MechanismType, Mode, Role, Template, Value};
use claviger_session::{Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Session, SlotId, UserType};
use tempfile::TempDir;

const SO_PIN: &[u8] = b"12345678";

/// A token with a key manager's trusted wrapping key `kt`, shared with the normal user who is logged in.
pub struct Bench {
    /// The session of the normal user.
    pub session: Arc<Session>,
    /// The trusted wrapping key.
    pub trusted: ObjectHandle,
    _library: Library,
    _directory: TempDir,
}

impl Bench {
    /// Sets the token up.
    pub fn new(mode: Mode) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let library = Library::open(Config::new(directory.path())).expect("a library");
        let new =
            Initialize { label: "bench", so_pin: SO_PIN, mode: Some(mode), pin_cost: Some(Cost::Quick), reset: None };
        library.initialize(SlotId(0), &new).expect("a token");
        let handle = library.open_session(SlotId(0), true).expect("a session");
        let session = library.session(handle).expect("the session");
        session.login(UserType::So, SO_PIN).expect("login of the security officer");
        session.create_user("kim", Role::KeyManager, b"kims").expect("kim");
        session.create_user("app", Role::NormalUser, b"apps").expect("app");
        session.logout().expect("logout");
        session.login(UserType::User, b"kim:kims").expect("login of kim");
        let candidate = generate(
            &session,
            "kt",
            &[(AttributeType::WRAP, true), (AttributeType::UNWRAP, true), (AttributeType::TOKEN, true)],
        );
        if mode == Mode::Enforce {
            let sharees = Template::from_list([(AttributeType::CLAVIGER_SHARED_WITH, Value::bytes("app"))]);
            session.set_attributes(candidate, sharees.expect("a template")).expect("sharing");
            session.logout().expect("logout");
            session.login(UserType::So, SO_PIN).expect("login of the security officer");
            let trusted = Template::from_list([(AttributeType::TRUSTED, Value::Bool(true))]);
            session.set_attributes(find(&session, "kt"), trusted.expect("a template")).expect("trust");
            session.logout().expect("logout");
            session.login(UserType::User, b"app:apps").expect("login of app");
        }
        let trusted = find(&session, "kt");
        Self { session, trusted, _library: library, _directory: directory }
    }
}

/// A 32-byte AES key with these attributes.
pub fn generate(session: &Session, label: &str, flags: &[(AttributeType, bool)]) -> ObjectHandle {
    let named = [(AttributeType::LABEL, Value::bytes(label)), (AttributeType::VALUE_LEN, Value::Ulong(32))];
    let flags = flags.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)));
    let template = Template::from_list(flags.chain(named)).expect("a template");
    session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), template).expect("a key")
}

fn find(session: &Session, label: &str) -> ObjectHandle {
    let template = Template::from_list([(AttributeType::LABEL, Value::bytes(label))]);
    session.find_init(template.expect("a template")).expect("a search");
    let found = session.find(1).expect("the object");
    session.find_final().expect("the end of the search");
    *found.first().expect("the object")
}
