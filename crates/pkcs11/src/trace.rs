//! CLAVIGER_LOG: one line per call, for whoever looks for the reason of a CKR number. Not an audit log.
//!
//! `CLAVIGER_LOG=LEVEL` writes to standard error, `CLAVIGER_LOG=LEVEL:PATH` appends to a file. A level includes those
//! before it:
//!
//! | level | what is written |
//! | --- | --- |
//! | `error` | calls that failed through no fault of the caller |
//! | `warn` | calls that a rule or a role refused |
//! | `info` | all other refusals |
//! | `debug` | every call |
//! | `trace` | every call also when it begins |
//!
//! A line holds the function, its handles, the CKR name, the rule and reason of a refusal, and microseconds; never
//! data, lengths or PINs. Without the variable nothing is ever printed, and a call pays one atomic load.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use claviger_rules::{Error, Refusal, Rule};

use crate::call::{self, Call, Number};
use crate::{Result, marshal};

/// A call that is being traced.
pub(crate) struct Span<const N: usize> {
    function: &'static str,
    numbers: [Number; N],
    begun: Instant,
}

/// Begins the trace of a call, if there is to be one.
pub(crate) fn begin<const N: usize>(function: &'static str, numbers: impl FnOnce() -> [Number; N]) -> Option<Span<N>> {
    if level() == OFF {
        return None;
    }
    let span = Span { function, numbers: numbers(), begun: Instant::now() };
    if level() >= TRACE {
        line("trace", &span.head());
    }
    Some(span)
}

impl<const N: usize> Span<N> {
    /// Writes the line, if the outcome is of a level that is asked for.
    pub(crate) fn end(&self, call: &Call, outcome: &Result<()>) {
        let (at, name) = rank(outcome);
        if at > level() {
            return;
        }
        let mut text = self.head();
        if let Some(mechanism) = call.mechanism.get() {
            _ = write!(text, " mechanism=0x{mechanism:x}");
        }
        match outcome {
            Ok(()) => text.push_str(" CKR_OK"),
            Err(refusal) => _ = write!(text, " {refusal}"),
        }
        _ = write!(text, " {}us", self.begun.elapsed().as_micros());
        line(name, &text);
    }

    fn head(&self) -> String {
        let mut text = self.function.to_owned();
        for (name, number) in self.numbers.iter().flatten() {
            _ = write!(text, " {name}={number}");
        }
        text
    }
}

const OFF: u8 = 0;
const ERROR: u8 = 1;
const WARN: u8 = 2;
const INFO: u8 = 3;
const DEBUG: u8 = 4;
const TRACE: u8 = 5;
const UNREAD: u8 = u8::MAX;

const LEVELS: [(&str, u8); 5] = [("error", ERROR), ("warn", WARN), ("info", INFO), ("debug", DEBUG), ("trace", TRACE)];

static LEVEL: AtomicU8 = AtomicU8::new(UNREAD);
// Not a lock: a fork while another thread holds one would stop the child at its first line.
static SINK: ArcSwapOption<File> = ArcSwapOption::const_empty();

/// The level at which an outcome is written.
fn rank(outcome: &Result<()>) -> (u8, &'static str) {
    match outcome {
        Ok(()) => (DEBUG, "debug"),
        Err(Refusal { error, .. }) if is_ours(*error) => (ERROR, "error"),
        Err(Refusal { rule: Rule::Standard, .. }) => (INFO, "info"),
        Err(_) => (WARN, "warn"),
    }
}

/// Whether the library or its surroundings failed, rather than the caller.
fn is_ours(error: Error) -> bool {
    use Error::{DeviceError, DeviceMemory, FunctionFailed, GeneralError, HostMemory};
    matches!(error, GeneralError | HostMemory | FunctionFailed | DeviceError | DeviceMemory)
}

fn level() -> u8 {
    match LEVEL.load(Ordering::Relaxed) {
        UNREAD => set_up(),
        level => level,
    }
}

/// Reads CLAVIGER_LOG, at the first call of the process.
#[cold]
fn set_up() -> u8 {
    watch_panics();
    let setting = if marshal::is_privileged() { None } else { std::env::var("CLAVIGER_LOG").ok() };
    let level = setting.as_deref().map_or(OFF, open);
    LEVEL.store(level, Ordering::Relaxed);
    level
}

/// Opens what CLAVIGER_LOG names. What cannot be understood or opened is said on standard error: the variable is set
/// only by who wants to read something.
fn open(setting: &str) -> u8 {
    let (word, path) = setting.split_once(':').map_or((setting, None), |(word, path)| (word, Some(path)));
    let file = path.map(|path| OpenOptions::new().append(true).create(true).mode(0o600).open(path));
    let (sink, complaint) = match file {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (standard_error(), Some(format!("CLAVIGER_LOG: cannot open the file: {error}"))),
        None => (standard_error(), None),
    };
    SINK.store(sink.map(Arc::new));
    if let Some(complaint) = complaint {
        line("error", &complaint);
    }
    LEVELS.iter().find(|(name, _)| *name == word).map_or_else(
        || {
            line("error", "CLAVIGER_LOG: the level is none of error, warn, info, debug, trace");
            ERROR
        },
        |(_, level)| *level,
    )
}

/// Standard error as a file of our own: the handle of `std` has a lock, which a fork may leave shut.
fn standard_error() -> Option<File> {
    io::stderr().as_fd().try_clone_to_owned().ok().map(File::from)
}

/// Tells of something that is no call's outcome.
pub(crate) fn warn(text: &str) {
    if level() >= WARN {
        line("warn", text);
    }
}

/// Writes one line in one piece. A line that cannot be written is lost, and the call is none the worse.
fn line(level: &str, text: &str) {
    let Some(sink) = SINK.load_full() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line =
        format!("{}.{:06} claviger[{}] {level} {text}\n", now.as_secs(), now.subsec_micros(), std::process::id());
    _ = (&*sink).write_all(line.as_bytes());
}

/// A panic inside a call goes to the trace, without its message, which may quote data; any other goes where it went
/// before. The hook is that of this library's own copy of `std`, not the host's.
fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !call::is_running() {
            before(panic);
        } else if let Some(place) = panic.location()
            && level() >= ERROR
        {
            line("error", &format!("defect at {place}"));
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_ours_are_errors_rules_warn_and_the_rest_informs() {
        assert_eq!(rank(&Ok(())).1, "debug");
        assert_eq!(rank(&Err(Error::DeviceError.into())).1, "error");
        assert_eq!(rank(&Err(Error::ArgumentsBad.into())).1, "info");
        assert_eq!(rank(&Err(Refusal::new(Error::KeyNotWrappable, Rule::R1, "why"))).1, "warn");
        assert_eq!(rank(&Err(Refusal::new(Error::KeyFunctionNotPermitted, Rule::Role, "why"))).1, "warn");
    }

    #[test]
    fn a_line_tells_handles_mechanism_number_rule_and_reason() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(open(&format!("debug:{}", file.path().display())), DEBUG);
        LEVEL.store(DEBUG, Ordering::Relaxed);
        let refused = call::run(
            "C_WrapKey",
            || [Some(("session", 1)), None, Some(("key", 4))],
            |call| {
                call.mechanism.set(Some(0x2109));
                Err(Refusal::new(Error::KeyNotWrappable, Rule::R1, "why"))
            },
        );
        LEVEL.store(OFF, Ordering::Relaxed);
        assert_eq!(refused, Error::KeyNotWrappable.code());
        let text = std::fs::read_to_string(file.path()).expect("the log");
        let told = " warn C_WrapKey session=1 key=4 mechanism=0x2109 CKR_KEY_NOT_WRAPPABLE (rule R1): why ";
        let line = text.lines().find(|line| line.contains(told)).expect("the line of the call");
        assert!(line.ends_with("us"), "{line}");
    }
}
