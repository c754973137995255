//! The parent's end of an application, and the token that all of them use.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use claviger_conformance::fixture::{self, Fixture, Policy, SO_PIN, Users};
use claviger_conformance::token::Token;
use serde_json::Value;

use crate::order::{Answer, Order, Outcome};

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A fresh token in `enforce`, with the users of the fixture.
pub(crate) struct Place {
    fixture: Box<dyn Fixture>,
    /// Who may log in.
    pub(crate) users: Users,
}

impl Place {
    /// Makes the token and runs scenes on it. Where they fail the token stays on the disk.
    pub(crate) fn with_token(scenes: impl FnOnce(&Self) -> Result<(), String>) -> Result<(), String> {
        let fixture = fixture::for_module(&fixture::module()?)?;
        let users = fixture.provision(Policy::Enforce)?;
        let place = Self { fixture, users };
        let outcome = scenes(&place);
        if outcome.is_err() {
            place.fixture.environment().iter().for_each(|(name, value)| eprintln!("{name}={}", value.display()));
            // What removes the directory is not run.
            std::mem::forget(place);
        }
        outcome
    }

    /// The PIN of a named user, as `name:pin`.
    pub(crate) fn pin(&self, name: &str) -> String {
        format!("{name}:{name}-pin-1")
    }

    /// This program once more, as a process that finds the token.
    pub(crate) fn this_program(&self, part: &str) -> Result<Command, String> {
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        let module = std::path::absolute(self.fixture.module()).map_err(|error| error.to_string())?;
        command.arg(part).env("CLAVIGER_MODULE", module).envs(self.fixture.environment());
        command.envs(Token::environment(&self.users));
        Ok(command)
    }

    /// The command `claviger`, logged in with `pin`.
    pub(crate) fn claviger(&self, pin: &str, arguments: &[&str]) -> Result<Command, String> {
        let mut command = Command::new(fixture::command()?);
        command.args(arguments).arg("--json").envs(self.fixture.environment()).env("CLAVIGER_PIN", pin);
        Ok(command)
    }

    /// What the command `claviger` answers a security officer.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut command = self.claviger(&format!("so:{SO_PIN}"), arguments)?;
        let output = command.output().map_err(|error| format!("claviger: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = || format!("claviger {}: {} {said}", arguments.join(" "), output.status);
        if !output.status.success() {
            return Err(line());
        }
        let value: Value = serde_json::from_str(&said).map_err(|_| line())?;
        value.get("data").cloned().ok_or_else(line)
    }

    /// Whether every line of the audit log follows from the one before.
    pub(crate) fn audit_is_whole(&self) -> Result<(), String> {
        self.ask(&["audit", "verify"]).map(drop)
    }
}

/// An application that waits for orders.
pub(crate) struct Application {
    process: Child,
    orders: ChildStdin,
    answers: Receiver<Answer>,
    /// Whether it was killed when its time was up.
    pub(crate) killed: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Silence {
    /// It was killed when the time was up.
    Killed,
    /// It ended by itself.
    Ended,
}

impl Application {
    /// Starts the process; its library is not loaded yet.
    pub(crate) fn spawn(place: &Place) -> Result<Self, String> {
        let mut command = place.this_program("application")?;
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| format!("an application does not start: {error}"))?;
        let (Some(orders), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("an application has no pipes".to_owned());
        };
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let read = lines.map_while(|line| serde_json::from_str(&line).ok());
            read.map_while(|answer| sender.send(answer).ok()).for_each(drop);
        });
        Ok(Self { process, orders, answers, killed: false })
    }

    /// Starts the process and carries out `Order::Start`.
    pub(crate) fn start(place: &Place, pin: Option<String>) -> Result<Self, String> {
        let mut application = Self::spawn(place)?;
        application.must(&Order::Start { pin })?;
        Ok(application)
    }

    /// The answer to an order. At `deadline` the process is killed; what it had answered before counts.
    pub(crate) fn ask_until(&mut self, order: &Order, deadline: Instant) -> Result<Answer, Silence> {
        let line = serde_json::to_string(order).unwrap_or_default() + "\n";
        if self.orders.write_all(line.as_bytes()).is_err() {
            return self.last_answer(Silence::Ended);
        }
        match self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => self.last_answer(Silence::Killed),
            Err(RecvTimeoutError::Disconnected) => self.last_answer(Silence::Ended),
        }
    }

    /// The answer to an order, or a sentence that says what is wrong with it.
    pub(crate) fn ask(&mut self, order: &Order) -> Result<Answer, String> {
        self.ask_until(order, Instant::now() + PATIENCE).map_err(|silence| match silence {
            Silence::Killed => format!("hang: no answer within {PATIENCE:?} to {order:?}"),
            Silence::Ended => format!("crash: the application ended at {order:?}"),
        })
    }

    /// The outcome of an order that nothing may refuse.
    pub(crate) fn must(&mut self, order: &Order) -> Result<Outcome, String> {
        self.ask(order)?.outcome.map_err(|failure| format!("{failure} at {order:?}"))
    }

    /// SIGKILL, and then what came through the pipe before.
    fn last_answer(&mut self, silence: Silence) -> Result<Answer, Silence> {
        self.kill();
        self.killed = silence == Silence::Killed;
        self.answers.recv().map_err(|_| silence)
    }

    /// SIGKILL.
    fn kill(&mut self) {
        // What has ended already cannot be killed, which is all that can go wrong.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Lets the process end by itself, with C_Finalize.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        drop(self.orders);
        let until = Instant::now() + PATIENCE;
        loop {
            match self.process.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("crash: an application ended with {status}")),
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                None => break,
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        Err(format!("hang: an application did not end within {PATIENCE:?}"))
    }
}
