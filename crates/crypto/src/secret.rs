//! Bytes that are wiped when dropped.

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

/// Secret bytes: wiped on drop, never printed, never cloned by accident, compared in constant time.
#[derive(Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl ZeroizeOnDrop for Secret {}

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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::marker::PhantomData;

    use super::*;
    use crate::{EcParts, Key, Params, RsaParts};

    /// Safe code cannot look at freed memory, so this asks the types for their promise: that the
    /// bytes, the AES schedules and the RSA parts below are wiped is `zeroize`'s, `aes`'s and
    /// `rsa`'s to keep. aws-lc wipes what it frees; ring wipes nothing.
    #[test]
    fn what_holds_secrets_promises_to_wipe_them() {
        fn promises<T: ZeroizeOnDrop>() {}
        promises::<Zeroizing<Vec<u8>>>();
        promises::<Secret>();
        promises::<aes::Aes128>();
        promises::<aes::Aes192>();
        promises::<aes::Aes256>();
        promises::<rsa::PrivateKey>();
    }

    /// An inherent constant wins over a trait's, so `DEBUG` and its like are true only where the bound holds.
    struct Probe<T>(PhantomData<T>);
    trait Otherwise {
        const DEBUG: bool = false;
        const CLONE: bool = false;
        const EQ: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: Debug> Probe<T> {
        const DEBUG: bool = true;
    }
    impl<T: Clone> Probe<T> {
        const CLONE: bool = true;
    }
    impl<T: PartialEq> Probe<T> {
        const EQ: bool = true;
    }

    #[test]
    fn secrets_are_never_printed_copied_by_accident_or_compared_in_variable_time() {
        const { assert!(Probe::<u8>::DEBUG && Probe::<u8>::CLONE && Probe::<u8>::EQ) };
        const { assert!(!Probe::<Secret>::DEBUG && !Probe::<Secret>::CLONE && !Probe::<Secret>::EQ) };
        const { assert!(!Probe::<Key>::DEBUG && !Probe::<Key>::CLONE && !Probe::<Key>::EQ) };
        const { assert!(!Probe::<RsaParts>::DEBUG && !Probe::<RsaParts>::CLONE && !Probe::<RsaParts>::EQ) };
        const { assert!(!Probe::<EcParts>::DEBUG && !Probe::<EcParts>::CLONE && !Probe::<EcParts>::EQ) };
        const { assert!(!Probe::<Params>::DEBUG && !Probe::<Params>::EQ) };
    }

    #[test]
    fn appending_keeps_what_was_there() {
        let mut secret = Secret::default();
        for byte in 0..=255 {
            secret.append(&[byte]);
        }
        assert!(secret.ct_eq(&(0..=255).collect::<Vec<u8>>()));
    }

    #[test]
    fn truncating_keeps_the_front_and_never_grows() {
        let mut secret = Secret::copy_of(b"front and rest");
        secret.truncate(5);
        assert!(secret.ct_eq(b"front"));
        secret.truncate(100);
        assert!(secret.ct_eq(b"front"));
    }

    #[test]
    fn secrets_of_other_length_or_content_differ() {
        let secret = Secret::copy_of(b"abc");
        assert!(secret.ct_eq(b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(!secret.ct_eq(other));
        }
    }
}
