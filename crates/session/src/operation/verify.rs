//! Verification of signatures and MACs: C_Verify* (PKCS#11 3.2 section 5.15). A call to C_Verify or C_VerifyFinal
//! always ends the operation; there is no output and so no size query.

use claviger_rules::mechanism::Usage;
use claviger_rules::policy::Action;

use super::sign::Ready;
use crate::fault::Function;
use crate::{MechanismCall, ObjectHandle, Result, Session};

impl Session {
    /// C_VerifyInit.
    ///
    /// # Errors
    /// As [`Session::encrypt_init`].
    pub fn verify_init(&self, call: MechanismCall, key: ObjectHandle) -> Result<()> {
        self.operations()
            .verify
            .init(|| self.call("C_VerifyInit", |caller| Ready::new(caller, Usage::Verify, Action::Verify, call, key)))
    }

    /// C_Verify.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE; CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE after
    /// parts; the table of `fault`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        self.operations().verify.one_shot(|ready| ready.verify(message, signature))
    }

    /// C_VerifyUpdate.
    ///
    /// # Errors
    /// As [`Session::sign_update`].
    pub fn verify_update(&self, part: &[u8]) -> Result<()> {
        self.operations().verify.update(|ready| ready.open(Function::Verify), |stream| stream.update(part))
    }

    /// C_VerifyFinal.
    ///
    /// # Errors
    /// As [`Session::verify`].
    pub fn verify_final(&self, signature: &[u8]) -> Result<()> {
        self.operations().verify.finish(|ready| ready.open(Function::Verify), |stream| stream.verify(signature))
    }
}
