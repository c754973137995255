//! Where it happens: the stages of the token, the truth about each, and places in memory for tokens that are changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_conformance::fixture;
use tempfile::TempDir;

use crate::doctor::Doctor;
use crate::image::Image;
use crate::make::STAGES;
use crate::observer::{Observer, Seen};
use crate::portrait::{Facts, Look, REFUSED};

/// How many observers work at once.
pub(crate) const WORKERS: usize = 2;

/// The token, made once for a run.
pub(crate) struct Scene {
    place: TempDir,
}

impl Scene {
    /// Makes the token and takes its portrait.
    ///
    /// # Errors
    /// A sentence that says what could not be made.
    pub(crate) fn new() -> Result<Self, String> {
        // In memory where there is such a place: a disk would wait for every commit.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let scene = Self { place: place.map_err(|error| error.to_string())? };
        fs::write(scene.configuration(), "slots = [0]\n[pin]\ncost = \"quick\"\n")
            .map_err(|error| error.to_string())?;
        fs::write(scene.nothing(), "{}").map_err(|error| error.to_string())?;
        scene.make()?;
        Ok(scene)
    }

    fn make(&self) -> Result<(), String> {
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        command.arg("--make").arg(self.place.path().join("stages"));
        command.env("CLAVIGER_MODULE", fixture::module()?).env("CLAVIGER_COMMAND", fixture::command()?);
        command
            .env("CLAVIGER_TOKEN_DATA", self.place.path().join("token"))
            .env("CLAVIGER_CONFIG", self.configuration());
        let status = command.status().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("The token was not made: {status}.")) }
    }

    /// A state of the token.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn stage(&self, name: &str) -> Result<Image, String> {
        debug_assert!(STAGES.contains(&name));
        Image::of(&self.place.path().join("stages").join(name))
    }

    /// The truth about a state, in a file for the observers, and how many facts it has.
    ///
    /// # Errors
    /// A sentence; that the token shows too little is one.
    pub(crate) fn truth(&self, stage: &str) -> Result<(PathBuf, usize), String> {
        let mut observer = Observer::new(&self.directory("truth"), &self.configuration(), &self.nothing());
        self.stage(stage)?.put(observer.directory())?;
        let facts = match observer.look(Look::Full)? {
            Seen::Differences(facts) => facts,
            Seen::Broken(how) => return Err(format!("The token cannot be looked at: {how}")),
        };
        complete(&facts)?;
        let file = self.place.path().join(format!("truth-{stage}.json"));
        fs::write(&file, facts.to_json().to_string()).map_err(|error| error.to_string())?;
        Ok((file, facts.0.len()))
    }

    /// An observer with a directory of its own.
    pub(crate) fn observer(&self, name: &str, truth: &Path) -> Observer {
        Observer::new(&self.directory(name), &self.configuration(), truth)
    }

    /// A doctor with a directory of its own.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn doctor(&self, name: &str) -> Result<Doctor, String> {
        Doctor::new(&self.directory(name), &self.configuration())
    }

    /// A directory for a token.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The configuration of every program here.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.place.path().join("claviger.toml")
    }

    fn nothing(&self) -> PathBuf {
        self.place.path().join("nothing.json")
    }
}

/// A portrait that shows nothing could not be wrong. What must be in it:
const SHOWN: [&str; 15] = [
    "calm user app2",
    "so \"trusted\" of class 4 CKA_TRUSTED",
    "calm audit",
    "calm mode",
    "app1 \"trusted\" of class 4 computes",
    "app1 \"retired\" of class 4 computes",
    "kim \"candidate\" of class 4 computes",
    "app1 \"wrap with trusted\" of class 4 computes",
    "app1 \"rsa\" of class 3 computes",
    "app1 \"ec\" of class 3 computes",
    "app1 \"hmac\" of class 4 computes",
    "calm \"certificate\" of class 1",
    "app1 \"diary\" of class 0",
    "so \"trusted\" of class 4",
    "pending 1",
];

fn complete(facts: &Facts) -> Result<(), String> {
    let shows = |name: &str| matches!(facts.0.get(name), Some(Some(value)) if !value.starts_with(REFUSED));
    match SHOWN.iter().find(|name| !shows(name)) {
        Some(name) => {
            Err(format!("The portrait lacks {name:?}: {:?}. It has {:#?}", facts.0.get(*name), facts.0.keys()))
        }
        None => Ok(()),
    }
}
