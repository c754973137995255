//! The run: the parent makes a token for each policy and starts this program again, which plays on it.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use claviger_conformance::fixture;
use claviger_conformance::module::Module;
use claviger_conformance::token::Token;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use crate::call::{Call, User};
use crate::model::State;
use crate::play::{Played, play};
use crate::real::{Application, Real};
use crate::scenes;
use crate::strategy::Reference;
use crate::tally::Tally;
use crate::{Arguments, Mode};

/// How many calls a sequence has, behind those of its scene.
const CALLS: std::ops::RangeInclusive<usize> = 4..=20;

/// As many sequences in standard as lose a key for certain: one in twenty does.
const ENOUGH: u32 = 300;

/// In the parent.
pub(crate) fn outside(arguments: &Arguments) -> Result<(), String> {
    let seed = arguments.seed.unwrap_or_else(chance);
    let modes = [(Mode::Enforce, arguments.count), (Mode::Standard, arguments.count.div_ceil(20).max(ENOUGH))];
    for (mode, count) in modes.into_iter().filter(|(mode, _)| arguments.policy.is_none_or(|only| only == *mode)) {
        let count = if arguments.policy.is_some() { arguments.count } else { count };
        println!("policy {}, seed {seed}", mode.policy().word());
        child(mode, count, seed)?;
    }
    Ok(())
}

/// This program once more, with a fresh token in its environment.
fn child(mode: Mode, count: u32, seed: u64) -> Result<(), String> {
    let fixture = fixture::for_module(&fixture::module()?)?;
    let users = fixture.provision(mode.policy())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["--inside", "--policy", mode.policy().word()]);
    command.args(["--count", &count.to_string(), "--seed", &seed.to_string()]);
    command.env("CLAVIGER_MODULE", fixture.module()).envs(fixture.environment()).envs(Token::environment(&users));
    let status = command.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("The sequences in {} failed.", mode.policy().word())) }
}

/// In the child.
pub(crate) fn inside(arguments: &Arguments) -> Result<(), String> {
    let (count, seed) = (arguments.count, arguments.seed.unwrap_or_default());
    let copies = tempfile::tempdir().map_err(|error| error.to_string())?;
    let applications = applications(copies.path())?;
    let mut real = Real::new(&applications).map_err(|rv| format!("The applications do not start: {rv}."))?;
    match arguments.policy {
        Some(Mode::Enforce) => enforce(&mut real, count, seed),
        _ => standard(&mut real, count, seed),
    }
}

/// Four applications in one process. A library is one per process, so each loads a copy of its own, and finds no other
/// login than its own.
fn applications(copies: &Path) -> Result<[Application; 4], String> {
    let original = fixture::module()?;
    let start = |user: User| {
        let copy = copies.join(format!("{}.so", user.name()));
        std::fs::copy(&original, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        let module = Module::load(&copy)?;
        module.initialize_null().map_err(|rv| format!("C_Initialize: {rv}"))?;
        Ok::<_, String>(Application::new(Token::with(module), user))
    };
    let [app1, app2, kim, so] = User::ALL;
    Ok([start(app1)?, start(app2)?, start(kim)?, start(so)?])
}

/// No disagreement, nothing revealed.
fn enforce(real: &mut Real<'_>, count: u32, seed: u64) -> Result<(), String> {
    by_hand(real, claviger_rules::Mode::Enforce, 0)?;
    let judge = |played: &Played| match played.revealed.as_slice() {
        [] => Ok(()),
        names => Err(format!("revealed: {}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))),
    };
    many::<true>(real, count, seed, judge).map(drop)
}

/// No disagreement either, and keys are lost.
fn standard(real: &mut Real<'_>, count: u32, seed: u64) -> Result<(), String> {
    by_hand(real, claviger_rules::Mode::Standard, 1)?;
    let tally = many::<false>(real, count, seed, |_| Ok(()))?;
    if tally.revealed == 0 {
        return Err("In standard no sequence revealed a key: the oracle sees nothing.".to_owned());
    }
    must_disagree(real, seed)
}

/// A comparison that cannot fail would prove nothing either: judged by the rules of `enforce`, this token disagrees.
fn must_disagree(real: &mut Real<'_>, seed: u64) -> Result<(), String> {
    let outcome = run::<true>(real, &mut Tally::default(), runner(200, seed), |_| Ok(()));
    match outcome.map_err(|error| *error) {
        Err(TestError::Fail(difference, _)) => {
            println!("  judged by the rules of enforce it disagrees, as it must: {difference}");
            Ok(())
        }
        _ => Err("Judged by the rules of enforce a token in standard does not disagree.".to_owned()),
    }
}

/// The classic attack, which the oracle must see exactly where it succeeds.
fn by_hand(real: &mut Real<'_>, mode: claviger_rules::Mode, expected: usize) -> Result<(), String> {
    let calls = scenes::wrap_then_decrypt();
    let played = play(real, &State::new(mode), &calls, None, &mut Tally::default())?;
    if let Some(difference) = played.disagreement {
        return Err(format!("The classic attack: {difference}"));
    }
    let found = played.revealed.len();
    if found == expected {
        return Ok(());
    }
    Err(format!("The classic attack revealed {found} keys, expected {expected}."))
}

/// Plays `count` sequences and prints the counts. The first that fails is cut down and printed as C calls.
fn many<const ENFORCE: bool>(
    real: &mut Real<'_>,
    count: u32,
    seed: u64,
    judge: impl Fn(&Played) -> Result<(), String>,
) -> Result<Tally, String> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let outcome = run::<ENFORCE>(real, &mut tally, runner(count, seed), judge);
    match outcome.map_err(|error| *error) {
        Ok(()) => {
            print!("{tally}");
            let (revealed, leaking) = (tally.revealed, tally.leaking);
            println!(
                "  disagreements 0, protected keys revealed {revealed} (in {leaking} sequences), {:.0} s",
                begun.elapsed().as_secs_f64()
            );
            Ok(tally)
        }
        Err(TestError::Fail(reason, (initial, calls, _))) => Err(trace(&reason.to_string(), &initial, &calls, seed)),
        Err(TestError::Abort(reason)) => Err(format!("The run was given up: {reason}")),
    }
}

/// How often a failed sequence is tried again with less. Never 0: the strategy panics where a sequence fails behind its
/// first call and is not cut down.
const SHRINKS: u32 = 4000;

fn runner(count: u32, seed: u64) -> TestRunner {
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: SHRINKS, ..Config::default() };
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(place, byte)| *place = byte);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

type Sequence = (State, Vec<Call>, Option<Arc<AtomicUsize>>);

fn run<const ENFORCE: bool>(
    real: &mut Real<'_>,
    tally: &mut Tally,
    mut runner: TestRunner,
    judge: impl Fn(&Played) -> Result<(), String>,
) -> Result<(), Box<TestError<Sequence>>> {
    let sides = RefCell::new((real, tally));
    let outcome = runner.run(&Reference::<ENFORCE>::sequential_strategy(CALLS), |(initial, calls, seen)| {
        let (real, tally) = &mut *sides.borrow_mut();
        let played = play(real, &initial, &calls, seen.as_deref(), tally).map_err(TestCaseError::fail)?;
        match played.disagreement.clone() {
            Some(difference) => Err(TestCaseError::fail(difference)),
            None => judge(&played).map_err(TestCaseError::fail),
        }
    });
    outcome.map_err(Box::new)
}

/// A failed sequence as C calls.
fn trace(reason: &str, initial: &State, calls: &[Call], seed: u64) -> String {
    let lines: Vec<String> = initial.prelude.iter().chain(calls).map(|call| format!("  {call}")).collect();
    format!("{}\nat: {reason}\nRepeat with --seed {seed}.", lines.join("\n"))
}

fn chance() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() ^ u64::from(since.subsec_nanos()))
}
