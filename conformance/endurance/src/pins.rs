//! The counting of wrong PINs while several processes log in: each counts once, and a right one never locks anybody out.

use claviger_conformance::rv::Rv;
use cryptoki_sys::*;

use crate::application::{Application, Place};
use crate::order::{Failure, Order};
use crate::processes::together;

const PROCESSES: usize = 4;
/// The user whose PINs are tried.
const USER: &str = "app1";
/// Wrong PINs of each process where there is no limit.
const WRONG: usize = 25;
/// The limit in the other scenes.
const LIMIT: u64 = 10;

/// What the attempts of all processes returned.
type Returned = Vec<CK_RV>;

/// All scenes.
pub(crate) fn run(place: &Place) -> Result<(), String> {
    let applications = (0..PROCESSES).map(|_| Application::start(place, None));
    let mut applications = applications.collect::<Result<Vec<_>, _>>()?;
    every_wrong_one_counts(place, &mut applications)?;
    right_ones_lock_nobody_out(place, &mut applications)?;
    the_limit_is_exact(place, &mut applications)?;
    applications.into_iter().try_for_each(Application::finish)
}

/// Without a limit: as many are counted as were tried, and one more is one more.
fn every_wrong_one_counts(place: &Place, applications: &mut [Application]) -> Result<(), String> {
    limit(place, 0)?;
    let returned = try_all(place, applications, &[false; WRONG])?;
    expect("wrong PINs", &returned, &[(CKR_PIN_INCORRECT, PROCESSES * WRONG)])?;
    let tried = u64::try_from(returned.len()).unwrap_or(u64::MAX);
    failures_are(place, USER, tried)?;
    try_all(place, applications.get_mut(..1).unwrap_or_default(), &[false])?;
    failures_are(place, USER, tried + 1)?;
    try_all(place, applications.get_mut(..1).unwrap_or_default(), &[true])?;
    failures_are(place, USER, 0)?;
    println!("wrong PINs: {PROCESSES} processes x {WRONG}, {tried} counted");
    Ok(())
}

/// In a row of each process there are too few wrong ones between two right ones for the limit, whatever the order.
fn right_ones_lock_nobody_out(place: &Place, applications: &mut [Application]) -> Result<(), String> {
    const ROW: [bool; 3] = [false, false, true];
    const ROWS: usize = 12;
    limit(place, LIMIT)?;
    let returned = try_all(place, applications, &ROW.repeat(ROWS))?;
    let (right, wrong) = (PROCESSES * ROWS, 2 * PROCESSES * ROWS);
    expect("PINs mixed", &returned, &[(CKR_OK, right), (CKR_PIN_INCORRECT, wrong)])?;
    limit(place, 1)?;
    try_all(place, applications.get_mut(..1).unwrap_or_default(), &[true])?;
    let only = try_all(place, applications, &[true; ROWS])?;
    expect("right PINs", &only, &[(CKR_OK, PROCESSES * ROWS)])?;
    failures_are(place, USER, 0)?;
    println!(
        "PINs mixed: {right} right and {wrong} wrong at a limit of {LIMIT}, {right} right at a limit of 1: none locked"
    );
    Ok(())
}

/// As many wrong ones as the limit are told to be wrong, the others that the user is locked; nobody else is.
fn the_limit_is_exact(place: &Place, applications: &mut [Application]) -> Result<(), String> {
    limit(place, LIMIT)?;
    let returned = try_all(place, applications, &[false; 5])?;
    let allowed = usize::try_from(LIMIT).unwrap_or(0);
    let expected = [(CKR_PIN_INCORRECT, allowed), (CKR_PIN_LOCKED, returned.len() - allowed)];
    expect("PINs over the limit", &returned, &expected)?;
    failures_are(place, USER, LIMIT)?;
    let right = try_all(place, applications, &[true])?;
    expect("right PINs of a locked user", &right, &[(CKR_PIN_LOCKED, PROCESSES)])?;
    let answer = applications.first_mut().map(|one| one.must(&Order::Login { pin: place.pin("app2") }));
    answer.transpose()?;
    place.ask(&["user", "unlock", "--username", USER])?;
    let right = try_all(place, applications, &[true])?;
    expect("right PINs of an unlocked user", &right, &[(CKR_OK, PROCESSES)])?;
    println!(
        "PINs over the limit: {} tried at once, {LIMIT} counted, then locked; other users are not",
        returned.len()
    );
    Ok(())
}

/// Each process tries the right PIN or a wrong one, in this order, all at once.
fn try_all(place: &Place, applications: &mut [Application], right: &[bool]) -> Result<Returned, String> {
    let parts = together(applications, |_, application| {
        let each = right.iter().map(|right| {
            let pin = if *right { place.pin(USER) } else { format!("{USER}:wrong") };
            Ok(application.ask(&Order::Login { pin })?.outcome.map_or_else(|Failure { rv, .. }| rv, |_| CKR_OK))
        });
        each.collect::<Result<Returned, String>>()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// Whether each value was returned so often, and no other.
fn expect(what: &str, returned: &[CK_RV], expected: &[(CK_RV, usize)]) -> Result<(), String> {
    let count = |rv: CK_RV| returned.iter().filter(|other| **other == rv).count();
    let right = expected.iter().all(|(rv, times)| count(*rv) == *times);
    if right && expected.iter().map(|(_, times)| times).sum::<usize>() == returned.len() {
        return Ok(());
    }
    let names: Vec<_> = returned.iter().map(|rv| Rv(*rv).to_string()).collect();
    Err(format!(
        "{what}: {} were returned, expected {:?}",
        names.join(" "),
        expected.iter().map(|(rv, times)| (Rv(*rv), times)).collect::<Vec<_>>()
    ))
}

/// The counter of a user is this.
pub(crate) fn failures_are(place: &Place, user: &str, expected: u64) -> Result<(), String> {
    let said = place.ask(&["user", "list"])?;
    let users = said.get("users").and_then(serde_json::Value::as_array).ok_or("claviger user list names no users")?;
    let named = users.iter().find(|row| row.get("username").and_then(serde_json::Value::as_str) == Some(user));
    let counted = named.and_then(|row| row.get("failures")?.as_u64());
    if counted == Some(expected) {
        Ok(())
    } else {
        Err(format!("{user}: {counted:?} wrong PINs counted, expected {expected}"))
    }
}

fn limit(place: &Place, limit: u64) -> Result<(), String> {
    place.ask(&["token", "set", "--max-pin-failures", &limit.to_string()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_value_too_many_or_too_few_or_another_is_told() {
        let returned = [CKR_OK, CKR_PIN_INCORRECT, CKR_OK];
        assert!(expect("", &returned, &[(CKR_OK, 2), (CKR_PIN_INCORRECT, 1)]).is_ok());
        for wrong in [&[(CKR_OK, 2)][..], &[(CKR_OK, 3)], &[(CKR_OK, 2), (CKR_PIN_LOCKED, 1)]] {
            assert!(expect("", &returned, wrong).is_err());
        }
    }
}
