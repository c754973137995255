//! Runs the body of a test in a process of its own, with a fresh token in its environment.
//!
//! The test calls `with_token` and the like; the first time round that starts the test program again for this one
//! test, and the second time round, in the child, the body runs. A library that crashes or hangs is then a failed
//! test with a name, and tests share nothing.

use std::any::type_name;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{self, Fixture, Policy};
use crate::module::Module;
use crate::token::{Token, load_from_environment};

/// Set in the child to the name of the test that it runs.
const CHILD: &str = "CONFORMANCE_CHILD";

/// No test needs longer; what does, hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs `body` with the library loaded and nothing called yet.
#[track_caller]
pub fn with_module<F: FnOnce(&Module)>(body: F) {
    if in_child::<F>() {
        body(&load_from_environment());
    } else {
        run_child(&test_name::<F>(), &*fresh(), &[]);
    }
}

/// Runs `body` with a token that C_InitToken and C_InitPIN made, initialised library, nobody logged in.
#[track_caller]
pub fn with_token<F: FnOnce(&Token)>(body: F) {
    if in_child::<F>() {
        body(&Token::with_default_user());
    } else {
        run_child(&test_name::<F>(), &*fresh(), &[]);
    }
}

/// Runs `body` with a token that has `so`, `kim`, `app1` and `app2`. Of libraries without named users it says so
/// and asks nothing.
#[track_caller]
pub fn with_roles<F: FnOnce(&Token)>(policy: Policy, body: F) {
    if in_child::<F>() {
        return body(&Token::from_environment());
    }
    let name = test_name::<F>();
    let fixture = fresh();
    if !fixture::is_claviger(fixture.module()) {
        println!("{name}: not applicable: {} has no named users", fixture.module().display());
        return;
    }
    match fixture.provision(policy) {
        Ok(users) => run_child(&name, &*fixture, &Token::environment(&users)),
        Err(sentence) => panic!("{name}: the token could not be made: {sentence}"),
    }
}

/// Starts this program again for `test` with a fresh fixture and with `more` in its environment, and tells how that
/// ended. For tests that judge many children.
pub fn with_fresh_fixture(test: &str, more: &[(String, String)]) -> Finished {
    child(test, &*fresh(), more)
}

/// From inside a test's child: starts the program once more for the same test, as a second application that finds the
/// same token, with `more` in its environment.
pub fn second_process(more: &[(String, String)]) -> Finished {
    let mut command = command_for(&std::env::var(CHILD).unwrap_or_default());
    command.envs(more.iter().cloned());
    finish(command)
}

/// How a child ended.
pub struct Finished {
    /// `None` when it was still running after the longest time allowed.
    pub status: Option<ExitStatus>,
    /// What it wrote, both streams together.
    pub output: String,
}

fn in_child<F>() -> bool {
    std::env::var(CHILD).is_ok_and(|name| name == test_name::<F>())
}

#[track_caller]
fn run_child(name: &str, fixture: &dyn Fixture, more: &[(String, String)]) {
    let finished = child(name, fixture, more);
    match finished.status {
        // A name that matches no test would end well, too: one test must have run.
        Some(status) if status.success() && finished.output.contains("1 passed") => print!("{}", finished.output),
        Some(status) => panic!("{name}: {status}\n{}", finished.output),
        None => panic!("{name}: still running after {PATIENCE:?}: killed\n{}", finished.output),
    }
}

fn child(test: &str, fixture: &dyn Fixture, more: &[(String, String)]) -> Finished {
    let mut command = command_for(test);
    command.env("CLAVIGER_MODULE", absolute(fixture.module())).envs(fixture.environment());
    command.envs(more.iter().cloned());
    finish(command)
}

fn command_for(test: &str) -> Command {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => panic!("the test program does not know its own path: {error}"),
    };
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]);
    command.env(CHILD, test).env("RUST_BACKTRACE", "0");
    command
}

fn finish(mut command: Command) -> Finished {
    let mut said = match tempfile::tempfile() {
        Ok(file) => file,
        Err(error) => panic!("no place for the output of a test: {error}"),
    };
    let streams = (said.try_clone(), said.try_clone());
    let (Ok(first), Ok(second)) = streams else { panic!("the output of a test cannot be shared") };
    let mut child = match command.stdin(Stdio::null()).stdout(first).stderr(second).spawn() {
        Ok(child) => child,
        Err(error) => panic!("{command:?}: {error}"),
    };
    let status = wait(&mut child);
    let mut output = Vec::new();
    let _ = said.rewind().and_then(|()| said.read_to_end(&mut output));
    Finished { status, output: String::from_utf8_lossy(&output).into_owned() }
}

fn wait(child: &mut std::process::Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn fresh() -> Box<dyn Fixture> {
    match fixture::module().and_then(|module| fixture::for_module(&module)) {
        Ok(fixture) => fixture,
        Err(sentence) => panic!("{sentence}"),
    }
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The test's name as the test program lists it: the body is a closure inside the test's function.
fn test_name<F>() -> String {
    let path = type_name::<F>();
    let function = path.split("::{{closure}}").next().unwrap_or(path);
    function.split_once("::").map_or(function, |(_crate, name)| name).to_owned()
}
