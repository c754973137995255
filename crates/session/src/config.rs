//! Where the tokens are and how new ones are made: environment and `claviger.toml`. Not what can be set per token;
//! that is in the token's header.
//!
//! ```toml
//! token-data = "/var/lib/claviger"   # a relative path starts at this file's directory; "memory:" is no file at all
//! domain = "/etc/claviger/domain"    # the key that seals backups; otherwise `domain` in token-data
//! slots = [0, 1]
//! mode = "enforce"                   # of a token made by C_InitToken: enforce, audit or standard
//!
//! [pin]
//! cost = "standard"                  # quick, standard or strong
//! max-failures = 10                  # 0: never lock
//!
//! [sessions]
//! max = 0                            # of one application; 0: no limit
//! max-read-write = 0
//!
//! [audit]
//! max-file-bytes = 4194304           # of one file of the audit log; at least 4096
//! max-files = 8                      # the oldest is dropped; at least 2
//! ```
//!
//! With `memory:` everything, the audit log too, is kept in this process and is gone at C_Finalize, and a child of fork
//! starts with nothing: for unit tests of applications.
//!
//! `CLAVIGER_APPLICATION` is the name by which the audit log knows the program; otherwise that of its executable.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use claviger_audit::Limits;
use claviger_rules::{Error, Mode, Refusal};
use claviger_store::{Cost, Settings};
use serde::{Deserialize, Deserializer};

use crate::token::Defaults;

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of the tokens.
    pub token_data: PathBuf,
    /// The file of the domain, which seals backups; none for tokens in memory unless it is named.
    pub domain: Option<PathBuf>,
    /// The slots' numbers, rising.
    pub slots: Vec<u32>,
    /// The mode that a token made by C_InitToken is born in.
    pub default_mode: Mode,
    /// How dear a guess of a PIN is on a new token.
    pub pin_cost: Cost,
    /// After so many wrong PINs in a row a new token locks a user; 0: never.
    pub max_pin_failures: u32,
    /// The most sessions of one application with one token; 0: no limit.
    pub max_sessions: u64,
    /// The most read/write sessions of one application with one token; 0: no limit.
    pub max_rw_sessions: u64,
    /// How large the audit log of a token may become.
    pub audit: Limits,
    /// How the audit log names this program.
    pub application: String,
}

impl Config {
    /// Slots 0 and 1 in `token_data`, and the defaults in all else.
    pub fn new(token_data: impl Into<PathBuf>) -> Self {
        let Settings { max_pin_failures, cost } = Settings::default();
        let token_data = token_data.into();
        Self {
            domain: Some(token_data.join("domain")).filter(|_| !is_memory(&token_data)),
            token_data,
            slots: vec![0, 1],
            default_mode: Mode::Enforce,
            pin_cost: cost,
            max_pin_failures,
            max_sessions: 0,
            max_rw_sessions: 0,
            audit: Limits::default(),
            application: executable(),
        }
    }

    /// Reads environment and file. Neither need be there.
    ///
    /// The directory is `CLAVIGER_TOKEN_DATA`, or the file's `token-data`, or `$XDG_DATA_HOME/claviger/token-data`. The
    /// domain is `CLAVIGER_DOMAIN`, or the file's `domain`, or `domain` in that directory. The configuration file is `CLAVIGER_CONFIG`, or `claviger.toml` in `$XDG_CONFIG_HOME/claviger` or `/etc/claviger`.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_environment(&|name| std::env::var_os(name))
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let file = File::find(&variable)?;
        let directory = match variable("CLAVIGER_TOKEN_DATA") {
            Some(directory) => Some(PathBuf::from(directory)),
            None => file
                .token_data
                .clone()
                .or_else(|| Some(home(&variable, "XDG_DATA_HOME", ".local/share")?.join("token-data"))),
        };
        let directory = directory.ok_or(ConfigError::NoDirectory)?;
        let base = Self::new(directory);
        let domain =
            variable("CLAVIGER_DOMAIN").map(PathBuf::from).or_else(|| file.domain.clone()).or(base.domain.clone());
        let named = variable("CLAVIGER_APPLICATION").map(|name| name.to_string_lossy().into_owned());
        let application = named.unwrap_or_else(|| base.application.clone());
        Ok(file.over(Self { application, domain, ..base }))
    }

    /// Whether everything is kept in memory, and no file is touched.
    pub fn is_in_memory(&self) -> bool {
        is_memory(&self.token_data)
    }

    pub(crate) const fn defaults(&self) -> Defaults {
        Defaults {
            mode: self.default_mode,
            settings: Settings { max_pin_failures: self.max_pin_failures, cost: self.pin_cost },
            max_sessions: self.max_sessions,
            max_rw_sessions: self.max_rw_sessions,
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::ErrorKind),
    /// The file says something else than it may.
    Wrong(PathBuf, String),
    /// Nothing says where the tokens are: no configuration, no home directory.
    NoDirectory,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, kind) => write!(f, "cannot read {}: {kind}", path.display()),
            Self::Wrong(path, what) => write!(f, "{}: {}", path.display(), what.trim_end()),
            Self::NoDirectory => {
                f.write_str("set CLAVIGER_TOKEN_DATA to the directory of the tokens: there is no home directory")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Refusal {
    fn from(_: ConfigError) -> Self {
        Self::standard(Error::GeneralError, "the configuration is wrong")
    }
}

/// `claviger.toml`. What it leaves out stays as it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    token_data: Option<PathBuf>,
    domain: Option<PathBuf>,
    #[serde(deserialize_with = "slots")]
    slots: Option<Vec<u32>>,
    #[serde(deserialize_with = "mode")]
    mode: Option<Mode>,
    pin: PinSection,
    sessions: SessionsSection,
    audit: AuditSection,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct PinSection {
    #[serde(deserialize_with = "cost")]
    cost: Option<Cost>,
    max_failures: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct SessionsSection {
    max: Option<u64>,
    max_read_write: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct AuditSection {
    #[serde(deserialize_with = "file_bytes")]
    max_file_bytes: Option<u64>,
    #[serde(deserialize_with = "files")]
    max_files: Option<u64>,
}

impl File {
    fn find(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        if let Some(path) = variable("CLAVIGER_CONFIG").map(PathBuf::from) {
            return Self::read(&path)?.ok_or(ConfigError::Unreadable(path, io::ErrorKind::NotFound));
        }
        let places = home(variable, "XDG_CONFIG_HOME", ".config").into_iter().chain([PathBuf::from("/etc/claviger")]);
        for directory in places {
            if let Some(file) = Self::read(&directory.join("claviger.toml"))? {
                return Ok(file);
            }
        }
        Ok(Self::default())
    }

    fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(ConfigError::Unreadable(path.to_owned(), error.kind())),
        };
        let mut file: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Wrong(path.to_owned(), error.to_string()))?;
        let places = [file.token_data.as_mut().filter(|data| !is_memory(data)), file.domain.as_mut()];
        for place in places.into_iter().flatten() {
            *place = path.parent().unwrap_or(Path::new("")).join(&*place);
        }
        Ok(Some(file))
    }

    fn over(self, base: Config) -> Config {
        Config {
            token_data: base.token_data,
            domain: base.domain,
            slots: self.slots.unwrap_or(base.slots),
            default_mode: self.mode.unwrap_or(base.default_mode),
            pin_cost: self.pin.cost.unwrap_or(base.pin_cost),
            max_pin_failures: self.pin.max_failures.unwrap_or(base.max_pin_failures),
            max_sessions: self.sessions.max.unwrap_or(base.max_sessions),
            max_rw_sessions: self.sessions.max_read_write.unwrap_or(base.max_rw_sessions),
            audit: Limits {
                file_bytes: self.audit.max_file_bytes.unwrap_or(base.audit.file_bytes),
                files: self.audit.max_files.unwrap_or(base.audit.files),
            },
            application: base.application,
        }
    }
}

/// Whether that stands for no directory at all.
fn is_memory(token_data: &Path) -> bool {
    token_data == Path::new("memory:")
}

/// The directory `claviger` under an XDG base directory, or under its default in the home directory. A relative one
/// counts for nothing (XDG Base Directory Specification).
fn home(variable: &dyn Fn(&str) -> Option<OsString>, xdg: &str, default: &str) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let base = variable(xdg).and_then(absolute);
    let base = base.or_else(|| Some(variable("HOME").and_then(absolute)?.join(default)));
    Some(base?.join("claviger"))
}

/// The file name of the program that is running.
fn executable() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Mode>, D::Error> {
    let name = String::deserialize(from)?;
    let unknown = || serde::de::Error::custom(format!("the mode is enforce, audit or standard, not `{name}`"));
    Mode::from_name(&name).map(Some).ok_or_else(unknown)
}

fn cost<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Cost>, D::Error> {
    let name = String::deserialize(from)?;
    let unknown = || serde::de::Error::custom(format!("the PIN cost is quick, standard or strong, not `{name}`"));
    Cost::from_name(&name).map(Some).ok_or_else(unknown)
}

fn file_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    at_least(4096, from)
}

fn files<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    at_least(2, from)
}

fn at_least<'de, D: Deserializer<'de>>(least: u64, from: D) -> Result<Option<u64>, D::Error> {
    let number = u64::deserialize(from)?;
    let too_small = || serde::de::Error::custom(format!("the least is {least}, not {number}"));
    Some(number).filter(|number| *number >= least).map(Some).ok_or_else(too_small)
}

fn slots<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u32>>, D::Error> {
    let mut slots = Vec::<u32>::deserialize(from)?;
    slots.sort_unstable();
    if slots.is_empty() || slots.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(serde::de::Error::custom("name at least one slot, and each once"));
    }
    Ok(Some(slots))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    fn load_file(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.toml");
        fs::write(&path, text).unwrap();
        let loaded = load(&[("CLAVIGER_CONFIG", path.to_str().unwrap()), ("CLAVIGER_TOKEN_DATA", "/data")]);
        loaded.map_err(|error| error.to_string())
    }

    #[test]
    fn no_configuration_at_all_is_enough() {
        let config = load(&[("HOME", "/home/ann")]).unwrap();
        assert_eq!(config, Config::new("/home/ann/.local/share/claviger/token-data"));
        assert_eq!((config.slots, config.default_mode), (vec![0, 1], Mode::Enforce));
    }

    #[test]
    fn without_even_a_home_the_sentence_says_what_to_set() {
        assert!(load(&[]).unwrap_err().to_string().contains("CLAVIGER_TOKEN_DATA"));
        assert_eq!(load(&[("CLAVIGER_TOKEN_DATA", "/data")]).unwrap(), Config::new("/data"));
    }

    #[test]
    fn a_relative_xdg_directory_counts_for_nothing() {
        let config = load(&[("HOME", "/home/ann"), ("XDG_DATA_HOME", "data")]).unwrap();
        assert_eq!(config.token_data, Path::new("/home/ann/.local/share/claviger/token-data"));
        let config = load(&[("HOME", "/home/ann"), ("XDG_DATA_HOME", "/srv")]).unwrap();
        assert_eq!(config.token_data, Path::new("/srv/claviger/token-data"));
    }

    #[test]
    fn the_file_says_it_all_and_the_environment_moves_the_directory() {
        let text = "token-data = 'tokens'\nslots = [7, 3]\nmode = 'audit'\n[pin]\ncost = 'quick'\nmax-failures = 3\n\
                    [sessions]\nmax = 9\nmax-read-write = 2\n[audit]\nmax-file-bytes = 9999\nmax-files = 3\n";
        let expected = Config {
            token_data: PathBuf::from("/data"),
            domain: Some(PathBuf::from("/data/domain")),
            slots: vec![3, 7],
            default_mode: Mode::Audit,
            pin_cost: Cost::Quick,
            max_pin_failures: 3,
            max_sessions: 9,
            max_rw_sessions: 2,
            audit: Limits { file_bytes: 9999, files: 3 },
            application: executable(),
        };
        assert_eq!(load_file(text).unwrap(), expected);
    }

    #[test]
    fn the_environment_names_the_application() {
        let config = load(&[("CLAVIGER_TOKEN_DATA", "/data"), ("CLAVIGER_APPLICATION", "payments")]).unwrap();
        assert_eq!(config.application, "payments");
        assert!(!Config::new("/data").application.is_empty());
    }

    #[test]
    fn a_path_in_the_file_starts_at_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("claviger");
        fs::create_dir(&config).unwrap();
        fs::write(config.join("claviger.toml"), "token-data = 'tokens'").unwrap();
        let loaded = load(&[("XDG_CONFIG_HOME", directory.path().to_str().unwrap())]).unwrap();
        assert_eq!(loaded.token_data, config.join("tokens"));
    }

    #[test]
    fn the_domain_is_where_the_environment_says_or_the_file_or_with_the_tokens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.toml");
        fs::write(&path, "domain = 'keys/domain'").unwrap();
        let base = [("CLAVIGER_TOKEN_DATA", "/data"), ("CLAVIGER_CONFIG", path.to_str().unwrap())];
        assert_eq!(load(&base[..1]).unwrap().domain, Some(PathBuf::from("/data/domain")));
        assert_eq!(load(&base).unwrap().domain, Some(directory.path().join("keys/domain")));
        let named = [&base[..], &[("CLAVIGER_DOMAIN", "/etc/claviger/domain")]].concat();
        assert_eq!(load(&named).unwrap().domain, Some(PathBuf::from("/etc/claviger/domain")));
    }

    #[test]
    fn memory_is_no_path_and_has_no_domain() {
        let config = load(&[("CLAVIGER_TOKEN_DATA", "memory:")]).unwrap();
        assert!(config.is_in_memory() && config.domain.is_none());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.toml");
        fs::write(&path, "token-data = 'memory:'").unwrap();
        assert!(load(&[("CLAVIGER_CONFIG", path.to_str().unwrap())]).unwrap().is_in_memory());
        assert!(!load(&[("CLAVIGER_TOKEN_DATA", "./memory:x")]).unwrap().is_in_memory());
    }

    #[test]
    fn a_wrong_file_is_a_sentence_that_says_where_and_what() {
        for (text, said) in [
            ("mode = 'strict'", "enforce, audit or standard, not `strict`"),
            ("[pin]\ncost = 'none'", "quick, standard or strong, not `none`"),
            ("slots = []", "at least one slot"),
            ("slots = [1, 1]", "each once"),
            ("slot = [1]", "unknown field `slot`"),
            ("slots = [-1]", "slots"),
            ("[audit]\nmax-files = 1", "the least is 2"),
            ("[audit]\nmax-file-bytes = 0", "the least is 4096"),
            ("mode = ", "line 1"),
        ] {
            let error = load_file(text).unwrap_err();
            assert!(error.contains("claviger.toml: ") && error.contains(said), "{error}");
        }
        let error = load(&[("CLAVIGER_CONFIG", "/nowhere/claviger.toml")]).unwrap_err().to_string();
        assert!(error.contains("cannot read /nowhere/claviger.toml"), "{error}");
    }
}
