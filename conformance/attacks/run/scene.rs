//! The tokens that the attacks meet: a fresh one for each attack, or the one that the caller named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_conformance::attacks::Attack;
use claviger_conformance::fixture::{self, Fixture, Policy, Users};
use claviger_conformance::token::Token;

use super::LOOK;
use super::report::Report;
use crate::Arguments;

/// A library under a policy.
pub(super) struct Scene {
    module: PathBuf,
    policy: Option<Policy>,
    /// The token that is there already, as `Token::from_environment` takes it.
    existing: Option<Vec<(String, String)>>,
}

impl Scene {
    pub(super) fn new(arguments: &Arguments, module: &Path, policy: Option<Policy>) -> Scene {
        let existing = arguments.pin.as_ref().map(|pin| {
            let so = arguments.so_pin.clone().unwrap_or_default();
            let mut pairs = Token::environment(&Users { so, user: pin.clone(), named: None });
            pairs.extend(arguments.slot.map(Token::slot_variable));
            pairs.extend(arguments.token_label.as_deref().map(Token::label_variable));
            pairs
        });
        Scene { module: module.to_owned(), policy, existing }
    }

    pub(super) fn title(&self) -> String {
        let name = self.module.file_name().unwrap_or_default().to_string_lossy();
        match self.policy {
            Some(policy) => format!("{name}, policy {}", policy.word()),
            None => format!("{name}, reported without a policy to judge by"),
        }
    }

    pub(super) fn policy_word(&self) -> &'static str {
        self.policy.map_or("as it is", Policy::word)
    }

    /// Whether the library loads and the user's PIN is right: tried once, for wrong PINs are counted.
    pub(super) fn look(&self) -> Result<(), String> {
        let output = self.child(LOOK)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty() && !line.starts_with("thread '"));
        Err(said.map_or_else(|| format!("The library ended its process: {}.", output.status), str::to_owned))
    }

    /// Runs one attack.
    pub(super) fn run(&self, attack: &Attack) -> Result<Report, String> {
        Ok(Report::read(&self.child(attack.id)?, self.policy.is_some()))
    }

    /// This program once more, with a token in its environment that nothing else has touched or will.
    fn child(&self, inside: &str) -> Result<std::process::Output, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let fixture = fixture::for_module(&self.module)?;
        let absolute = std::path::absolute(&self.module).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["--inside", inside]).envs(self.environment(&*fixture)?).env("CLAVIGER_MODULE", absolute);
        if let Some(policy) = self.policy {
            command.args(["--policy", policy.word()]);
        }
        command.output().map_err(|error| error.to_string())
    }

    fn environment(&self, fixture: &dyn Fixture) -> Result<Vec<(OsString, OsString)>, String> {
        let owned = |(name, value): (String, String)| (name.into(), value.into());
        if let Some(existing) = &self.existing {
            return Ok(existing.iter().cloned().map(owned).collect());
        }
        let mut environment: Vec<(OsString, OsString)> = Vec::new();
        if fixture::is_claviger(&self.module) {
            let users = fixture.provision(self.policy.unwrap_or(Policy::Enforce))?;
            environment.extend(Token::environment(&users).into_iter().map(owned));
        }
        environment.extend(fixture.environment().into_iter().map(|(name, value)| (name.into(), value)));
        Ok(environment)
    }
}
