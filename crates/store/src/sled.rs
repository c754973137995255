//! The second engine: sled 0.34, for the contract tests and for comparison. Not the default: it does
//! not survive a fork and locks its directory for one process (docs/decisions/0001-store-engine.md).
//!
//! sled's `flush` is `sync_file_range` on Linux, which survives a killed process but not a power cut,
//! so a durable commit here is `flush` and then `fdatasync` of its file.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::overlay::{Changes, Overlay};
use crate::storage::{ReadBody, Row, Scan, Storage, Table, View, WriteBody};
use crate::{Error, Result, files, fork};

/// The tables' tags begin at 1.
const GENERATION: &[u8] = b"\0generation";

/// The engine, on one directory.
pub struct Sled {
    epoch: u64,
    tree: ::sled::Db,
    file: File,
    writers: Mutex<()>,
}

impl Sled {
    /// Opens the database in `dir`, and makes it if there is none.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("sled");
        let tree = ::sled::Config::new().path(&path).flush_every_ms(None).open()?;
        let database = path.join("db");
        let file = File::open(&database)?;
        files::sync_parent(&database)?;
        Ok(Self { epoch: fork::epoch(), tree, file, writers: Mutex::new(()) })
    }

    fn state(&self) -> Result<State<'_>> {
        fork::check(self.epoch)?;
        let generation = match self.tree.get(GENERATION)? {
            Some(bytes) => u64::from_be_bytes(bytes.as_ref().try_into().map_err(|_| Error::Damaged)?),
            None => 0,
        };
        Ok(State { tree: &self.tree, generation })
    }

    /// One batch on one tree, which sled applies wholly or not at all.
    fn apply(&self, changes: Changes, generation: u64) -> Result<()> {
        let mut batch = ::sled::Batch::default();
        for ((table, key), value) in changes {
            match value {
                Some(value) => batch.insert(whole_key(table, &key), value),
                None => batch.remove(whole_key(table, &key)),
            }
        }
        batch.insert(GENERATION, &generation.to_be_bytes());
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        Ok(self.file.sync_data()?)
    }
}

impl Storage for Sled {
    /// sled has no snapshots, so a reader waits for a writer here.
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        fork::check(self.epoch)?;
        let _alone = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        body(&self.state()?)
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        fork::check(self.epoch)?;
        let _alone = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let mut overlay = Overlay::new(&state);
        body(&mut overlay)?;
        let generation = overlay.generation();
        self.apply(overlay.into_changes(), generation)?;
        Ok(generation)
    }

    fn generation(&self) -> Result<u64> {
        Ok(self.state()?.generation)
    }
}

struct State<'a> {
    tree: &'a ::sled::Tree,
    generation: u64,
}

impl View for State<'_> {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tree.get(whole_key(table, key))?.map(|value| value.to_vec()))
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        for pair in self.tree.range(whole_key(table, from)..whole_key_end(table)) {
            let (key, value) = pair?;
            if row(key.get(1..).unwrap_or_default(), &value)? == Scan::Enough {
                break;
            }
        }
        Ok(())
    }
}

fn whole_key(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table.tag()], key].concat()
}

fn whole_key_end(table: Table) -> Vec<u8> {
    vec![table.tag().saturating_add(1)]
}

impl From<::sled::Error> for Error {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Io(error) => error.into(),
            ::sled::Error::Corruption { .. } => Self::Damaged,
            _ => Self::Internal,
        }
    }
}
