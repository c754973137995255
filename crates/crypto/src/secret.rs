//! Bytes that are wiped when dropped.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

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

    /// Another copy, asked for by name.
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }

    /// Whether both hold the same bytes, in time that depends on the lengths alone.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}
