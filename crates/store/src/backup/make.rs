//! Making a backup: written beside, synced, counted, renamed. What stands under the chosen name is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;

use super::chunks::{Head, Sealer};
use super::domain::Domain;
use super::rows::{CARRIED, Preface, Row};
use super::{Error, Progress, Result, carried};
use crate::files;
use crate::header::Header;
use crate::storage::{self, Scan, View};
use crate::store::Store;

/// A backup that can be written: its file is there, beside where it will be, and empty. Dropped, it is gone.
pub struct NewBackup {
    to: PathBuf,
    part: Part,
    domain: Domain,
    head: Head,
    key: SealKey,
}

/// A backup that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The number of the backup among those of its token.
    pub counter: u64,
    /// How many records it holds.
    pub records: u64,
}

/// The file beside, which does not outlive a failure.
struct Part {
    path: PathBuf,
    file: File,
}

impl NewBackup {
    /// Prepares a backup to the file `to`. With a passphrase it takes as long as the strong cost says.
    ///
    /// # Errors
    /// `Exists`, `File`, `PassphraseEmpty`.
    pub fn prepare(to: &Path, domain: Domain, passphrase: Option<&Secret>) -> Result<Self> {
        if passphrase.is_some_and(Secret::is_empty) {
            return Err(Error::PassphraseEmpty);
        }
        must_be_free(to)?;
        let part = Part::beside(to)?;
        let head = Head::new(domain.id()?, passphrase.is_some())?;
        let key = head.key(domain.key(), passphrase)?;
        Ok(Self { to: to.to_owned(), part, domain, head, key })
    }

    /// Syncs what was written, counts it, and gives it its name.
    fn publish(mut self, header: &Header, counter: u64) -> Result<()> {
        self.part.file.sync_all().map_err(file)?;
        // Before the file has its name: of two backups with one number the older would pass for the newest.
        self.domain.saw(header, counter)?;
        must_be_free(&self.to)?;
        fs::rename(&self.part.path, &self.to).map_err(file)?;
        files::sync_parent(&self.to).map_err(Error::File)
    }
}

impl Store {
    /// Writes the whole token into `new`, as it is at one moment. Others go on meanwhile. Whether it may be made was asked
    /// before: it is an act of the quorum.
    ///
    /// # Errors
    /// `Store(Uninitialized)`, `Store(Damaged)` when a record does not open; `File`, `Domain`, `Exists`.
    pub fn back_up(&self, new: NewBackup, progress: &mut Progress<'_>) -> Result<Made> {
        let (header, made) =
            carried(|carry| storage::read(&self.storage, |view| self.write_rows(view, &new, progress).map_err(carry)))?;
        new.publish(&header, made.counter)?;
        Ok(made)
    }

    fn write_rows(&self, view: &dyn View, new: &NewBackup, progress: &mut Progress<'_>) -> Result<(Header, Made)> {
        let header = Header::get(view, &self.device)?;
        let before = new.domain.highest(&header.serial).map_or(0, |highest| highest.counter);
        let counter = before.checked_add(1).ok_or(crate::Error::Full)?;
        let preface = Preface::of(view, header.token, counter)?;
        let mut sealer = Sealer::new(BufWriter::new(&new.part.file), new.head, &new.key)?;
        preface.write(&mut sealer)?;
        let mut done = 0;
        for table in CARRIED {
            carried(|carry| {
                view.scan(*table, &[], &mut |key, record| {
                    let row = Row::of(&self.device, header.token, *table, key, record)?;
                    row.write(&mut sealer).map_err(&mut *carry)?;
                    done += 1;
                    progress(done, preface.records);
                    Ok(Scan::More)
                })
            })?;
        }
        sealer.finish()?;
        Ok((header, Made { counter, records: preface.records }))
    }
}

impl Part {
    fn beside(to: &Path) -> Result<Self> {
        let mut name = to.file_name().ok_or(Error::File(crate::Error::Io))?.to_owned();
        name.push(".part");
        let path = to.with_file_name(name);
        // What is there was left by one that was killed: backups of a domain take turns.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(error)),
            _ => {}
        }
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(file)?;
        Ok(Self { path, file: made })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is nothing to take away.
        let _ = fs::remove_file(&self.path);
    }
}

fn must_be_free(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(Error::Exists),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file(error)),
    }
}

fn file(error: io::Error) -> Error {
    Error::File(error.into())
}
