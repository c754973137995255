//! `flip`: changes the files of a small token, and compares what the library then says with what is true.
//!
//! Two sets of changes, both by somebody who can write the directory and has no device key. *Flips*: a byte of a file,
//! inverted or in one bit. *Attacks*: rows taken out, exchanged, doubled and put back as they once were, whole files cut,
//! removed and put back. After each, everything the token says must be as before or refused: a wrong attribute, value,
//! role, count, mode or trust is a violation, and so is a panic, an end or a hang of the program that looks, and a token
//! that is not whole again when the change is undone. And `claviger doctor` must name whatever is then refused or missing.
//!
//! Not here: the whole directory put back together, which nothing in it can tell (docs/THREATS), and crashes
//! (`conformance/faults`).
#![forbid(unsafe_code)]

mod attacks;
mod beside;
mod doctor;
mod flips;
mod image;
mod make;
mod objects;
mod observer;
mod pages;
mod portrait;
mod regions;
mod scene;
mod sql;
mod tally;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Changes a token's files and compares what the library then says with the truth.
#[derive(Parser)]
#[command(name = "flip")]
struct Arguments {
    /// Change one byte in each stretch of N, and one in each region that is left out; 1: every byte
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Of the regions that are left out change one of each kind, not one in each
    #[arg(long)]
    thin: bool,
    /// Of the rows and files that can be exchanged or cut, try about one in N
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    attacks_every: u32,
    /// What the choices follow from; a run prints its own
    #[arg(long)]
    seed: Option<u64>,
    /// Only flips, or only attacks
    #[arg(long, value_parser = ["flips", "attacks"])]
    only: Option<String>,
    /// Makes the token of the environment, and puts its stages here
    #[arg(long, hide = true)]
    make: Option<PathBuf>,
    /// Looks at the token of the environment and compares with these facts
    #[arg(long, hide = true)]
    observe: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (&arguments.make, &arguments.observe) {
        (Some(stages), _) => make::make(stages),
        (_, Some(truth)) => portrait::observe(truth),
        _ => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let wants = |what: &str| arguments.only.as_deref().is_none_or(|only| only == what);
    let scene = scene::Scene::new()?;
    let mut violations = 0;
    let sample = flips::Sample { every: arguments.every as usize, thin: arguments.thin, seed };
    if wants("flips") {
        for stage in [make::FINAL, make::OPEN] {
            violations += flips::run(&scene, stage, sample)?;
        }
    }
    if wants("attacks") {
        violations += attacks::run(&scene, arguments.attacks_every as usize, seed)?;
    }
    if violations == 0 {
        Ok(())
    } else {
        Err(format!("{violations} violations: the token told something untrue, or the doctor missed what is damaged."))
    }
}
