//! A token: what this process knows of it, who is logged in, and its objects.
//!
//! The store is the truth and is shared with other processes; [`Token::refresh`] at the entry of every call brings
//! this process up to it. All sessions of the application share one login. No lock of this file is held while a PIN
//! is stretched, and none while another is asked for, but for `catching_up`, which comes first.

mod backup;
mod login;
mod name;
mod pin;
mod policy;
mod quorum;
mod refresh;
mod slot;
mod users;
mod wording;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::{ArcSwap, Guard};
use claviger_rules::policy::Subject;
use claviger_rules::{Error, Mode, Refusal, Rulebook, UserId};
use claviger_store::{Header, NewToken, Settings, Store, User};

pub(crate) use self::login::LoggedIn;
use self::login::Login;
use self::name::Who;
pub use self::quorum::{Approved, PendingAct, PendingActs};
use crate::audit::Audit;
use crate::object::View;
use crate::session::table::Sessions;
use crate::{Initialize, Result, SlotId, fault};

/// One slot's token. It may be uninitialised.
pub struct Token {
    slot: SlotId,
    store: Store,
    pub(crate) audit: Audit,
    defaults: Defaults,
    known: ArcSwap<Known>,
    /// The generation of the store that `known` and `objects` stand at.
    seen: AtomicU64,
    catching_up: Mutex<()>,
    /// Who is logged in. Read without a lock, changed under that of `counts`.
    login: ArcSwap<Login>,
    counts: Mutex<Counts>,
    /// How often another process was seen to initialise the token anew; changed under the lock of `counts`.
    era: AtomicU64,
    pub(crate) objects: View,
    /// All sessions of the application, those of other tokens too.
    sessions: Weak<Sessions>,
}

/// What the configuration says of new tokens and of sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    /// The mode of a token that C_InitToken makes.
    pub(crate) mode: Mode,
    /// The settings of a new token.
    pub(crate) settings: Settings,
    /// The most sessions of one application; 0 for no limit.
    pub(crate) max_sessions: u64,
    /// The most read/write sessions of one application; 0 for no limit.
    pub(crate) max_rw_sessions: u64,
}

/// What was read of the token.
struct Known {
    header: Option<Header>,
    users: Vec<User>,
}

/// Open sessions of the application.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Counts {
    read_only: u64,
    read_write: u64,
}

impl Counts {
    const NONE: Self = Self { read_only: 0, read_write: 0 };
}

impl Token {
    /// The token in `slot`, of which nothing is known before the first [`Token::refresh`].
    pub(crate) fn new(slot: SlotId, store: Store, audit: Audit, defaults: Defaults, sessions: Weak<Sessions>) -> Self {
        Self {
            slot,
            store,
            audit,
            defaults,
            known: ArcSwap::from_pointee(Known { header: None, users: Vec::new() }),
            seen: AtomicU64::new(0),
            catching_up: Mutex::new(()),
            login: ArcSwap::from_pointee(Login::Nobody),
            counts: Mutex::new(Counts::NONE),
            era: AtomicU64::new(0),
            objects: View::new(),
            sessions,
        }
    }

    /// Its slot.
    pub(crate) const fn slot(&self) -> SlotId {
        self.slot
    }

    /// Its store.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Its policy mode; on an uninitialised token the one it would be born in.
    pub(crate) fn mode(&self) -> Mode {
        self.known().header.map_or(self.defaults.mode, |header| header.mode)
    }

    /// Its header.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED while the slot holds no token.
    pub(crate) fn header(&self) -> Result<Header> {
        self.known().header.ok_or_else(|| fault::store(claviger_store::Error::Uninitialized))
    }

    /// The user of that id.
    pub(crate) fn user(&self, id: UserId) -> Option<User> {
        self.known().users.iter().find(|user| user.id == id).cloned()
    }

    /// Who asks, in a session that is read/write or not.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN when another process has ended the login, until C_Logout or a new C_Login.
    pub(crate) fn subject(&self, writable: bool) -> Result<Subject> {
        let mode = self.mode();
        let login = match &**self.login.load() {
            Login::Nobody => None,
            Login::User(user) => Some((user.user, user.role)),
            Login::Ended => return Err(fault::store(claviger_store::Error::UserGone)),
        };
        Ok(Subject::new(login, Rulebook::of(mode), writable))
    }

    /// C_InitToken.
    pub(crate) fn init_token(&self, pin: &[u8], label: &[u8]) -> Result<()> {
        self.refuse_sessions()?;
        let old = self.known().header;
        let officer = Who::in_pin(pin, true);
        if let Some(old) = old {
            self.prove_officer(INIT_TOKEN, &officer)?;
            self.make(Some(old), label, old.mode, old.settings, officer.pin)?;
            self.tell_initialized(INIT_TOKEN, Some(officer.name), old.mode);
            return Ok(());
        }
        if !officer.is_default {
            return Err(Refusal::standard(Error::PinIncorrect, "a new token's security officer is named `so`"));
        }
        self.make(None, label, self.defaults.mode, self.defaults.settings, officer.pin)?;
        self.tell_initialized(INIT_TOKEN, None, self.defaults.mode);
        Ok(())
    }

    /// The same for the command line, which also chooses the mode and never resets by accident.
    pub(crate) fn initialize(&self, new: &Initialize<'_>) -> Result<()> {
        self.refuse_sessions()?;
        let old = self.known().header;
        let mut officer = None;
        if old.is_some() {
            let reset = new.reset.ok_or(Refusal::standard(
                Error::ActionProhibited,
                "the slot holds a token already; --reset wipes it, and takes a security officer's PIN",
            ))?;
            let who = Who::in_pin(reset, true);
            self.prove_officer(INIT, &who)?;
            officer = Some(who.name);
        }
        let mode = new.mode.unwrap_or(old.map_or(self.defaults.mode, |old| old.mode));
        let mut settings = old.map_or(self.defaults.settings, |old| old.settings);
        settings.cost = new.pin_cost.unwrap_or(settings.cost);
        self.make(old, new.label.as_bytes(), mode, settings, new.so_pin)?;
        self.tell_initialized(INIT, officer, mode);
        Ok(())
    }

    fn refuse_sessions(&self) -> Result<()> {
        if *self.counts() == Counts::NONE {
            return Ok(());
        }
        Err(Refusal::standard(Error::SessionExists, "close this application's sessions with the token first"))
    }

    fn make(&self, old: Option<Header>, label: &[u8], mode: Mode, settings: Settings, so_pin: &[u8]) -> Result<()> {
        name::check_new_pin(name::DEFAULT_SO, so_pin).map_err(name::in_init_token)?;
        let new = NewToken {
            replaces: old.map(|old| old.token),
            label: padded_label(label)?,
            mode,
            settings,
            so_name: name::DEFAULT_SO,
            so_pin,
        };
        self.store.initialize(&new).map_err(fault::store).map_err(name::in_init_token)?;
        self.refresh()
    }

    fn known(&self) -> Guard<Arc<Known>> {
        self.known.load()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of the tokens that were in the slot one after another this is.
    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }
}

/// How the audit log calls the two ways to initialise a slot.
const INIT_TOKEN: &str = "C_InitToken";
const INIT: &str = "init";

/// The label in its 32 bytes. The standard pads with blanks (section 5.5.7); PyKCS11 pads with NUL, and is understood.
fn padded_label(label: &[u8]) -> Result<[u8; 32]> {
    let label = label.iter().rposition(|byte| *byte != 0).and_then(|last| label.get(..=last)).unwrap_or_default();
    let mut padded = [b' '; 32];
    let room = padded.get_mut(..label.len()).filter(|_| core::str::from_utf8(label).is_ok());
    let wrong = Refusal::standard(Error::ArgumentsBad, "a token's label is at most 32 bytes of UTF-8");
    room.ok_or(wrong)?.copy_from_slice(label);
    Ok(padded)
}
