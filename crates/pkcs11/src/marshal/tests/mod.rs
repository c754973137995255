//! Hostile memory at the border, shape by shape. The shapes of one file of `marshal` are in the file of that name.

mod attributes;
mod bytes;
mod mechanism;
mod place;

use core::cell::Cell;

use claviger_rules::Error;
use cryptoki_sys::CK_ULONG;

use super::Result;
use crate::call::Call;

fn call() -> Call {
    Call { mechanism: Cell::new(None) }
}

fn error<T>(outcome: Result<T>) -> Option<Error> {
    outcome.err().map(|refusal| refusal.error)
}

/// Lengths that nothing in memory has.
const ABSURD: [CK_ULONG; 3] = [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 7];
