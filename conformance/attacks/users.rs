//! Users and policies that change: a token that is tightened, a name that is given again, a quorum of officers. All of
//! it with the command line, which has what the C interface has not.

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User};
use super::outside::aes;
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::vendor::CKA_CLAVIGER_SHARED_WITH;

/// A44. A trusted key whose value is known is made where nothing forbids it; then the token is tightened.
pub(super) const TIGHTENED: &[Way] = &[wrap_after_tightening, trust_after_tightening];

/// The slot that every fixture leaves free.
const FREE_SLOT: CK_SLOT_ID = 1;

/// A token in `standard` with a trusted key of known value, which opens what it wraps; then tightened to `enforce`.
fn tightened<'t>(arena: &Arena<'t>) -> Result<(Arena<'t>, String), Stop> {
    arena.needs_roles()?;
    let slot = FREE_SLOT.to_string();
    let so_pin = &arena.token.users.so;
    let at_slot = |arguments: &[&str]| arena.prepare(&[&["--slot", slot.as_str()], arguments].concat());
    let known = arena.token.module.token_info(FREE_SLOT);
    let again = known.is_ok_and(|info| info.flags & CKF_TOKEN_INITIALIZED != 0);
    let reset: &[&str] = if again { &["--reset"] } else { &[] };
    at_slot(&[&["init", "--label", "loose", "--so-pin", so_pin, "--policy", "standard"], reset].concat())?;
    for (name, role) in [("kim", "km"), ("app1", "nu")] {
        at_slot(&["user", "create", "--username", name, "--role", role, "--password", &format!("{name}-pin-1")])?;
    }
    let label = arena.label("kT");
    let loose = arena.in_slot(FREE_SLOT)?;
    loose.become_user(User::Kim)?;
    let known = attrs![
        CKA_TOKEN => true, CKA_LABEL => &label, CKA_PRIVATE => false, CKA_WRAP => true, CKA_UNWRAP => true,
    ];
    scene("C_CreateObject(kA{WRAP})", loose.known_key(&KNOWN, known))?;
    loose.set_trusted(&label, true)?;
    loose.become_user(User::Attacker)?;
    if wrap_under(&loose, &label).is_err() {
        return harmless("the key does not wrap even before the token is tightened");
    }
    scene("C_CloseAllSessions", arena.token.module.close_all_sessions(FREE_SLOT))?;
    at_slot(&["token", "tighten", "--policy", "enforce"])?;
    Ok((arena.in_slot(FREE_SLOT)?, label))
}

/// The value of the key that was trusted.
const KNOWN: [u8; 32] = [0x4B; 32];

/// kS under the key of this label, opened outside.
fn wrap_under(arena: &Arena<'_>, label: &str) -> Ended {
    let victim = arena.victim_with(attrs![CKA_WRAP_WITH_TRUSTED => true])?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), arena.find(label)?, victim.key);
    victim.recovered(&aes::open(&KNOWN, &step("C_WrapKey(kA trusted before tightening, kS)", blob)?)?)
}

fn wrap_after_tightening(arena: &Arena<'_>) -> Ended {
    let (tight, label) = tightened(arena)?;
    tight.become_user(User::Attacker)?;
    wrap_under(&tight, &label)
}

fn trust_after_tightening(arena: &Arena<'_>) -> Ended {
    let (tight, label) = tightened(arena)?;
    tight.become_user(User::So)?;
    let key = tight.find(&label)?;
    if scene("C_GetAttributeValue(TRUSTED)", tight.session.flag(key, CKA_TRUSTED))? {
        return evidence("a key from before tightening is still trusted");
    }
    let again = tight.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    step("C_SetAttributeValue(TRUSTED=1) on a key from before tightening", again)?;
    evidence("a key from before tightening, trusted anew")
}

/// A45. A user is deleted, and another of the same name made: what was the first one's must not be the second's.
pub(super) const SAME_NAME: &[Way] = &[recreated_sharee, recreated_key_manager, recreated_owner];

const SECOND_PIN: &str = "another-pin-2";

fn create(arena: &Arena<'_>, name: &str, role: &str, pin: &str) -> Result<String, Stop> {
    arena.prepare(&["user", "create", "--username", name, "--role", role, "--password", pin])
}

fn delete(arena: &Arena<'_>, name: &str) -> Result<String, Stop> {
    arena.prepare(&["user", "delete", "--username", name])
}

fn log_in(arena: &Arena<'_>, name: &str, pin: &str) -> Result<(), Stop> {
    arena.log_out()?;
    scene(format_args!("C_Login({name})"), arena.session.login(CKU_USER, &format!("{name}:{pin}")))
}

/// A wrapping key was shared with the old user.
fn recreated_sharee(arena: &Arena<'_>) -> Ended {
    create(arena, "ann", "nu", "ann-pin-1")?;
    let label = arena.label("shared");
    arena.as_user(User::Kim, || {
        let template = attrs![CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_UNWRAP => true];
        let key = scene("C_GenerateKey(k{WRAP,UNWRAP})", arena.aes_key(template))?;
        let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1\0ann"];
        scene("C_SetAttributeValue(SHARED_WITH)", arena.session.set_attribute_value(key, &share))
    })?;
    log_in(arena, "ann", "ann-pin-1")?;
    let shared = arena.find(&label)?;
    arena.log_out()?;
    delete(arena, "ann")?;
    create(arena, "ann", "nu", SECOND_PIN)?;
    log_in(arena, "ann", SECOND_PIN)?;
    if !scene("C_FindObjects", arena.session.find(&attrs![CKA_LABEL => &label]))?.is_empty() {
        return evidence("a new user sees what was shared with an old one of the same name");
    }
    let victim = arena.victim()?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), shared, victim.key);
    step("C_WrapKey(handle of what was shared with the old user)", blob)?;
    evidence("a new user uses what was shared with an old one of the same name")
}

/// The name of a key manager is given to a normal user.
fn recreated_key_manager(arena: &Arena<'_>) -> Ended {
    create(arena, "kate", "km", "kate-pin-1")?;
    delete(arena, "kate")?;
    create(arena, "kate", "nu", SECOND_PIN)?;
    arena.log_out()?;
    if arena.session.login(CKU_USER, "kate:kate-pin-1").is_ok() {
        return evidence("the old user's PIN opens the new user's login");
    }
    log_in(arena, "kate", SECOND_PIN)?;
    let label = arena.label("candidate");
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_UNWRAP => true];
    let key = scene("C_GenerateKey(k{WRAP,UNWRAP})", arena.aes_key(template))?;
    let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1"];
    step("C_SetAttributeValue(SHARED_WITH) by the new normal user", arena.session.set_attribute_value(key, &share))?;
    evidence("a normal user shares keys, as the key manager of that name did")
}

/// The old user owned a key, and left it.
fn recreated_owner(arena: &Arena<'_>) -> Ended {
    create(arena, "otto", "nu", "otto-pin-1")?;
    log_in(arena, "otto", "otto-pin-1")?;
    let label = arena.label("kS");
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => &label, CKA_ENCRYPT => true];
    let key = scene("C_GenerateKey(otto's key)", arena.aes_key(template))?;
    arena.log_out()?;
    let pin = format!("so:{}", arena.token.users.so);
    if let Err(said) = arena.command(&pin, &["user", "delete", "--username", "otto"])? {
        return harmless(format_args!("a user who owns objects is not deleted: {said}"));
    }
    create(arena, "otto", "nu", SECOND_PIN)?;
    log_in(arena, "otto", SECOND_PIN)?;
    let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]);
    step("C_EncryptInit(key of the old user)", block)?;
    evidence("a new user owns what an old one of the same name made")
}

/// A46. One officer makes, unlocks or resets as many others as it takes to approve alone, or counts twice, or lowers the
/// quorum (two officers, of three).
pub(super) const STUFFING: &[Way] = &[
    |arena| alone(arena, &["user", "create", "--username", "extra", "--role", "so", "--password", SECOND_PIN], "extra"),
    |arena| alone(arena, &["user", "change-password", "--username", "so2", "--password", SECOND_PIN], "so2"),
    unlock_alone,
    |arena| alone(arena, &["user", "delete", "--username", "so3"], "nobody"),
    |arena| alone(arena, &["quorum", "set", "1"], "nobody"),
    trust_alone,
    approve_twice,
];

/// Two officers more, whose PINs the attacker does not have, and two approvals for each act.
fn officers(arena: &Arena<'_>) -> Result<String, Stop> {
    arena.needs_roles()?;
    if !arena.prepare(&["user", "list"])?.contains("so3") {
        create(arena, "so2", "so", "so2-pin-1")?;
        create(arena, "so3", "so", "so3-pin-1")?;
        arena.prepare(&["quorum", "set", "2"])?;
    }
    Ok(format!("so:{}", arena.token.users.so))
}

/// The act is refused and filed; then the officer approves it alone; then the officer who came of it would log in.
fn alone(arena: &Arena<'_>, act: &[&str], comes: &str) -> Ended {
    let so = officers(arena)?;
    let refused = match arena.command_step(&so, act) {
        Err(refused) => refused,
        Ok(_) => return evidence(format_args!("one officer did alone: claviger {}", act.join(" "))),
    };
    approve_all(arena, &so)?;
    arena.log_out()?;
    if arena.session.login(CKU_SO, &format!("{comes}:{SECOND_PIN}")).is_ok() {
        return evidence(format_args!("{comes} logs in after one officer's act"));
    }
    Err(refused)
}

/// Approves every pending act as this officer, whose own they are.
fn approve_all(arena: &Arena<'_>, officer: &str) -> Result<(), Stop> {
    for act in 1..=16 {
        let _ = arena.command(officer, &["quorum", "approve", &act.to_string()])?;
    }
    Ok(())
}

/// An officer who is locked is not let in again by one other.
fn unlock_alone(arena: &Arena<'_>) -> Ended {
    let so = officers(arena)?;
    arena.log_out()?;
    for _ in 0..12 {
        let _ = arena.session.login(CKU_SO, "so3:not-the-pin");
    }
    let refused = match arena.command_step(&so, &["user", "unlock", "--username", "so3"]) {
        Err(refused) => refused,
        Ok(_) => return evidence("one officer unlocked another"),
    };
    approve_all(arena, &so)?;
    match arena.session.login(CKU_SO, "so3:so3-pin-1") {
        Ok(()) => evidence("an officer logs in whom one other unlocked"),
        Err(_) => Err(refused),
    }
}

/// TRUSTED is set through the C interface, again and again.
fn trust_alone(arena: &Arena<'_>) -> Ended {
    let so = officers(arena)?;
    let label = arena.label("candidate");
    arena.become_user(User::Kim)?;
    arena.candidate(&label)?;
    arena.become_user(User::So)?;
    let key = arena.find(&label)?;
    let trust = || arena.session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]);
    let (first, second) = (trust(), trust());
    approve_all(arena, &so)?;
    if scene("C_GetAttributeValue(TRUSTED)", arena.session.flag(key, CKA_TRUSTED))? {
        return evidence("a key that one officer trusted");
    }
    step("C_SetAttributeValue(TRUSTED=1) by one officer", first)?;
    step("C_SetAttributeValue(TRUSTED=1) by the same officer again", second)?;
    harmless("TRUSTED=1 was accepted and ignored")
}

/// An act that another officer filed needs this officer once: twice is no more.
fn approve_twice(arena: &Arena<'_>) -> Ended {
    let so = officers(arena)?;
    arena.log_out()?;
    let act = ["quorum", "set", "3"];
    let refused = match arena.command_step(&so, &act) {
        Err(refused) => refused,
        Ok(_) => return evidence("one officer changed the quorum"),
    };
    let _ = arena.command(&so, &act)?;
    approve_all(arena, &so)?;
    approve_all(arena, &so)?;
    match arena.prepare(&["quorum", "show"])?.contains("2 of") {
        true => Err(refused),
        false => evidence("the same officer's approval counted twice"),
    }
}
