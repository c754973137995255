//! Nothing tampered is believed: a layer between the store and its engine that knows what every row must be.
//!
//! The seal of a record says that the record was written by somebody with the key, for this place. It does not say that
//! it is the newest, or that a row that is not there never was. The tree does: a page holds the fingerprints of 64 rows,
//! a page above it those of 64 pages, and the root, which every commit writes anew for its generation, those of the
//! topmost. So a row that was edited, moved, deleted or put back does not match, and only the whole database can be put
//! back, which a process notices by the highest generation it has seen, and a new one by the anchor
//! ([`crate::anchor`]).
//!
//! **A row that is not what the tree says reads as empty**, which opens as nothing: whoever reads it answers
//! [`Error::Damaged`], for that row alone. A row that the tree does not know is not there.
//!
//! The table `log` is not in the tree: a row is bound to its generation, and one that is missing makes everybody read
//! everything again.

mod ledger;
mod page;
mod survey;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use claviger_crypto::seal::SealKey;

use self::ledger::{Cache, Ledger};
use self::page::Fingerprint;
pub(crate) use self::page::ROOT;
pub(crate) use self::survey::{See, Seen};
use crate::storage::{ReadBody, Row, Storage, Table, Transaction, View, WriteBody};
use crate::{Error, Result};

/// An engine whose rows are what they must be.
pub(crate) struct Tree {
    below: Box<dyn Storage>,
    device: Arc<SealKey>,
    cache: Cache,
    /// The highest generation that this process has seen.
    highest: AtomicU64,
}

impl Tree {
    pub(crate) fn new(below: Box<dyn Storage>, device: Arc<SealKey>) -> Self {
        Self { below, device, cache: Cache::default(), highest: AtomicU64::new(0) }
    }

    /// Looks at everything in one state of the database; gives its generation.
    ///
    /// # Errors
    /// `Damaged` when the root is not what it must be; `RolledBack`; those of the engine.
    pub(crate) fn survey(&self, see: &mut See<'_>) -> Result<u64> {
        let (least, mut generation) = (self.least(), 0);
        self.below.read(&mut |below| {
            generation = below.generation();
            if generation < least {
                return Err(Error::RolledBack);
            }
            survey::survey(below, &self.device, see)
        })?;
        Ok(generation)
    }

    fn ledger(&self, below: &dyn View, committed: u64, least: u64) -> Result<Ledger<'_>> {
        if committed < least {
            return Err(Error::RolledBack);
        }
        Ledger::open(below, committed, &self.device, &self.cache)
    }

    fn seen(&self, generation: u64) {
        self.highest.fetch_max(generation, Ordering::AcqRel);
    }

    /// Read before a transaction begins: one that began earlier may show less.
    fn least(&self) -> u64 {
        self.highest.load(Ordering::Acquire)
    }
}

impl Storage for Tree {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        let least = self.least();
        self.below.read(&mut |below| {
            let ledger = self.ledger(below, below.generation(), least)?;
            self.seen(below.generation());
            body(&Reading { below, ledger })
        })
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        let least = self.least();
        let generation = self.below.write(&mut |below| {
            let ledger = self.ledger(below, below.generation().saturating_sub(1), least)?;
            let mut changing = Changing { below, ledger };
            body(&mut changing)?;
            changing.ledger.close(changing.below)
        })?;
        self.seen(generation);
        Ok(generation)
    }

    fn generation(&self) -> Result<u64> {
        let least = self.least();
        let told = self.below.generation()?;
        if told >= least {
            return Ok(told);
        }
        // What is told without a look at the database may be wrong; the database may not.
        let mut generation = 0;
        self.read(&mut |view| {
            generation = view.generation();
            Ok(())
        })?;
        Ok(generation)
    }
}

/// One state of the database, with its tree.
struct Reading<'a> {
    below: &'a dyn View,
    ledger: Ledger<'a>,
}

impl View for Reading<'_> {
    fn generation(&self) -> u64 {
        self.below.generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.ledger.get(self.below, table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        self.ledger.scan(self.below, table, from, row)
    }
}

/// One transaction, with its tree.
struct Changing<'a> {
    below: &'a mut dyn Transaction,
    ledger: Ledger<'a>,
}

impl View for Changing<'_> {
    fn generation(&self) -> u64 {
        self.below.generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.ledger.get(self.below, table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        self.ledger.scan(self.below, table, from, row)
    }
}

impl Transaction for Changing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        if table.is_in_tree() {
            let fingerprint = Fingerprint::of(value).ok_or(Error::Internal)?;
            self.ledger.set(self.below, table, table.address(key).ok_or(Error::Internal)?, Some(fingerprint))?;
        }
        self.below.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        if table.is_in_tree() {
            self.ledger.set(self.below, table, table.address(key).ok_or(Error::Internal)?, None)?;
        }
        self.below.delete(table, key)
    }

    fn clear(&mut self, table: Table) -> Result<()> {
        if table.is_in_tree() {
            self.ledger.clear(self.below, table)?;
        }
        self.below.clear(table)
    }

    fn advance(&mut self, least: u64) {
        self.below.advance(least);
    }
}
