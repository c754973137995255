//! What the store needs of a database engine. Not what is stored: values are opaque bytes here, and
//! every one of them arrives sealed.
//!
//! An engine keeps a few named [`Table`]s of byte strings under numbers, and a *generation*: a number
//! that every committed transaction raises by one and nothing ever lowers. A key is a number below
//! 2^63, written in as many bytes as the table's keys have, the highest first.
//!
//! The contract, which `tests/contract.rs` holds every engine to:
//! * no row is got under what is no key of the table, and none is put;
//! * [`Storage::read`] runs on one consistent snapshot and never waits for a writer;
//! * [`Storage::write`] runs alone among all threads and processes, sees the newest data and its own
//!   changes, happens wholly or not at all, and is on the disk (fsync) before it returns;
//! * a body that returns an error leaves nothing behind, the generation included.

use crate::Result;

/// Of a table: whether its rows are in the tree.
const IN: bool = true;
const OUT: bool = false;

macro_rules! tables {
    ($( $(#[$doc:meta])* $table:ident $name:literal $tag:literal $key_len:literal $tree:ident ;)*) => {
        /// A named table of the database.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $( $(#[$doc])* $table ),* }

        impl Table {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$table),*];

            /// The number that stands for the table in sealed records and in keys. Never changes.
            pub const fn tag(self) -> u8 { match self { $(Self::$table => $tag),* } }

            /// The length of its keys, in bytes.
            pub(crate) const fn key_len(self) -> usize { match self { $(Self::$table => $key_len),* } }

            /// Whether [`crate::tree`] knows what each of its rows must be.
            pub(crate) const fn is_in_tree(self) -> bool { match self { $(Self::$table => $tree),* } }

            /// The statements that SQLite runs on the table.
            pub(crate) const fn sql(self) -> Sql {
                match self {
                    $(Self::$table => Sql {
                        create: concat!("CREATE TABLE ", $name, " (key INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT"),
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
//  table    name     tag  key's length  in the tree or out of it
    /// The token's header and counters.
    Meta     "meta"    1   1   IN;
    /// Users, by user id.
    Users    "users"   2   4   IN;
    /// Objects, by object id.
    Objects  "objects" 3   8   IN;
    /// What each generation changed, by generation.
    Log      "log"     4   8   OUT;
    /// Acts that wait for approvals, by act id.
    Acts     "acts"    5   8   IN;
    /// Where public objects are found by what they are called, by bucket.
    PublicIndex  "public_index"  6   2   IN;
    /// The same of private objects.
    PrivateIndex "private_index" 7   2   IN;
    /// The pages of the tree, and its root.
    Tree     "tree"    8   8   OUT;
}

impl Table {
    /// The number that a key is. `None` for what is no key of this table.
    pub(crate) fn address(self, key: &[u8]) -> Option<u64> {
        let mut bytes = [0; 8];
        let place = bytes.get_mut(8_usize.checked_sub(self.key_len())?..)?;
        if place.len() != key.len() {
            return None;
        }
        place.copy_from_slice(key);
        Some(u64::from_be_bytes(bytes))
    }

    /// The same for engines, which have numbers below 2^63.
    pub(crate) fn number(self, key: &[u8]) -> Option<i64> {
        i64::try_from(self.address(key)?).ok()
    }

    /// The key that a number is.
    pub(crate) fn key(self, address: u64) -> Vec<u8> {
        address.to_be_bytes().iter().skip(8_usize.saturating_sub(self.key_len())).copied().collect()
    }
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

    /// Makes the generation of this commit at least `least`. Before anything is put that depends on it.
    fn advance(&mut self, least: u64);
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
