//! Between attributes and keys: reading a key out of the attributes that hold its value, and writing
//! a key's value into attributes.
//!
//! PKCS#11 3.2 sections 6.1 (RSA), 6.3 (EC), 6.8 (generic secrets) and 6.13 (AES) say which attributes hold what.

use claviger_crypto::{Key, Params, RsaParts, Secret, SystemRandom, cipher, encoding};
use claviger_rules::{AttributeType, Error, KeyType, ObjectClass, Refusal, Template, Value};

use crate::Result;

/// The longest secret key, in bytes.
pub(crate) const MAX_SECRET_LEN: usize = 512;

/// Reads the key that `attributes` hold.
///
/// # Errors
/// CKR_TEMPLATE_INCOMPLETE when a part that the key needs is missing, CKR_ATTRIBUTE_VALUE_INVALID when the parts are
/// no key, CKR_CURVE_NOT_SUPPORTED for an unknown curve.
pub(crate) fn read(class: ObjectClass, key_type: KeyType, attributes: &Template) -> Result<Key> {
    match (class, key_type) {
        (ObjectClass::PrivateKey, KeyType::Rsa) => Key::rsa_private(rsa_parts(attributes)?).map_err(invalid),
        (ObjectClass::PublicKey, KeyType::Rsa) => {
            let modulus = needed(attributes, AttributeType::MODULUS)?;
            let exponent = needed(attributes, AttributeType::PUBLIC_EXPONENT)?;
            Key::rsa_public(modulus, exponent).map_err(invalid)
        }
        (ObjectClass::PrivateKey, KeyType::Ec) => {
            let scalar = Secret::copy_of(needed(attributes, AttributeType::VALUE)?);
            Key::ec_private(curve(attributes)?, scalar).map_err(invalid)
        }
        (ObjectClass::PublicKey, KeyType::Ec) => {
            let curve = curve(attributes)?;
            let point =
                encoding::read_ec_point(curve, needed(attributes, AttributeType::EC_POINT)?).map_err(invalid)?;
            Key::ec_public(curve, point).map_err(invalid)
        }
        _ => secret(key_type, Secret::copy_of(needed(attributes, AttributeType::VALUE)?)),
    }
}

/// A secret key of `key_type`.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID when keys of the type do not have this length.
pub(crate) fn secret(key_type: KeyType, value: Secret) -> Result<Key> {
    if takes_len(key_type, value.len()) { Ok(Key::secret(value)) } else { Err(LENGTH) }
}

/// Whether secret keys of `key_type` can have `len` bytes.
pub(crate) fn takes_len(key_type: KeyType, len: usize) -> bool {
    match key_type {
        KeyType::Aes => matches!(len, 16 | 24 | 32),
        _ => (1..=MAX_SECRET_LEN).contains(&len),
    }
}

pub(crate) const LENGTH: Refusal =
    Refusal::standard(Error::AttributeValueInvalid, "keys of this type do not have this length");

/// Writes the value of `key`, and what follows from it, into `attributes`.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID when the template brought a CHECK_VALUE that is not the key's.
pub(crate) fn write(class: ObjectClass, key: &Key, attributes: &mut Template) -> Result<()> {
    match class {
        ObjectClass::SecretKey => secret_value(key, attributes)?,
        ObjectClass::PrivateKey => private_value(key, attributes)?,
        ObjectClass::PublicKey => public_value(key, attributes)?,
        ObjectClass::Data | ObjectClass::Certificate => {}
    }
    if matches!(class, ObjectClass::PrivateKey | ObjectClass::PublicKey) {
        let info = encoding::public_key_info(key).map_err(invalid)?;
        if attributes.bytes(AttributeType::PUBLIC_KEY_INFO).is_some_and(|given| !given.is_empty() && given != info) {
            return Err(Refusal::standard(Error::AttributeValueInvalid, "PUBLIC_KEY_INFO is not this key's"));
        }
        attributes.set(AttributeType::PUBLIC_KEY_INFO, Value::bytes(info));
        domain(key, attributes)?;
    }
    Ok(())
}

/// EC_PARAMS, as the caller encoded them if they are the key's own, and the public exponent, which a pair's private
/// template may name as well.
fn domain(key: &Key, attributes: &mut Template) -> Result<()> {
    if let Some(own) = key.curve() {
        if attributes.get(AttributeType::EC_PARAMS).is_none() {
            let params = encoding::ec_params(own).map_err(invalid)?;
            attributes.set(AttributeType::EC_PARAMS, Value::bytes(params));
        } else if curve(attributes)? != own {
            return Err(CONTRADICTION);
        }
    }
    Ok(())
}

const CONTRADICTION: Refusal =
    Refusal::standard(Error::TemplateInconsistent, "the templates of the two halves name different parameters");

fn secret_value(key: &Key, attributes: &mut Template) -> Result<()> {
    let Some(value) = key.value() else { return Err(Error::GeneralError.into()) };
    attributes.set(AttributeType::VALUE, Value::bytes(value.expose()));
    attributes.set(AttributeType::VALUE_LEN, Value::Ulong(value.len() as u64));
    check_value(key, attributes)
}

/// CHECK_VALUE of AES keys (section 6.13.2: the first three bytes of an encrypted block of zeros). Wrapping keys have
/// none: under GCM it would be 24 bits of the authentication key (rule R16).
fn check_value(key: &Key, attributes: &mut Template) -> Result<()> {
    let given = attributes.remove(AttributeType::CHECK_VALUE);
    let given = given.as_ref().and_then(Value::as_bytes);
    let is_aes = attributes.ulong(AttributeType::KEY_TYPE) == Some(KeyType::Aes.id());
    let wraps = attributes.flag(AttributeType::WRAP) || attributes.flag(AttributeType::UNWRAP);
    if given.is_some_and(|bytes| !bytes.is_empty()) && !is_aes {
        return Err(Refusal::standard(Error::AttributeValueInvalid, "only AES keys have a CHECK_VALUE"));
    }
    if !is_aes || given == Some(&[]) {
        return Ok(());
    }
    let mut block = [0; 16];
    let mut random = SystemRandom::new();
    claviger_crypto::Cipher::encrypt(&cipher::AES_ECB, key, &Params::None, &[0; 16], &mut block, &mut random)
        .map_err(invalid)?;
    let computed = &block[..3];
    if given.is_some_and(|bytes| bytes != computed) {
        return Err(Refusal::standard(Error::AttributeValueInvalid, "CHECK_VALUE is not this key's"));
    }
    if !wraps {
        attributes.set(AttributeType::CHECK_VALUE, Value::bytes(computed));
    }
    Ok(())
}

fn private_value(key: &Key, attributes: &mut Template) -> Result<()> {
    if let Some(parts) = key.rsa_parts() {
        let given = attributes.bytes(AttributeType::PUBLIC_EXPONENT).map(without_leading_zeros);
        if given.is_some_and(|given| given != parts.public_exponent) {
            return Err(CONTRADICTION);
        }
        let secrets = [
            (AttributeType::PRIVATE_EXPONENT, &parts.private_exponent),
            (AttributeType::PRIME_1, &parts.prime_1),
            (AttributeType::PRIME_2, &parts.prime_2),
            (AttributeType::EXPONENT_1, &parts.exponent_1),
            (AttributeType::EXPONENT_2, &parts.exponent_2),
            (AttributeType::COEFFICIENT, &parts.coefficient),
        ];
        for (attribute, part) in secrets {
            attributes.set(attribute, Value::bytes(part.expose()));
        }
        attributes.set(AttributeType::MODULUS, Value::bytes(parts.modulus.as_slice()));
        attributes.set(AttributeType::PUBLIC_EXPONENT, Value::bytes(parts.public_exponent.as_slice()));
    }
    if let Some(parts) = key.ec_parts() {
        attributes.set(AttributeType::VALUE, Value::bytes(parts.scalar.expose()));
    }
    Ok(())
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    number.iter().position(|byte| *byte != 0).and_then(|first| number.get(first..)).unwrap_or_default()
}

fn public_value(key: &Key, attributes: &mut Template) -> Result<()> {
    if let Some((modulus, exponent)) = key.rsa_public_parts() {
        attributes.set(AttributeType::MODULUS, Value::bytes(modulus));
        attributes.set(AttributeType::PUBLIC_EXPONENT, Value::bytes(exponent));
        attributes.set(AttributeType::MODULUS_BITS, Value::Ulong(key.bits() as u64));
    }
    if let Some(point) = key.point() {
        let point = encoding::ec_point(point).map_err(invalid)?;
        attributes.set(AttributeType::EC_POINT, Value::bytes(point));
    }
    Ok(())
}

fn rsa_parts(attributes: &Template) -> Result<RsaParts> {
    let part = |attribute| Secret::copy_of(attributes.bytes(attribute).unwrap_or_default());
    Ok(RsaParts {
        modulus: needed(attributes, AttributeType::MODULUS)?.to_vec(),
        public_exponent: needed(attributes, AttributeType::PUBLIC_EXPONENT)?.to_vec(),
        private_exponent: part(AttributeType::PRIVATE_EXPONENT),
        prime_1: part(AttributeType::PRIME_1),
        prime_2: part(AttributeType::PRIME_2),
        exponent_1: part(AttributeType::EXPONENT_1),
        exponent_2: part(AttributeType::EXPONENT_2),
        coefficient: part(AttributeType::COEFFICIENT),
    })
}

/// The curve that EC_PARAMS names.
pub(crate) fn curve(attributes: &Template) -> Result<claviger_crypto::Curve> {
    let params = needed(attributes, AttributeType::EC_PARAMS)?;
    encoding::read_ec_params(params)
        .map_err(|_| Refusal::standard(Error::CurveNotSupported, "the curves are P-256 and P-384, as EC_PARAMS"))
}

fn needed(attributes: &Template, attribute: AttributeType) -> Result<&[u8]> {
    attributes
        .bytes(attribute)
        .ok_or(Refusal::standard(Error::TemplateIncomplete, "the template lacks a part that this key consists of"))
}

fn invalid(error: claviger_crypto::Error) -> Refusal {
    if error == claviger_crypto::Error::KeySize {
        return Refusal::standard(Error::KeySizeRange, "RSA keys have 2048 to 8192 bits");
    }
    Refusal::standard(Error::AttributeValueInvalid, "the attributes do not hold a key of this type")
}
