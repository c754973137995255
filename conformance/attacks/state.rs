//! The state of an operation, taken out and put back (PKCS#11 3.2, sections 5.6.4 and 5.6.5).

use cryptoki_sys::*;

use super::{Arena, Ended, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;

/// A35. A saved state holds a key or what hides it; a changed state is believed.
pub(super) const OPERATION_STATE: &[Way] = &[state_of_encryption, state_of_mac, state_of_digested_key, changed_state];

fn state_of_encryption(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let cbc = Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]);
    scene("C_EncryptInit(AES_CBC, kS)", arena.session.encrypt_init(&cbc, victim.key))?;
    scene("C_EncryptUpdate", arena.session.encrypt_update(&[0; 16]))?;
    let state = step("C_GetOperationState while kS encrypts", arena.session.operation_state())?;
    match (0..state.len()).any(|start| state.get(start..start + 32).is_some_and(|bytes| victim.is(bytes))) {
        true => evidence("the value of kS within the saved state"),
        false => evidence(format_args!("{} bytes of state of an operation with kS, outside the token", state.len())),
    }
}

fn state_of_mac(arena: &Arena<'_>) -> Ended {
    let victim = arena.secret_victim(Vec::new())?;
    scene("C_SignInit(SHA256_HMAC, kS)", arena.session.sign_init(&Mechanism::plain(CKM_SHA256_HMAC), victim.key))?;
    scene("C_SignUpdate", arena.session.sign_update(b"a part"))?;
    let state = step("C_GetOperationState while kS signs", arena.session.operation_state())?;
    evidence(format_args!("{} bytes of state of an HMAC with kS: its inner hash signs without kS", state.len()))
}

/// A digest that has taken a key in.
fn state_of_digested_key(arena: &Arena<'_>) -> Ended {
    let template = attrs![CKA_SENSITIVE => true, CKA_SIGN => true];
    let key = scene("C_GenerateKey(32 bytes, SENSITIVE)", arena.generic_key(32, template))?;
    scene("C_DigestInit(SHA256)", arena.session.digest_init(&Mechanism::plain(CKM_SHA256)))?;
    step("C_DigestKey(kS)", arena.session.digest_key(key))?;
    let state = step("C_GetOperationState after C_DigestKey", arena.session.operation_state())?;
    evidence(format_args!("{} bytes of state of a digest of kS", state.len()))
}

/// Each byte of a digest's state is changed once: the token must not go on from it as if it were its own.
fn changed_state(arena: &Arena<'_>) -> Ended {
    let session = arena.session;
    scene("C_DigestInit(SHA256)", session.digest_init(&Mechanism::plain(CKM_SHA256)))?;
    scene("C_DigestUpdate", session.digest_update(&[0x41; 100]))?;
    let state = step("C_GetOperationState of a digest", session.operation_state())?;
    let _ = session.digest_final();
    for place in 0..state.len() {
        let mut changed = state.clone();
        changed.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
        if session.set_operation_state(&changed, 0, 0).is_ok() {
            return evidence(format_args!("a saved state is believed with byte {place} changed"));
        }
    }
    let cut = session.set_operation_state(state.get(1..).unwrap_or_default(), 0, 0);
    match cut {
        Ok(()) => evidence("a saved state is believed when it is cut short"),
        Err(rv) if rv.0 == CKR_SAVED_STATE_INVALID => harmless(format_args!(
            "no state of a digest is believed with one of its {} bytes changed, or cut short",
            state.len()
        )),
        Err(rv) => step("C_SetOperationState(cut short)", Err(rv)),
    }
}
