//! What the store costs: a login at each cost, a commit, a look at the generation, a load.
//!
//! `cargo run --release -p claviger-store --example timings`

use std::hint::black_box;
use std::time::{Duration, Instant};

use claviger_crypto::Secret;
use claviger_rules::Mode;
use claviger_store::{Author, Change, Cost, NewToken, Result, Root, Settings, Store};

const OBJECTS: u32 = 10_000;
const BODY: [u8; 600] = [7; 600];

fn main() -> Result<()> {
    for cost in Cost::ALL {
        let dir = tempfile::tempdir()?;
        let store = Root::open(dir.path())?.slot(0)?;
        initialize(&store, *cost)?;
        let label = format!("login, cost {}", cost.name());
        median(&label, 9, || store.login(true, "so", b"12345678").map(drop))?;
    }
    let dir = tempfile::tempdir()?;
    let root = Root::open(dir.path())?;
    let store = root.slot(0)?;
    initialize(&store, Cost::Quick)?;
    let keys = store.login(true, "so", b"12345678")?.keys;
    let author = Author::User(&keys);
    median("commit of one object", 101, || store.commit(author, &[object()]).map(drop))?;
    let many: Vec<Change> = (0..OBJECTS).map(|_| object()).collect();
    median("commit of 10k objects", 1, || store.commit(author, &many).map(drop))?;
    median("load of 10k objects", 5, || store.load(author).map(drop))?;
    median("open a slot", 9, || root.slot(0).map(drop))?;
    drop(store);
    median("open, commit, close", 101, || root.slot(0)?.commit(author, &[object()]).map(drop))?;
    let store = root.slot(0)?;
    let start = Instant::now();
    for _ in 0..1_000_000 {
        black_box(store.generation()?);
    }
    show("generation", start.elapsed() / 1_000_000);
    Ok(())
}

fn initialize(store: &Store, cost: Cost) -> Result<()> {
    let settings = Settings { cost, ..Settings::default() };
    let new = NewToken {
        replaces: None,
        label: [b' '; 32],
        mode: Mode::Enforce,
        settings,
        so_name: "so",
        so_pin: b"12345678",
    };
    store.initialize(&new).map(drop)
}

fn object() -> Change {
    Change::Create { private: true, body: Secret::copy_of(&BODY), terms: Vec::new() }
}

fn median(label: &str, rounds: usize, act: impl Fn() -> Result<()>) -> Result<()> {
    let time = |_| {
        let start = Instant::now();
        act().map(|()| start.elapsed())
    };
    let mut times = (0..rounds).map(time).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    show(label, times.get(times.len() / 2).copied().unwrap_or_default());
    Ok(())
}

fn show(label: &str, time: Duration) {
    println!("{label:<24} {:>12.3} us", time.as_nanos() as f64 / 1e3);
}
