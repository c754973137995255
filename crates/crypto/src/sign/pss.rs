//! RSASSA-PSS, RFC 8017 section 8.1, with one hash for message and mask, as the RFC recommends;
//! two different ones are [`Error::Params`].
//!
//! aws-lc serves SHA-256, SHA-384 and SHA-512 with any salt; SHA-1 and SHA-224 fall to `rsa`, blinded
//! with the caller's randomness.

use ::rsa::Pss as Fallback;
use rand_core::CryptoRng;

use super::rsa::{pss_signing, pss_verifying, sign_digest, verify_digest, verifying_key};
use super::{Scheme, Signing};
use crate::hash::with_hash;
use crate::{Error, Hash, Key, Params, PssParams, Result};

/// RSASSA-PSS.
#[derive(Clone, Copy)]
pub struct Pss(pub(super) ());

fn pss_params(params: &Params) -> Result<PssParams> {
    match params {
        Params::Pss(params) if params.hash == params.mgf => Ok(*params),
        _ => Err(Error::Params),
    }
}

/// The parameters, after a check of the digest's length.
fn ready(signing: &Signing<'_>) -> Result<PssParams> {
    let params = pss_params(signing.params)?;
    if signing.digest.len() == params.hash.digest_len() { Ok(params) } else { Err(Error::DataLen) }
}

impl Scheme for Pss {
    fn check(self, key: &Key, params: &Params, hash: Option<Hash>) -> Result<()> {
        let key = key.as_rsa_public()?;
        let params = pss_params(params)?;
        let encoded_len = key.bits().saturating_sub(1).div_ceil(8);
        let room = encoded_len.saturating_sub(params.hash.digest_len() + 2);
        let matches = hash.is_none_or(|hash| hash == params.hash);
        if matches && params.salt_len <= room { Ok(()) } else { Err(Error::Params) }
    }

    fn signature_len(self, key: &Key) -> Result<usize> {
        Ok(key.as_rsa_public()?.len())
    }

    fn sign(self, signing: Signing<'_>, out: &mut [u8], mut random: &mut dyn CryptoRng) -> Result<()> {
        let params = ready(&signing)?;
        let key = signing.key.as_rsa_private()?;
        if let Some(encoding) = pss_signing(params.hash, params.salt_len) {
            return sign_digest(key, encoding, params.hash, signing.digest, out);
        }
        let key = key.fallback()?;
        let signature = with_hash!(params.hash, H => {
            key.sign_with_rng(&mut random, Fallback::<H>::new_blinded_with_salt(params.salt_len), signing.digest)
        });
        crate::buffer::put(out, &signature.map_err(|_| Error::Internal)?).map(drop)
    }

    fn verify(self, signing: Signing<'_>, signature: &[u8]) -> Result<()> {
        let params = ready(&signing)?;
        let key = verifying_key(signing.key)?;
        if let Some(verifying) = pss_verifying(params.hash, params.salt_len) {
            return verify_digest(key, verifying, params.hash, signing.digest, signature);
        }
        let key = key.fallback()?;
        with_hash!(params.hash, H => {
            key.verify(Fallback::<H>::new_with_salt(params.salt_len), signing.digest, signature)
        })
        .map_err(|_| Error::SignatureInvalid)
    }
}
