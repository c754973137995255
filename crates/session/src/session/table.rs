//! The sessions of this application, by handle. Not how many there are of which kind: the token counts.
//!
//! A look-up is one hash and one read lock of one of [`SHARDS`] shards, so that threads with sessions of their own do
//! not meet. Handles count up and are never given twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Session, SessionHandle, SlotId};

const SHARDS: usize = 64;

type Shard = RwLock<HashMap<u64, Arc<Session>>>;

/// Every open session.
pub(crate) struct Sessions {
    shards: [Shard; SHARDS],
    last: AtomicU64,
}

impl Sessions {
    /// None.
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()), last: AtomicU64::new(0) }
    }

    /// A handle that no session ever had.
    pub(crate) fn next_handle(&self) -> SessionHandle {
        SessionHandle(self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// Adds a session.
    pub(crate) fn insert(&self, session: Arc<Session>) {
        if let Some(shard) = self.shard(session.handle()) {
            shard.write().unwrap_or_else(PoisonError::into_inner).insert(session.handle().0, session);
        }
    }

    /// The session of that handle.
    pub(crate) fn get(&self, handle: SessionHandle) -> Option<Arc<Session>> {
        self.shard(handle)?.read().unwrap_or_else(PoisonError::into_inner).get(&handle.0).cloned()
    }

    /// Takes the session out. Of several who try at once, one gets it.
    pub(crate) fn remove(&self, handle: SessionHandle) -> Option<Arc<Session>> {
        self.shard(handle)?.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.0)
    }

    /// The sessions with the token in `slot`.
    pub(crate) fn of(&self, slot: SlotId) -> Vec<Arc<Session>> {
        let in_shard = |shard: &Shard| -> Vec<Arc<Session>> {
            let sessions = shard.read().unwrap_or_else(PoisonError::into_inner);
            sessions.values().filter(|session| session.slot() == slot).cloned().collect()
        };
        self.shards.iter().flat_map(in_shard).collect()
    }

    fn shard(&self, handle: SessionHandle) -> Option<&Shard> {
        let index = usize::try_from(handle.0 % SHARDS as u64).ok()?;
        self.shards.get(index)
    }
}
