//! A process of its own that opens the token directory and says what it sees: the parent's side. A library that dies,
//! panics or hangs on a damaged file takes this process along and nothing else.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use claviger_conformance::fixture;

use crate::portrait::{Facts, Look};

/// No look at a small token takes longer, on a busy machine either; what does, hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The process and its directory.
pub(crate) struct Observer {
    directory: PathBuf,
    configuration: PathBuf,
    truth: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    /// What it writes to stderr, read up to where it was looked at last.
    complaints: File,
}

/// What came of a look.
pub(crate) enum Seen {
    /// The facts that are not as in the truth; `None` for one that is missing.
    Differences(Facts),
    /// How the process ended, or what it said when it should not.
    Broken(String),
}

impl Observer {
    /// An observer of the token in `directory`, which compares with the facts in the file `truth`.
    pub(crate) fn new(directory: &Path, configuration: &Path, truth: &Path) -> Self {
        let (directory, configuration, truth) = (directory.to_owned(), configuration.to_owned(), truth.to_owned());
        Self { directory, configuration, truth, running: None }
    }

    /// The directory it looks at.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has a look.
    ///
    /// # Errors
    /// A sentence when the process cannot be started, which is no fault of the library.
    pub(crate) fn look(&mut self, look: Look) -> Result<Seen, String> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let seen = running.ask(look)?;
        if matches!(seen, Seen::Differences(_)) {
            self.running = Some(running);
        }
        Ok(seen)
    }

    fn start(&self) -> Result<Running, String> {
        let said = |error: std::io::Error| format!("The observer does not start: {error}");
        let complaints = tempfile::tempfile().map_err(said)?;
        let mut command = Command::new(std::env::current_exe().map_err(said)?);
        command.arg("--observe").arg(&self.truth);
        command.env("CLAVIGER_MODULE", fixture::module()?).env("CLAVIGER_TOKEN_DATA", &self.directory);
        command.env("CLAVIGER_CONFIG", &self.configuration);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints.try_clone().map_err(said)?);
        let mut child = command.spawn().map_err(said)?;
        let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("The observer has no streams.".to_owned());
        };
        let (send, answers) = channel();
        std::thread::spawn(move || {
            BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| send.send(line.clone()).is_ok())
                .count()
        });
        Ok(Running { child, questions, answers, complaints })
    }
}

impl Running {
    fn ask(&mut self, look: Look) -> Result<Seen, String> {
        // A process that is gone says so below, by giving no answer.
        let _ = writeln!(self.questions, "{}", look.word());
        let answer = self.answers.recv_timeout(PATIENCE);
        let complaints = self.complaints();
        let facts =
            answer.as_ref().ok().and_then(|line| serde_json::from_str(line).ok().as_ref().and_then(Facts::from_json));
        Ok(match (answer, facts) {
            (Ok(_), Some(facts)) if !complaints.contains("panicked") => Seen::Differences(facts),
            (Err(RecvTimeoutError::Timeout), _) => Seen::Broken(format!("it hangs: no answer in {PATIENCE:?}")),
            _ => {
                let _ = self.child.kill();
                let ended = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                Seen::Broken(format!("{ended}: {}", complaints.trim()))
            }
        })
    }

    /// What it has said since it was last asked.
    fn complaints(&mut self) -> String {
        // The child writes to the same open file, so the end is where it has come to, and reading must leave it there.
        let mut text = Vec::new();
        let _ = self.complaints.rewind().and_then(|()| self.complaints.read_to_end(&mut text));
        let _ = self.complaints.set_len(0).and_then(|()| self.complaints.seek(SeekFrom::Start(0)));
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
