//! What the chores print. Colour only on a terminal, which `anstream` sees to.

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const REFUSED: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// Where the outcomes of calls stand.
const OUTCOME_COLUMN: usize = 66;

/// A heading with a blank line before it.
pub(crate) fn heading(text: &str) {
    println!("\n{HEADING}{text}{HEADING:#}");
}

/// A line of plain words.
pub(crate) fn say(text: &str) {
    println!("  {text}");
}

/// A line of less weight, further in.
pub(crate) fn aside(text: &str) {
    println!("      {QUIET}{text}{QUIET:#}");
}

/// A command line as a person would type it.
pub(crate) fn typed(line: &str) {
    println!("  {COMMAND}$ {line}{COMMAND:#}");
}

/// A call and what it returned.
pub(crate) fn call(text: &str, outcome: &str, wanted: bool) {
    let dots = ".".repeat(OUTCOME_COLUMN.saturating_sub(text.chars().count()).max(2));
    let style = match (outcome, wanted) {
        (_, false) => BAD,
        ("CKR_OK", true) => GOOD,
        (_, true) => REFUSED,
    };
    println!("    {text} {QUIET}{dots}{QUIET:#} {style}{outcome}{style:#}");
}

/// The end of a step: its name, how it went, how long it took.
pub(crate) fn step(name: &str, passed: bool, seconds: f64) {
    let (style, word) = if passed { (GOOD, "passed") } else { (BAD, "failed") };
    println!("{style}{word}{style:#} {name} {QUIET}({seconds:.1} s){QUIET:#}");
}

/// Good news in a line of its own.
pub(crate) fn success(text: &str) {
    println!("\n{GOOD}{text}{GOOD:#}");
}

/// Why a chore ended badly.
pub(crate) fn failure(text: &str) {
    eprintln!("\n{BAD}{text}{BAD:#}");
}
