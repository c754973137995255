//! AES-GCM (NIST SP 800-38D, sections 7.1 and 7.2) with any IV and any tag length, put together from
//! `aes`, `ghash` and `ctr`: neither ring nor aws-lc-rs takes an IV other than 96 bits, and `aes-gcm`
//! wants the lengths as types.

use aes::cipher::{Array, BlockCipherEncrypt, BlockSizeUser, InnerIvInit as _, StreamCipherCore as _, consts::U16};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use super::block::{Aes, with_aes};
use super::gcm::MAX_TAG_LEN;
use crate::{Error, Result};

type Block = Array<u8, U16>;

/// Encrypts `data` in place, returns the whole tag.
pub(super) fn seal(aes: &Aes, iv: &[u8], aad: &[u8], data: &mut [u8]) -> [u8; MAX_TAG_LEN] {
    with_aes!(aes, cipher => {
        let gcm = Invocation::new(cipher, iv);
        gcm.counter.apply_keystream_partial(data.into());
        gcm.hash.tag(gcm.mask, aad, data)
    })
}

/// Decrypts `ciphertext` into `out` of the same length, after `tag`, of any length, has been checked.
pub(super) fn open(aes: &Aes, iv: &[u8], aad: &[u8], ciphertext: &[u8], tag: &[u8], out: &mut [u8]) -> Result<()> {
    with_aes!(aes, cipher => {
        let gcm = Invocation::new(cipher, iv);
        let expected = gcm.hash.tag(gcm.mask, aad, ciphertext);
        let expected = expected.get(..tag.len()).ok_or(Error::Params)?;
        if !bool::from(expected.ct_eq(tag)) {
            return Err(Error::CiphertextInvalid);
        }
        out.copy_from_slice(ciphertext);
        gcm.counter.apply_keystream_partial(out.into());
        Ok(())
    })
}

/// What one IV under one key yields.
struct Invocation<'a, C: BlockCipherEncrypt<BlockSize = U16>> {
    hash: Hasher,
    /// Ready for the first block of data: inc32(J0).
    counter: CtrCore<&'a C, Ctr32BE>,
    /// E(J0), which hides the tag.
    mask: Block,
}

impl<'a, C: BlockCipherEncrypt<BlockSize = U16> + BlockSizeUser> Invocation<'a, C> {
    fn new(cipher: &'a C, iv: &[u8]) -> Self {
        let mut subkey = Block::default();
        cipher.encrypt_block(&mut subkey);
        let hash = Hasher(GHash::new(&subkey));
        subkey.zeroize();
        let mut counter = CtrCore::inner_iv_init(cipher, &hash.first_counter(iv));
        let mut mask = Block::default();
        counter.write_keystream_block(&mut mask);
        Self { hash, counter, mask }
    }
}

/// GHASH under one key, before any input.
struct Hasher(GHash);

impl Hasher {
    /// J0 of section 7.1, step 2.
    fn first_counter(&self, iv: &[u8]) -> Block {
        if let Ok(iv) = <[u8; 12]>::try_from(iv) {
            let mut block = Block::default();
            block[..12].copy_from_slice(&iv);
            block[15] = 1;
            return block;
        }
        let mut hash = self.0.clone();
        hash.update_padded(iv);
        hash.update(&[lengths(0, iv.len())]);
        hash.finalize()
    }

    fn tag(&self, mask: Block, aad: &[u8], ciphertext: &[u8]) -> [u8; MAX_TAG_LEN] {
        let mut hash = self.0.clone();
        hash.update_padded(aad);
        hash.update_padded(ciphertext);
        hash.update(&[lengths(aad.len(), ciphertext.len())]);
        let mut tag = hash.finalize();
        tag.iter_mut().zip(mask).for_each(|(tag, mask)| *tag ^= mask);
        tag.into()
    }
}

/// Two lengths in bits, 64 bits each.
fn lengths(a_bytes: usize, b_bytes: usize) -> Block {
    let bits = |bytes: usize| (bytes as u64).wrapping_mul(8).to_be_bytes();
    let mut block = Block::default();
    block[..8].copy_from_slice(&bits(a_bytes));
    block[8..].copy_from_slice(&bits(b_bytes));
    block
}
