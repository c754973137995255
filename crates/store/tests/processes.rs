//! Several processes on one token. The test starts its own program again as the other processes.
#![allow(unsafe_code, reason = "fork")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use claviger_store::{Act, Author, Change, Effects, Quorum, Store};
use common::{PIN, Token, bodies, make};

const DIR: &str = "CLAVIGER_TEST_DIR";
const PART: &str = "CLAVIGER_TEST_PART";
const PROCESSES: u64 = 4;
const ROUNDS: u64 = 25;

/// This test program as another process, playing `part` on the token in `dir`.
fn start(dir: &Path, part: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "another_process", "--nocapture"]).env(DIR, dir).env(PART, part);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// No test of its own: what the processes started by the others do.
#[test]
fn another_process() {
    let (Some(dir), Ok(part)) = (std::env::var_os(DIR), std::env::var(PART)) else { return };
    let store = common::open(Path::new(&dir));
    match part.as_str() {
        "add" => add(&store),
        "mix" => mix(&store),
        "write" => write_for_ever(&store),
        "die" => fork_and_die(store),
        "approve" => approve_all(&store),
        _ => unreachable!("{part}"),
    }
}

fn add(store: &Store) {
    let keys = store.login(false, "app1", PIN).unwrap().keys;
    make(store, Author::User(&keys), true, b"from another process");
}

fn mix(store: &Store) {
    for _ in 0..ROUNDS {
        let keys = store.login(false, "app1", PIN).unwrap().keys;
        let author = Author::User(&keys);
        make(store, author, true, b"kept");
        let (id, expected) = make(store, author, true, b"for a moment");
        assert_eq!(bodies(&store.read(author, &[id]).unwrap()), [b"for a moment"]);
        store.commit(author, &[Change::Delete { id, expected }]).unwrap();
    }
}

/// Writes pairs and says so after each; never ends by itself.
fn write_for_ever(store: &Store) {
    let keys = store.login(false, "app1", PIN).unwrap().keys;
    loop {
        let pair = [common::create(true, b"half"), common::create(false, b"half")];
        let made = store.commit(Author::User(&keys), &pair).unwrap();
        println!("made {} {}", made.ids[0].0, made.ids[1].0);
    }
}

/// Approves what is pending, oldest first, and says so after each.
fn approve_all(store: &Store) {
    let so2 = store.login(true, "so2", PIN).unwrap().keys;
    for act in store.pending(0).unwrap().acts {
        store.approve(&so2, act.id, &act.digest, Effects::NONE, 0).unwrap();
        println!("done {}", act.id.0);
    }
}

/// Dies while one of its threads has the turn to log in, and leaves a child behind.
fn fork_and_die(store: Store) {
    std::thread::spawn(move || {
        loop {
            drop(store.login(false, "app1", b"0000"))
        }
    });
    std::thread::sleep(Duration::from_millis(100));
    // SAFETY: both sides only sleep or end from here on.
    if unsafe { libc::fork() } == 0 {
        println!("left behind {}", std::process::id());
        std::thread::sleep(Duration::from_secs(60));
    }
    // SAFETY: ends this process at once, without waiting for the thread.
    unsafe { libc::raise(libc::SIGKILL) };
}

#[test]
fn a_lock_of_a_killed_process_does_not_live_on_in_its_child() {
    let token = Token::with(claviger_store::Settings { max_pin_failures: 0, ..common::settings() });
    let id = token.add_user("app1").id;
    let mut other = start(token.dir.path(), "die");
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
    let child: libc::pid_t = lines.find_map(|line| line.split("left behind ").nth(1)?.parse().ok()).unwrap();
    assert!(!other.wait().unwrap().success());
    assert!(token.store.users().unwrap().iter().any(|user| user.id == id && user.failures > 0), "it never tried");
    let start = Instant::now();
    assert!(token.store.login(false, "app1", PIN).is_ok());
    // SAFETY: the process said its number itself, and sleeps.
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert!(start.elapsed() < Duration::from_secs(4), "waited {:?} for the child", start.elapsed());
}

#[test]
fn a_second_process_sees_commits_and_its_own_are_seen() {
    let token = Token::new();
    let keys = token.app();
    make(&token.store, Author::User(&keys), true, b"from the first");
    let seen = token.store.generation().unwrap();
    assert!(start(token.dir.path(), "add").wait().unwrap().success());
    assert!(token.store.generation().unwrap() > seen);
    let loaded = token.store.load(Author::User(&keys)).unwrap();
    assert_eq!(bodies(&loaded), [&b"from the first"[..], b"from another process"]);
}

#[test]
fn processes_at_once_fail_nothing_and_lose_nothing() {
    let token = Token::new();
    let keys = token.app();
    let others: Vec<Child> = (0..PROCESSES).map(|_| start(token.dir.path(), "mix")).collect();
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    let loaded = token.store.load(Author::User(&keys)).unwrap();
    let kept = usize::try_from(PROCESSES * ROUNDS).unwrap();
    assert_eq!((bodies(&loaded), loaded.damaged.len()), (vec![&b"kept"[..]; kept], 0));
    assert_eq!(token.store.users().unwrap()[1].failures, 0);
}

#[test]
fn a_process_killed_while_it_approves_leaves_each_act_done_or_pending_and_never_both() {
    let token = Token::new();
    let so = token.so();
    let officer = token.store.new_officer(&so, "so2", PIN).unwrap();
    common::alone(&token.store, &so, &officer, 0, &[]).unwrap();
    common::alone(&token.store, &so, &quorum(24), 0, &[]).unwrap();
    for round in 1..=5 {
        // Act by act the hours grow: they tell how many were done.
        for hours in 1..=12 {
            token.store.perform(&so, &quorum(hours), Effects::NONE, 0).unwrap();
        }
        let mut other = start(token.dir.path(), "approve");
        let lines = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.filter(|line| line.starts_with("done")).take(round * 2).count();
        other.kill().unwrap();
        other.wait().unwrap();
        let pending = token.store.pending(0).unwrap().acts;
        let done = 12 - pending.len();
        let hours = token.store.header().unwrap().unwrap().quorum.expiry_hours();
        assert_eq!(usize::try_from(hours), Ok(done), "round {round}");
        assert!(done >= said, "{said} were acknowledged, {done} are done");
        for act in pending {
            assert!(matches!(act.approvals[..], [_]), "half an approval");
            token.store.withdraw(&so, act.id, 0).unwrap();
        }
    }
}

fn quorum(hours: u32) -> Act {
    Act::SetQuorum(Quorum::new(2, hours).unwrap())
}

#[test]
fn a_killed_process_loses_nothing_it_was_told_is_done() {
    let token = Token::new();
    let keys = token.app();
    let author = Author::User(&keys);
    for round in 1..=10 {
        let mut other = start(token.dir.path(), "write");
        let lines = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut made: Vec<String> = lines.filter(|line| line.starts_with("made")).take(round * 3).collect();
        other.kill().unwrap();
        other.wait().unwrap();
        let loaded = token.store.load(author).unwrap();
        assert_eq!((loaded.objects.len() % 2, loaded.damaged.len()), (0, 0), "half a pair");
        for id in made.drain(..).flat_map(|line| line.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>()) {
            assert!(loaded.objects.iter().any(|object| object.id.0.to_string() == id), "{id} was acknowledged");
        }
    }
}
