//! `claviger token`: C_GetTokenInfo with the policy mode, and what a security officer changes about a token.

use clap::{Args, Subcommand};
use claviger_rules::Mode;
use claviger_rules::tighten::Tightened;
use claviger_session::{Cost, flag};
use serde_json::{Map, Value, json};

use crate::answer::{self, Report};
use crate::arguments::Options;
use crate::connection::Connection;
use crate::export::ExportPublic;
use crate::init::mode;
use crate::problem::Problem;

/// `claviger token …`.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Show label, serial number, policy and state of the token.
    Info,
    /// Make the policy stricter, for good: from standard over audit to enforce; a security officer does.
    Tighten(Tighten),
    /// Change settings of the token; a security officer does.
    Set(Set),
    /// Give out public keys and certificates as PEM; with a login also the public halves of private keys.
    ExportPublic(ExportPublic),
}

#[derive(Args)]
pub(crate) struct Tighten {
    /// The stricter policy.
    #[arg(long, alias = "mode", value_parser = mode, value_name = "audit|enforce")]
    policy: Mode,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Set {
    /// After so many wrong PINs in a row a user is locked; 0: never.
    #[arg(long, value_name = "N")]
    max_pin_failures: Option<u32>,
    /// How dear a guess of the PINs set from now on is.
    #[arg(long, value_parser = cost, value_name = "quick|standard|strong")]
    pin_cost: Option<Cost>,
}

/// The flags of CK_TOKEN_INFO that tell a person something.
const FLAGS: [(&str, u64); 9] = [
    ("token-initialized", flag::TOKEN_INITIALIZED),
    ("login-required", flag::LOGIN_REQUIRED),
    ("user-pin-initialized", flag::USER_PIN_INITIALIZED),
    ("user-pin-count-low", flag::USER_PIN_COUNT_LOW),
    ("user-pin-final-try", flag::USER_PIN_FINAL_TRY),
    ("user-pin-locked", flag::USER_PIN_LOCKED),
    ("so-pin-count-low", flag::SO_PIN_COUNT_LOW),
    ("so-pin-final-try", flag::SO_PIN_FINAL_TRY),
    ("so-pin-locked", flag::SO_PIN_LOCKED),
];

impl Token {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        match self {
            Self::Info => info(&connection),
            Self::Tighten(verb) => tighten(&connection, verb.policy),
            Self::Set(verb) => set(&connection, verb),
            Self::ExportPublic(verb) => verb.run(&connection),
        }
    }
}

fn info(connection: &Connection) -> Result<Report, Problem> {
    let info = connection.library.token_info(connection.slot)?;
    let flags: Vec<_> = FLAGS.iter().filter(|(_, bit)| info.flags & bit != 0).map(|(name, _)| json!(name)).collect();
    let data = [
        ("slot", json!(connection.slot.0)),
        ("label", json!(info.label)),
        ("policy", json!(info.mode.map(Mode::name))),
        ("serial-number", json!(info.serial)),
        ("manufacturer", json!(info.manufacturer)),
        ("model", json!(info.model)),
        ("firmware-version", json!(format!("{}.{}", info.firmware_version.major, info.firmware_version.minor))),
        ("min-pin-bytes", json!(info.min_pin_len)),
        ("max-pin-bytes", json!(info.max_pin_len)),
        ("flags", json!(flags)),
    ];
    let table = answer::pairs(data.iter().map(|(name, value)| ((*name).to_owned(), text(value))));
    let data: Map<_, _> = data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Report::new(data.into(), table))
}

fn tighten(connection: &Connection, policy: Mode) -> Result<Report, Problem> {
    let login = connection.login()?;
    let counts = login.session.tighten(policy).map_err(Problem::refused("Could not tighten the policy"))?;
    let (facts, lines) = tightened(&counts);
    let meaning = match policy {
        Mode::Enforce => "The rules bind from now on.",
        Mode::Audit | Mode::Standard => "What enforce would refuse is written to the audit log from now on.",
    };
    let data = json!({"policy": policy.name(), "objects": facts});
    Ok(Report::new(data, format!("The policy is {} now, for good. {meaning}{lines}", policy.name())))
}

/// What a stricter policy did to the objects that were there, for programs and as further lines for people.
pub(crate) fn tightened(counts: &Tightened) -> (Value, String) {
    let Tightened { older, untrusted, bound, exposed } = *counts;
    let data = json!({"older": older, "untrusted": untrusted, "bound": bound, "exposed": exposed});
    let lines = [
        ("Objects made before", older, "They can never become trusted, and nothing is guaranteed of their values."),
        ("Lost TRUSTED", untrusted, "Nothing is wrapped under them as under a trusted key any more."),
        ("Bound to trusted keys", bound, "Sensitive and extractable, they leave only under a trusted key from now on."),
        ("Not private", exposed, "They hold secrets and stay visible to everybody: replace them."),
    ];
    let counted = lines.into_iter().filter(|(_, count, _)| *count > 0);
    (data, counted.map(|(what, count, then)| format!("\n{what}: {count}. {then}")).collect())
}

fn set(connection: &Connection, verb: &Set) -> Result<Report, Problem> {
    let login = connection.login()?;
    let set = login.session.set_settings(verb.max_pin_failures, verb.pin_cost);
    set.map_err(Problem::refused("Could not change the settings"))?;
    let data = json!({"max-pin-failures": verb.max_pin_failures, "pin-cost": verb.pin_cost.map(Cost::name)});
    Ok(Report::new(data, "The settings are changed."))
}

fn cost(text: &str) -> Result<Cost, String> {
    Cost::from_name(text).ok_or_else(|| "the costs are quick, standard and strong".to_owned())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
