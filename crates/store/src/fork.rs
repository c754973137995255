//! Programs that fork. Not a lock between processes: that is `turn.rs`.
//!
//! SQLite must not have a connection open across `fork`: its list of open files and its POSIX locks
//! belong to the process, and both would lie in the child ("How to corrupt an SQLite database file",
//! section 2.6). So `pthread_atfork` handlers stand at one gate. Whoever works in SQLite is inside;
//! a fork waits until all are out, keeps the gate shut, and closes every connection. Nobody is then
//! inside SQLite, so none of its own locks is held either. After the fork both sides open the gate;
//! the parent connects again at its next call, the child refuses everything the parent had opened
//! ([`Error::Forked`]) and may open stores of its own.
//!
//! A gate rather than the stores' own locks taken one by one: no order to get wrong, one guard to
//! carry across the fork, and no store can be forgotten.
//!
//! What remains: `clone` or `_Fork` called directly run no handlers, and a child made so must not
//! use the library. A fork by a signal handler that interrupted this crate (which POSIX no longer
//! allows) cannot wait for itself: its child refuses every store, old and new. And the handlers stand
//! from the first use on: a fork by one thread during another's very first call is not covered.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::ffi::c_int;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::sync::{Mutex, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use crate::{Error, Result};

/// How many forks lie between the first process and this one: what was opened in another epoch
/// belongs to an ancestor. One atomic load.
pub fn epoch() -> u64 {
    watch();
    EPOCH.load(Ordering::Relaxed)
}

/// Keeps forks of other threads away until the guard drops: for files that a child must not get half written. Not to
/// be held while the store is called, and no longer than a commit takes.
///
/// # Errors
/// `Forked` in another epoch than `opened_in`.
pub fn keep_away(opened_in: u64) -> Result<Inside> {
    enter(opened_in)
}

/// Something that must not be carried across a fork.
pub(crate) trait AtFork: Send + Sync {
    /// Before the fork, with nobody [`Inside`].
    fn prepare(&self);

    /// In the child, with nobody else there.
    fn child(&self);
}

/// Calls `guarded` around every fork until it is dropped. The caller is inside.
pub(crate) fn register(_inside: &Inside, guarded: Weak<dyn AtFork>) {
    let mut all = GUARDED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.push(guarded);
}

/// Refuses what was opened in an earlier epoch.
pub(crate) fn check(opened_in: u64) -> Result<()> {
    if opened_in == epoch() && !BROKEN.load(Ordering::Relaxed) { Ok(()) } else { Err(Error::Forked) }
}

/// Enters the gate: no fork happens until the guard drops. Not to be entered twice by one thread.
pub(crate) fn enter(opened_in: u64) -> Result<Inside> {
    watch();
    let gate = GATE.read().unwrap_or_else(PoisonError::into_inner);
    check(opened_in)?;
    INSIDE.set(true);
    Ok(Inside(gate))
}

/// Proof that no fork happens now.
pub struct Inside(#[expect(dead_code, reason = "held, never looked at")] RwLockReadGuard<'static, ()>);

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// Cuts `file` off from what it shares with the parent: its number now stands for `/dev/null`. A
/// `flock` belongs to the open file that both share, and would outlive a parent that is killed while
/// it holds one.
pub(crate) fn disown(file: &File) {
    // SAFETY: the path is a C string; `open` and `dup2` are async-signal-safe (signal-safety(7)).
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if null >= 0 {
        // SAFETY: both are open; the number stays owned by `file`, which closes it later.
        unsafe { libc::dup3(null, file.as_raw_fd(), libc::O_CLOEXEC) };
        // SAFETY: `null` was opened above and nobody else knows it.
        unsafe { libc::close(null) };
    }
}

static EPOCH: AtomicU64 = AtomicU64::new(0);
static BROKEN: AtomicBool = AtomicBool::new(false);
static GATE: RwLock<()> = RwLock::new(());
static GUARDED: Mutex<Vec<Weak<dyn AtFork>>> = Mutex::new(Vec::new());

type Shut = ManuallyDrop<RwLockWriteGuard<'static, ()>>;

thread_local! {
    // Neither has a destructor, so a library that is unloaded leaves none behind in the host's threads.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static SHUT: Cell<Option<Shut>> = const { Cell::new(None) };
}

unsafe extern "C" {
    /// POSIX. glibc keeps it in the part that is linked statically, so that the handlers of a library
    /// go when the library is unloaded.
    fn pthread_atfork(
        prepare: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> c_int;
}

/// Installs the handlers, once.
fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the three functions live as long as the library, and POSIX asks for nothing else.
        let failed = unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        BROKEN.store(failed != 0, Ordering::Relaxed);
    });
}

extern "C" fn prepare() {
    if INSIDE.get() {
        return;
    }
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    each_guarded(|guarded| guarded.prepare());
    SHUT.set(Some(ManuallyDrop::new(gate)));
}

extern "C" fn parent() {
    drop(SHUT.take().map(ManuallyDrop::into_inner));
}

extern "C" fn child() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    match SHUT.take() {
        Some(gate) => {
            each_guarded(|guarded| guarded.child());
            drop(ManuallyDrop::into_inner(gate));
        }
        None => BROKEN.store(true, Ordering::Relaxed),
    }
}

fn each_guarded(act: impl Fn(&dyn AtFork)) {
    let all = GUARDED.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter_map(Weak::upgrade).for_each(|guarded| act(guarded.as_ref()));
}
