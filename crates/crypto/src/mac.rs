//! Message authentication codes with a secret key: HMAC (FIPS 198-1, RFC 2104) and AES-CMAC
//! (NIST SP 800-38B, RFC 4493), on aws-lc, which wipes its prepared keys and has SHA-224 too.
//!
//! They take [`Params::None`] and make the full tag; verification compares in constant time.

use std::sync::Arc;

use aws_lc_rs::{cmac, hmac};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;

use crate::buffer::put;
use crate::{Error, Hash, Key, Params, Result, Sign, SignStream};

/// A MAC.
pub struct Mac {
    algorithm: Algorithm,
    /// The first so many bytes of the algorithm's output are the tag.
    tag_len: usize,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Hmac(Hash),
    AesCmac,
}

/// HMAC with SHA-1, 20 bytes.
pub static HMAC_SHA_1: Mac = Mac { algorithm: Algorithm::Hmac(Hash::Sha1), tag_len: 20 };
/// HMAC with SHA-224, 28 bytes.
pub static HMAC_SHA224: Mac = Mac { algorithm: Algorithm::Hmac(Hash::Sha224), tag_len: 28 };
/// HMAC with SHA-256, 32 bytes.
pub static HMAC_SHA256: Mac = Mac { algorithm: Algorithm::Hmac(Hash::Sha256), tag_len: 32 };
/// HMAC with SHA-384, 48 bytes.
pub static HMAC_SHA384: Mac = Mac { algorithm: Algorithm::Hmac(Hash::Sha384), tag_len: 48 };
/// HMAC with SHA-512, 64 bytes.
pub static HMAC_SHA512: Mac = Mac { algorithm: Algorithm::Hmac(Hash::Sha512), tag_len: 64 };
/// AES-CMAC, 16 bytes.
pub static AES_CMAC: Mac = Mac { algorithm: Algorithm::AesCmac, tag_len: 16 };

impl Mac {
    /// Prepares `key`, refuses one that does not fit.
    fn prepare(&self, key: &Key, params: &Params) -> Result<()> {
        let key = key.as_secret()?;
        match self.algorithm {
            Algorithm::Hmac(hash) => key.hmac(hash).map(drop)?,
            Algorithm::AesCmac => key.cmac().map(drop)?,
        }
        match params {
            Params::None => Ok(()),
            _ => Err(Error::Params),
        }
    }

    fn begin(&self, key: &Key) -> Result<Context> {
        let key = key.as_secret()?;
        Ok(match self.algorithm {
            Algorithm::Hmac(hash) => Context::Hmac(Box::new(hmac::Context::with_key(key.hmac(hash)?))),
            Algorithm::AesCmac => Context::AesCmac(cmac::Context::with_key(key.cmac()?)),
        })
    }

    /// The whole output over `message`.
    fn compute(&self, key: &Key, message: &[u8]) -> Result<Tag> {
        let key = key.as_secret()?;
        Ok(match self.algorithm {
            Algorithm::Hmac(hash) => Tag::Hmac(hmac::sign(key.hmac(hash)?, message)),
            Algorithm::AesCmac => Tag::AesCmac(cmac::sign(key.cmac()?, message).map_err(|_| Error::Internal)?),
        })
    }
}

/// An algorithm's whole output.
enum Tag {
    Hmac(hmac::Tag),
    AesCmac(cmac::Tag),
}

impl Tag {
    fn front(&self, len: usize) -> Result<&[u8]> {
        let whole = match self {
            Self::Hmac(tag) => tag.as_ref(),
            Self::AesCmac(tag) => tag.as_ref(),
        };
        whole.get(..len).ok_or(Error::Internal)
    }
}

/// Whether `tag` is the `expected` one.
fn compare(expected: &[u8], tag: &[u8]) -> Result<()> {
    if expected.len() != tag.len() {
        return Err(Error::SignatureLen);
    }
    if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(Error::SignatureInvalid) }
}

impl Sign for Mac {
    fn check(&self, key: &Key, params: &Params) -> Result<()> {
        self.prepare(key, params)
    }

    fn signature_len(&self, _: &Key, _: &Params) -> Result<usize> {
        Ok(self.tag_len)
    }

    fn sign(&self, key: &Key, params: &Params, message: &[u8], out: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        self.prepare(key, params)?;
        put(out, self.compute(key, message)?.front(self.tag_len)?)
    }

    fn verify(&self, key: &Key, params: &Params, message: &[u8], signature: &[u8]) -> Result<()> {
        self.prepare(key, params)?;
        compare(self.compute(key, message)?.front(self.tag_len)?, signature)
    }

    fn stream(&self, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn SignStream>>> {
        self.prepare(key, params)?;
        Ok(Some(Box::new(MacStream { context: Some(self.begin(key)?), tag_len: self.tag_len })))
    }
}

enum Context {
    Hmac(Box<hmac::Context>),
    AesCmac(cmac::Context),
}

/// A multi-part MAC; the context is gone once it has been finished.
struct MacStream {
    context: Option<Context>,
    tag_len: usize,
}

impl MacStream {
    fn finish(&mut self) -> Result<Tag> {
        match self.context.take().ok_or(Error::Internal)? {
            Context::Hmac(context) => Ok(Tag::Hmac(context.sign())),
            Context::AesCmac(context) => context.sign().map(Tag::AesCmac).map_err(|_| Error::Internal),
        }
    }
}

impl SignStream for MacStream {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        match self.context.as_mut().ok_or(Error::Internal)? {
            Context::Hmac(context) => {
                context.update(part);
                Ok(())
            }
            Context::AesCmac(context) => context.update(part).map_err(|_| Error::Internal),
        }
    }

    fn signature_len(&self) -> usize {
        self.tag_len
    }

    fn sign(&mut self, out: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        put(out, self.finish()?.front(self.tag_len)?)
    }

    fn verify(&mut self, signature: &[u8]) -> Result<()> {
        compare(self.finish()?.front(self.tag_len)?, signature)
    }
}
