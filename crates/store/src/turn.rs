//! Turns between threads and processes, by `flock` on a file of their own. Not what makes a
//! transaction atomic (the engine does), and not a reader's business.
//!
//! SQLite's own way for a writer to wait is to sleep and try again, which starves the unlucky; waiters
//! of a `flock` sleep in the kernel and are woken in order. The kernel frees the lock when its holder
//! dies. `flock(2)`; a child of fork is cut off from the parent's lock ([`fork::disown`]).

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError as ThreadLockError};
use std::time::{Duration, Instant};

use crate::files;
use crate::fork::{self, AtFork, Inside};
use crate::{Error, Result};

/// A queue for one thing.
pub(crate) struct Turn {
    file: File,
    threads: Mutex<()>,
}

/// It is the caller's turn until this drops.
pub(crate) struct MyTurn<'a> {
    file: &'a File,
    _thread: MutexGuard<'a, ()>,
}

impl Turn {
    /// The queue at `path`, made if it is missing.
    pub(crate) fn open(inside: &Inside, path: &Path) -> Result<Arc<Self>> {
        let turn = Arc::new(Self { file: files::open_or_create(path)?, threads: Mutex::new(()) });
        let guarded: Arc<dyn AtFork> = turn.clone();
        fork::register(inside, Arc::downgrade(&guarded));
        Ok(turn)
    }

    /// Waits for as long as it takes. The caller has checked its epoch and is not inside.
    pub(crate) fn wait(&self) -> Result<MyTurn<'_>> {
        let thread = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.file.lock() {
                Ok(()) => return Ok(MyTurn { file: &self.file, _thread: thread }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the turn if it is free now.
    pub(crate) fn try_now(&self) -> Result<Option<MyTurn<'_>>> {
        let thread = match self.threads.try_lock() {
            Ok(thread) => thread,
            Err(ThreadLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(ThreadLockError::WouldBlock) => return Ok(None),
        };
        match self.file.try_lock() {
            Ok(()) => Ok(Some(MyTurn { file: &self.file, _thread: thread })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Waits for at most `limit`; `Busy` when it passed.
    pub(crate) fn wait_at_most(&self, limit: Duration) -> Result<MyTurn<'_>> {
        let start = Instant::now();
        loop {
            if let Some(mine) = self.try_now()? {
                return Ok(mine);
            }
            if start.elapsed() >= limit {
                return Err(Error::Busy);
            }
            std::thread::sleep(Duration::from_millis(1));
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
