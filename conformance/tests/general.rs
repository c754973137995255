//! PKCS#11 3.2, section 5.4: general-purpose functions.

use claviger_conformance::isolated::{with_module, with_token};
use claviger_conformance::module::InitializeArgs;
use claviger_conformance::token::{must, refused, slot_of};
use cryptoki_sys::*;

#[test]
fn a_second_initialize_is_already_initialized() {
    with_module(|module| {
        must("C_Initialize", module.initialize_null());
        refused("C_Initialize", module.initialize_null(), &[CKR_CRYPTOKI_ALREADY_INITIALIZED]);
        must("C_Finalize", module.finalize());
    });
}

#[test]
fn finalize_ends_it_and_initialize_starts_it_again() {
    with_module(|module| {
        refused("C_Finalize before C_Initialize", module.finalize(), &[CKR_CRYPTOKI_NOT_INITIALIZED]);
        for _ in 0..3 {
            must("C_Initialize", module.initialize_null());
            must("C_GetInfo", module.info());
            must("C_Finalize", module.finalize());
            refused("C_GetInfo after C_Finalize", module.info(), &[CKR_CRYPTOKI_NOT_INITIALIZED]);
            refused("C_GetSlotList after C_Finalize", module.slot_list(true), &[CKR_CRYPTOKI_NOT_INITIALIZED]);
        }
    });
}

/// Section 5.4.1: "the value of pReserved thereby obtained MUST be NULL_PTR; if it's not … CKR_ARGUMENTS_BAD".
#[test]
fn a_reserved_pointer_that_is_not_null_is_a_bad_argument() {
    with_module(|module| {
        let args = InitializeArgs { reserved: true, ..InitializeArgs::default() };
        refused("C_Initialize(pReserved)", module.initialize_with(args), &[CKR_ARGUMENTS_BAD]);
        refused("C_GetInfo", module.info(), &[CKR_CRYPTOKI_NOT_INITIALIZED]);
    });
}

/// Section 5.4.1: "If some, but not all, of the supplied function pointers … are non-NULL_PTR".
#[test]
fn some_but_not_all_mutex_functions_are_a_bad_argument() {
    with_module(|module| {
        for mutex_functions in 1..4 {
            for flags in [0, CKF_OS_LOCKING_OK] {
                let args = InitializeArgs { mutex_functions, flags, ..InitializeArgs::default() };
                refused("C_Initialize(some mutexes)", module.initialize_with(args), &[CKR_ARGUMENTS_BAD]);
            }
        }
    });
}

#[test]
fn system_locks_are_accepted_with_and_without_the_callers_mutexes() {
    with_module(|module| {
        for mutex_functions in [0, 4] {
            let args = InitializeArgs { flags: CKF_OS_LOCKING_OK, mutex_functions, ..InitializeArgs::default() };
            must("C_Initialize(CKF_OS_LOCKING_OK)", module.initialize_with(args));
            must("C_Finalize", module.finalize());
        }
        must("C_Initialize(flags=0)", module.initialize_with(InitializeArgs::default()));
        must("C_Finalize", module.finalize());
    });
}

/// Section 5.4.1, case 3: a library that cannot use the caller's mutexes says so.
#[test]
fn the_callers_mutexes_alone_are_used_or_refused_with_cant_lock() {
    with_module(|module| {
        let args = InitializeArgs { mutex_functions: 4, ..InitializeArgs::default() };
        match module.initialize_with(args) {
            Ok(()) => must("C_Finalize", module.finalize()),
            refusal => refused("C_Initialize(mutexes)", refusal, &[CKR_CANT_LOCK]),
        }
    });
}

#[test]
fn a_library_that_may_not_start_threads_works_or_says_that_it_cannot() {
    with_module(|module| {
        let args = InitializeArgs { flags: CKF_LIBRARY_CANT_CREATE_OS_THREADS, ..InitializeArgs::default() };
        match module.initialize_with(args) {
            Ok(()) => must("C_Finalize", module.finalize()),
            refusal => refused("C_Initialize(no threads)", refusal, &[CKR_NEED_TO_CREATE_THREADS]),
        }
    });
}

/// Section 3.1: the version is that of the interface, the strings are padded with blanks and hold no NUL.
#[test]
fn the_info_names_version_maker_and_library() {
    with_module(|module| {
        must("C_Initialize", module.initialize_null());
        let info = must("C_GetInfo", module.info());
        let version = (info.cryptokiVersion.major, info.cryptokiVersion.minor);
        assert!(version >= (2, 40), "cryptokiVersion is {version:?}");
        assert_eq!(info.flags, 0, "flags are reserved and must be zero");
        for text in [info.manufacturerID, info.libraryDescription] {
            assert!(!text.contains(&0), "padded with NUL: {text:?}");
            assert!(std::str::from_utf8(&text).is_ok_and(|text| !text.trim().is_empty()), "{text:?}");
        }
    });
}

#[test]
fn every_pointer_of_the_2_40_list_is_there() {
    with_module(|module| {
        let missing: Vec<usize> = module
            .functions_present()
            .iter()
            .enumerate()
            .filter(|(_, there)| !**there)
            .map(|(index, _)| index)
            .collect();
        assert!(missing.is_empty(), "null pointers at {missing:?}");
        assert_eq!(module.list_version().0, 2, "C_GetFunctionList gives a list of version 2.x");
    });
}

/// Section 5.4.5: the interface "PKCS 11" in each version, each list whole.
#[test]
fn every_interface_is_whole_and_can_be_had_by_name_and_version() {
    with_module(|module| {
        let Some(interfaces) = module.interface_list() else {
            return println!("not applicable: no C_GetInterfaceList, a library of version 2.x");
        };
        let interfaces = must("C_GetInterfaceList", interfaces);
        assert!(interfaces.iter().any(|interface| interface.version == (2, 40)), "{interfaces:?}");
        assert!(interfaces.iter().any(|interface| interface.version == (3, 0)), "{interfaces:?}");
        for interface in &interfaces {
            assert!(interface.functions.iter().all(|there| *there), "{interface:?}");
            let found = must("C_GetInterface", module.interface(Some(&interface.name), Some(interface.version)));
            assert_eq!(&found, interface);
        }
        let any = must("C_GetInterface(NULL, NULL)", module.interface(None, None));
        assert_eq!(any.name, "PKCS 11");
        let standard = must("C_GetInterface(PKCS 11, NULL)", module.interface(Some("PKCS 11"), None));
        assert_eq!(standard.name, "PKCS 11");
    });
}

#[test]
fn an_interface_that_is_not_there_is_refused() {
    with_module(|module| {
        if module.interface_list().is_none() {
            return println!("not applicable: no C_GetInterface, a library of version 2.x");
        }
        let allowed = &[CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED];
        refused("C_GetInterface(Vendor X)", module.interface(Some("Vendor X"), None), allowed);
        refused("C_GetInterface(9.9)", module.interface(Some("PKCS 11"), Some((9, 9))), allowed);
    });
}

/// Section 5.20: both "legacy functions … should simply return the value CKR_FUNCTION_NOT_PARALLEL".
#[test]
fn the_legacy_functions_are_not_parallel() {
    with_token(|token| {
        let session = token.session();
        refused("C_GetFunctionStatus", session.function_status(), &[CKR_FUNCTION_NOT_PARALLEL]);
        refused("C_CancelFunction", session.cancel_function(), &[CKR_FUNCTION_NOT_PARALLEL]);
    });
}

#[test]
fn finalize_closes_sessions_and_logs_out() {
    with_token(|token| {
        let session = token.user_session();
        must("C_Finalize", token.module.finalize());
        must("C_Initialize", token.module.initialize_null());
        refused("C_GetSessionInfo", session.info(), &[CKR_SESSION_HANDLE_INVALID]);
        let slot = slot_of(&token.module, "conformance");
        let session = must("C_OpenSession", token.module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
        assert_eq!(must("C_GetSessionInfo", session.info()).state, CKS_RW_PUBLIC_SESSION);
    });
}
