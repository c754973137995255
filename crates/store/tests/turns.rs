//! Turns are fair: between processes, between the threads of one, and where the wait has a limit. The tests start their
//! own program again as the other processes.
#![allow(unsafe_code, reason = "signals")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use claviger_store::{Author, Store};
use common::{PIN, Token, make};

const DIR: &str = "CLAVIGER_TEST_DIR";
const PART: &str = "CLAVIGER_TEST_PART";
const THREADS: &str = "CLAVIGER_TEST_THREADS";
/// How long a scene lasts.
const SCENE: Duration = Duration::from_millis(1500);
/// Nobody waits for much more than one turn of each other: some milliseconds, and what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(1);

/// What one thread came to.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    turns: u64,
    longest: Duration,
}

/// Takes turns in a tight loop.
fn take_turns(store: &Store, part: &str) -> Came {
    let author = Author::Public(store.header().unwrap().unwrap().token);
    let (id, mut expected) = make(store, author, false, b"mine");
    let mut came = Came::default();
    let begun = Instant::now();
    while begun.elapsed() < SCENE {
        let asked = Instant::now();
        match part {
            "write" => expected = store.commit(author, &[common::replace(id, expected, b"mine")]).unwrap().generation,
            _ => drop(store.login(false, "app1", PIN).unwrap()),
        }
        came = Came { turns: came.turns + 1, longest: came.longest.max(asked.elapsed()) };
    }
    came
}

/// So many threads at once.
fn threads_of(store: &Store, part: &str, threads: usize) -> Vec<Came> {
    std::thread::scope(|scope| {
        let begun: Vec<_> = (0..threads).map(|_| scope.spawn(|| take_turns(store, part))).collect();
        begun.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// No test of its own: what the processes started by the others do.
#[test]
fn another_process() {
    let (Some(dir), Ok(part)) = (std::env::var_os(DIR), std::env::var(PART)) else { return };
    let store = common::open(Path::new(&dir));
    println!("\nready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let threads = std::env::var(THREADS).unwrap().parse().unwrap();
    for came in threads_of(&store, &part, threads) {
        println!("\ncame {} {}", came.turns, came.longest.as_micros());
    }
}

/// Another process, which waits for a word before it plays its part.
struct Other {
    process: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn start(dir: &Path, part: &str, threads: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "another_process", "--nocapture"]);
        command.env(DIR, dir).env(PART, part).env(THREADS, threads.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut other = Self { process, said };
        assert!(other.said.any(|line| line.unwrap() == "ready"));
        other
    }

    fn go(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    fn signal(&self, signal: libc::c_int) {
        let process = libc::pid_t::try_from(self.process.id()).unwrap();
        // SAFETY: the process is our child, and not yet waited for.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
    }

    fn came(mut self) -> Vec<Came> {
        let came = self.said.by_ref().map(Result::unwrap).filter_map(|line| {
            let (turns, longest) = line.strip_prefix("came ")?.split_once(' ')?;
            Some(Came { turns: turns.parse().ok()?, longest: Duration::from_micros(longest.parse().ok()?) })
        });
        let came = came.collect();
        assert!(self.process.wait().unwrap().success());
        came
    }
}

/// All these processes at once, each with so many threads.
fn processes_of(token: &Token, part: &str, threads: &[usize]) -> Vec<Vec<Came>> {
    let mut others: Vec<_> = threads.iter().map(|threads| Other::start(token.dir.path(), part, *threads)).collect();
    others.iter_mut().for_each(Other::go);
    others.into_iter().map(Other::came).collect()
}

/// Each had about as many turns, and nobody waited long.
fn is_fair(what: &str, shares: &[u64], longest: Duration) {
    println!("{what}: turns {shares:?}, longest {longest:?}");
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    // Who begins or ends a little later has one or two turns fewer.
    assert!((least + 2) * 5 > most * 4, "{what}: {shares:?}");
    assert!(longest < LONGEST, "{what}: somebody waited {longest:?}");
}

fn longest(all: &[Came]) -> Duration {
    all.iter().map(|came| came.longest).max().unwrap()
}

fn token_with_app() -> Token {
    let token = Token::new();
    token.app();
    token
}

#[test]
fn processes_in_a_tight_loop_write_in_turn() {
    let came = processes_of(&token_with_app(), "write", &[1; 4]).concat();
    is_fair("writers", &came.iter().map(|came| came.turns).collect::<Vec<_>>(), longest(&came));
}

#[test]
fn processes_in_a_tight_loop_log_in_in_turn() {
    let came = processes_of(&token_with_app(), "login", &[1; 4]).concat();
    is_fair("logins", &came.iter().map(|came| came.turns).collect::<Vec<_>>(), longest(&came));
}

#[test]
fn threads_in_a_tight_loop_write_in_turn() {
    let token = token_with_app();
    let came = threads_of(&token.store, "write", 6);
    is_fair("threads", &came.iter().map(|came| came.turns).collect::<Vec<_>>(), longest(&came));
}

#[test]
fn a_process_of_many_threads_takes_no_more_turns_than_one_of_one() {
    let came = processes_of(&token_with_app(), "write", &[6, 1, 1]);
    let shares: Vec<u64> = came.iter().map(|threads| threads.iter().map(|came| came.turns).sum()).collect();
    is_fair("processes", &shares, longest(&came.concat()));
}

#[test]
fn who_is_killed_in_the_queue_holds_nobody_up() {
    let token = token_with_app();
    for _ in 0..5 {
        let mut others: Vec<_> = (0..4).map(|_| Other::start(token.dir.path(), "write", 2)).collect();
        others.iter_mut().for_each(Other::go);
        std::thread::sleep(Duration::from_millis(50));
        for other in &others {
            other.signal(libc::SIGKILL);
        }
        let begun = Instant::now();
        make(&token.store, Author::Public(token.header.token), false, b"after");
        assert!(begun.elapsed() < LONGEST, "waited {:?}", begun.elapsed());
        for mut other in others {
            assert!(!other.process.wait().unwrap().success());
        }
    }
}
