//! The engines side by side, in one run: the table of docs/decisions/0001-store-engine.md.
//!
//! `cargo run --release -p claviger-store --features sled --example engines`

use std::path::Path;
use std::time::{Duration, Instant};

use claviger_store::sled::Sled;
use claviger_store::sqlite::Sqlite;
use claviger_store::storage::{Scan, Storage, Table, read};
use claviger_store::{Error, Result};

const ROUNDS: usize = 5;
const DURABLE: u64 = 100;
const MANY: u64 = 10_000;
const GETS: u64 = 10_000;
const VALUE: [u8; 600] = [7; 600];
const STEPS: [&str; 6] =
    ["open, empty", "100 durable inserts", "10k inserts in one", "reopen 10k", "get (each)", "scan 10k"];

fn main() -> Result<()> {
    let (sqlite, sled) = (measure(Sqlite::open)?, measure(Sled::open)?);
    println!("{:<22} {:>12} {:>12}   median of {ROUNDS}, values of {} bytes", "", "sqlite", "sled", VALUE.len());
    for ((step, sqlite), sled) in STEPS.iter().zip(sqlite).zip(sled) {
        println!("{step:<22} {:>12} {:>12}", shown(sqlite), shown(sled));
    }
    Ok(())
}

fn measure<E: Storage>(open: fn(&Path) -> Result<E>) -> Result<Vec<Duration>> {
    let rounds = (0..ROUNDS).map(|_| one_round(open)).collect::<Result<Vec<_>>>()?;
    let median = |step: usize| {
        let mut times: Vec<Duration> = rounds.iter().filter_map(|round| round.get(step).copied()).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Ok((0..STEPS.len()).map(median).collect())
}

fn one_round<E: Storage>(open: fn(&Path) -> Result<E>) -> Result<Vec<Duration>> {
    let dir = tempfile::tempdir()?;
    let mut times = Vec::new();
    let mut timed = |start: Instant| times.push(start.elapsed());

    let start = Instant::now();
    let engine = open(dir.path())?;
    timed(start);

    let start = Instant::now();
    for nth in 0..DURABLE {
        engine.write(&mut |change| change.put(Table::Users, &nth.to_be_bytes(), &VALUE))?;
    }
    timed(start);

    let start = Instant::now();
    engine.write(&mut |change| (0..MANY).try_for_each(|nth| change.put(Table::Objects, &nth.to_be_bytes(), &VALUE)))?;
    timed(start);

    drop(engine);
    let start = Instant::now();
    let engine = reopen(dir.path(), open)?;
    timed(start);

    let start = Instant::now();
    for nth in 0..GETS {
        let key = (nth * 7919 % MANY).to_be_bytes();
        read(&engine, |view| view.get(Table::Objects, &key))?.ok_or(Error::Internal)?;
    }
    times.push(start.elapsed() / u32::try_from(GETS).unwrap_or(1));

    let start = Instant::now();
    let mut seen = 0;
    read(&engine, |view| {
        view.scan(Table::Objects, &[], &mut |_, _| {
            seen += 1;
            Ok(Scan::More)
        })
    })?;
    times.push(start.elapsed());
    if seen == MANY { Ok(times) } else { Err(Error::Internal) }
}

/// sled gives its lock back a moment after it is dropped.
fn reopen<E: Storage>(dir: &Path, open: fn(&Path) -> Result<E>) -> Result<E> {
    let start = Instant::now();
    loop {
        match open(dir) {
            Err(_) if start.elapsed() < Duration::from_secs(5) => {}
            result => return result,
        }
    }
}

fn shown(time: Duration) -> String {
    let micros = time.as_nanos() as f64 / 1e3;
    if micros < 1e3 { format!("{micros:.1} us") } else { format!("{:.1} ms", micros / 1e3) }
}
