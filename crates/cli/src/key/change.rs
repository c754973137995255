//! `claviger key set-attribute`, `trust`, `retire` and `delete`.

use clap::Args;
use claviger_rules::{AttributeType, Template, Value};
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

/// Marks the one key that matches trusted.
pub(super) fn trust(session: &Session, filters: &[Filter]) -> Result<Report, Problem> {
    let label = set_trusted(session, filters, true)?;
    Ok(Report::new(json!({"message": "Key marked trusted"}), format!("Marked {label} trusted.")))
}

/// Retires the one key that matches.
pub(super) fn retire(session: &Session, filters: &[Filter]) -> Result<Report, Problem> {
    let label = set_trusted(session, filters, false)?;
    Ok(Report::new(json!({"message": "Key retired"}), format!("Retired {label}.")))
}

/// Gives the key's name.
fn set_trusted(session: &Session, filters: &[Filter], trusted: bool) -> Result<String, Problem> {
    let key = single(session, "--filter", filters)?;
    let label = Record::read(session, key)?.name();
    let change = Template::from_list([(AttributeType::TRUSTED, Value::Bool(trusted))])?;
    let what = if trusted { format!("mark {label} trusted") } else { format!("retire {label}") };
    session.set_attributes(key, change).map_err(Problem::refused(format!("Could not {what}")))?;
    Ok(label)
}

/// Destroys the one key that matches.
pub(super) fn delete(session: &Session, filters: &[Filter]) -> Result<Report, Problem> {
    let key = single(session, "--filter", filters)?;
    let label = Record::read(session, key)?.name();
    session.destroy_object(key).map_err(Problem::refused(format!("Could not delete {label}")))?;
    Ok(Report::new(json!({"message": "Key deleted successfully"}), format!("Deleted {label}.")))
}
