//! `claviger doctor`: looks at every file and every record of a slot, names what is not what it must be, and says what
//! to do. It mends nothing.

use clap::Args;
use claviger_audit::Verdict;
use claviger_rules::{Error, Refusal};
use claviger_session::{Config, Examined, Fault, FileFault, Finding, StoreError, Table};
use serde_json::{Value, json};

use crate::answer::Report;
use crate::arguments::Options;
use crate::connection::{Connection, configuration};
use crate::credentials::Credentials;
use crate::problem::Problem;

/// `claviger doctor`.
#[derive(Args)]
pub(crate) struct Doctor;

/// Something that is wrong, and what to do about it.
struct Ill {
    /// For programs.
    fact: Value,
    /// For people.
    sentence: String,
    next: Next,
}

/// What helps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing has to be done.
    Nothing,
    /// A copy of the device key, or the backup elsewhere.
    Key,
    /// A copy of the files, or the backup: the slot does not open.
    Copy,
    /// The backup: the rest of the token goes on.
    Restore,
    /// A newer version of this software.
    Update,
    /// The audit log goes on and stays as it is.
    Audit,
}

impl Doctor {
    #[allow(clippy::unused_self, reason = "every verb runs")]
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let config = configuration(options)?;
        // Before the slot is opened, which makes what is missing.
        let files = claviger_session::examine_files(&config, options.slot)?;
        let mut ills: Vec<Ill> = files.faults.iter().map(of_file).collect();
        let mut notes = Vec::new();
        let mut examined = Examined::default();
        // A slot with such a file does not open, and trying would make what is missing.
        if files.faults.iter().all(|file| lets_open(&file.fault)) {
            match examine(config, options, &mut notes) {
                Ok(found) => examined = found,
                Err(refusal) => ills.push(of_slot(refusal)),
            }
        }
        ills.extend(examined.findings.iter().map(of_record));
        if ills.is_empty() && examined.records == 0 {
            notes.push("The slot holds no token.".to_owned());
        }
        ills.extend(files.audit.iter().filter(|verdict| !verdict.is_whole()).map(of_audit));
        Ok(report(&examined, &ills, notes))
    }
}

const fn lets_open(fault: &Fault) -> bool {
    matches!(fault, Fault::AnchorTorn | Fault::DatabaseCorrupt(_))
}

fn examine(config: Config, options: &Options, notes: &mut Vec<String>) -> Result<Examined, Refusal> {
    let connection = Connection::to(config, options.slot)?;
    let _login = login(&connection, notes);
    connection.library.examine(connection.slot)
}

/// Private records open with a login. Nobody is asked for one, and a login that fails is no reason to look at nothing.
fn login(connection: &Connection, notes: &mut Vec<String>) -> Option<crate::connection::Login> {
    if !Credentials::are_given() {
        return None;
    }
    connection.login().map_err(|problem| notes.push(format!("Looked without a login. {problem}"))).ok()
}

fn report(examined: &Examined, ills: &[Ill], notes: Vec<String>) -> Report {
    let Examined { records, closed, .. } = examined;
    let data = json!({
        "records": records,
        "not-opened": closed,
        "findings": ills.iter().map(|ill| ill.fact.clone()).collect::<Vec<_>>(),
        "next": advice(ills),
        "notes": notes,
    });
    let mut lines = vec![format!("Records looked at: {records}. Damaged: {}.", ills.len())];
    if *closed > 0 {
        lines.push(format!(
            "Private and compared from outside alone: {closed}. With CLAVIGER_PIN=name:pin they are opened."
        ));
    }
    lines.extend(notes);
    lines.extend(ills.iter().map(|ill| ill.sentence.clone()));
    lines.extend(advice(ills).into_iter().map(str::to_owned));
    let text = lines.join("\n");
    if ills.is_empty() { Report::new(data, text) } else { Report::bad(data, text) }
}

/// What to do, each once.
fn advice(ills: &[Ill]) -> Vec<&'static str> {
    let asks = |next| ills.iter().any(|ill| ill.next == next);
    let all = [
        (
            Next::Key,
            "No slot in this directory opens. If you have a copy of device.key, put it back. Otherwise choose another \
             --token-data, let CLAVIGER_DOMAIN name the file `domain` of this one, and run `claviger restore` there.",
        ),
        (
            Next::Copy,
            "Nothing was touched. If you have a copy of all files of the slot, of one moment, put it back. Otherwise move \
             the slot's directory away, keep it, and run `claviger restore` on the empty slot.",
        ),
        (
            Next::Restore,
            "What is not named goes on working. What is damaged comes back with a backup: move the slot's directory away, \
             keep it, and run `claviger restore` on the empty slot.",
        ),
        (Next::Update, "Nothing was touched. Use the newer version."),
        (
            Next::Audit,
            "`claviger audit verify` looks at the audit log alone. What is missing there does not come back.",
        ),
    ];
    all.into_iter().filter(|(next, _)| asks(*next)).map(|(_, sentence)| sentence).collect()
}

fn of_file(FileFault { file, fault }: &FileFault) -> Ill {
    let name = file.display().to_string();
    let (because, next) = match fault {
        Fault::KeyMissing => ("is missing, and nothing opens without it".to_owned(), Next::Key),
        Fault::KeyLength => ("is not 32 bytes long, so it is no device key".to_owned(), Next::Key),
        Fault::KeyOther => ("is not the key that the slot was written with".to_owned(), Next::Key),
        Fault::AnchorMissing => {
            ("is missing, so nobody can tell whether the database is the newest".to_owned(), Next::Copy)
        }
        Fault::AnchorSilent => {
            ("is damaged in both places, so nobody can tell whether the database is the newest".to_owned(), Next::Copy)
        }
        Fault::AnchorTorn => (
            "is damaged in one of its two places. The other still holds, and opening the slot mends it".to_owned(),
            Next::Nothing,
        ),
        Fault::AnchorCut => (
            "is damaged in one of its two places, so nobody can tell whether the database lacks the newest change"
                .to_owned(),
            Next::Copy,
        ),
        Fault::DatabaseMissing => ("is missing, and there was one".to_owned(), Next::Copy),
        Fault::DatabaseBehind { at, least } => (
            format!(
                "is at change {at} and must be at change {least} at least: an older copy was put in its place, or its \
                 log, {name}-wal, was changed or taken away"
            ),
            Next::Copy,
        ),
        Fault::DatabaseNewer => ("was written by a newer version".to_owned(), Next::Update),
        Fault::DatabaseForeign => ("is damaged, or no database of a token".to_owned(), Next::Copy),
        Fault::DatabaseCorrupt(said) => (format!("is damaged; SQLite says: {}", said.escape_debug()), Next::Restore),
    };
    Ill {
        sentence: format!("The file {name} {because}."),
        fact: json!({"damaged": "file", "file": name, "because": because}),
        next,
    }
}

/// The slot does not open, and no file was to blame.
fn of_slot(refusal: Refusal) -> Ill {
    let next = if refusal.error == Error::TokenNotRecognized { Next::Update } else { Next::Restore };
    Ill {
        fact: json!({"damaged": "token", "because": refusal.to_string()}),
        sentence: format!("The slot does not open: {refusal}."),
        next,
    }
}

fn of_record(finding: &Finding) -> Ill {
    let (fact, sentence) = match finding {
        Finding::Object(id) => (
            json!({"damaged": "object", "number": id.0}),
            format!("Object {}: edited, moved, deleted or put back. It is refused.", id.0),
        ),
        Finding::User(id) => (
            json!({"damaged": "user", "number": id.0}),
            format!("User {}: its record was edited, moved, deleted or put back. Nobody logs in as it.", id.0),
        ),
        Finding::Act(id) => (
            json!({"damaged": "act", "number": id.0}),
            format!("Pending act {}: its record does not open. It can only be withdrawn.", id.0),
        ),
        Finding::Index => (
            json!({"damaged": "index"}),
            "A part of the index: objects are searched for one by one, and some cannot be changed or made.".to_owned(),
        ),
        Finding::Page(table, first, last) => (
            json!({"damaged": "page", "table": noun(*table), "first": first, "last": last}),
            format!(
                "A page of the tree: of the {} {first} to {last} nothing can be believed. They are refused, and none is \
                 made or changed there.",
                noun(*table)
            ),
        ),
        Finding::Log => (
            json!({"damaged": "changes"}),
            "The list of the newest changes: it has a gap. Programs read everything again; nothing is lost.".to_owned(),
        ),
        Finding::Torn(table) => (
            json!({"damaged": "table", "table": noun(*table)}),
            format!("The table of the {}: the database does not read to its end.", noun(*table)),
        ),
        Finding::Token(error) => {
            (json!({"damaged": "token", "because": error.to_string()}), format!("The whole token: {error}."))
        }
        Finding::Unknown(rows) => (
            json!({"damaged": "unknown-rows", "rows": rows}),
            format!("Rows that no change has written: {rows}. They are passed over."),
        ),
    };
    let next = match finding {
        Finding::Log | Finding::Unknown(_) => Next::Nothing,
        Finding::Token(StoreError::NewerFormat) => Next::Update,
        _ => Next::Restore,
    };
    Ill { fact, sentence, next }
}

const fn noun(table: Table) -> &'static str {
    match table {
        Table::Meta => "header and counters",
        Table::Users => "users",
        Table::Objects => "objects",
        Table::Log => "newest changes",
        Table::Acts => "pending acts",
        Table::PublicIndex => "buckets of the public index",
        Table::PrivateIndex => "buckets of the private index",
        Table::Tree => "pages of the tree",
    }
}

fn of_audit(verdict: &Verdict) -> Ill {
    let faults: Vec<_> = verdict.faults.iter().map(ToString::to_string).collect();
    let first = faults.first().map(|fault| format!(" The first is {fault}.")).unwrap_or_default();
    Ill {
        sentence: format!("The audit log is not whole. Faults: {}.{first}", verdict.count),
        fact: json!({"damaged": "audit-log", "faults": faults}),
        next: Next::Audit,
    }
}

#[cfg(test)]
mod tests {
    use claviger_session::ObjectId;

    use super::*;

    #[test]
    fn what_is_damaged_is_named_and_the_exit_status_says_so() {
        let whole = Examined { records: 7, closed: 0, findings: Vec::new() };
        assert!(!report(&whole, &[], Vec::new()).is_bad());
        let report = report(&whole, &[of_record(&Finding::Object(ObjectId(5)))], Vec::new());
        assert!(report.is_bad());
        assert!(report.text.contains("Object 5: ") && report.text.contains("claviger restore"));
        assert_eq!(report.data["findings"][0], json!({"damaged": "object", "number": 5}));
    }

    #[test]
    fn what_mends_itself_asks_for_nothing() {
        let torn = FileFault { file: "slot-0/anchor".into(), fault: Fault::AnchorTorn };
        let ills = [of_file(&torn), of_record(&Finding::Log), of_record(&Finding::Unknown(2))];
        assert!(advice(&ills).is_empty());
    }
}
