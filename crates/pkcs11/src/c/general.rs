//! General-purpose functions (section 5.4), and the two legacy functions of section 5.20.

use claviger_rules::{Error, Refusal};
use claviger_session::padded;
use cryptoki_sys::{
    CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_FUNCTION_LIST_PTR, CK_INFO, CK_INTERFACE, CK_INTERFACE_PTR, CK_SESSION_HANDLE,
    CK_VERSION, CK_VOID_PTR, CKF_OS_LOCKING_OK,
};

use crate::marshal::{Given, InitializeArgs, List, Name, Place};
use crate::{Result, functions, library};

/// C_Initialize.
pub(crate) fn initialize(arguments: InitializeArgs<'_>) -> Result<()> {
    if let Some(arguments) = arguments.get() {
        check(&arguments)?;
    }
    library::initialize()
}

/// Locks are always the operating system's own. So a program that supplies mutex functions and does not allow those
/// gets CKR_CANT_LOCK, as section 5.4.1 wants it. No threads are made, whatever the program would allow.
fn check(arguments: &CK_C_INITIALIZE_ARGS) -> Result<()> {
    if !arguments.pReserved.is_null() {
        return Err(bad("pReserved is not null"));
    }
    let supplied = [
        arguments.CreateMutex.is_some(),
        arguments.DestroyMutex.is_some(),
        arguments.LockMutex.is_some(),
        arguments.UnlockMutex.is_some(),
    ];
    match supplied {
        [false, false, false, false] => Ok(()),
        [true, true, true, true] if arguments.flags & CKF_OS_LOCKING_OK != 0 => Ok(()),
        [true, true, true, true] => Err(Refusal::standard(
            Error::CantLock,
            "the program forbids the operating system's locks, and the library has no others",
        )),
        _ => Err(bad("some mutex functions are given and some are not")),
    }
}

/// C_Finalize.
pub(crate) fn finalize(reserved: CK_VOID_PTR) -> Result<()> {
    if reserved.is_null() { library::finalize() } else { Err(bad("pReserved is not null")) }
}

/// C_GetInfo.
pub(crate) fn info(info: Place<'_, CK_INFO>) -> Result<()> {
    library::current()?;
    info.ready()?.put(CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 0 },
        manufacturerID: padded("Claviger"),
        flags: 0,
        libraryDescription: padded("Claviger PKCS#11"),
        libraryVersion: CK_VERSION {
            major: number(env!("CARGO_PKG_VERSION_MAJOR")),
            minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        },
    });
    Ok(())
}

/// A number that Cargo gives as text.
const fn number(text: &str) -> u8 {
    let digits = text.as_bytes();
    let mut value = 0;
    let mut index = 0;
    while index < digits.len() {
        value = value * 10 + (digits[index] - b'0');
        index += 1;
    }
    value
}

/// C_GetFunctionList.
pub(crate) fn function_list(list: Place<'_, CK_FUNCTION_LIST_PTR>) -> Result<()> {
    list.ready()?.put(functions::list_2_40());
    Ok(())
}

/// C_GetInterfaceList.
pub(crate) fn interface_list(interfaces: List<'_, CK_INTERFACE>) -> Result<()> {
    interfaces.put(functions::interfaces())
}

/// C_GetInterface: the newest that fits.
pub(crate) fn interface(
    name: Name<'_>,
    version: Given<'_, CK_VERSION>,
    place: Place<'_, CK_INTERFACE_PTR>,
    flags: CK_FLAGS,
) -> Result<()> {
    let place = place.ready()?;
    let version = version.get().map(|version| (version.major, version.minor));
    let fits = |interface: &&'static CK_INTERFACE| {
        let own = functions::version_of(interface);
        version.is_none_or(|version| version == (own.major, own.minor)) && interface.flags & flags == flags
    };
    let found = functions::interfaces().iter().find(fits).filter(|_| name.is(functions::INTERFACE_NAME));
    place.put(functions::interface_ptr(found.ok_or(bad("the library has no such interface"))?));
    Ok(())
}

/// C_GetFunctionStatus, whatever the session.
pub(crate) fn function_status(_session: CK_SESSION_HANDLE) -> Result<()> {
    not_parallel()
}

/// C_CancelFunction, whatever the session.
pub(crate) fn cancel_function(_session: CK_SESSION_HANDLE) -> Result<()> {
    not_parallel()
}

fn not_parallel() -> Result<()> {
    library::current()?;
    Err(Refusal::standard(Error::FunctionNotParallel, "functions never run in parallel with the program"))
}

fn bad(reason: &'static str) -> Refusal {
    Refusal::standard(Error::ArgumentsBad, reason)
}

#[cfg(test)]
mod tests {
    use core::ffi::c_void;

    use cryptoki_sys::{CK_RV, CKF_LIBRARY_CANT_CREATE_OS_THREADS, CKR_OK};

    use super::*;

    extern "C" fn lock(_mutex: *mut c_void) -> CK_RV {
        CKR_OK
    }

    extern "C" fn create(_mutex: *mut *mut c_void) -> CK_RV {
        CKR_OK
    }

    fn checked(functions: usize, flags: CK_FLAGS, reserved: bool) -> Option<Error> {
        let create: unsafe extern "C" fn(*mut *mut c_void) -> CK_RV = create;
        let lock: unsafe extern "C" fn(*mut c_void) -> CK_RV = lock;
        let mut something = 0_u8;
        let arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: (functions > 0).then_some(create),
            DestroyMutex: (functions > 1).then_some(lock),
            LockMutex: (functions > 2).then_some(lock),
            UnlockMutex: (functions > 3).then_some(lock),
            flags,
            pReserved: if reserved { (&raw mut something).cast() } else { core::ptr::null_mut() },
        };
        check(&arguments).err().map(|refusal| refusal.error)
    }

    #[test]
    fn locking_arguments_are_judged_as_section_5_4_1_says() {
        assert_eq!(checked(0, 0, false), None);
        assert_eq!(checked(0, CKF_OS_LOCKING_OK, false), None);
        assert_eq!(checked(4, CKF_OS_LOCKING_OK, false), None);
        assert_eq!(checked(4, 0, false), Some(Error::CantLock));
        assert_eq!(checked(0, CKF_LIBRARY_CANT_CREATE_OS_THREADS, false), None);
        for some in 1..4 {
            assert_eq!(checked(some, CKF_OS_LOCKING_OK, false), Some(Error::ArgumentsBad));
        }
        assert_eq!(checked(0, CKF_OS_LOCKING_OK, true), Some(Error::ArgumentsBad));
    }

    #[test]
    fn the_version_of_the_package_is_read() {
        assert_eq!(number("0"), 0);
        assert_eq!(number("120"), 120);
    }
}
