//! AES-ECB, NIST SP 800-38A section 6.1: every block by itself, on `aes`.

use std::sync::Arc;

use rand_core::CryptoRng;

use super::block::BLOCK_LEN;
use super::blockwise::{self, BlockMode, BlockStream};
use crate::{Cipher, CipherStream, Direction, Error, Key, Params, Result};

/// AES in ECB mode.
pub struct Ecb(());

/// AES-ECB; whole blocks alone.
pub static AES_ECB: Ecb = Ecb(());

#[derive(Clone, Copy)]
struct Mode;

impl BlockMode for Mode {
    const PADDED: bool = false;

    fn apply(self, direction: Direction, key: &Key, _: &mut [u8; BLOCK_LEN], blocks: &mut [u8]) -> Result<()> {
        let aes = key.as_secret()?.aes()?;
        match direction {
            Direction::Encrypt => aes.encrypt_blocks(blocks),
            Direction::Decrypt => aes.decrypt_blocks(blocks),
        }
        Ok(())
    }
}

/// ECB chains nothing.
const NO_CHAIN: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

impl Cipher for Ecb {
    fn check(&self, _: Direction, key: &Key, params: &Params) -> Result<()> {
        key.as_secret()?.aes()?;
        match params {
            Params::None => Ok(()),
            _ => Err(Error::Params),
        }
    }

    fn output_len(&self, direction: Direction, _: &Key, _: &Params, input_len: usize) -> Result<usize> {
        blockwise::output_len::<Mode>(direction, input_len)
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
        self.check(Direction::Encrypt, key, params)?;
        blockwise::encrypt(Mode, key, NO_CHAIN, plaintext, out)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(Direction::Decrypt, key, params)?;
        blockwise::decrypt(Mode, key, NO_CHAIN, ciphertext, out)
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        Ok(Some(Box::new(BlockStream::new(Mode, direction, key, NO_CHAIN))))
    }
}
