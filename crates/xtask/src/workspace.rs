//! The workspace: its root, what a release build makes of it, and how programs are run in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The result of a chore; the error is a sentence for the screen.
pub(crate) type Outcome = Result<(), String>;

/// The root of the workspace.
pub(crate) struct Workspace {
    /// The directory with the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built in.
    pub(crate) fn here() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.ancestors().nth(2).unwrap_or(manifest).to_owned();
        Self { root }
    }

    /// A program that runs in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo`, the one that runs this.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// A file of the release build.
    pub(crate) fn release(&self, file: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from);
        target.join("release").join(file)
    }

    /// The PKCS#11 library.
    pub(crate) fn library(&self) -> PathBuf {
        self.release("libclaviger_pkcs11.so")
    }

    /// The command.
    pub(crate) fn claviger(&self) -> PathBuf {
        self.release("claviger")
    }

    /// Builds everything in release, as a user would: another choice of packages would build the crates below a
    /// second time, because it chooses other features of them.
    pub(crate) fn build(&self) -> Outcome {
        run(&mut self.cargo(&["build", "--release"]))
    }
}

/// Runs a program to its end with the screen as its own.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{} did not start: {error}.", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status}).", line(command))) }
}

/// Runs a program and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{} did not start: {error}.", line(command)))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| format!("{} printed no text.", line(command)));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} failed ({}): {}", line(command), output.status, said.trim()))
}

/// The command as it would be typed.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}
