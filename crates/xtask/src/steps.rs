//! `cargo xtask test`: the steps, a row each. The first that fails ends the run and says how to run it alone.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::workspace::{Outcome, Workspace, output, run};
use crate::{fuzz, paths, screen, tables, tools, walls};

/// One thing that is checked.
struct Step {
    /// What `--only` takes.
    name: &'static str,
    /// What it checks, for the screen.
    about: &'static str,
    when: When,
    run: fn(&Workspace) -> Outcome,
}

/// Which runs a step belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Every run.
    Always,
    /// Not with `--quick`.
    Full,
}

macro_rules! steps {
    ($( $name:literal $when:ident $about:literal $run:expr ;)*) => {
        const STEPS: &[Step] = &[$( Step { name: $name, about: $about, when: When::$when, run: $run } ),*];
    };
}

steps! {
//  name               when    what                                            how
    "walls"            Always  "unsafe stays behind its wall"                  walls::no_stray_unsafe;
    "switches"         Always  "only the checker switches rules off"           walls::no_rule_switched_off;
    "direction"        Always  "crates depend in one direction"                walls::one_direction;
    "locks"            Always  "every lock file follows its manifest"          locks;
    "paths"            Always  "the documents name files that exist"           paths::exist;
    "format"           Always  "the sources are formatted"                     |w| run(&mut w.cargo(&["fmt", "--all", "--check"]));
    "clippy"           Always  "clippy has nothing to say"                     clippy;
    "unit"             Always  "tests of every crate"                          unit;
    "sled"             Full    "the second store engine, under the same tests"  second_engine;
    "docs"             Always  "examples in the documentation"                 |w| run(&mut w.cargo(&["test", "--workspace", "--doc", "--quiet"]));
    "tables"           Always  "docs/tables is what the code says"             tables::check;
    "release"          Full    "the release build"                             Workspace::build;
    "prove"            Full    "the rules keep what they promise, and each is needed"  |w| prove(w, &[]);
    "conformance"      Full    "the library against the standard"              conformance;
    "attacks-enforce"  Full    "no attack succeeds in enforce"                 |w| attacks(w, "enforce");
    "attacks-standard" Full    "the marked attacks succeed in standard"        |w| attacks(w, "standard");
    "attacks-softhsm"  Full    "the attacks run against another library"       attacks_on_another;
    "sequences"        Full    "random calls answer as the rules say and reveal nothing"  |w| sequences(w, &["--count".to_owned(), "500".to_owned()]);
    "cut"              Full    "a power cut at any point leaves the token before or after a call"  |w| faults(w, "cut", &["--images".to_owned(), "250".to_owned()]);
    "faults"           Full    "a failing disk harms neither the token nor the process"  |w| faults(w, "inject", &["--stride".to_owned(), "60".to_owned()]);
    "flip"             Full    "a token with changed files says the truth or nothing"  |w| flip(w, &["--every", "1000", "--thin", "--attacks-every", "40"].map(str::to_owned));
    "fuzz"             Full    "no bytes harm the decoders of records and objects"  |w| fuzz::all(w, 15);
    "scale"            Full    "tokens of 10 and of 1,000 objects, measured"       |w| scale(w, &["--sizes", "10,1000", "--runs", "3"].map(str::to_owned));
    "clients"          Full    "unmodified programs work with the library"     clients;
    "processes"        Full    "many processes at one token lose nothing and see all"  |w| endurance(w, "processes", &["--logins".to_owned(), "50".to_owned()]);
    "kill"             Full    "killed writers leave each call done or not done"  |w| endurance(w, "kill", &["--count".to_owned(), "100".to_owned()]);
    "forks"            Full    "programs that fork while they use a token"     |w| endurance(w, "forks", &[]);
}

/// Runs every step, or those that need no release build.
pub(crate) fn all(workspace: &Workspace, quick: bool) -> Outcome {
    let wanted = |step: &&Step| match step.when {
        When::Always => true,
        When::Full => !quick,
    };
    sequence(workspace, STEPS.iter().filter(wanted))
}

/// Runs the steps of these names, in the order of the table.
pub(crate) fn named(workspace: &Workspace, names: &[String]) -> Outcome {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("There is no step {unknown:?}. The steps are {}.", known.join(", ")));
    }
    sequence(workspace, STEPS.iter().filter(|step| names.iter().any(|name| name == step.name)))
}

fn sequence<'a>(workspace: &Workspace, steps: impl Iterator<Item = &'a Step>) -> Outcome {
    let begun = Instant::now();
    let mut passed = 0;
    for step in steps {
        screen::heading(&format!("{}: {}", step.name, step.about));
        let started = Instant::now();
        let outcome = (step.run)(workspace);
        screen::step(step.name, outcome.is_ok(), started.elapsed().as_secs_f64());
        outcome.map_err(|error| format!("{error}\nRun this step alone: cargo xtask test --only {}", step.name))?;
        passed += 1;
    }
    screen::success(&format!("Steps passed: {passed}, in {:.0} s.", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// `fuzz` is a workspace of its own and is built late in a run: its lock file is forgotten easily.
fn locks(workspace: &Workspace) -> Outcome {
    ["Cargo.toml", "fuzz/Cargo.toml"].into_iter().try_for_each(|manifest| {
        let metadata = ["metadata", "--format-version", "1", "--locked", "--manifest-path", manifest];
        output(&mut workspace.cargo(&metadata)).map(drop).map_err(|error| {
            format!("{error}\nBring the lock file up to date: cargo update --workspace --manifest-path {manifest}")
        })
    })
}

fn clippy(workspace: &Workspace) -> Outcome {
    run(&mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))
}

/// The conformance tests have a step of their own, against the release build. Some tests look at the library as it is
/// linked, which a build of tests alone does not make.
fn unit(workspace: &Workspace) -> Outcome {
    let packages = ["--workspace", "--exclude", "claviger-conformance"];
    run(workspace.cargo(&["build"]).args(packages))?;
    run(&mut tests(workspace, &packages))
}

/// The store's contract once more, with the engine that only tests and comparisons use. As part of the workspace, so that
/// the crates below keep the features that they were built with.
fn second_engine(workspace: &Workspace) -> Outcome {
    run(&mut workspace.cargo(&[
        "test",
        "--workspace",
        "--features",
        "claviger-store/sled",
        "--test",
        "contract",
        "--quiet",
    ]))
}

/// nextest where it is installed, otherwise `cargo test`.
fn tests(workspace: &Workspace, arguments: &[&str]) -> Command {
    let has_nextest = output(&mut workspace.cargo(&["nextest", "--version"])).is_ok();
    let mut cargo = if has_nextest {
        workspace.cargo(&["nextest", "run", "--no-tests", "pass"])
    } else {
        workspace.cargo(&["test", "--tests", "--bins", "--lib"])
    };
    cargo.args(arguments);
    cargo
}

/// The harness is built for speed of building, what it judges for users.
fn conformance(workspace: &Workspace) -> Outcome {
    workspace.build()?;
    run(under_test(workspace, &mut tests(workspace, &["--package", "claviger-conformance"])))
}

fn attacks(workspace: &Workspace, policy: &str) -> Outcome {
    attack(workspace, &["--policy".to_owned(), policy.to_owned()])
}

/// The attack suite with these arguments. It runs where the caller is: a path among them is the caller's.
pub(crate) fn attack(workspace: &Workspace, arguments: &[String]) -> Outcome {
    workspace.build()?;
    let mut suite = Command::new(workspace.release("attacks"));
    run(under_test(workspace, suite.args(arguments)))
}

/// Random sequences of calls, with these arguments: without any, ten thousand of them.
pub(crate) fn sequences(workspace: &Workspace, arguments: &[String]) -> Outcome {
    workspace.build()?;
    let mut sequences = Command::new(workspace.release("sequences"));
    run(under_test(workspace, sequences.args(arguments)))
}

/// Many processes at one token: a scene with its arguments, without any in full size.
pub(crate) fn endurance(workspace: &Workspace, scene: &str, arguments: &[String]) -> Outcome {
    workspace.build()?;
    let mut endurance = Command::new(workspace.release("endurance"));
    run(under_test(workspace, endurance.arg(scene).args(arguments)))
}

/// Power cuts (`cut`) or failing file calls (`inject`) under the library, with these arguments: without any, the full run.
pub(crate) fn faults(workspace: &Workspace, what: &str, arguments: &[String]) -> Outcome {
    workspace.build()?;
    let mut faults = Command::new(workspace.release("faults"));
    run(under_test(workspace, faults.arg(what).args(arguments)))
}

/// Changes a token's files and looks what the library then says, with these arguments: without any, at every byte.
pub(crate) fn flip(workspace: &Workspace, arguments: &[String]) -> Outcome {
    workspace.build()?;
    let mut flip = Command::new(workspace.release("flip"));
    run(under_test(workspace, flip.args(arguments)))
}

/// Measures tokens of many sizes and the other library, with these arguments: without any, up to 100,000 objects.
pub(crate) fn scale(workspace: &Workspace, arguments: &[String]) -> Outcome {
    tools::provide_packages(workspace, &["softhsm2"])?;
    workspace.build()?;
    let mut scale = Command::new(workspace.release("scale"));
    run(under_test(workspace, scale.args(arguments)))
}

/// Nothing is expected of the other library but that the suite gets to its end.
fn attacks_on_another(workspace: &Workspace) -> Outcome {
    tools::provide_packages(workspace, &["softhsm2"])?;
    attack(workspace, &["--module".to_owned(), "/usr/lib/softhsm/libsofthsm2.so".to_owned()])
}

/// What the checker shows. `arguments` are its own.
pub(crate) fn prove(workspace: &Workspace, arguments: &[String]) -> Outcome {
    workspace.build()?;
    run(workspace.command(workspace.release("claviger-prove")).args(arguments))
}

/// Tells a program where the library and the command under test are.
fn under_test<'a>(workspace: &Workspace, command: &'a mut Command) -> &'a mut Command {
    command.env("CLAVIGER_MODULE", workspace.library()).env("CLAVIGER_COMMAND", workspace.claviger())
}

fn clients(workspace: &Workspace) -> Outcome {
    workspace.build()?;
    let scripts = client_scripts(workspace)?;
    tools::provide(workspace, &scripts)?;
    for script in scripts {
        let started = Instant::now();
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let outcome = run(under_test(workspace, workspace.command("bash").arg(&script)));
        screen::step(&name, outcome.is_ok(), started.elapsed().as_secs_f64());
        outcome?;
    }
    Ok(())
}

fn client_scripts(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let directory = workspace.root.join("conformance/clients");
    let entries = std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}.", directory.display()))?;
    let mut scripts: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sh"))
        .collect();
    scripts.sort();
    if scripts.is_empty() {
        return Err(format!("{} holds no script: no client was tried.", directory.display()));
    }
    Ok(scripts)
}
