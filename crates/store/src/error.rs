//! What can go wrong in the store, one variant per thing a caller can act on.

use std::io;

/// The result of a call to the store.
pub type Result<T> = core::result::Result<T, Error>;

/// Why the store refused or failed. Unless a variant says otherwise, **nothing has changed**: a call
/// is one transaction, and a failed one is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The slot holds no token yet.
    Uninitialized,
    /// Wrong PIN, or no such user. A known user's failure has been counted, durably.
    PinIncorrect,
    /// The user is locked after too many wrong PINs, until it is unlocked. This attempt is not counted.
    PinLocked,
    /// A PIN is 4 to 255 bytes long.
    PinLength,
    /// A user name is 1 to 31 characters of `[A-Za-z0-9_.-]`, the first a letter or digit, and not `env`.
    NameInvalid,
    /// A user of that name (in lower or upper case) exists.
    NameTaken,
    /// No user has that id.
    UserUnknown,
    /// The acting user was deleted, or its PIN was reset, since it logged in.
    UserGone,
    /// The token was initialised anew since the caller read its header or logged in.
    TokenChanged,
    /// An object is no longer at the version the caller expected, or it is gone.
    Conflict,
    /// A private object needs the keys of a login.
    KeysNeeded,
    /// A token's mode can only be tightened.
    ModeLoosened,
    /// It is an act of the quorum: [`crate::Store::perform`].
    ActNeeded,
    /// No pending act has that id: carried out, withdrawn, expired, or never filed.
    ActUnknown,
    /// The officer has filed as many acts as it may have pending at once.
    ActsFull,
    /// Neither filed nor approved by the officer who wants to withdraw it.
    NotApproved,
    /// A quorum is at least 1; approvals wait 1 to 720 hours.
    QuorumInvalid,
    /// Fewer security officers than the quorum asks for would be there and not locked.
    QuorumOutOfReach,
    /// A record does not open: edited, moved, torn, or sealed under another device key.
    Damaged,
    /// The database is older than what was known of it: somebody has put an earlier state back, or taken the anchor away.
    RolledBack,
    /// Written by a newer version of this software. Nothing was touched.
    NewerFormat,
    /// `device.key` is not a file of 32 bytes, or is missing while slots exist.
    DeviceKey,
    /// The store was opened before this process was forked. Open it anew.
    Forked,
    /// Another process has kept the store to itself for too long.
    Busy,
    /// No space is left.
    Full,
    /// The file system refused access.
    Denied,
    /// Reading or writing failed. **When a commit was under way, it may or may not have happened**: read again.
    Io,
    /// The random generator failed.
    Random,
    /// A library below failed where it cannot.
    Internal,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Uninitialized => "the slot holds no token",
            Self::PinIncorrect => "wrong PIN or unknown user",
            Self::PinLocked => "the user is locked",
            Self::PinLength => "a PIN is 4 to 255 bytes long",
            Self::NameInvalid => "not a valid user name",
            Self::NameTaken => "a user of that name exists",
            Self::UserUnknown => "no such user",
            Self::UserGone => "the acting user was deleted or its PIN reset",
            Self::TokenChanged => "the token was initialised anew",
            Self::Conflict => "the object was changed by someone else",
            Self::KeysNeeded => "a private object needs a login",
            Self::ModeLoosened => "a token's mode can only be tightened",
            Self::ActNeeded => "it is an act of the quorum",
            Self::ActUnknown => "no pending act has that number",
            Self::ActsFull => "the officer has too many pending acts",
            Self::NotApproved => "the officer has neither filed nor approved the act",
            Self::QuorumInvalid => "a quorum is at least 1, and approvals wait 1 to 720 hours",
            Self::QuorumOutOfReach => "too few security officers for the quorum",
            Self::Damaged => "a record of the token is damaged",
            Self::RolledBack => "the token was put back to an earlier state",
            Self::NewerFormat => "the token was written by a newer version",
            Self::DeviceKey => "device.key is missing or not a file of 32 bytes",
            Self::Forked => "the store was opened before the fork",
            Self::Busy => "another process keeps the store to itself",
            Self::Full => "no space is left on the device",
            Self::Denied => "the file system refused access",
            Self::Io => "reading or writing the store failed",
            Self::Random => "the random generator failed",
            Self::Internal => "internal failure",
        })
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied,
            _ => Self::Io,
        }
    }
}
