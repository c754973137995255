//! The shapes of algorithms: one small trait per shape.
//!
//! One-shot calls write into the caller's buffer and allocate nothing. Streams are for multi-part
//! operations. Every length is in bytes unless its name says otherwise.

use std::sync::Arc;

use rand_core::CryptoRng;

use crate::{Key, Params, Result, Secret};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, FIPS 180-4.
    Sha1,
    /// SHA-224, FIPS 180-4.
    Sha224,
    /// SHA-256, FIPS 180-4.
    Sha256,
    /// SHA-384, FIPS 180-4.
    Sha384,
    /// SHA-512, FIPS 180-4.
    Sha512,
}

impl Hash {
    /// Every hash, in order.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];
}

/// A digest: message in, fixed length out.
#[expect(clippy::len_without_is_empty, reason = "no digest is empty")]
pub trait Digest: Sync {
    /// The digest's length.
    fn len(&self) -> usize;
    /// Digests `message` into the first [`Digest::len`] bytes of `out`.
    fn digest(&self, message: &[u8], out: &mut [u8]);
    /// Begins a multi-part digest.
    fn stream(&self) -> Box<dyn DigestStream>;
}

/// A multi-part digest.
pub trait DigestStream: Send {
    /// Adds `part`.
    fn update(&mut self, part: &[u8]);
    /// Writes the digest of all parts into `out`. Called once.
    fn finish(&mut self, out: &mut [u8]);
}

/// Signatures and MACs: with a private or secret key make one, with a public or secret key check one.
pub trait Sign: Sync {
    /// Whether `key` and `params` fit; what `C_SignInit` and `C_VerifyInit` must refuse, this refuses.
    fn check(&self, key: &Key, params: &Params) -> Result<()>;
    /// The exact length of a signature by `key`.
    fn signature_len(&self, key: &Key, params: &Params) -> Result<usize>;
    /// Signs `message` into `out` (at least [`Sign::signature_len`] bytes), returns the length.
    fn sign(
        &self,
        key: &Key,
        params: &Params,
        message: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize>;
    /// Checks `signature` over `message`.
    fn verify(&self, key: &Key, params: &Params, message: &[u8], signature: &[u8]) -> Result<()>;
    /// Begins a multi-part operation; `None` when the algorithm is single-part only.
    fn stream(&self, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn SignStream>>>;
}

/// A multi-part signature, MAC or verification.
pub trait SignStream: Send {
    /// Adds `part`.
    fn update(&mut self, part: &[u8]) -> Result<()>;
    /// The exact length of the signature.
    fn signature_len(&self) -> usize;
    /// Writes the signature of all parts into `out`, returns the length. Called once.
    fn sign(&mut self, out: &mut [u8], random: &mut dyn CryptoRng) -> Result<usize>;
    /// Checks `signature` over all parts. Called once.
    fn verify(&mut self, signature: &[u8]) -> Result<()>;
}

/// Encryption or decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

/// Encryption and decryption.
pub trait Cipher: Sync {
    /// Whether `key` and `params` fit; what `C_EncryptInit` and `C_DecryptInit` must refuse, this refuses.
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()>;
    /// An upper bound of the output for `input_len` bytes of input; exact but for padded plaintext.
    fn output_len(&self, direction: Direction, key: &Key, params: &Params, input_len: usize) -> Result<usize>;
    /// Whether [`Cipher::output_len`] is exact in `direction`.
    fn exact(&self, direction: Direction) -> bool;
    /// Encrypts `plaintext` into `out` (at least [`Cipher::output_len`] bytes), returns the length.
    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize>;
    /// Decrypts `ciphertext` into `out` (at least [`Cipher::output_len`] bytes), returns the length.
    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize>;
    /// Begins a multi-part operation; `None` when the algorithm is single-part only.
    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>>;
}

/// A multi-part encryption or decryption.
pub trait CipherStream: Send {
    /// The exact number of bytes that [`CipherStream::update`] will write for `part_len` more bytes.
    fn update_len(&self, part_len: usize) -> usize;
    /// Adds `part`, writes what is ready into `out`, returns the length.
    fn update(&mut self, part: &[u8], out: &mut [u8]) -> Result<usize>;
    /// An upper bound of what [`CipherStream::finish`] will write; exact but for padded plaintext.
    fn finish_len(&self) -> usize;
    /// Writes the rest into `out`, returns the length. Called once.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
}

/// Key wrapping: encoded key in, blob out, and back.
pub trait Wrap: Sync {
    /// Whether `key` and `params` fit.
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()>;
    /// The exact length of the blob for `payload_len` bytes.
    fn wrapped_len(&self, key: &Key, params: &Params, payload_len: usize) -> Result<usize>;
    /// Wraps `payload` into `out` (at least [`Wrap::wrapped_len`] bytes), returns the length.
    fn wrap(
        &self,
        key: &Key,
        params: &Params,
        payload: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize>;
    /// Opens a blob. Every failure that depends on its content is [`crate::Error::CiphertextInvalid`].
    fn unwrap(&self, key: &Key, params: &Params, wrapped: &[u8]) -> Result<Secret>;
}

/// Key derivation.
pub trait Derive: Sync {
    /// How many bytes `base` and `params` give when nobody says how many are wanted; `None` when somebody must.
    fn natural_len(&self, base: &Key, params: &Params) -> Option<usize>;
    /// Derives `len` bytes from `base`. `len` 0 asks for the algorithm's natural length, where it has one.
    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret>;
}
