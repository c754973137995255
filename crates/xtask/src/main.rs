//! `cargo xtask`: the chores of the workspace. Nothing here is part of the product; what a chore does twice in two
//! places, CI and a desk, is written once here.
#![forbid(unsafe_code)]

mod demo;
mod fuzz;
mod paths;
mod screen;
mod steps;
mod tables;
mod tools;
mod walls;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The chores of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build, and show the trusted-key flow, three attacks and the speed of key wrap on the real library.
    Demo,
    /// The part of the demo that loads the library.
    #[command(hide = true)]
    Walk,
    /// Check everything that CI checks.
    Test {
        /// Leave out what needs a release build: conformance, attacks, clients.
        #[arg(long)]
        quick: bool,
        /// Run these steps alone.
        #[arg(long, value_name = "STEP", num_args = 1..)]
        only: Vec<String>,
    },
    /// Write docs/tables anew from the tables in the code.
    Tables,
    /// Run the attack suite against the release library, in enforce and in standard, or against another library.
    Attacks {
        /// Arguments of the suite: `--module X.so`, `--pin 1234`, `--only A31`, `--json`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Show what the rules guarantee, and that each is needed.
    Prove {
        /// Arguments of the checker: `--without R5` switches a rule off, and the proof must fail; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Compare random sequences of calls to the release library with the policy functions, and look for revealed keys.
    Sequences {
        /// Arguments of the run: `--count 10000`, `--seed N`, `--policy standard`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Let eight processes use one token at once, four log in, and some give wrong PINs.
    Processes {
        /// Arguments of the run: `--count 250`, `--logins 200`, `--seed N`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Kill writers at random moments while others write, and look what is there.
    Kill {
        /// Arguments of the run: `--count 200`, `--seed N`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Fork a busy program, whose children work while it goes on.
    Forks {
        /// Arguments of the run: `--count 100`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Cut the power at every point of a workload, below the database engine, and open what is left.
    Cut {
        /// Arguments of the run: `--images 10000`, `--seed N`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Let one file call after another fail, and look whether the token and the process survive it.
    Faults {
        /// Arguments of the run: `--stride 10`, `--first N`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Change a token's files, a byte or a row at a time: all of it is as before, or refused.
    Flip {
        /// Arguments of the run: `--every 500`, `--only attacks`, `--seed N`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Measure tokens of 10 to 100,000 objects, and SoftHSM at 1,000.
    Scale {
        /// Arguments of the run: `--sizes 10,1000`, `--runs 5`; `--help` shows all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Feed any bytes to what decodes records and objects, guided by coverage.
    Fuzz {
        /// For so many seconds each.
        #[arg(long, default_value_t = 300)]
        seconds: u32,
    },
    /// Run the conformance tests against the release library.
    Conformance,
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    let outcome = match Arguments::parse().chore {
        Chore::Demo => demo::show(&workspace),
        Chore::Walk => demo::walk(),
        Chore::Test { quick, only } if only.is_empty() => steps::all(&workspace, quick),
        Chore::Test { only, .. } => steps::named(&workspace, &only),
        Chore::Tables => tables::write(&workspace),
        Chore::Attacks { arguments } => steps::attack(&workspace, &arguments),
        Chore::Prove { arguments } => steps::prove(&workspace, &arguments),
        Chore::Sequences { arguments } => steps::sequences(&workspace, &arguments),
        Chore::Processes { arguments } => steps::endurance(&workspace, "processes", &arguments),
        Chore::Kill { arguments } => steps::endurance(&workspace, "kill", &arguments),
        Chore::Forks { arguments } => steps::endurance(&workspace, "forks", &arguments),
        Chore::Cut { arguments } => steps::faults(&workspace, "cut", &arguments),
        Chore::Faults { arguments } => steps::faults(&workspace, "inject", &arguments),
        Chore::Flip { arguments } => steps::flip(&workspace, &arguments),
        Chore::Scale { arguments } => steps::scale(&workspace, &arguments),
        Chore::Fuzz { seconds } => fuzz::all(&workspace, seconds),
        Chore::Conformance => steps::named(&workspace, &["conformance".to_owned()]),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            screen::failure(&sentence);
            ExitCode::FAILURE
        }
    }
}
