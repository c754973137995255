//! Keys on the NIST curves P-256 and P-384 (SP 800-186), points as SEC 1 encodes them.
//!
//! `p256` and `p384` check, compress and compute points; aws-lc signs, verifies and agrees.

use std::sync::OnceLock;

use aws_lc_rs::agreement;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    EcdsaKeyPair, ParsedPublicKey,
};
use p256::elliptic_curve::sec1::ToSec1Point as _;

use super::prepared;
use crate::{Error, Result, Secret};

/// An elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256, secp256r1, prime256v1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 2] = [Self::P256, Self::P384];

    /// The size of the field, and of the group's order, in bits.
    pub fn bits(self) -> usize {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
        }
    }

    /// The length of a coordinate or a scalar in bytes.
    pub fn field_len(self) -> usize {
        self.bits() / 8
    }
}

/// The parts of a private key on a curve.
pub struct EcParts {
    /// The curve.
    pub curve: Curve,
    /// The private scalar, big-endian, [`Curve::field_len`] bytes.
    pub scalar: Secret,
    /// The public point, SEC 1 uncompressed: 4, x, y.
    pub point: Vec<u8>,
}

/// A private key on a curve with its forms for signing and for agreeing on a secret.
pub(crate) struct EcPrivate {
    pub(crate) parts: EcParts,
    pub(crate) public: EcPublic,
    signing: OnceLock<EcdsaKeyPair>,
    agreeing: OnceLock<agreement::PrivateKey>,
}

impl EcPrivate {
    pub(super) fn new(curve: Curve, scalar: &Secret) -> Result<Self> {
        let scalar = fixed_len(curve, scalar.expose())?;
        let point = multiply_base(curve, &scalar)?;
        let public = EcPublic { curve, point: point.clone(), verifying: OnceLock::new() };
        let parts = EcParts { curve, scalar, point };
        Ok(Self { parts, public, signing: OnceLock::new(), agreeing: OnceLock::new() })
    }

    /// The key for ECDSA over a digest as long as the curve's order.
    pub(crate) fn signing(&self) -> Result<&EcdsaKeyPair> {
        prepared(&self.signing, || {
            let algorithm = match self.parts.curve {
                Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            };
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, self.parts.scalar.expose(), &self.parts.point)
                .map_err(|_| Error::KeyInvalid)
        })
    }

    /// The x coordinate of the point that this key and `public`, a key on the same curve, agree on
    /// (SP 800-56A section 5.7.1.2). The orders are prime, so it is never infinity.
    pub(crate) fn agree(&self, public: &EcPublic) -> Result<Secret> {
        let algorithm = match self.parts.curve {
            Curve::P256 => &agreement::ECDH_P256,
            Curve::P384 => &agreement::ECDH_P384,
        };
        let private = prepared(&self.agreeing, || {
            agreement::PrivateKey::from_private_key(algorithm, self.parts.scalar.expose()).map_err(|_| Error::Internal)
        })?;
        let peer = agreement::UnparsedPublicKey::new(algorithm, &public.point);
        agreement::agree(private, peer, Error::Params, |shared| Ok(Secret::copy_of(shared)))
    }
}

/// A public key on a curve with its verifying form.
pub(crate) struct EcPublic {
    pub(crate) curve: Curve,
    /// SEC 1 uncompressed.
    pub(crate) point: Vec<u8>,
    verifying: OnceLock<ParsedPublicKey>,
}

impl EcPublic {
    pub(super) fn new(curve: Curve, point: &[u8]) -> Result<Self> {
        Ok(Self { curve, point: uncompress(curve, point)?, verifying: OnceLock::new() })
    }

    /// The key for ECDSA over a digest as long as the curve's order.
    pub(crate) fn verifying(&self) -> Result<&ParsedPublicKey> {
        prepared(&self.verifying, || {
            let algorithm = match self.curve {
                Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                Curve::P384 => &ECDSA_P384_SHA384_FIXED,
            };
            ParsedPublicKey::new(algorithm, &self.point).map_err(|_| Error::KeyInvalid)
        })
    }
}

/// `scalar` with exactly as many bytes as `curve` has: zeros added in front, or dropped.
fn fixed_len(curve: Curve, scalar: &[u8]) -> Result<Secret> {
    let mut fixed = Secret::zeroed(curve.field_len());
    let surplus = scalar.len().saturating_sub(curve.field_len());
    let (zeros, value) = scalar.split_at(surplus);
    if zeros.iter().any(|&byte| byte != 0) {
        return Err(Error::KeyInvalid);
    }
    let start = curve.field_len() - value.len();
    fixed.expose_mut()[start..].copy_from_slice(value);
    Ok(fixed)
}

/// The public point of `scalar`, uncompressed; refuses 0 and what is not below the order.
fn multiply_base(curve: Curve, scalar: &Secret) -> Result<Vec<u8>> {
    match curve {
        Curve::P256 => {
            let key = p256::SecretKey::from_slice(scalar.expose()).map_err(|_| Error::KeyInvalid)?;
            Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec())
        }
        Curve::P384 => {
            let key = p384::SecretKey::from_slice(scalar.expose()).map_err(|_| Error::KeyInvalid)?;
            Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec())
        }
    }
}

/// `point` uncompressed; refuses what is off the curve, infinity, the hybrid forms, and the form with tag 5
/// that `p256` takes and SEC 1 does not have.
fn uncompress(curve: Curve, point: &[u8]) -> Result<Vec<u8>> {
    if !matches!(point.first(), Some(2..=4)) {
        return Err(Error::KeyInvalid);
    }
    match curve {
        Curve::P256 => {
            let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| Error::KeyInvalid)?;
            Ok(key.to_sec1_point(false).as_bytes().to_vec())
        }
        Curve::P384 => {
            let key = p384::PublicKey::from_sec1_bytes(point).map_err(|_| Error::KeyInvalid)?;
            Ok(key.to_sec1_point(false).as_bytes().to_vec())
        }
    }
}
