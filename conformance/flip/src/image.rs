//! The files of a token directory as bytes in memory: taken from a directory, and put into one. Not a file system:
//! modes and times are left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file, by its path below the directory.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Image(pub(crate) BTreeMap<PathBuf, Vec<u8>>);

/// What a reader may make or leave otherwise without having lost anything: SQLite's index of its log, the hint of the
/// newest generation, and locks.
const PASSING: [&str; 4] = ["store.db-shm", "generation", "turn", "login"];

impl Image {
    /// Reads a directory.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(crate) fn of(directory: &Path) -> Result<Self, String> {
        let mut image = Self::default();
        image.add(directory, Path::new(""))?;
        Ok(image)
    }

    fn add(&mut self, directory: &Path, below: &Path) -> Result<(), String> {
        let here = directory.join(below);
        let said = |error: std::io::Error| format!("{}: {error}", here.display());
        for entry in fs::read_dir(&here).map_err(said)? {
            let entry = entry.map_err(said)?;
            let path = below.join(entry.file_name());
            if entry.file_type().map_err(said)?.is_dir() {
                self.add(directory, &path)?;
            } else {
                self.0.insert(path, fs::read(entry.path()).map_err(said)?);
            }
        }
        Ok(())
    }

    /// Makes the directory hold these files and no others. What is right already is not written.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(crate) fn put(&self, directory: &Path) -> Result<(), String> {
        if directory.exists() {
            for path in Self::of(directory)?.0.keys().filter(|path| !self.0.contains_key(*path)) {
                fs::remove_file(directory.join(path)).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        self.0.iter().try_for_each(|(path, bytes)| put_file(&directory.join(path), bytes))
    }

    /// The files that hold what lasts.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (&PathBuf, &Vec<u8>)> {
        self.0.iter().filter(|(path, _)| !PASSING.iter().any(|name| path.ends_with(name)))
    }

    /// Whether both hold the same in all files that last.
    pub(crate) fn lasts_as(&self, other: &Self) -> bool {
        self.lasting().eq(other.lasting())
    }

    /// The image with one byte changed.
    pub(crate) fn with_byte(&self, path: &Path, offset: usize, change: u8) -> Self {
        let mut image = self.clone();
        if let Some(byte) = image.0.get_mut(path).and_then(|bytes| bytes.get_mut(offset)) {
            *byte ^= change;
        }
        image
    }
}

fn put_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(said)?;
    }
    fs::write(path, bytes).map_err(said)
}
