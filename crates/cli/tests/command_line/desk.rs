//! A desk with a token directory of its own. Every command is a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The PIN of the security officer `so`.
pub(crate) const SO_PIN: &str = "12345678";

/// A directory with a token and a configuration that makes PINs cheap to check.
pub(crate) struct Desk {
    dir: TempDir,
}

/// What a command with `--json` said.
pub(crate) struct Answer {
    /// The exit status.
    pub(crate) status: i32,
    /// `error_code`.
    pub(crate) error_code: i64,
    /// `data`.
    pub(crate) data: Value,
    /// What went to the standard error.
    pub(crate) stderr: String,
}

impl Desk {
    /// A desk without a token.
    pub(crate) fn empty() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(desk.configuration(), "[pin]\ncost = \"quick\"\nmax-failures = 3\n").unwrap();
        desk
    }

    /// A desk whose token has `so`, `kim` (key manager), `app1` and `app2` (normal users).
    pub(crate) fn with_users() -> Self {
        let desk = Self::empty();
        desk.done("", &["init", "--label", "desk", "--so-pin", SO_PIN]);
        for (name, role) in [("kim", "km"), ("app1", "nu"), ("app2", "nu")] {
            let pin = format!("{name}-pin");
            desk.done("so", &["user", "create", "--username", name, "--role", role, "--password", &pin]);
        }
        desk
    }

    /// A file name in the desk's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The token directory.
    pub(crate) fn token_data(&self) -> PathBuf {
        self.path("token-data")
    }

    /// The configuration file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.path("claviger.toml")
    }

    /// The command with these arguments; an empty user is nobody.
    pub(crate) fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
        command.args(arguments).current_dir(self.dir.path());
        command.env("CLAVIGER_TOKEN_DATA", self.token_data()).env("CLAVIGER_CONFIG", self.configuration());
        match user {
            "" => command.env_remove("CLAVIGER_PIN"),
            _ => command.env("CLAVIGER_PIN", credentials(user)),
        };
        command
    }

    /// Runs the command as it is.
    pub(crate) fn run(&self, user: &str, arguments: &[&str]) -> Output {
        self.command(user, arguments).output().unwrap()
    }

    /// Runs the command with `--json` and reads its one value.
    #[track_caller]
    pub(crate) fn ask(&self, user: &str, arguments: &[&str]) -> Answer {
        let output = self.run(user, &[arguments, &["--json"]].concat());
        let stdout = String::from_utf8(output.stdout).unwrap();
        let value: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout:?}"));
        Answer {
            status: output.status.code().unwrap(),
            error_code: value["error_code"].as_i64().unwrap(),
            data: value["data"].clone(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A command that must succeed.
    #[track_caller]
    pub(crate) fn done(&self, user: &str, arguments: &[&str]) -> Value {
        let answer = self.ask(user, arguments);
        assert_eq!((answer.status, answer.error_code), (0, 0), "{arguments:?}: {}", answer.data);
        answer.data
    }

    /// A command that must fail with a sentence that holds every one of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, user: &str, arguments: &[&str], words: &[&str]) {
        let answer = self.ask(user, arguments);
        let sentence = answer.data.as_str().unwrap_or_default();
        assert_eq!((answer.status, answer.error_code), (1, 1), "{arguments:?}: {}", answer.data);
        for word in words {
            assert!(sentence.contains(word), "{arguments:?}: {sentence:?} lacks {word:?}");
        }
    }

    /// The records of the keys that `user` sees.
    #[track_caller]
    pub(crate) fn keys(&self, user: &str, filters: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["key", "list", "-v"];
        if !filters.is_empty() {
            arguments.push("--filter");
            arguments.extend(filters);
        }
        self.done(user, &arguments)["matched_keys"].as_array().unwrap().clone()
    }
}

/// `name:pin`.
pub(crate) fn credentials(user: &str) -> String {
    if user == "so" { format!("so:{SO_PIN}") } else { format!("{user}:{user}-pin") }
}

/// The path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
