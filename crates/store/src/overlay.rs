//! A transaction for engines that have none of the kind the contract asks for: changes gather in
//! memory over a snapshot that nobody else changes meanwhile, and the engine applies them at the end.

use std::collections::BTreeMap;

use crate::storage::{Row, Scan, Table, Transaction, View};
use crate::{Error, Result};

/// Changes by table and key; `None` removes.
pub(crate) type Changes = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

/// A view with changes on top.
pub(crate) struct Overlay<'a> {
    below: &'a dyn View,
    generation: u64,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// No changes yet over `below`.
    pub(crate) fn new(below: &'a dyn View) -> Self {
        Self { below, generation: below.generation().saturating_add(1), changes: Changes::new() }
    }

    /// What the transaction did.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    /// The rows of `table` from `from` on, as they are now.
    fn rows(&self, table: Table, from: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut rows = BTreeMap::new();
        self.below.scan(table, from, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok(Scan::More)
        })?;
        for ((_, key), value) in self.changes.iter().filter(|((of, key), _)| *of == table && key.as_slice() >= from) {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows)
    }
}

impl View for Overlay<'_> {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.changes.get(&(table, key.to_vec())) {
            Some(changed) => Ok(changed.clone()),
            None => self.below.get(table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        for (key, value) in self.rows(table, from)? {
            if row(&key, &value)? == Scan::Enough {
                break;
            }
        }
        Ok(())
    }
}

impl Transaction for Overlay<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        table.number(key).ok_or(Error::Internal)?;
        self.changes.insert((table, key.to_vec()), Some(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.changes.insert((table, key.to_vec()), None);
        Ok(())
    }

    fn clear(&mut self, table: Table) -> Result<()> {
        for key in self.rows(table, &[])?.into_keys() {
            self.changes.insert((table, key), None);
        }
        Ok(())
    }

    fn advance(&mut self, least: u64) {
        self.generation = self.generation.max(least);
    }
}
