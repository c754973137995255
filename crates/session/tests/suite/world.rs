//! A directory with tokens, and short ways to say what a test does.

use std::path::PathBuf;
use std::sync::Arc;

use claviger_rules::attribute::Value;
use claviger_rules::{AttributeType, Error, MechanismType, Mode, Role, Template};
use claviger_session::{
    Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Result, Session, SessionHandle, SlotId, UserType,
};

/// The slot of every test that needs one.
pub(crate) const SLOT: SlotId = SlotId(0);
/// The PIN of `so`.
pub(crate) const SO_PIN: &[u8] = b"12345678";
/// The PIN of every other user.
pub(crate) const PIN: &[u8] = b"1234";

/// A directory of tokens, gone when the test is over, and an application with it open.
pub(crate) struct World {
    pub(crate) library: Library,
    directory: tempfile::TempDir,
}

impl World {
    /// Two uninitialised slots.
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// The same, configured otherwise.
    pub(crate) fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = quick(&directory);
        configure(&mut config);
        Self { library: Library::open(config).unwrap(), directory }
    }

    /// A token in slot 0 of that mode.
    pub(crate) fn in_mode(mode: Mode) -> Self {
        let world = Self::with(|config| config.default_mode = mode);
        world.library.init_token(SLOT, SO_PIN, b"test").unwrap();
        world
    }

    /// A token in slot 0 in `enforce`.
    pub(crate) fn with_token() -> Self {
        Self::in_mode(Mode::Enforce)
    }

    /// The same with users: `user` and `app` (NU), `kim` (KM).
    pub(crate) fn with_users() -> Self {
        let world = Self::with_token();
        world.as_officer(|officer| {
            officer.init_pin(PIN).unwrap();
            officer.create_user("app", Role::NormalUser, PIN).unwrap();
            officer.create_user("kim", Role::KeyManager, PIN).unwrap();
        });
        world
    }

    /// Another process with the same directory.
    pub(crate) fn another_process(&self) -> Library {
        Library::open(quick(&self.directory)).unwrap()
    }

    /// The directory of the tokens.
    pub(crate) fn data(&self) -> PathBuf {
        quick(&self.directory).token_data
    }

    /// A new read/write session.
    pub(crate) fn session(&self) -> Arc<Session> {
        self.open(true)
    }

    /// A new session.
    pub(crate) fn open(&self, writable: bool) -> Arc<Session> {
        let handle = self.library.open_session(SLOT, writable).unwrap();
        self.library.session(handle).unwrap()
    }

    /// The same session at the entry of another call.
    pub(crate) fn again(&self, session: &Session) -> Result<Arc<Session>> {
        self.library.session(session.handle())
    }

    /// A session in which `name` is logged in.
    pub(crate) fn login(&self, name: &str) -> Arc<Session> {
        let session = self.session();
        session.login_user(UserType::User, PIN, name.as_bytes()).unwrap();
        session
    }

    /// Does something as `so`, in a session of its own.
    pub(crate) fn as_officer<T>(&self, act: impl FnOnce(&Session) -> T) -> T {
        as_officer(&self.library, act)
    }

    pub(crate) fn close(&self, session: &Session) -> Result<()> {
        self.library.close_session(session.handle())
    }

    /// The token's flags.
    pub(crate) fn has(&self, flag: u64) -> bool {
        self.library.token_info(SLOT).unwrap().flags & flag != 0
    }
}

fn quick(directory: &tempfile::TempDir) -> Config {
    let mut config = Config::new(directory.path().join("token-data"));
    config.pin_cost = Cost::Quick;
    config
}

/// Does something as `so` of `library`.
pub(crate) fn as_officer<T>(library: &Library, act: impl FnOnce(&Session) -> T) -> T {
    let handle: SessionHandle = library.open_session(SLOT, true).unwrap();
    let session = library.session(handle).unwrap();
    session.login(UserType::So, SO_PIN).unwrap();
    let done = act(&session);
    session.logout().unwrap();
    library.close_session(handle).unwrap();
    done
}

/// How the command line makes a token.
pub(crate) fn initialize<'a>(label: &'a str, reset: Option<&'a [u8]>) -> Initialize<'a> {
    Initialize { label, so_pin: SO_PIN, mode: None, pin_cost: None, reset }
}

/// What a call was refused with.
pub(crate) fn refused<T>(result: Result<T>) -> Option<Error> {
    result.err().map(|refusal| refusal.error)
}

/// A template of these attributes.
pub(crate) fn template<const N: usize>(list: [(AttributeType, Value); N]) -> Template {
    Template::from_list(list).unwrap()
}

/// An AES-256 key of the session's user, good for these usages.
pub(crate) fn aes(session: &Session, usages: &[AttributeType]) -> ObjectHandle {
    let mut wanted = template([(AttributeType::VALUE_LEN, Value::Ulong(32))]);
    usages.iter().for_each(|usage| wanted.set(*usage, Value::Bool(true)));
    session.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), wanted).unwrap()
}
