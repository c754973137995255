//! The chain: HMAC-SHA-256 (FIPS 198-1) over each line and the chain before it.

use claviger_crypto::Secret;
use ring::hmac;

use crate::{Error, Result};

/// The length of a key and of a link.
pub(crate) const LINK_LEN: usize = 32;

/// What a line's `chain` holds.
pub type Link = [u8; LINK_LEN];

/// The chain before the very first line.
pub(crate) const ORIGIN: Link = [0; LINK_LEN];

/// What is authenticated; the first byte under the HMAC, so that neither passes for the other.
const LINE: u8 = 1;
const HEAD: u8 = 2;

/// Authenticates the lines of one slot's log.
pub struct AuditKey(hmac::Key);

impl AuditKey {
    /// A key of exactly 32 bytes, used for this log alone.
    ///
    /// # Errors
    /// `Key`.
    pub fn new(key: &Secret) -> Result<Self> {
        if key.expose().len() == LINK_LEN {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
        } else {
            Err(Error::Key)
        }
    }

    /// The chain after `line`, which is all of the line before its member `chain`.
    pub(crate) fn link(&self, before: &Link, line: &[u8]) -> Link {
        self.tag(&[&[LINE], before, line])
    }

    /// The tag of a head.
    pub(crate) fn head(&self, head: &[u8]) -> Link {
        self.tag(&[&[HEAD], head])
    }

    /// Whether `chain` follows from `before` and `line`. In constant time: who may read the log may not be told by a
    /// clock how to forge it.
    pub(crate) fn follows(&self, before: &Link, line: &[u8], chain: &Link) -> bool {
        self.verify(&[&[LINE], before, line], chain)
    }

    /// Whether `tag` is that of a head.
    pub(crate) fn is_head(&self, head: &[u8], tag: &[u8]) -> bool {
        self.verify(&[&[HEAD], head], tag)
    }

    fn tag(&self, parts: &[&[u8]]) -> Link {
        let mut link = ORIGIN;
        for (to, from) in link.iter_mut().zip(self.sign(parts).as_ref()) {
            *to = *from;
        }
        link
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let joined = parts.concat();
        hmac::verify(&self.0, &joined, tag).is_ok()
    }

    fn sign(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }
}
