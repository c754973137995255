//! Key wrapping: AES key wrap (RFC 3394, RFC 5649), and any cipher over the encoded key.

mod key_wrap;
mod rfc3394;

pub use self::key_wrap::{AES_KW, AES_KWP, KeyWrap};

use rand_core::CryptoRng;

use crate::cipher::block::BLOCK_LEN;
use crate::{Cipher, Direction, Error, Key, Params, Result, Secret, Wrap, cipher};

/// A cipher as a way to wrap keys: the blob is the ciphertext of the encoded key.
pub struct WrapWith {
    cipher: &'static dyn Cipher,
    /// Zeros are added until the encoded key is a multiple of this.
    unit: usize,
}

impl WrapWith {
    /// Wraps with `cipher` what has a length that it takes.
    pub const fn new(cipher: &'static dyn Cipher) -> Self {
        Self { cipher, unit: 1 }
    }

    /// Wraps with a block mode without padding: the encoded key is filled with zeros to whole blocks,
    /// and what comes back is whole blocks too, to be cut by whoever knows the key's length
    /// (PKCS#11 sections 6.13.4 and 6.13.5).
    pub const fn zero_filled(cipher: &'static dyn Cipher) -> Self {
        Self { cipher, unit: BLOCK_LEN }
    }

    fn filled_len(&self, payload_len: usize) -> Result<usize> {
        payload_len.checked_next_multiple_of(self.unit).ok_or(Error::DataLen)
    }
}

/// Wraps with AES-ECB, filled with zeros.
pub static AES_ECB: WrapWith = WrapWith::zero_filled(&cipher::AES_ECB);
/// Wraps with AES-CBC, filled with zeros.
pub static AES_CBC: WrapWith = WrapWith::zero_filled(&cipher::AES_CBC);
/// Wraps with AES-CBC and PKCS #7 padding.
pub static AES_CBC_PAD: WrapWith = WrapWith::new(&cipher::AES_CBC_PAD);
/// Wraps with AES-GCM.
pub static AES_GCM: WrapWith = WrapWith::new(&cipher::AES_GCM);
/// Wraps with RSAES-PKCS1-v1_5.
pub static RSA_PKCS: WrapWith = WrapWith::new(&cipher::RSA_PKCS_EXPLICIT);
/// Wraps with RSAES-OAEP.
pub static RSA_OAEP: WrapWith = WrapWith::new(&cipher::RSA_OAEP);

impl Wrap for WrapWith {
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()> {
        self.cipher.check(direction, key, params)
    }

    fn wrapped_len(&self, key: &Key, params: &Params, payload_len: usize) -> Result<usize> {
        self.cipher.output_len(Direction::Encrypt, key, params, self.filled_len(payload_len)?)
    }

    fn wrap(
        &self,
        key: &Key,
        params: &Params,
        payload: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize> {
        let filled_len = self.filled_len(payload.len())?;
        if filled_len == payload.len() {
            return self.cipher.encrypt(key, params, payload, out, random);
        }
        let mut filled = Secret::zeroed(filled_len);
        crate::buffer::put(filled.expose_mut(), payload)?;
        self.cipher.encrypt(key, params, filled.expose(), out, random)
    }

    fn unwrap(&self, key: &Key, params: &Params, wrapped: &[u8]) -> Result<Secret> {
        let mut payload = Secret::zeroed(self.cipher.output_len(Direction::Decrypt, key, params, wrapped.len())?);
        let len = self.cipher.decrypt(key, params, wrapped, payload.expose_mut())?;
        payload.truncate(len);
        Ok(payload)
    }
}
