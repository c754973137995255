//! A child process that is not waited for for ever.

use std::io::{Read, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::place::told;

/// No child needs longer; what does, hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a child ended.
pub(crate) struct Ended {
    /// `None` when it hung and was killed.
    pub(crate) status: Option<ExitStatus>,
    /// Its standard output.
    pub(crate) said: String,
    /// Its standard error.
    pub(crate) complained: String,
}

impl Ended {
    /// What is wrong with how it ended, whatever it was to do: a hang, a signal, a panic.
    pub(crate) fn fault(&self) -> Option<String> {
        match self.status {
            None => Some(format!("hangs: killed after {} s", PATIENCE.as_secs())),
            Some(status) if status.code().is_none() => Some(format!("dies: {status}")),
            Some(_) if self.complained.contains("panicked") => Some(format!("panics: {}", self.complained.trim())),
            Some(_) => None,
        }
    }

    /// Whether it ended well.
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Ended, String> {
    let mut said = tempfile::tempfile().map_err(told)?;
    let mut complained = tempfile::tempfile().map_err(told)?;
    let streams = (said.try_clone().map_err(told)?, complained.try_clone().map_err(told)?);
    let child = command.stdin(Stdio::null()).stdout(streams.0).stderr(streams.1).spawn();
    let status = wait(&mut child.map_err(|error| format!("{command:?}: {error}."))?);
    let text = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(told)?;
        Ok::<_, String>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Ended { status, said: text(&mut said)?, complained: text(&mut complained)? })
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}
