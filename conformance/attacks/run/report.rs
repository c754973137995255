//! What became of one attack, and the counts of all.

use std::fmt;
use std::process::Output;

use claviger_conformance::attacks::Attack;
use serde_json::{Value, json};

/// What a child said of one attack.
pub(super) struct Report {
    /// The outcome in a word.
    pub(super) outcome: String,
    /// Why it must not be; empty when it may.
    pub(super) fault: String,
    /// How many ways could not be tried with this library; the reason of each is among the details.
    pub(super) left_out: u64,
    /// A line for each way.
    pub(super) details: Vec<String>,
}

/// Where the details begin.
const MARGIN: usize = 87;

impl Report {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "outcome": self.outcome, "fault": self.fault, "left_out": self.left_out, "details": self.details,
        })
    }

    /// The same with what the catalogue says of the attack.
    pub(super) fn row(&self, attack: &Attack) -> Value {
        json!({
            "id": attack.id, "name": attack.name, "starred": attack.starred, "rules": attack.rules,
            "outcome": self.outcome, "fault": self.fault, "left_out": self.left_out, "details": self.details,
        })
    }

    /// From a child's output. One that crashed is a fault of its own.
    pub(super) fn read(output: &Output, judged: bool) -> Report {
        let said = String::from_utf8_lossy(&output.stdout);
        let value = said.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        if let (true, Some(value)) = (output.status.success(), value) {
            let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            let lines = value["details"].as_array().into_iter().flatten();
            return Report {
                outcome: text("outcome"),
                fault: text("fault"),
                left_out: value["left_out"].as_u64().unwrap_or_default(),
                details: lines.filter_map(|line| line.as_str().map(str::to_owned)).collect(),
            };
        }
        let fault = if judged { "could not be tried".to_owned() } else { String::new() };
        let errors = String::from_utf8_lossy(&output.stderr);
        let details = std::iter::once(output.status.to_string()).chain(errors.lines().take(4).map(str::to_owned));
        Report { outcome: "CRASHED".to_owned(), fault, left_out: 0, details: details.collect() }
    }

    pub(super) fn print_head() {
        println!("{:<6} {:<50} {:<14} {:<14} what happened", "attack", "name", "outcome", "rules");
    }

    pub(super) fn print(&self, attack: &Attack) {
        let id = format!("{}{}", attack.id, if attack.starred { " *" } else { "" });
        let mut details = self.details.clone();
        if !self.fault.is_empty() {
            details.push(format!("FAULT: {}", self.fault));
        }
        let mut details = details.iter();
        let first = details.next().map(String::as_str).unwrap_or_default();
        println!("{id:<6} {:<50} {:<14} {:<14} {first}", attack.name, self.outcome, attack.rules);
        for detail in details {
            println!("{:MARGIN$} {detail}", "");
        }
    }
}

/// How many attacks ended how.
#[derive(Default)]
pub(super) struct Counts {
    attacks: u32,
    succeeded: u32,
    refused: u32,
    harmless: u32,
    not_applicable: u32,
    crashed_or_broken: u32,
    ways_left_out: u64,
    pub(super) faults: u32,
}

impl Counts {
    pub(super) fn add(&mut self, report: &Report) {
        self.attacks += 1;
        *match report.outcome.as_str() {
            "SUCCEEDED" => &mut self.succeeded,
            "refused" => &mut self.refused,
            "harmless" => &mut self.harmless,
            "not applicable" => &mut self.not_applicable,
            _ => &mut self.crashed_or_broken,
        } += 1;
        self.ways_left_out += report.left_out;
        self.faults += u32::from(!report.fault.is_empty());
    }

    pub(super) fn add_all(&mut self, other: &Counts) {
        self.attacks += other.attacks;
        self.succeeded += other.succeeded;
        self.refused += other.refused;
        self.harmless += other.harmless;
        self.not_applicable += other.not_applicable;
        self.crashed_or_broken += other.crashed_or_broken;
        self.ways_left_out += other.ways_left_out;
        self.faults += other.faults;
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "attacks": self.attacks, "succeeded": self.succeeded, "refused": self.refused, "harmless": self.harmless,
            "not_applicable": self.not_applicable, "crashed_or_broken": self.crashed_or_broken,
            "ways_left_out": self.ways_left_out, "faults": self.faults,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} attacks: {} succeeded, {} refused, {} harmless, {} not applicable, {} crashed or broken; \
             {} ways left out with a reason; {} faults",
            self.attacks,
            self.succeeded,
            self.refused,
            self.harmless,
            self.not_applicable,
            self.crashed_or_broken,
            self.ways_left_out,
            self.faults
        )
    }
}
