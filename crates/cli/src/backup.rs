//! `claviger backup` and `claviger restore`: the whole token in one sealed file, and back into an empty slot.

use std::path::PathBuf;

use clap::Args;
use claviger_crypto::Secret;
use claviger_rules::Mode;
use claviger_session::Backup as Verified;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::answer::Report;
use crate::arguments::Options;
use crate::connection::Connection;
use crate::credentials::{Pin, hidden, must_be_terminal};
use crate::problem::Problem;

/// Holds the passphrase.
const VARIABLE: &str = "CLAVIGER_BACKUP_PASSPHRASE";

/// `claviger backup`.
#[derive(Args)]
pub(crate) struct Backup {
    /// File to make (mode 0600). None is ever overwritten.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Ask for a passphrase, which comes on top of the domain file; CLAVIGER_BACKUP_PASSPHRASE gives one unasked.
    #[arg(long)]
    passphrase: bool,
}

/// `claviger restore`.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup.
    file: PathBuf,
    /// A security officer of the time of the backup, who consents to an older one; as many as its quorum asks for. Without
    /// the PIN the terminal is asked.
    #[arg(long, value_name = "NAME[:PIN]")]
    officer: Vec<Officer>,
}

/// A name, and a PIN unless it is to be asked for.
#[derive(Clone)]
struct Officer {
    name: String,
    pin: Option<Pin>,
}

impl std::str::FromStr for Officer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.split_once(':') {
            Some((name, pin)) => Self { name: name.to_owned(), pin: Some(Pin::parse(pin)?) },
            None => Self { name: text.to_owned(), pin: None },
        })
    }
}

impl Backup {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        let login = connection.login()?;
        let passphrase = match given() {
            None if self.passphrase => Some(chosen()?),
            given => given,
        };
        let bar = Bar::new(options, "Backing up", Unit::Records);
        let made = connection.library.back_up(&login.session, &self.to, passphrase.as_ref(), &mut bar.tell());
        let made = made.map_err(Problem::refused("Could not back the token up"))?;
        let data = json!({
            "path": self.to.display().to_string(),
            "counter": made.counter,
            "records": made.records,
            "passphrase": passphrase.is_some(),
        });
        let also = if passphrase.is_some() { " and its passphrase" } else { "" };
        let text = format!(
            "Backup {} of the token is in {}. It opens with the domain file{also}: keep a copy of that elsewhere.",
            made.counter,
            self.to.display()
        );
        Ok(Report::new(data, text))
    }
}

impl Restore {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        let act = || format!("Could not restore {}", self.file.display());
        let opening = connection.library.open_backup(&self.file).map_err(Problem::refused(act()))?;
        let passphrase = match given() {
            None if opening.has_passphrase() => Some(asked()?),
            given => given,
        };
        let bar = Bar::new(options, "Verifying", Unit::Bytes);
        let backup = connection.library.verify_backup(opening, passphrase.as_ref(), &mut bar.tell());
        let backup = backup.map_err(Problem::refused(act()))?;
        let officers = self.consent(&backup)?;
        let officers: Vec<_> = officers.iter().map(|(name, pin)| (name.as_str(), pin.expose())).collect();
        let mode = backup.header().mode;
        let bar = Bar::new(options, "Restoring", Unit::Bytes);
        let restored = connection.library.restore(connection.slot, backup, &officers, &mut bar.tell());
        let restored = restored.map_err(Problem::refused(act()))?;
        let label = connection.library.token_info(connection.slot)?.label;
        let data = json!({
            "slot": connection.slot.0,
            "label": label,
            "policy": mode.name(),
            "counter": restored.counter,
            "newer": restored.newer,
            "records": restored.records,
        });
        Ok(Report::new(data, told(&label, connection.slot.0, mode, &restored)))
    }

    /// Names and PINs, if the backup is an older one.
    fn consent(&self, backup: &Verified) -> Result<Vec<(String, Pin)>, Problem> {
        let Some(newer) = backup.newer() else { return Ok(Vec::new()) };
        let needed = backup.header().quorum.needed();
        if u32::try_from(self.officer.len()).unwrap_or(u32::MAX) < needed {
            return Err(Problem::new(format!(
                "Could not restore {}: it is backup {}, and the domain knows backup {newer} of this token (rule R18). What \
                 was retired, deleted or tightened since would come back. If that is meant, {needed} of the security \
                 officers in the backup ({}) must consent: add --officer NAME for each.",
                self.file.display(),
                backup.counter(),
                backup.officers().join(", ")
            )));
        }
        self.officer.iter().map(|officer| Ok((officer.name.clone(), officer.pin()?))).collect()
    }
}

impl Officer {
    fn pin(&self) -> Result<Pin, Problem> {
        if let Some(pin) = &self.pin {
            return Ok(pin.clone());
        }
        must_be_terminal("No PIN is given", "give it with --officer NAME:PIN")?;
        hidden(&format!("PIN of {}: ", self.name))
    }
}

fn told(label: &str, slot: u64, mode: Mode, restored: &claviger_session::Restored) -> String {
    let older = match restored.newer {
        Some(newer) => format!("\nThe domain knows backup {newer}: what was done since is undone."),
        None => String::new(),
    };
    format!(
        "Restored backup {}: token {label:?} is in slot {slot} with policy {}. Users and PINs are as they were.{older}",
        restored.counter,
        mode.name()
    )
}

/// The passphrase of the environment.
fn given() -> Option<Secret> {
    use std::os::unix::ffi::OsStringExt as _;
    std::env::var_os(VARIABLE).map(|text| Secret::new(text.into_vec()))
}

fn chosen() -> Result<Secret, Problem> {
    must_be_terminal("No passphrase is given", &format!("set {VARIABLE}"))?;
    let typed = hidden("Passphrase of the backup: ")?;
    if typed.expose() == hidden("Again: ")?.expose() {
        return Ok(secret(&typed));
    }
    Err(Problem::new("The two passphrases differ. No backup was made; try again."))
}

fn asked() -> Result<Secret, Problem> {
    must_be_terminal("The backup takes a passphrase", &format!("set {VARIABLE}"))?;
    hidden("Passphrase of the backup: ").map(|typed| secret(&typed))
}

fn secret(typed: &Pin) -> Secret {
    Secret::copy_of(typed.expose())
}

/// What is counted.
#[derive(Clone, Copy)]
enum Unit {
    Records,
    Bytes,
}

/// A progress bar on a terminal, and nothing elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new(options: &Options, doing: &'static str, unit: Unit) -> Self {
        let template = match unit {
            Unit::Records => "{msg} {wide_bar} {pos}/{len} records",
            Unit::Bytes => "{msg} {wide_bar} {bytes}/{total_bytes}",
        };
        let bar = if options.is_json() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar.with_message(doing))
    }

    fn tell(&self) -> impl FnMut(u64, u64) + '_ {
        |done, total| {
            self.0.set_length(total);
            self.0.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_officer_is_a_name_with_or_without_a_pin() {
        let officer: Officer = "so2:a:b".parse().unwrap();
        assert_eq!((officer.name.as_str(), officer.pin.unwrap().expose()), ("so2", &b"a:b"[..]));
        assert!("so2".parse::<Officer>().unwrap().pin.is_none());
    }
}
