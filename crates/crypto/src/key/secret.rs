//! Secret bytes with the forms that AES and HMAC need.

use crate::Secret;

/// A secret key with its prepared forms.
pub(crate) struct SecretKey {
    pub(crate) value: Secret,
}

impl SecretKey {
    pub(super) fn new(value: Secret) -> Self {
        Self { value }
    }
}
