//! Failing calls: each call of the workload alone, on the files that it found when it was recorded, with one file call after
//! another made to fail. Then the fault is over: the same process must go on, and a fresh one must find before or after.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use claviger_conformance::fixture;
use claviger_conformance::rv::Rv;
use cryptoki_sys::*;

use crate::cut::{Record, look, record};
use crate::frame::Kind;
use crate::observe::Observation;
use crate::place::Place;
use crate::rule::{self, Side, When};
use crate::workload::{Call, WORKLOAD};
use crate::{Inject, child, imports, trace};

/// What the standard lets a function answer when the token's disk fails (PKCS#11 3.2, sections 5.1.1 to 5.1.3); every function
/// may.
const OF_THE_DEVICE: [CK_RV; 6] =
    [CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED];

/// A call that repeats itself has many more faults than others: of such about so many are tried.
const MOST_FAULTS: usize = 500;

/// One fault.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// The call of the workload.
    call: usize,
    /// Which of its file calls fails, from 1.
    at: usize,
    errno: i32,
    how: &'static str,
}

/// What became of the faults.
#[derive(Default)]
struct Tally {
    injected: BTreeMap<String, usize>,
    answers: BTreeMap<String, usize>,
    sides: BTreeMap<(bool, Side), usize>,
    /// Faults that nothing came upon: the call took another way.
    missed: usize,
    violations: Vec<String>,
}

/// Runs it.
pub(crate) fn run(arguments: &Inject) -> Result<(), String> {
    imports::check(&fixture::module()?, &[])?;
    imports::check(&fixture::command()?, &[])?;
    let record = record()?;
    let all = faults(&record)?;
    let chosen: Vec<_> = all.iter().copied().skip(arguments.first).step_by(arguments.stride.max(1)).collect();
    let started = Instant::now();
    let found = try_all(&record, &chosen)?;
    println!(
        "Calls of the workload: {}. Faults: {}; tried {} of them in {:.0} s.",
        WORKLOAD.len(),
        all.len(),
        chosen.len(),
        started.elapsed().as_secs_f64()
    );
    found.print();
    let lies = lies(&record, &all)?;
    let must_find = try_all(&record, &lies)?;
    if must_find.violations.is_empty() {
        return Err("Writes that never happened were not noticed: these checks see nothing.".to_owned());
    }
    let (count, of) = (must_find.violations.len(), lies.len());
    println!("A disk that drops a write and says that it was done was caught {count} times in {of}, as it must be.");
    match found.violations.len() {
        0 => Ok(()),
        count => Err(format!(
            "{count} faults left a token that is neither as before nor as after, or a process that does not go on."
        )),
    }
}

/// Every fault: as many as each call makes file calls, with what can become of each.
fn faults(record: &Record) -> Result<Vec<Fault>, String> {
    let (place, mut faults) = (Place::new()?, Vec::new());
    for call in 0..WORKLOAD.len() {
        let none = Fault { call, at: 0, errno: 0, how: "once" };
        let played = play(record, &place, none)?;
        if let Some(fault) = played.fault {
            return Err(format!("Without a fault: {fault}"));
        }
        let of_call = played.called.iter().enumerate().flat_map(|(index, name)| {
            failures(name).iter().map(move |(errno, how)| Fault { call, at: index + 1, errno: *errno, how })
        });
        let of_call: Vec<_> = of_call.collect();
        let stride = of_call.len().div_ceil(MOST_FAULTS);
        if stride > 1 {
            println!(
                "{}: of its {} faults every {stride}th.",
                WORKLOAD.get(call).map(Call::to_string).unwrap_or_default(),
                of_call.len()
            );
        }
        faults.extend(of_call.into_iter().step_by(stride.max(1)));
    }
    Ok(faults)
}

/// How a file call can fail.
fn failures(name: &str) -> &'static [(i32, &'static str)] {
    use libc::{EACCES, EIO, EMFILE, ENOSPC};
    match name {
        "write" => &[(EIO, "once"), (ENOSPC, "once"), (ENOSPC, "for-good"), (ENOSPC, "short")],
        "open to create" => &[(EIO, "once"), (ENOSPC, "for-good"), (EMFILE, "once"), (EACCES, "once")],
        "open" => &[(EIO, "once"), (EMFILE, "once"), (EACCES, "once")],
        "read" => &[(EIO, "once")],
        "unlink" => &[(EIO, "once"), (EACCES, "once")],
        _ => &[(EIO, "once"), (ENOSPC, "for-good")],
    }
}

/// Writes that are dropped and reported as done, a few.
fn lies(record: &Record, all: &[Fault]) -> Result<Vec<Fault>, String> {
    let is_write =
        |fault: &&Fault| fault.how == "short" && record.seen.get(fault.call) != record.seen.get(fault.call + 1);
    let lies: Vec<_> = all.iter().filter(is_write).map(|fault| Fault { how: "swallow", ..*fault }).collect();
    if lies.is_empty() {
        Err("The workload writes nothing.".to_owned())
    } else {
        Ok(lies.into_iter().step_by(12).take(20).collect())
    }
}

fn try_all(record: &Record, faults: &[Fault]) -> Result<Tally, String> {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let work = || {
            let place = Place::new()?;
            while let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) {
                let verdict = judge(record, &place, *fault)?;
                verdict.count(*fault, &mut tally.lock().unwrap_or_else(PoisonError::into_inner));
            }
            Ok::<_, String>(())
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "A thread died.".to_owned())?)
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What the process under test did.
struct Played {
    /// Its file calls while the shim was armed, by name, and those that were made to fail.
    called: Vec<String>,
    injected: Vec<String>,
    /// What the call answered, and whether the process went on.
    answer: String,
    goes_on: String,
    fault: Option<String>,
}

/// What is to be said of a fault.
struct Verdict {
    played: Played,
    side: Result<Side, String>,
}

fn judge(record: &Record, place: &Place, fault: Fault) -> Result<Verdict, String> {
    let played = play(record, place, fault)?;
    let side = match &played.fault {
        Some(fault) => Err(fault.clone()),
        None => side_of(record, place, fault, &played),
    };
    Ok(Verdict { played, side })
}

fn side_of(record: &Record, place: &Place, fault: Fault, played: &Played) -> Result<Side, String> {
    let call = WORKLOAD.get(fault.call).copied().ok_or("no such call")?;
    let expected = if call.answer() == CKR_OK { "CKR_OK".to_owned() } else { Rv(call.answer()).to_string() };
    let is_done = played.answer == expected;
    let may = OF_THE_DEVICE.iter().any(|rv| Rv(*rv).to_string() == played.answer);
    if !is_done && !may {
        return Err(format!("{call} answers {}, which is not what a failing disk is told by", played.answer));
    }
    if played.goes_on != "CKR_OK" {
        return Err(format!("the process does not go on once the fault is over: {}", played.goes_on));
    }
    let (before, after) = record.seen.get(fault.call).zip(record.seen.get(fault.call + 1)).ok_or("no such call")?;
    let seen = look(place, &place.files()?)?;
    let [seen, before, after] = [&seen, before, after].map(|of| comparable(of, before));
    let when = if is_done { When::After } else { When::During };
    rule::judge(call, when, &seen, &before, &after)
}

/// An observation without what this run may have otherwise than the recorded one: the ids and values of new objects, which are
/// random, and the wrong PINs of the security officer, who has logged in since.
fn comparable(of: &Observation, before: &Observation) -> Observation {
    let is_random = |word: &str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let without = |text: &str| text.split(' ').filter(|word| !is_random(word)).collect::<Vec<_>>().join(" ");
    let entries = of.iter().filter(|(name, _)| *name != "wrong PINs of so");
    entries
        .map(|(name, value)| match before.contains_key(name) {
            true => (name.clone(), value.clone()),
            false => (without(name), without(value)),
        })
        .collect()
}

/// Plays one call with one fault.
fn play(record: &Record, place: &Place, fault: Fault) -> Result<Played, String> {
    place.put(record.copies.get(fault.call).ok_or("no such call")?)?;
    let mut command = place.again(&["play", "--only", &fault.call.to_string()])?;
    place.watch(&mut command)?;
    arm(&mut command, fault);
    let ended = child::run(&mut command)?;
    let frames = if place.trace().exists() { trace::read(&place.trace())? } else { Vec::new() };
    let names = |kind| frames.iter().filter(|frame| frame.kind == kind).map(trace::Frame::text).collect();
    let line = |name: &str| ended.said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let unwell = || (!ended.success()).then(|| format!("the process ends early: {}", ended.complained.trim()));
    Ok(Played {
        called: names(Kind::Called),
        injected: names(Kind::Injected),
        answer: line("answer "),
        goes_on: line("goes on "),
        fault: ended.fault().or_else(unwell),
    })
}

fn arm(command: &mut Command, fault: Fault) {
    command
        .env("FAULTS_AT", fault.at.to_string())
        .env("FAULTS_ERRNO", fault.errno.to_string())
        .env("FAULTS_HOW", fault.how);
}

impl Verdict {
    fn count(self, fault: Fault, tally: &mut Tally) {
        let call = WORKLOAD.get(fault.call).map(Call::to_string).unwrap_or_default();
        let error = std::io::Error::from_raw_os_error(fault.errno).to_string();
        let error = error.split(" (os").next().unwrap_or_default().to_owned();
        match self.played.injected.first() {
            None => tally.missed += 1,
            Some(name) => *tally.injected.entry(format!("{name}: {error}, {}", fault.how)).or_default() += 1,
        }
        *tally.answers.entry(self.played.answer).or_default() += 1;
        match self.side {
            Ok(side) => *tally.sides.entry((fault.how == "for-good", side)).or_default() += 1,
            Err(what) => tally.violations.push(format!(
                "Call {} ({call}), its file call {} ({}), {error}, {}: {what}",
                fault.call,
                fault.at,
                self.played.injected.first().map_or("none", String::as_str),
                fault.how
            )),
        }
    }
}

impl Tally {
    fn print(&self) {
        println!("Faults injected (file call: error, how):");
        for (name, count) in &self.injected {
            println!("  {name}: {count}");
        }
        println!("  not come upon: {}", self.missed);
        println!("Answers:");
        for (answer, count) in &self.answers {
            println!("  {answer}: {count}");
        }
        println!("Tokens afterwards:");
        for ((for_good, side), count) in &self.sides {
            let fault = if *for_good { "a full disk" } else { "one fault" };
            println!("  after {fault}, as {side:?}: {count}");
        }
        println!("  violations: {}", self.violations.len());
        for violation in self.violations.iter().take(20) {
            println!("  {violation}");
        }
    }
}
