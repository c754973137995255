//! Bytes that are wiped when dropped.

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Secret bytes: wiped on drop, never printed, never cloned by accident, compared in constant time.
#[derive(Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `bytes`; they are wiped when this drops.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// `len` zero bytes, to be filled through [`Secret::expose_mut`].
    pub fn zeroed(len: usize) -> Self {
        Self::new(vec![0; len])
    }

    /// Copies `bytes` into an allocation of exactly their length.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes. Call as late as possible.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be written in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Adds `bytes` at the end. When the allocation must grow, the old one is wiped.
    pub fn append(&mut self, bytes: &[u8]) {
        let len = self.len().saturating_add(bytes.len());
        if len > self.0.capacity() {
            let mut grown = Vec::with_capacity(len.max(self.0.capacity().saturating_mul(2)));
            grown.extend_from_slice(&self.0);
            *self = Self::new(grown);
        }
        self.0.extend_from_slice(bytes);
    }

    /// Keeps the first `len` bytes and wipes the rest.
    pub fn truncate(&mut self, len: usize) {
        if let Some(rest) = self.0.get_mut(len..) {
            rest.zeroize();
            self.0.truncate(len);
        }
    }

    /// Another copy, asked for by name.
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }

    /// Whether both hold the same bytes, in time that depends on the lengths alone.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}
