//! A log in a directory of its own, and the hands of somebody who can write there but has no key.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use claviger_audit::{AuditKey, Entry, Event, Fault, Kind, Limits, Log, Origin, Verdict, verify};
use claviger_crypto::Secret;
use tempfile::TempDir;

/// Small enough to rotate quickly.
pub(crate) const SMALL: Limits = Limits { file_bytes: 2000, files: 3 };

/// The directory.
pub(crate) struct World {
    dir: TempDir,
}

impl World {
    /// No log yet.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A log with `events` logins, after the line that opens it.
    pub(crate) fn with(events: u64) -> Self {
        let world = Self::new();
        world.write(events);
        world
    }

    /// The log's directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("audit")
    }

    /// The log, opened as another process would.
    pub(crate) fn log(&self, limits: Limits) -> Log {
        open(&self.path(), limits)
    }

    /// Writes so many more events.
    pub(crate) fn write(&self, events: u64) {
        let log = self.log(Limits::default());
        (0..events).for_each(|n| login(&log, n));
    }

    /// The events that hold, and the faults.
    pub(crate) fn read(&self) -> (Vec<Entry>, Vec<Fault>) {
        let log = self.log(SMALL);
        let (events, faults): (Vec<_>, Vec<_>) = log.read().unwrap().partition(Result::is_ok);
        (events.into_iter().map(Result::unwrap).collect(), faults.into_iter().map(Result::unwrap_err).collect())
    }

    /// The kinds of the events that hold.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.read().0.iter().map(|entry| entry.kind().unwrap()).collect()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        verify(self.log(SMALL).read().unwrap())
    }

    /// What is wrong, in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.verdict().faults.iter().map(ToString::to_string).collect()
    }

    /// A file of the log.
    pub(crate) fn file(&self, number: u64) -> PathBuf {
        self.path().join(format!("{number:06}.jsonl"))
    }

    /// The numbers of the files.
    pub(crate) fn files(&self) -> Vec<u64> {
        let names = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut files: Vec<_> = names.filter_map(|name| name.to_str()?.strip_suffix(".jsonl")?.parse().ok()).collect();
        files.sort_unstable();
        files
    }

    /// The lines of the first file.
    pub(crate) fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.file(1)).unwrap().lines().map(str::to_owned).collect()
    }

    /// Puts other lines in their place.
    pub(crate) fn set_lines(&self, lines: &[String]) {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        fs::write(self.file(1), text).unwrap();
    }

    /// Changes the lines of the first file.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.lines();
        change(&mut lines);
        self.set_lines(&lines);
    }

    /// The file `head`.
    pub(crate) fn head(&self) -> PathBuf {
        self.path().join("head")
    }
}

/// The log in a directory.
pub(crate) fn open(path: &Path, limits: Limits) -> Log {
    let key = AuditKey::new(&Secret::copy_of(&[7; 32])).unwrap();
    Log::open(path, key, limits, Origin::new("test"))
}

/// Some event that is always written; `n` is its call.
pub(crate) fn login(log: &Log, n: u64) {
    log.append(&Event::new(Kind::Login, &n.to_string()), now()).unwrap();
}

/// A clock that stands still.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}
