//! Object management functions (section 5.7).

use claviger_session::ObjectHandle;
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

use crate::marshal::{Attributes, Found, Place, Wanted};
use crate::{Result, library};

/// C_CreateObject.
pub(crate) fn create(
    session: CK_SESSION_HANDLE,
    template: Attributes<'_>,
    object: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let place = object.ready()?;
    place.put(session.create_object(template.template()?)?.0);
    Ok(())
}

/// C_CopyObject.
pub(crate) fn copy(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: Attributes<'_>,
    copy: Place<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let session = library::session(session)?;
    let place = copy.ready()?;
    place.put(session.copy_object(ObjectHandle(object), template.template()?)?.0);
    Ok(())
}

/// C_DestroyObject.
pub(crate) fn destroy(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Result<()> {
    library::session(session)?.destroy_object(ObjectHandle(object))
}

/// C_GetObjectSize.
pub(crate) fn size(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, size: Place<'_, CK_ULONG>) -> Result<()> {
    let session = library::session(session)?;
    let place = size.ready()?;
    place.put(session.object_size(ObjectHandle(object))?);
    Ok(())
}

/// C_GetAttributeValue.
pub(crate) fn attributes(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: Wanted<'_>) -> Result<()> {
    let session = library::session(session)?;
    let asked = template.ready()?;
    let answers = session.attributes(ObjectHandle(object), &asked.types())?;
    asked.answer(&answers)
}

/// C_SetAttributeValue.
pub(crate) fn set_attributes(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: Attributes<'_>,
) -> Result<()> {
    let session = library::session(session)?;
    session.set_attributes(ObjectHandle(object), template.template()?)
}

/// C_FindObjectsInit.
pub(crate) fn find_init(session: CK_SESSION_HANDLE, template: Attributes<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.find_init(template.template()?)
}

/// C_FindObjects.
pub(crate) fn find(session: CK_SESSION_HANDLE, objects: Found<'_>) -> Result<()> {
    let session = library::session(session)?;
    let found = session.find(objects.max()?)?;
    objects.put(&found)
}

/// C_FindObjectsFinal.
pub(crate) fn find_final(session: CK_SESSION_HANDLE) -> Result<()> {
    library::session(session)?.find_final()
}
