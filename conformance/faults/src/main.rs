//! `faults`: what a token is after a power cut, and after a call to the file system that failed. Below the database engine:
//! the built library runs with the shim (`shim/`) between it and the kernel.
//!
//! `cut` records what a workload does to its files, rebuilds what a power cut at any point could have left of them, and opens
//! each of these images. `inject` lets one file call after another fail. Both judge by the same rule: every call of the
//! workload has happened wholly or not at all, and what was acknowledged is there.
//!
//! Not here: damage by an enemy, several processes at once, and reads through memory mappings.
#![forbid(unsafe_code)]

mod child;
mod choose;
mod cut;
mod disk;
#[path = "shim/frame.rs"]
mod frame;
mod imports;
mod inject;
mod observe;
mod place;
mod play;
mod rule;
mod trace;
mod workload;
mod world;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Power cuts and failing disks under the built library.
#[derive(Parser)]
#[command(name = "faults")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Rebuild and open what a power cut could leave at every point of a workload.
    Cut(Cut),
    /// Let every file call of a workload fail, one at a time.
    Inject(Inject),
    /// Runs the workload, or one call of it
    #[command(hide = true)]
    Play {
        /// The number of the call
        #[arg(long)]
        only: Option<usize>,
    },
    /// Says what the token in the environment is
    #[command(hide = true)]
    Observe,
}

#[derive(Args, Clone)]
struct Cut {
    /// At most so many images are opened
    #[arg(long, default_value_t = 10_000)]
    images: usize,
    /// What the choices follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args, Clone)]
struct Inject {
    /// Only every so many-th fault
    #[arg(long, default_value_t = 1)]
    stride: usize,
    /// Which of them comes first
    #[arg(long, default_value_t = 0)]
    first: usize,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Cut(cut) => cut::run(&cut),
        What::Inject(inject) => inject::run(&inject),
        What::Play { only: None } => play::all(),
        What::Play { only: Some(number) } => play::one(number),
        What::Observe => observe::observe(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
