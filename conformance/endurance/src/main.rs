//! `endurance`: one token, used by many processes at once, by writers that are killed, and by programs that fork
//! (PKCS#11 3.2, section 5.4: each process is an application of its own).
//!
//! The parent makes a token, starts this program again as the applications, and keeps a book of what they acknowledged
//! (`book`): what is found is judged by it. Each command tries its own checks as well: what is done behind the book's back
//! must be reported. Not here: power cuts and faults of the disk, and what damaged files do.
#![forbid(unsafe_code)]

mod application;
mod book;
mod deed;
mod forks;
mod inside;
mod kill;
mod officer;
mod order;
mod pins;
mod processes;
mod tally;

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

/// Many processes at one token: side by side, killed, forked.
#[derive(Parser)]
#[command(name = "endurance")]
struct Arguments {
    #[command(subcommand)]
    scene: Scene,
}

#[derive(Subcommand)]
enum Scene {
    /// Eight processes that use one token, four that log in, wrong PINs at the same time
    Processes {
        /// Mixed calls of each of the eight processes
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(50..100_000))]
        count: u32,
        /// Logins of each of the four
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(50..100_000))]
        logins: u32,
        /// What the choices follow from; a run prints its own
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Writers that are killed at random moments
    Kill {
        /// How many are killed
        #[arg(long, default_value_t = 200)]
        count: u32,
        /// What the choices follow from; a run prints its own
        #[arg(long)]
        seed: Option<u64>,
    },
    /// A busy program that forks
    Forks {
        /// How often it forks
        #[arg(long, default_value_t = 100)]
        count: u32,
    },
    /// An application that takes orders
    #[command(hide = true)]
    Application,
    /// The program that forks
    #[command(hide = true)]
    Forking {
        /// How often
        count: u32,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().scene {
        Scene::Processes { count, logins, seed } => processes::run(count, logins, seed.unwrap_or_else(chance)),
        Scene::Kill { count, seed } => kill::run(count, seed.unwrap_or_else(chance)),
        Scene::Forks { count } => forks::run(count),
        Scene::Application => inside::obey(),
        Scene::Forking { count } => forks::inside(count),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn chance() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() ^ u64::from(since.subsec_nanos()))
}

/// The lock, also after a panic: the book is never left half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
