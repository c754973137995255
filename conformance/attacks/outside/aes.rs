//! AES outside the token, and AES key wrap (RFC 3394) over any block cipher, so that a blob can be opened with a known
//! key or, block by block, with C_Decrypt(CKM_AES_ECB).

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cryptoki_sys::CKM_AES_ECB;

use super::super::{Stop, step};
use crate::mechanism::Mechanism;
use crate::session::{Object, Session};

/// A block of AES.
pub(in crate::attacks) type Block = [u8; 16];

/// RFC 3394, section 2.2.3.1.
const DEFAULT_ICV: [u8; 8] = [0xA6; 8];

/// One block under AES-256.
pub(in crate::attacks) fn encrypt_block(key: &[u8; 32], block: Block) -> Block {
    let mut block = block.into();
    Aes256::new(key.into()).encrypt_block(&mut block);
    block.into()
}

fn decrypt_block(key: &[u8; 32], block: Block) -> Block {
    let mut block = block.into();
    Aes256::new(key.into()).decrypt_block(&mut block);
    block.into()
}

/// Opens a blob with a known AES-256 key; empty when it is no blob of that key.
pub(in crate::attacks) fn open(key: &[u8; 32], blob: &[u8]) -> Result<Vec<u8>, Stop> {
    open_with(blob, |block| Ok(decrypt_block(key, block)))
}

/// Opens a blob that a key of the token made, with nothing but single blocks of C_Decrypt(CKM_AES_ECB).
pub(in crate::attacks) fn open_by_decrypt(
    session: Session<'_>,
    key: Object,
    name: &str,
    blob: &[u8],
) -> Result<Vec<u8>, Stop> {
    let ecb = Mechanism::plain(CKM_AES_ECB);
    open_with(blob, |block| {
        let plain = step(format_args!("C_Decrypt(AES_ECB, {name})"), session.decrypt(&ecb, key, &block))?;
        Ok(plain.try_into().unwrap_or_default())
    })
}

/// Makes a blob that a key of the token will unwrap, with nothing but single blocks of C_Encrypt(CKM_AES_ECB).
pub(in crate::attacks) fn seal_by_encrypt(
    session: Session<'_>,
    key: Object,
    name: &str,
    value: &[u8],
) -> Result<Vec<u8>, Stop> {
    let ecb = Mechanism::plain(CKM_AES_ECB);
    seal_with(value, |block| {
        let sealed = step(format_args!("C_Encrypt(AES_ECB, {name})"), session.encrypt(&ecb, key, &block))?;
        Ok(sealed.try_into().unwrap_or_default())
    })
}

/// RFC 3394, section 2.2.2, the index-based form.
fn open_with(blob: &[u8], mut decrypt: impl FnMut(Block) -> Result<Block, Stop>) -> Result<Vec<u8>, Stop> {
    let mut halves: Vec<[u8; 8]> = blob.as_chunks().0.to_vec();
    if halves.len() < 3 {
        return Ok(Vec::new());
    }
    let mut check = halves.remove(0);
    let count = halves.len() as u64;
    for round in (0..6).rev() {
        for (index, half) in halves.iter_mut().enumerate().rev() {
            let counter = count * round + index as u64 + 1;
            let block = decrypt(joined(exclusive_or(check, counter), *half))?;
            (check, *half) = split(block);
        }
    }
    Ok(if check == DEFAULT_ICV { halves.concat() } else { Vec::new() })
}

/// RFC 3394, section 2.2.1, the index-based form.
fn seal_with(value: &[u8], mut encrypt: impl FnMut(Block) -> Result<Block, Stop>) -> Result<Vec<u8>, Stop> {
    let mut halves: Vec<[u8; 8]> = value.as_chunks().0.to_vec();
    let mut check = DEFAULT_ICV;
    let count = halves.len() as u64;
    for round in 0..6 {
        for (index, half) in halves.iter_mut().enumerate() {
            let counter = count * round + index as u64 + 1;
            let (upper, lower) = split(encrypt(joined(check, *half))?);
            (check, *half) = (exclusive_or(upper, counter), lower);
        }
    }
    halves.insert(0, check);
    Ok(halves.concat())
}

fn exclusive_or(half: [u8; 8], counter: u64) -> [u8; 8] {
    (u64::from_be_bytes(half) ^ counter).to_be_bytes()
}

fn joined(upper: [u8; 8], lower: [u8; 8]) -> Block {
    (u128::from(u64::from_be_bytes(upper)) << 64 | u128::from(u64::from_be_bytes(lower))).to_be_bytes()
}

fn split(block: Block) -> ([u8; 8], [u8; 8]) {
    let whole = u128::from_be_bytes(block);
    (((whole >> 64) as u64).to_be_bytes(), (whole as u64).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3394, section 4.6: 256 bits of key data with a 256-bit key.
    #[test]
    fn the_vector_of_rfc_3394_opens_and_seals() {
        let key: [u8; 32] = std::array::from_fn(|index| index as u8);
        let value: Vec<u8> = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE]
            .into_iter()
            .chain([0xFF])
            .chain(0..16)
            .collect();
        let blob = [
            0x28, 0xC9, 0xF4, 0x04, 0xC4, 0xB8, 0x10, 0xF4, 0xCB, 0xCC, 0xB3, 0x5C, 0xFB, 0x87, 0xF8, 0x26, 0x3F, 0x57,
            0x86, 0xE2, 0xD8, 0x0E, 0xD3, 0x26, 0xCB, 0xC7, 0xF0, 0xE7, 0x1A, 0x99, 0xF4, 0x3B, 0xFB, 0x98, 0x8B, 0x9B,
            0x7A, 0x02, 0xDD, 0x21,
        ];
        let Ok(opened) = open(&key, &blob) else { panic!("no step of this can be refused") };
        assert_eq!(opened, value);
        let Ok(sealed) = seal_with(&value, |block| Ok(encrypt_block(&key, block))) else { panic!("nor of this") };
        assert_eq!(sealed, blob);
        let Ok(spoilt) = open(&key, &[0; 40]) else { panic!("nor of this") };
        assert!(spoilt.is_empty());
    }
}
