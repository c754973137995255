//! Session management functions (section 5.6).

use claviger_rules::{Error, Refusal};
use claviger_session::{SessionHandle, SlotId, UserType};
use cryptoki_sys::{
    CK_FLAGS, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_USER_TYPE, CKF_ASYNC_SESSION, CKF_RW_SESSION,
    CKF_SERIAL_SESSION, CKU_CONTEXT_SPECIFIC, CKU_SO, CKU_USER,
};

use crate::marshal::{In, Place};
use crate::{Result, library};

/// C_OpenSession. There is nothing to notify a program of, so its callback is never called.
pub(crate) fn open(slot: CK_SLOT_ID, flags: CK_FLAGS, session: Place<'_, CK_SESSION_HANDLE>) -> Result<()> {
    let library = library::current()?;
    let place = session.ready()?;
    if flags & CKF_SERIAL_SESSION == 0 {
        return Err(Refusal::standard(Error::SessionParallelNotSupported, "CKF_SERIAL_SESSION must be set"));
    }
    if flags & CKF_ASYNC_SESSION != 0 {
        return Err(Refusal::standard(Error::SessionAsyncNotSupported, "there are no asynchronous sessions"));
    }
    place.put(library.open_session(SlotId(slot), flags & CKF_RW_SESSION != 0)?.0);
    Ok(())
}

/// C_CloseSession.
pub(crate) fn close(session: CK_SESSION_HANDLE) -> Result<()> {
    library::current()?.close_session(SessionHandle(session))
}

/// C_CloseAllSessions.
pub(crate) fn close_all(slot: CK_SLOT_ID) -> Result<()> {
    library::current()?.close_all_sessions(SlotId(slot))
}

/// C_GetSessionInfo.
pub(crate) fn info(session: CK_SESSION_HANDLE, place: Place<'_, CK_SESSION_INFO>) -> Result<()> {
    let session = library::session(session)?;
    let place = place.ready()?;
    let info = session.info()?;
    place.put(CK_SESSION_INFO {
        slotID: info.slot.0,
        state: info.state,
        flags: info.flags,
        ulDeviceError: info.device_error,
    });
    Ok(())
}

/// C_SessionCancel.
pub(crate) fn cancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> Result<()> {
    library::session(session)?.session_cancel(flags)
}

/// C_Login.
pub(crate) fn login(session: CK_SESSION_HANDLE, user_type: CK_USER_TYPE, pin: In<'_>) -> Result<()> {
    library::session(session)?.login(user(user_type)?, pin.given()?)
}

/// C_LoginUser.
pub(crate) fn login_user(
    session: CK_SESSION_HANDLE,
    user_type: CK_USER_TYPE,
    pin: In<'_>,
    username: In<'_>,
) -> Result<()> {
    library::session(session)?.login_user(user(user_type)?, pin.given()?, username.bytes()?)
}

fn user(user_type: CK_USER_TYPE) -> Result<UserType> {
    match user_type {
        CKU_SO => Ok(UserType::So),
        CKU_USER => Ok(UserType::User),
        CKU_CONTEXT_SPECIFIC => Ok(UserType::ContextSpecific),
        _ => Err(Refusal::standard(Error::UserTypeInvalid, "there is no such type of user")),
    }
}

/// C_Logout.
pub(crate) fn logout(session: CK_SESSION_HANDLE) -> Result<()> {
    library::session(session)?.logout()
}
