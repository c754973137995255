//! One slot's token on disk: sealed, crash-safe, shared by any number of processes, and safe in
//! programs that fork. No PKCS#11 here, no policy, and nothing of what an object's bytes mean.
//!
//! ```no_run
//! use claviger_crypto::Secret;
//! use claviger_rules::{Mode, Role};
//! use claviger_store::{Author, Change, NewToken, Root, Settings};
//!
//! # fn main() -> claviger_store::Result<()> {
//! let root = Root::open("token-data".as_ref())?;
//! let store = root.slot(0)?;
//! let header = store.initialize(&NewToken {
//!     replaces: store.header()?.map(|old| old.token),
//!     label: *b"first token                     ",
//!     mode: Mode::Enforce,
//!     settings: Settings::default(),
//!     so_name: "so",
//!     so_pin: b"12345678",
//! })?;
//! let so = store.login(true, "so", b"12345678")?;
//! store.create_user(&so.keys, "app1", Role::NormalUser, b"1234")?;
//!
//! let app = store.login(false, "app1", b"1234")?;
//! let author = Author::User(&app.keys);
//! let new = Change::Create { private: true, body: Secret::copy_of(b"attributes and value"), terms: Vec::new() };
//! let made = store.commit(author, &[new])?;
//! let view = store.load(author)?;
//! assert_eq!(view.objects.first().map(|object| object.version), Some(made.generation));
//!
//! // Later, at each call: has anything changed, and what?
//! if store.generation()? != view.generation {
//!     let changes = store.changes_since(header.token, view.generation)?;
//! #   let _ = changes;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//! * A call that changes something is one transaction: when it returns `Ok` it is on the disk, when it
//!   returns an error nothing has changed ([`Error`] names the one exception).
//! * An object's version is the generation of the commit that wrote it, and a change names the version
//!   it expects. Ids of users and objects are never given twice within a token.
//! * Every record is sealed whole and bound to its token, table, key and version (docs/FORMAT.md).
//! * A [`Store`] opened before a fork answers [`Error::Forked`] in the child; see [`fork`].
//!
//! * Nothing tampered is believed: a record that was edited, moved, deleted or put back is refused, alone where that is
//!   possible (`tree.rs`), and a database put back is refused as a whole (`anchor.rs`).
//!
//! # What does not
//! Somebody who puts the whole directory back to an earlier state is not noticed by a process that starts afterwards.
#![deny(unsafe_code)]

mod act;
mod anchor;
pub mod backup;
mod counter;
mod desk;
mod error;
mod examine;
mod files;
pub mod fork;
mod header;
mod index;
mod keys;
mod line;
mod log;
mod login;
pub mod memory;
mod object;
mod overlay;
mod pin;
mod quorum;
mod record;
mod root;
#[cfg(feature = "sled")]
pub mod sled;
mod slot_files;
pub mod sqlite;
pub mod storage;
mod store;
mod ticket;
mod tree;
mod turn;
mod user;
mod users;

pub use act::{Act, ActId, Approval, NewLock, NewOfficer};
pub use error::{Error, Result};
pub use examine::{Examined, Finding};
pub use header::{Header, HeaderChange, Settings};
pub use keys::Keys;
pub use log::{Changes, Parts, What};
pub use login::Login;
pub use object::{Author, Change, Committed, Loaded, Object, ObjectId, Walked};
pub use pin::{Cost, MAX_PIN_LEN, MIN_PIN_LEN};
pub use quorum::{Count, Effects, Fallen, Outcome, Pending, PendingActs, Quorum, Step, Withdrawn};
pub use record::{FORMAT, TokenId};
pub use root::{AuditPlace, Root};
pub use slot_files::{Fault, FileFault, examine_files};
pub use store::{NewToken, Store};
pub use user::User;
