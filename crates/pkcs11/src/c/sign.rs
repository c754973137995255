//! Signing and MACing functions (section 5.13).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::{going_on, init as begin};
use crate::marshal::{In, InOut, Mechanism, Out};
use crate::{Result, library};

/// C_SignInit.
pub(crate) fn init(session: CK_SESSION_HANDLE, mechanism: Mechanism<'_>, key: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library::session(session)?;
    begin(&session, Usage::Sign, &mechanism, |call| session.sign_init(call, ObjectHandle(key)))
}

/// C_Sign.
pub(crate) fn sign(session: CK_SESSION_HANDLE, data: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Sign, data.ready())?.run(|data, room| session.sign(data, room))
}

/// C_SignUpdate.
pub(crate) fn update(session: CK_SESSION_HANDLE, part: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.sign_update(going_on(&session, Usage::Sign, part.bytes())?)
}

/// C_SignFinal.
pub(crate) fn finish(session: CK_SESSION_HANDLE, signature: Out<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Sign, signature.ready())?.fill(|room| session.sign_final(room))
}
