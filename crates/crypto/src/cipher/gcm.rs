//! AES-GCM, NIST SP 800-38D.
//!
//! The common case, a 96-bit IV and a 128-bit tag, runs on ring, with a 192-bit key on aws-lc; other
//! lengths of either run on [`super::gcm_any`]. Ciphertext carries its tag behind it. A stream holds
//! its input until the end, so that no plaintext leaves before its tag has been checked.

use std::sync::Arc;

use aws_lc_rs::aead as aws_lc;
use rand_core::CryptoRng;
use ring::aead as ring_aead;
use zeroize::Zeroize as _;

use super::gcm_any;
use crate::buffer::front;
use crate::{Cipher, CipherStream, Direction, Error, GcmParams, Key, Params, Result, Secret};

/// AES-GCM.
pub struct Gcm(());

/// AES-GCM with any IV of 1 to 256 bytes and any tag of 0 to 16 whole bytes.
pub static AES_GCM: Gcm = Gcm(());

const MAX_IV_LEN: usize = 256;
const COMMON_IV_LEN: usize = 12;
pub(super) const MAX_TAG_LEN: usize = 16;
/// The longest tag in bits. SP 800-38D, section 5.2.1.2, knows seven lengths; PKCS#11 3.2, section 6.13.3, takes any
/// from 0 to 128, and who may ask for a short one is for the rules to say (R10), not for the cipher.
const MAX_TAG_BITS: u32 = 128;
/// The longest plaintext in bytes: 2^39 - 256 bits (section 5.2.1.1).
const MAX_DATA_LEN: u64 = (1 << 36) - 32;

/// A key prepared for the common case.
pub(crate) enum GcmKey {
    Ring(Box<ring_aead::LessSafeKey>),
    AwsLc(aws_lc::LessSafeKey),
}

impl GcmKey {
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        let ring = |algorithm| {
            let key = ring_aead::UnboundKey::new(algorithm, key).map_err(|_| Error::KeySize)?;
            Ok(Self::Ring(Box::new(ring_aead::LessSafeKey::new(key))))
        };
        match key.len() {
            16 => ring(&ring_aead::AES_128_GCM),
            32 => ring(&ring_aead::AES_256_GCM),
            _ => {
                let key = aws_lc::UnboundKey::new(&aws_lc::AES_192_GCM, key).map_err(|_| Error::KeySize)?;
                Ok(Self::AwsLc(aws_lc::LessSafeKey::new(key)))
            }
        }
    }

    /// Encrypts `data` in place, returns the tag.
    fn seal(&self, iv: [u8; COMMON_IV_LEN], aad: &[u8], data: &mut [u8]) -> Result<[u8; MAX_TAG_LEN]> {
        let tag = match self {
            Self::Ring(key) => {
                let nonce = ring_aead::Nonce::assume_unique_for_key(iv);
                let tag = key.seal_in_place_separate_tag(nonce, ring_aead::Aad::from(aad), data);
                tag.map_err(|_| Error::DataLen)?.as_ref().try_into()
            }
            Self::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(iv);
                let tag = key.seal_in_place_separate_tag(nonce, aws_lc::Aad::from(aad), data);
                tag.map_err(|_| Error::DataLen)?.as_ref().try_into()
            }
        };
        tag.map_err(|_| Error::Internal)
    }

    /// Decrypts `ciphertext` into `out` of the same length.
    fn open(
        &self,
        iv: [u8; COMMON_IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; MAX_TAG_LEN],
        out: &mut [u8],
    ) -> Result<()> {
        match self {
            Self::Ring(key) => {
                out.copy_from_slice(ciphertext);
                let nonce = ring_aead::Nonce::assume_unique_for_key(iv);
                key.open_in_place_separate_tag(nonce, ring_aead::Aad::from(aad), (*tag).into(), out, 0..)
                    .map(drop)
                    .map_err(|_| Error::CiphertextInvalid)
            }
            Self::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(iv);
                key.open_separate_gather(nonce, aws_lc::Aad::from(aad), ciphertext, tag, out)
                    .map_err(|_| Error::CiphertextInvalid)
            }
        }
    }
}

/// The parameters, after a check of their lengths.
fn gcm_params(params: &Params) -> Result<&GcmParams> {
    let Params::Gcm(params) = params else { return Err(Error::Params) };
    let iv_fits = (1..=MAX_IV_LEN).contains(&params.iv.len());
    let tag_fits = params.tag_bits <= MAX_TAG_BITS && params.tag_bits.is_multiple_of(8);
    if iv_fits && tag_fits { Ok(params) } else { Err(Error::Params) }
}

impl GcmParams {
    /// The tag's length in bytes, [`MAX_TAG_LEN`] at most.
    fn tag_len(&self) -> Result<usize> {
        usize::try_from(self.tag_bits / 8).map_err(|_| Error::Params)
    }
}

fn fits(data_len: usize) -> bool {
    u64::try_from(data_len).is_ok_and(|len| len <= MAX_DATA_LEN)
}

fn output_len(direction: Direction, params: &GcmParams, input_len: usize) -> Result<usize> {
    let tag_len = params.tag_len()?;
    match direction {
        Direction::Encrypt if !fits(input_len) => Err(Error::DataLen),
        Direction::Encrypt => input_len.checked_add(tag_len).ok_or(Error::DataLen),
        Direction::Decrypt => {
            let len = input_len.checked_sub(tag_len).ok_or(Error::CiphertextLen)?;
            if fits(len) { Ok(len) } else { Err(Error::CiphertextLen) }
        }
    }
}

fn encrypt(key: &Key, params: &GcmParams, plaintext: &[u8], out: &mut [u8]) -> Result<usize> {
    let len = output_len(Direction::Encrypt, params, plaintext.len())?;
    let (data, tag_out) = front(out, len)?.split_at_mut(plaintext.len());
    data.copy_from_slice(plaintext);
    let key = key.as_secret()?;
    let tag = match <[u8; COMMON_IV_LEN]>::try_from(params.iv.as_slice()) {
        Ok(iv) => key.gcm()?.seal(iv, &params.aad, data)?,
        Err(_) => gcm_any::seal(key.aes()?, &params.iv, &params.aad, data),
    };
    tag_out.copy_from_slice(tag.get(..tag_out.len()).ok_or(Error::Internal)?);
    Ok(len)
}

fn decrypt(key: &Key, params: &GcmParams, input: &[u8], out: &mut [u8]) -> Result<usize> {
    let len = output_len(Direction::Decrypt, params, input.len())?;
    let (ciphertext, tag) = input.split_at_checked(len).ok_or(Error::CiphertextLen)?;
    let out = front(out, len)?;
    let key = key.as_secret()?;
    let common = <[u8; COMMON_IV_LEN]>::try_from(params.iv.as_slice()).ok().zip(tag.try_into().ok());
    let opened = match common {
        Some((iv, tag)) => key.gcm()?.open(iv, &params.aad, ciphertext, tag, out),
        None => gcm_any::open(key.aes()?, &params.iv, &params.aad, ciphertext, tag, out),
    };
    if let Err(error) = opened {
        out.zeroize();
        return Err(error);
    }
    Ok(len)
}

impl Cipher for Gcm {
    fn check(&self, _: Direction, key: &Key, params: &Params) -> Result<()> {
        key.as_secret()?.aes()?;
        gcm_params(params).map(drop)
    }

    fn output_len(&self, direction: Direction, _: &Key, params: &Params, input_len: usize) -> Result<usize> {
        output_len(direction, gcm_params(params)?, input_len)
    }

    fn exact(&self, _: Direction) -> bool {
        true
    }

    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        _: &mut dyn CryptoRng,
    ) -> Result<usize> {
        encrypt(key, gcm_params(params)?, plaintext, out)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        decrypt(key, gcm_params(params)?, ciphertext, out)
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        let params = gcm_params(params)?.clone();
        Ok(Some(Box::new(GcmStream { direction, key: Arc::clone(key), params, input: Secret::default() })))
    }
}

/// A multi-part operation: everything happens at the end.
struct GcmStream {
    direction: Direction,
    key: Arc<Key>,
    params: GcmParams,
    input: Secret,
}

impl CipherStream for GcmStream {
    fn update_len(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, part: &[u8], _: &mut [u8]) -> Result<usize> {
        let total = self.input.len().saturating_add(part.len());
        if !fits(total.saturating_sub(MAX_TAG_LEN)) {
            return Err(super::blockwise::bad_len(self.direction));
        }
        self.input.append(part);
        Ok(0)
    }

    /// 0 where the input is too short to decrypt; [`CipherStream::finish`] then says so.
    fn finish_len(&self) -> usize {
        output_len(self.direction, &self.params, self.input.len()).unwrap_or(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        match self.direction {
            Direction::Encrypt => encrypt(&self.key, &self.params, self.input.expose(), out),
            Direction::Decrypt => decrypt(&self.key, &self.params, self.input.expose(), out),
        }
    }
}
