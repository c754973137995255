//! What the driver asks of the shim, by environment variables, and when the shim is armed.

use core::ffi::{CStr, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::frame::{self, Kind};
use crate::kernel;

/// What was asked for.
pub(crate) struct Settings {
    /// The watched directory: an absolute path, and all below it.
    directory: Vec<u8>,
    /// The trace's descriptor.
    trace: c_int,
    /// Opening this path, which never exists, arms the shim; see [`Settings::steer`].
    arm: Vec<u8>,
    disarm: Vec<u8>,
    /// The call that fails, counted from 1 since the shim was armed; 0 for none.
    at: u64,
    errno: c_int,
    how: How,
    armed: AtomicBool,
    calls: AtomicU64,
    /// Set once a write was cut short: the rest of it fails.
    broken: AtomicBool,
}

/// How calls fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// That call.
    Once,
    /// That call and every later one of those that need room.
    ForGood,
    /// That call writes the first half, the next write fails.
    Short,
    /// That call says that it was done, and was not. A disk that lies; only for showing that the checks notice.
    Swallow,
}

/// What is to be done about a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done.
    Done,
    /// It fails with this error.
    Fails(c_int),
    /// Half of it is done.
    Half,
    /// It is not done and says that it was.
    Lies,
}

/// Whether a call needs room on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It may.
    Needed,
    /// It never does.
    Free,
}

/// The settings; `None` when the variables are not there, and then the shim does nothing.
pub(crate) fn settings() -> Option<&'static Settings> {
    static SETTINGS: OnceLock<Option<Settings>> = OnceLock::new();
    SETTINGS.get_or_init(Settings::read).as_ref()
}

impl Settings {
    fn read() -> Option<Self> {
        let trace = variable(c"FAULTS_TRACE")?;
        let number = |name| variable(name).and_then(|text| str::from_utf8(text).ok()?.parse::<u64>().ok());
        Some(Self {
            directory: variable(c"FAULTS_DIRECTORY")?.to_vec(),
            arm: [trace, b".arm"].concat(),
            disarm: [trace, b".disarm"].concat(),
            trace: kernel::open_to_append(trace)?,
            at: number(c"FAULTS_AT").unwrap_or(0),
            errno: number(c"FAULTS_ERRNO").and_then(|errno| c_int::try_from(errno).ok()).unwrap_or(libc::EIO),
            how: match variable(c"FAULTS_HOW") {
                Some(b"for-good") => How::ForGood,
                Some(b"short") => How::Short,
                Some(b"swallow") => How::Swallow,
                _ => How::Once,
            },
            armed: AtomicBool::new(variable(c"FAULTS_ARMED").is_some()),
            calls: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        })
    }

    /// Whether a path is watched.
    pub(crate) fn watches(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.directory.as_slice()).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    }

    /// Arms or disarms if `path` says so; true when it did.
    pub(crate) fn steer(&self, path: &[u8]) -> bool {
        let arms = path == self.arm;
        if !arms && path != self.disarm {
            return false;
        }
        self.calls.store(0, Ordering::SeqCst);
        self.broken.store(false, Ordering::SeqCst);
        self.armed.store(arms, Ordering::SeqCst);
        true
    }

    /// What is to be done about the call of that name, which is about a watched file.
    pub(crate) fn fate(&self, name: &str, room: Room) -> Fate {
        if !self.armed.load(Ordering::SeqCst) {
            return Fate::Done;
        }
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.note(Kind::Called, 0, call, name.as_bytes());
        let is_write = name.contains("write");
        let fails = match self.how {
            How::ForGood => self.at != 0 && call >= self.at && room == Room::Needed,
            How::Short if is_write && self.broken.swap(false, Ordering::SeqCst) => true,
            _ => call == self.at,
        };
        if !fails {
            return Fate::Done;
        }
        self.note(Kind::Injected, 0, self.errno.unsigned_abs().into(), name.as_bytes());
        match self.how {
            How::Swallow => Fate::Lies,
            How::Short if call == self.at && is_write => {
                self.broken.store(true, Ordering::SeqCst);
                Fate::Half
            }
            _ => Fate::Fails(self.errno),
        }
    }

    /// Appends a frame to the trace.
    pub(crate) fn note(&self, kind: Kind, node: u64, value: u64, bytes: &[u8]) {
        kernel::append(self.trace, &frame::encode(kind, node, value, bytes));
    }
}

fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name ends in NUL; the environment is not changed by programs under test (getenv(3), "MT-Safe env").
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv gave a text that ends in NUL and stays where it is.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}
