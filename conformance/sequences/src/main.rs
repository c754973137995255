//! `sequences`: random sequences of PKCS#11 calls, by an attacker who holds every PIN, against the built library.
//!
//! Two claims are tried on each. *Agreement*: every call answers what the production policy functions say of it (see
//! `model`), and leaves every boolean attribute as they say. *Secrecy*: in `enforce` no value of a key that the token
//! generated protected ever comes out, nor follows from what came out (see `oracle`, with its limits). On a token in
//! `standard` the same sequences must lose keys, and the classic attack by hand as well: an oracle that never sees
//! anything would prove nothing.
//!
//! Not here: the attacks that need a plan (`conformance/attacks`), and what holds of all sequences (`claviger-prove`).
#![forbid(unsafe_code)]

mod call;
mod known;
mod model;
mod oracle;
mod outside;
mod play;
mod real;
mod run;
mod scenes;
mod strategy;
mod tally;
mod way;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use claviger_conformance::fixture::Policy;

/// Compares random sequences of calls to the library with the policy functions, and looks for revealed keys.
#[derive(Parser)]
#[command(name = "sequences")]
struct Arguments {
    /// How many sequences in enforce; in standard a twentieth of them, and 300 at least
    #[arg(long, default_value_t = 10_000)]
    count: u32,
    /// What the choices follow from; a run prints its own
    #[arg(long)]
    seed: Option<u64>,
    /// Only under this policy
    #[arg(long)]
    policy: Option<Mode>,
    /// Plays in this process, on the token in its environment
    #[arg(long, hide = true)]
    inside: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Enforce,
    Standard,
}

impl Mode {
    const fn policy(self) -> Policy {
        match self {
            Self::Enforce => Policy::Enforce,
            Self::Standard => Policy::Standard,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.inside { run::inside(&arguments) } else { run::outside(&arguments) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
