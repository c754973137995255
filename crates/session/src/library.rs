//! What C_Initialize makes.

use std::sync::Arc;

use claviger_rules::{Error, MechanismType, Mode};

use crate::{Config, MechanismInfo, Result, Session, SessionHandle, SlotId, SlotInfo, TokenInfo};

/// The slots with their tokens, and the sessions of this application.
pub struct Library {
    config: Config,
}

/// How the command line initialises a token.
pub struct Initialize<'a> {
    /// At most 32 bytes.
    pub label: &'a str,
    /// The PIN of the security officer `so`.
    pub so_pin: &'a [u8],
    /// The policy mode; the configuration's default when absent.
    pub mode: Option<Mode>,
    /// On an initialised slot: the PIN of one of its security officers (`name:pin`, or that of `so`).
    pub reset: Option<&'a [u8]>,
}

#[allow(clippy::missing_errors_doc, missing_docs)]
impl Library {
    pub fn open(config: Config) -> Result<Self> {
        Ok(Self { config })
    }

    pub fn slots(&self) -> Vec<SlotId> {
        self.config.slots.clone()
    }

    pub fn slot_info(&self, _slot: SlotId) -> Result<SlotInfo> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn token_info(&self, _slot: SlotId) -> Result<TokenInfo> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn mechanisms(&self, _slot: SlotId) -> Result<Vec<MechanismType>> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn mechanism_info(&self, _slot: SlotId, _id: MechanismType) -> Result<MechanismInfo> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn init_token(&self, _slot: SlotId, _pin: &[u8], _label: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn initialize(&self, _slot: SlotId, _initialize: &Initialize<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn open_session(&self, _slot: SlotId, _writable: bool) -> Result<SessionHandle> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn close_session(&self, _session: SessionHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn close_all_sessions(&self, _slot: SlotId) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn session(&self, _session: SessionHandle) -> Result<Arc<Session>> {
        Err(Error::FunctionNotSupported.into())
    }
}
