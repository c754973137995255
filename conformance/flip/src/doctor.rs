//! What `claviger doctor` says of a changed token, as somebody would ask it: the command, in a process of its own, on the
//! files as they were changed and before anybody else has looked.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use claviger_conformance::fixture;
use serde_json::Value;

use crate::image::Image;

/// As in [`crate::observer`]: what takes longer, hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command and a directory of its own.
pub(crate) struct Doctor {
    directory: PathBuf,
    configuration: PathBuf,
    command: PathBuf,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Diagnosis {
    /// Nothing is damaged.
    Whole,
    /// Something is, and it is named.
    Named,
    /// It ended badly, or what it said contradicts itself.
    Broken(String),
}

impl Doctor {
    /// A doctor who looks at tokens in `directory`.
    ///
    /// # Errors
    /// A sentence when there is no command.
    pub(crate) fn new(directory: &Path, configuration: &Path) -> Result<Self, String> {
        let (directory, configuration) = (directory.to_owned(), configuration.to_owned());
        Ok(Self { directory, configuration, command: fixture::command()? })
    }

    /// Asks about a token.
    ///
    /// # Errors
    /// A sentence when the command cannot be run, which is no fault of it.
    pub(crate) fn look(&self, image: &Image) -> Result<Diagnosis, String> {
        image.put(&self.directory)?;
        let said = |error: std::io::Error| format!("claviger doctor: {error}");
        let [answer, complaints] =
            [tempfile::NamedTempFile::new().map_err(said)?, tempfile::NamedTempFile::new().map_err(said)?];
        let mut command = Command::new(&self.command);
        command.args(["doctor", "--json"]).env("CLAVIGER_TOKEN_DATA", &self.directory);
        command.env("CLAVIGER_CONFIG", &self.configuration).env("CLAVIGER_PIN", format!("so:{}", fixture::SO_PIN));
        command.stdin(Stdio::null()).stdout(answer.reopen().map_err(said)?).stderr(complaints.reopen().map_err(said)?);
        let mut child = command.spawn().map_err(said)?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(said)? {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(Diagnosis::Broken(format!("it hangs: no answer in {PATIENCE:?}")));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let text = |file: &tempfile::NamedTempFile| std::fs::read_to_string(file.path()).map_err(said);
        Ok(diagnosis(status, &text(&answer)?, &text(&complaints)?))
    }
}

/// Damage is a status of 1 and at least one finding; no damage is 0 and none.
fn diagnosis(status: ExitStatus, answer: &str, complaints: &str) -> Diagnosis {
    let value: Value = serde_json::from_str(answer).unwrap_or_default();
    let named = value.pointer("/data/findings").and_then(Value::as_array).map(|findings| !findings.is_empty());
    match (status.code(), named) {
        _ if complaints.contains("panicked") => Diagnosis::Broken(complaints.trim().to_owned()),
        (Some(0), Some(false)) => Diagnosis::Whole,
        (Some(1), Some(true)) => Diagnosis::Named,
        _ => Diagnosis::Broken(format!("{status}: {} {}", answer.trim(), complaints.trim())),
    }
}
