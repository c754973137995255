//! Files and directories that belong to their owner alone: 0700 and 0600 from the moment they exist.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::Result;

/// Makes the directory (0700) and its missing parents, durably. An existing one is left as it is.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_parent(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => sync_parent(path),
    }
}

/// Makes what is missing on the way to a directory of ours, durably, with the mode that the umask leaves.
fn create_parent(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_parent(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => sync_parent(path),
    }
}

/// Opens the file for reading and writing; a new one is empty and 0600.
pub(crate) fn open_or_create(path: &Path) -> Result<File> {
    Ok(OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?)
}

/// As [`replace`], and durable when it returns.
pub(crate) fn replace_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_with(path, bytes, File::sync_all)?;
    sync_parent(path)
}

/// Puts a file (0600) with these bytes in place of whatever is at `path`, by rename: others see the old or
/// the new one, whole. Callers take turns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_with(path, bytes, |_| Ok(()))
}

fn replace_with(path: &Path, bytes: &[u8], before_rename: impl Fn(&File) -> io::Result<()>) -> Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    before_rename(&file)?;
    Ok(fs::rename(&new, path)?)
}

/// Makes the entry of `path` in its directory durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(parent)?.sync_all()?)
}
