//! RSA keys (RFC 8017, section 3) with the forms that signing, decrypting and their opposites need.
//!
//! aws-lc does the private-key operations that it offers and checks the parts against each other;
//! `rsa` computes missing parts and serves the schemes that aws-lc-rs has no name for.

use std::sync::OnceLock;

use ::rsa::BoxedUint;
use ::rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey,
    Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use zeroize::Zeroizing;

use super::prepared;
use crate::{Error, Result, Secret, encoding};

/// The smallest modulus taken, in bits.
pub const MIN_RSA_BITS: usize = 2048;
/// The largest modulus taken, in bits.
pub const MAX_RSA_BITS: usize = 8192;
/// The largest public exponent taken, in bits: what both libraries below take.
pub(crate) const MAX_EXPONENT_BITS: usize = 33;

/// The parts of an RSA private key, big-endian without leading zeros. What is empty is not known.
#[derive(Default)]
pub struct RsaParts {
    /// n
    pub modulus: Vec<u8>,
    /// e
    pub public_exponent: Vec<u8>,
    /// d
    pub private_exponent: Secret,
    /// p
    pub prime_1: Secret,
    /// q
    pub prime_2: Secret,
    /// d mod (p-1)
    pub exponent_1: Secret,
    /// d mod (q-1)
    pub exponent_2: Secret,
    /// q^-1 mod p
    pub coefficient: Secret,
}

impl RsaParts {
    fn secrets(&mut self) -> [&mut Secret; 6] {
        [
            &mut self.private_exponent,
            &mut self.prime_1,
            &mut self.prime_2,
            &mut self.exponent_1,
            &mut self.exponent_2,
            &mut self.coefficient,
        ]
    }
}

/// An RSA private key with its prepared forms.
pub(crate) struct RsaPrivate {
    pub(crate) parts: RsaParts,
    pub(crate) public: RsaPublic,
    /// Made at once, because making it is the consistency check.
    pub(crate) signing: KeyPair,
    decrypting: OnceLock<Decrypting>,
    fallback: OnceLock<::rsa::PrivateKey>,
}

/// The forms for decryption, one per padding.
pub(crate) struct Decrypting {
    pub(crate) pkcs1: Pkcs1PrivateDecryptingKey,
    pub(crate) oaep: OaepPrivateDecryptingKey,
}

impl RsaPrivate {
    pub(super) fn new(mut parts: RsaParts) -> Result<Self> {
        let public = RsaPublic::new(&parts.modulus, &parts.public_exponent)?;
        parts.modulus.clone_from(&public.modulus);
        parts.public_exponent.clone_from(&public.public_exponent);
        for secret in parts.secrets() {
            *secret = Secret::copy_of(trimmed(secret.expose()));
        }
        if parts.secrets().iter().any(|secret| secret.is_empty()) {
            complete(&mut parts)?;
        }
        let signing = checked(&parts)?;
        Ok(Self { parts, public, signing, decrypting: OnceLock::new(), fallback: OnceLock::new() })
    }

    /// The key for decryption with aws-lc.
    pub(crate) fn decrypting(&self) -> Result<&Decrypting> {
        prepared(&self.decrypting, || {
            let document = self.signing.as_der().map_err(|_| Error::Internal)?;
            let key = PrivateDecryptingKey::from_pkcs8(document.as_ref()).map_err(|_| Error::Internal)?;
            Ok(Decrypting {
                pkcs1: Pkcs1PrivateDecryptingKey::new(key.clone()).map_err(|_| Error::Internal)?,
                oaep: OaepPrivateDecryptingKey::new(key).map_err(|_| Error::Internal)?,
            })
        })
    }

    /// The key for what aws-lc-rs has no name for. Every use must be blinded.
    pub(crate) fn fallback(&self) -> Result<&::rsa::PrivateKey> {
        prepared(&self.fallback, || {
            let primes = vec![secret_uint(&self.parts.prime_1)?, secret_uint(&self.parts.prime_2)?];
            from_components(&self.parts, primes)
        })
    }
}

/// An RSA public key with its prepared forms.
pub(crate) struct RsaPublic {
    pub(crate) modulus: Vec<u8>,
    pub(crate) public_exponent: Vec<u8>,
    encrypting: OnceLock<Encrypting>,
    fallback: OnceLock<::rsa::PublicKey>,
    pub(crate) verifying: crate::sign::rsa::Verifying,
}

/// The forms for encryption, one per padding.
pub(crate) struct Encrypting {
    pub(crate) pkcs1: Pkcs1PublicEncryptingKey,
    pub(crate) oaep: OaepPublicEncryptingKey,
}

impl RsaPublic {
    pub(super) fn new(modulus: &[u8], public_exponent: &[u8]) -> Result<Self> {
        let (modulus, public_exponent) = (trimmed(modulus), trimmed(public_exponent));
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bit_len(modulus)) {
            return Err(Error::KeySize);
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let exponent_fits = bit_len(public_exponent) <= MAX_EXPONENT_BITS && public_exponent != [1];
        if !odd(modulus) || !odd(public_exponent) || !exponent_fits {
            return Err(Error::KeyInvalid);
        }
        Ok(Self {
            modulus: modulus.to_vec(),
            public_exponent: public_exponent.to_vec(),
            encrypting: OnceLock::new(),
            fallback: OnceLock::new(),
            verifying: Default::default(),
        })
    }

    /// The length of the modulus in bits.
    pub(crate) fn bits(&self) -> usize {
        bit_len(&self.modulus)
    }

    /// The length of the modulus, a ciphertext or a signature in bytes: k in RFC 8017.
    pub(crate) fn len(&self) -> usize {
        self.modulus.len()
    }

    /// The key for encryption with aws-lc.
    pub(crate) fn encrypting(&self) -> Result<&Encrypting> {
        prepared(&self.encrypting, || {
            let info = encoding::rsa_public_key_info(&self.modulus, &self.public_exponent)?;
            let key = PublicEncryptingKey::from_der(&info).map_err(|_| Error::KeyInvalid)?;
            Ok(Encrypting {
                pkcs1: Pkcs1PublicEncryptingKey::new(key.clone()).map_err(|_| Error::Internal)?,
                oaep: OaepPublicEncryptingKey::new(key).map_err(|_| Error::Internal)?,
            })
        })
    }

    /// The key for what aws-lc-rs has no name for.
    pub(crate) fn fallback(&self) -> Result<&::rsa::PublicKey> {
        prepared(&self.fallback, || {
            ::rsa::PublicKey::new(uint(&self.modulus)?, uint(&self.public_exponent)?).map_err(|_| Error::KeyInvalid)
        })
    }
}

/// Computes the parts that are empty.
fn complete(parts: &mut RsaParts) -> Result<()> {
    let has_primes = !parts.prime_1.is_empty() && !parts.prime_2.is_empty();
    let primes = if has_primes { vec![secret_uint(&parts.prime_1)?, secret_uint(&parts.prime_2)?] } else { Vec::new() };
    let key =
        if parts.private_exponent.is_empty() { from_primes(parts, primes)? } else { from_components(parts, primes)? };
    fill(&mut parts.private_exponent, key.d());
    let [p, q] = key.primes() else { return Err(Error::KeyInvalid) };
    fill(&mut parts.prime_1, p);
    fill(&mut parts.prime_2, q);
    fill(&mut parts.exponent_1, key.dp().ok_or(Error::KeyInvalid)?);
    fill(&mut parts.exponent_2, key.dq().ok_or(Error::KeyInvalid)?);
    fill(&mut parts.coefficient, &key.crt_coefficient().ok_or(Error::KeyInvalid)?);
    Ok(())
}

/// The key of two primes, which must be those of the modulus.
fn from_primes(parts: &RsaParts, mut primes: Vec<BoxedUint>) -> Result<::rsa::PrivateKey> {
    let (Some(q), Some(p)) = (primes.pop(), primes.pop()) else { return Err(Error::KeyInvalid) };
    let key = ::rsa::PrivateKey::from_p_q(p, q, uint(&parts.public_exponent)?).map_err(|_| Error::KeyInvalid)?;
    if key.n_bytes().as_ref() != parts.modulus.as_slice() {
        return Err(Error::KeyInvalid);
    }
    Ok(key)
}

/// The key of n, e and d; without primes they are searched for.
fn from_components(parts: &RsaParts, primes: Vec<BoxedUint>) -> Result<::rsa::PrivateKey> {
    let (n, e) = (uint(&parts.modulus)?, uint(&parts.public_exponent)?);
    ::rsa::PrivateKey::from_components(n, e, secret_uint(&parts.private_exponent)?, primes)
        .map_err(|_| Error::KeyInvalid)
}

/// The signing key, after aws-lc has found that all parts belong together.
fn checked(parts: &RsaParts) -> Result<KeyPair> {
    KeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents { n: parts.modulus.as_slice(), e: parts.public_exponent.as_slice() },
        d: parts.private_exponent.expose(),
        p: parts.prime_1.expose(),
        q: parts.prime_2.expose(),
        dP: parts.exponent_1.expose(),
        dQ: parts.exponent_2.expose(),
        qInv: parts.coefficient.expose(),
    })
    .map_err(|_| Error::KeyInvalid)
}

/// Sets `part` to `number` unless it is known already.
fn fill(part: &mut Secret, number: &BoxedUint) {
    if part.is_empty() {
        let bytes = Zeroizing::new(number.to_be_bytes());
        *part = Secret::copy_of(trimmed(&bytes));
    }
}

fn uint(bytes: &[u8]) -> Result<BoxedUint> {
    let bits = u32::try_from(bytes.len().saturating_mul(8)).map_err(|_| Error::KeyInvalid)?;
    BoxedUint::from_be_slice(bytes, bits).map_err(|_| Error::KeyInvalid)
}

/// A secret number; nothing is longer than the largest modulus, and zero is never a part.
fn secret_uint(secret: &Secret) -> Result<BoxedUint> {
    if secret.is_empty() || secret.len() > MAX_RSA_BITS / 8 {
        return Err(Error::KeyInvalid);
    }
    uint(secret.expose())
}

/// `number` without leading zeros.
fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The length of a number without leading zero bytes, in bits.
fn bit_len(number: &[u8]) -> usize {
    number.first().map_or(0, |first| (number.len() * 8).saturating_sub(first.leading_zeros() as usize))
}
