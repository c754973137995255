//! Sealing of records: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, on ring.
//!
//! A sealed record is nonce, ciphertext, tag. What binds a record to its place goes into `aad`.
//! A random nonce is safe for up to 2^32 records under one key (SP 800-38D, section 8.3).

use rand_core::CryptoRng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{Error, Result, Secret};

/// The length of the nonce in front.
const NONCE_LEN: usize = 12;
/// The length of the tag behind.
const TAG_LEN: usize = 16;
/// By how much a sealed record is longer than its plaintext.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// A key that seals and opens records.
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// A key of exactly 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeySize`].
    pub fn new(key: &Secret) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::KeySize)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals `plaintext`: [`OVERHEAD`] bytes longer.
    ///
    /// # Errors
    /// [`Error::DataLen`] above the 64 GiB of GCM.
    pub fn seal(&self, random: &mut dyn CryptoRng, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random.fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let body = sealed.get_mut(NONCE_LEN..).ok_or(Error::Internal)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), body).map_err(|_| Error::DataLen)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens a sealed record.
    ///
    /// # Errors
    /// [`Error::CiphertextLen`] when it is too short to be one, [`Error::CiphertextInvalid`] when
    /// key, `aad` or a bit of it is another.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::CiphertextLen)?;
        let (ciphertext, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(Error::CiphertextLen)?;
        let mut plaintext = Secret::copy_of(ciphertext);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), plaintext.expose_mut(), 0..)
            .map_err(|_| Error::CiphertextInvalid)?;
        Ok(plaintext)
    }
}
