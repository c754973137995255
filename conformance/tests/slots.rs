//! PKCS#11 3.2, section 5.5: slot and token management.

use claviger_conformance::attrs;
use claviger_conformance::fixture::{SO_PIN, USER_PIN};
use claviger_conformance::isolated::{with_module, with_token};
use claviger_conformance::token::{must, refused, slot_of};
use cryptoki_sys::*;

/// No library has as many slots.
const NO_SLOT: CK_SLOT_ID = 0x7FFF_FFF7;

#[test]
fn a_free_slot_stands_beside_the_token() {
    with_token(|token| {
        let slots = must("C_GetSlotList", token.module.slot_list(true));
        let free: Vec<&CK_SLOT_ID> = slots
            .iter()
            .filter(|slot| must("C_GetTokenInfo", token.module.token_info(**slot)).flags & CKF_TOKEN_INITIALIZED == 0)
            .collect();
        assert_eq!(free.len(), 1, "of {slots:?} one is free");
        assert_eq!(slots.len(), 2);
    });
}

#[test]
fn initialising_a_token_does_not_move_its_slot() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: a rule of Claviger's own");
        }
        assert_eq!(token.slot, 0);
        assert_eq!(must("C_GetSlotList", token.module.slot_list(true)), [0, 1]);
    });
}

/// Section 5.5.1: too small a buffer is CKR_BUFFER_TOO_SMALL, and "in either case" the count is the number of slots.
#[test]
fn a_short_slot_list_is_too_small_and_says_how_many_there_are() {
    with_token(|token| {
        let all = must("C_GetSlotList", token.module.slot_list(false)).len();
        let (answer, count) = token.module.slot_list_into(all - 1);
        refused("C_GetSlotList", answer, &[CKR_BUFFER_TOO_SMALL]);
        assert_eq!(count, all as CK_ULONG);
        let (answer, count) = token.module.slot_list_into(all + 5);
        must("C_GetSlotList", answer);
        assert_eq!(count, all as CK_ULONG);
    });
}

#[test]
fn a_slot_that_is_not_there_is_invalid_everywhere() {
    with_token(|token| {
        let module = &token.module;
        let invalid = &[CKR_SLOT_ID_INVALID];
        refused("C_GetSlotInfo", module.slot_info(NO_SLOT), invalid);
        refused("C_GetTokenInfo", module.token_info(NO_SLOT), invalid);
        refused("C_GetMechanismList", module.mechanism_list(NO_SLOT), invalid);
        refused("C_GetMechanismInfo", module.mechanism_info(NO_SLOT, CKM_AES_CBC), invalid);
        refused("C_OpenSession", module.open_session(NO_SLOT, CKF_SERIAL_SESSION).map(|_| ()), invalid);
        refused("C_InitToken", module.init_token(NO_SLOT, SO_PIN, "x"), invalid);
        refused("C_CloseAllSessions", module.close_all_sessions(NO_SLOT), invalid);
    });
}

#[test]
fn slot_info_says_that_a_token_is_present_and_pads_with_blanks() {
    with_token(|token| {
        let info = must("C_GetSlotInfo", token.module.slot_info(token.slot));
        assert_ne!(info.flags & CKF_TOKEN_PRESENT, 0);
        assert!(!info.slotDescription.contains(&0) && !info.manufacturerID.contains(&0), "padded with NUL");
    });
}

/// Section 3.2: the flags of CK_TOKEN_INFO before and after C_InitToken and C_InitPIN.
#[test]
fn token_info_follows_the_token_through_its_making() {
    with_module(|module| {
        must("C_Initialize", module.initialize_null());
        let slot = must("C_GetSlotList", module.slot_list(true))[0];
        let flags = |slot| must("C_GetTokenInfo", module.token_info(slot)).flags;
        assert_eq!(flags(slot) & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED), 0);
        must("C_InitToken", module.init_token(slot, SO_PIN, "a label"));
        let slot = slot_of(module, "a label");
        assert_eq!(flags(slot) & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED), CKF_TOKEN_INITIALIZED);
        let session = must("C_OpenSession", module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
        must("C_Login", session.login(CKU_SO, SO_PIN));
        must("C_InitPIN", session.init_pin(USER_PIN));
        let wanted = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_RNG;
        assert_eq!(flags(slot) & wanted, wanted);
        assert_eq!(flags(slot) & (CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED | CKF_WRITE_PROTECTED), 0);
    });
}

#[test]
fn token_info_counts_sessions_or_says_that_it_does_not() {
    with_token(|token| {
        let before = must("C_GetTokenInfo", token.module.token_info(token.slot));
        let _session = token.session();
        let after = must("C_GetTokenInfo", token.module.token_info(token.slot));
        if before.ulSessionCount != CK_UNAVAILABLE_INFORMATION {
            assert_eq!(after.ulSessionCount, before.ulSessionCount + 1);
            assert_eq!(after.ulRwSessionCount, before.ulRwSessionCount + 1);
        }
        assert!(after.ulMinPinLen <= 4 && after.ulMaxPinLen >= 8, "PINs of 4 to 8 bytes are common");
    });
}

#[test]
fn every_listed_mechanism_has_information_and_no_other_has() {
    with_token(|token| {
        let list = must("C_GetMechanismList", token.module.mechanism_list(token.slot));
        assert!(!list.is_empty());
        for kind in &list {
            let info = must("C_GetMechanismInfo", token.module.mechanism_info(token.slot, *kind));
            assert!(info.ulMinKeySize <= info.ulMaxKeySize, "mechanism {kind:#x}: {info:?}");
            assert_eq!(list.iter().filter(|other| *other == kind).count(), 1, "{kind:#x} is listed twice");
        }
        let absent = CKM_VENDOR_DEFINED + 0x7777;
        refused("C_GetMechanismInfo", token.module.mechanism_info(token.slot, absent), &[CKR_MECHANISM_INVALID]);
    });
}

#[test]
fn a_short_mechanism_list_is_too_small_and_says_how_many_there_are() {
    with_token(|token| {
        let all = must("C_GetMechanismList", token.module.mechanism_list(token.slot)).len();
        let (answer, count) = token.module.mechanism_list_into(token.slot, 1);
        refused("C_GetMechanismList", answer, &[CKR_BUFFER_TOO_SMALL]);
        assert_eq!(count, all as CK_ULONG);
    });
}

/// What the product promises, by mechanism and flags.
#[test]
fn the_mechanisms_of_the_first_release_are_there_with_their_flags() {
    const CIPHER: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
    const SIGN: CK_FLAGS = CKF_SIGN | CKF_VERIFY;
    const WRAP: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;
    const PROMISED: &[(CK_MECHANISM_TYPE, CK_FLAGS)] = &[
        (CKM_AES_KEY_GEN, CKF_GENERATE),
        (CKM_AES_ECB, CIPHER),
        (CKM_AES_CBC, CIPHER),
        (CKM_AES_CBC_PAD, CIPHER),
        (CKM_AES_GCM, CIPHER | WRAP),
        (CKM_AES_CMAC, SIGN),
        (CKM_AES_KEY_WRAP, WRAP),
        (CKM_AES_KEY_WRAP_KWP, WRAP),
        (CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE),
        (CKM_SHA256_HMAC, SIGN),
        (CKM_SHA384_HMAC, SIGN),
        (CKM_SHA512_HMAC, SIGN),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
        (CKM_RSA_PKCS, SIGN | CIPHER),
        (CKM_SHA256_RSA_PKCS, SIGN),
        (CKM_SHA384_RSA_PKCS, SIGN),
        (CKM_SHA512_RSA_PKCS, SIGN),
        (CKM_RSA_PKCS_PSS, SIGN),
        (CKM_SHA256_RSA_PKCS_PSS, SIGN),
        (CKM_RSA_PKCS_OAEP, CIPHER | WRAP),
        (CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
        (CKM_ECDSA, SIGN),
        (CKM_ECDSA_SHA256, SIGN),
        (CKM_ECDSA_SHA384, SIGN),
        (CKM_ECDSA_SHA512, SIGN),
        (CKM_HKDF_DERIVE, CKF_DERIVE),
        (CKM_SHA_1, CKF_DIGEST),
        (CKM_SHA224, CKF_DIGEST),
        (CKM_SHA256, CKF_DIGEST),
        (CKM_SHA384, CKF_DIGEST),
        (CKM_SHA512, CKF_DIGEST),
    ];
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: a promise of Claviger's own");
        }
        for (kind, flags) in PROMISED {
            let info = must("C_GetMechanismInfo", token.module.mechanism_info(token.slot, *kind));
            assert_eq!(info.flags & flags, *flags, "mechanism {kind:#x} has flags {:#x}", info.flags);
        }
    });
}

/// Section 5.5.7: "any application has an open session … CKR_SESSION_EXISTS".
#[test]
fn a_token_with_an_open_session_is_not_initialised() {
    with_token(|token| {
        let session = token.session();
        refused("C_InitToken", token.module.init_token(token.slot, SO_PIN, "x"), &[CKR_SESSION_EXISTS]);
        must("C_GetSessionInfo", session.info());
    });
}

/// Section 5.5.7: the SO's PIN authorises it; all objects go; the user's PIN is off until C_InitPIN.
#[test]
fn initialising_again_takes_the_so_pin_and_wipes_the_token() {
    with_token(|token| {
        let session = token.user_session();
        let data = attrs![CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "old", CKA_VALUE => b"1"];
        must("C_CreateObject", session.create_object(&data));
        must("C_CloseSession", session.close());
        let again = token.module.init_token(token.slot, "wrong-pin", "again");
        refused("C_InitToken(wrong PIN)", again, &[CKR_PIN_INCORRECT]);
        let session = token.user_session();
        assert_eq!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => "old"])).len(), 1);
        must("C_CloseSession", session.close());

        must("C_InitToken", token.module.init_token(token.slot, SO_PIN, "again"));
        let slot = slot_of(&token.module, "again");
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let session = must("C_OpenSession", token.module.open_session(slot, flags));
        refused("C_Login", session.login(CKU_USER, USER_PIN), &[CKR_USER_PIN_NOT_INITIALIZED]);
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        must("C_InitPIN", session.init_pin(USER_PIN));
        must("C_Logout", session.logout());
        must("C_Login", session.login(CKU_USER, USER_PIN));
        assert!(must("C_FindObjects", session.find(&[])).is_empty());
    });
}

/// Section 5.5.8: "An attempt to call it from a session in any other state fails with error CKR_USER_NOT_LOGGED_IN".
#[test]
fn only_the_so_sets_the_users_first_pin() {
    with_token(|token| {
        let session = token.session();
        refused("C_InitPIN, nobody logged in", session.init_pin("5678"), &[CKR_USER_NOT_LOGGED_IN]);
        must("C_Login", session.login(CKU_USER, USER_PIN));
        refused("C_InitPIN by the user", session.init_pin("5678"), &[CKR_USER_NOT_LOGGED_IN]);
    });
}

#[test]
fn pins_that_are_too_short_are_out_of_range() {
    with_token(|token| {
        let session = token.user_session();
        refused("C_SetPIN", session.set_pin(USER_PIN, "1"), &[CKR_PIN_LEN_RANGE]);
        must("C_Logout", session.logout());
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        refused("C_InitPIN", session.init_pin("1"), &[CKR_PIN_LEN_RANGE]);
        let long = "9".repeat(10_000);
        refused("C_InitPIN", session.init_pin(&long), &[CKR_PIN_LEN_RANGE]);
    });
}

#[test]
fn a_user_changes_their_own_pin() {
    with_token(|token| {
        let session = token.user_session();
        refused("C_SetPIN(wrong old PIN)", session.set_pin("9999", "5678"), &[CKR_PIN_INCORRECT]);
        must("C_SetPIN", session.set_pin(USER_PIN, "5678"));
        must("C_Logout", session.logout());
        refused("C_Login(old PIN)", session.login(CKU_USER, USER_PIN), &[CKR_PIN_INCORRECT]);
        must("C_Login(new PIN)", session.login(CKU_USER, "5678"));
    });
}

#[test]
fn the_so_changes_their_own_pin_and_not_the_users() {
    with_token(|token| {
        let session = token.session();
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        must("C_SetPIN", session.set_pin(SO_PIN, "87654321"));
        must("C_Logout", session.logout());
        refused("C_Login(CKU_SO, old)", session.login(CKU_SO, SO_PIN), &[CKR_PIN_INCORRECT]);
        must("C_Login(CKU_SO, new)", session.login(CKU_SO, "87654321"));
        must("C_Logout", session.logout());
        must("C_Login(CKU_USER)", session.login(CKU_USER, USER_PIN));
    });
}

/// Section 5.5.9: "or the CKU_USER PIN if the session is not logged in".
#[test]
fn without_login_the_users_pin_is_changed() {
    with_token(|token| {
        let session = token.session();
        must("C_SetPIN", session.set_pin(USER_PIN, "5678"));
        must("C_Login(new PIN)", session.login(CKU_USER, "5678"));
    });
}

/// Section 5.5.9: any state but the R/W ones "fails with error CKR_SESSION_READ_ONLY".
#[test]
fn a_read_only_session_changes_no_pin() {
    with_token(|token| {
        let session = token.read_only_session();
        refused("C_SetPIN", session.set_pin(USER_PIN, "5678"), &[CKR_SESSION_READ_ONLY]);
    });
}

/// Section 5.5.4: nothing happens to the slots of a software token.
#[test]
fn there_is_no_slot_event() {
    with_token(|token| {
        let allowed = &[CKR_NO_EVENT, CKR_FUNCTION_NOT_SUPPORTED];
        refused("C_WaitForSlotEvent", token.module.wait_for_slot_event(CKF_DONT_BLOCK), allowed);
    });
}
