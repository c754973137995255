//! What the attacker computes outside the token with keys that it knows: sealed bytes opened in every way.
//!
//! Nothing is verified but where that is worth something: an attacker who opens with the wrong key gets noise, and noise
//! is no key of the token.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use rsa::Oaep;
use sha1::Sha1;

use crate::known;
use crate::way::{BLOCK_LEN, CBC_IV, Way};

/// A block of AES.
pub(crate) type Block = [u8; BLOCK_LEN];

/// AES with a key of any of its lengths.
pub(crate) enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

impl Aes {
    /// With this key; none if no AES key is that long.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(Box::new(Aes128::new_from_slice(key).ok()?)),
            24 => Self::Middle(Box::new(Aes192::new_from_slice(key).ok()?)),
            32 => Self::Long(Box::new(Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    /// One block encrypted.
    pub(crate) fn encrypt(&self, block: Block) -> Block {
        let mut block = block.into();
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut block),
            Self::Middle(aes) => aes.encrypt_block(&mut block),
            Self::Long(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, block: Block) -> Block {
        let mut block = block.into();
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut block),
            Self::Middle(aes) => aes.decrypt_block(&mut block),
            Self::Long(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }
}

/// Single blocks under some key: with the key itself, or with calls of a token that holds it.
pub(crate) trait Blocks {
    /// One block encrypted; none if it is refused.
    fn encrypt(&mut self, block: Block) -> Option<Block>;
    /// One block decrypted; none if it is refused.
    fn decrypt(&mut self, block: Block) -> Option<Block>;
}

impl Blocks for &Aes {
    fn encrypt(&mut self, block: Block) -> Option<Block> {
        Some(Aes::encrypt(self, block))
    }

    fn decrypt(&mut self, block: Block) -> Option<Block> {
        Some(Aes::decrypt(self, block))
    }
}

/// Everything that `sealed` may be, opened with `aes`.
pub(crate) fn open(aes: &Aes, sealed: &[u8], iv: Option<&[u8]>) -> Vec<Vec<u8>> {
    [Way::Kw, Way::Ecb, Way::Cbc]
        .into_iter()
        .filter_map(|way| peel(way, &mut &*aes, sealed, iv))
        .chain(iv.and_then(|iv| keystream(&mut &*aes, sealed, iv)))
        .collect()
}

/// `sealed` opened in one way, block by block; none if it does not have the length, or a block is refused.
pub(crate) fn peel(way: Way, blocks: &mut impl Blocks, sealed: &[u8], iv: Option<&[u8]>) -> Option<Vec<u8>> {
    match way {
        Way::Kw | Way::Kwp => unwrap(blocks, sealed).map(|(_, payload)| payload),
        Way::Gcm(..) => keystream(blocks, sealed, iv?),
        Way::Cbc | Way::CbcPad => chained(blocks, sealed),
        Way::Ecb | Way::Oaep => {
            let mut plain = Vec::new();
            for block in whole(sealed)? {
                plain.extend(blocks.decrypt(*block)?);
            }
            Some(plain)
        }
    }
}

/// The blob opened with the attacker's own RSA key.
pub(crate) fn open_rsa(sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.len() != 256 {
        return None;
    }
    known::rsa()?.decrypt(Oaep::<Sha1>::new(), sealed).ok()
}

/// Whether `sealed` is certainly a blob of KW or KWP under `aes`: its initial value is one of theirs.
pub(crate) fn made(aes: &Aes, sealed: &[u8]) -> bool {
    let Some((check, _)) = unwrap(&mut &*aes, sealed) else { return false };
    check == [0xA6; 8] || check.starts_with(&[0xA6, 0x59, 0x59, 0xA6])
}

fn whole(sealed: &[u8]) -> Option<&[Block]> {
    let (blocks, rest) = sealed.as_chunks();
    (rest.is_empty() && !blocks.is_empty()).then_some(blocks)
}

fn chained(blocks: &mut impl Blocks, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut before = CBC_IV;
    let mut plain = Vec::new();
    for block in whole(sealed)? {
        plain.extend(blocks.decrypt(*block)?.iter().zip(before).map(|(one, other)| one ^ other));
        before = *block;
    }
    Some(plain)
}

/// AES-GCM without a look at the tag (NIST SP 800-38D section 7.2): counter mode from 2 on.
fn keystream(blocks: &mut impl Blocks, sealed: &[u8], iv: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    for (index, part) in (2u32..).zip(sealed.chunks(BLOCK_LEN)) {
        let counter: Block = [iv, &index.to_be_bytes()].concat().try_into().ok()?;
        plain.extend(blocks.encrypt(counter)?.iter().zip(part).map(|(one, other)| one ^ other));
    }
    Some(plain)
}

/// RFC 3394 section 2.2.2, the index-based form: the initial value and what is behind it. RFC 5649 with more than one
/// semiblock is the same.
fn unwrap(blocks: &mut impl Blocks, sealed: &[u8]) -> Option<([u8; 8], Vec<u8>)> {
    let (halves, rest) = sealed.as_chunks::<8>();
    let (first, halves) = halves.split_first()?;
    if halves.len() < 2 || halves.len() > 64 || !rest.is_empty() {
        return None;
    }
    let (mut check, mut halves) = (*first, halves.to_vec());
    let count = halves.len() as u64;
    for round in (0..6).rev() {
        for (index, half) in halves.iter_mut().enumerate().rev() {
            let mixed = u64::from_be_bytes(check) ^ (count * round + index as u64 + 1);
            let joined = u128::from(mixed) << 64 | u128::from(u64::from_be_bytes(*half));
            let block = u128::from_be_bytes(blocks.decrypt(joined.to_be_bytes())?);
            check = ((block >> 64) as u64).to_be_bytes();
            *half = (block as u64).to_be_bytes();
        }
    }
    Some((check, halves.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
    }

    fn aes(key: &str) -> Aes {
        let Some(aes) = Aes::new(&hex(key)) else { panic!("no key of AES") };
        aes
    }

    /// RFC 3394 section 4.1.
    #[test]
    fn a_blob_opens_with_the_key_that_made_it_and_tells_so() {
        let blob = hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
        let right = aes("000102030405060708090a0b0c0d0e0f");
        assert!(open(&right, &blob, None).contains(&hex("00112233445566778899aabbccddeeff")));
        assert!(made(&right, &blob) && !made(&aes("0f0e0d0c0b0a09080706050403020100"), &blob));
    }

    /// NIST SP 800-38D, test case 2 of the GCM specification.
    #[test]
    fn a_keystream_opens_gcm_whatever_the_tag() {
        let sealed = hex("0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf");
        let opened = open(&aes("00000000000000000000000000000000"), &sealed, Some(&[0; 12]));
        assert!(opened.iter().any(|plain| plain.starts_with(&[0; 16])));
    }
}
