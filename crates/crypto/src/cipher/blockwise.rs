//! What block modes share: whole blocks in place, PKCS #7 padding, and streams that hold back what
//! does not fill a block yet.

use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeLess as _};
use zeroize::Zeroize as _;

use super::block::BLOCK_LEN;
use crate::buffer::front;
use crate::{CipherStream, Direction, Error, Key, Result};

/// A mode over whole blocks, chained through `chain` when it chains.
pub(super) trait BlockMode: Copy + Send + 'static {
    /// Whether plaintext is padded to whole blocks (PKCS #7).
    const PADDED: bool;

    /// Encrypts or decrypts whole blocks in place and leaves in `chain` what the next call needs.
    fn apply(self, direction: Direction, key: &Key, chain: &mut [u8; BLOCK_LEN], blocks: &mut [u8]) -> Result<()>;
}

/// The error for an input of a wrong length.
pub(super) fn bad_len(direction: Direction) -> Error {
    match direction {
        Direction::Encrypt => Error::DataLen,
        Direction::Decrypt => Error::CiphertextLen,
    }
}

/// An upper bound of the output for `input_len` bytes.
pub(super) fn output_len<M: BlockMode>(direction: Direction, input_len: usize) -> Result<usize> {
    let whole = input_len.is_multiple_of(BLOCK_LEN);
    match direction {
        Direction::Encrypt if M::PADDED => {
            let blocks = input_len / BLOCK_LEN;
            blocks.checked_add(1).and_then(|blocks| blocks.checked_mul(BLOCK_LEN)).ok_or(Error::DataLen)
        }
        Direction::Decrypt if !whole || (M::PADDED && input_len == 0) => Err(Error::CiphertextLen),
        Direction::Encrypt if !whole => Err(Error::DataLen),
        _ => Ok(input_len),
    }
}

/// Encrypts all of `plaintext` into `out`.
pub(super) fn encrypt<M: BlockMode>(
    mode: M,
    key: &Key,
    mut chain: [u8; BLOCK_LEN],
    plaintext: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let len = output_len::<M>(Direction::Encrypt, plaintext.len())?;
    let out = front(out, len)?;
    let (body, padding) = out.split_at_mut(plaintext.len());
    body.copy_from_slice(plaintext);
    padding.fill(u8::try_from(padding.len()).unwrap_or_default());
    mode.apply(Direction::Encrypt, key, &mut chain, out)?;
    Ok(len)
}

/// Decrypts all of `ciphertext` into `out`, which is wiped when the padding is wrong.
pub(super) fn decrypt<M: BlockMode>(
    mode: M,
    key: &Key,
    mut chain: [u8; BLOCK_LEN],
    ciphertext: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let len = output_len::<M>(Direction::Decrypt, ciphertext.len())?;
    let out = front(out, len)?;
    out.copy_from_slice(ciphertext);
    mode.apply(Direction::Decrypt, key, &mut chain, out)?;
    if !M::PADDED {
        return Ok(len);
    }
    let last = out.last_chunk().ok_or(Error::CiphertextLen)?;
    match padding_len(last) {
        Some(padding) => Ok(len - padding),
        None => {
            out.zeroize();
            Err(Error::CiphertextInvalid)
        }
    }
}

/// The length of the padding at the end of `block`, 1 to 16. Looks at every byte whatever it finds,
/// so time tells no more than the answer does.
fn padding_len(block: &[u8; BLOCK_LEN]) -> Option<usize> {
    const MAX: u8 = BLOCK_LEN as u8;
    let [.., padding] = *block;
    let mut valid = !padding.ct_eq(&0) & padding.ct_lt(&(MAX + 1));
    for (distance, byte) in (1..=MAX).zip(block.iter().rev()) {
        let beyond: Choice = padding.ct_lt(&distance);
        valid &= byte.ct_eq(&padding) | beyond;
    }
    let len = u8::conditional_select(&0, &padding, valid);
    (len != 0).then_some(usize::from(len))
}

/// A multi-part operation of a block mode.
pub(super) struct BlockStream<M> {
    mode: M,
    direction: Direction,
    key: Arc<Key>,
    chain: [u8; BLOCK_LEN],
    /// Input that has not been worked on: less than a block, or up to a whole one where the last
    /// block must wait for its padding to be looked at.
    held: [u8; BLOCK_LEN],
    held_len: usize,
}

impl<M: BlockMode> BlockStream<M> {
    pub(super) fn new(mode: M, direction: Direction, key: &Arc<Key>, chain: [u8; BLOCK_LEN]) -> Self {
        Self { mode, direction, key: Arc::clone(key), chain, held: [0; BLOCK_LEN], held_len: 0 }
    }

    /// Whether the last whole block is held back.
    fn holds_last(&self) -> bool {
        M::PADDED && self.direction == Direction::Decrypt
    }

    fn held(&self) -> &[u8] {
        self.held.get(..self.held_len).unwrap_or_default()
    }

    /// Replaces what is held; the caller has seen to it that it fits.
    fn hold(&mut self, rest: &[u8]) -> Result<()> {
        self.held.zeroize();
        front(&mut self.held, rest.len())?.copy_from_slice(rest);
        self.held_len = rest.len();
        Ok(())
    }

    /// Adds to what is held.
    fn hold_more(&mut self, part: &[u8]) -> Result<()> {
        let end = self.held_len + part.len();
        self.held.get_mut(self.held_len..end).ok_or(Error::Internal)?.copy_from_slice(part);
        self.held_len = end;
        Ok(())
    }

    fn apply(&mut self, blocks: &mut [u8]) -> Result<()> {
        self.mode.apply(self.direction, &self.key, &mut self.chain, blocks)
    }

    fn finish_padded(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut block = self.held;
        let len = match self.direction {
            Direction::Encrypt => {
                let padding = BLOCK_LEN.saturating_sub(self.held_len);
                block.iter_mut().skip(self.held_len).for_each(|byte| *byte = u8::try_from(padding).unwrap_or_default());
                self.apply(&mut block)?;
                BLOCK_LEN
            }
            Direction::Decrypt if self.held_len != BLOCK_LEN => return Err(Error::CiphertextLen),
            Direction::Decrypt => {
                self.apply(&mut block)?;
                BLOCK_LEN - padding_len(&block).ok_or(Error::CiphertextInvalid)?
            }
        };
        let result = crate::buffer::put(out, block.get(..len).unwrap_or_default());
        block.zeroize();
        result
    }
}

impl<M: BlockMode> CipherStream for BlockStream<M> {
    fn update_len(&self, part_len: usize) -> usize {
        let total = self.held_len.saturating_add(part_len);
        let ready = if self.holds_last() { total.saturating_sub(1) } else { total };
        ready / BLOCK_LEN * BLOCK_LEN
    }

    fn update(&mut self, part: &[u8], out: &mut [u8]) -> Result<usize> {
        let len = self.update_len(part.len());
        if len == 0 {
            self.hold_more(part)?;
            return Ok(0);
        }
        let out = front(out, len)?;
        let (from_held, from_part) = out.split_at_mut(self.held_len);
        let (taken, rest) = part.split_at_checked(from_part.len()).ok_or(Error::Internal)?;
        from_held.copy_from_slice(self.held());
        from_part.copy_from_slice(taken);
        self.hold(rest)?;
        self.apply(out)?;
        Ok(len)
    }

    fn finish_len(&self) -> usize {
        match self.direction {
            _ if !M::PADDED => 0,
            Direction::Encrypt => BLOCK_LEN,
            Direction::Decrypt => BLOCK_LEN - 1,
        }
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        if M::PADDED {
            return self.finish_padded(out);
        }
        if self.held_len == 0 { Ok(0) } else { Err(bad_len(self.direction)) }
    }
}

impl<M> Drop for BlockStream<M> {
    fn drop(&mut self) {
        self.held.zeroize();
        self.chain.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_one_to_sixteen_equal_bytes() {
        for len in 1..=16_u8 {
            let mut block = [0xee; BLOCK_LEN];
            let start = BLOCK_LEN - usize::from(len);
            block[start..].fill(len);
            assert_eq!(padding_len(&block), Some(usize::from(len)));
            if len > 1 {
                block[start] ^= 1;
                assert_eq!(padding_len(&block), None, "length {len}, first byte wrong");
            }
        }
        for bad in [0, 17, 255] {
            assert_eq!(padding_len(&[bad; BLOCK_LEN]), None);
        }
    }
}
