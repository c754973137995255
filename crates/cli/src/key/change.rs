//! `claviger key set-attribute` and `claviger key delete`.

use clap::Args;
use claviger_rules::Template;
use claviger_session::Session;
use serde_json::json;

use super::record::Record;
use crate::answer::Report;
use crate::attribute::{Assignment, find};
use crate::filter::{Filter, single};
use crate::problem::Problem;

/// `claviger key set-attribute`.
#[derive(Args)]
pub(crate) struct SetAttribute {
    /// The key: attr.NAME=VALUE, key-reference=0x…; all must match.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// The attribute's name, for example trusted.
    #[arg(long)]
    name: String,
    /// Its new value.
    #[arg(long)]
    value: String,
}

impl SetAttribute {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let row = find(&self.name).map_err(|reason| Problem::new(format!("Nothing was changed: {reason}.")))?;
        let assignment = Assignment::of(row, &self.value)
            .map_err(|reason| Problem::new(format!("Nothing was changed: {reason}.")))?;
        let key = single(session, "--filter", &self.filter)?;
        let label = Record::read(session, key)?.name();
        session
            .set_attributes(key, Template::from_list([assignment.pair()?])?)
            .map_err(Problem::refused(format!("Could not set {} of {label}", self.name)))?;
        let data = json!({"message": "Attribute set successfully"});
        Ok(Report::new(data, format!("Set {} of {label} to {}.", self.name, self.value)))
    }
}

/// Destroys the one key that matches.
pub(super) fn delete(session: &Session, filters: &[Filter]) -> Result<Report, Problem> {
    let key = single(session, "--filter", filters)?;
    let label = Record::read(session, key)?.name();
    session.destroy_object(key).map_err(Problem::refused(format!("Could not delete {label}")))?;
    Ok(Report::new(json!({"message": "Key deleted successfully"}), format!("Deleted {label}.")))
}
