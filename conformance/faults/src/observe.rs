//! What a token is, as a fresh process sees it through the C interface: a list of names and values, and whether it can be
//! written. The process that looks changes the token, so it is given a copy.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::rv::Rv;
use claviger_conformance::session::{Object, Session};
use cryptoki_sys::*;

use crate::workload::{Call, Who};
use crate::world::{World, create_data, generate, one};

/// Names and values.
pub(crate) type Observation = BTreeMap<String, String>;

/// The names under which wrong PINs are counted: 0, 1, 2 for one more and the user is locked, 3 for locked.
pub(crate) fn wrong_pins_of(who: Who) -> Option<&'static str> {
    match who {
        Who::So => Some("wrong PINs of so"),
        Who::User | Who::Renewed => Some("wrong PINs of user"),
        // C_GetTokenInfo does not tell.
        Who::Kim => None,
    }
}

/// The count of who is locked.
pub(crate) const LOCKED: u32 = 3;

/// Prints what the token is; the last line says that it could be written.
pub(crate) fn observe() -> Result<(), String> {
    let mut world = World::load()?;
    let seen = look(&mut world).map_err(|(what, rv)| format!("{what}: {rv}"))?;
    for (name, value) in &seen {
        println!("{name}\t{value}");
    }
    write(&mut world, &seen).map_err(|(what, rv)| format!("afterwards {what}: {rv}"))?;
    println!("written\tyes");
    Ok(())
}

/// What [`observe`] has printed.
pub(crate) fn parse(printed: &str) -> Observation {
    let lines = printed.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

type Seen<T> = Result<T, (String, Rv)>;

fn at<T>(what: &str, result: Result<T, Rv>) -> Seen<T> {
    result.map_err(|rv| (what.to_owned(), rv))
}

fn look(world: &mut World) -> Seen<Observation> {
    let mut seen = Observation::new();
    at("C_Initialize", world.perform(Call::Initialize))?;
    let info = at("C_GetTokenInfo", world.module().token_info(0))?;
    if info.flags & CKF_TOKEN_INITIALIZED == 0 {
        seen.insert("token".to_owned(), "none".to_owned());
        return Ok(seen);
    }
    seen.insert("token".to_owned(), String::from_utf8_lossy(&info.label).trim_end().to_owned());
    let count =
        |low, last, locked| [locked, last, low].iter().position(|flag| info.flags & flag != 0).map_or(0, |at| 3 - at);
    let so = count(CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
    let user = count(CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED);
    for (who, count) in [(Who::So, so), (Who::User, user)] {
        seen.extend(wrong_pins_of(who).map(|name| (name.to_owned(), count.to_string())));
    }
    at("C_OpenSession", world.perform(Call::OpenSession))?;
    // A wrong PIN before the right one is taken back by it, unless it is the last that is allowed.
    let order = if user == 2 { [Who::User, Who::Renewed] } else { [Who::Renewed, Who::User] };
    let user = order.into_iter().find(|who| try_login(world, *who, &mut seen));
    if user.is_some() {
        look_at_objects(world, "user", &mut seen)?;
    }
    for (who, name) in [(Who::Kim, "kim"), (Who::So, "so")] {
        if try_login(world, who, &mut seen) {
            look_at_objects(world, name, &mut seen)?;
        }
    }
    Ok(seen)
}

/// Logs in, and says how that went if it did, or if it failed other than by the PIN.
fn try_login(world: &World, who: Who, seen: &mut Observation) -> bool {
    match world.login(who) {
        Ok(()) => seen.insert(format!("login {who:?}"), "CKR_OK".to_owned()).is_none(),
        Err(Rv(CKR_PIN_INCORRECT | CKR_USER_PIN_NOT_INITIALIZED)) => false,
        Err(rv) => {
            seen.insert(format!("login {who:?}"), rv.to_string());
            false
        }
    }
}

/// What the user who is logged in sees, by class, label and unique id.
fn look_at_objects(world: &mut World, who: &str, seen: &mut Observation) -> Seen<()> {
    let session = at("the session", world.session())?;
    for object in at("C_FindObjects", session.find(&[]))? {
        let class = at("CKA_CLASS", session.number(object, CKA_CLASS))?;
        let label = at("CKA_LABEL", session.attribute(object, CKA_LABEL))?;
        let label = String::from_utf8_lossy(&label).into_owned();
        let id = session.attribute(object, CKA_UNIQUE_ID).unwrap_or_default();
        let told = at(&format!("object {label}"), describe(&session, object, class, &label))?;
        let name = format!("{who} sees {} {label} {}", class_name(class), String::from_utf8_lossy(&id));
        if seen.insert(name.clone(), told).is_some() {
            seen.insert(name, "twice".to_owned());
        }
    }
    at("C_Logout", world.perform(Call::Logout))
}

/// What there is to say of an object: its flags, and that it works.
fn describe(session: &Session<'_>, object: Object, class: CK_OBJECT_CLASS, label: &str) -> Result<String, Rv> {
    if class == CKO_DATA {
        let value = session.attribute(object, CKA_VALUE)?;
        return Ok(format!("{} bytes {:016x}", value.len(), digest(&value)));
    }
    let flags = [("P", CKA_PRIVATE), ("S", CKA_SENSITIVE), ("E", CKA_EXTRACTABLE), ("T", CKA_TRUSTED), ("W", CKA_WRAP)];
    let flags: String = flags
        .iter()
        .filter(|(_, kind)| session.flag(object, *kind).is_ok_and(|flag| flag))
        .map(|(letter, _)| *letter)
        .collect();
    Ok(format!("{flags} {}", use_key(session, object, class, label)?))
}

/// Uses the key; what comes out is the same whenever it is the same key.
fn use_key(session: &Session<'_>, key: Object, class: CK_OBJECT_CLASS, label: &str) -> Result<String, Rv> {
    if class == CKO_PUBLIC_KEY {
        return Ok(format!("{:016x}", digest(&session.attribute(key, CKA_EC_POINT)?)));
    }
    if class == CKO_PRIVATE_KEY {
        let signature = session.sign(&Mechanism::plain(CKM_ECDSA), key, &[7; 32])?;
        let public = session.find(&attrs![CKA_CLASS => CKO_PUBLIC_KEY, CKA_LABEL => label])?;
        let verifies = public
            .iter()
            .any(|public| session.verify(&Mechanism::plain(CKM_ECDSA), *public, &[7; 32], &signature).is_ok());
        return Ok(if verifies { "signs" } else { "has no public half" }.to_owned());
    }
    if session.flag(key, CKA_ENCRYPT)? {
        let block = session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16])?;
        return Ok(format!("{:016x}", digest(&block)));
    }
    Ok(String::new())
}

/// A write of the kind that the token's state allows, which a second start of the library must find.
fn write(world: &mut World, seen: &Observation) -> Seen<()> {
    let user = [Who::User, Who::Renewed].into_iter().find(|who| has_logged_in(seen, *who));
    let Some(user) = user else {
        return if has_logged_in(seen, Who::So) { write_as_officer(world) } else { write_token(world) };
    };
    at("C_Login", world.login(user))?;
    let session = at("the session", world.session())?;
    at("C_GenerateKey", generate(&session, "probe"))?;
    at("C_CreateObject", create_data(&session, "probe data", 100))?;
    start_again(world)?;
    let session = at("the session", world.session())?;
    at("the new data", one(&session, "probe data"))?;
    at("C_Login", world.login(user))?;
    let key = at("the new key", one(&session, "probe"))?;
    at("C_DestroyObject", session.destroy_object(key))
}

fn write_as_officer(world: &mut World) -> Seen<()> {
    at("C_Login", world.login(Who::So))?;
    at("C_InitPIN", world.perform(Call::InitPin))?;
    start_again(world)?;
    at("C_Login", world.login(Who::User))
}

fn write_token(world: &mut World) -> Seen<()> {
    at("C_InitToken", world.perform(Call::InitToken("probe")))?;
    start_again(world)?;
    at("C_Login", world.login(Who::So))
}

fn start_again(world: &mut World) -> Seen<()> {
    at("C_Finalize", world.perform(Call::Finalize))?;
    at("C_Initialize", world.perform(Call::Initialize))?;
    at("C_OpenSession", world.perform(Call::OpenSession))
}

fn has_logged_in(seen: &Observation, who: Who) -> bool {
    seen.get(&format!("login {who:?}")).is_some_and(|answer| answer == "CKR_OK")
}

fn class_name(class: CK_OBJECT_CLASS) -> &'static str {
    match class {
        CKO_DATA => "data",
        CKO_PUBLIC_KEY => "public key",
        CKO_PRIVATE_KEY => "private key",
        CKO_SECRET_KEY => "secret key",
        _ => "object",
    }
}

/// Enough to tell values apart.
fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
