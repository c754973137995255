//! A session: what an application holds of a token (PKCS#11 3.2 section 5.6). Not the login, which all sessions of
//! the application share and the token keeps.

mod authenticate;
mod caller;
pub(crate) mod table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claviger_crypto::SystemRandom;
use claviger_rules::policy::Subject;
use claviger_rules::{Error, Refusal, Role};

pub(crate) use self::caller::{Caller, World};
use crate::operation::Operations;
use crate::{Result, SessionHandle, SessionInfo, SlotId, Token, flag};

/// CK_USER_TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserType {
    /// CKU_SO.
    So,
    /// CKU_USER.
    User,
    /// CKU_CONTEXT_SPECIFIC.
    ContextSpecific,
}

/// One session. Its methods are named after the C functions and may be called from any thread; those on its
/// operations wait for each other.
///
/// Look it up with [`crate::Library::session`] for every call: that is where changes by other processes are
/// noticed.
pub struct Session {
    handle: SessionHandle,
    token: Arc<Token>,
    writable: bool,
    /// The token's era when the session was opened: in another one the token was initialised anew.
    era: u64,
    closed: AtomicBool,
    operations: Mutex<Operations>,
}

impl Session {
    pub(crate) const fn new(handle: SessionHandle, token: Arc<Token>, writable: bool, era: u64) -> Self {
        Self { handle, token, writable, era, closed: AtomicBool::new(false), operations: Mutex::new(Operations::new()) }
    }

    /// Its handle.
    pub const fn handle(&self) -> SessionHandle {
        self.handle
    }

    /// Its token's slot.
    pub fn slot(&self) -> SlotId {
        self.token.slot()
    }

    /// Whether it is a read/write session.
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) const fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// Whether the token was initialised anew since it was opened.
    pub(crate) fn is_stale(&self) -> bool {
        self.era != self.token.era()
    }

    /// Whether it has ended: a call that began before may still be running.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Its end: operations and session objects go, and with the last session the login.
    pub(crate) fn end(&self) {
        self.closed.store(true, Ordering::Release);
        self.operations().end();
        self.token.objects.forget_session(self.handle);
        self.token.leave(self.writable, self.era);
    }

    /// The session's operations, for the time of a call. Taken before every lock of the token, never after.
    pub(crate) fn operations(&self) -> MutexGuard<'_, Operations> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks, for the policy.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN when another process has ended the login, until C_Logout or a new C_Login: an
    /// application that believes it is logged in is told, rather than shown a token without its keys.
    pub(crate) fn subject(&self) -> Result<Subject> {
        self.token.subject(self.writable)
    }

    /// C_GetSessionInfo.
    ///
    /// # Errors
    /// None so far.
    pub fn info(&self) -> Result<SessionInfo> {
        let officer = self.token.login_state().map(|login| login.role.is_so());
        let state = match (self.writable, officer) {
            (false, None) => flag::RO_PUBLIC_SESSION,
            (false, Some(_)) => flag::RO_USER_FUNCTIONS,
            (true, None) => flag::RW_PUBLIC_SESSION,
            (true, Some(false)) => flag::RW_USER_FUNCTIONS,
            (true, Some(true)) => flag::RW_SO_FUNCTIONS,
        };
        let flags = flag::SERIAL_SESSION | if self.writable { flag::RW_SESSION } else { 0 };
        Ok(SessionInfo { slot: self.slot(), state, flags, device_error: 0 })
    }

    /// C_Login: `pin` is `name:pin`, or the PIN of the default user of the type (`so`, `user`).
    ///
    /// # Errors
    /// CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_ONLY_EXISTS,
    /// CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_INCORRECT (counted), CKR_PIN_LOCKED; CKR_OPERATION_NOT_INITIALIZED for
    /// CKU_CONTEXT_SPECIFIC when no operation waits for it.
    pub fn login(&self, user_type: UserType, pin: &[u8]) -> Result<()> {
        match user_type {
            UserType::So => self.token.login(true, pin),
            UserType::User => self.token.login(false, pin),
            UserType::ContextSpecific => self.authenticate("C_Login", pin, &[]),
        }
    }

    /// C_LoginUser.
    ///
    /// # Errors
    /// As [`Session::login`].
    pub fn login_user(&self, user_type: UserType, pin: &[u8], username: &[u8]) -> Result<()> {
        match user_type {
            UserType::So => self.token.login_user(true, pin, username),
            UserType::User => self.token.login_user(false, pin, username),
            UserType::ContextSpecific => self.authenticate("C_LoginUser", pin, username),
        }
    }

    /// C_Logout.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub fn logout(&self) -> Result<()> {
        self.token.logout()
    }

    /// C_InitPIN: makes the default user `user`, or gives it a new PIN and takes back its count of wrong ones.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_PIN_LEN_RANGE, CKR_PIN_INVALID.
    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        self.call("C_InitPIN", |caller| self.token.init_pin(caller, pin))
    }

    /// C_SetPIN: of the user logged in; without login of the default user `user`, or of the one that `old` names
    /// (`name:pin`).
    ///
    /// # Errors
    /// CKR_SESSION_READ_ONLY, CKR_PIN_INCORRECT (counted), CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<()> {
        self.call("C_SetPIN", |caller| self.token.set_pin(caller, old, new))
    }

    /// Makes a user.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD for a name that is taken or
    /// none; CKR_PIN_LEN_RANGE, CKR_PIN_INVALID.
    pub fn create_user(&self, name: &str, role: Role, pin: &[u8]) -> Result<()> {
        self.call("user create", |caller| self.token.create_user(caller, name, role, pin))
    }

    /// Ends a user.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD for an unknown name;
    /// CKR_ACTION_PROHIBITED for oneself and for an owner of objects.
    pub fn delete_user(&self, name: &str) -> Result<()> {
        self.call("user delete", |caller| self.token.delete_user(caller, name))
    }

    /// Gives another user a new PIN, unlocks it and ends its logins.
    ///
    /// # Errors
    /// As [`Session::create_user`]; CKR_ACTION_PROHIBITED for oneself: that is [`Session::set_pin`].
    pub fn change_password(&self, name: &str, new_pin: &[u8]) -> Result<()> {
        self.call("user change-password", |caller| self.token.change_password(caller, name, new_pin))
    }

    /// Takes a user's count of wrong PINs back.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD for an unknown name.
    pub fn unlock_user(&self, name: &str) -> Result<()> {
        self.call("user unlock", |caller| self.token.unlock_user(caller, name))
    }

    /// C_SeedRandom. The generator is the system's and takes no seed.
    ///
    /// # Errors
    /// CKR_RANDOM_SEED_NOT_SUPPORTED.
    pub fn seed_random(&self, _seed: &[u8]) -> Result<()> {
        Err(Refusal::standard(Error::RandomSeedNotSupported, "the random generator is the system's and takes no seed"))
    }

    /// C_GenerateRandom.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED when the system's generator fails; `out` is then not to be used.
    pub fn generate_random(&self, out: &mut [u8]) -> Result<()> {
        SystemRandom::new()
            .fill(out)
            .map_err(|_| Refusal::standard(Error::FunctionFailed, "the system's random generator failed"))
    }
}
