//! The simplest engine: a map. Nothing touches a disk and nothing is shared between processes. It is
//! the model that the contract tests hold the other engines against.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::overlay::Overlay;
use crate::storage::{ReadBody, Row, Scan, Storage, Table, View, WriteBody};
use crate::{Result, fork};

/// The engine.
pub struct Memory {
    epoch: u64,
    writers: Mutex<()>,
    state: RwLock<State>,
}

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A snapshot is a clone: cheap, and a commit copies the map only while somebody holds an older one.
#[derive(Clone, Default)]
struct State {
    generation: u64,
    rows: Arc<Rows>,
}

impl Memory {
    /// An empty database.
    pub fn new() -> Self {
        Self { epoch: fork::epoch(), writers: Mutex::new(()), state: RwLock::default() }
    }

    fn snapshot(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for Memory {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        fork::check(self.epoch)?;
        body(&self.snapshot())
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        fork::check(self.epoch)?;
        let _alone = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let mut overlay = Overlay::new(&snapshot);
        body(&mut overlay)?;
        let (generation, changes) = (overlay.generation(), overlay.into_changes());
        drop(snapshot);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let rows = Arc::make_mut(&mut state.rows);
        for (key, value) in changes {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        state.generation = generation;
        Ok(generation)
    }

    fn generation(&self) -> Result<u64> {
        fork::check(self.epoch)?;
        Ok(self.state.read().unwrap_or_else(PoisonError::into_inner).generation)
    }
}

impl View for State {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        for ((of, key), value) in self.rows.range((table, from.to_vec())..) {
            if *of != table || row(key, value)? == Scan::Enough {
                break;
            }
        }
        Ok(())
    }
}
