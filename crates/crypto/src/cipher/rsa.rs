//! RSAES-PKCS1-v1_5, RFC 8017 section 7.2, on aws-lc, which checks the padding in constant time.
//!
//! Decryption never says that a padding was wrong ([`super::implicit_rejection`]). Unwrapping does:
//! a made-up message that happens to have a key's length would otherwise become a key. Whoever may
//! unwrap chosen blobs has Bleichenbacher's oracle; [`super::RSA_OAEP`] has none.

use std::sync::Arc;

use rand_core::CryptoRng;

use super::implicit_rejection;
use crate::buffer::{front, put};
use crate::key::RsaPublic;
use crate::{Cipher, CipherStream, Direction, Error, Key, KeyKind, Params, Result, Secret};

/// RSAES-PKCS1-v1_5.
pub struct Pkcs1 {
    rejection: Rejection,
}

/// What becomes of a ciphertext whose padding is wrong.
enum Rejection {
    /// It decrypts to something else.
    Implicit,
    /// It is [`Error::CiphertextInvalid`].
    Explicit,
}

/// RSAES-PKCS1-v1_5: up to k - 11 bytes under a modulus of k bytes. A ciphertext below the modulus
/// always decrypts; where the padding is wrong, to bytes that key and ciphertext determine.
pub static RSA_PKCS: Pkcs1 = Pkcs1 { rejection: Rejection::Implicit };

/// The same with an error for a wrong padding, to unwrap keys with.
pub(crate) static RSA_PKCS_EXPLICIT: Pkcs1 = Pkcs1 { rejection: Rejection::Explicit };

/// The least that the padding adds.
pub(super) const OVERHEAD: usize = 11;

/// Refuses a key that is not the half that `direction` needs, and returns its public half.
pub(super) fn check_key(direction: Direction, key: &Key) -> Result<&RsaPublic> {
    match (direction, key.kind()) {
        (Direction::Encrypt, KeyKind::RsaPublic) | (Direction::Decrypt, KeyKind::RsaPrivate) => key.as_rsa_public(),
        _ => Err(Error::KeyType),
    }
}

/// An upper bound of the output where the padding adds `overhead` at least.
pub(super) fn output_len(direction: Direction, key: &Key, overhead: usize, input_len: usize) -> Result<usize> {
    let len = check_key(direction, key)?.len();
    let room = len.checked_sub(overhead).ok_or(Error::KeySize)?;
    match direction {
        Direction::Encrypt if input_len > room => Err(Error::DataLen),
        Direction::Encrypt => Ok(len),
        Direction::Decrypt if input_len != len => Err(Error::CiphertextLen),
        Direction::Decrypt => Ok(room),
    }
}

impl Cipher for Pkcs1 {
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()> {
        check_key(direction, key)?;
        match params {
            Params::None => Ok(()),
            _ => Err(Error::Params),
        }
    }

    fn output_len(&self, direction: Direction, key: &Key, _: &Params, input_len: usize) -> Result<usize> {
        output_len(direction, key, OVERHEAD, input_len)
    }

    fn exact(&self, direction: Direction) -> bool {
        direction == Direction::Encrypt
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
        let len = self.output_len(Direction::Encrypt, key, params, plaintext.len())?;
        let encrypting = key.as_rsa_public()?.encrypting()?;
        encrypting.pkcs1.encrypt(plaintext, front(out, len)?).map_err(|_| Error::Internal)?;
        Ok(len)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(Direction::Decrypt, key, params)?;
        self.output_len(Direction::Decrypt, key, params, ciphertext.len())?;
        let key = key.as_rsa_private()?;
        if ciphertext >= key.public.modulus.as_slice() {
            return Err(Error::CiphertextInvalid);
        }
        let mut whole = Secret::zeroed(key.public.len());
        let message = key.decrypting()?.pkcs1.decrypt(ciphertext, whole.expose_mut());
        match self.rejection {
            Rejection::Explicit => put(out, message.map_err(|_| Error::CiphertextInvalid)?),
            Rejection::Implicit => {
                let message = message.ok().map(|message| &*message);
                implicit_rejection::select(&key.parts.private_exponent, ciphertext, message, out)
            }
        }
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        Ok(None)
    }
}
