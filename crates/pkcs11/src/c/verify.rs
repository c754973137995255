//! Functions for verifying signatures and MACs (section 5.15).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::{going_on, init as begin};
use crate::marshal::{In, Mechanism};
use crate::{Result, library};

/// C_VerifyInit.
pub(crate) fn init(session: CK_SESSION_HANDLE, mechanism: Mechanism<'_>, key: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library::session(session)?;
    begin(&session, Usage::Verify, &mechanism, |call| session.verify_init(call, ObjectHandle(key)))
}

/// C_Verify.
pub(crate) fn verify(session: CK_SESSION_HANDLE, data: In<'_>, signature: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    let data = going_on(&session, Usage::Verify, data.bytes())?;
    session.verify(data, going_on(&session, Usage::Verify, signature.bytes())?)
}

/// C_VerifyUpdate.
pub(crate) fn update(session: CK_SESSION_HANDLE, part: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.verify_update(going_on(&session, Usage::Verify, part.bytes())?)
}

/// C_VerifyFinal.
pub(crate) fn finish(session: CK_SESSION_HANDLE, signature: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.verify_final(going_on(&session, Usage::Verify, signature.bytes())?)
}
