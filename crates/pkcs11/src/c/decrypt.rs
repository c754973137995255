//! Decryption functions (section 5.10).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::{going_on, init as begin};
use crate::marshal::{InOut, Mechanism, Out};
use crate::{Result, library};

/// C_DecryptInit.
pub(crate) fn init(session: CK_SESSION_HANDLE, mechanism: Mechanism<'_>, key: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library::session(session)?;
    begin(&session, Usage::Decrypt, &mechanism, |call| session.decrypt_init(call, ObjectHandle(key)))
}

/// C_Decrypt.
pub(crate) fn decrypt(session: CK_SESSION_HANDLE, data: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Decrypt, data.ready())?.run(|data, room| session.decrypt(data, room))
}

/// C_DecryptUpdate.
pub(crate) fn update(session: CK_SESSION_HANDLE, part: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Decrypt, part.ready())?.run(|part, room| session.decrypt_update(part, room))
}

/// C_DecryptFinal.
pub(crate) fn finish(session: CK_SESSION_HANDLE, last: Out<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Decrypt, last.ready())?.fill(|room| session.decrypt_final(room))
}
