//! The directory of one slot's log: its files by number, and its lock. docs/FORMAT.md draws it.
//!
//! The lock is `flock(2)` on `head`, opened anew for every event and freed by hand, so nothing of it outlives the
//! event. A fork in the middle of an event would share it with the child; whoever forks keeps the two apart
//! (`claviger_store::fork`), and a lock that is not freed costs others [`PATIENCE`] per event, not their calls.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long an event waits for others.
const PATIENCE: Duration = Duration::from_secs(2);

const HEAD: &str = "head";
const SUFFIX: &str = ".jsonl";

/// How large the log may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Once a file has so many bytes, the next event begins a new one.
    pub file_bytes: u64,
    /// So many files are kept, at least 1.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 4 << 20, files: 8 }
    }
}

impl Limits {
    /// The oldest file that is kept beside file `newest`.
    pub(crate) fn oldest(&self, newest: u64) -> u64 {
        newest.saturating_sub(self.files.saturating_sub(1)).max(1)
    }
}

/// The directory. Nothing is opened or made before the first event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory(PathBuf);

/// `head`, locked until this drops.
pub(crate) struct Locked(pub(crate) File);

impl Directory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Waits for the lock, for at most [`PATIENCE`]. Makes directory and `head` if they are missing.
    pub(crate) fn lock(&self) -> Result<Locked> {
        let options = || OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let path = self.0.join(HEAD);
        let file = match options().open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                options().open(&path)?
            }
            opened => opened?,
        };
        Locked::wait(file)
    }

    /// The lock for a reader, who makes nothing. `None` while there is no `head`.
    pub(crate) fn lock_to_read(&self) -> Result<Option<Locked>> {
        match File::open(self.0.join(HEAD)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => Locked::wait(opened?).map(Some),
        }
    }

    /// The numbers of the files that are there, rising.
    pub(crate) fn files(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            numbers.extend(entry?.file_name().to_str().and_then(number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// A file, to read it.
    pub(crate) fn open(&self, number: u64) -> Result<File> {
        Ok(File::open(self.path(number))?)
    }

    /// A file, to append to it.
    pub(crate) fn append(&self, number: u64) -> io::Result<File> {
        OpenOptions::new().append(true).open(self.path(number))
    }

    /// A new, empty file in place of whatever has that number.
    pub(crate) fn create(&self, number: u64) -> Result<File> {
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.path(number))?)
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, number: u64) -> Result<()> {
        Ok(fs::remove_file(self.path(number))?)
    }

    /// Makes the directory's entries durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.0.join(file_name(number))
    }

    fn make(&self) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let parent = self.0.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(File::open(parent)?.sync_all()?)
    }
}

impl Locked {
    /// Asks again and again: a lock that is waited for in the kernel has no time limit.
    fn wait(file: File) -> Result<Self> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                Err(_) if start.elapsed() >= PATIENCE => return Err(Error::Busy),
                Err(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file frees it too, unless a child of fork has it as well.
        let _ = self.0.unlock();
    }
}

/// `000001.jsonl`
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:06}{SUFFIX}")
}

fn number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (number > 0 && file_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_files_own_name_is_a_number() {
        assert_eq!((number("000001.jsonl"), number("1234567.jsonl")), (Some(1), Some(1_234_567)));
        for name in ["1.jsonl", "000000.jsonl", "+00001.jsonl", "000001.json", "head", ".jsonl"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn so_many_files_are_kept() {
        let oldest = |files, newest| Limits { file_bytes: 1, files }.oldest(newest);
        assert_eq!((oldest(8, 3), oldest(8, 8), oldest(8, 9), oldest(1, 5), oldest(0, 5)), (1, 1, 2, 5, 5));
    }
}
