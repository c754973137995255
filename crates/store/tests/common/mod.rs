//! What several test files need: a token in a directory of its own.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "helpers of tests; not every file needs all")]

use std::path::{Path, PathBuf};

use claviger_crypto::Secret;
use claviger_rules::Mode;
use claviger_store::{
    Act, Author, Change, Cost, Effects, Header, Keys, Loaded, NewToken, ObjectId, Outcome, Result, Root, Settings,
    Store,
};

pub const LABEL: [u8; 32] = *b"unmistakable label of this token";
pub const SO_PIN: &[u8] = b"12345678";
pub const PIN: &[u8] = b"1234";

/// A directory with one token in slot 0, and its first user `app1`.
pub struct Token {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub header: Header,
}

pub fn settings() -> Settings {
    Settings { cost: Cost::Quick, ..Settings::default() }
}

pub fn new_token() -> NewToken<'static> {
    NewToken { replaces: None, label: LABEL, mode: Mode::Enforce, settings: settings(), so_name: "so", so_pin: SO_PIN }
}

impl Token {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let header = store.initialize(&NewToken { settings, ..new_token() }).unwrap();
        Self { dir, store, header }
    }

    /// Another store on the same slot, as another process would have it.
    pub fn another(&self) -> Store {
        open(self.dir.path())
    }

    pub fn so(&self) -> Keys {
        self.store.login(true, "so", SO_PIN).unwrap().keys
    }

    pub fn add_user(&self, name: &str) -> claviger_store::User {
        self.store.create_user(&self.so(), name, claviger_rules::Role::NormalUser, PIN).unwrap()
    }

    /// The login of a new user.
    pub fn app(&self) -> Keys {
        self.add_user("app1");
        self.store.login(false, "app1", PIN).unwrap().keys
    }

    pub fn database(&self) -> PathBuf {
        self.dir.path().join("slot-0").join("store.db")
    }
}

pub fn open(dir: &Path) -> Store {
    Root::open(dir).unwrap().slot(0).unwrap()
}

pub fn create(private: bool, body: &[u8]) -> Change {
    Change::Create { private, body: Secret::copy_of(body), terms: Vec::new() }
}

pub fn replace(id: ObjectId, expected: u64, body: &[u8]) -> Change {
    Change::Replace { id, expected, body: Secret::copy_of(body), terms: Vec::new() }
}

/// Does an act on a token whose officers act alone; `objects` were chosen by the generation `seen`.
pub fn alone(store: &Store, keys: &Keys, act: &Act, seen: u64, objects: &[Change]) -> Result<()> {
    let outcome = store.perform(keys, act, Effects { seen, objects, mode: None }, 0)?;
    assert!(matches!(outcome, Outcome::Done { act: None, .. }), "{outcome:?}");
    Ok(())
}

/// Makes one object; its id and version.
pub fn make(store: &Store, author: Author<'_>, private: bool, body: &[u8]) -> (ObjectId, u64) {
    let made = store.commit(author, &[create(private, body)]).unwrap();
    (made.ids[0], made.generation)
}

pub fn bodies(loaded: &Loaded) -> Vec<&[u8]> {
    loaded.objects.iter().map(|object| object.body.expose()).collect()
}
