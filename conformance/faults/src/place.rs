//! A place for one token: the watched directory with the token's data in it, and beside it what the token must not contain:
//! the trace and the configuration. In memory where the machine has such a file system: what the disk would do is rebuilt, so a
//! real one would only make the run slower.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_conformance::fixture;
use tempfile::TempDir;

use crate::workload::CONFIGURATION;

/// The token's directory within the watched one.
const TOKEN_DATA: &str = "token-data";

/// What a file system holds below the watched directory: paths, rising, with the bytes of files. Directories have none.
pub(crate) type Files = std::collections::BTreeMap<PathBuf, Option<Vec<u8>>>;

/// The place. Gone when it drops.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    /// An empty place.
    pub(crate) fn new() -> Result<Self, String> {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let place = Self { directory: directory.map_err(told)? };
        fs::write(place.configuration(), CONFIGURATION).map_err(told)?;
        fs::create_dir(place.watched()).map_err(told)?;
        Ok(place)
    }

    /// The watched directory.
    pub(crate) fn watched(&self) -> PathBuf {
        self.directory.path().join("watched")
    }

    /// The trace.
    pub(crate) fn trace(&self) -> PathBuf {
        self.directory.path().join("trace")
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("claviger.toml")
    }

    /// This program again, with the token of this place in its environment.
    pub(crate) fn again(&self, arguments: &[&str]) -> Result<Command, String> {
        let mut command = Command::new(std::env::current_exe().map_err(told)?);
        command.args(arguments).envs(self.environment()?).env("RUST_BACKTRACE", "0");
        Ok(command)
    }

    fn environment(&self) -> Result<[(&'static str, OsString); 4], String> {
        Ok([
            ("CLAVIGER_TOKEN_DATA", self.watched().join(TOKEN_DATA).into()),
            ("CLAVIGER_CONFIG", self.configuration().into()),
            ("CLAVIGER_MODULE", fixture::module()?.into()),
            ("CLAVIGER_COMMAND", fixture::command()?.into()),
        ])
    }

    /// Puts the shim under a command.
    pub(crate) fn watch(&self, command: &mut Command) -> Result<(), String> {
        let program = std::env::current_exe().map_err(told)?;
        let shim = program.with_file_name("libclaviger_faults_shim.so");
        if !shim.exists() {
            return Err(format!("{} is not built: run `cargo build --release`.", shim.display()));
        }
        command.env("LD_PRELOAD", shim).env("FAULTS_DIRECTORY", self.watched()).env("FAULTS_TRACE", self.trace());
        Ok(())
    }

    /// What is there now.
    pub(crate) fn files(&self) -> Result<Files, String> {
        let mut files = Files::new();
        collect(&self.watched(), Path::new(""), &mut files).map_err(told)?;
        Ok(files)
    }

    /// Puts `files` there, and nothing else, and takes the trace away.
    pub(crate) fn put(&self, files: &Files) -> Result<(), String> {
        fs::remove_dir_all(self.watched()).and_then(|()| fs::create_dir(self.watched())).map_err(told)?;
        let _ = fs::remove_file(self.trace());
        for (path, bytes) in files {
            let path = self.watched().join(path);
            match bytes {
                None => fs::DirBuilder::new().mode(0o700).create(&path),
                Some(bytes) => {
                    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                    file.and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
                }
            }
            .map_err(told)?;
        }
        fs::set_permissions(self.watched(), fs::Permissions::from_mode(0o700)).map_err(told)
    }
}

fn collect(root: &Path, below: &Path, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.insert(path.clone(), None);
            collect(root, &path, files)?;
        } else {
            files.insert(path, Some(fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// An error as a sentence.
pub(crate) fn told(error: impl std::fmt::Display) -> String {
    format!("{error}.")
}
