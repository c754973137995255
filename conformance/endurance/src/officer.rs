//! The security officer of `endurance kill`: commands that create users, change their PINs and delete them, killed at
//! random moments like the writers.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use claviger_conformance::fixture::SO_PIN;
use cryptoki_sys::CKR_PIN_INCORRECT;
use fastrand::Rng;

use crate::application::{Application, Place};
use crate::kill::{Part, Scene};
use crate::order::{Failure, Order};

/// The longest that a command is let live.
const LIFE_MS: u64 = 300;
/// So many users are enough.
const ENOUGH: usize = 8;

/// The users that were made here, with their PINs.
type Users = BTreeMap<String, String>;

/// What a command does to a user.
enum Act {
    Create,
    Delete,
    ChangePin,
}

/// Gives commands until `kills` of them were killed.
pub(crate) fn run(scene: &Scene<'_>, kills: u32, mut rng: Rng) -> Part {
    let mut part = Part::default();
    let (mut users, mut names, mut killed) = (Users::new(), 0, 0);
    while killed < kills {
        names += 1;
        match one(scene.place, &mut users, names, &mut rng, &mut part) {
            Ok(cut) => killed += u32::from(cut),
            Err(sentence) => {
                part.tally.failures.push(sentence);
                break;
            }
        }
    }
    part
}

/// One command; whether it was killed.
fn one(place: &Place, users: &mut Users, number: u32, rng: &mut Rng, part: &mut Part) -> Result<bool, String> {
    let some = rng.choice(users.keys().cloned().collect::<Vec<_>>());
    let (act, name) = match (some, rng.u32(0..4)) {
        (Some(name), 0) => (Act::Delete, name),
        (Some(name), 1) => (Act::ChangePin, name),
        (Some(name), _) if users.len() >= ENOUGH => (Act::Delete, name),
        _ => (Act::Create, format!("u{number}")),
    };
    let pin = format!("pin-{number}");
    let old = users.get(&name).cloned();
    let after = (!matches!(act, Act::Delete)).then(|| pin.clone());
    let so = format!("so:{SO_PIN}");
    let command = match act {
        Act::Create => {
            place.claviger(&so, &["user", "create", "--username", &name, "--role", "nu", "--password", &pin])
        }
        Act::Delete => place.claviger(&so, &["user", "delete", "--username", &name]),
        Act::ChangePin => {
            let own = format!("{name}:{}", old.clone().unwrap_or_default());
            place.claviger(&own, &["user", "change-password", "--username", &name, "--password", &pin])
        }
    }?;
    let done = runs_to_its_end(command, Duration::from_micros(rng.u64(0..LIFE_MS * 1000)))?;
    let happened = is_as(place, &name, old.as_deref(), after.as_deref())?;
    match (done, happened) {
        (true, false) => return Err(format!("lost: `claviger {}` of {name} was acknowledged", word(&act))),
        (true, true) => {}
        (false, happened) => part.cuts.count(word(&act), happened),
    }
    let now = if happened { after } else { old };
    match now {
        Some(pin) => drop(users.insert(name, pin)),
        None => drop(users.remove(&name)),
    }
    part.tally.looks += all_are_there(place, users)?;
    Ok(!done)
}

const fn word(act: &Act) -> &'static str {
    match act {
        Act::Create => "`claviger user create` ran",
        Act::Delete => "`claviger user delete` ran",
        Act::ChangePin => "`claviger user change-password` ran",
    }
}

/// Whether a command ended by itself, as it must have within `life`; otherwise it was killed.
fn runs_to_its_end(mut command: Command, life: Duration) -> Result<bool, String> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut process = spawned.map_err(|error| format!("claviger does not start: {error}"))?;
    let until = Instant::now() + life;
    loop {
        match process.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(true),
            Some(status) => return Err(format!("{command:?} ended with {status}")),
            None if Instant::now() < until => std::thread::sleep(Duration::from_micros(200)),
            None => break,
        }
    }
    process.kill().and_then(|()| process.wait()).map_err(|error| error.to_string())?;
    Ok(false)
}

/// Whether a user is as after the command (`after` is the PIN; `None`: gone), or else as before it.
///
/// # Errors
/// It is neither, or both.
fn is_as(place: &Place, name: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, String> {
    let exists = names(place)?.contains(&name.to_owned());
    let mut application = Application::start(place, None)?;
    let mut lets_in = |pin: Option<&str>| match (pin, exists) {
        (None, exists) => Ok(!exists),
        (Some(_), false) => Ok(false),
        (Some(pin), true) => {
            let answer = application.ask(&Order::Login { pin: format!("{name}:{pin}") })?;
            match answer.outcome {
                Ok(_) => Ok(true),
                Err(Failure { rv: CKR_PIN_INCORRECT, .. }) => Ok(false),
                Err(failure) => Err(format!("{failure} of {name}")),
            }
        }
    };
    let (is_before, is_after) = (lets_in(before)?, lets_in(after)?);
    application.finish()?;
    if is_before == is_after {
        return Err(format!(
            "neither before nor after: {name} is there: {exists}, before: {is_before}, after: {is_after}"
        ));
    }
    Ok(is_after)
}

/// Every user that was acknowledged is there, and no other; how many.
fn all_are_there(place: &Place, users: &Users) -> Result<usize, String> {
    let mut found = names(place)?;
    found.retain(|name| !["so", "kim", "app1", "app2"].contains(&name.as_str()));
    found.sort();
    let expected: Vec<_> = users.keys().cloned().collect();
    if found == expected {
        Ok(found.len())
    } else {
        Err(format!("lost: the users are {found:?}, expected {expected:?}"))
    }
}

fn names(place: &Place) -> Result<Vec<String>, String> {
    let said = place.ask(&["user", "list"])?;
    let rows = said.get("users").and_then(serde_json::Value::as_array).ok_or("claviger user list names no users")?;
    Ok(rows.iter().filter_map(|row| row.get("username")?.as_str().map(str::to_owned)).collect())
}
