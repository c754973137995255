//! Encryption functions (section 5.8).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::{going_on, init as begin};
use crate::marshal::{InOut, Mechanism, Out};
use crate::{Result, library};

/// C_EncryptInit.
pub(crate) fn init(session: CK_SESSION_HANDLE, mechanism: Mechanism<'_>, key: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library::session(session)?;
    begin(&session, Usage::Encrypt, &mechanism, |call| session.encrypt_init(call, ObjectHandle(key)))
}

/// C_Encrypt.
pub(crate) fn encrypt(session: CK_SESSION_HANDLE, data: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Encrypt, data.ready())?.run(|data, room| session.encrypt(data, room))
}

/// C_EncryptUpdate.
pub(crate) fn update(session: CK_SESSION_HANDLE, part: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Encrypt, part.ready())?.run(|part, room| session.encrypt_update(part, room))
}

/// C_EncryptFinal.
pub(crate) fn finish(session: CK_SESSION_HANDLE, last: Out<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Encrypt, last.ready())?.fill(|room| session.encrypt_final(room))
}
