//! `claviger audit`: what the audit log holds, whether it is whole, and what `enforce` would have refused. A security
//! officer reads it. Texts in it come from applications, so nothing of them reaches the terminal unescaped.

use std::collections::VecDeque;

use clap::{Args, Subcommand};
use claviger_audit::{Entry, Fault, Finding, Kind, Verdict};
use claviger_rules::{Mode, Rule};
use serde_json::{Value, json};

use crate::answer::{self, Report};
use crate::arguments::Options;
use crate::connection::Connection;
use crate::problem::Problem;

/// `claviger audit …`.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Show the events, oldest first.
    Show(Show),
    /// Check that no event was changed, moved or taken out.
    Verify,
    /// Group what `enforce` would have refused, and say what to do instead.
    Report,
}

#[derive(Args)]
pub(crate) struct Show {
    /// Only events of this kind; `claviger table audit-events` lists the kinds.
    #[arg(long, value_parser = kind)]
    event: Option<Kind>,
    /// Only what this user did, or what was done to it.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Only the newest N of those.
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

impl Audit {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        let login = connection.login()?;
        let log = login.session.audit_log().map_err(Problem::refused("Could not read the audit log"))?;
        match self {
            Self::Show(verb) => Ok(verb.report(log)),
            Self::Verify => Ok(verdict(&claviger_audit::verify(log))),
            Self::Report => {
                let mode = connection.library.token_info(connection.slot)?.mode;
                Ok(findings(&claviger_audit::findings(log.filter_map(Result::ok)), mode))
            }
        }
    }
}

impl Show {
    fn report(&self, log: impl Iterator<Item = Result<Entry, Fault>>) -> Report {
        let mut faults = Vec::new();
        let mut events = VecDeque::new();
        for item in log {
            match item {
                Ok(entry) if self.wants(&entry) => events.push_back(entry),
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
            if self.last.is_some_and(|most| events.len() > most) {
                events.pop_front();
            }
        }
        let mut table = answer::table(["No", "Time", "Event", "User", "Application", "Call", "About", "Answer"]);
        table.add_rows(events.iter().map(row));
        let mut text = if events.is_empty() { "No events.".to_owned() } else { table.trim_fmt() };
        if !faults.is_empty() {
            text.push_str(&format!("\nThe log is not whole.{}", told(&faults)));
        }
        Report::new(json!({"events": events, "faults": listed(&faults)}), text)
    }

    fn wants(&self, entry: &Entry) -> bool {
        let about = |user: &String| [&entry.user, &entry.target].contains(&&Some(user.clone()));
        self.event.is_none_or(|kind| entry.kind() == Some(kind)) && self.user.as_ref().is_none_or(about)
    }
}

/// An event in the table's columns.
fn row(entry: &Entry) -> [String; 8] {
    let text = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
    let about = [&entry.target, if entry.label.is_some() { &entry.label } else { &entry.object }];
    let about = about.into_iter().flatten().map(|text| plain(text)).collect::<Vec<_>>().join(" ");
    let rule = entry.rule.as_ref().filter(|rule| *rule != Rule::Standard.name());
    let answer = match (&entry.error, rule) {
        (Some(error), Some(rule)) => format!("{error} ({rule})"),
        (Some(error), None) => error.clone(),
        (None, _) => text(&entry.reason),
    };
    let repeated = entry.times.filter(|times| *times > 1).map(|times| format!(" ×{times}")).unwrap_or_default();
    let pid = entry.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
    [
        entry.seq.to_string(),
        entry.time.clone(),
        entry.event.clone(),
        text(&entry.user),
        format!("{}{pid}", plain(&entry.application)),
        plain(&entry.call),
        about,
        format!("{answer}{repeated}"),
    ]
}

fn verdict(verdict: &Verdict) -> Report {
    let place = |place: &Option<(u64, String)>| place.as_ref().map(|(seq, time)| json!({"seq": seq, "time": time}));
    let data = json!({
        "whole": verdict.is_whole(),
        "events": verdict.events,
        "files": verdict.files,
        "first": place(&verdict.first),
        "last": place(&verdict.last),
        "torn-lines": verdict.torn,
        "faults": listed(&verdict.faults),
    });
    if !verdict.is_whole() {
        let found = count(verdict.count, "fault");
        return Report::bad(data, format!("The audit log is not whole: {found}.{}", told(&verdict.faults)));
    }
    let mut text =
        format!("The audit log is whole: {} in {}", count(verdict.events, "event"), count(verdict.files, "file"));
    if let (Some((first, since)), Some((last, until))) = (&verdict.first, &verdict.last) {
        text.push_str(&format!(", from number {first} ({since}) to number {last} ({until})"));
    }
    text.push('.');
    if verdict.torn > 0 {
        let lines = count(verdict.torn, "line");
        text.push_str(&format!(" A crash or a full disk cut {lines} in two; no event was in them."));
    }
    Report::new(data, text)
}

fn findings(findings: &[Finding], mode: Option<Mode>) -> Report {
    let data: Vec<_> = findings.iter().map(finding_json).collect();
    let mode_name = mode.map(Mode::name);
    let mut texts: Vec<_> = findings.iter().map(finding_text).collect();
    texts.push(conclusion(findings, mode));
    Report::new(json!({"policy": mode_name, "findings": data}), texts.join("\n\n"))
}

fn conclusion(findings: &[Finding], mode: Option<Mode>) -> String {
    match (mode, findings.len() as u64) {
        (Some(Mode::Standard), _) => {
            "This token is in `standard`, where nothing is noted. Make one with --policy audit to rehearse.".to_owned()
        }
        (_, 0) => "No call was noted that `enforce` would refuse.".to_owned(),
        (_, found) => format!("{} to fix before this token's applications work in `enforce`.", count(found, "finding")),
    }
}

fn finding_json(finding: &Finding) -> Value {
    let Finding { application, call, rule, error, reason, times, users, objects, first, last } = finding;
    json!({
        "application": application, "call": call, "rule": rule, "error": error, "times": times, "reason": reason,
        "advice": advice(rule), "users": users, "objects": objects, "first": first, "last": last,
    })
}

fn finding_text(finding: &Finding) -> String {
    let list = |texts: &[String]| texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        format!("{}: {} ({}, rule {})", plain(&finding.application), plain(&finding.call), finding.error, finding.rule),
        format!("  {}, last {}", count(finding.times, "time"), finding.last),
    ];
    lines.extend((!finding.users.is_empty()).then(|| format!("  Users: {}", list(&finding.users))));
    lines.extend((!finding.objects.is_empty()).then(|| format!("  Objects: {}", list(&finding.objects))));
    lines.push(format!("  Why: {}.", plain(&finding.reason)));
    lines.push(format!("  Fix: {}.", advice(&finding.rule)));
    lines.join("\n")
}

/// What to do instead of what the rule stands against.
fn advice(rule: &str) -> &'static str {
    Rule::ALL.iter().find(|known| known.name() == rule).map_or("update this command", |rule| rule.advice())
}

fn listed(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}.")).collect()
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A text without what a terminal would obey or show out of order.
fn plain(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        _ => letter.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| "`claviger table audit-events` lists the kinds of events".to_owned())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_text_of_an_application_steers_the_terminal() {
        assert_eq!(plain("pay\u{1b}[2J\n\u{202e}\"it's\" é"), "pay\\u{1b}[2J\\n\\u{202e}\"it's\" é");
    }
}
