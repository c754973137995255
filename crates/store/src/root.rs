//! The directory of all slots, and the device key in it. docs/FORMAT.md draws both.
//!
//! What we make is 0700 and 0600. What is there already is used as it is: container volumes come with
//! all kinds of modes, and refusing them protects nobody who has been let in already.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claviger_crypto::Secret;

use crate::anchor::Anchor;
use crate::keys::{self, KEY_LEN};
use crate::memory::Memory;
use crate::sqlite::Sqlite;
use crate::storage::Storage;
use crate::store::Store;
use crate::tree::Tree;
use crate::turn::Turn;
use crate::{Error, Result, files, fork};

pub(crate) const DEVICE_KEY: &str = "device.key";
pub(crate) const ANCHOR: &str = "anchor";
const SLOT_PREFIX: &str = "slot-";
pub(crate) const AUDIT: &str = "audit";

/// A directory of slots.
pub struct Root {
    path: PathBuf,
    device: Secret,
    audit: Secret,
}

/// Where a slot's audit log is, and what authenticates it. The store itself writes none.
pub struct AuditPlace {
    /// The directory. It is made by who writes the first event.
    pub directory: PathBuf,
    /// 32 bytes, of this slot alone, from the device key.
    pub key: Secret,
}

impl Root {
    /// Opens the directory, and makes it and its device key if there is neither.
    ///
    /// # Errors
    /// `DeviceKey` when the key is not a file of 32 bytes, or is missing while there are slots (a new
    /// one could open none of them); `Denied`, `Full`, `Io`.
    pub fn open(path: &Path) -> Result<Self> {
        files::create_dir(path)?;
        let device = device_key(path)?;
        let audit = keys::audit(&device)?;
        Ok(Self { path: path.to_owned(), device, audit })
    }

    /// Opens a slot, and makes an uninitialised one if there is none.
    ///
    /// # Errors
    /// `NewerFormat`, `Damaged`, `RolledBack`, `Denied`, `Full`, `Io`.
    pub fn slot(&self, slot: u32) -> Result<Store> {
        let dir = self.slot_dir(slot);
        files::create_dir(&dir)?;
        let anchor = Anchor::new(dir.join(ANCHOR), &keys::anchor(&self.device, slot)?);
        let storage = Sqlite::anchored(&dir, Some(anchor))?;
        let logins = Turn::open(&fork::enter(fork::epoch())?, &dir.join("login"))?;
        Store::new(Box::new(storage), &self.device, slot, Some(logins))
    }

    /// The place of a slot's audit log, whether the slot is there or not.
    ///
    /// # Errors
    /// `Internal`.
    pub fn audit(&self, slot: u32) -> Result<AuditPlace> {
        Ok(AuditPlace { directory: self.slot_dir(slot).join(AUDIT), key: keys::slot_audit(&self.audit, slot)? })
    }

    fn slot_dir(&self, slot: u32) -> PathBuf {
        slot_dir(&self.path, slot)
    }

    /// The slots that are there, by rising number.
    ///
    /// # Errors
    /// `Denied`, `Io`.
    pub fn slots(&self) -> Result<Vec<u32>> {
        slots_in(&self.path)
    }
}

impl Store {
    /// A store that keeps everything in memory and touches no file.
    ///
    /// # Errors
    /// `Random`.
    pub fn in_memory() -> Result<Self> {
        Self::over(Box::new(Memory::new()))
    }

    /// A store on an engine of the caller's, under a device key that is made here and kept nowhere.
    ///
    /// # Errors
    /// `Random`.
    pub fn over(storage: Box<dyn Storage>) -> Result<Self> {
        Self::new(storage, &keys::random(KEY_LEN)?, 0, None)
    }

    fn new(storage: Box<dyn Storage>, device: &Secret, slot: u32, logins: Option<Arc<Turn>>) -> Result<Self> {
        let device = Arc::new(keys::device_seal(device, slot)?);
        Ok(Self { storage: Tree::new(storage, Arc::clone(&device)), device, logins })
    }
}

pub(crate) fn slot_dir(root: &Path, slot: u32) -> PathBuf {
    root.join(format!("{SLOT_PREFIX}{slot}"))
}

/// Reads the device key, or makes it. Of several who want to make it at once, one does.
fn device_key(root: &Path) -> Result<Secret> {
    let path = root.join(DEVICE_KEY);
    if let Some(key) = read_device_key(&path)? {
        return Ok(key);
    }
    // The lock is on the directory itself, and goes with the open file.
    let turn = File::open(root)?;
    turn.lock()?;
    if let Some(key) = read_device_key(&path)? {
        return Ok(key);
    }
    if !slots_in(root)?.is_empty() {
        return Err(Error::DeviceKey);
    }
    let key = keys::random(KEY_LEN)?;
    files::replace_durably(&path, key.expose())?;
    Ok(key)
}

pub(crate) fn read_device_key(path: &Path) -> Result<Option<Secret>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    let mut key = Secret::zeroed(KEY_LEN);
    let mut file = File::open(path)?;
    if file.metadata()?.len() != KEY_LEN as u64 {
        return Err(Error::DeviceKey);
    }
    io::Read::read_exact(&mut file, key.expose_mut()).map_err(|_| Error::DeviceKey)?;
    Ok(Some(key))
}

pub(crate) fn slots_in(root: &Path) -> Result<Vec<u32>> {
    let mut slots = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        slots.extend(name.to_str().and_then(|name| name.strip_prefix(SLOT_PREFIX)?.parse::<u32>().ok()));
    }
    slots.sort_unstable();
    Ok(slots)
}
