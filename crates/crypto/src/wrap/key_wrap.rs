//! AES key wrap: RFC 3394 (`CKM_AES_KEY_WRAP`) and, with padding, RFC 5649 (`CKM_AES_KEY_WRAP_KWP`).
//!
//! The default initial value runs on `aes-kw`, another one ([`Params::KeyWrapIv`], which `aes-kw`
//! does not take) on [`super::rfc3394`]. PKCS#11 lets both encrypt data too.

use std::sync::Arc;

use aes_kw::{AesKw, AesKwp, InnerInit as _};
use rand_core::CryptoRng;

use super::rfc3394::{SEMIBLOCK, unwrap_with_iv, wrap_with_iv};
use crate::buffer::{front, put};
use crate::cipher::block::with_aes;
use crate::{Cipher, CipherStream, Direction, Error, Key, Params, Result, Secret, Wrap};

/// AES key wrap, with padding or without.
pub struct KeyWrap {
    padded: bool,
}

/// RFC 3394: payloads of whole semiblocks (8 bytes), two at least.
pub static AES_KW: KeyWrap = KeyWrap { padded: false };
/// RFC 5649: payloads of 1 byte to 4 GiB.
pub static AES_KWP: KeyWrap = KeyWrap { padded: true };

impl KeyWrap {
    /// The caller's initial value: 8 bytes, or the 4 before the length with padding.
    fn iv<'a>(&self, params: &'a Params) -> Result<Option<&'a [u8]>> {
        let iv_len = if self.padded { SEMIBLOCK / 2 } else { SEMIBLOCK };
        match params {
            Params::None => Ok(None),
            Params::KeyWrapIv(iv) if iv.len() == iv_len => Ok(Some(iv)),
            _ => Err(Error::Params),
        }
    }

    fn sealed_len(&self, payload_len: usize) -> Result<usize> {
        let fits = if self.padded {
            payload_len > 0 && u32::try_from(payload_len).is_ok()
        } else {
            payload_len >= 2 * SEMIBLOCK && payload_len.is_multiple_of(SEMIBLOCK)
        };
        if !fits {
            return Err(Error::DataLen);
        }
        payload_len.checked_next_multiple_of(SEMIBLOCK).and_then(|len| len.checked_add(SEMIBLOCK)).ok_or(Error::DataLen)
    }

    /// The length of the payload, with padding an upper bound of it.
    fn opened_len(&self, wrapped_len: usize) -> Result<usize> {
        let least = if self.padded { 2 * SEMIBLOCK } else { 3 * SEMIBLOCK };
        let fits = wrapped_len >= least && wrapped_len.is_multiple_of(SEMIBLOCK);
        if fits && (!self.padded || u32::try_from(wrapped_len).is_ok()) {
            Ok(wrapped_len - SEMIBLOCK)
        } else {
            Err(Error::CiphertextLen)
        }
    }

    fn seal(&self, key: &Key, params: &Params, payload: &[u8], out: &mut [u8]) -> Result<usize> {
        let iv = self.iv(params)?;
        let len = self.sealed_len(payload.len())?;
        let out = front(out, len)?;
        let aes = key.as_secret()?.aes()?;
        match iv {
            Some(iv) => wrap_with_iv(aes, iv, payload, out)?,
            None => with_aes!(aes, cipher => {
                let wrapped = if self.padded {
                    AesKwp::inner_init(cipher).wrap_key(payload, out)
                } else {
                    AesKw::inner_init(cipher).wrap_key(payload, out)
                };
                wrapped.map_err(|_| Error::Internal)?;
            }),
        }
        Ok(len)
    }

    fn open(&self, key: &Key, params: &Params, wrapped: &[u8]) -> Result<Secret> {
        let iv = self.iv(params)?;
        let mut payload = Secret::zeroed(self.opened_len(wrapped.len())?);
        let aes = key.as_secret()?.aes()?;
        let buffer = payload.expose_mut();
        let len = match iv {
            Some(iv) => unwrap_with_iv(aes, iv, wrapped, buffer)?,
            None => with_aes!(aes, cipher => {
                let opened = if self.padded {
                    AesKwp::inner_init(cipher).unwrap_key(wrapped, buffer)
                } else {
                    AesKw::inner_init(cipher).unwrap_key(wrapped, buffer)
                };
                opened.map_err(|_| Error::CiphertextInvalid)?.len()
            }),
        };
        payload.truncate(len);
        Ok(payload)
    }

    fn check(&self, key: &Key, params: &Params) -> Result<()> {
        key.as_secret()?.aes()?;
        self.iv(params).map(drop)
    }
}

impl Wrap for KeyWrap {
    fn check(&self, _: Direction, key: &Key, params: &Params) -> Result<()> {
        self.check(key, params)
    }

    fn wrapped_len(&self, _: &Key, _: &Params, payload_len: usize) -> Result<usize> {
        self.sealed_len(payload_len)
    }

    fn wrap(&self, key: &Key, params: &Params, payload: &[u8], out: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        self.seal(key, params, payload, out)
    }

    fn unwrap(&self, key: &Key, params: &Params, wrapped: &[u8]) -> Result<Secret> {
        self.open(key, params, wrapped)
    }
}

impl Cipher for KeyWrap {
    fn check(&self, _: Direction, key: &Key, params: &Params) -> Result<()> {
        self.check(key, params)
    }

    fn output_len(&self, direction: Direction, _: &Key, _: &Params, input_len: usize) -> Result<usize> {
        match direction {
            Direction::Encrypt => self.sealed_len(input_len),
            Direction::Decrypt => self.opened_len(input_len),
        }
    }

    fn exact(&self, direction: Direction) -> bool {
        !self.padded || direction == Direction::Encrypt
    }

    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        _: &mut dyn CryptoRng,
    ) -> Result<usize> {
        self.seal(key, params, plaintext, out)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        put(out, self.open(key, params, ciphertext)?.expose())
    }

    fn stream(&self, _: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(key, params)?;
        Ok(None)
    }
}
