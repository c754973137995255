//! Message digesting functions (section 5.12).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::{going_on, init as begin};
use crate::marshal::{In, InOut, Mechanism, Out};
use crate::{Result, library};

/// C_DigestInit.
pub(crate) fn init(session: CK_SESSION_HANDLE, mechanism: Mechanism<'_>) -> Result<()> {
    let session = library::session(session)?;
    begin(&session, Usage::Digest, &mechanism, |call| session.digest_init(call))
}

/// C_Digest.
pub(crate) fn digest(session: CK_SESSION_HANDLE, data: InOut<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Digest, data.ready())?.run(|data, room| session.digest(data, room))
}

/// C_DigestUpdate.
pub(crate) fn update(session: CK_SESSION_HANDLE, part: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.digest_update(going_on(&session, Usage::Digest, part.bytes())?)
}

/// C_DigestKey.
pub(crate) fn key(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Result<()> {
    library::session(session)?.digest_key(ObjectHandle(key))
}

/// C_DigestFinal.
pub(crate) fn finish(session: CK_SESSION_HANDLE, digest: Out<'_>) -> Result<()> {
    let session = library::session(session)?;
    going_on(&session, Usage::Digest, digest.ready())?.fill(|room| session.digest_final(room))
}
