//! The token behind the C interface: users, logins, sessions, operations, objects. The safe API.
//!
//! [`Library`] is what `C_Initialize` makes: the slots with their tokens and the sessions of this application.
//! A [`Session`]'s methods are named after the C functions. Not here: pointers and structures of C (`pkcs11`),
//! rules and tables (`claviger-rules`), files (`claviger-store`), algorithms (`claviger-crypto`).
//! PKCS#11 3.2 chapter 5.
#![forbid(unsafe_code)]

mod audit;
mod call;
mod config;
mod examine;
mod fault;
mod handle;
mod info;
mod keys;
mod library;
mod object;
mod operation;
mod room;
mod session;
mod slots;
mod token;

pub use audit::Tell;
pub use call::MechanismCall;
pub use claviger_store::Error as StoreError;
pub use claviger_store::backup::{Backup, Made, Opening, Restored};
pub use claviger_store::storage::Table;
pub use claviger_store::{Cost, Examined, Fault, FileFault, Finding, ObjectId, Quorum};
pub use config::{Config, ConfigError};
pub use examine::{ExaminedFiles, examine_files};
pub use handle::{ObjectHandle, SessionHandle, SlotId};
pub use info::{
    EFFECTIVELY_INFINITE, MechanismInfo, SessionInfo, SlotInfo, TokenInfo, UNAVAILABLE, UserInfo, Version, flag, padded,
};
pub use library::{Initialize, Library};
pub use object::Answer;
pub use room::Room;
pub use session::{Session, UserType};
pub use token::{Approved, PendingAct, PendingActs, Token};

/// The result of a call: the refusal carries the CKR number, the rule behind it and a sentence.
pub type Result<T> = core::result::Result<T, claviger_rules::Refusal>;
