//! What surrounds every call: the panic guard, the trace line, the CKR number. Not what the call does.

use core::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use claviger_rules::{Error, Refusal};
use cryptoki_sys::{CK_RV, CK_ULONG, CKR_OK};

use crate::{Result, trace};

/// An argument that a trace line may show, by name.
pub(crate) type Number = Option<(&'static str, CK_ULONG)>;

/// One running call. What `marshal` makes of the caller's pointers borrows it, and so cannot outlive the call.
pub(crate) struct Call {
    /// The mechanism that was asked for.
    pub(crate) mechanism: Cell<Option<CK_ULONG>>,
}

/// Runs one C function: no panic leaves it, and the trace hears of it.
///
/// `numbers` is asked for only when a trace is written.
pub(crate) fn run<const N: usize>(
    function: &'static str,
    numbers: impl FnOnce() -> [Number; N],
    body: impl FnOnce(&Call) -> Result<()>,
) -> CK_RV {
    let call = Call { mechanism: Cell::new(None) };
    let span = trace::begin(function, numbers);
    let before = RUNNING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&call)));
    RUNNING.set(before);
    let outcome = outcome.unwrap_or_else(|_| {
        Err(Refusal::standard(Error::GeneralError, "the call was abandoned because of a defect in the library"))
    });
    if let Some(span) = span {
        span.end(&call, &outcome);
    }
    match outcome {
        Ok(()) => CKR_OK,
        Err(refusal) => refusal.error.code(),
    }
}

/// Whether this thread is inside a call.
pub(crate) fn is_running() -> bool {
    RUNNING.get()
}

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_general_error_and_the_next_call_works() {
        let numbers = || [None; 0];
        assert_eq!(run("C_Test", numbers, |_| panic!("a defect")), Error::GeneralError.code());
        assert_eq!(run("C_Test", numbers, |_| Ok(())), CKR_OK);
    }

    #[test]
    fn a_refusal_becomes_its_number() {
        let refused = run("C_Test", || [None; 0], |_| Err(Error::PinLocked.into()));
        assert_eq!(refused, cryptoki_sys::CKR_PIN_LOCKED);
    }

    #[test]
    fn a_call_is_running_only_inside() {
        run(
            "C_Test",
            || [None; 0],
            |_| {
                assert!(is_running());
                Ok(())
            },
        );
        assert!(!is_running());
    }
}
