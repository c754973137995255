//! A busy process forks; the child logs in and works while the parent goes on.
//!
//! This file is a process of its own, and the test its only thread besides those it starts.
#![allow(unsafe_code, reason = "fork and waitpid")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use claviger_store::{Author, Error, Keys, Store, fork};
use common::{PIN, Token, bodies, make};

const FORKS: u32 = 100;
const BUSY_THREADS: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_hundred_forks_under_load_never_hang() {
    let token = Token::new();
    let keys = token.app();
    let (stop, written) = (AtomicBool::new(false), AtomicU32::new(0));
    let (mut hangs, mut failures, mut stalls) = (0, 0, 0);
    std::thread::scope(|scope| {
        for _ in 0..BUSY_THREADS {
            scope.spawn(|| be_busy(&token.store, &keys, &stop, &written));
        }
        for nth in 0..FORKS {
            let before = written.load(Ordering::Relaxed);
            // SAFETY: the child runs `in_child` and leaves by `_exit`; it never returns into the test.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let work = AssertUnwindSafe(|| in_child(&token.store, &keys, token.dir.path(), nth));
                let ok = catch_unwind(work).is_ok();
                // SAFETY: ends this process.
                unsafe { libc::_exit(i32::from(!ok)) };
            }
            assert!(child > 0);
            match wait(child) {
                Some(status) => failures += u32::from(status != 0),
                None => hangs += 1,
            }
            stalls += u32::from(!goes_on_from(before, &written));
            if failures + hangs + stalls > 5 {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let written = written.load(Ordering::Relaxed);
    println!("{FORKS} forks, {hangs} hangs, {written} commits of the parent meanwhile");
    assert_eq!((hangs, failures, stalls), (0, 0, 0), "children that hung, children that failed, stalls of the parent");
    everything_is_there(&token, &keys, written);
}

fn be_busy(store: &Store, keys: &Keys, stop: &AtomicBool, written: &AtomicU32) {
    let author = Author::User(keys);
    while !stop.load(Ordering::Relaxed) {
        let (id, version) = make(store, author, true, b"parent");
        assert!(store.generation().unwrap() >= version);
        assert_eq!(bodies(&store.read(author, &[id]).unwrap()), [b"parent"]);
        written.fetch_add(1, Ordering::Relaxed);
    }
}

fn in_child(parents: &Store, parents_keys: &Keys, dir: &Path, nth: u32) {
    assert_eq!(fork::epoch(), 1);
    assert_eq!(open_files_named("store.db"), 0, "SQLite must not have a file open across a fork");
    let author = Author::User(parents_keys);
    assert_eq!(parents.generation(), Err(Error::Forked));
    assert_eq!(parents.load(author).err(), Some(Error::Forked));
    assert_eq!(parents.commit(author, &[common::create(true, b"x")]), Err(Error::Forked));
    assert_eq!(parents.login(false, "app1", PIN).err(), Some(Error::Forked));

    let own = common::open(dir);
    let keys = own.login(false, "app1", PIN).unwrap().keys;
    let (id, _) = make(&own, Author::User(&keys), true, &nth.to_be_bytes());
    assert_eq!(bodies(&own.read(Author::User(&keys), &[id]).unwrap()), [nth.to_be_bytes()]);
}

fn open_files_named(start: &str) -> usize {
    let links =
        std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))).count()
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

fn goes_on_from(before: u32, written: &AtomicU32) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    while written.load(Ordering::Relaxed) <= before && Instant::now() < deadline {
        std::thread::yield_now();
    }
    written.load(Ordering::Relaxed) > before
}

fn everything_is_there(token: &Token, keys: &Keys, written: u32) {
    let loaded = token.store.load(Author::User(keys)).unwrap();
    let (parents, children): (Vec<&[u8]>, Vec<&[u8]>) =
        bodies(&loaded).into_iter().partition(|body| *body == b"parent");
    assert_eq!((parents.len(), loaded.damaged.len()), (written as usize, 0));
    let expected: Vec<[u8; 4]> = (0..FORKS).map(u32::to_be_bytes).collect();
    assert_eq!(children, expected);
}
