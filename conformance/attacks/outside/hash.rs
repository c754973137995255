//! HMAC outside the token, and the searches that it allows over short keys.

use ring::{digest, hmac};

/// What the searches sign.
pub(in crate::attacks) const MESSAGE: &[u8] = b"a message everyone knows";

/// HMAC-SHA-256 of `MESSAGE` under this key.
pub(in crate::attacks) fn mac(key: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), MESSAGE).as_ref().to_vec()
}

/// SHA-256.
pub(in crate::attacks) fn sha256(data: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, data).as_ref().to_vec()
}

/// The byte behind `known` with which the whole is the key that made `mac`.
pub(in crate::attacks) fn next_byte(known: &[u8], wanted: &[u8]) -> Option<u8> {
    (0..=u8::MAX).find(|byte| mac(&[known, &[*byte]].concat()) == wanted)
}
