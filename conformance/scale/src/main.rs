//! `scale`: what the calls of a PKCS#11 library cost on tokens of many sizes.
//!
//! A token of each size is made once, by C_CreateObject, and kept below `target/scale`. Each run then measures it from a
//! fresh process: the way from C_Initialize to the first object found, single calls, memory. Printed are medians, and the
//! ratio of each to the smallest token, with OK up to twice and OVER above. A figure is never a failure, for machines
//! differ; a wrong answer is: an object not found, found twice, or found after its end.
#![forbid(unsafe_code)]

mod child;
mod library;
mod table;

use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Parser;
use claviger_conformance::fixture;

use crate::library::Library;
use crate::table::Table;

/// Measures the calls of the library on tokens of several sizes, and SoftHSM on one.
#[derive(Parser)]
#[command(name = "scale")]
struct Arguments {
    /// How many objects; the first is what the others are compared with
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 10_000, 100_000])]
    sizes: Vec<u32>,
    /// Fresh processes for each size
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many objects the other library has
    #[arg(long, default_value_t = 1_000)]
    other_size: u32,
    /// Fills the token of the environment
    #[arg(long, hide = true)]
    fill: Option<u32>,
    /// Measures the token of the environment
    #[arg(long, hide = true)]
    measure: Option<u32>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (arguments.fill, arguments.measure) {
        (Some(size), _) => child::fill(size),
        (_, Some(size)) => child::measure(size),
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

/// The library that the others of this field are measured by.
const OTHER: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn run(arguments: &Arguments) -> Result<(), String> {
    let ours = Library::new(&fixture::module()?);
    let other = Library::new(Path::new(OTHER));
    let mut table = Table::default();
    for size in &arguments.sizes {
        table.column(size.to_string(), *size, measured(&ours, *size, arguments.runs)?);
    }
    table.print();
    table.other(format!("SoftHSM, {}", arguments.other_size), measured(&other, arguments.other_size, arguments.runs)?);
    Ok(())
}

/// What each run of a fresh process measured.
fn measured(library: &Library, size: u32, runs: u32) -> Result<Vec<serde_json::Value>, String> {
    let place = library.token(size)?;
    (0..runs)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
            command.args(["--measure", &size.to_string()]).envs(library.environment(&place));
            let output = command.output().map_err(|error| error.to_string())?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{} with {size} objects: {}", library.name(), said.trim()));
            }
            serde_json::from_slice(&output.stdout).map_err(|error| format!("A measurement is not readable: {error}"))
        })
        .collect()
}
