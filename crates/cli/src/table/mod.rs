//! `claviger table`: the tables that the token is made of, as Markdown, so that `docs/tables` is their output.
//! Nothing is typed here a second time: the cells come from the rows that the token itself walks.

mod attributes;
mod audit_events;
mod functions;
mod mechanisms;
mod policy;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::answer::Report;

/// `claviger table …`.
#[derive(Subcommand)]
pub(crate) enum Table {
    /// Who may do what: roles, actions, requirements.
    Policy,
    /// The attributes: type, who has them, who may name them when, how they change.
    Attributes,
    /// The mechanisms: key types, sizes, parameters, usages.
    Mechanisms,
    /// The functions of the C interface.
    Functions,
    /// The kinds of events in the audit log.
    AuditEvents,
}

impl Table {
    pub(super) fn run(&self) -> Report {
        let sections = match self {
            Self::Policy => policy::sections(),
            Self::Attributes => attributes::sections(),
            Self::Mechanisms => mechanisms::sections(),
            Self::Functions => functions::sections(),
            Self::AuditEvents => audit_events::sections(),
        };
        let data: Map<_, _> = sections.iter().map(|section| (section.name.to_owned(), section.json())).collect();
        let texts: Vec<_> = sections.iter().map(Section::markdown).collect();
        Report::new(data.into(), texts.join("\n\n"))
    }
}

/// One table with a heading.
struct Section {
    name: &'static str,
    /// A sentence under the heading.
    about: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Section {
    fn new<const N: usize>(
        name: &'static str,
        about: &'static str,
        columns: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { name, about, columns, rows: rows.map(Vec::from).collect() }
    }

    fn json(&self) -> Value {
        let row = |cells: &Vec<String>| -> Map<String, Value> {
            self.columns.iter().cloned().zip(cells.iter().map(|cell| json!(cell))).collect()
        };
        json!(self.rows.iter().map(row).collect::<Vec<_>>())
    }

    fn markdown(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN).set_header(&self.columns);
        table.add_rows(&self.rows);
        format!("## {}\n\n{}\n\n{}", self.name, self.about, table.trim_fmt())
    }
}

/// A list in one cell.
fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// The names, each only when its condition holds.
fn named<const N: usize>(items: [(&str, bool); N]) -> String {
    list(items.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name))
}
