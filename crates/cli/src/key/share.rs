//! `claviger key share` and `claviger key unshare`: the names in CKA_CLAVIGER_SHARED_WITH.

use clap::Args;
use claviger_rules::{AttributeType, Template, Value};
use claviger_session::Session;
use serde_json::json;

use super::record::Record;
use crate::answer::Report;
use crate::filter::{Filter, single};
use crate::problem::Problem;

/// `claviger key share` and `unshare`.
#[derive(Args)]
pub(crate) struct Share {
    /// The key: attr.NAME=VALUE, key-reference=0x…; all must match.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// The user.
    #[arg(long)]
    username: String,
}

/// Which of the two verbs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Add the name.
    Share,
    /// Take it away.
    Unshare,
}

impl Share {
    pub(super) fn run(&self, session: &Session, direction: Direction) -> Result<Report, Problem> {
        let key = single(session, "--filter", &self.filter)?;
        let record = Record::read(session, key)?;
        let label = record.name();
        let mut names = record.shared_with();
        names.retain(|name| *name != self.username);
        if direction == Direction::Share {
            names.push(self.username.clone());
        }
        let change = [(AttributeType::CLAVIGER_SHARED_WITH, Value::bytes(names.join("\0")))];
        let (message, verb, now) = match direction {
            Direction::Share => ("Key shared successfully", "share", "may use"),
            Direction::Unshare => ("Key unshared successfully", "unshare", "may no longer use"),
        };
        session
            .set_attributes(key, Template::from_list(change)?)
            .map_err(Problem::refused(format!("Could not {verb} {label}")))?;
        let text = format!("User {:?} {now} {label}.", self.username);
        Ok(Report::new(json!({"message": message}), text))
    }
}
