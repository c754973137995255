//! RSASSA-PKCS1-v1_5, RFC 8017 section 8.2.
//!
//! What is padded is a DigestInfo; over the digest (`CKM_RSA_PKCS`) the caller brings it, or any
//! other bytes. aws-lc signs a DigestInfo of SHA-256, SHA-384 and SHA-512; everything else is padded
//! by `rsa`, blinded with the caller's randomness.

use std::sync::LazyLock;

use ::rsa::Pkcs1v15Sign;
use rand_core::CryptoRng;

use super::rsa::{pkcs1_signing, pkcs1_verifying, sign_digest, verify_digest, verifying_key};
use super::{Scheme, Signing, require_none};
use crate::hash::with_hash;
use crate::{Error, Hash, Key, Params, Result};

/// RSASSA-PKCS1-v1_5.
#[derive(Clone, Copy)]
pub struct Pkcs1(pub(super) ());

/// The least that the padding adds.
const OVERHEAD: usize = 11;

/// What stands before the digest in a DigestInfo, in the order of [`Hash::ALL`].
static PREFIXES: LazyLock<[Box<[u8]>; Hash::ALL.len()]> =
    LazyLock::new(|| Hash::ALL.map(|hash| with_hash!(hash, H => Pkcs1v15Sign::new::<H>().prefix)));

/// What is to be padded.
enum Content<'a> {
    /// A DigestInfo.
    Digest(Hash, &'a [u8]),
    /// Other bytes.
    Bytes(&'a [u8]),
}

impl<'a> Content<'a> {
    fn of(signing: &Signing<'a>) -> Self {
        match signing.hash {
            Some(hash) => Self::Digest(hash, signing.digest),
            None => Self::parse(signing.digest),
        }
    }

    fn parse(bytes: &'a [u8]) -> Self {
        for (hash, prefix) in Hash::ALL.into_iter().zip(PREFIXES.iter()) {
            if let Some(digest) = bytes.strip_prefix(prefix.as_ref())
                && digest.len() == hash.digest_len()
            {
                return Self::Digest(hash, digest);
            }
        }
        Self::Bytes(bytes)
    }

    /// The bytes after the padding.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Digest(hash, digest) => {
                let prefix = PREFIXES.get(*hash as usize).map(Box::as_ref).unwrap_or_default();
                [prefix, digest].concat()
            }
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

/// Refuses what is too long to be padded.
fn check_len(signing: &Signing<'_>) -> Result<()> {
    let room = signing.key.as_rsa_public()?.len().saturating_sub(OVERHEAD);
    if signing.hash.is_none() && signing.digest.len() > room { Err(Error::DataLen) } else { Ok(()) }
}

impl Scheme for Pkcs1 {
    fn check(self, key: &Key, params: &Params, _: Option<Hash>) -> Result<()> {
        key.as_rsa_public()?;
        require_none(params)
    }

    fn signature_len(self, key: &Key) -> Result<usize> {
        Ok(key.as_rsa_public()?.len())
    }

    fn sign(self, signing: Signing<'_>, out: &mut [u8], mut random: &mut dyn CryptoRng) -> Result<()> {
        check_len(&signing)?;
        let key = signing.key.as_rsa_private()?;
        let content = Content::of(&signing);
        if let Content::Digest(hash, digest) = content
            && let Some(encoding) = pkcs1_signing(hash)
        {
            return sign_digest(key, encoding, hash, digest, out);
        }
        let signature = key.fallback()?.sign_with_rng(&mut random, Pkcs1v15Sign::new_unprefixed(), &content.bytes());
        crate::buffer::put(out, &signature.map_err(|_| Error::Internal)?).map(drop)
    }

    fn verify(self, signing: Signing<'_>, signature: &[u8]) -> Result<()> {
        check_len(&signing)?;
        let key = verifying_key(signing.key)?;
        let content = Content::of(&signing);
        if let Content::Digest(hash, digest) = content
            && let Some(params) = pkcs1_verifying(hash)
        {
            return verify_digest(key, params, hash, digest, signature);
        }
        key.fallback()?
            .verify(Pkcs1v15Sign::new_unprefixed(), &content.bytes(), signature)
            .map_err(|_| Error::SignatureInvalid)
    }
}
