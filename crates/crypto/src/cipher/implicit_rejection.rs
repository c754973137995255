//! Implicit rejection for RSAES-PKCS1-v1_5: draft-irtf-cfrg-rsa-guidance-10, section 7.
//!
//! A ciphertext whose padding is wrong decrypts to a message that only key and ciphertext determine,
//! so that nobody can ask whether a padding was right (Bleichenbacher 1998; Bardou et al. 2012). The
//! message is always computed and the choice is made byte by byte. What remains is what aws-lc's own
//! last step shows: it copies the message out, or leaves an error behind, some nanoseconds apart.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeGreater as _};

use super::rsa::OVERHEAD;
use crate::buffer::{front, put};
use crate::{Digest as _, Error, Result, Secret, digest};

const HASH_LEN: usize = 32;

/// What a ciphertext decrypts to when its padding is wrong: the last `len` bytes of `bytes`.
struct Alternative {
    bytes: Secret,
    len: u16,
}

/// Writes the message of `padded`, the outcome of decryption, or else the alternative one, into `out`.
/// `ciphertext` is as long as the modulus.
pub(super) fn select(
    private_exponent: &Secret,
    ciphertext: &[u8],
    message: Option<&[u8]>,
    out: &mut [u8],
) -> Result<usize> {
    let alternative = Alternative::derive(private_exponent, ciphertext)?;
    let k = ciphertext.len();
    let wrong = Choice::from(u8::from(message.is_none()));
    let message = message.unwrap_or_default();
    let len = u16::try_from(message.len()).map_err(|_| Error::Internal)?;
    let len = u16::conditional_select(&len, &alternative.len, wrong);
    let mut selected = Secret::zeroed(k);
    let start = k.checked_sub(message.len()).ok_or(Error::Internal)?;
    put(selected.expose_mut().get_mut(start..).ok_or(Error::Internal)?, message)?;
    for (byte, other) in selected.expose_mut().iter_mut().zip(alternative.bytes.expose()) {
        byte.conditional_assign(other, wrong);
    }
    let start = k.checked_sub(usize::from(len)).ok_or(Error::Internal)?;
    put(out, selected.expose().get(start..).ok_or(Error::Internal)?)
}

impl Alternative {
    /// Section 7.2, step 3.
    fn derive(private_exponent: &Secret, ciphertext: &[u8]) -> Result<Self> {
        let key = derivation_key(private_exponent, ciphertext)?;
        let candidates = expand(&key, b"length", 256)?;
        let max_len = ciphertext.len().checked_sub(OVERHEAD).ok_or(Error::CiphertextLen)?;
        let max_len = u16::try_from(max_len).map_err(|_| Error::KeySize)?;
        let bytes = expand(&key, b"message", ciphertext.len())?;
        Ok(Self { bytes, len: last_fitting(candidates.expose(), max_len) })
    }
}

/// Step 3.1: HMAC(SHA-256(d), ciphertext), d as long as the modulus.
fn derivation_key(private_exponent: &Secret, ciphertext: &[u8]) -> Result<Key> {
    let mut exponent = Secret::zeroed(ciphertext.len());
    let start = ciphertext.len().checked_sub(private_exponent.len()).ok_or(Error::Internal)?;
    put(exponent.expose_mut().get_mut(start..).ok_or(Error::Internal)?, private_exponent.expose())?;
    let mut hashed = Secret::zeroed(HASH_LEN);
    digest::SHA256.digest(exponent.expose(), hashed.expose_mut());
    let tag = Secret::copy_of(sign(&Key::new(HMAC_SHA256, hashed.expose()), ciphertext).as_ref());
    Ok(Key::new(HMAC_SHA256, tag.expose()))
}

/// Section 7.1: IRPRF, `len` bytes under `label`.
fn expand(key: &Key, label: &[u8], len: usize) -> Result<Secret> {
    let bits = len.checked_mul(8).and_then(|bits| u16::try_from(bits).ok()).ok_or(Error::KeySize)?;
    let mut bytes = Secret::zeroed(len);
    for (counter, chunk) in (0_u16..).zip(bytes.expose_mut().chunks_mut(HASH_LEN)) {
        let block = sign(key, &[&counter.to_be_bytes(), label, &bits.to_be_bytes()].concat());
        let chunk_len = chunk.len();
        front(chunk, chunk_len)?.copy_from_slice(block.as_ref().get(..chunk_len).ok_or(Error::Internal)?);
    }
    Ok(bytes)
}

/// Step 3.3: the last of the candidates, cut to the bits of `max_len`, that is not above it, or 0.
fn last_fitting(candidates: &[u8], max_len: u16) -> u16 {
    let mask = u16::MAX.checked_shr(max_len.leading_zeros()).unwrap_or(0);
    let (candidates, _) = candidates.as_chunks();
    candidates.iter().fold(0, |last, &candidate| {
        let candidate = u16::from_be_bytes(candidate) & mask;
        u16::conditional_select(&last, &candidate, !candidate.ct_gt(&max_len))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_candidate_that_fits_is_taken() {
        let mut candidates = [0xff; 256];
        candidates[..2].copy_from_slice(&5_u16.to_be_bytes());
        assert_eq!(last_fitting(&candidates, 20), 5);
        candidates[252..254].copy_from_slice(&20_u16.to_be_bytes());
        assert_eq!(last_fitting(&candidates, 20), 20);
        candidates[252..254].copy_from_slice(&(20_u16 | 1 << 5).to_be_bytes());
        assert_eq!(last_fitting(&candidates, 20), 20, "bits above those of the limit do not count");
        assert_eq!(last_fitting(&[0xff; 256], 20), 0);
        assert_eq!(last_fitting(&[0xff; 256], 0), 0);
    }
}
