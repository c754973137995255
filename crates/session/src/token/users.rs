//! Managing users: what the command line does for a security officer. Who may is the policy table's row
//! `Administer`.

use std::sync::Arc;

use claviger_audit::Kind;
use claviger_rules::policy::{Action, Facts};
use claviger_rules::{Error, Refusal, Role};
use claviger_store::{Act, User};

use super::{LoggedIn, Token, name};
use crate::session::Caller;
use crate::{Result, UserInfo, fault};

impl Token {
    /// Every user, by age.
    pub(crate) fn users(&self) -> Vec<UserInfo> {
        let info = |user: &User| UserInfo {
            name: user.name.clone(),
            role: user.role,
            locked: user.locked,
            failures: user.failures,
        };
        self.known().users.iter().map(info).collect()
    }

    /// Makes a user.
    pub(crate) fn create_user(&self, caller: &Caller<'_>, name: &str, role: Role, pin: &[u8]) -> Result<()> {
        let officer = self.administer(caller)?;
        name::check_new_pin(name, pin)?;
        if role.is_so() {
            let act = self.store.new_officer(&officer.keys, name, pin).map_err(fault::store)?;
            return self.perform(caller, &officer, &act).map(drop);
        }
        self.store.create_user(&officer.keys, name, role, pin).map_err(fault::store)?;
        caller.tell(Kind::UserCreated, None, |event| event.to(name).detail(role.name()));
        self.refresh()
    }

    /// Ends a user who owns nothing. Its id is never used again, so what is still shared with it is shared with
    /// nobody.
    pub(crate) fn delete_user(&self, caller: &Caller<'_>, name: &str) -> Result<()> {
        let officer = self.administer(caller)?;
        let user = self.other_user(&officer, name)?;
        self.perform(caller, &officer, &Act::DeleteUser(user.id)).map(drop)
    }

    /// Gives another user a new PIN.
    pub(crate) fn change_password(&self, caller: &Caller<'_>, name: &str, pin: &[u8]) -> Result<()> {
        let officer = self.administer(caller)?;
        let user = self.other_user(&officer, name)?;
        name::check_new_pin(&user.name, pin)?;
        if user.role.is_so() {
            let act = self.store.new_lock(&officer.keys, user.id, pin).map_err(fault::store)?;
            return self.perform(caller, &officer, &act).map(drop);
        }
        self.store.set_pin(&officer.keys, user.id, pin).map_err(fault::store)?;
        caller.tell(Kind::PinReset, None, |event| event.to(&user.name));
        self.refresh()
    }

    /// Takes a user's count of wrong PINs back.
    pub(crate) fn unlock_user(&self, caller: &Caller<'_>, name: &str) -> Result<()> {
        let officer = self.administer(caller)?;
        let user = self.user_named(name).ok_or(UNKNOWN)?;
        if user.role.is_so() {
            let act = Act::UnlockOfficer { user: user.id, reset: user.reset };
            return self.perform(caller, &officer, &act).map(drop);
        }
        self.store.unlock(&officer.keys, user.id).map_err(fault::store)?;
        caller.tell(Kind::UserUnlocked, None, |event| event.to(&user.name));
        self.refresh()
    }

    /// The security officer who asks.
    pub(crate) fn administer(&self, caller: &Caller<'_>) -> Result<Arc<LoggedIn>> {
        caller.ask(Action::Administer, |_| Facts::NONE)?;
        caller.login()?.ok_or_else(|| fault::store(claviger_store::Error::UserGone))
    }

    /// The user of that name, in any case.
    pub(crate) fn user_named(&self, name: &str) -> Option<User> {
        self.known().users.iter().find(|user| user.name.eq_ignore_ascii_case(name)).cloned()
    }

    pub(super) fn has_user(&self, name: &str) -> bool {
        self.user_named(name).is_some()
    }

    fn other_user(&self, officer: &LoggedIn, name: &str) -> Result<User> {
        let user = self.user_named(name).ok_or(UNKNOWN)?;
        if user.id == officer.user {
            return Err(Refusal::standard(
                Error::ActionProhibited,
                "not oneself: one's own PIN is changed by giving the old one",
            ));
        }
        Ok(user)
    }
}

const UNKNOWN: Refusal = fault::store(claviger_store::Error::UserUnknown);
