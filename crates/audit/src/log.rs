//! The log as the token holds it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::chain::AuditKey;
use crate::directory::{Directory, Limits};
use crate::entry::Entry;
use crate::flood::Flood;
use crate::writer::Writer;
use crate::{Event, Origin, Reader, Result};

/// How many events a log in memory keeps.
const IN_MEMORY: usize = 4096;

/// The audit log of one slot. Its methods may be called from any thread, and any number of processes may have it open.
/// Not to be used in a child of fork: the child opens its own.
pub struct Log {
    origin: Origin,
    flood: Mutex<Flood>,
    place: Place,
}

enum Place {
    Disk(AuditKey, Mutex<Writer>),
    Memory(Mutex<VecDeque<Entry>>),
}

impl Log {
    /// The log in `directory`. Nothing is read or made before the first event. The key is `directory`'s alone: a log
    /// moved to another slot does not verify there.
    pub fn open(directory: impl Into<PathBuf>, key: AuditKey, limits: Limits, origin: Origin) -> Self {
        let writer = Writer::new(Directory::new(directory.into()), limits);
        Self { origin, flood: Mutex::new(Flood::new()), place: Place::Disk(key, Mutex::new(writer)) }
    }

    /// A log that ends with the process: for tests, and for tokens that do the same.
    pub fn in_memory(origin: Origin) -> Self {
        Self { origin, flood: Mutex::new(Flood::new()), place: Place::Memory(Mutex::default()) }
    }

    /// Writes an event, unless it repeats: see [`crate::Entry::times`]. When it returns, the line is in the file; the
    /// kind says whether it is on the disk.
    ///
    /// # Errors
    /// `Busy`, `Full`, `Denied`, `Io`: the event is not in the log. The next one that is says how many are not.
    pub fn append(&self, event: &Event<'_>, now: SystemTime) -> Result<()> {
        let times = if event.kind.is_repeatable() {
            let Some(times) = lock(&self.flood).count(event) else { return Ok(()) };
            Some(times)
        } else {
            None
        };
        let entry = Entry { times, ..Entry::of(event, &self.origin, now) };
        match &self.place {
            Place::Disk(key, writer) => lock(writer).append(key, &self.origin, entry, event.kind.is_durable(), now),
            Place::Memory(entries) => {
                remember(&mut lock(entries), entry);
                Ok(())
            }
        }
    }

    /// The events, oldest first, each verified: those there are now, whatever is written or dropped meanwhile.
    ///
    /// # Errors
    /// `Busy`, `Denied`, `Io`.
    pub fn read(&self) -> Result<Reader<'_>> {
        match &self.place {
            Place::Disk(key, writer) => {
                let directory = lock(writer).directory.clone();
                Reader::open(&directory, key)
            }
            Place::Memory(entries) => Ok(Reader::of(lock(entries).iter().cloned().collect())),
        }
    }
}

fn remember(entries: &mut VecDeque<Entry>, entry: Entry) {
    let seq = entries.back().map_or(0, |last| last.seq) + 1;
    if entries.len() == IN_MEMORY {
        entries.pop_front();
    }
    entries.push_back(Entry { seq, ..entry });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
