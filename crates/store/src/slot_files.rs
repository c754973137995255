//! What is wrong with the files of a slot, told without opening the slot and without changing any file that lasts. For
//! `claviger doctor`, where the slot does not open and one sentence would not say which file it is. Not the records
//! inside: those are [`crate::examine`]'s.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::anchor::Anchor;
use crate::header::Header;
use crate::record::{self, Place, TokenId};
use crate::root::{self, ANCHOR, AUDIT, DEVICE_KEY};
use crate::sqlite::{self, DATABASE};
use crate::storage::Table;
use crate::{Error, Result, fork, keys, tree};

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// Its path below the token directory.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a file. How it came about cannot always be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The device key is missing, and there are slots that only it opens.
    KeyMissing,
    /// It is not 32 bytes long.
    KeyLength,
    /// Neither the anchor nor the database of the slot was written with it.
    KeyOther,
    /// The anchor is missing, and the database has been written to.
    AnchorMissing,
    /// Neither place of the anchor was written with this device key.
    AnchorSilent,
    /// One of its two places was not. The slot opens, which mends it.
    AnchorTorn,
    /// The same, and the database may lack the one change that this place spoke of.
    AnchorCut,
    /// The database is missing, and the anchor or the audit log says that there was one.
    DatabaseMissing,
    /// It is older than the anchor, or its log was cut or is missing.
    DatabaseBehind {
        /// The change it has come to.
        at: u64,
        /// The one it must have come to.
        least: u64,
    },
    /// It was written by a newer version of this software.
    DatabaseNewer,
    /// SQLite does not read it, or it is a database of something else.
    DatabaseForeign,
    /// It reads in part; what SQLite's own check found first.
    DatabaseCorrupt(String),
}

/// Looks at the files of a slot in the token directory `path`.
///
/// # Errors
/// `Denied`, `Io`, `Busy`: where the files cannot be looked at.
pub fn examine_files(path: &Path, slot: u32) -> Result<Vec<FileFault>> {
    let at_key = |fault| Ok(vec![FileFault { file: DEVICE_KEY.into(), fault }]);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let device = match root::read_device_key(&path.join(DEVICE_KEY)) {
        Ok(Some(key)) => key,
        Ok(None) if root::slots_in(path)?.is_empty() => return Ok(Vec::new()),
        Ok(None) => return at_key(Fault::KeyMissing),
        Err(Error::DeviceKey) => return at_key(Fault::KeyLength),
        Err(error) => return Err(error),
    };
    let directory = root::slot_dir(path, slot);
    let anchor = Anchor::new(directory.join(ANCHOR), &keys::anchor(&device, slot)?);
    let files = Files { seal: keys::device_seal(&device, slot)?, anchor, directory };
    let below = |name: &str| root::slot_dir(Path::new(""), slot).join(name);
    let faults = files
        .faults()?
        .into_iter()
        .map(|(name, fault)| FileFault { file: if name == DEVICE_KEY { name.into() } else { below(name) }, fault });
    Ok(faults.collect())
}

struct Files {
    seal: claviger_crypto::seal::SealKey,
    anchor: Anchor,
    directory: PathBuf,
}

/// The name of a file, and what is wrong with it.
type Named = (&'static str, Fault);

impl Files {
    fn faults(&self) -> Result<Vec<Named>> {
        let database = self.directory.join(DATABASE);
        let least = self.anchor.least()?;
        if !database.exists() {
            let was_there = self.has_anchor() || self.directory.join(AUDIT).exists();
            return Ok(if was_there { vec![(DATABASE, Fault::DatabaseMissing)] } else { Vec::new() });
        }
        let mut faults = match self.database(&database, least) {
            Ok(faults) => faults,
            Err(Error::NewerFormat) => return Ok(vec![(DATABASE, Fault::DatabaseNewer)]),
            Err(Error::Damaged) => {
                let anchor = (!self.has_anchor()).then_some((ANCHOR, Fault::AnchorMissing));
                return Ok([(DATABASE, Fault::DatabaseForeign)].into_iter().chain(anchor).collect());
            }
            Err(error) => return Err(error),
        };
        if faults.is_empty() && self.anchor.is_torn() {
            faults.push((ANCHOR, Fault::AnchorTorn));
        }
        Ok(faults)
    }

    fn has_anchor(&self) -> bool {
        fs::symlink_metadata(self.directory.join(ANCHOR)).is_ok()
    }

    fn database(&self, path: &Path, least: Option<u64>) -> Result<Vec<Named>> {
        let _inside = fork::enter(fork::epoch())?;
        let connection = connect(path)?;
        let snapshot = connection.unchecked_transaction()?;
        sqlite::check_schema(&snapshot)?;
        let at = if sqlite::layout_of(&snapshot)? == 0 { 0 } else { sqlite::generation_of(&snapshot)? };
        let mut faults = Vec::new();
        match least {
            Some(least) if at.saturating_add(1) == least && self.anchor.is_torn() => {
                faults.push((ANCHOR, Fault::AnchorCut));
            }
            Some(least) if at < least => faults.push((DATABASE, Fault::DatabaseBehind { at, least })),
            None if at > 0 && !self.has_anchor() => faults.push((ANCHOR, Fault::AnchorMissing)),
            None if at > 0 && self.is_of_another_key(&snapshot) => faults.push((DEVICE_KEY, Fault::KeyOther)),
            None if at > 0 => faults.push((ANCHOR, Fault::AnchorSilent)),
            _ => {}
        }
        let said: String = snapshot.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            faults.push((DATABASE, Fault::DatabaseCorrupt(said)));
        }
        Ok(faults)
    }

    /// Whether not even the token's header opens under the key.
    fn is_of_another_key(&self, database: &Connection) -> bool {
        let header = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0);
        let tree = Place { token: TokenId::UNKNOWN, table: Table::Tree, key: tree::ROOT };
        [Header::PLACE, tree].iter().all(|place| {
            let key = [place.table.number(place.key)];
            let record = database.query_row(place.table.sql().get, key, header);
            !record.is_ok_and(|record| record::open(&self.seal, place, &record).is_ok())
        })
    }
}

/// A connection that cannot write, so that nothing is made of the log that was not made before.
fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch("PRAGMA cell_size_check = ON")?;
    Ok(connection)
}
