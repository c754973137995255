//! A token's policy: its mode, which only grows stricter, and its settings.

use claviger_rules::tighten::Tightened;
use claviger_rules::{Error, Mode, Refusal, Rule};
use claviger_store::{Act, Cost, HeaderChange};

use super::quorum::Work;
use super::{LoggedIn, Token};
use crate::object;
use crate::session::Caller;
use crate::{Result, Session, fault};

impl Session {
    /// Makes the policy mode stricter, and says what that means for the objects that are there.
    ///
    /// In `enforce` what was born before loses TRUSTED and never gets it back.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ACTION_PROHIBITED for a mode that is not
    /// stricter, and while approvals are missing.
    pub fn tighten(&self, mode: Mode) -> Result<Tightened> {
        self.call("token tighten", |caller| self.token().tighten(caller, mode))
    }

    /// Sets how many wrong PINs in a row lock a user (0: never), and how dear a guess of the PINs set from now on is.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ACTION_PROHIBITED while approvals are missing.
    pub fn set_settings(&self, max_pin_failures: Option<u32>, pin_cost: Option<Cost>) -> Result<()> {
        let change = HeaderChange { mode: None, max_pin_failures, cost: pin_cost };
        self.call("token set", |caller| self.token().change_policy(caller, change).map(drop))
    }
}

impl Token {
    fn tighten(&self, caller: &Caller<'_>, mode: Mode) -> Result<Tightened> {
        self.administer(caller)?;
        if mode <= self.mode() {
            return Err(NOT_STRICTER);
        }
        let change = HeaderChange { mode: Some(mode), ..HeaderChange::default() };
        self.change_policy(caller, change)
    }

    fn change_policy(&self, caller: &Caller<'_>, change: HeaderChange) -> Result<Tightened> {
        let officer = self.administer(caller)?;
        let tightened = self.perform(caller, &officer, &Act::ChangeHeader(change))?;
        Ok(tightened.unwrap_or_default())
    }

    /// What a new mode does to objects. One whose record is damaged is left as it is: it cannot be used either.
    pub(super) fn tightening(&self, officer: &LoggedIn, mode: Option<Mode>) -> Result<Work> {
        let Some(mode) = mode else {
            return Ok(Work::on_all(self.store.generation().map_err(fault::store)?, Vec::new(), None));
        };
        let (mut changes, mut tightened) = (Vec::new(), Tightened::default());
        let seen = object::each(self, officer, &mut |stored, object| {
            if let Some(after) = tightened.object(&object, mode) {
                changes.push(object::replace(stored.id, stored.version, &after)?);
            }
            Ok(())
        })?;
        Ok(Work::on_all(seen, changes, Some(tightened)))
    }
}

const NOT_STRICTER: Refusal = Refusal::new(
    Error::ActionProhibited,
    Rule::Standard,
    "a token's policy mode can only be tightened, from standard over audit to enforce; for a looser one make a new token",
);
