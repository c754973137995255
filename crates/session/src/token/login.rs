//! Logging in and out, and the counts of sessions that both look at (PKCS#11 3.2 sections 5.6.8 to 5.6.10).
//! Not how PINs are tried and counted: that is the store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use claviger_audit::Kind;
use claviger_rules::{Error, Refusal, Role, UserId};
use claviger_store::Keys;

use super::name::{DEFAULT_USER, Who, without_own_name};
use super::{Counts, Token};
use crate::{Result, fault};

/// A user who is logged in.
pub(crate) struct LoggedIn {
    /// The user's id.
    pub(crate) user: UserId,
    /// The user's name.
    pub(crate) name: String,
    /// The user's role.
    pub(crate) role: Role,
    /// When somebody else last set the user's PIN: another value ends the login.
    pub(crate) reset: u64,
    /// What opens private objects.
    pub(crate) keys: Keys,
}

/// Who is logged in.
pub(super) enum Login {
    /// Nobody.
    Nobody,
    /// This user.
    User(Arc<LoggedIn>),
    /// A user whom another process has deleted, or given a new PIN. C_Logout or a new C_Login take this back.
    Ended,
}

impl Login {
    /// What forbids a login of the user `name` before its PIN is even tried.
    fn refuse_another(&self, open: Counts, is_so: bool, name: &str) -> Result<()> {
        let (error, reason) = match self {
            Self::User(user) if user.role.is_so() == is_so && user.name.eq_ignore_ascii_case(name) => {
                (Error::UserAlreadyLoggedIn, "this user is logged in already")
            }
            Self::User(_) => (Error::UserAnotherAlreadyLoggedIn, "another user is logged in; log out first"),
            Self::Nobody | Self::Ended if is_so && open.read_only > 0 => {
                (Error::SessionReadOnlyExists, "a security officer cannot log in while a read-only session is open")
            }
            Self::Nobody | Self::Ended => return Ok(()),
        };
        Err(Refusal::standard(error, reason))
    }

    fn is_officer(&self) -> bool {
        matches!(self, Self::User(user) if user.role.is_so())
    }
}

impl Token {
    /// Who is logged in.
    pub(crate) fn login_state(&self) -> Option<Arc<LoggedIn>> {
        match &**self.login.load() {
            Login::User(user) => Some(Arc::clone(user)),
            Login::Nobody | Login::Ended => None,
        }
    }

    /// C_Login.
    pub(crate) fn login(&self, is_so: bool, pin: &[u8]) -> Result<()> {
        let who = Who::in_pin(pin, is_so);
        let names_nobody = who.pin.len() == pin.len();
        if names_nobody && !is_so && !self.has_user(DEFAULT_USER) {
            self.login.load().refuse_another(*self.counts(), is_so, who.name)?;
            let refusal = Refusal::standard(
                Error::UserPinNotInitialized,
                "the user `user` does not exist yet; C_InitPIN makes it",
            );
            self.tell_failed("C_Login", who.name, is_so, &refusal);
            return Err(refusal);
        }
        self.admit("C_Login", is_so, who.name, who.pin)
    }

    /// C_LoginUser.
    pub(crate) fn login_user(&self, is_so: bool, pin: &[u8], username: &[u8]) -> Result<()> {
        if username.is_empty() {
            return self.login(is_so, pin);
        }
        // What is no UTF-8 is no user's name; the store takes as long over it as over a wrong PIN.
        self.admit("C_LoginUser", is_so, core::str::from_utf8(username).unwrap_or_default(), pin)
    }

    fn admit(&self, call: &str, is_so: bool, name: &str, pin: &[u8]) -> Result<()> {
        self.login.load().refuse_another(*self.counts(), is_so, name)?;
        // Without any lock of ours: it takes as long as the PIN's cost says.
        let login = self.store.login(is_so, name, pin).map_err(fault::store);
        let login = login.inspect_err(|refusal| self.tell_failed(call, name, is_so, refusal))?;
        let user = login.user;
        let logged_in =
            LoggedIn { user: user.id, name: user.name, role: user.role, reset: user.reset, keys: login.keys };
        let counts = self.counts();
        self.login.load().refuse_another(*counts, is_so, name)?;
        if *counts == Counts::NONE {
            return Err(Refusal::standard(Error::SessionClosed, "the session was closed meanwhile"));
        }
        let logged_in = Arc::new(logged_in);
        self.login.store(Arc::new(Login::User(Arc::clone(&logged_in))));
        drop(counts);
        self.tell_login(Kind::Login, call, &logged_in);
        Ok(())
    }

    /// Tries the PIN of the user who is logged in, counted like any other. The user need not be named.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED; CKR_USER_ANOTHER_ALREADY_LOGGED_IN when another user is named.
    pub(crate) fn prove_user(&self, call: &str, pin: &[u8], username: &[u8]) -> Result<()> {
        let login = self.login_state().ok_or(fault::store(claviger_store::Error::UserGone))?;
        let pin = if username.is_empty() {
            without_own_name(&login.name, pin)
        } else if username.eq_ignore_ascii_case(login.name.as_bytes()) {
            pin
        } else {
            return Err(Refusal::standard(Error::UserAnotherAlreadyLoggedIn, "another user is logged in"));
        };
        let is_so = login.role.is_so();
        let proven = self.store.login(is_so, &login.name, pin).map_err(fault::store);
        let proven = proven.inspect_err(|refusal| self.tell_failed(call, &login.name, is_so, refusal))?;
        if proven.user.id == login.user { Ok(()) } else { Err(fault::store(claviger_store::Error::UserGone)) }
    }

    /// Tries a security officer's PIN without logging in.
    pub(super) fn prove_officer(&self, call: &str, officer: &Who<'_>) -> Result<()> {
        let proven = self.store.login(true, officer.name, officer.pin).map(drop).map_err(fault::store);
        proven.inspect_err(|refusal| self.tell_failed(call, officer.name, true, refusal))
    }

    /// C_Logout.
    pub(crate) fn logout(&self) -> Result<()> {
        let login = self.end(&self.counts());
        match *login {
            Login::User(ref user) => {
                self.forget_user();
                self.tell_login(Kind::Logout, "C_Logout", user);
                Ok(())
            }
            Login::Nobody => Err(Refusal::standard(Error::UserNotLoggedIn, "nobody is logged in")),
            Login::Ended => Err(fault::store(claviger_store::Error::UserGone)),
        }
    }

    /// Nobody is logged in from here on; gives who was.
    fn end(&self, _counts: &MutexGuard<'_, Counts>) -> Arc<Login> {
        self.login.swap(Arc::new(Login::Nobody))
    }

    /// What a logout takes with it (rule R17). The login itself is over already, so whatever a call in another thread
    /// still begins with it is begun before its session is visited here.
    fn forget_user(&self) {
        self.objects.forget_private();
        let Some(sessions) = self.sessions.upgrade() else { return };
        for session in sessions.of(self.slot) {
            session.operations().end_private();
        }
    }

    /// The login is over because another process said so. Running operations keep their keys to their end.
    pub(super) fn end_login(&self, ended: &Arc<LoggedIn>) {
        let counts = self.counts();
        if matches!(&**self.login.load(), Login::User(user) if Arc::ptr_eq(user, ended)) {
            self.login.store(Arc::new(Login::Ended));
            drop(counts);
            self.objects.forget_private();
        }
    }

    /// Nobody has ever been here: another process initialised the token anew.
    pub(super) fn forget_everybody(&self) {
        let mut counts = self.counts();
        *counts = Counts::NONE;
        self.end(&counts);
        self.era.fetch_add(1, Ordering::Release);
        drop(counts);
        self.objects.clear();
    }

    /// Counts a session in. Gives the era that it is opened in.
    pub(crate) fn enter(&self, writable: bool) -> Result<u64> {
        self.header()?;
        let mut counts = self.counts();
        if !writable && self.login.load().is_officer() {
            return Err(Refusal::standard(
                Error::SessionReadWriteSoExists,
                "a security officer is logged in: sessions are read/write",
            ));
        }
        let all = counts.read_only.saturating_add(counts.read_write);
        let over = |count, limit| limit != 0 && count >= limit;
        if over(all, self.defaults.max_sessions) || (writable && over(counts.read_write, self.defaults.max_rw_sessions))
        {
            return Err(Refusal::standard(Error::SessionCount, "the configuration allows no more sessions"));
        }
        let count = if writable { &mut counts.read_write } else { &mut counts.read_only };
        *count = count.saturating_add(1);
        Ok(self.era())
    }

    /// Counts a session of that era out. With the last one the login ends.
    pub(crate) fn leave(&self, writable: bool, era: u64) {
        let mut counts = self.counts();
        if era != self.era() {
            return;
        }
        let count = if writable { &mut counts.read_write } else { &mut counts.read_only };
        *count = count.saturating_sub(1);
        if *counts != Counts::NONE {
            return;
        }
        let login = self.end(&counts);
        drop(counts);
        if let Login::User(user) = &*login {
            self.forget_user();
            self.tell_login(Kind::Logout, "C_CloseSession", user);
        }
    }

    /// Open sessions of this application: read-only, read/write.
    pub(super) fn session_counts(&self) -> (u64, u64) {
        let counts = self.counts();
        (counts.read_only, counts.read_write)
    }
}
