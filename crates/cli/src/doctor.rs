//! `claviger doctor`: looks at every record of a slot and names what is not what it must be.

use clap::Args;
use claviger_session::{Examined, Finding};
use serde_json::{Value, json};

use crate::answer::Report;
use crate::arguments::Options;
use crate::connection::Connection;
use crate::credentials::Credentials;
use crate::problem::Problem;

/// `claviger doctor`.
#[derive(Args)]
pub(crate) struct Doctor;

impl Doctor {
    #[allow(clippy::unused_self, reason = "every verb runs")]
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        // Private records open with a login. Nobody is asked for one: without it they are compared all the same.
        let login = if Credentials::from_environment()?.is_some() { Some(connection.login()?) } else { None };
        let examined = connection.library.examine(connection.slot)?;
        drop(login);
        Ok(report(&examined))
    }
}

fn report(examined: &Examined) -> Report {
    let Examined { records, closed, findings } = examined;
    let data = json!({
        "records": records,
        "not-opened": closed,
        "findings": findings.iter().map(fact).collect::<Vec<_>>(),
    });
    let mut text = format!("Records looked at: {records}. Damaged: {}.", findings.len());
    if *closed > 0 {
        text.push_str(&format!("\nPrivate and not opened: {closed}. CLAVIGER_PIN=name:pin opens them too."));
    }
    if findings.is_empty() {
        return Report::new(data, text);
    }
    text.extend(findings.iter().map(|finding| format!("\n{}", sentence(finding))));
    text.push_str("\nAll else goes on working. What is damaged comes back with a backup: `claviger restore`.");
    Report::bad(data, text)
}

/// What is damaged, and its number in the store.
fn fact(finding: &Finding) -> Value {
    match finding {
        Finding::Object(id) => json!({"damaged": "object", "number": id.0}),
        Finding::User(id) => json!({"damaged": "user", "number": id.0}),
        Finding::Act(id) => json!({"damaged": "act", "number": id.0}),
        Finding::Index => json!({"damaged": "index"}),
        Finding::Token(error) => json!({"damaged": "token", "because": error.to_string()}),
        Finding::Unknown(rows) => json!({"damaged": "unknown-rows", "rows": rows}),
    }
}

fn sentence(finding: &Finding) -> String {
    match finding {
        Finding::Object(id) => format!("Object {}: edited, moved, deleted or put back. It is refused.", id.0),
        Finding::User(id) => format!("User {}: its record does not open. Nobody logs in as it.", id.0),
        Finding::Act(id) => format!("Pending act {}: its record does not open. It can only be withdrawn.", id.0),
        Finding::Index => "A part of the index: objects are searched for one by one.".to_owned(),
        Finding::Token(error) => format!("The token: {error}."),
        Finding::Unknown(rows) => format!("Rows that no commit has written: {rows}. They are passed over."),
    }
}

#[cfg(test)]
mod tests {
    use claviger_session::ObjectId;

    use super::*;

    #[test]
    fn what_is_damaged_is_named_and_the_exit_status_says_so() {
        let whole = Examined { records: 7, closed: 0, findings: Vec::new() };
        assert!(!report(&whole).is_bad());
        let damaged = Examined { findings: vec![Finding::Object(ObjectId(5))], ..whole };
        let report = report(&damaged);
        assert!(report.is_bad());
        assert!(report.text.contains("Object 5: "));
        assert_eq!(report.data["findings"][0], json!({"damaged": "object", "number": 5}));
    }
}
