//! `claviger token info`: C_GetTokenInfo, and the policy mode.

use clap::Subcommand;
use claviger_rules::Mode;
use claviger_session::flag;
use serde_json::{Map, Value, json};

use crate::answer::{self, Report};
use crate::arguments::Options;
use crate::connection::Connection;
use crate::problem::Problem;

/// `claviger token …`.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Show label, serial number, policy and state of the token.
    Info,
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
        let Self::Info = self;
        let connection = Connection::open(options)?;
        let info = connection.library.token_info(connection.slot)?;
        let flags: Vec<_> =
            FLAGS.iter().filter(|(_, bit)| info.flags & bit != 0).map(|(name, _)| json!(name)).collect();
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
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
