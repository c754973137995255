//! RSAES-PKCS1-v1_5, RFC 8017 section 7.2, on aws-lc.
//!
//! aws-lc checks the padding in constant time, but that it was wrong is reported, as PKCS#11 asks;
//! whoever may decrypt chosen ciphertexts has Bleichenbacher's oracle. [`super::RSA_OAEP`] has none.

use std::sync::Arc;

use rand_core::CryptoRng;

use crate::buffer::{front, put};
use crate::key::{RsaPrivate, RsaPublic};
use crate::{Cipher, CipherStream, Direction, Error, Key, KeyKind, Params, Result, Secret};

/// RSAES-PKCS1-v1_5.
pub struct Pkcs1(());

/// RSAES-PKCS1-v1_5: up to k - 11 bytes under a modulus of k bytes.
pub static RSA_PKCS: Pkcs1 = Pkcs1(());

/// The least that the padding adds.
const OVERHEAD: usize = 11;

/// Refuses a key that is not the half that `direction` needs, and returns its public half.
pub(super) fn check_key(direction: Direction, key: &Key) -> Result<&RsaPublic> {
    match (direction, key.kind()) {
        (Direction::Encrypt, KeyKind::RsaPublic) | (Direction::Decrypt, KeyKind::RsaPrivate) => key.as_rsa_public(),
        _ => Err(Error::KeyType),
    }
}

/// An upper bound of the output where the padding adds `overhead` at least.
pub(super) fn output_len(direction: Direction, key: &Key, overhead: usize, input_len: usize) -> Result<usize> {
    let len = check_key(direction, key)?.len();
    let room = len.checked_sub(overhead).ok_or(Error::KeySize)?;
    match direction {
        Direction::Encrypt if input_len > room => Err(Error::DataLen),
        Direction::Encrypt => Ok(len),
        Direction::Decrypt if input_len != len => Err(Error::CiphertextLen),
        Direction::Decrypt => Ok(room),
    }
}

/// Runs a decryption of aws-lc, which wants room for a whole modulus, and copies what it yields.
pub(super) fn decrypt_into(
    key: &RsaPrivate,
    out: &mut [u8],
    decrypt: impl FnOnce(&mut [u8]) -> core::result::Result<usize, aws_lc_rs::error::Unspecified>,
) -> Result<usize> {
    let mut whole = Secret::zeroed(key.public.len());
    let len = decrypt(whole.expose_mut()).map_err(|_| Error::CiphertextInvalid)?;
    put(out, whole.expose().get(..len).ok_or(Error::Internal)?)
}

impl Cipher for Pkcs1 {
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()> {
        check_key(direction, key)?;
        match params {
            Params::None => Ok(()),
            _ => Err(Error::Params),
        }
    }

    fn output_len(&self, direction: Direction, key: &Key, _: &Params, input_len: usize) -> Result<usize> {
        output_len(direction, key, OVERHEAD, input_len)
    }

    fn exact(&self, direction: Direction) -> bool {
        direction == Direction::Encrypt
    }

    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        _: &mut dyn CryptoRng,
    ) -> Result<usize> {
        self.check(Direction::Encrypt, key, params)?;
        let len = self.output_len(Direction::Encrypt, key, params, plaintext.len())?;
        let encrypting = key.as_rsa_public()?.encrypting()?;
        encrypting.pkcs1.encrypt(plaintext, front(out, len)?).map_err(|_| Error::Internal)?;
        Ok(len)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(Direction::Decrypt, key, params)?;
        self.output_len(Direction::Decrypt, key, params, ciphertext.len())?;
        let key = key.as_rsa_private()?;
        let decrypting = key.decrypting()?;
        decrypt_into(key, out, |whole| decrypting.pkcs1.decrypt(ciphertext, whole).map(|plaintext| plaintext.len()))
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        Ok(None)
    }
}
