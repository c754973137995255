//! What the store needs of a database engine. Not what is stored: values are opaque bytes here, and
//! every one of them arrives sealed.
//!
//! An engine keeps a few named [`Table`]s of byte strings under short byte keys, and a *generation*:
//! a number that every committed transaction raises by one and nothing ever lowers.
//!
//! The contract, which `tests/contract.rs` holds every engine to:
//! * [`Storage::read`] runs on one consistent snapshot and never waits for a writer;
//! * [`Storage::write`] runs alone among all threads and processes, sees the newest data and its own
//!   changes, happens wholly or not at all, and is on the disk (fsync) before it returns;
//! * a body that returns an error leaves nothing behind, the generation included.

use crate::Result;

macro_rules! tables {
    ($( $(#[$doc:meta])* $table:ident $name:literal $tag:literal ;)*) => {
        /// A named table of the database.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Table { $( $(#[$doc])* $table ),* }

        impl Table {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$table),*];

            /// The number that stands for the table in sealed records and in keys. Never changes.
            pub const fn tag(self) -> u8 { match self { $(Self::$table => $tag),* } }

            /// The statements that SQLite runs on the table.
            pub(crate) const fn sql(self) -> Sql {
                match self {
                    $(Self::$table => Sql {
                        create: concat!("CREATE TABLE ", $name, " (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"),
                        get: concat!("SELECT value FROM ", $name, " WHERE key = ?1"),
                        scan: concat!("SELECT key, value FROM ", $name, " WHERE key >= ?1 ORDER BY key"),
                        put: concat!("INSERT INTO ", $name, " (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"),
                        delete: concat!("DELETE FROM ", $name, " WHERE key = ?1"),
                        clear: concat!("DELETE FROM ", $name),
                    }),*
                }
            }
        }
    };
}

tables! {
    /// The token's header and counters.
    Meta "meta" 1;
    /// Users, by user id.
    Users "users" 2;
    /// Objects, by object id.
    Objects "objects" 3;
    /// What each generation changed, by generation.
    Log "log" 4;
    /// Acts that wait for approvals, by act id.
    Acts "acts" 5;
}

/// The SQL of one [`Table`].
pub(crate) struct Sql {
    pub(crate) create: &'static str,
    pub(crate) get: &'static str,
    pub(crate) scan: &'static str,
    pub(crate) put: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) clear: &'static str,
}

/// Whether a scan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Give the next row.
    More,
    /// Stop here.
    Enough,
}

/// What a scan calls for each row: key, value.
pub type Row<'a> = dyn FnMut(&[u8], &[u8]) -> Result<Scan> + 'a;

/// One consistent state of the database.
pub trait View {
    /// The generation of this state; inside a transaction, the generation its commit will make.
    fn generation(&self) -> u64;

    /// The value under `key`, if there is one.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Calls `row` for every row whose key is not below `from`, in the order of the keys' bytes.
    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()>;
}

/// A state being changed.
pub trait Transaction: View {
    /// Sets the value under `key`.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;

    /// Removes `key`, if it is there.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()>;

    /// Removes every row of `table`.
    fn clear(&mut self, table: Table) -> Result<()>;
}

/// What [`Storage::read`] runs.
pub type ReadBody<'a> = dyn FnMut(&dyn View) -> Result<()> + 'a;

/// What [`Storage::write`] runs. It must not call the storage again.
pub type WriteBody<'a> = dyn FnMut(&mut dyn Transaction) -> Result<()> + 'a;

/// A database engine. See the module for its contract.
pub trait Storage: Send + Sync {
    /// Runs `body` on the newest committed state.
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()>;

    /// Runs `body` alone on the newest state and commits what it did; gives the new generation.
    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64>;

    /// The newest generation, as cheaply as the engine can tell.
    fn generation(&self) -> Result<u64>;
}

/// [`Storage::read`] for a body that gives something back.
pub fn read<T>(storage: &dyn Storage, body: impl FnOnce(&dyn View) -> Result<T>) -> Result<T> {
    let (mut body, mut result) = (Some(body), None);
    storage.read(&mut |view| {
        if let Some(body) = body.take() {
            result = Some(body(view)?);
        }
        Ok(())
    })?;
    result.ok_or(crate::Error::Internal)
}

/// [`Storage::write`] for a body that gives something back.
pub fn write<T>(storage: &dyn Storage, body: impl FnOnce(&mut dyn Transaction) -> Result<T>) -> Result<T> {
    let (mut body, mut result) = (Some(body), None);
    storage.write(&mut |transaction| {
        if let Some(body) = body.take() {
            result = Some(body(transaction)?);
        }
        Ok(())
    })?;
    result.ok_or(crate::Error::Internal)
}
