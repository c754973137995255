//! `claviger quorum`: how many security officers an act takes, and the acts that wait for them.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use claviger_rules::Filed;
use claviger_session::{Approved, PendingAct};
use serde_json::{Value, json};

use crate::answer::{self, Report};
use crate::arguments::Options;
use crate::connection::Connection;
use crate::problem::Problem;
use crate::token::tightened;

/// `claviger quorum …`.
#[derive(Subcommand)]
pub(crate) enum Quorum {
    /// Show how many security officers an act takes.
    Show,
    /// Set how many security officers an act takes; takes the present quorum.
    Set(Set),
    /// List the acts that wait for approvals.
    Pending,
    /// Approve a pending act; with the last approval it takes effect.
    Approve(Chosen),
    /// Withdraw one's approval; who filed the act withdraws the act.
    Withdraw(Chosen),
}

#[derive(Args)]
pub(crate) struct Set {
    /// How many security officers.
    officers: u32,
    /// How many hours approvals wait for the others, 1 to 720 [default: as before, at first 24].
    #[arg(long, value_name = "HOURS")]
    expires: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Chosen {
    /// The act's number, as `claviger quorum pending` shows it.
    act: u64,
}

impl Quorum {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        match self {
            Self::Show => show(&connection),
            Self::Set(verb) => set(&connection, verb),
            Self::Pending => pending(&connection),
            Self::Approve(chosen) => approve(&connection, chosen.act),
            Self::Withdraw(chosen) => withdraw(&connection, chosen.act),
        }
    }
}

fn show(connection: &Connection) -> Result<Report, Problem> {
    let info = connection.library.token_info(connection.slot)?;
    let Some(quorum) = info.quorum else {
        return Err(Problem::new("The slot holds no token yet. Make one with `claviger init`."));
    };
    let users = connection.library.users(connection.slot)?;
    let officers = users.iter().filter(|user| user.role.is_so());
    let (all, locked) = (officers.clone().count(), officers.filter(|user| user.locked).count());
    let data = json!({
        "needed": quorum.needed(), "officers": all, "locked": locked, "expiry-hours": quorum.expiry_hours(),
    });
    Ok(Report::new(data, sentence(quorum.needed(), all, locked, quorum.expiry_hours())))
}

fn sentence(needed: u32, all: usize, locked: usize, hours: u32) -> String {
    let noun = if all == 1 { "security officer" } else { "security officers" };
    let locked_too = if locked == 0 { String::new() } else { format!(" ({locked} locked)") };
    let text = format!("An act takes {needed} of {all} {noun}{locked_too}. Approvals wait {hours} hours.");
    let spare = all.saturating_sub(locked) > usize::try_from(needed).unwrap_or(usize::MAX);
    if needed == 1 || spare { text } else { format!("{text}\n{NO_SPARE}") }
}

/// The one way to lock everybody out that the token cannot refuse.
const NO_SPARE: &str = "No security officer is to spare: if one is locked or forgets its PIN, no act can be done any more, \
                        unlocking it included. Make one more.";

fn set(connection: &Connection, verb: &Set) -> Result<Report, Problem> {
    let login = connection.login()?;
    login.session.set_quorum(verb.officers, verb.expires).map_err(Problem::refused("Could not set the quorum"))?;
    show(connection)
}

fn pending(connection: &Connection) -> Result<Report, Problem> {
    let login = connection.login()?;
    let pending = login.session.pending_acts().map_err(Problem::refused("Could not list the pending acts"))?;
    let data = json!({"acts": pending.acts.iter().map(json_of).collect::<Vec<_>>(), "damaged": pending.damaged});
    if pending.acts.is_empty() && pending.damaged.is_empty() {
        return Ok(Report::new(data, "No act waits for approvals."));
    }
    let mut table = answer::table(["Act", "Does", "Filed by", "Approved by", "Needs", "Expires in"]);
    for act in &pending.acts {
        let approved = act.approved_by.join(", ");
        let (id, needed) = (act.id.to_string(), act.needed.to_string());
        table.add_row([&id, &act.does, &act.filed_by, &approved, &needed, &left(act.expires_at_s)]);
    }
    for id in &pending.damaged {
        table.add_row([&*id.to_string(), "nothing: its record is damaged; withdraw it", "", "", "", ""]);
    }
    Ok(Report::new(data, table.trim_fmt()))
}

fn json_of(act: &PendingAct) -> Value {
    json!({
        "act": act.id,
        "name": act.name,
        "does": act.does,
        "filed-by": act.filed_by,
        "filed-at": act.filed_at_s,
        "expires-at": act.expires_at_s,
        "approved-by": act.approved_by,
        "needed": act.needed,
    })
}

/// The time that is left, in whole hours that have begun.
fn left(expires_at_s: u64) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match expires_at_s.saturating_sub(now_s).div_ceil(3600) {
        1 => "1 hour".to_owned(),
        hours => format!("{hours} hours"),
    }
}

fn approve(connection: &Connection, act: u64) -> Result<Report, Problem> {
    let login = connection.login()?;
    let approved = login.session.approve(act).map_err(Problem::refused(format!("Act {act} is not approved")))?;
    Ok(match approved {
        Approved::Waits(filed) => waits(&filed),
        Approved::Done { does, tightened: None } => {
            let data = json!({"act": act, "done": true, "does": does});
            Report::new(data, format!("Act {act} is approved and done: {does}."))
        }
        Approved::Done { does, tightened: Some(counts) } => {
            let (facts, lines) = tightened(&counts);
            let data = json!({"act": act, "done": true, "does": does, "objects": facts});
            Report::new(data, format!("Act {act} is approved and done: {does}.{lines}"))
        }
    })
}

fn waits(filed: &Filed) -> Report {
    let Filed { act, approvals, needed } = filed;
    let data = json!({"act": act, "done": false, "approvals": approvals, "needed": needed});
    Report::new(data, format!("Approved act {act}: {approvals} of {needed} approvals. It is done with the last one."))
}

fn withdraw(connection: &Connection, act: u64) -> Result<Report, Problem> {
    let login = connection.login()?;
    let whole = login.session.withdraw(act).map_err(Problem::refused(format!("Act {act} is not withdrawn")))?;
    let (what, text) = match whole {
        true => ("act", format!("Withdrew act {act}. It will not be done.")),
        false => ("approval", format!("Withdrew the approval of act {act}. The act still waits.")),
    };
    Ok(Report::new(json!({"act": act, "withdrawn": what}), text))
}
