//! What a command answers: one JSON value or some text, and an exit status.

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use claviger_rules::Filed;
use comfy_table::{LineStyle, Table, TableStyle};
use serde_json::{Value, json};

use crate::problem::Problem;

/// What a verb has to say when it succeeded: the same facts twice.
pub(crate) struct Report {
    /// For programs: the value of `data`.
    pub(crate) data: Value,
    /// For people, without the last line's end.
    pub(crate) text: String,
    /// Whether what was asked for was done and its outcome is bad: exit status 1.
    bad: bool,
}

impl Report {
    /// A report whose text is one sentence.
    pub(crate) fn new(data: Value, text: impl Into<String>) -> Self {
        Self { data, text: text.into(), bad: false }
    }

    /// The same of something that is not as it should be.
    pub(crate) fn bad(data: Value, text: impl Into<String>) -> Self {
        Self { bad: true, ..Self::new(data, text) }
    }

    /// Whether the outcome is bad.
    #[cfg(test)]
    pub(crate) const fn is_bad(&self) -> bool {
        self.bad
    }
}

/// A line under the heading and air between the columns; lines of text need no more.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// A table for people, with these columns. Cells are never folded, so that what is read can be copied.
pub(crate) fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(columns);
    table
}

/// Names and values under each other.
pub(crate) fn pairs(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.add_rows(rows.into_iter().map(|(name, value)| [name, value]));
    table.trim_fmt()
}

/// The end of a command.
pub(crate) enum Answer {
    /// Exit status 0, or 1 if the outcome is bad.
    Done(Report),
    /// Exit status 1.
    Failed(Problem),
    /// Exit status 2: the command line itself is wrong.
    Usage(clap::Error),
}

impl From<Result<Report, Problem>> for Answer {
    fn from(outcome: Result<Report, Problem>) -> Self {
        match outcome {
            Ok(report) => Self::Done(report),
            Err(problem) => Self::Failed(problem),
        }
    }
}

impl From<clap::Error> for Answer {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let text = error.render().to_string();
                Self::Done(Report::new(json!(text), text.trim_end()))
            }
            _ => Self::Usage(error),
        }
    }
}

impl Answer {
    /// Prints it and gives the exit status. A closed pipe is the reader's business, not an error.
    pub(crate) fn print(self, json: bool) -> ExitCode {
        let code = self.code();
        if json {
            let _ = writeln!(std::io::stdout(), "{}", self.json());
            return ExitCode::from(code);
        }
        let _ = match self {
            Self::Done(report) => writeln!(std::io::stdout(), "{}", report.text),
            Self::Failed(problem) => writeln!(std::io::stderr(), "{problem}"),
            Self::Usage(error) => error.print(),
        };
        ExitCode::from(code)
    }

    fn code(&self) -> u8 {
        match self {
            Self::Done(report) => u8::from(report.bad),
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Done(report) => json!({"error_code": self.code(), "data": report.data}),
            Self::Failed(problem) => match problem.filed() {
                None => json!({"error_code": 1, "data": problem.to_string()}),
                Some(Filed { act, approvals, needed }) => json!({
                    "error_code": 1,
                    "data": problem.to_string(),
                    "pending": {"act": act, "approvals": approvals, "needed": needed},
                }),
            },
            Self::Usage(error) => json!({"error_code": 1, "data": error.render().to_string().trim_end()}),
        }
    }
}
