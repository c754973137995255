//! Signatures: RSA (RFC 8017, section 8) and ECDSA (FIPS 186-5, section 6).
//!
//! A scheme signs a digest. The statics named after a hash take a message of any length, in parts
//! too; the others ([`RSA_PKCS`], [`RSA_PKCS_PSS`], [`ECDSA`]) take the digest and are single-part.
//! PSS wants [`Params::Pss`], the others [`Params::None`]. A signature of another length than the
//! key's is [`Error::SignatureLen`], any other wrong one [`Error::SignatureInvalid`].

mod ecdsa;
mod pkcs1;
mod pss;
pub(crate) mod rsa;

use std::sync::Arc;

use rand_core::CryptoRng;

pub use self::ecdsa::Ecdsa;
pub use self::pkcs1::Pkcs1;
pub use self::pss::Pss;
use crate::digest::{MAX_LEN, ShaStream};
use crate::{Digest as _, DigestStream as _, Error, Hash, Key, Params, Result, Sign, SignStream};

/// A way to sign a digest. `hash` is the function that made `digest`, `None` where only the caller knows.
trait Scheme: Copy + Send + Sync + 'static {
    fn check(self, key: &Key, params: &Params, hash: Option<Hash>) -> Result<()>;
    fn signature_len(self, key: &Key) -> Result<usize>;
    fn sign(self, signing: Signing<'_>, out: &mut [u8], random: &mut dyn CryptoRng) -> Result<()>;
    fn verify(self, signing: Signing<'_>, signature: &[u8]) -> Result<()>;
}

/// What a scheme signs or verifies with.
#[derive(Clone, Copy)]
struct Signing<'a> {
    key: &'a Key,
    params: &'a Params,
    hash: Option<Hash>,
    digest: &'a [u8],
}

/// A signature algorithm: a scheme, over the digest or over the message.
pub struct Signature<S> {
    scheme: S,
    hash: Option<Hash>,
}

/// Declares a static for the digest and one per hash.
macro_rules! signatures {
    ($scheme:expr, $type:ty, $what:literal, $raw:ident, $sha1:ident, $sha224:ident, $sha256:ident, $sha384:ident, $sha512:ident) => {
        #[doc = concat!($what, " over a digest.")]
        pub static $raw: Signature<$type> = Signature { scheme: $scheme, hash: None };
        #[doc = concat!($what, " with SHA-1.")]
        pub static $sha1: Signature<$type> = Signature { scheme: $scheme, hash: Some(Hash::Sha1) };
        #[doc = concat!($what, " with SHA-224.")]
        pub static $sha224: Signature<$type> = Signature { scheme: $scheme, hash: Some(Hash::Sha224) };
        #[doc = concat!($what, " with SHA-256.")]
        pub static $sha256: Signature<$type> = Signature { scheme: $scheme, hash: Some(Hash::Sha256) };
        #[doc = concat!($what, " with SHA-384.")]
        pub static $sha384: Signature<$type> = Signature { scheme: $scheme, hash: Some(Hash::Sha384) };
        #[doc = concat!($what, " with SHA-512.")]
        pub static $sha512: Signature<$type> = Signature { scheme: $scheme, hash: Some(Hash::Sha512) };
    };
}

signatures!(
    Pkcs1(()),
    Pkcs1,
    "RSASSA-PKCS1-v1_5",
    RSA_PKCS,
    SHA1_RSA_PKCS,
    SHA224_RSA_PKCS,
    SHA256_RSA_PKCS,
    SHA384_RSA_PKCS,
    SHA512_RSA_PKCS
);
signatures!(
    Pss(()),
    Pss,
    "RSASSA-PSS",
    RSA_PKCS_PSS,
    SHA1_RSA_PKCS_PSS,
    SHA224_RSA_PKCS_PSS,
    SHA256_RSA_PKCS_PSS,
    SHA384_RSA_PKCS_PSS,
    SHA512_RSA_PKCS_PSS
);
signatures!(
    Ecdsa(()),
    Ecdsa,
    "ECDSA, r and s one after the other,",
    ECDSA,
    ECDSA_SHA1,
    ECDSA_SHA224,
    ECDSA_SHA256,
    ECDSA_SHA384,
    ECDSA_SHA512
);

impl<S: Scheme> Sign for Signature<S> {
    fn check(&self, key: &Key, params: &Params) -> Result<()> {
        self.scheme.check(key, params, self.hash)
    }

    fn signature_len(&self, key: &Key, _: &Params) -> Result<usize> {
        self.scheme.signature_len(key)
    }

    fn sign(
        &self,
        key: &Key,
        params: &Params,
        message: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize> {
        digested(self.hash, message, |digest| {
            sign(self.scheme, Signing { key, params, hash: self.hash, digest }, out, random)
        })
    }

    fn verify(&self, key: &Key, params: &Params, message: &[u8], signature: &[u8]) -> Result<()> {
        digested(self.hash, message, |digest| {
            verify(self.scheme, Signing { key, params, hash: self.hash, digest }, signature)
        })
    }

    fn stream(&self, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn SignStream>>> {
        self.check(key, params)?;
        let Some(hash) = self.hash else { return Ok(None) };
        let signature_len = self.scheme.signature_len(key)?;
        let (key, params, digest) = (Arc::clone(key), params.clone(), hash.digest().begin());
        Ok(Some(Box::new(SignatureStream { scheme: self.scheme, key, params, hash, digest, signature_len })))
    }
}

/// Runs `with` on the digest of `message`, or on `message` where that is the digest.
fn digested<T>(hash: Option<Hash>, message: &[u8], with: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let Some(hash) = hash else { return with(message) };
    let mut digest = [0; MAX_LEN];
    hash.digest().digest(message, &mut digest);
    with(digest.get(..hash.digest_len()).ok_or(Error::Internal)?)
}

fn sign<S: Scheme>(scheme: S, signing: Signing<'_>, out: &mut [u8], random: &mut dyn CryptoRng) -> Result<usize> {
    scheme.check(signing.key, signing.params, signing.hash)?;
    let len = scheme.signature_len(signing.key)?;
    scheme.sign(signing, crate::buffer::front(out, len)?, random)?;
    Ok(len)
}

fn verify<S: Scheme>(scheme: S, signing: Signing<'_>, signature: &[u8]) -> Result<()> {
    scheme.check(signing.key, signing.params, signing.hash)?;
    if signature.len() != scheme.signature_len(signing.key)? {
        return Err(Error::SignatureLen);
    }
    scheme.verify(signing, signature)
}

/// A multi-part signature over a message.
struct SignatureStream<S> {
    scheme: S,
    key: Arc<Key>,
    params: Params,
    hash: Hash,
    digest: ShaStream,
    signature_len: usize,
}

impl<S: Scheme> SignatureStream<S> {
    fn finish<T>(&mut self, with: impl FnOnce(S, Signing<'_>) -> Result<T>) -> Result<T> {
        let mut digest = [0; MAX_LEN];
        self.digest.finish(&mut digest);
        let digest = digest.get(..self.hash.digest_len()).ok_or(Error::Internal)?;
        with(self.scheme, Signing { key: &self.key, params: &self.params, hash: Some(self.hash), digest })
    }
}

impl<S: Scheme> SignStream for SignatureStream<S> {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.digest.update(part);
        Ok(())
    }

    fn signature_len(&self) -> usize {
        self.signature_len
    }

    fn sign(&mut self, out: &mut [u8], random: &mut dyn CryptoRng) -> Result<usize> {
        self.finish(|scheme, signing| sign(scheme, signing, out, random))
    }

    fn verify(&mut self, signature: &[u8]) -> Result<()> {
        self.finish(|scheme, signing| verify(scheme, signing, signature))
    }
}

/// Refuses parameters where a scheme has none.
fn require_none(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        _ => Err(Error::Params),
    }
}
