//! The default engine: SQLite in WAL mode with `synchronous=FULL`, so that a commit is fsynced before
//! it returns (sqlite.org/pragma.html#pragma_synchronous). Why: docs/decisions/0001-store-engine.md.
//!
//! One connection writes and one reads, so that a reader never waits for a writer, here or in another
//! process. Writers take turns (`turn.rs`). No connection is open across a fork ([`crate::fork`]).
//!
//! The file may have been written by an enemy: its schema must be ours word for word (no triggers, no
//! views), and what is in the tables is opaque here and sealed.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension as _, TransactionBehavior};
use rustix::fs::{Access, access};

use crate::anchor::Anchor;
use crate::counter::Counter;
use crate::fork::{self, AtFork, Inside};
use crate::storage::{ReadBody, Row, Scan, Storage, Table, Transaction, View, WriteBody};
use crate::turn::Turn;
use crate::{Error, Result, files};

/// The database file in a slot's directory; SQLite puts `-wal` and `-shm` beside it.
pub const DATABASE: &str = "store.db";
const TURN: &str = "turn";

/// "CLVG", in the file's header (sqlite.org/fileformat.html, offset 68).
const APPLICATION_ID: i32 = 0x434c_5647;
/// The layout of the tables, in the file's header (offset 60).
const LAYOUT: i32 = 1;
const GENERATION_TABLE: &str = "CREATE TABLE generation (value INTEGER NOT NULL) STRICT";
const GENERATION: &str = "SELECT value FROM generation";
const SET_GENERATION: &str = "UPDATE generation SET value = ?1";
/// Writers have the turn, so only a checkpoint or a recovery by another process is ever waited for.
const BUSY: Duration = Duration::from_secs(10);

/// The engine, on one directory.
pub struct Sqlite(Arc<Shared>);

struct Shared {
    database: PathBuf,
    epoch: u64,
    turn: Arc<Turn>,
    counter: Counter,
    anchor: Option<Anchor>,
    /// Whether the database has come as far as its anchor says.
    checked: AtomicBool,
    writer: Mutex<Option<Connection>>,
    reader: Mutex<Option<Connection>>,
}

impl Sqlite {
    /// Opens the database in `dir`, an existing directory, and makes it if there is none.
    ///
    /// # Errors
    /// `NewerFormat` for a layout of a later version, `Damaged` for a file that is no database of ours;
    /// both leave the file as it was.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::anchored(dir, None)
    }

    /// As [`Sqlite::open`], with the anchor that says how far the database must have come.
    pub(crate) fn anchored(dir: &Path, anchor: Option<Anchor>) -> Result<Self> {
        let epoch = fork::epoch();
        let shared = {
            let inside = fork::enter(epoch)?;
            let shared = Arc::new(Shared {
                database: dir.join(DATABASE),
                epoch,
                turn: Turn::open(&inside, &dir.join(TURN))?,
                counter: Counter::open(dir.join("generation")),
                anchor,
                checked: AtomicBool::new(false),
                writer: Mutex::new(None),
                reader: Mutex::new(None),
            });
            let guarded: Arc<dyn AtFork> = shared.clone();
            fork::register(&inside, Arc::downgrade(&guarded));
            shared
        };
        shared.prepare_files()?;
        Ok(Self(shared))
    }
}

impl Storage for Sqlite {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        let inside = fork::enter(self.0.epoch)?;
        self.0.with(&inside, &self.0.reader, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let generation = generation_of(&transaction)?;
            self.0.counter.asked(generation);
            body(&Open { connection: &transaction, generation })
        })
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        fork::check(self.0.epoch)?;
        let _turn = self.0.turn.wait()?;
        let inside = fork::enter(self.0.epoch)?;
        self.0.with(&inside, &self.0.writer, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let generation = generation_of(&transaction)?.checked_add(1).ok_or(Error::Damaged)?;
            let mut open = Open { connection: &transaction, generation };
            body(&mut open)?;
            let generation = open.generation;
            let stored = i64::try_from(generation).map_err(|_| Error::Damaged)?;
            transaction.prepare_cached(SET_GENERATION)?.execute([stored])?;
            self.0.counter.announce(generation)?;
            transaction.commit()?;
            self.0.settle(generation);
            Ok(generation)
        })
    }

    fn generation(&self) -> Result<u64> {
        fork::check(self.0.epoch)?;
        if let Some(generation) = self.0.counter.peek() {
            return Ok(generation);
        }
        let mut generation = 0;
        self.read(&mut |view| {
            generation = view.generation();
            Ok(())
        })?;
        Ok(generation)
    }
}

impl Shared {
    /// Makes what is missing, and leaves the counter telling the truth: after a power cut the mapped
    /// word may be older than the database, which was fsynced.
    fn prepare_files(&self) -> Result<()> {
        if !self.is_laid_out()? {
            let _turn = self.turn.wait()?;
            let inside = fork::enter(self.epoch)?;
            self.with(&inside, &self.writer, lay_out)?;
            files::sync_parent(&self.database)?;
        }
        if let Some(anchor) = &self.anchor {
            self.check(anchor)?;
        }
        self.checked.store(true, Ordering::Release);
        // Somebody who has the turn now settles the counter at the end of it.
        let Some(_turn) = self.turn.try_now()? else { return Ok(()) };
        let generation = self.committed()?;
        if self.counter.peek() != Some(generation) {
            self.counter.announce(generation)?;
            // The anchor waits for the next commit: nobody has compared this number with the tree's root.
            self.counter.settle(generation);
        }
        Ok(())
    }

    /// Refuses a database that is behind its anchor. The anchor is read first: the database only goes on from there.
    fn check(&self, anchor: &Anchor) -> Result<()> {
        let least = anchor.least()?.filter(|_| !anchor.is_torn());
        if least.is_some_and(|least| self.committed().is_ok_and(|generation| generation >= least)) {
            return Ok(());
        }
        let _turn = self.turn.wait()?;
        anchor.check(self.committed()?)
    }

    fn committed(&self) -> Result<u64> {
        let inside = fork::enter(self.epoch)?;
        self.with(&inside, &self.reader, |connection| generation_of(connection))
    }

    /// Tells others how far the database is. The caller has the turn.
    fn settle(&self, generation: u64) {
        self.counter.settle(generation);
        if let Some(anchor) = &self.anchor {
            anchor.settle(generation);
        }
    }

    /// Whether the tables are there. An empty file is one whose maker has not come to that yet.
    fn is_laid_out(&self) -> Result<bool> {
        let inside = fork::enter(self.epoch)?;
        self.with(&inside, &self.reader, |connection| Ok(layout_of(connection)? != 0))
    }

    /// Runs `work` on the connection, made if there is none. A connection that failed below us is not
    /// used again.
    fn with<T>(
        &self,
        _inside: &Inside,
        slot: &Mutex<Option<Connection>>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut slot = lock(slot);
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => connect(&self.database)?,
        };
        let result = work(&mut connection);
        if !matches!(
            result,
            Err(Error::Io | Error::Internal | Error::Damaged | Error::Busy | Error::Denied | Error::Full)
        ) {
            *slot = Some(connection);
        }
        result
    }
}

impl AtFork for Shared {
    fn prepare(&self) {
        for slot in [&self.writer, &self.reader] {
            lock(slot).take();
        }
    }

    fn child(&self) {}
}

impl Drop for Shared {
    fn drop(&mut self) {
        let open = [&mut self.writer, &mut self.reader]
            .map(|slot| slot.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        // In a child, and at a fork, there are none.
        if open.iter().any(Option::is_some) {
            let _inside = fork::enter(self.epoch);
            if self.checked.load(Ordering::Acquire) {
                for connection in open.iter().flatten() {
                    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
                }
            }
            drop(open);
        }
    }
}

/// One open transaction.
struct Open<'a> {
    connection: &'a Connection,
    generation: u64,
}

impl View for Open<'_> {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(number) = table.number(key) else { return Ok(None) };
        let mut statement = self.connection.prepare_cached(table.sql().get)?;
        Ok(statement.query_row([number], |row| row.get(0)).optional()?)
    }

    fn scan(&self, table: Table, from: &[u8], each: &mut Row<'_>) -> Result<()> {
        let from = if from.is_empty() { Some(i64::MIN) } else { table.number(from) };
        let Some(from) = from else { return Err(Error::Internal) };
        let mut statement = self.connection.prepare_cached(table.sql().scan)?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get::<_, i64>(0)?.to_be_bytes();
            let value = row.get_ref(1)?.as_blob().map_err(|_| Error::Damaged)?;
            if each(key(table, &bytes), value)? == Scan::Enough {
                break;
            }
        }
        Ok(())
    }
}

impl Transaction for Open<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.connection.prepare_cached(table.sql().put)?.execute((table.number(key).ok_or(Error::Internal)?, value))?;
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        if let Some(number) = table.number(key) {
            self.connection.prepare_cached(table.sql().delete)?.execute([number])?;
        }
        Ok(())
    }

    fn clear(&mut self, table: Table) -> Result<()> {
        self.connection.execute(table.sql().clear, [])?;
        Ok(())
    }

    fn advance(&mut self, least: u64) {
        self.generation = self.generation.max(least);
    }
}

/// The key in the bytes of SQLite's number: the last of them, or all where they are no key of the table.
fn key(table: Table, bytes: &[u8; 8]) -> &[u8] {
    match bytes.split_at_checked(bytes.len().saturating_sub(table.key_len())) {
        Some((above, key)) if above.iter().all(|byte| *byte == 0) => key,
        _ => bytes,
    }
}

/// SQLite makes the file itself, with the mode (0600) of the turn's file beside it. We never open the
/// database's file: closing any descriptor of it would drop the locks of all (fcntl(2), "Record locking").
fn uri_of(database: &Path) -> OsString {
    let parts = [b"file:".to_vec(), escaped(database), b"?modeof=".to_vec(), escaped(&database.with_file_name(TURN))];
    OsString::from_vec(parts.concat())
}

/// The path as part of a URI (sqlite.org/uri.html).
fn escaped(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes().iter();
    let each = bytes.map(|byte| match byte {
        b'%' | b'?' | b'#' | b'&' | b'=' => format!("%{byte:02x}").into_bytes(),
        _ => vec![*byte],
    });
    each.collect::<Vec<_>>().concat()
}

fn connect(database: &Path) -> Result<Connection> {
    // One mutex of ours guards each connection, so SQLite needs none of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri_of(database), flags)?;
    connection.busy_timeout(BUSY)?;
    // The last one to close would copy the log into the database and delete it: not before a fork, and not where the log
    // may have been cut short by an edit, since what is behind the edit could never be mended.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA secure_delete = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;",
    )?;
    let snapshot = connection.unchecked_transaction()?;
    check_schema(&snapshot)?;
    // Where the system lets us write and SQLite does not, the file's header tells of a version that SQLite has not come to
    // (sqlite.org/fileformat.html, offset 18).
    let is_frozen = snapshot.is_readonly(MAIN_DB)? && access(database, Access::WRITE_OK).is_ok();
    drop(snapshot);
    if is_frozen { Err(Error::Damaged) } else { Ok(connection) }
}

/// Makes the tables in an empty file, in one transaction with the layout's number.
fn lay_out(connection: &mut Connection) -> Result<()> {
    if layout_of(connection)? != 0 {
        return Ok(());
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in Table::ALL {
        transaction.execute(table.sql().create, [])?;
    }
    transaction.execute(GENERATION_TABLE, [])?;
    transaction.execute("INSERT INTO generation (value) VALUES (0)", [])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    Ok(transaction.commit()?)
}

/// Refuses every file but an empty one and one with exactly our tables.
pub(crate) fn check_schema(connection: &Connection) -> Result<()> {
    let layout = layout_of(connection)?;
    if layout > LAYOUT {
        return Err(Error::NewerFormat);
    }
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema")?;
    let mut found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    if layout == 0 && found.is_empty() {
        return Ok(());
    }
    let mut ours: Vec<&str> = Table::ALL.iter().map(|table| table.sql().create).chain([GENERATION_TABLE]).collect();
    found.sort_unstable();
    ours.sort_unstable();
    if layout == LAYOUT && found == ours { Ok(()) } else { Err(Error::Damaged) }
}

pub(crate) fn layout_of(connection: &Connection) -> Result<i32> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

pub(crate) fn generation_of(connection: &Connection) -> Result<u64> {
    let stored: i64 = connection.prepare_cached(GENERATION)?.query_row([], |row| row.get(0))?;
    u64::try_from(stored).map_err(|_| Error::Damaged)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => Self::Denied,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::SystemIoFailure) => Self::Io,
            // The statements are ours and fixed, so a table or a value that does not fit them is not ours.
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::Unknown) | None => Self::Damaged,
            Some(_) => Self::Internal,
        }
    }
}
