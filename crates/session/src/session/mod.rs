//! A session.

use std::sync::Arc;

use claviger_rules::{Error, Role};

use crate::{Result, SessionHandle, SessionInfo, Token, UserInfo};

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

/// One session.
#[allow(dead_code)]
pub struct Session {
    handle: SessionHandle,
    token: Arc<Token>,
    writable: bool,
}

#[allow(clippy::unused_self, clippy::missing_errors_doc, missing_docs)]
impl Session {
    pub fn info(&self) -> Result<SessionInfo> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn login(&self, _user_type: UserType, _pin: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn login_user(&self, _user_type: UserType, _pin: &[u8], _username: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn logout(&self) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn init_pin(&self, _pin: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn set_pin(&self, _old: &[u8], _new: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn users(&self) -> Result<Vec<UserInfo>> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn create_user(&self, _name: &str, _role: Role, _pin: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn delete_user(&self, _name: &str) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn change_password(&self, _name: &str, _new_pin: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn unlock_user(&self, _name: &str) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }
}
