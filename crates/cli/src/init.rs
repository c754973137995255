//! `claviger init`: C_InitToken with a policy mode.

use clap::Args;
use claviger_rules::{Error, Mode, Refusal};
use claviger_session::Initialize;
use serde_json::json;

use crate::answer::Report;
use crate::arguments::Options;
use crate::connection::Connection;
use crate::credentials::{Credentials, Pin, new_pin};
use crate::problem::Problem;

/// `claviger init`.
#[derive(Args)]
pub(crate) struct Init {
    /// Label of the token, at most 32 bytes.
    #[arg(long)]
    label: String,
    /// PIN of the first security officer, whose name is `so`.
    #[arg(long, value_name = "PIN", value_parser = Pin::parse)]
    so_pin: Option<Pin>,
    /// How strictly the rules bind [default: the configuration's, else enforce; --reset keeps the slot's].
    #[arg(long, value_parser = mode, value_name = "enforce|audit|standard")]
    policy: Option<Mode>,
    /// Wipe an initialised token; CLAVIGER_PIN holds name and PIN of one of its security officers.
    #[arg(long)]
    reset: bool,
}

impl Init {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        let officer = if self.reset { Some(Credentials::read()?) } else { None };
        let so_pin = new_pin(self.so_pin.as_ref(), "--so-pin", "so")?;
        let joined = officer.as_ref().map(Credentials::joined);
        let request = Initialize {
            label: &self.label,
            so_pin: so_pin.expose(),
            mode: self.policy,
            pin_cost: None,
            reset: joined.as_ref().map(|joined| joined.as_slice()),
        };
        connection.library.initialize(connection.slot, &request).map_err(|refusal| self.refused(refusal))?;
        let mode = connection.library.token_info(connection.slot)?.mode;
        let mode = mode.map_or("unknown", Mode::name);
        let data = json!({"slot": connection.slot.0, "label": self.label, "policy": mode});
        let text = format!(
            "Token {:?} is ready in slot {} with policy {mode}. Its security officer is `so`.",
            self.label, connection.slot.0
        );
        Ok(Report::new(data, text))
    }
}

impl Init {
    /// A token in the way is the one refusal that an option of this verb helps against.
    fn refused(&self, refusal: Refusal) -> Problem {
        if refusal.error == Error::ActionProhibited && !self.reset {
            return Problem::new(format!(
                "The slot holds a token already ({}). To wipe it add --reset, and set CLAVIGER_PIN to name and PIN \
                 of one of its security officers.",
                refusal.error
            ));
        }
        Problem::refused("Could not initialise the token")(refusal)
    }
}

/// For clap: a policy mode.
pub(crate) fn mode(text: &str) -> Result<Mode, String> {
    Mode::from_name(text).ok_or_else(|| "the modes are enforce, audit and standard".to_owned())
}
