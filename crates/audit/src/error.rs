//! What can go wrong when an event is written or the log is opened. What is wrong *in* the log is a [`crate::Fault`].

use std::io;

/// The event was not written. The log is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// Others kept the log's lock for too long.
    Busy,
    /// No space is left on the device.
    Full,
    /// The file system refused access.
    Denied,
    /// Reading or writing failed in another way.
    Io,
    /// The key is not 32 bytes long.
    Key,
}

/// The result of a call to the log.
pub type Result<T> = core::result::Result<T, Error>;

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "other processes keep the audit log locked",
            Self::Full => "no space is left on the device for the audit log",
            Self::Denied => "the file system refused access to the audit log",
            Self::Io => "reading or writing the audit log failed",
            Self::Key => "the key of the audit log is not 32 bytes long",
        })
    }
}

impl core::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied,
            _ => Self::Io,
        }
    }
}
