//! The AES block cipher (FIPS 197) with a key of any of its three sizes.

use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256};

use crate::{Error, Result};

/// The block's length in bytes.
pub(crate) const BLOCK_LEN: usize = 16;

/// AES under one key; the schedule is wiped on drop.
pub(crate) enum Aes {
    Bits128(Aes128),
    Bits192(Aes192),
    Bits256(Aes256),
}

/// Runs `$body` with `$cipher` bound to the cipher of whatever size `$aes` has.
macro_rules! with_aes {
    ($aes:expr, $cipher:ident => $body:expr) => {
        match $aes {
            $crate::cipher::block::Aes::Bits128($cipher) => $body,
            $crate::cipher::block::Aes::Bits192($cipher) => $body,
            $crate::cipher::block::Aes::Bits256($cipher) => $body,
        }
    };
}
pub(crate) use with_aes;

impl Aes {
    /// [`Error::KeySize`] unless `key` has 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).map(Self::Bits128),
            24 => Aes192::new_from_slice(key).map(Self::Bits192),
            _ => Aes256::new_from_slice(key).map(Self::Bits256),
        }
        .map_err(|_| Error::KeySize)
    }

    /// Encrypts whole blocks in place; bytes after the last whole block stay.
    pub(crate) fn encrypt_blocks(&self, data: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        with_aes!(self, cipher => cipher.encrypt_blocks(blocks));
    }

    /// Decrypts whole blocks in place; bytes after the last whole block stay.
    pub(crate) fn decrypt_blocks(&self, data: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        with_aes!(self, cipher => cipher.decrypt_blocks(blocks));
    }
}
