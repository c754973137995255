//! Backup and restore: the whole token in one file, sealed under a key that no PIN opens (rule R18). docs/FORMAT.md draws
//! the file and the domain's. Who may make a backup is the quorum's business, what an object means nobody's here.
//!
//! * A backup is sealed under the *domain key* ([`Domain`]), a file of the host, and under a passphrase on top if wanted. What
//!   the token key seals stays sealed under it inside. What the device key seals is opened and sealed anew where it is
//!   restored.
//! * It is read twice: once to the end before anything is changed, once to restore it, in one transaction.
//! * Pending acts, the change log and the audit log stay behind. An approval is of one moment and must not come back in
//!   another; the logs tell what happened to the slot, not what is in the token.
//! * Each backup of a token has a number, and the domain's file keeps the highest one seen. An older one takes the quorum of
//!   the security officers that are in it.

mod chunks;
mod domain;
mod make;
mod restore;
mod rows;

pub use domain::{Domain, Highest};
pub use make::{Made, NewBackup};
pub use restore::{Backup, Opening, Restored};

/// Told how far it is: done, of how much.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// The result of a call of this module.
pub type Result<T> = core::result::Result<T, Error>;

/// Why a backup was not made, or not restored. Nothing has changed, but that wrong PINs are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The token: [`crate::Error`].
    Store(crate::Error),
    /// The backup file could not be read or written: `Full`, `Denied`, `Io`.
    File(crate::Error),
    /// The domain's file could not be read or written: `Full`, `Denied`, `Io`.
    Domain(crate::Error),
    /// There is a file of that name.
    Exists,
    /// There is no file of that name.
    Missing,
    /// The file is no backup.
    NotABackup,
    /// A newer version of this software made the backup.
    Newer,
    /// The backup was made in another domain.
    OtherDomain,
    /// The backup was cut short, altered, or put together of several.
    Altered,
    /// The backup takes a passphrase.
    PassphraseNeeded,
    /// A passphrase must not be empty.
    PassphraseEmpty,
    /// The passphrase is wrong, or the backup was altered.
    PassphraseWrong,
    /// There is no domain file, and a restore makes none.
    DomainMissing,
    /// The domain's file is not one, or was altered.
    DomainDamaged,
    /// A newer version of this software wrote the domain's file.
    DomainNewer,
    /// Another backup or restore of the domain is under way.
    DomainBusy,
    /// The slot is not empty.
    NotEmpty,
    /// The backup is not the newest that the domain knows, and too few security officers consent.
    Older,
    /// The same token was tightened after the backup was made.
    Looser,
    /// No security officer in the backup has that name, or one was named twice.
    OfficerUnknown,
    /// Wrong PIN. It has been counted.
    PinIncorrect,
    /// Too many wrong PINs, before the backup or here.
    PinLocked,
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Store(error)
    }
}

/// Runs `body`, which fails in this module's way, where the storage wants failures of its own.
fn carried<T>(run: impl FnOnce(&mut dyn FnMut(Error) -> crate::Error) -> crate::Result<T>) -> Result<T> {
    let mut carried = None;
    let outcome = run(&mut |error| match error {
        Error::Store(error) => error,
        other => {
            carried = Some(other);
            crate::Error::Internal
        }
    });
    outcome.map_err(|error| carried.unwrap_or(Error::Store(error)))
}
