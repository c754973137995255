//! The bytes of an object inside its sealed record (`docs/FORMAT.md`).

use claviger_crypto::Secret;
use claviger_rules::{AttributeType, Object, Template};
use claviger_store::{Change, ObjectId};

use super::view::UNREADABLE;
use crate::Result;

/// What token objects are found by without a look at each: the attributes by which applications name them.
const NAMES: [AttributeType; 2] = [AttributeType::LABEL, AttributeType::ID];

/// `object` as a new token object.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(crate) fn create(object: &Object) -> Result<Change> {
    let private = object.flag(AttributeType::PRIVATE);
    Ok(Change::Create { private, body: encode(object)?, terms: terms(&object.attributes) })
}

/// `object` in place of what stands under `id` at the version `expected`.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(crate) fn replace(id: ObjectId, expected: u64, object: &Object) -> Result<Change> {
    Ok(Change::Replace { id, expected, body: encode(object)?, terms: terms(&object.attributes) })
}

/// The names among these attributes. An empty one is none: it would lead to too many.
pub(super) fn terms(attributes: &Template) -> Vec<Vec<u8>> {
    let named =
        |name: &AttributeType| attributes.bytes(*name).filter(|value| !value.is_empty()).map(|value| (*name, value));
    let term = |(name, value): (AttributeType, &[u8])| [name.0.to_be_bytes().as_slice(), value].concat();
    NAMES.iter().filter_map(named).map(term).collect()
}

/// The record of `object`.
///
/// # Errors
/// CKR_DEVICE_ERROR when it cannot be encoded, which no object makes happen.
pub(super) fn encode(object: &Object) -> Result<Secret> {
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
