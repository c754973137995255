//! ECDSA, FIPS 186-5 section 6.4, on aws-lc; a signature is r and s, each as long as the order
//! (PKCS#11 section 6.3.1).
//!
//! FIPS takes the leftmost bits of a digest, as many as the order has, as a number. So a digest of
//! any length is the same as one of exactly the order's length: cut behind, or filled in front with
//! zeros. That one form is what aws-lc is given, whatever the hash was.

use aws_lc_rs::digest::{Digest, SHA256, SHA384};
use rand_core::CryptoRng;

use super::{Scheme, Signing, require_none};
use crate::digest::MAX_LEN;
use crate::{Curve, Error, Hash, Key, KeyKind, Params, Result};

/// ECDSA.
#[derive(Clone, Copy)]
pub struct Ecdsa(pub(super) ());

/// `digest` as a digest of exactly the length of the order of `curve`.
fn fitted(curve: Curve, digest: &[u8]) -> Result<Digest> {
    let mut bytes = [0; MAX_LEN];
    let bytes = bytes.get_mut(..curve.field_len()).ok_or(Error::Internal)?;
    let kept = digest.get(..curve.field_len()).unwrap_or(digest);
    let start = curve.field_len() - kept.len();
    bytes.get_mut(start..).ok_or(Error::Internal)?.copy_from_slice(kept);
    let algorithm = match curve {
        Curve::P256 => &SHA256,
        Curve::P384 => &SHA384,
    };
    Digest::import_less_safe(bytes, algorithm).map_err(|_| Error::Internal)
}

impl Scheme for Ecdsa {
    fn check(self, key: &Key, params: &Params, _: Option<Hash>) -> Result<()> {
        key.as_ec_public()?;
        require_none(params)
    }

    fn signature_len(self, key: &Key) -> Result<usize> {
        Ok(2 * key.as_ec_public()?.curve.field_len())
    }

    fn sign(self, signing: Signing<'_>, out: &mut [u8], _: &mut dyn CryptoRng) -> Result<()> {
        if signing.digest.is_empty() {
            return Err(Error::DataLen);
        }
        let key = signing.key.as_ec_private()?;
        let digest = fitted(key.parts.curve, signing.digest)?;
        let signature = key.signing()?.sign_digest(&digest).map_err(|_| Error::Internal)?;
        crate::buffer::put(out, signature.as_ref()).map(drop)
    }

    fn verify(self, signing: Signing<'_>, signature: &[u8]) -> Result<()> {
        if signing.digest.is_empty() {
            return Err(Error::DataLen);
        }
        if signing.key.kind() != KeyKind::EcPublic {
            return Err(Error::KeyType);
        }
        let key = signing.key.as_ec_public()?;
        let digest = fitted(key.curve, signing.digest)?;
        key.verifying()?.verify_digest_sig(&digest, signature).map_err(|_| Error::SignatureInvalid)
    }
}
