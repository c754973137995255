//! The wall between the caller's memory and safe code: every pointer of the C interface is read and written here, and
//! nowhere else. Not what is done with the values.
//!
//! Caller memory may be null, unaligned, overlapping or shorter than said (PKCS#11 3.2 sections 2.1 and 5.2). What can
//! be told is refused with CKR_ARGUMENTS_BAD: null where something is needed, lengths that no object in memory has. A
//! lie within those limits cannot be told, and is the caller's. So:
//!
//! * a shape is made of bare pointers, and looks at them only when a method is called: the session comes first;
//! * structures are read unaligned, once, into owned values; what they point to is copied;
//! * bytes are borrowed only where nothing is written meanwhile; an input that overlaps its output is copied first, into
//!   memory that is wiped;
//! * output is written last.
#![allow(unsafe_code)]

mod attributes;
mod bytes;
mod mechanism;
mod place;

use core::slice;

use claviger_rules::{Error, Refusal};
use cryptoki_sys::CK_ULONG;
use zeroize::Zeroizing;

use crate::Result;

pub(crate) use attributes::{Attributes, Wanted};
pub(crate) use bytes::{Copied, Fill, In, InOut, Out};
pub(crate) use mechanism::Mechanism;
pub(crate) use place::{Found, Given, InitializeArgs, Label, List, Name, Place};

// The attribute table speaks of numbers of eight bytes.
const _: () = assert!(size_of::<CK_ULONG>() == 8);

/// Whether the program runs with more rights than its user has (setuid and the like). Its environment is then another's
/// and must not say where files are written.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: `getauxval` takes any number and touches no memory of ours.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}

/// CKR_ARGUMENTS_BAD.
fn bad(reason: &'static str) -> Refusal {
    Refusal::standard(Error::ArgumentsBad, reason)
}

/// The number of bytes at `start`.
///
/// # Errors
/// CKR_ARGUMENTS_BAD when no memory at `start` can have that length.
fn extent(start: *const u8, len: CK_ULONG) -> Result<usize> {
    let len = usize::try_from(len).map_err(|_| bad("the length is absurd"))?;
    if isize::try_from(len).is_err() || start.addr().checked_add(len).is_none() {
        return Err(bad("the length is absurd"));
    }
    if start.is_null() && len > 0 {
        return Err(bad("a pointer is null"));
    }
    Ok(len)
}

/// The `len` bytes at `start`; null with length 0 is empty.
///
/// # Errors
/// As [`extent`].
///
/// # Safety
/// `start` is null or valid for reads of `len` bytes during `'a`, and nothing writes there meanwhile.
unsafe fn view<'a>(start: *const u8, len: CK_ULONG) -> Result<&'a [u8]> {
    match extent(start, len)? {
        0 => Ok(&[]),
        // SAFETY: not null, not longer than `isize::MAX`, and readable by contract.
        len => Ok(unsafe { slice::from_raw_parts(start, len) }),
    }
}

/// An owned, wiped copy.
///
/// # Errors
/// CKR_HOST_MEMORY.
fn copy(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut copy = Zeroizing::new(Vec::new());
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| Refusal::standard(Error::HostMemory, "there is not enough memory for a copy of the input"))?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// A length as the caller's type.
fn ulong(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX)
}

#[cfg(test)]
mod tests;
