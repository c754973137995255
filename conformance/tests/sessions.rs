//! PKCS#11 3.2, section 5.6: sessions and logins.

use claviger_conformance::fixture::{Policy, SO_PIN, USER_PIN};
use claviger_conformance::isolated::{with_module, with_roles, with_token};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::samples::aes_key;
use claviger_conformance::session::Session;
use claviger_conformance::token::{must, refused, slot_of};
use claviger_conformance::{attrs, session::Object};
use cryptoki_sys::*;

fn state(session: &Session<'_>) -> CK_STATE {
    must("C_GetSessionInfo", session.info()).state
}

/// Section 5.6.1: "the CKF_SERIAL_SESSION bit MUST always be set".
#[test]
fn a_session_that_is_not_serial_is_refused() {
    with_token(|token| {
        for flags in [0, CKF_RW_SESSION] {
            let opened = token.module.open_session(token.slot, flags).map(|_| ());
            refused("C_OpenSession", opened, &[CKR_SESSION_PARALLEL_NOT_SUPPORTED]);
        }
    });
}

#[test]
fn session_info_tells_slot_flags_and_state() {
    with_token(|token| {
        let read_only = must("C_GetSessionInfo", token.read_only_session().info());
        assert_eq!((read_only.slotID, read_only.flags), (token.slot, CKF_SERIAL_SESSION));
        assert_eq!(read_only.state, CKS_RO_PUBLIC_SESSION);
        let read_write = must("C_GetSessionInfo", token.session().info());
        assert_eq!(read_write.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        assert_eq!(read_write.state, CKS_RW_PUBLIC_SESSION);
    });
}

/// "All sessions an application has with a token have a shared login state".
#[test]
fn a_login_holds_for_all_sessions_of_the_application() {
    with_token(|token| {
        let (read_only, read_write) = (token.read_only_session(), token.session());
        must("C_Login", read_write.login(CKU_USER, USER_PIN));
        assert_eq!((state(&read_only), state(&read_write)), (CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS));
        assert_eq!(state(&token.session()), CKS_RW_USER_FUNCTIONS);
        must("C_Logout", read_only.logout());
        assert_eq!((state(&read_only), state(&read_write)), (CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION));
    });
}

#[test]
fn the_so_works_in_read_write_sessions_only() {
    with_token(|token| {
        let read_only = token.read_only_session();
        let session = token.session();
        let login = session.login(CKU_SO, SO_PIN);
        refused("C_Login(CKU_SO) beside a R/O session", login, &[CKR_SESSION_READ_ONLY_EXISTS]);
        must("C_CloseSession", read_only.close());
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        assert_eq!(state(&session), CKS_RW_SO_FUNCTIONS);
        let opened = token.module.open_session(token.slot, CKF_SERIAL_SESSION).map(|_| ());
        refused("C_OpenSession(R/O) beside the SO", opened, &[CKR_SESSION_READ_WRITE_SO_EXISTS]);
    });
}

#[test]
fn one_user_at_a_time() {
    with_token(|token| {
        let session = token.user_session();
        refused("C_Login again", session.login(CKU_USER, USER_PIN), &[CKR_USER_ALREADY_LOGGED_IN]);
        refused("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN), &[CKR_USER_ANOTHER_ALREADY_LOGGED_IN]);
        must("C_Logout", session.logout());
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        refused("C_Login(CKU_SO) again", session.login(CKU_SO, SO_PIN), &[CKR_USER_ALREADY_LOGGED_IN]);
        refused("C_Login(CKU_USER)", session.login(CKU_USER, USER_PIN), &[CKR_USER_ANOTHER_ALREADY_LOGGED_IN]);
    });
}

#[test]
fn a_wrong_pin_is_incorrect_and_logs_nobody_in() {
    with_token(|token| {
        let session = token.session();
        for (user, pin) in [(CKU_USER, "9999"), (CKU_SO, "99999999"), (CKU_USER, SO_PIN), (CKU_SO, USER_PIN)] {
            refused("C_Login(wrong PIN)", session.login(user, pin), &[CKR_PIN_INCORRECT]);
            assert_eq!(state(&session), CKS_RW_PUBLIC_SESSION);
        }
        refused("C_Login(empty PIN)", session.login(CKU_USER, ""), &[CKR_PIN_INCORRECT, CKR_ARGUMENTS_BAD]);
        must("C_Login", session.login(CKU_USER, USER_PIN));
    });
}

#[test]
fn a_user_type_that_is_none_is_invalid() {
    with_token(|token| {
        refused("C_Login(7)", token.session().login(7, USER_PIN), &[CKR_USER_TYPE_INVALID]);
    });
}

/// Section 5.6.8: "Improper use of this user type will result in a return value CKR_OPERATION_NOT_INITIALIZED".
#[test]
fn a_context_specific_login_needs_an_operation() {
    with_token(|token| {
        let session = token.user_session();
        let login = session.login(CKU_CONTEXT_SPECIFIC, USER_PIN);
        refused("C_Login(CKU_CONTEXT_SPECIFIC)", login, &[CKR_OPERATION_NOT_INITIALIZED]);
    });
}

#[test]
fn a_logout_needs_a_login() {
    with_token(|token| {
        refused("C_Logout", token.session().logout(), &[CKR_USER_NOT_LOGGED_IN]);
    });
}

#[test]
fn a_user_without_a_pin_cannot_log_in() {
    with_module(|module| {
        must("C_Initialize", module.initialize_null());
        let slot = must("C_GetSlotList", module.slot_list(true))[0];
        must("C_InitToken", module.init_token(slot, SO_PIN, "no user"));
        let slot = slot_of(module, "no user");
        let session = must("C_OpenSession", module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
        refused("C_Login", session.login(CKU_USER, USER_PIN), &[CKR_USER_PIN_NOT_INITIALIZED]);
    });
}

/// Section 5.6.2: closing the last session returns the login state to public sessions.
#[test]
fn closing_the_last_session_logs_out() {
    with_token(|token| {
        let session = token.user_session();
        let other = token.session();
        must("C_CloseSession", session.close());
        assert_eq!(state(&other), CKS_RW_USER_FUNCTIONS);
        must("C_CloseSession", other.close());
        assert_eq!(state(&token.session()), CKS_RW_PUBLIC_SESSION);
    });
}

#[test]
fn a_closed_session_is_no_session() {
    with_token(|token| {
        let session = token.session();
        must("C_CloseSession", session.close());
        refused("C_CloseSession again", session.close(), &[CKR_SESSION_HANDLE_INVALID]);
        refused("C_GetSessionInfo", session.info(), &[CKR_SESSION_HANDLE_INVALID]);
        let zero = Session { module: &token.module, handle: CK_INVALID_HANDLE };
        refused("C_GetSessionInfo(0)", zero.info(), &[CKR_SESSION_HANDLE_INVALID]);
        assert_ne!(token.session().handle, session.handle, "a handle is not used again at once");
    });
}

#[test]
fn close_all_sessions_closes_all() {
    with_token(|token| {
        let sessions = [token.session(), token.read_only_session(), token.user_session()];
        must("C_CloseAllSessions", token.module.close_all_sessions(token.slot));
        for session in sessions {
            refused("C_GetSessionInfo", session.info(), &[CKR_SESSION_HANDLE_INVALID]);
        }
        assert_eq!(state(&token.session()), CKS_RW_PUBLIC_SESSION);
    });
}

#[test]
fn session_objects_die_with_their_session_only() {
    with_token(|token| {
        let (first, second) = (token.user_session(), token.session());
        let key = aes_key(&first, attrs![CKA_LABEL => "of the first"]);
        must("C_GetAttributeValue by the second", second.attribute(key, CKA_LABEL));
        must("C_CloseSession", first.close());
        refused("C_GetAttributeValue", second.attribute(key, CKA_LABEL), &[CKR_OBJECT_HANDLE_INVALID]);
    });
}

/// Section 5.6.10: after C_Logout private handles stay invalid "even if a user is later logged back in", and
/// private session objects are destroyed.
#[test]
fn a_logout_ends_private_handles_and_private_session_objects() {
    with_token(|token| {
        let session = token.user_session();
        let kept = aes_key(&session, attrs![CKA_TOKEN => true, CKA_LABEL => "kept"]);
        let lost = aes_key(&session, attrs![CKA_LABEL => "lost"]);
        must("C_Logout", session.logout());
        must("C_Login", session.login(CKU_USER, USER_PIN));
        for key in [kept, lost] {
            refused("C_GetAttributeValue", session.attribute(key, CKA_LABEL), &[CKR_OBJECT_HANDLE_INVALID]);
        }
        assert_eq!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => "kept"])).len(), 1);
        assert!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => "lost"])).is_empty());
    });
}

/// The limit is Claviger's default of ten; the flags of CK_TOKEN_INFO tell the truth on the way (section 3.2).
#[test]
fn ten_wrong_pins_lock_the_user_until_the_so_sets_a_new_one() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: the standard leaves the limit to the token");
        }
        let session = token.session();
        let pin_flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
        let flags = || must("C_GetTokenInfo", token.module.token_info(token.slot)).flags & pin_flags;
        assert_eq!(flags(), 0);
        for attempt in 1..=9 {
            refused("C_Login(wrong PIN)", session.login(CKU_USER, "9999"), &[CKR_PIN_INCORRECT]);
            assert_ne!(flags() & CKF_USER_PIN_COUNT_LOW, 0, "after attempt {attempt}");
        }
        assert_ne!(flags() & CKF_USER_PIN_FINAL_TRY, 0);
        refused("the tenth", session.login(CKU_USER, "9999"), &[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
        assert_ne!(flags() & CKF_USER_PIN_LOCKED, 0);
        refused("C_Login(right PIN)", session.login(CKU_USER, USER_PIN), &[CKR_PIN_LOCKED]);
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        must("C_InitPIN", session.init_pin("5678"));
        must("C_Logout", session.logout());
        must("C_Login(new PIN)", session.login(CKU_USER, "5678"));
        assert_eq!(flags(), 0);
    });
}

#[test]
fn a_right_pin_clears_the_count_of_wrong_ones() {
    with_token(|token| {
        let session = token.session();
        for _ in 0..2 {
            for _ in 0..6 {
                refused("C_Login(wrong PIN)", session.login(CKU_USER, "9999"), &[CKR_PIN_INCORRECT]);
            }
            must("C_Login", session.login(CKU_USER, USER_PIN));
            must("C_Logout", session.logout());
        }
        let flags = must("C_GetTokenInfo", token.module.token_info(token.slot)).flags;
        assert_eq!(flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED), 0);
    });
}

/// Section 5.6.5: cancelling leaves the session without an operation; flags of idle operations are ignored.
#[test]
fn session_cancel_ends_the_operations_it_names() {
    with_token(|token| {
        if !token.module.has_version_3() {
            return println!("not applicable: C_SessionCancel is of version 3.0");
        }
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true]);
        let ecb = Mechanism::plain(CKM_AES_ECB);
        must("C_EncryptInit", session.encrypt_init(&ecb, key));
        must("C_SessionCancel(0)", session.cancel(0));
        refused("C_EncryptInit", session.encrypt_init(&ecb, key), &[CKR_OPERATION_ACTIVE]);
        must("C_SessionCancel(SIGN)", session.cancel(CKF_SIGN));
        refused("C_EncryptInit", session.encrypt_init(&ecb, key), &[CKR_OPERATION_ACTIVE]);
        must("C_SessionCancel(ENCRYPT)", session.cancel(CKF_ENCRYPT));
        refused("C_EncryptUpdate", session.encrypt_update(&[0; 16]), &[CKR_OPERATION_NOT_INITIALIZED]);
        must("C_EncryptInit", session.encrypt_init(&ecb, key));
        must("C_DigestInit", session.digest_init(&Mechanism::plain(CKM_SHA256)));
        must("C_SessionCancel(both)", session.cancel(CKF_ENCRYPT | CKF_DIGEST));
        refused("C_DigestUpdate", session.digest_update(b"x"), &[CKR_OPERATION_NOT_INITIALIZED]);
        must("C_FindObjectsInit", session.find_objects_init(&[]));
        must("C_SessionCancel(FIND)", session.cancel(CKF_FIND_OBJECTS));
        refused("C_FindObjects", session.find_objects(1), &[CKR_OPERATION_NOT_INITIALIZED]);
    });
}

/// Section 5.6.6, and the rule that no state with a key in it is saved.
#[test]
fn the_state_of_an_operation_is_saved_without_keys_or_not_at_all() {
    with_token(|token| {
        let session = token.user_session();
        let none = &[CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_NOT_SUPPORTED];
        refused("C_GetOperationState, none active", session.operation_state(), none);
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true]);
        must("C_EncryptInit", session.encrypt_init(&Mechanism::plain(CKM_AES_ECB), key));
        let unsaveable = &[CKR_STATE_UNSAVEABLE, CKR_FUNCTION_NOT_SUPPORTED];
        refused("C_GetOperationState, with a key", session.operation_state(), unsaveable);
    });
}

#[test]
fn named_users_log_in_by_either_form() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        must("C_Login(app1:…)", session.login(CKU_USER, &token.named().app1));
        refused("C_Login(app2:…)", session.login(CKU_USER, &token.named().app2), &[CKR_USER_ANOTHER_ALREADY_LOGGED_IN]);
        must("C_Logout", session.logout());
        must("C_LoginUser(app2)", session.login_user(CKU_USER, "app2-pin-1", "app2"));
        let again = session.login_user(CKU_USER, "app2-pin-1", "app2");
        refused("C_LoginUser(app2) again", again, &[CKR_USER_ALREADY_LOGGED_IN]);
        must("C_Logout", session.logout());
        must("C_LoginUser(so)", session.login_user(CKU_SO, SO_PIN, "so"));
        must("C_Logout", session.logout());
    });
}

#[test]
fn a_name_that_is_unknown_or_of_the_other_type_is_a_wrong_pin() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        let wrong = &[CKR_PIN_INCORRECT];
        refused("nobody", session.login_user(CKU_USER, "app1-pin-1", "nobody"), wrong);
        refused("wrong PIN", session.login_user(CKU_USER, "app2-pin-1", "app1"), wrong);
        refused("kim as SO", session.login_user(CKU_SO, "kim-pin-1", "kim"), wrong);
        refused("so as user", session.login_user(CKU_USER, SO_PIN, "so"), wrong);
        let nobody = session.login(CKU_USER, "nobody:app1-pin-1");
        refused("nobody:… without a default user", nobody, &[CKR_PIN_INCORRECT, CKR_USER_PIN_NOT_INITIALIZED]);
        must("C_LoginUser(app1)", session.login_user(CKU_USER, "app1-pin-1", "app1"));
    });
}

/// A handle of one login says nothing in another: private objects of one user are not seen by the next.
#[test]
fn users_do_not_see_each_others_objects() {
    with_roles(Policy::Enforce, |token| {
        let session = token.session();
        must("C_Login(app1)", session.login(CKU_USER, &token.named().app1));
        let key: Object = aes_key(&session, attrs![CKA_TOKEN => true, CKA_LABEL => "of app1"]);
        must("C_Logout", session.logout());
        for pin in [&token.named().app2, &token.named().kim] {
            must("C_Login", session.login(CKU_USER, pin));
            assert!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => "of app1"])).is_empty());
            refused("C_GetAttributeValue", session.attribute(key, CKA_LABEL), &[CKR_OBJECT_HANDLE_INVALID]);
            must("C_Logout", session.logout());
        }
        must("C_Login(so)", session.login(CKU_SO, SO_PIN));
        assert!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => "of app1"])).is_empty());
    });
}
