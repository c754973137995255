//! A library, and its tokens of several sizes: made in memory, where no commit waits for a disk, and kept on the disk.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library under measurement.
pub(crate) struct Library {
    module: PathBuf,
}

/// In the directory of a token that is complete: the library that made it, by size and time of its file. Another build
/// may write another format.
const MADE_BY: &str = "made-by";

impl Library {
    pub(crate) fn new(module: &Path) -> Self {
        Self { module: module.to_owned() }
    }

    /// Its name among the tokens.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_softhsm() { "softhsm" } else { "claviger" }
    }

    fn is_softhsm(&self) -> bool {
        self.module.to_string_lossy().contains("softhsm")
    }

    /// What a process must find in its environment to use the token in `place`.
    pub(crate) fn environment(&self, place: &Path) -> Vec<(String, OsString)> {
        let pair = |name: &str, value: &Path| (name.to_owned(), value.as_os_str().to_owned());
        let mut pairs = vec![pair("CLAVIGER_MODULE", &self.module)];
        if self.is_softhsm() {
            pairs.push(pair("SOFTHSM2_CONF", &place.join("softhsm2.conf")));
        } else {
            pairs.push(pair("CLAVIGER_TOKEN_DATA", &place.join("token-data")));
            pairs.push(pair("CLAVIGER_CONFIG", &place.join("claviger.toml")));
        }
        pairs
    }

    /// The directory of a token with so many objects, made if there is none of this build.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn token(&self, size: u32) -> Result<PathBuf, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let target = program.ancestors().nth(2).ok_or("The program stands in no target directory.")?;
        let place = target.join("scale").join(format!("{}-{size}", self.name()));
        let maker = self.build()?;
        if fs::read_to_string(place.join(MADE_BY)).is_ok_and(|made_by| made_by == maker) {
            return Ok(place);
        }
        let begun = std::time::Instant::now();
        self.make(&place, size)?;
        fs::write(place.join(MADE_BY), maker).map_err(|error| error.to_string())?;
        println!("{}: a token of {size} objects made in {:.0} s", self.name(), begun.elapsed().as_secs_f64());
        Ok(place)
    }

    fn make(&self, place: &Path, size: u32) -> Result<(), String> {
        let memory = Path::new("/dev/shm");
        let desk = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let desk = desk.map_err(|error| error.to_string())?;
        self.configure(desk.path())?;
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        let filled = command.args(["--fill", &size.to_string()]).envs(self.environment(desk.path())).status();
        if !filled.map_err(|error| error.to_string())?.success() {
            return Err(format!("{}: no token of {size} objects was made.", self.name()));
        }
        if place.exists() {
            fs::remove_dir_all(place).map_err(|error| error.to_string())?;
        }
        copy(desk.path(), place).map_err(|error| format!("{}: {error}", place.display()))?;
        self.configure(place)
    }

    /// The configuration names the place. A PIN costs as little as may be.
    fn configure(&self, place: &Path) -> Result<(), String> {
        let tokens = place.join("tokens");
        let written = if self.is_softhsm() {
            let text =
                format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
            fs::create_dir_all(&tokens).and_then(|()| fs::write(place.join("softhsm2.conf"), text))
        } else {
            fs::write(place.join("claviger.toml"), "[pin]\ncost = \"quick\"\n")
        };
        written.map_err(|error| format!("{}: {error}", place.display()))
    }

    fn build(&self) -> Result<String, String> {
        let said = |error: std::io::Error| format!("{}: {error}", self.module.display());
        let file = fs::metadata(&self.module).map_err(said)?;
        Ok(format!("{} bytes of {:?}", file.len(), file.modified().map_err(said)?))
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
