//! The audit log of one slot: who did what, what was refused and by which rule, append-only and hash-chained.
//!
//! Not a trace (that is `CLAVIGER_LOG`), and not what the store keeps to tell processes of changes. It never holds a
//! PIN, a key's value, data, or a name that a login gave and no user has (people type PINs in the wrong place).
//! Why it is as it is: docs/decisions/0003-audit-log.md; the bytes: docs/FORMAT.md; for users: docs/AUDIT.md.
//!
//! ```
//! use std::time::SystemTime;
//! use claviger_audit::{Event, Kind, Log, Origin};
//!
//! let log = Log::in_memory(Origin::new("payments"));
//! log.append(&Event::new(Kind::Login, "C_Login"), SystemTime::UNIX_EPOCH)?;
//! let verdict = claviger_audit::verify(log.read()?);
//! assert!(verdict.is_whole());
//! # Ok::<(), claviger_audit::Error>(())
//! ```
//!
//! # What holds
//! * Nobody without the device key changes, inserts, moves or takes out a line unnoticed: each line's `chain` is
//!   HMAC-SHA-256 over the line and the chain before it. `head` holds the newest chain, so a cut end shows as well.
//! * A line is one `write`, under a lock that all processes share. A line that a crash or a full disk cut in two is
//!   closed off by the next writer, which says so; no other line is lost.
//! * Opening a log reads nothing. Appending reads `head` (96 bytes), and lines only when something is amiss.
//!
//! # What does not
//! Whoever can write the directory can put log and head back together to an older state of both, or delete all of it.
//! A process that has written in the meantime notices and records it; nobody else does. Whoever has the device key
//! writes what they like.
#![forbid(unsafe_code)]

mod chain;
mod directory;
mod entry;
mod error;
mod event;
mod flood;
mod head;
mod kind;
mod log;
mod reader;
mod report;
mod tip;
mod verdict;
mod writer;

pub use chain::{AuditKey, Link};
pub use directory::Limits;
pub use entry::Entry;
pub use error::{Error, Result};
pub use event::{Event, Object, Origin};
pub use kind::Kind;
pub use log::Log;
pub use reader::{Fault, Reader, What};
pub use report::{Finding, findings};
pub use verdict::{Verdict, verify};
