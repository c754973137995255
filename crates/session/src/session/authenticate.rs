//! The context-specific login: the user proves the PIN for one use of a key with ALWAYS_AUTHENTICATE (PKCS#11 3.2
//! sections 4.10 and 5.6.8). Not a login: who is logged in stays so.

use claviger_rules::{Error, Refusal};

use crate::{Result, Session};

impl Session {
    /// C_Login(CKU_CONTEXT_SPECIFIC): lets the operation that waits for it go on. A wrong PIN leaves it waiting; a user
    /// who is locked is logged out, as section 4.10 has it.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED when none waits; CKR_PIN_INCORRECT (counted), CKR_PIN_LOCKED.
    pub(super) fn authenticate(&self, call: &'static str, pin: &[u8], username: &[u8]) -> Result<()> {
        let proven = self.prove(call, pin, username);
        if proven.is_err_and(|refusal| refusal.error == Error::PinLocked) {
            // Somebody else may have logged out in between, and then there is nothing left to do.
            let _ = self.token.logout();
        }
        proven
    }

    /// Under the lock of the operations, so that the one that waits is the one that goes on. A logout must wait for it.
    fn prove(&self, call: &'static str, pin: &[u8], username: &[u8]) -> Result<()> {
        let mut operations = self.operations();
        let Some(waiting) = operations.waiting() else { return Err(NOTHING_WAITS) };
        self.token.prove_user(call, pin, username)?;
        waiting.admit();
        Ok(())
    }
}

const NOTHING_WAITS: Refusal =
    Refusal::standard(Error::OperationNotInitialized, "no operation waits for its user to prove the PIN again");
