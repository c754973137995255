//! C_InitPIN and C_SetPIN (PKCS#11 3.2 sections 5.5.8 and 5.5.9).

use claviger_audit::Kind;
use claviger_rules::policy::{Action, Facts};
use claviger_rules::{Error, Refusal, Role, UserId};

use super::Token;
use super::name::{self, DEFAULT_USER, Who};
use crate::session::Caller;
use crate::{Result, fault};

impl Token {
    /// C_InitPIN.
    pub(crate) fn init_pin(&self, caller: &Caller<'_>, pin: &[u8]) -> Result<()> {
        let officer = self.administer(caller)?;
        name::check_new_pin(DEFAULT_USER, pin)?;
        let done = match self.user_named(DEFAULT_USER) {
            Some(user) if user.role.is_so() => {
                Err(Refusal::standard(Error::FunctionFailed, "the user `user` is a security officer"))
            }
            Some(user) => {
                let set = self.store.set_pin(&officer.keys, user.id, pin);
                set.map(|_| Kind::PinReset).map_err(fault::store)
            }
            None => {
                let made = self.store.create_user(&officer.keys, DEFAULT_USER, Role::NormalUser, pin);
                made.map(|_| Kind::UserCreated).map_err(fault::store)
            }
        };
        caller.tell(done?, None, |event| event.to(DEFAULT_USER));
        self.refresh()
    }

    /// C_SetPIN.
    pub(crate) fn set_pin(&self, caller: &Caller<'_>, old: &[u8], new: &[u8]) -> Result<()> {
        caller.ask(Action::OwnPin, |_| Facts::NONE)?;
        let login = self.login_state();
        let who = match &login {
            Some(login) => Who { name: &login.name, pin: name::without_own_name(&login.name, old), is_default: false },
            None => Who::in_pin(old, false),
        };
        let new = name::without_own_name(who.name, new);
        name::check_new_pin(who.name, new)?;
        let user = match login {
            Some(ref login) => login.user,
            // An unknown user's PIN is tried all the same, and counts for nobody.
            None => self.user_named(who.name).filter(|user| !user.role.is_so()).map_or(NOBODY, |user| user.id),
        };
        let changed = self.store.change_pin(user, who.pin, new).map_err(fault::store);
        changed.inspect_err(|refusal| self.tell_failed("C_SetPIN", who.name, caller.subject.officer, refusal))?;
        caller.tell(Kind::PinChanged, None, |event| event.to(who.name));
        self.refresh()
    }
}

/// The id that no user has.
const NOBODY: UserId = UserId(0);
