//! The C functions, a module for each chapter of section 5 of the standard and a few lines for each function. Not their
//! work, which is `claviger-session`'s.
//!
//! The order inside a call is always the same: is the library initialised, is there such a session, are the arguments
//! good, and then the session's own method.
#![forbid(unsafe_code)]

pub(crate) mod decrypt;
pub(crate) mod digest;
pub(crate) mod encrypt;
pub(crate) mod general;
pub(crate) mod keys;
pub(crate) mod object;
pub(crate) mod random;
pub(crate) mod session;
pub(crate) mod sign;
pub(crate) mod slot;
pub(crate) mod verify;

use claviger_rules::mechanism::Usage;
use claviger_session::{MechanismCall, Session};

use crate::Result;
use crate::marshal::Mechanism;

/// C_*Init of an operation: with no mechanism, it ends the operation of its kind (since 3.0).
fn init(
    session: &Session,
    usage: Usage,
    mechanism: &Mechanism<'_>,
    begin: impl FnOnce(MechanismCall) -> Result<()>,
) -> Result<()> {
    if mechanism.is_null() { session.cancel(usage) } else { begin(mechanism.parse(usage)?) }
}

/// The arguments of a call that goes on with an operation. Bad arguments end the operation like any other error but
/// CKR_BUFFER_TOO_SMALL.
fn going_on<T>(session: &Session, usage: Usage, arguments: Result<T>) -> Result<T> {
    arguments.inspect_err(|_| {
        // What is refused is refused for the arguments, whether there was an operation to end or not.
        let _ended = session.cancel(usage);
    })
}
