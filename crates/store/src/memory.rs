//! The simplest engine: a map. Nothing touches a disk and nothing is shared between processes. It is
//! the model that the contract tests hold the other engines against.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

use crate::overlay::Overlay;
use crate::storage::{ReadBody, Row, Scan, Storage, Table, View, WriteBody};
use crate::{Result, fork};

/// The engine.
pub struct Memory {
    epoch: u64,
    writers: Mutex<()>,
    state: RwLock<State>,
}

#[derive(Clone, Default)]
struct State {
    generation: u64,
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
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
        let mut state = self.snapshot();
        let mut overlay = Overlay::new(&state);
        body(&mut overlay)?;
        for (key, value) in overlay.into_changes() {
            match value {
                Some(value) => state.rows.insert(key, value),
                None => state.rows.remove(&key),
            };
        }
        state.generation = state.generation.saturating_add(1);
        let generation = state.generation;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
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
