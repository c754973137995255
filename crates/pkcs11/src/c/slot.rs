//! Slot and token management functions (section 5.5).

use claviger_rules::{Error, MechanismType, Refusal};
use claviger_session::{SlotId, Version, padded};
use cryptoki_sys::{
    CK_BBOOL, CK_FLAGS, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_SESSION_HANDLE, CK_SLOT_ID, CK_SLOT_INFO,
    CK_TOKEN_INFO, CK_VERSION, CK_VOID_PTR, CKF_DONT_BLOCK,
};

use crate::marshal::{In, Label, List, Place};
use crate::{Result, library};

/// C_GetSlotList. A token is always present in every slot, also one that cannot be used, so `token_present` changes nothing.
pub(crate) fn list(_token_present: CK_BBOOL, slots: List<'_, CK_SLOT_ID>) -> Result<()> {
    let ids: Vec<_> = library::current()?.slots().iter().map(|slot| slot.0).collect();
    slots.put(&ids)
}

/// C_GetSlotInfo.
pub(crate) fn info(slot: CK_SLOT_ID, place: Place<'_, CK_SLOT_INFO>) -> Result<()> {
    let library = library::current()?;
    let place = place.ready()?;
    let info = library.slot_info(SlotId(slot))?;
    place.put(CK_SLOT_INFO {
        slotDescription: padded(&info.description),
        manufacturerID: padded(info.manufacturer),
        flags: info.flags,
        hardwareVersion: version(info.hardware_version),
        firmwareVersion: version(info.firmware_version),
    });
    Ok(())
}

/// C_GetTokenInfo.
pub(crate) fn token_info(slot: CK_SLOT_ID, place: Place<'_, CK_TOKEN_INFO>) -> Result<()> {
    let library = library::current()?;
    let place = place.ready()?;
    let info = library.token_info(SlotId(slot))?;
    place.put(CK_TOKEN_INFO {
        label: padded(&info.label),
        manufacturerID: padded(info.manufacturer),
        model: padded(info.model),
        serialNumber: padded(&info.serial),
        flags: info.flags,
        ulMaxSessionCount: info.max_sessions,
        ulSessionCount: info.sessions,
        ulMaxRwSessionCount: info.max_rw_sessions,
        ulRwSessionCount: info.rw_sessions,
        ulMaxPinLen: info.max_pin_len,
        ulMinPinLen: info.min_pin_len,
        ulTotalPublicMemory: claviger_session::UNAVAILABLE,
        ulFreePublicMemory: claviger_session::UNAVAILABLE,
        ulTotalPrivateMemory: claviger_session::UNAVAILABLE,
        ulFreePrivateMemory: claviger_session::UNAVAILABLE,
        hardwareVersion: version(info.hardware_version),
        firmwareVersion: version(info.firmware_version),
        utcTime: info.utc_time,
    });
    Ok(())
}

fn version(version: Version) -> CK_VERSION {
    CK_VERSION { major: version.major, minor: version.minor }
}

/// C_GetMechanismList.
pub(crate) fn mechanisms(slot: CK_SLOT_ID, mechanisms: List<'_, CK_MECHANISM_TYPE>) -> Result<()> {
    let ids: Vec<_> = library::current()?.mechanisms(SlotId(slot))?.iter().map(|id| id.0).collect();
    mechanisms.put(&ids)
}

/// C_GetMechanismInfo.
pub(crate) fn mechanism_info(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    place: Place<'_, CK_MECHANISM_INFO>,
) -> Result<()> {
    let library = library::current()?;
    let place = place.ready()?;
    let info = library.mechanism_info(SlotId(slot), MechanismType(mechanism))?;
    place.put(CK_MECHANISM_INFO { ulMinKeySize: info.min, ulMaxKeySize: info.max, flags: info.flags });
    Ok(())
}

/// C_InitToken.
pub(crate) fn init_token(slot: CK_SLOT_ID, pin: In<'_>, label: Label<'_>) -> Result<()> {
    let library = library::current()?;
    let label = label.padded()?;
    library.init_token(SlotId(slot), pin.given()?, label.trim_ascii_end())
}

/// C_InitPIN.
pub(crate) fn init_pin(session: CK_SESSION_HANDLE, pin: In<'_>) -> Result<()> {
    library::session(session)?.init_pin(pin.given()?)
}

/// C_SetPIN.
pub(crate) fn set_pin(session: CK_SESSION_HANDLE, old: In<'_>, new: In<'_>) -> Result<()> {
    library::session(session)?.set_pin(old.given()?, new.given()?)
}

/// C_WaitForSlotEvent: tokens neither come nor go. To wait for what never happens would hang the program until
/// C_Finalize, so waiting is not offered.
pub(crate) fn wait_for_event(flags: CK_FLAGS, slot: Place<'_, CK_SLOT_ID>, reserved: CK_VOID_PTR) -> Result<()> {
    library::current()?;
    slot.ready()?;
    if !reserved.is_null() {
        return Err(Refusal::standard(Error::ArgumentsBad, "pReserved is not null"));
    }
    let error = if flags & CKF_DONT_BLOCK == 0 { Error::FunctionNotSupported } else { Error::NoEvent };
    Err(Refusal::standard(error, "nothing ever happens to a slot"))
}
