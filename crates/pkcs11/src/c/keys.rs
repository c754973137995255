//! Key management functions (section 5.18).

use claviger_rules::mechanism::Usage;
use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use crate::marshal::{Attributes, Copied, Mechanism, Out, Place};
use crate::{Result, library};

/// C_GenerateKey.
pub(crate) fn generate(
    session: CK_SESSION_HANDLE,
    mechanism: Mechanism<'_>,
    template: Attributes<'_>,
    key: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let call = mechanism.parse(Usage::Generate)?;
    let place = key.ready()?;
    place.put(session.generate_key(call, template.template()?)?.0);
    Ok(())
}

/// C_GenerateKeyPair.
pub(crate) fn generate_pair(
    session: CK_SESSION_HANDLE,
    mechanism: Mechanism<'_>,
    public: Attributes<'_>,
    private: Attributes<'_>,
    public_key: Place<'_, CK_OBJECT_HANDLE>,
    private_key: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let call = mechanism.parse(Usage::GenerateKeyPair)?;
    let (public_place, private_place) = (public_key.ready()?, private_key.ready()?);
    let pair = session.generate_key_pair(call, public.template()?, private.template()?)?;
    public_place.put(pair.0.0);
    private_place.put(pair.1.0);
    Ok(())
}

/// C_WrapKey.
pub(crate) fn wrap(
    session: CK_SESSION_HANDLE,
    mechanism: Mechanism<'_>,
    wrapping_key: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    wrapped: Out<'_>,
) -> Result<()> {
    let session = library::session(session)?;
    let mut call = mechanism.parse(Usage::Wrap)?;
    let (wrapping_key, key) = (ObjectHandle(wrapping_key), ObjectHandle(key));
    wrapped.ready()?.fill(|room| session.wrap_key(&mut call, wrapping_key, key, room))?;
    mechanism.write_back(&call);
    Ok(())
}

/// C_UnwrapKey.
pub(crate) fn unwrap(
    session: CK_SESSION_HANDLE,
    mechanism: Mechanism<'_>,
    unwrapping_key: CK_OBJECT_HANDLE,
    wrapped: Copied<'_>,
    template: Attributes<'_>,
    key: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let call = mechanism.parse(Usage::Unwrap)?;
    let place = key.ready()?;
    let wrapped = wrapped.bytes()?;
    place.put(session.unwrap_key(call, ObjectHandle(unwrapping_key), &wrapped, template.template()?)?.0);
    Ok(())
}

/// C_DeriveKey.
pub(crate) fn derive(
    session: CK_SESSION_HANDLE,
    mechanism: Mechanism<'_>,
    base_key: CK_OBJECT_HANDLE,
    template: Attributes<'_>,
    key: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let call = mechanism.parse(Usage::Derive)?;
    let place = key.ready()?;
    place.put(session.derive_key(call, ObjectHandle(base_key), template.template()?)?.0);
    Ok(())
}
