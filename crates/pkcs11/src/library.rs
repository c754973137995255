//! The one global: what C_Initialize made. Not what is in it.
//!
//! Reading it takes no lock, so calls do not wait for each other here, and a fork cannot leave it locked. It is never
//! dropped under a running call: each holds what it reads until it returns, and C_Finalize drops the rest.
//!
//! **Fork.** A child of fork has the parent's memory but not its threads, so any lock in it may be held for ever. What
//! was made before the fork is therefore never touched again in the child: every call returns
//! CKR_CRYPTOKI_NOT_INITIALIZED, and C_Initialize makes a new library beside the old one, which is leaked. Its memory,
//! keys included, stays in the child unwiped and unreachable through the API, because wiping would need those locks;
//! whoever may read the child's memory could read the parent's.
//!
//! **Exit.** There is no destructor: what was not finalised when the process ends, ends with the process.

use core::mem;
use core::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use claviger_rules::{Error, Refusal};
use claviger_session::{Config, Library, Session, SessionHandle};
use claviger_store::fork;
use cryptoki_sys::CK_SESSION_HANDLE;

use crate::{Result, trace};

static LIBRARY: ArcSwapOption<Open> = ArcSwapOption::const_empty();

/// What C_Initialize made, and in which process.
pub(crate) struct Open {
    epoch: u64,
    library: Library,
}

impl Deref for Open {
    type Target = Library;

    fn deref(&self) -> &Library {
        &self.library
    }
}

/// C_Initialize.
///
/// # Errors
/// CKR_CRYPTOKI_ALREADY_INITIALIZED, or what keeps the token data from being opened.
pub(crate) fn initialize() -> Result<()> {
    let epoch = fork::epoch();
    let before = LIBRARY.load_full();
    if before.as_ref().is_some_and(|open| open.epoch == epoch) {
        return Err(already_initialized());
    }
    let fresh = Arc::new(Open { epoch, library: Library::open_and_tell(Config::load()?, trace::warn)? });
    // A parent's library must not be dropped here (see above), so its count never falls to zero.
    mem::forget(before.clone());
    let found = LIBRARY.compare_and_swap(&before, Some(fresh));
    let swapped = found.as_ref().map(Arc::as_ptr) == before.as_ref().map(Arc::as_ptr);
    if swapped { Ok(()) } else { Err(already_initialized()) }
}

/// C_Finalize: sessions end, logins end, the token data is closed once the last running call has returned.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub(crate) fn finalize() -> Result<()> {
    current()?;
    LIBRARY.swap(None).map(drop).ok_or_else(not_initialized)
}

/// The library, which this keeps for as long as the call needs it.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED, also in a child of fork until it calls C_Initialize.
pub(crate) fn current() -> Result<Arc<Open>> {
    usable(&LIBRARY.load()).cloned()
}

/// The session behind a caller's handle.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID.
pub(crate) fn session(handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
    usable(&LIBRARY.load())?.session(SessionHandle(handle))
}

fn usable(open: &Option<Arc<Open>>) -> Result<&Arc<Open>> {
    open.as_ref().filter(|open| open.epoch == fork::epoch()).ok_or_else(not_initialized)
}

fn not_initialized() -> Refusal {
    Refusal::standard(Error::CryptokiNotInitialized, "C_Initialize has not been called in this process")
}

fn already_initialized() -> Refusal {
    Refusal::standard(Error::CryptokiAlreadyInitialized, "C_Initialize has been called before")
}
