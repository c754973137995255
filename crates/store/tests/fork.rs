//! A busy process forks; the child opens the store anew and works while the parent goes on.
//!
//! This file is a process of its own, and the test its only thread besides those it starts.

#![allow(unsafe_code, reason = "fork and waitpid")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use claviger_store::sqlite::Sqlite;
use claviger_store::storage::{self, Storage, Table};
use claviger_store::{Error, fork};

const FORKS: u32 = 100;
const BUSY_THREADS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_hundred_forks_under_load_never_hang() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Sqlite::open(dir.path()).unwrap();
    let (stop, written) = (AtomicBool::new(false), [const { AtomicU32::new(0) }; BUSY_THREADS as usize]);
    let mut hangs = 0;
    std::thread::scope(|scope| {
        for thread in 0..BUSY_THREADS {
            let (engine, stop, written) = (&engine, &stop, &written[thread as usize]);
            scope.spawn(move || be_busy(engine, thread, stop, written));
        }
        for nth in 0..FORKS {
            let before: u32 = sum(&written);
            // SAFETY: the child runs `in_child` and leaves by `_exit`; it never returns into the test.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let ok = std::panic::catch_unwind(|| in_child(&engine, dir.path(), nth)).unwrap_or(false);
                // SAFETY: ends this process.
                unsafe { libc::_exit(i32::from(!ok)) };
            }
            assert!(child > 0);
            match wait(child) {
                Some(status) => assert_eq!(status, 0, "child {nth}"),
                None => hangs += 1,
            }
            goes_on_from(before, &written);
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{FORKS} forks, {hangs} hangs, {} writes of the parent meanwhile", sum(&written));
    assert_eq!(hangs, 0);
    everything_is_there(&engine, &written);
}

fn be_busy(engine: &Sqlite, thread: u32, stop: &AtomicBool, written: &AtomicU32) {
    for nth in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = [b"parent".to_vec(), thread.to_be_bytes().into(), u32::to_be_bytes(nth).into()].concat();
        engine.write(&mut |change| change.put(Table::Objects, &key, &key)).unwrap();
        let got = storage::read(engine, |view| view.get(Table::Objects, &key)).unwrap();
        assert_eq!(got, Some(key));
        written.store(nth + 1, Ordering::Relaxed);
    }
}

fn in_child(parents: &Sqlite, dir: &std::path::Path, nth: u32) -> bool {
    let refused = parents.generation() == Err(Error::Forked)
        && parents.read(&mut |_| Ok(())) == Err(Error::Forked)
        && parents.write(&mut |_| Ok(())) == Err(Error::Forked);
    let own = Sqlite::open(dir).unwrap();
    let key = child_key(nth);
    own.write(&mut |change| change.put(Table::Objects, &key, b"child")).unwrap();
    let got = storage::read(&own, |view| view.get(Table::Objects, &key)).unwrap();
    refused && got.as_deref() == Some(b"child") && fork::epoch() == 1
}

fn child_key(nth: u32) -> Vec<u8> {
    [b"child".to_vec(), nth.to_be_bytes().into()].concat()
}

/// The child's exit status, or `None` when it had to be killed.
fn wait(child: libc::pid_t) -> Option<i32> {
    let deadline = Instant::now() + TIMEOUT;
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours, `child` is our child.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            0 => break,
            _ => return Some(status),
        }
    }
    // SAFETY: `child` is our child, not yet waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    None
}

fn goes_on_from(before: u32, written: &[AtomicU32]) {
    let deadline = Instant::now() + TIMEOUT;
    while sum(written) <= before {
        assert!(Instant::now() < deadline, "the parent stands still");
        std::thread::yield_now();
    }
}

fn sum(written: &[AtomicU32]) -> u32 {
    written.iter().map(|count| count.load(Ordering::Relaxed)).sum()
}

fn everything_is_there(engine: &Sqlite, written: &[AtomicU32]) {
    storage::read(engine, |view| {
        for nth in 0..FORKS {
            assert!(view.get(Table::Objects, &child_key(nth))?.is_some(), "child {nth}");
        }
        for (thread, count) in written.iter().enumerate() {
            for nth in 0..count.load(Ordering::Relaxed) {
                let thread = u32::try_from(thread).unwrap();
                let key = [b"parent".to_vec(), thread.to_be_bytes().into(), nth.to_be_bytes().into()].concat();
                assert_eq!(view.get(Table::Objects, &key)?, Some(key));
            }
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(engine.generation().unwrap(), u64::from(FORKS + sum(written)));
}
