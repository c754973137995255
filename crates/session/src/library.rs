//! What C_Initialize makes: the slots with their tokens, and the sessions of this application. Not the one global
//! that a C library needs; that is the border's.

use std::path::Path;
use std::sync::Arc;

use claviger_rules::{Error, MechanismType, Mode, Refusal, Role};
use claviger_store::{Cost, Examined};

use crate::audit::Tell;
use crate::session::table::Sessions;
use crate::slots::Slots;
use crate::{
    Config, MechanismInfo, Result, Session, SessionHandle, SlotId, SlotInfo, Token, TokenInfo, UserInfo, fault,
};

/// The slots with their tokens, and the sessions of this application. All methods may be called from any thread.
pub struct Library {
    slots: Slots,
    sessions: Arc<Sessions>,
}

/// How the command line initialises a token.
pub struct Initialize<'a> {
    /// At most 32 bytes.
    pub label: &'a str,
    /// The PIN of the security officer `so`.
    pub so_pin: &'a [u8],
    /// The policy mode. If absent: that of the token that is reset, or the configuration's.
    pub mode: Option<Mode>,
    /// How dear a guess of a PIN is. If absent, as with the mode.
    pub pin_cost: Option<Cost>,
    /// On an initialised slot: the PIN of one of its security officers (`name:pin`, or that of `so`).
    pub reset: Option<&'a [u8]>,
}

impl Library {
    /// Opens the configured slots; what is missing on disk is made. Tokens in memory begin uninitialised each time.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR and the like, with a sentence, when the directory cannot be used. A slot that cannot be used
    /// says so when it is, and is tried again by each call that needs it.
    pub fn open(config: Config) -> Result<Self> {
        Self::open_and_tell(config, |_| ())
    }

    /// The same, and `tell` is told when something goes wrong that is no call's answer: an event that the audit log
    /// could not take.
    ///
    /// # Errors
    /// As [`Library::open`].
    pub fn open_and_tell(config: Config, tell: Tell) -> Result<Self> {
        let sessions = Arc::new(Sessions::new());
        Ok(Self { slots: Slots::open(config, tell, Arc::downgrade(&sessions))?, sessions })
    }

    /// The file of the domain, which seals backups.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for tokens in memory that have none.
    pub(crate) fn domain(&self) -> Result<&Path> {
        self.slots.config().domain.as_deref().ok_or(NO_DOMAIN)
    }

    /// The slots, by rising number. They never change while the library is open.
    pub fn slots(&self) -> Vec<SlotId> {
        self.slots.ids()
    }

    /// C_GetSlotInfo, also of a slot whose token does not open.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot_info(&self, slot: SlotId) -> Result<SlotInfo> {
        Ok(Token::slot_info(self.slots.check(slot)?))
    }

    /// C_GetTokenInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn token_info(&self, slot: SlotId) -> Result<TokenInfo> {
        Ok(self.token(slot)?.token_info())
    }

    /// C_GetMechanismList, by rising number.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn mechanisms(&self, slot: SlotId) -> Result<Vec<MechanismType>> {
        Ok(self.token(slot)?.mechanisms())
    }

    /// C_GetMechanismInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_MECHANISM_INVALID.
    pub fn mechanism_info(&self, slot: SlotId, id: MechanismType) -> Result<MechanismInfo> {
        self.token(slot)?.mechanism_info(id)
    }

    /// The users of the token in `slot`, by age. Needs no login: whoever may open the directory may know their names.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn users(&self, slot: SlotId) -> Result<Vec<UserInfo>> {
        Ok(self.token(slot)?.users())
    }

    /// The role of the user of that name, so that a login can say which type it is.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn user_role(&self, slot: SlotId, name: &[u8]) -> Result<Option<Role>> {
        let token = self.token(slot)?;
        Ok(core::str::from_utf8(name).ok().and_then(|name| token.user_named(name)).map(|user| user.role))
    }

    /// Looks at every record of the slot; private ones are opened with the keys of the application's login.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_DEVICE_ERROR and the like for a slot that does not open.
    pub fn examine(&self, slot: SlotId) -> Result<Examined> {
        // Where the header is damaged no call gets further than its entry.
        let token = self.slots.token(slot)?;
        let login = token.login_state();
        token.store().examine(token.author(login.as_deref())).map_err(fault::store)
    }

    /// C_InitToken. A new token is born in the configured mode with `pin` as the PIN of `so`. An initialised one is
    /// wiped if `pin` is that of one of its security officers (`name:pin`, or that of `so`), and keeps mode, settings
    /// and serial number; its new `so` has that PIN.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_SESSION_EXISTS; CKR_PIN_INCORRECT (counted), also for a PIN of a wrong form;
    /// CKR_PIN_LOCKED; CKR_ARGUMENTS_BAD for a label that is longer than 32 bytes or no UTF-8.
    pub fn init_token(&self, slot: SlotId, pin: &[u8], label: &[u8]) -> Result<()> {
        self.token(slot)?.init_token(pin, label)
    }

    /// What `claviger init` does.
    ///
    /// # Errors
    /// As [`Library::init_token`]; CKR_ACTION_PROHIBITED on an initialised slot without `reset`.
    pub fn initialize(&self, slot: SlotId, new: &Initialize<'_>) -> Result<()> {
        self.token(slot)?.initialize(new)
    }

    /// C_OpenSession.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_TOKEN_NOT_RECOGNIZED while the slot holds no token;
    /// CKR_SESSION_READ_WRITE_SO_EXISTS; CKR_SESSION_COUNT.
    pub fn open_session(&self, slot: SlotId, writable: bool) -> Result<SessionHandle> {
        let token = self.token(slot)?;
        let era = token.enter(writable)?;
        let session = Session::new(self.sessions.next_handle(), Arc::clone(token), writable, era);
        let handle = session.handle();
        self.sessions.insert(Arc::new(session));
        Ok(handle)
    }

    /// C_CloseSession. Its session objects and operations end with it, and with the last session the login.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub fn close_session(&self, session: SessionHandle) -> Result<()> {
        let closed = self.session(session)?;
        if self.close(&closed) { Ok(()) } else { Err(CLOSED) }
    }

    /// C_CloseAllSessions.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn close_all_sessions(&self, slot: SlotId) -> Result<()> {
        self.token(slot)?;
        for session in self.sessions.of(slot) {
            self.close(&session);
        }
        Ok(())
    }

    /// The session of that handle, at the entry of a call.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID, also after another process has initialised the token anew.
    pub fn session(&self, session: SessionHandle) -> Result<Arc<Session>> {
        let session = self.sessions.get(session).ok_or(UNKNOWN)?;
        session.token().refresh()?;
        if session.is_stale() {
            self.sessions.of(session.slot()).iter().filter(|session| session.is_stale()).for_each(|stale| {
                self.close(stale);
            });
            return Err(UNKNOWN);
        }
        Ok(session)
    }

    /// The token in `slot`, at the entry of a call.
    pub(crate) fn token(&self, slot: SlotId) -> Result<&Arc<Token>> {
        let token = self.slots.token(slot)?;
        token.refresh()?;
        Ok(token)
    }

    /// Says whether it was this call that closed it.
    fn close(&self, session: &Session) -> bool {
        if self.sessions.remove(session.handle()).is_none() {
            return false;
        }
        session.end();
        true
    }
}

const NO_DOMAIN: Refusal =
    Refusal::standard(Error::ArgumentsBad, "tokens in memory have no domain unless CLAVIGER_DOMAIN names its file");
const UNKNOWN: Refusal = Refusal::standard(Error::SessionHandleInvalid, "no session has that handle");
const CLOSED: Refusal = Refusal::standard(Error::SessionClosed, "another call closed the session at the same time");
