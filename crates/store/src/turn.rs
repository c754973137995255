//! Turns between threads and processes, in the order they ask. Not what makes a transaction atomic (the engine does),
//! and not a reader's business.
//!
//! Whoever asks stands in the line of its process's threads (`line.rs`); the first of them takes a ticket, which is its
//! place among the processes (`ticket.rs`); the first of those waits for the `flock` (`flock(2)`), which alone is the turn.
//! So a process of many threads has no more turns than one of one, and nobody is passed, also where the wait has a limit.
//! SQLite's own way, to sleep and try again, starves the unlucky, and so does any that tries a lock again and again.
//!
//! The kernel frees tickets and locks when their holder dies. A child of fork is cut off from its parent's
//! ([`fork::disown`]). A process that is stopped (SIGSTOP, a debugger) holds up those behind it until it goes on or ends,
//! now also while it waits itself; those whose wait has a limit are told so.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files;
use crate::fork::{self, AtFork, Inside};
use crate::line::{First, Line};
use crate::ticket::Ticket;
use crate::{Error, Result};

/// Between two looks of who waits with a limit: the kernel knows no such wait.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// A queue for one thing.
pub(crate) struct Turn {
    file: File,
    threads: Line,
}

/// It is the caller's turn until this drops.
pub(crate) struct MyTurn<'a> {
    file: &'a File,
    _thread: First<'a>,
}

impl Turn {
    /// The queue at `path`, made if it is missing.
    pub(crate) fn open(inside: &Inside, path: &Path) -> Result<Arc<Self>> {
        let turn = Arc::new(Self { file: files::open_or_create(path)?, threads: Line::default() });
        let guarded: Arc<dyn AtFork> = turn.clone();
        fork::register(inside, Arc::downgrade(&guarded));
        Ok(turn)
    }

    /// Waits for as long as it takes. The caller has checked its epoch and is not inside.
    pub(crate) fn wait(&self) -> Result<MyTurn<'_>> {
        self.wait_until(None)
    }

    /// Waits for at most `limit`; `Busy` when it passed.
    pub(crate) fn wait_at_most(&self, limit: Duration) -> Result<MyTurn<'_>> {
        self.wait_until(Instant::now().checked_add(limit))
    }

    /// Takes the turn if it is free now.
    pub(crate) fn try_now(&self) -> Result<Option<MyTurn<'_>>> {
        let Some(thread) = self.threads.try_now() else { return Ok(None) };
        Ok(self.try_lock()?.then_some(MyTurn { file: &self.file, _thread: thread }))
    }

    fn wait_until(&self, until: Option<Instant>) -> Result<MyTurn<'_>> {
        let thread = self.threads.wait(until).ok_or(Error::Busy)?;
        let ticket = Ticket::take(&self.file)?;
        ticket.wait(until)?;
        match until {
            None => self.lock()?,
            Some(until) => {
                while !self.try_lock()? {
                    if Instant::now() >= until {
                        return Err(Error::Busy);
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
        Ok(MyTurn { file: &self.file, _thread: thread })
    }

    fn lock(&self) -> Result<()> {
        loop {
            match self.file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Ok(done?),
            }
        }
    }

    fn try_lock(&self) -> Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

impl Drop for MyTurn<'_> {
    fn drop(&mut self) {
        // It cannot fail on an open file; if it did, the next waiter gets its turn when we exit.
        let _ = self.file.unlock();
    }
}

impl AtFork for Turn {
    fn prepare(&self) {}

    fn child(&self) {
        fork::disown(&self.file);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn who_waits_in_vain_is_told_in_time_and_leaves_nobody_waiting_for_it() {
        let dir = tempfile::tempdir().unwrap();
        // Two open files are as two processes.
        let [one, two, three] =
            [(); 3].map(|()| Turn::open(&fork::enter(fork::epoch()).unwrap(), &dir.path().join("turn")).unwrap());
        let limit = Duration::from_millis(30);
        let mine = one.wait().unwrap();
        for other in [&one, &two, &three] {
            let begun = Instant::now();
            assert_eq!(other.wait_at_most(limit).err(), Some(Error::Busy));
            assert!(begun.elapsed() >= limit && begun.elapsed() < limit * 20, "waited {:?}", begun.elapsed());
            assert!(other.try_now().unwrap().is_none());
        }
        drop(mine);
        for each in [&one, &two, &three] {
            assert!(each.try_now().unwrap().is_some());
            assert!(each.wait_at_most(Duration::ZERO).is_ok());
            assert!(each.wait().is_ok());
        }
    }
}
