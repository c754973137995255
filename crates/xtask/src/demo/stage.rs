//! The loaded library, its users, and the calls that are shown: each with what it returned, and a refusal with the
//! rule that the library's own log names.

use std::path::{Path, PathBuf};

use claviger_conformance::fixture::{NamedUsers, Users};
use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::session::Session;
use claviger_conformance::token::Token;
use cryptoki_sys::*;

use super::{SLOTS, SO_PIN, USERS};
use crate::screen;

/// The library after C_Initialize.
pub(super) struct Stage {
    token: Token,
    log: PathBuf,
}

/// Who acts.
#[derive(Clone, Copy)]
pub(super) enum Actor {
    /// The security officer.
    So,
    /// A named user.
    Named(&'static str),
}

impl Stage {
    /// Loads the library and initialises it.
    pub(super) fn open(library: &Path, log: &Path) -> Result<Self, String> {
        let module = Module::load(library)?;
        module.initialize_null().map_err(|rv| format!("C_Initialize: {rv}."))?;
        let [(slot, _), _] = SLOTS;
        Ok(Self { token: Token { module, slot, users: users(), is_claviger: true }, log: log.to_owned() })
    }

    /// The token of another slot, with users of the same names.
    pub(super) fn in_slot(&mut self, slot: u64) -> &Token {
        self.token.slot = slot;
        &self.token
    }

    /// Rule and reason of the last refusal with this value in the library's log: "rule R1: …".
    pub(super) fn reason(&self, rv: Rv) -> Option<String> {
        let text = std::fs::read_to_string(&self.log).ok()?;
        let refusal = format!(" {rv} (");
        let (_, rule) = text.lines().rev().find_map(|line| line.split_once(&refusal))?;
        let (rule, reason) = rule.split_once("): ")?;
        let reason = reason.rsplit_once(' ').map_or(reason, |(reason, _microseconds)| reason);
        Some(format!("{rule}: {reason}"))
    }

    /// What happens while `actor` is logged in, in a session of its own.
    pub(super) fn act<T>(
        &self,
        actor: Actor,
        scene: impl FnOnce(&Session<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let (user, pin, shown) = match actor {
            Actor::So => (CKU_SO, SO_PIN.to_owned(), "C_Login(CKU_SO, so)".to_owned()),
            Actor::Named(name) => (CKU_USER, pin(name), format!("C_Login(CKU_USER, {name})")),
        };
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let session =
            self.token.module.open_session(self.token.slot, flags).map_err(|rv| format!("C_OpenSession: {rv}."))?;
        done(&shown, session.login(user, &pin))?;
        let outcome = scene(&session);
        session.close().map_err(|rv| format!("C_CloseSession: {rv}."))?;
        outcome
    }

    /// A call that the token must refuse, with the reason from the library's log.
    pub(super) fn refused<T>(&self, call: &str, result: Result<T, Rv>, expected: CK_RV) -> Result<(), String> {
        match result {
            Ok(_) => {
                screen::call(call, "CKR_OK", false);
                Err(format!("{call} was not refused."))
            }
            Err(rv) => {
                screen::call(call, &rv.to_string(), rv.0 == expected);
                if let Some(reason) = self.reason(rv) {
                    screen::aside(&reason);
                }
                if rv.0 == expected { Ok(()) } else { Err(format!("{call}: {rv}, expected {}.", Rv(expected))) }
            }
        }
    }
}

/// A call that must go through.
pub(super) fn done<T>(call: &str, result: Result<T, Rv>) -> Result<T, String> {
    match result {
        Ok(value) => {
            screen::call(call, "CKR_OK", true);
            Ok(value)
        }
        Err(rv) => {
            screen::call(call, &rv.to_string(), false);
            Err(format!("{call}: {rv}."))
        }
    }
}

fn pin(name: &str) -> String {
    let user = USERS.iter().find(|(known, ..)| *known == name);
    user.map(|(name, _, pin)| format!("{name}:{pin}")).unwrap_or_default()
}

fn users() -> Users {
    let named = NamedUsers { kim: pin("kim"), app1: pin("app1"), app2: pin("app2") };
    Users { so: SO_PIN.to_owned(), user: pin("app1"), named: Some(named) }
}
