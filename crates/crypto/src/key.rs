//! Keys, parsed once and shared between operations.
//!
//! A [`Key`] owns its components and, beside them, the prepared forms that engines need: a key
//! schedule, a parsed private key. Each is built at its first use and lives as long as the key.
//! Not here: attributes, usages, storage.

mod ec;
mod rsa;
mod secret;

use std::sync::OnceLock;

pub use self::ec::{Curve, EcParts};
pub(crate) use self::ec::{EcPrivate, EcPublic};
pub(crate) use self::rsa::{MAX_EXPONENT_BITS, RsaPrivate, RsaPublic};
pub use self::rsa::{MAX_RSA_BITS, MIN_RSA_BITS, RsaParts};
pub(crate) use self::secret::SecretKey;
use crate::{Error, Result, Secret};

/// A key of any type. Shared as `Arc<Key>`; never printed, never cloned.
pub struct Key(Form);

/// What a [`Key`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Bytes: an AES key, an HMAC key, input of a derivation.
    Secret,
    /// An RSA private key.
    RsaPrivate,
    /// An RSA public key.
    RsaPublic,
    /// A private key on an elliptic curve.
    EcPrivate,
    /// A public key on an elliptic curve.
    EcPublic,
}

enum Form {
    Secret(Box<SecretKey>),
    RsaPrivate(Box<RsaPrivate>),
    RsaPublic(Box<RsaPublic>),
    EcPrivate(Box<EcPrivate>),
    EcPublic(Box<EcPublic>),
}

impl Key {
    /// Secret bytes of any length; what an algorithm demands of the length it checks itself.
    pub fn secret(value: Secret) -> Self {
        Self(Form::Secret(Box::new(SecretKey::new(value))))
    }

    /// An RSA private key of [`MIN_RSA_BITS`] to [`MAX_RSA_BITS`] bits with two primes. Modulus and
    /// public exponent are needed; of the rest either the private exponent or both primes. What is
    /// missing is computed, what is there is checked for consistency (not for primality).
    ///
    /// A key without primes needs a public exponent above 65536 (NIST SP 800-56B, C.2).
    ///
    /// # Errors
    /// [`Error::KeySize`] for a modulus out of range, [`Error::KeyInvalid`] for parts that are
    /// missing, contradict each other or are no RSA key.
    pub fn rsa_private(parts: RsaParts) -> Result<Self> {
        Ok(Self(Form::RsaPrivate(Box::new(RsaPrivate::new(parts)?))))
    }

    /// An RSA public key, big-endian; leading zeros are dropped.
    ///
    /// # Errors
    /// As [`Key::rsa_private`].
    pub fn rsa_public(modulus: &[u8], public_exponent: &[u8]) -> Result<Self> {
        Ok(Self(Form::RsaPublic(Box::new(RsaPublic::new(modulus, public_exponent)?))))
    }

    /// A private key on `curve`: the scalar, big-endian, leading zeros optional. The point is computed.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] unless the scalar is in 1..n.
    pub fn ec_private(curve: Curve, scalar: Secret) -> Result<Self> {
        Ok(Self(Form::EcPrivate(Box::new(EcPrivate::new(curve, &scalar)?))))
    }

    /// A public key on `curve`: a point as SEC 1 encodes it, compressed or not.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] for an encoding that is not exact, a point off the curve or infinity.
    pub fn ec_public(curve: Curve, point: &[u8]) -> Result<Self> {
        Ok(Self(Form::EcPublic(Box::new(EcPublic::new(curve, point)?))))
    }

    /// What this is.
    pub fn kind(&self) -> KeyKind {
        match &self.0 {
            Form::Secret(_) => KeyKind::Secret,
            Form::RsaPrivate(_) => KeyKind::RsaPrivate,
            Form::RsaPublic(_) => KeyKind::RsaPublic,
            Form::EcPrivate(_) => KeyKind::EcPrivate,
            Form::EcPublic(_) => KeyKind::EcPublic,
        }
    }

    /// The size in bits: of the bytes, the modulus or the curve's field.
    pub fn bits(&self) -> usize {
        match &self.0 {
            Form::Secret(key) => key.value.len().saturating_mul(8),
            Form::RsaPrivate(key) => key.public.bits(),
            Form::RsaPublic(key) => key.bits(),
            Form::EcPrivate(key) => key.parts.curve.bits(),
            Form::EcPublic(key) => key.curve.bits(),
        }
    }

    /// The public half: of a private key its public key, of a public key another copy.
    ///
    /// # Errors
    /// [`Error::KeyType`] for a secret key.
    pub fn public(&self) -> Result<Self> {
        match &self.0 {
            Form::Secret(_) => Err(Error::KeyType),
            Form::RsaPrivate(_) | Form::RsaPublic(_) => {
                let key = self.as_rsa_public()?;
                Self::rsa_public(&key.modulus, &key.public_exponent)
            }
            Form::EcPrivate(_) | Form::EcPublic(_) => {
                let key = self.as_ec_public()?;
                Self::ec_public(key.curve, &key.point)
            }
        }
    }

    /// The bytes of a secret key.
    pub fn value(&self) -> Option<&Secret> {
        match &self.0 {
            Form::Secret(key) => Some(&key.value),
            _ => None,
        }
    }

    /// All parts of an RSA private key.
    pub fn rsa_parts(&self) -> Option<&RsaParts> {
        match &self.0 {
            Form::RsaPrivate(key) => Some(&key.parts),
            _ => None,
        }
    }

    /// Modulus and public exponent of an RSA key, private or public; big-endian without leading zeros.
    pub fn rsa_public_parts(&self) -> Option<(&[u8], &[u8])> {
        let key = self.as_rsa_public().ok()?;
        Some((&key.modulus, &key.public_exponent))
    }

    /// All parts of a private key on a curve.
    pub fn ec_parts(&self) -> Option<&EcParts> {
        match &self.0 {
            Form::EcPrivate(key) => Some(&key.parts),
            _ => None,
        }
    }

    /// The curve of a key on a curve, private or public.
    pub fn curve(&self) -> Option<Curve> {
        Some(self.as_ec_public().ok()?.curve)
    }

    /// The uncompressed point of a key on a curve, private or public.
    pub fn point(&self) -> Option<&[u8]> {
        Some(&self.as_ec_public().ok()?.point)
    }

    pub(crate) fn as_secret(&self) -> Result<&SecretKey> {
        match &self.0 {
            Form::Secret(key) => Ok(key),
            _ => Err(Error::KeyType),
        }
    }

    pub(crate) fn as_rsa_private(&self) -> Result<&RsaPrivate> {
        match &self.0 {
            Form::RsaPrivate(key) => Ok(key),
            _ => Err(Error::KeyType),
        }
    }

    /// The public half of a private key too.
    pub(crate) fn as_rsa_public(&self) -> Result<&RsaPublic> {
        match &self.0 {
            Form::RsaPrivate(key) => Ok(&key.public),
            Form::RsaPublic(key) => Ok(key),
            _ => Err(Error::KeyType),
        }
    }

    pub(crate) fn as_ec_private(&self) -> Result<&EcPrivate> {
        match &self.0 {
            Form::EcPrivate(key) => Ok(key),
            _ => Err(Error::KeyType),
        }
    }

    /// The public half of a private key too.
    pub(crate) fn as_ec_public(&self) -> Result<&EcPublic> {
        match &self.0 {
            Form::EcPrivate(key) => Ok(&key.public),
            Form::EcPublic(key) => Ok(key),
            _ => Err(Error::KeyType),
        }
    }
}

/// What `cell` holds, made by `make` the first time that it succeeds.
pub(crate) fn prepared<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
