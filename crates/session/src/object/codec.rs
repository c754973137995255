//! The bytes of an object inside its sealed record (`docs/FORMAT.md`).

use claviger_crypto::Secret;
use claviger_rules::Object;

use super::view::UNREADABLE;
use crate::Result;

/// The record of `object`.
///
/// # Errors
/// CKR_DEVICE_ERROR when it cannot be encoded, which no object makes happen.
pub(crate) fn encode(object: &Object) -> Result<Secret> {
    // Measured first: a buffer that grows would leave copies of the key behind.
    let len = postcard::experimental::serialized_size(object).map_err(|_| UNREADABLE)?;
    let mut record = Secret::zeroed(len);
    postcard::to_slice(object, record.expose_mut()).map_err(|_| UNREADABLE)?;
    Ok(record)
}

/// The object in a record.
///
/// # Errors
/// CKR_DEVICE_ERROR for bytes that are no object.
pub(crate) fn decode(record: &[u8]) -> Result<Object> {
    postcard::from_bytes(record).map_err(|_| UNREADABLE)
}
