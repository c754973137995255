//! PKCS#11 3.2, section 5.4.1 (CKF_OS_LOCKING_OK): threads of one application, each with a session of its own.

use claviger_conformance::attrs;
use claviger_conformance::fixture::USER_PIN;
use claviger_conformance::isolated::{with_module, with_token};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::InitializeArgs;
use claviger_conformance::samples::{P256, aes_key, ec_pair};
use claviger_conformance::session::Session;
use claviger_conformance::token::{Token, must, slot_of};
use cryptoki_sys::*;

const THREADS: u32 = 4;

/// Initialises for threads, logs the user in, and runs `work` in each thread with a session and the thread's number.
fn in_threads(token: &Token, work: impl Fn(&Session<'_>, u32) + Sync) {
    must("C_Finalize", token.module.finalize());
    let args = InitializeArgs { flags: CKF_OS_LOCKING_OK, ..InitializeArgs::default() };
    must("C_Initialize(CKF_OS_LOCKING_OK)", token.module.initialize_with(args));
    let slot = slot_of(&token.module, "conformance");
    let open = || must("C_OpenSession", token.module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
    must("C_Login", open().login(CKU_USER, USER_PIN));
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (work, session) = (&work, open());
            scope.spawn(move || work(&session, number));
        }
    });
}

#[test]
fn token_objects_of_one_thread_are_safe_from_the_others() {
    with_token(|token| {
        in_threads(token, |session, number| {
            for round in 0..100 {
                let label = format!("{number}-{round}");
                let template = attrs![CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => &label, CKA_VALUE => b"x"];
                let object = must("C_CreateObject", session.create_object(&template));
                assert_eq!(must("C_GetAttributeValue", session.attribute(object, CKA_LABEL)), label.as_bytes());
                assert_eq!(must("C_FindObjects", session.find(&attrs![CKA_LABEL => &label])), [object]);
                must("C_SetAttributeValue", session.set_attribute_value(object, &attrs![CKA_LABEL => "changed"]));
                must("C_DestroyObject", session.destroy_object(object));
            }
        });
    });
}

#[test]
fn operations_of_many_threads_run_side_by_side() {
    with_token(|token| {
        in_threads(token, |session, _| {
            let (public, private) = ec_pair(session, P256);
            let key = aes_key(session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
            let (ecdsa, cbc) = (Mechanism::plain(CKM_ECDSA), Mechanism::with_bytes(CKM_AES_CBC_PAD, &[2; 16]));
            for round in 0..100u8 {
                let data = [round; 32];
                let signature = must("C_Sign", session.sign(&ecdsa, private, &data));
                must("C_Verify", session.verify(&ecdsa, public, &data, &signature));
                let cipher = must("C_Encrypt", session.encrypt(&cbc, key, &data));
                assert_eq!(must("C_Decrypt", session.decrypt(&cbc, key, &cipher)), data);
            }
        });
    });
}

/// Two applications in one address space would be one too many: of many threads that initialise, one does.
#[test]
fn of_many_threads_that_initialise_one_does() {
    with_module(|module| {
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let args = InitializeArgs { flags: CKF_OS_LOCKING_OK, ..InitializeArgs::default() };
                    scope.spawn(move || match module.initialize_with(args) {
                        Ok(()) => 1,
                        Err(rv) => {
                            assert_eq!(rv, CKR_CRYPTOKI_ALREADY_INITIALIZED, "{rv}");
                            0
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(99)).sum()
        });
        assert_eq!(won, 1);
    });
}
