//! Counts of what came of the changes, a line per kind.

use std::collections::BTreeMap;
use std::path::Path;

use crate::doctor::Diagnosis;
use crate::verdict::Verdict;

/// How many violations are printed whole.
const TOLD: usize = 20;

/// The counts.
#[derive(Default)]
pub(crate) struct Tally {
    rows: BTreeMap<String, Row>,
    violations: Vec<String>,
}

#[derive(Default)]
struct Row {
    tried: usize,
    unmoved: usize,
    part: usize,
    token: usize,
    named: usize,
    violated: usize,
}

impl Tally {
    /// Counts a change of a kind; `what` names it when it is a violation.
    pub(crate) fn count(
        &mut self,
        kind: &str,
        what: impl FnOnce() -> String,
        verdict: &Verdict,
        diagnosis: &Diagnosis,
    ) {
        let row = self.rows.entry(kind.to_owned()).or_default();
        row.tried += 1;
        row.named += usize::from(*diagnosis == Diagnosis::Named);
        match verdict {
            Verdict::Unmoved => row.unmoved += 1,
            Verdict::PartRefused => row.part += 1,
            Verdict::TokenRefused => row.token += 1,
            Verdict::Violated(how) => {
                row.violated += 1;
                self.violations.push(format!("{}: {how}", what()));
            }
        }
    }

    /// How many violations there were.
    pub(crate) fn violations(&self) -> usize {
        self.violations.len()
    }

    /// Prints a line for each kind, a sum and the violations.
    pub(crate) fn print(&self, noun: &str) {
        println!(
            "  {:<34} {noun:>9} {:>10} {:>12} {:>14} {:>8} {:>11}",
            "", "no effect", "part refused", "token refused", "named", "violations"
        );
        let mut sum = Row::default();
        for (kind, row) in &self.rows {
            line(kind, row);
            sum.tried += row.tried;
            sum.unmoved += row.unmoved;
            sum.part += row.part;
            sum.token += row.token;
            sum.named += row.named;
            sum.violated += row.violated;
        }
        line("together", &sum);
        self.violations.iter().take(TOLD).for_each(|violation| println!("  violation: {violation}"));
        if self.violations.len() > TOLD {
            println!("  and {} more violations", self.violations.len() - TOLD);
        }
    }
}

fn line(kind: &str, row: &Row) {
    let Row { tried, unmoved, part, token, named, violated } = row;
    println!("  {kind:<34} {tried:>9} {unmoved:>10} {part:>12} {token:>14} {named:>8} {violated:>11}");
}

/// The kind of a file: its name, with the numbers of the audit log's files left out.
pub(crate) fn kind_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".jsonl") { "audit/*.jsonl".to_owned() } else { name.into_owned() }
}
