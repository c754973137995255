//! Evidence for docs/decisions/0001-store-engine.md: what becomes of a child when its parent has used
//! the engine, closed it, and forked.
//!
//! `cargo run --release -p claviger-store --features sled --example sled_fork [ROUNDS]`
#![allow(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use claviger_store::Result;
use claviger_store::sled::Sled;
use claviger_store::sqlite::Sqlite;
use claviger_store::storage::{Storage, Table};

const TIMEOUT: Duration = Duration::from_secs(3);

/// How a child ended.
#[derive(PartialEq)]
enum End {
    Worked,
    Failed,
    Hung,
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    println!("the child opens, writes and closes within {} s; {rounds} rounds each", TIMEOUT.as_secs());
    println!("{:<44} {:>6} {:>6} {:>6}", "engine", "worked", "failed", "hung");
    // First, while nothing has been opened in this process.
    report("sled, never opened before the fork", rounds, || {}, Sled::open);
    report("sqlite, closed before the fork", rounds, || use_once(Sqlite::open), Sqlite::open);
    let dir = tempfile::tempdir().ok();
    let held = dir.as_ref().and_then(|dir| Sqlite::open(dir.path()).ok());
    report("sqlite, open and idle at the fork", rounds, || {}, Sqlite::open);
    drop(held);
    report("sled, closed before the fork", rounds, || use_once(Sled::open), Sled::open);
}

fn report<E: Storage>(name: &str, rounds: u32, before: impl Fn(), open: fn(&Path) -> Result<E>) {
    let ends: Vec<End> = (0..rounds)
        .map(|_| {
            before();
            fork_and_use(open)
        })
        .collect();
    let count = |end: &End| ends.iter().filter(|other| *other == end).count();
    println!("{name:<44} {:>6} {:>6} {:>6}", count(&End::Worked), count(&End::Failed), count(&End::Hung));
}

fn use_once<E: Storage>(open: fn(&Path) -> Result<E>) {
    let done = tempfile::tempdir().ok().map(|dir| work(dir.path(), open));
    assert!(done == Some(Ok(())), "the parent itself could not use the engine");
}

fn work<E: Storage>(dir: &Path, open: fn(&Path) -> Result<E>) -> Result<()> {
    open(dir)?.write(&mut |change| change.put(Table::Objects, &[0; 8], b"value")).map(drop)
}

fn fork_and_use<E: Storage>(open: fn(&Path) -> Result<E>) -> End {
    let Ok(dir) = tempfile::tempdir() else { return End::Failed };
    // SAFETY: the child works in its own directory and leaves by `_exit`.
    match unsafe { libc::fork() } {
        0 => {
            let code = i32::from(work(dir.path(), open).is_err());
            // SAFETY: ends this process.
            unsafe { libc::_exit(code) }
        }
        child => wait(child),
    }
}

fn wait(child: libc::pid_t) -> End {
    let start = Instant::now();
    let mut status = 0;
    while start.elapsed() < TIMEOUT {
        // SAFETY: `status` is ours, `child` is our child.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return if status == 0 { End::Worked } else { End::Failed };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: `child` is our child, not yet waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    End::Hung
}
