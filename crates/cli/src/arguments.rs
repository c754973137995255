//! The command line: global options and the verb groups. Each group's own file holds its verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use claviger_session::SlotId;

use crate::answer::Report;
use crate::problem::Problem;
use crate::{audit, backup, doctor, init, key, quorum, table, token, user};

/// A software HSM whose token enforces the NU / KM / SO roles.
#[derive(Parser)]
#[command(name = "claviger", version, max_term_width = 100)]
#[command(after_help = "Credentials: CLAVIGER_PIN=name:pin, otherwise the terminal is asked.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    group: Group,
}

/// Options that every verb takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Directory of the token [default: CLAVIGER_TOKEN_DATA, else what claviger.toml says].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) token_data: Option<PathBuf>,
    /// Slot of the token.
    #[arg(long, global = true, value_name = "N", default_value = "0", value_parser = slot)]
    pub(crate) slot: SlotId,
    /// Print one JSON value and nothing else.
    #[arg(long, global = true)]
    json: bool,
}

impl Options {
    /// Whether a program reads the answer.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }
}

#[derive(Subcommand)]
enum Group {
    /// Initialise a slot: make a token with its first security officer, `so`.
    Init(init::Init),
    /// Manage the users of a token.
    #[command(subcommand)]
    User(user::User),
    /// Make, list, change, share, wrap and unwrap keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Let several security officers decide together.
    #[command(subcommand)]
    Quorum(quorum::Quorum),
    /// Show the token, tighten its policy.
    #[command(subcommand)]
    Token(token::Token),
    /// Write the whole token into a sealed file; a security officer does.
    Backup(backup::Backup),
    /// Put a backup into an empty slot of the same domain.
    Restore(backup::Restore),
    /// Read the audit log; a security officer does.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look for damage: every record of the slot, and what is not what it must be.
    Doctor(doctor::Doctor),
    /// Print one of the tables that the token is made of.
    #[command(subcommand)]
    Table(table::Table),
}

impl Arguments {
    /// Does what the command line says.
    pub(crate) fn run(self) -> Result<Report, Problem> {
        let options = &self.options;
        match self.group {
            Group::Init(verb) => verb.run(options),
            Group::User(verb) => verb.run(options),
            Group::Key(verb) => verb.run(options),
            Group::Quorum(verb) => verb.run(options),
            Group::Token(verb) => verb.run(options),
            Group::Backup(verb) => verb.run(options),
            Group::Restore(verb) => verb.run(options),
            Group::Audit(verb) => verb.run(options),
            Group::Doctor(verb) => verb.run(options),
            Group::Table(verb) => Ok(verb.run()),
        }
    }
}

fn slot(text: &str) -> Result<SlotId, String> {
    text.parse().map(SlotId).map_err(|_| "a slot is a number".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
