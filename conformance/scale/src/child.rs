//! What runs in a process of its own: filling a token, and measuring one. Times are microseconds, memory is KiB.

use std::time::Instant;

use claviger_conformance::attrs;
use claviger_conformance::fixture::USER_PIN;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{Token, load_from_environment, slot_of};
use cryptoki_sys::*;
use serde_json::{Map, Value};

/// A single call is measured so often in a process; the median is told.
const TIMES: u32 = 20;

/// So many objects, spread over the token, are looked for, as many at every size: the smallest token has no more.
const LOOKED_FOR: u32 = 10;

/// As in `Token::with_default_user`.
const LABEL: &str = "conformance";

/// Makes a token with an EC pair and so many secret keys.
///
/// # Errors
/// A sentence.
pub(crate) fn fill(size: u32) -> Result<(), String> {
    let token = Token::with_default_user();
    let session = token.user_session();
    let filled = || -> Result<usize, Rv> {
        let public = attrs![CKA_TOKEN => true, CKA_EC_PARAMS => P256, CKA_VERIFY => true, CKA_LABEL => "pair"];
        let private = attrs![CKA_TOKEN => true, CKA_SIGN => true, CKA_LABEL => "signer"];
        session.generate_key_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private)?;
        (0..size).try_for_each(|number| create(&session, number).map(drop))?;
        Ok(session.find(&attrs![CKA_CLASS => CKO_SECRET_KEY])?.len())
    };
    let found = filled().map_err(|rv| format!("filling the token: {rv}"))?;
    token.module.finalize().map_err(|rv| format!("C_Finalize: {rv}"))?;
    if found == size as usize { Ok(()) } else { Err(format!("{size} objects were made and {found} are found.")) }
}

fn create(session: &Session<'_>, number: u32) -> Result<Object, Rv> {
    session.create_object(&attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => true, CKA_PRIVATE => true,
        CKA_LABEL => label(number), CKA_ID => &number.to_be_bytes(), CKA_VALUE => &[0x5a; 32], CKA_ENCRYPT => true,
        CKA_SENSITIVE => true, CKA_EXTRACTABLE => false,
    ])
}

fn label(number: u32) -> String {
    format!("key {number}")
}

/// Measures the token of the environment, which has so many secret keys, and prints one JSON object.
///
/// # Errors
/// A sentence that names the wrong answer.
pub(crate) fn measure(size: u32) -> Result<(), String> {
    let mut figures = Map::new();
    let module = load_from_environment();
    let before = memory()?;
    let begun = Instant::now();
    module.initialize_null().map_err(|rv| format!("C_Initialize: {rv}"))?;
    let slot = slot_of(&module, LABEL);
    let session =
        module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).map_err(|rv| format!("C_OpenSession: {rv}"))?;
    let login = Instant::now();
    session.login(CKU_USER, USER_PIN).map_err(|rv| format!("C_Login: {rv}"))?;
    note(&mut figures, "login", login);
    let find = Instant::now();
    by_label(&session, spread(size, 0))?;
    note(&mut figures, "first find by label", find);
    note(&mut figures, "start to first find", begun);
    figures.insert("memory".to_owned(), memory()?.saturating_sub(before).into());
    calls(&session, size, &mut figures)?;
    module.finalize().map_err(|rv| format!("C_Finalize: {rv}"))?;
    println!("{}", Value::Object(figures));
    Ok(())
}

fn note(figures: &mut Map<String, Value>, name: &str, since: Instant) {
    figures.insert(name.to_owned(), (since.elapsed().as_secs_f64() * 1e6).into());
}

/// The number of one of the objects that are looked for.
const fn spread(size: u32, at: u32) -> u32 {
    (size / LOOKED_FOR) * at
}

/// Finds the object of this number, which must be there once.
fn by_label(session: &Session<'_>, number: u32) -> Result<Object, String> {
    let found = session.find(&attrs![CKA_LABEL => label(number)]).map_err(|rv| format!("C_FindObjects: {rv}"))?;
    let &[object] = found.as_slice() else {
        return Err(format!("{} objects are labelled {:?}.", found.len(), label(number)));
    };
    match session.attribute(object, CKA_ID) {
        Ok(id) if id == number.to_be_bytes() => Ok(object),
        other => Err(format!("The object labelled {:?} has the id {other:?}.", label(number))),
    }
}

fn by_id(session: &Session<'_>, number: u32) -> Result<Object, String> {
    let found = session.find(&attrs![CKA_ID => &number.to_be_bytes()]).map_err(|rv| format!("C_FindObjects: {rv}"))?;
    match found.as_slice() {
        [object] => Ok(*object),
        _ => Err(format!("{} objects have the id of {:?}.", found.len(), label(number))),
    }
}

/// The median of a call, over so many turns.
fn timed(
    figures: &mut Map<String, Value>,
    name: &str,
    turns: impl Iterator<Item = u32>,
    mut call: impl FnMut(u32) -> Result<(), String>,
) -> Result<(), String> {
    let mut times = Vec::new();
    for turn in turns {
        let begun = Instant::now();
        call(turn)?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    figures.insert(name.to_owned(), times.get(times.len() / 2).copied().into());
    Ok(())
}

/// Single calls, in a process that has found one object: half of the others are looked for by label, half by id.
fn calls(session: &Session<'_>, size: u32, figures: &mut Map<String, Value>) -> Result<(), String> {
    let (labelled, numbered) = (1..LOOKED_FOR / 2, LOOKED_FOR / 2..LOOKED_FOR);
    let again = |range: &std::ops::Range<u32>| std::iter::repeat_n(range.clone(), 5).flatten();
    timed(figures, "find another by label", labelled.clone(), |at| by_label(session, spread(size, at)).map(drop))?;
    timed(figures, "find another by id", numbered.clone(), |at| by_id(session, spread(size, at)).map(drop))?;
    timed(figures, "find again by label", again(&labelled), |at| by_label(session, spread(size, at)).map(drop))?;
    timed(figures, "find again by id", again(&numbered), |at| by_id(session, spread(size, at)).map(drop))?;
    let said = |call: &'static str| move |rv: Rv| format!("{call}: {rv}");
    let signer = session.find(&attrs![CKA_LABEL => "signer"]).map_err(said("C_FindObjects"))?;
    let signer = *signer.first().ok_or("The signing key is not found.")?;
    timed(figures, "sign", 0..TIMES, |_| {
        session.sign(&Mechanism::plain(CKM_ECDSA), signer, &[0x5a; 32]).map(drop).map_err(said("C_Sign"))
    })?;
    let mut made = Vec::new();
    timed(figures, "create", 0..TIMES, |turn| {
        made.push(create(session, size + turn).map_err(said("C_CreateObject"))?);
        Ok(())
    })?;
    timed(figures, "destroy", 0..TIMES, |_| {
        made.pop().map_or(Ok(()), |object| session.destroy_object(object).map_err(said("C_DestroyObject")))
    })?;
    match session.find(&attrs![CKA_LABEL => label(size)]).map_err(said("C_FindObjects"))?.len() {
        0 => Ok(()),
        _ => Err("A destroyed object is found.".to_owned()),
    }
}

/// Resident memory of this process, in KiB (proc(5), VmRSS).
fn memory() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).ok_or_else(|| "No VmRSS.".to_owned())
}
