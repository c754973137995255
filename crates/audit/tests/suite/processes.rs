//! Several processes and threads on one log, forks, and sudden ends. The test starts its own program again as the
//! other processes.
#![allow(unsafe_code, reason = "fork, and limits of a process")]

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use claviger_audit::{Error, Event, Kind, Limits};

use crate::world::{World, login, now, open};

const DIR: &str = "CLAVIGER_TEST_DIR";
const PART: &str = "CLAVIGER_TEST_PART";

/// Rotates every few dozen events and drops none of those that a test writes.
const ROTATING: Limits = Limits { file_bytes: 8000, files: 1000 };

/// This test program as another process, playing `part` on the log in `dir`.
pub(crate) fn start(dir: &Path, part: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::another_process"]).env(DIR, dir).env(PART, part);
    command.stdout(std::process::Stdio::null()).spawn().unwrap()
}

/// No test of its own: what the processes started by the others do.
#[test]
fn another_process() {
    let (Some(dir), Ok(part)) = (std::env::var_os(DIR), std::env::var(PART)) else { return };
    let dir = Path::new(&dir);
    match part.split_once(':').unwrap() {
        ("write", base) => (0..200).for_each(|n| login(&open(dir, ROTATING), base.parse::<u64>().unwrap() + n)),
        ("flood", _) => flood(dir),
        ("full", bytes) => full_disk(dir, bytes.parse().unwrap()),
        _ => unreachable!("{part}"),
    }
}

/// Writes until it is killed.
fn flood(dir: &Path) {
    let log = open(dir, ROTATING);
    for n in 0.. {
        login(&log, n);
    }
}

/// No file of this process grows beyond `bytes`; three events are lost to that, then there is room again.
fn full_disk(dir: &Path, bytes: u64) {
    limit_file_size(bytes);
    let log = open(dir, Limits::default());
    for n in 1..=3 {
        assert_eq!(log.append(&Event::new(Kind::Login, &n.to_string()), now()), Err(Error::Full));
    }
    limit_file_size(libc::RLIM_INFINITY);
    login(&log, 4);
}

fn limit_file_size(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: the limit is a structure of our own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

fn calls(world: &World) -> HashSet<u64> {
    world.read().0.iter().filter_map(|entry| entry.call.parse().ok()).collect()
}

#[test]
fn processes_and_threads_that_write_at_once_lose_no_event_and_keep_the_chain() {
    let world = World::new();
    let children: Vec<_> = (0..3).map(|n| start(&world.path(), &format!("write:{}", n * 1000))).collect();
    let log = world.log(ROTATING);
    std::thread::scope(|scope| {
        for thread in 3..6 {
            let log = &log;
            scope.spawn(move || (0..200).for_each(|n| login(log, thread * 1000 + n)));
        }
    });
    assert!(children.into_iter().all(|mut child| child.wait().unwrap().success()));
    let verdict = world.verdict();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    assert!(verdict.files > 3);
    let expected: HashSet<_> = (0..6).flat_map(|part| (0..200).map(move |n| part * 1000 + n)).collect();
    assert_eq!(calls(&world), expected);
}

#[test]
fn a_writer_that_is_killed_leaves_a_log_that_holds_and_goes_on() {
    let world = World::new();
    for round in 0..10 {
        let mut child = start(&world.path(), "flood:");
        while !world.file(1).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(30 + round));
        child.kill().unwrap();
        child.wait().unwrap();
        let verdict = world.verdict();
        assert!(verdict.is_whole(), "round {round}: {:?}", verdict.faults);
        login(&world.log(ROTATING), 1 << 40);
        assert_eq!(world.read().0.last().unwrap().call, (1_u64 << 40).to_string());
    }
}

#[test]
fn a_child_of_fork_opens_a_log_of_its_own_and_both_go_on() {
    let world = World::with(1);
    let log = world.log(Limits::default());
    login(&log, 100);
    // SAFETY: the child calls nothing that another thread may hold: it opens its own log and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let opened = open(&world.path(), Limits::default());
        let written = opened.append(&Event::new(Kind::Login, "200"), now());
        // SAFETY: ends the child without the destructors and handlers of the parent.
        unsafe { libc::_exit(i32::from(written.is_err())) };
    }
    login(&log, 101);
    let mut status = 0;
    // SAFETY: the child is ours and the status is a number of our own.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    assert!(world.verdict().is_whole());
    assert!(calls(&world).is_superset(&HashSet::from([100, 101, 200])));
}

#[test]
fn somebody_who_keeps_the_lock_costs_events_and_not_the_caller() {
    let world = World::with(1);
    let head = std::fs::File::open(world.head()).unwrap();
    head.lock().unwrap();
    let log = world.log(Limits::default());
    let started = std::time::Instant::now();
    assert_eq!(log.append(&Event::new(Kind::Login, "7"), now()), Err(Error::Busy));
    assert!(started.elapsed() < Duration::from_secs(10));
    head.unlock().unwrap();
    login(&log, 8);
    assert!(world.kinds().contains(&Kind::AuditLost));
    assert!(world.verdict().is_whole());
}
