//! Fork (PKCS#11 3.2, section 2 of the usage guide [PKCS11-UG], "applications and processes"): a child of fork is
//! another application. It finds the library not initialised, initialises it, works and ends, while the parent's
//! threads go on; a hundred times, with no call hanging.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use claviger_conformance::attrs;
use claviger_conformance::fixture::USER_PIN;
use claviger_conformance::isolated::with_token;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::raw::fork;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::Attribute;
use claviger_conformance::token::{Token, must, slot_of};
use cryptoki_sys::*;

const TIMES: u32 = 100;
const THREADS: usize = 4;
/// A child that works needs a fraction of a second, most of it for the PIN.
const PATIENCE: Duration = Duration::from_secs(20);

fn signing_key(more: Vec<Attribute>, session: &Session<'_>) -> Object {
    let public = attrs![CKA_TOKEN => true, CKA_EC_PARAMS => P256, CKA_VERIFY => true, CKA_LABEL => "fork"];
    let private = [attrs![CKA_TOKEN => true, CKA_SIGN => true, CKA_LABEL => "fork"], more].concat();
    let pair = session.generate_key_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private);
    must("C_GenerateKeyPair", pair).1
}

/// What the child does; the status says which step failed.
fn child(module: &Module) -> i32 {
    let steps = || -> Result<(), i32> {
        match module.info() {
            Err(rv) if rv == CKR_CRYPTOKI_NOT_INITIALIZED => {}
            _ => return Err(10),
        }
        module.initialize_null().map_err(|_| 11)?;
        let slot = slot_of(module, "conformance");
        let session = module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).map_err(|_| 12)?;
        if session.info().map_err(|_| 13)?.state != CKS_RW_PUBLIC_SESSION {
            return Err(14);
        }
        session.login(CKU_USER, USER_PIN).map_err(|_| 15)?;
        let key = session.find(&attrs![CKA_CLASS => CKO_PRIVATE_KEY, CKA_LABEL => "fork"]).map_err(|_| 16)?;
        let key = key.first().copied().ok_or(17)?;
        session.sign(&Mechanism::plain(CKM_ECDSA), key, &[7; 32]).map_err(|_| 18)?;
        module.finalize().map_err(|_| 19)
    };
    steps().err().unwrap_or(0)
}

fn open(token: &Token, slot: CK_SLOT_ID) -> Session<'_> {
    must("C_OpenSession", token.module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION))
}

/// One of the parent's busy threads: signs, searches, and makes and destroys token objects.
fn busy(token: &Token, slot: CK_SLOT_ID, stop: &AtomicBool, done: &AtomicU64) {
    let session = open(token, slot);
    let keys = must("C_FindObjects", session.find(&attrs![CKA_CLASS => CKO_PRIVATE_KEY, CKA_LABEL => "fork"]));
    let data = attrs![CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "busy", CKA_VALUE => b"x"];
    while !stop.load(Ordering::Relaxed) {
        must("C_Sign", session.sign(&Mechanism::plain(CKM_ECDSA), keys[0], &[7; 32]));
        let object = must("C_CreateObject", session.create_object(&data));
        must("C_DestroyObject", session.destroy_object(object));
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_hundred_children_work_while_the_parent_goes_on() {
    with_token(|token| {
        must("C_Finalize", token.module.finalize());
        let args = claviger_conformance::module::InitializeArgs { flags: CKF_OS_LOCKING_OK, ..Default::default() };
        must("C_Initialize(CKF_OS_LOCKING_OK)", token.module.initialize_with(args));
        let slot = slot_of(&token.module, "conformance");
        let session = open(token, slot);
        must("C_Login", session.login(CKU_USER, USER_PIN));
        signing_key(attrs![], &session);
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let (mut hangs, mut failures) = (0, Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| busy(token, slot, &stop, &done));
            }
            for _ in 0..TIMES {
                // What hangs five times hangs; the rest would only take long.
                if hangs == 5 {
                    break;
                }
                match fork(|| child(&token.module)).unwrap().wait(PATIENCE) {
                    Some(0) => {}
                    Some(status) => failures.push(status),
                    None => hangs += 1,
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        println!(
            "{TIMES} forks: {hangs} hangs, {} failures; {} rounds in the parent",
            failures.len(),
            done.into_inner()
        );
        assert_eq!((hangs, failures), (0, Vec::new()));
        must("C_GetSessionInfo in the parent", session.info());
    });
}

/// Nothing of the parent's session reaches the child, initialised or not.
#[test]
fn a_child_has_neither_sessions_nor_login_of_its_parent() {
    with_token(|token| {
        let session = token.user_session();
        let key = signing_key(attrs![], &session);
        let status = fork(|| {
            if session.info().err() != Some(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)) {
                return 10;
            }
            if token.module.initialize_null().is_err() {
                return 11;
            }
            match session.sign(&Mechanism::plain(CKM_ECDSA), key, &[7; 32]) {
                Err(rv) if rv == CKR_SESSION_HANDLE_INVALID => 0,
                _ => 12,
            }
        });
        assert_eq!(status.unwrap().wait(PATIENCE), Some(0));
        must("C_Sign in the parent", session.sign(&Mechanism::plain(CKM_ECDSA), key, &[7; 32]));
    });
}

/// A program that forks and never touches the library in the child must be able to leave.
#[test]
fn a_child_that_does_not_use_the_library_just_ends() {
    with_token(|token| {
        let session = token.user_session();
        for _ in 0..20 {
            assert_eq!(fork(|| 0).unwrap().wait(PATIENCE), Some(0));
        }
        must("C_GetSessionInfo in the parent", session.info());
    });
}
