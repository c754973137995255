//! The table: a row for each figure, a column for each size.

use serde_json::Value;

/// The figures, in the order of the rows, and whether the bar is on them: at most twice the smallest token's.
const ROWS: [&str; 11] = [
    "start to first find",
    "login",
    "first find by label",
    "find another by label",
    "find another by id",
    "find again by label",
    "find again by id",
    "sign",
    "create",
    "destroy",
    "memory",
];

/// How much dearer a call may be than with the smallest token.
const MOST: f64 = 2.0;

/// By how many KiB an object may make the process larger.
const MOST_KIB: f64 = 1.0;

/// The columns.
#[derive(Default)]
pub(crate) struct Table {
    columns: Vec<(String, u32, Vec<Value>)>,
}

impl Table {
    /// Takes a column in: what each run measured.
    pub(crate) fn column(&mut self, name: String, size: u32, runs: Vec<Value>) {
        self.columns.push((name, size, runs));
    }

    /// Prints medians and ratios to the first column.
    pub(crate) fn print(&self) {
        let Some((_, first_size, first)) = self.columns.first() else { return };
        print!("{:<28}", "objects");
        self.columns.iter().for_each(|(name, ..)| print!(" {name:>26}"));
        println!();
        for row in ROWS {
            print!("{:<28}", if row == "memory" { "memory, KiB".to_owned() } else { format!("{row}, µs") });
            let base = median(first, row);
            for (at, (_, size, runs)) in self.columns.iter().enumerate() {
                let figure = median(runs, row);
                let judged = match (at, row) {
                    (0, _) => String::new(),
                    (_, "memory") => {
                        let each = (figure - base) / f64::from(size.saturating_sub(*first_size).max(1));
                        format!("{each:.2}/object {}", word(each <= MOST_KIB))
                    }
                    _ => format!("{:.1}x {}", figure / base, word(figure <= MOST * base)),
                };
                print!(" {:>26}", format!("{figure:.0}  {judged:>13}"));
            }
            println!();
        }
    }

    /// Prints the figures of another library.
    pub(crate) fn other(&self, name: String, runs: Vec<Value>) {
        println!("{name}:");
        ROWS.iter().for_each(|row| println!("  {row:<26} {:>12.0}", median(&runs, row)));
    }
}

const fn word(is_within: bool) -> &'static str {
    if is_within { "OK  " } else { "OVER" }
}

fn median(runs: &[Value], row: &str) -> f64 {
    let mut figures: Vec<_> = runs.iter().filter_map(|run| run.get(row)?.as_f64()).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
