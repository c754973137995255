//! The front of a caller's output buffer.

use crate::{Error, Result};

/// The first `len` bytes of `out`; one that is too short is the caller's mistake.
pub(crate) fn front(out: &mut [u8], len: usize) -> Result<&mut [u8]> {
    out.get_mut(..len).ok_or(Error::Internal)
}

/// Copies `bytes` to the front of `out`, returns their length.
pub(crate) fn put(out: &mut [u8], bytes: &[u8]) -> Result<usize> {
    front(out, bytes.len())?.copy_from_slice(bytes);
    Ok(bytes.len())
}
