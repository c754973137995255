//! Fixtures: a fresh token directory of some library, and the environment in which a process finds it.
//!
//! A PKCS#11 library is one per process and finds its store through the environment, so a fixture never touches
//! this process: what uses the token runs in a child (see `isolated`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The policy mode a token is made with. Libraries other than Claviger know none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The rules bind.
    Enforce,
    /// Plain PKCS#11.
    Standard,
}

impl Policy {
    /// The word the command line takes.
    pub fn word(self) -> &'static str {
        match self {
            Policy::Enforce => "enforce",
            Policy::Standard => "standard",
        }
    }
}

/// Who may log in, and with what.
#[derive(Clone, Debug)]
pub struct Users {
    /// PIN of the security officer.
    pub so: String,
    /// PIN of the normal user that tests and attacks drive.
    pub user: String,
    /// The named users, where the library has such.
    pub named: Option<NamedUsers>,
}

/// PINs in the form `name:pin` that C_Login takes.
#[derive(Clone, Debug)]
pub struct NamedUsers {
    /// A key manager.
    pub kim: String,
    /// A normal user.
    pub app1: String,
    /// Another normal user.
    pub app2: String,
}

/// A library with a store of its own.
pub trait Fixture: Send + Sync {
    /// The library.
    fn module(&self) -> &Path;
    /// What a process must find in its environment to use this store.
    fn environment(&self) -> Vec<(String, OsString)>;
    /// Makes a token with users from outside the C interface, if the library has a way.
    ///
    /// # Errors
    /// A sentence saying what went wrong, or that there is no such way.
    fn provision(&self, policy: Policy) -> Result<Users, String>;
}

/// The fixture for the library under test: SoftHSM by its file name, Claviger otherwise.
pub fn for_module(module: &Path) -> Result<Box<dyn Fixture>, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let name = module.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.contains("softhsm") {
        return SoftHsm::new(module, dir).map(|fixture| Box::new(fixture) as Box<dyn Fixture>);
    }
    if name.contains("claviger") {
        return Claviger::new(module, dir).map(|fixture| Box::new(fixture) as Box<dyn Fixture>);
    }
    Ok(Box::new(Plain { module: module.to_owned() }))
}

/// The PIN of the security officer in every fixture.
pub const SO_PIN: &str = "12345678";
/// The PIN of the default normal user in every fixture.
pub const USER_PIN: &str = "1234";

struct Claviger {
    module: PathBuf,
    dir: TempDir,
}

impl Fixture for Claviger {
    fn module(&self) -> &Path {
        &self.module
    }

    fn environment(&self) -> Vec<(String, OsString)> {
        vec![
            ("CLAVIGER_TOKEN_DATA".to_owned(), self.dir.path().join("token-data").into()),
            ("CLAVIGER_CONFIG".to_owned(), self.configuration().into()),
        ]
    }

    fn provision(&self, policy: Policy) -> Result<Users, String> {
        self.command(&["init", "--label", "conformance", "--so-pin", SO_PIN, "--policy", policy.word()])?;
        for (name, role) in [("kim", "km"), ("app1", "nu"), ("app2", "nu")] {
            let password = format!("{name}-pin-1");
            self.command(&["user", "create", "--username", name, "--role", role, "--password", &password])?;
        }
        let named = |name: &str| format!("{name}:{name}-pin-1");
        Ok(Users {
            so: SO_PIN.to_owned(),
            user: named("app1"),
            named: Some(NamedUsers { kim: named("kim"), app1: named("app1"), app2: named("app2") }),
        })
    }
}

impl Claviger {
    /// No configuration of the machine reaches a test, and a PIN costs as little as may be.
    fn new(module: &Path, dir: TempDir) -> Result<Self, String> {
        let fixture = Claviger { module: module.to_owned(), dir };
        let written = std::fs::write(fixture.configuration(), "[pin]\ncost = \"quick\"\n");
        written.map(|()| fixture).map_err(|error| error.to_string())
    }

    fn configuration(&self) -> PathBuf {
        self.dir.path().join("claviger.toml")
    }

    fn command(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new(command()?)
            .args(arguments)
            .envs(self.environment())
            .env("CLAVIGER_PIN", format!("so:{SO_PIN}"))
            .output()
            .map_err(|error| format!("claviger: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("claviger {}: {}: {}", arguments.join(" "), output.status, String::from_utf8_lossy(&said)))
    }
}

struct SoftHsm {
    module: PathBuf,
    dir: TempDir,
}

impl SoftHsm {
    fn new(module: &Path, dir: TempDir) -> Result<Self, String> {
        let fixture = SoftHsm { module: module.to_owned(), dir };
        let tokens = fixture.dir.path().join("tokens");
        let settings =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        std::fs::create_dir(&tokens)
            .and_then(|()| std::fs::write(fixture.settings(), settings))
            .map_err(|error| error.to_string())?;
        Ok(fixture)
    }

    fn settings(&self) -> PathBuf {
        self.dir.path().join("softhsm2.conf")
    }
}

impl Fixture for SoftHsm {
    fn module(&self) -> &Path {
        &self.module
    }

    fn environment(&self) -> Vec<(String, OsString)> {
        vec![("SOFTHSM2_CONF".to_owned(), self.settings().into())]
    }

    fn provision(&self, _policy: Policy) -> Result<Users, String> {
        Err("no named users".to_owned())
    }
}

/// Any other library: its store is what the environment of the caller says.
struct Plain {
    module: PathBuf,
}

impl Fixture for Plain {
    fn module(&self) -> &Path {
        &self.module
    }

    fn environment(&self) -> Vec<(String, OsString)> {
        Vec::new()
    }

    fn provision(&self, _policy: Policy) -> Result<Users, String> {
        Err("no named users".to_owned())
    }
}

/// The library under test: CLAVIGER_MODULE, else the one this build made.
pub fn module() -> Result<PathBuf, String> {
    built("CLAVIGER_MODULE", "libclaviger_pkcs11.so", "claviger-pkcs11")
}

/// The command under test: CLAVIGER_COMMAND, else the one this build made.
pub fn command() -> Result<PathBuf, String> {
    built("CLAVIGER_COMMAND", "claviger", "claviger")
}

/// Whether the library under test is Claviger, by its file name.
pub fn is_claviger(module: &Path) -> bool {
    module.file_name().is_some_and(|name| name.to_string_lossy().contains("claviger"))
}

fn built(variable: &str, file: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let found = program.ancestors().skip(1).take(2).map(|dir| dir.join(file)).find(|path| path.exists());
    found.ok_or_else(|| {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        format!("{file} is not built: run `cargo build{release} -p {package}`, or set {variable} to where it is.")
    })
}
