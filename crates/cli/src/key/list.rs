//! `claviger key list`.

use clap::Args;
use claviger_rules::AttributeType;
use claviger_session::Session;
use serde_json::json;

use super::record::Record;
use crate::answer::{self, Report};
use crate::filter::{Filter, matching};
use crate::problem::Problem;

/// `claviger key list`.
#[derive(Args)]
pub(crate) struct List {
    /// Only keys that match all of these: attr.NAME=VALUE, key-reference=0x….
    #[arg(long, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// Show every attribute.
    #[arg(short, long)]
    verbose: bool,
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let keys = matching(session, &self.filter)?;
        let records: Result<Vec<_>, Problem> = keys.into_iter().map(|key| Record::read(session, key)).collect();
        let records = records?;
        let matched: Vec<_> = records.iter().map(|record| record.json(self.verbose)).collect();
        let data = json!({
            "matched_keys": matched,
            "total_key_count": records.len(),
            "returned_key_count": records.len(),
        });
        Ok(Report::new(data, if self.verbose { paragraphs(&records) } else { overview(&records) }))
    }
}

/// A line per key, and their number.
fn overview(records: &[Record]) -> String {
    let mut table = answer::table(["Label", "Type", "Owner", "Shared with", "Trusted", "Leaves", "Reference"]);
    for record in records {
        table.add_row([
            record.text(AttributeType::LABEL),
            record.kind(),
            record.text(AttributeType::CLAVIGER_OWNER),
            record.shared_with().join(", "),
            if record.trusted() { "yes".to_owned() } else { String::new() },
            record.leaves().to_owned(),
            record.reference(),
        ]);
    }
    match records.len() {
        0 => "No keys.".to_owned(),
        1 => format!("{}\n1 key.", table.trim_fmt()),
        count => format!("{}\n{count} keys.", table.trim_fmt()),
    }
}

/// A paragraph per key with all its attributes.
fn paragraphs(records: &[Record]) -> String {
    if records.is_empty() {
        return "No keys.".to_owned();
    }
    let texts: Vec<_> = records.iter().map(paragraph).collect();
    texts.join("\n\n")
}

fn paragraph(record: &Record) -> String {
    let json = record.json(true);
    let first = [
        ("key-reference".to_owned(), record.reference()),
        ("owner".to_owned(), record.text(AttributeType::CLAVIGER_OWNER)),
        ("shared-with".to_owned(), record.shared_with().join(", ")),
    ];
    let attributes = json.get("attributes").and_then(serde_json::Value::as_object).into_iter().flatten();
    let rest = attributes.map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), value)
    });
    answer::pairs(first.into_iter().chain(rest))
}
