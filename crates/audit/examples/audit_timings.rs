//! What the log costs its callers: `cargo run --release -p claviger-audit --example audit_timings [DIR]`.
#![allow(clippy::unwrap_used, reason = "an example")]

use std::time::{Duration, Instant, SystemTime};

use claviger_audit::{AuditKey, Event, Kind, Limits, Log, Object, Origin, verify};
use claviger_crypto::Secret;
use claviger_rules::{Error, Refusal, Role, Rule};

const REFUSAL: Refusal = Refusal::new(Error::KeyNotWrappable, Rule::R1, "it leaves only under a trusted key");
const KEY: Object<'_> = Object { id: "0123456789abcdef", label: Some("payments-2026"), class: Some("secret-key") };

fn main() {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(parent).unwrap();
    let log = open(&dir);
    let event = |kind| Event::new(kind, "C_WrapKey").by("app1", Role::NormalUser).on(KEY);
    show("open", 10_000, || drop(open(&dir)));
    show("append", 20_000, || log.append(&event(Kind::KeyCreated), SystemTime::now()).unwrap());
    show("append, durable", 200, || log.append(&event(Kind::KeyTrusted), SystemTime::now()).unwrap());
    show("a refusal that repeats", 1_000_000, || {
        log.append(&event(Kind::Refused).refused(REFUSAL), SystemTime::now()).unwrap();
    });
    show("first append of a process, log of 7 MB", 1000, || {
        open(&dir).append(&event(Kind::Login), SystemTime::now()).unwrap();
    });
    let started = Instant::now();
    let verdict = verify(log.read().unwrap());
    println!("verify {} events: {:?}, whole: {}", verdict.events, started.elapsed(), verdict.is_whole());
}

fn open(dir: &tempfile::TempDir) -> Log {
    let key = AuditKey::new(&Secret::copy_of(&[7; 32])).unwrap();
    Log::open(dir.path().join("audit"), key, Limits::default(), Origin::new("timings"))
}

/// The median of single calls.
fn show(what: &str, calls: usize, mut call: impl FnMut()) {
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let started = Instant::now();
            call();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what}: median {:?}, 99% {:?}", times[calls / 2], times[calls * 99 / 100]);
}
