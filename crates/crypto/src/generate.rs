//! Making keys.
//!
//! aws-lc draws from its own generator (CTR-DRBG of SP 800-90A over the system's entropy, fork-safe);
//! secret bytes come from [`SystemRandom`].

use ::rsa::pkcs8::EncodePrivateKey as _;
use ::rsa::{BoxedUint, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};

use crate::key::MAX_EXPONENT_BITS;
use crate::{Curve, EcParts, Error, MIN_RSA_BITS, Result, RsaParts, Secret, SystemRandom, encoding};

/// The largest modulus made, in bits.
const MAX_BITS: usize = 4096;
/// The public exponent that aws-lc uses.
const F4: u64 = 65537;

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

/// An RSA key pair with a modulus of exactly `bits` bits, 2048 to 4096 in steps of 8. The public
/// exponent is big-endian, odd and at most 33 bits long. aws-lc makes the usual keys (2048, 3072 or
/// 4096 bits, 65537), `rsa` the others.
///
/// # Errors
/// [`Error::KeySize`], [`Error::Params`] for the public exponent, [`Error::Random`].
pub fn rsa(bits: usize, public_exponent: &[u8]) -> Result<RsaParts> {
    if !(MIN_RSA_BITS..=MAX_BITS).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(Error::KeySize);
    }
    let public_exponent = exponent(public_exponent)?;
    let size = match bits {
        2048 => Some(KeySize::Rsa2048),
        3072 => Some(KeySize::Rsa3072),
        4096 => Some(KeySize::Rsa4096),
        _ => None,
    };
    match size {
        Some(size) if public_exponent == F4 => common_rsa(size),
        _ => other_rsa(bits, public_exponent),
    }
}

fn common_rsa(size: KeySize) -> Result<RsaParts> {
    let pair = KeyPair::generate(size).map_err(|_| Error::Internal)?;
    let document = pair.as_der().map_err(|_| Error::Internal)?;
    encoding::rsa_parts(document.as_ref())
}

fn other_rsa(bits: usize, public_exponent: u64) -> Result<RsaParts> {
    let random = SystemRandom::new();
    random.fill(&mut [0; 1])?;
    let key = PrivateKey::new_with_exp(&mut random.clone(), bits, BoxedUint::from(public_exponent));
    let document = key.and_then(|key| key.to_pkcs8_der().map_err(Into::into)).map_err(|_| Error::Internal)?;
    encoding::rsa_parts(document.as_bytes())
}

/// The public exponent as a number.
fn exponent(bytes: &[u8]) -> Result<u64> {
    let start = bytes.len().saturating_sub(8);
    let (zeros, bytes) = bytes.split_at(start);
    let value = bytes.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    let fits = zeros.iter().all(|&byte| byte == 0) && value > 1 && value % 2 == 1 && value < 1 << MAX_EXPONENT_BITS;
    if fits { Ok(value) } else { Err(Error::Params) }
}
