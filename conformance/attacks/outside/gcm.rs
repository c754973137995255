//! AES-256-GCM outside the token (NIST SP 800-38D): opening a blob with a known key, and what a keystream opens.

use ring::aead;

/// Opens a ciphertext with its 128-bit tag; empty when it is none of this key and IV.
pub(in crate::attacks) fn open(key: &[u8], iv: &[u8], sealed: &[u8]) -> Vec<u8> {
    let opened = || {
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?);
        let nonce = aead::Nonce::try_assume_unique_for_key(iv).ok()?;
        let mut data = sealed.to_vec();
        key.open_in_place(nonce, aead::Aad::empty(), &mut data).ok().map(|plain| plain.to_vec())
    };
    opened().unwrap_or_default()
}

/// The block that hides block `index` of the data, counted from 0, is this one encrypted (section 7.1, step 3).
pub(in crate::attacks) fn counter_block(iv: [u8; 12], index: u32) -> [u8; 16] {
    let mut block = [0; 16];
    let (left, right) = block.split_at_mut(12);
    left.copy_from_slice(&iv);
    right.copy_from_slice(&(index + 2).to_be_bytes());
    block
}

/// The two byte strings, added bit by bit; as long as the shorter.
pub(in crate::attacks) fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::outside::aes;

    /// What is opened whole is opened by its keystream, too.
    #[test]
    fn a_counter_block_encrypted_is_the_keystream() {
        let (key, iv, plain) = ([7; 32], [9; 12], [0x41; 32]);
        let stream = [0, 1].map(|index| aes::encrypt_block(&key, counter_block(iv, index))).concat();
        let sealing = aead::UnboundKey::new(&aead::AES_256_GCM, &key).map(aead::LessSafeKey::new);
        let mut sealed = plain.to_vec();
        let tag = sealing.and_then(|sealing| {
            let nonce = aead::Nonce::assume_unique_for_key(iv);
            sealing.seal_in_place_separate_tag(nonce, aead::Aad::empty(), &mut sealed)
        });
        assert_eq!(xor(&sealed, &stream), plain);
        sealed.extend(tag.iter().flat_map(|tag| tag.as_ref()));
        assert_eq!(open(&key, &iv, &sealed), plain);
        assert!(open(&key, &iv, &[0; 48]).is_empty());
    }
}
