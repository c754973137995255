//! Keys as DER: PKCS#8 (RFC 5208, RFC 5958), SubjectPublicKeyInfo (RFC 5280), EC parameters and
//! points (RFC 5480, PKCS#11 section 6.3).
//!
//! Decoding takes DER alone, refuses trailing bytes, and checks what is stated twice. Every failure
//! is [`Error::KeyInvalid`] unless said otherwise; a key beyond the sizes taken is [`Error::KeySize`].

use rsa::pkcs1::{self, RsaPrivateKeyRef, RsaPublicKeyRef};
use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef, Null, OctetStringRef, PrintableStringRef, UintRef};
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::spki::AlgorithmIdentifierRef;
use rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};

use crate::{Curve, EcParts, Error, Key, Result, RsaParts, Secret};

/// id-ecPublicKey, RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The curves, RFC 5480 section 2.1.1.1.
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

impl Curve {
    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => SECP256R1,
            Self::P384 => SECP384R1,
        }
    }

    /// What `curveName` may hold.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::P256 => &["secp256r1", "prime256v1", "P-256"],
            Self::P384 => &["secp384r1", "P-384"],
        }
    }

    fn find(matches: impl Fn(Self) -> bool) -> Result<Self> {
        Self::ALL.into_iter().find(|&curve| matches(curve)).ok_or(Error::KeyInvalid)
    }
}

/// A private key as PKCS#8 `PrivateKeyInfo`, version 1. A key on a curve carries its public point.
///
/// # Errors
/// [`Error::KeyType`] for any other key.
pub fn private_key_info(key: &Key) -> Result<Secret> {
    if let Some(parts) = key.rsa_parts() {
        let inner = rsa_private_key(parts)?;
        return wrap_info(rsa_algorithm(), &inner);
    }
    let parts = key.ec_parts().ok_or(Error::KeyType)?;
    let inner = ec_private_key(parts)?;
    wrap_info(ec_algorithm(&parts.curve.oid()), &inner)
}

/// A private key from PKCS#8 `PrivateKeyInfo`, version 1 or 2.
///
/// # Errors
/// As the module says.
pub fn read_private_key_info(der: &[u8]) -> Result<Key> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::KeyInvalid)?;
    let inner = info.private_key.as_bytes();
    let key = if info.algorithm.oid == pkcs1::ALGORITHM_OID {
        require_null(&info.algorithm)?;
        Key::rsa_private(read_rsa_private_key(inner)?)?
    } else {
        read_ec_private_key(named_curve(&info.algorithm)?, inner)?
    };
    if let Some(stated) = info.public_key {
        require_same_public(&key, &read_public_key(&info.algorithm, stated)?)?;
    }
    Ok(key)
}

/// The public half of any asymmetric key as `SubjectPublicKeyInfo`.
///
/// # Errors
/// [`Error::KeyType`] for a secret key.
pub fn public_key_info(key: &Key) -> Result<Vec<u8>> {
    if let Some((modulus, public_exponent)) = key.rsa_public_parts() {
        return rsa_public_key_info(modulus, public_exponent);
    }
    let (curve, point) = key.curve().zip(key.point()).ok_or(Error::KeyType)?;
    wrap_public_info(ec_algorithm(&curve.oid()), point)
}

/// A public key from `SubjectPublicKeyInfo`.
///
/// # Errors
/// As the module says.
pub fn read_public_key_info(der: &[u8]) -> Result<Key> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::KeyInvalid)?;
    read_public_key(&info.algorithm, info.subject_public_key)
}

/// The parameters of `curve` (`CKA_EC_PARAMS`): its object identifier.
pub fn ec_params(curve: Curve) -> Result<Vec<u8>> {
    curve.oid().to_der().map_err(|_| Error::Internal)
}

/// The curve of `CKA_EC_PARAMS`: an object identifier or, since PKCS#11 3.0, a name as PrintableString.
///
/// # Errors
/// [`Error::KeyInvalid`] for an unknown curve and for explicit parameters.
pub fn read_ec_params(der: &[u8]) -> Result<Curve> {
    if let Ok(oid) = ObjectIdentifier::from_der(der) {
        return Curve::find(|curve| curve.oid() == oid);
    }
    let name = PrintableStringRef::from_der(der).map_err(|_| Error::KeyInvalid)?;
    Curve::find(|curve| curve.names().contains(&name.as_str()))
}

/// A raw point as `CKA_EC_POINT` wants it: inside an OCTET STRING.
///
/// # Errors
/// [`Error::Internal`] for a point beyond what DER can hold.
pub fn ec_point(point: &[u8]) -> Result<Vec<u8>> {
    OctetStringRef::new(point).and_then(|string| string.to_der()).map_err(|_| Error::Internal)
}

/// The raw point in `CKA_EC_POINT`, which some callers give without its OCTET STRING. Whether it is
/// on the curve is checked by [`Key::ec_public`].
///
/// # Errors
/// As the module says.
pub fn read_ec_point(curve: Curve, attribute: &[u8]) -> Result<&[u8]> {
    let is_raw = match attribute.first() {
        Some(4) => attribute.len() == 1 + 2 * curve.field_len(),
        Some(2 | 3) => attribute.len() == 1 + curve.field_len(),
        _ => return Err(Error::KeyInvalid),
    };
    if is_raw {
        return Ok(attribute);
    }
    let string = <&OctetStringRef>::from_der(attribute).map_err(|_| Error::KeyInvalid)?;
    Ok(string.as_bytes())
}

/// The parts of an RSA key that a library below has just made and encoded.
pub(crate) fn rsa_parts(der: &[u8]) -> Result<RsaParts> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::Internal)?;
    read_rsa_private_key(info.private_key.as_bytes())
}

/// `SubjectPublicKeyInfo` of an RSA key.
pub(crate) fn rsa_public_key_info(modulus: &[u8], public_exponent: &[u8]) -> Result<Vec<u8>> {
    wrap_public_info(rsa_algorithm(), &rsa_public_key(modulus, public_exponent)?)
}

/// `RSAPublicKey` of RFC 8017, A.1.1.
pub(crate) fn rsa_public_key(modulus: &[u8], public_exponent: &[u8]) -> Result<Vec<u8>> {
    let key = RsaPublicKeyRef { modulus: integer(modulus)?, public_exponent: integer(public_exponent)? };
    key.to_der().map_err(|_| Error::Internal)
}

/// `RSAPrivateKey` of RFC 8017, A.1.2.
fn rsa_private_key(parts: &RsaParts) -> Result<Secret> {
    let key = RsaPrivateKeyRef {
        modulus: integer(&parts.modulus)?,
        public_exponent: integer(&parts.public_exponent)?,
        private_exponent: integer(parts.private_exponent.expose())?,
        prime1: integer(parts.prime_1.expose())?,
        prime2: integer(parts.prime_2.expose())?,
        exponent1: integer(parts.exponent_1.expose())?,
        exponent2: integer(parts.exponent_2.expose())?,
        coefficient: integer(parts.coefficient.expose())?,
        other_prime_infos: None,
    };
    key.to_der().map(Secret::new).map_err(|_| Error::Internal)
}

/// `ECPrivateKey` of RFC 5915. The parameters stand in the algorithm identifier already.
fn ec_private_key(parts: &EcParts) -> Result<Secret> {
    let key = EcPrivateKey { private_key: parts.scalar.expose(), parameters: None, public_key: Some(&parts.point) };
    key.to_der().map(Secret::new).map_err(|_| Error::Internal)
}

fn wrap_info(algorithm: AlgorithmIdentifierRef<'_>, inner: &Secret) -> Result<Secret> {
    let inner = OctetStringRef::new(inner.expose()).map_err(|_| Error::Internal)?;
    PrivateKeyInfoRef::new(algorithm, inner).to_der().map(Secret::new).map_err(|_| Error::Internal)
}

fn wrap_public_info(algorithm: AlgorithmIdentifierRef<'_>, bits: &[u8]) -> Result<Vec<u8>> {
    let subject_public_key = BitStringRef::from_bytes(bits).map_err(|_| Error::Internal)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(|_| Error::Internal)
}

fn read_rsa_private_key(der: &[u8]) -> Result<RsaParts> {
    let key = RsaPrivateKeyRef::from_der(der).map_err(|_| Error::KeyInvalid)?;
    if key.other_prime_infos.is_some() {
        return Err(Error::KeyInvalid);
    }
    let secret = |number: UintRef<'_>| Secret::copy_of(number.as_bytes());
    Ok(RsaParts {
        modulus: key.modulus.as_bytes().to_vec(),
        public_exponent: key.public_exponent.as_bytes().to_vec(),
        private_exponent: secret(key.private_exponent),
        prime_1: secret(key.prime1),
        prime_2: secret(key.prime2),
        exponent_1: secret(key.exponent1),
        exponent_2: secret(key.exponent2),
        coefficient: secret(key.coefficient),
    })
}

fn read_ec_private_key(curve: Curve, der: &[u8]) -> Result<Key> {
    let parts = EcPrivateKey::from_der(der).map_err(|_| Error::KeyInvalid)?;
    if let Some(EcParameters::NamedCurve(oid)) = parts.parameters
        && oid != curve.oid()
    {
        return Err(Error::KeyInvalid);
    }
    let key = Key::ec_private(curve, Secret::copy_of(parts.private_key))?;
    if let Some(stated) = parts.public_key {
        require_same_public(&key, &Key::ec_public(curve, stated)?)?;
    }
    Ok(key)
}

fn read_public_key(algorithm: &AlgorithmIdentifierRef<'_>, bits: BitStringRef<'_>) -> Result<Key> {
    let bytes = bits.as_bytes().ok_or(Error::KeyInvalid)?;
    if algorithm.oid == pkcs1::ALGORITHM_OID {
        require_null(algorithm)?;
        let key = RsaPublicKeyRef::from_der(bytes).map_err(|_| Error::KeyInvalid)?;
        return Key::rsa_public(key.modulus.as_bytes(), key.public_exponent.as_bytes());
    }
    Key::ec_public(named_curve(algorithm)?, bytes)
}

/// Refuses a private key that comes with another key's public half.
fn require_same_public(key: &Key, stated: &Key) -> Result<()> {
    let same = key.rsa_public_parts() == stated.rsa_public_parts() && key.point() == stated.point();
    if same { Ok(()) } else { Err(Error::KeyInvalid) }
}

fn rsa_algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef { oid: pkcs1::ALGORITHM_OID, parameters: Some(AnyRef::from(Null)) }
}

fn ec_algorithm(curve: &ObjectIdentifier) -> AlgorithmIdentifierRef<'_> {
    AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from(curve)) }
}

/// The parameters of an RSA key are NULL (RFC 8017, A.1).
fn require_null(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<()> {
    if algorithm.parameters == Some(AnyRef::from(Null)) { Ok(()) } else { Err(Error::KeyInvalid) }
}

fn named_curve(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Curve> {
    if algorithm.oid != EC_PUBLIC_KEY {
        return Err(Error::KeyInvalid);
    }
    let oid = algorithm.parameters_oid().map_err(|_| Error::KeyInvalid)?;
    Curve::find(|curve| curve.oid() == oid)
}

fn integer(bytes: &[u8]) -> Result<UintRef<'_>> {
    UintRef::new(bytes).map_err(|_| Error::Internal)
}
