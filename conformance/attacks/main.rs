//! `attacks`: runs every attack against a PKCS#11 library and prints what became of each.
//!
//! Of Claviger it makes tokens in `enforce` and in `standard`, and judges: in `enforce` nothing succeeds, in `standard`
//! what is marked * does. Of any other library it reports. Each attack runs in a process of its own, so a crash is one
//! line of the table.

mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use claviger_conformance::attacks::ATTACKS;
use claviger_conformance::fixture::Policy;

/// Runs the known attacks on the PKCS#11 interface against a library.
#[derive(Parser)]
#[command(name = "attacks")]
struct Arguments {
    /// The library [default: Claviger from the target directory, in enforce and then in standard]
    #[arg(long, value_name = "X.so")]
    module: Option<PathBuf>,
    /// PIN of the normal user of a token that is there already; without it fresh tokens are made
    #[arg(long)]
    pin: Option<String>,
    /// PIN of that token's security officer
    #[arg(long, requires = "pin")]
    so_pin: Option<String>,
    /// Slot of that token [default: the first with a token]
    #[arg(long, requires = "pin", value_name = "N")]
    slot: Option<u64>,
    /// Label of that token, instead of its slot
    #[arg(long, requires = "pin", conflicts_with = "slot", value_name = "LABEL")]
    token_label: Option<String>,
    /// The policy to make the tokens with and to judge by [default: of Claviger both, of others none]
    #[arg(long)]
    policy: Option<Mode>,
    /// Only these attacks, as A1,A2
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    only: Vec<String>,
    /// Print one JSON value and nothing else
    #[arg(long)]
    json: bool,
    /// Print the catalogue as a table of Markdown, and run nothing
    #[arg(long)]
    table: bool,
    /// Runs one attack in this process, or looks whether the token can be used
    #[arg(long, hide = true)]
    inside: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Enforce,
    Standard,
}

impl From<Mode> for Policy {
    fn from(mode: Mode) -> Policy {
        match mode {
            Mode::Enforce => Policy::Enforce,
            Mode::Standard => Policy::Standard,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.table {
        print_table();
        return ExitCode::SUCCESS;
    }
    if let Some(id) = &arguments.inside {
        return run::inside(id, arguments.policy.map(Policy::from));
    }
    match run::outside(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The catalogue for `docs/attacks.md`.
fn print_table() {
    println!("| Attack | | Name | Stopped by |\n|---|---|---|---|");
    for attack in ATTACKS {
        let star = if attack.starred { "*" } else { "" };
        println!("| {} | {star} | {} | {} |", attack.id, attack.name, attack.rules);
    }
    println!(
        "\nMarked *: succeeds on plain PKCS#11, where the suite must show it, or its refusal would prove nothing."
    );
}
