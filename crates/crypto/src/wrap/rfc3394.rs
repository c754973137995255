//! The wrapping function W of RFC 3394 section 2.2 (NIST SP 800-38F section 6.1) with an initial value
//! of the caller's choice: all 8 bytes, or the first 4 with the payload's length behind (RFC 5649
//! section 3). A test holds it against `aes-kw` at the default values.

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::cipher::block::{Aes, BLOCK_LEN};
use crate::{Error, Result};

/// The unit of key wrap in bytes.
pub(super) const SEMIBLOCK: usize = 8;

type Semiblock = [u8; SEMIBLOCK];

/// Wraps `payload` into `out`, which is the payload rounded up to semiblocks and one more.
pub(super) fn wrap_with_iv(aes: &Aes, iv: &[u8], payload: &[u8], out: &mut [u8]) -> Result<()> {
    let start = initial_value(iv, payload.len())?;
    let (first, rest) = out.split_first_chunk_mut::<SEMIBLOCK>().ok_or(Error::Internal)?;
    rest.fill(0);
    crate::buffer::put(rest, payload)?;
    *first = start;
    if rest.len() == SEMIBLOCK {
        aes.encrypt_blocks(out);
    } else {
        encrypt_rounds(aes, first, rest);
    }
    Ok(())
}

/// Unwraps `wrapped` into `out`, one semiblock shorter, returns the payload's length. What does not
/// open leaves zeros.
pub(super) fn unwrap_with_iv(aes: &Aes, iv: &[u8], wrapped: &[u8], out: &mut [u8]) -> Result<usize> {
    let (first, rest) = wrapped.split_first_chunk::<SEMIBLOCK>().ok_or(Error::CiphertextLen)?;
    crate::buffer::put(out, rest)?;
    let mut first = *first;
    if rest.len() == SEMIBLOCK {
        decrypt_one(aes, &mut first, out);
    } else {
        decrypt_rounds(aes, &mut first, out);
    }
    let opened = payload_len(iv, first, out);
    if opened.is_none() {
        out.zeroize();
    }
    opened.ok_or(Error::CiphertextInvalid)
}

/// The first semiblock before wrapping.
fn initial_value(iv: &[u8], payload_len: usize) -> Result<Semiblock> {
    if let Ok(whole) = iv.try_into() {
        return Ok(whole);
    }
    let len = u32::try_from(payload_len).map_err(|_| Error::DataLen)?.to_be_bytes();
    let mut value = [0; SEMIBLOCK];
    let (prefix, suffix) = value.split_at_mut(SEMIBLOCK / 2);
    prefix.copy_from_slice(iv.get(..SEMIBLOCK / 2).ok_or(Error::Params)?);
    suffix.copy_from_slice(&len);
    Ok(value)
}

/// The payload's length, when the first semiblock after unwrapping and the padding are right.
fn payload_len(iv: &[u8], first: Semiblock, padded: &[u8]) -> Option<usize> {
    let (front, len) = first.split_at(iv.len().min(SEMIBLOCK));
    if !bool::from(front.ct_eq(iv)) {
        return None;
    }
    let Ok(len) = <[u8; 4]>::try_from(len) else { return Some(padded.len()) };
    let len = usize::try_from(u32::from_be_bytes(len)).ok()?;
    let padding = padded.get(len..)?;
    (padding.len() < SEMIBLOCK && padding.iter().all(|&byte| byte == 0)).then_some(len)
}

/// Steps 2 of W: six rounds over all semiblocks.
fn encrypt_rounds(aes: &Aes, first: &mut Semiblock, rest: &mut [u8]) {
    let (semiblocks, _) = rest.as_chunks_mut::<SEMIBLOCK>();
    let mut step: u64 = 0;
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut() {
            step += 1;
            let mut block = join(first, semiblock);
            aes.encrypt_blocks(block.as_mut());
            split(&block, first, semiblock);
            xor(first, step);
        }
    }
}

/// W backwards.
fn decrypt_rounds(aes: &Aes, first: &mut Semiblock, rest: &mut [u8]) {
    let (semiblocks, _) = rest.as_chunks_mut::<SEMIBLOCK>();
    let mut step = (semiblocks.len() as u64).wrapping_mul(6);
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut().rev() {
            xor(first, step);
            let mut block = join(first, semiblock);
            aes.decrypt_blocks(block.as_mut());
            split(&block, first, semiblock);
            step = step.wrapping_sub(1);
        }
    }
}

/// RFC 5649 section 4.2: two semiblocks are one block of ECB.
fn decrypt_one(aes: &Aes, first: &mut Semiblock, rest: &mut [u8]) {
    if let Some(semiblock) = rest.first_chunk_mut() {
        let mut block = join(first, semiblock);
        aes.decrypt_blocks(block.as_mut());
        split(&block, first, semiblock);
    }
}

fn join(a: &Semiblock, b: &Semiblock) -> Zeroizing<[u8; BLOCK_LEN]> {
    let mut block = Zeroizing::new([0; BLOCK_LEN]);
    block[..SEMIBLOCK].copy_from_slice(a);
    block[SEMIBLOCK..].copy_from_slice(b);
    block
}

fn split(block: &[u8; BLOCK_LEN], a: &mut Semiblock, b: &mut Semiblock) {
    a.copy_from_slice(&block[..SEMIBLOCK]);
    b.copy_from_slice(&block[SEMIBLOCK..]);
}

fn xor(semiblock: &mut Semiblock, step: u64) {
    *semiblock = (u64::from_be_bytes(*semiblock) ^ step).to_be_bytes();
}
