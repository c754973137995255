//! AES-CBC, NIST SP 800-38A section 6.2, without and with PKCS #7 padding (RFC 5652 section 6.3),
//! on aws-lc.
//!
//! A wrong padding is reported (`CKR_ENCRYPTED_DATA_INVALID`), as PKCS#11 asks; whoever may decrypt
//! chosen ciphertexts can use that as an oracle. [`super::AES_GCM`] has none.

use std::sync::Arc;

use aws_lc_rs::cipher::{DecryptionContext, EncryptionContext};
use rand_core::CryptoRng;

use super::block::BLOCK_LEN;
use super::blockwise::{self, BlockMode, BlockStream};
use crate::{Cipher, CipherStream, Direction, Error, Key, Params, Result};

/// AES in CBC mode, with padding or without.
pub struct Cbc<const PADDED: bool>(());

/// AES-CBC; whole blocks alone.
pub static AES_CBC: Cbc<false> = Cbc(());
/// AES-CBC with PKCS #7 padding; plaintext of any length.
pub static AES_CBC_PAD: Cbc<true> = Cbc(());

#[derive(Clone, Copy)]
struct Mode<const PADDED: bool>;

impl<const PADDED: bool> BlockMode for Mode<PADDED> {
    const PADDED: bool = PADDED;

    fn apply(self, direction: Direction, key: &Key, chain: &mut [u8; BLOCK_LEN], blocks: &mut [u8]) -> Result<()> {
        let Some(&last_in) = blocks.last_chunk() else { return Ok(()) };
        let key = key.as_secret()?;
        match direction {
            Direction::Encrypt => {
                let context = EncryptionContext::Iv128((*chain).into());
                key.cbc_encrypting()?.less_safe_encrypt(blocks, context).map_err(|_| Error::Internal)?;
                *chain = *blocks.last_chunk().ok_or(Error::Internal)?;
            }
            Direction::Decrypt => {
                let context = DecryptionContext::Iv128((*chain).into());
                key.cbc_decrypting()?.decrypt(blocks, context).map_err(|_| Error::Internal)?;
                *chain = last_in;
            }
        }
        Ok(())
    }
}

fn iv(params: &Params) -> Result<[u8; BLOCK_LEN]> {
    match params {
        Params::Iv(iv) => Ok(*iv),
        _ => Err(Error::Params),
    }
}

impl<const PADDED: bool> Cipher for Cbc<PADDED> {
    fn check(&self, _: Direction, key: &Key, params: &Params) -> Result<()> {
        key.as_secret()?.aes()?;
        iv(params).map(drop)
    }

    fn output_len(&self, direction: Direction, _: &Key, _: &Params, input_len: usize) -> Result<usize> {
        blockwise::output_len::<Mode<PADDED>>(direction, input_len)
    }

    fn exact(&self, direction: Direction) -> bool {
        !PADDED || direction == Direction::Encrypt
    }

    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        _: &mut dyn CryptoRng,
    ) -> Result<usize> {
        blockwise::encrypt(Mode::<PADDED>, key, iv(params)?, plaintext, out)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        blockwise::decrypt(Mode::<PADDED>, key, iv(params)?, ciphertext, out)
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        Ok(Some(Box::new(BlockStream::new(Mode::<PADDED>, direction, key, iv(params)?))))
    }
}
