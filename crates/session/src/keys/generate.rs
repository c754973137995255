//! C_GenerateKey and C_GenerateKeyPair. Keys are made outside every lock.

use claviger_crypto::{Key, generate};
use claviger_rules::birth::{Birth, Origin};
use claviger_rules::mechanism::{Make, Mechanism, Usage};
use claviger_rules::{AttributeType, Error, KeyType, ObjectClass, Refusal, Template};

use crate::fault::{self, Function};
use crate::object::{self, Unborn};
use crate::{MechanismCall, ObjectHandle, Result, Session};

/// The public exponent when the template names none: F4.
const F4: [u8; 3] = [1, 0, 1];

impl Session {
    /// C_GenerateKey, section 5.18.1.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, the template's errors, CKR_KEY_SIZE_RANGE (rule R14).
    pub fn generate_key(&self, call: MechanismCall, template: Template) -> Result<ObjectHandle> {
        self.call("C_GenerateKey", |caller| {
            let row = caller.mechanism(&call, Usage::Generate);
            let origin = origin(Birth::Generate, ObjectClass::SecretKey, row.as_ref().ok().copied());
            let unborn = caller.conceive(&origin, template);
            let (row, unborn) = first_error(unborn, row)?;
            call.parameter?;
            let key_type = unborn.newborn.key_type.unwrap_or(KeyType::GenericSecret);
            let len = length(row, key_type, &unborn)?;
            let key = Key::secret(generate::secret(len).map_err(failed)?);
            caller.enrol_one(unborn, Some(key))
        })
    }

    /// C_GenerateKeyPair, section 5.18.2: the public and the private half, one transaction.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_CURVE_NOT_SUPPORTED, the templates' errors.
    pub fn generate_key_pair(
        &self,
        call: MechanismCall,
        public: Template,
        private: Template,
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        self.call("C_GenerateKeyPair", |caller| {
            let row = caller.mechanism(&call, Usage::GenerateKeyPair);
            let known = row.as_ref().ok().copied();
            let private = caller.conceive(&origin(Birth::Pair, ObjectClass::PrivateKey, known), private);
            let (row, private) = first_error(private, row)?;
            let public = caller.conceive(&origin(Birth::Pair, ObjectClass::PublicKey, Some(row)), public)?;
            call.parameter?;
            let key = pair(row, &public.newborn.attributes)?;
            let half = key.public().map_err(failed)?;
            let handles = caller.enrol(vec![(public, Some(half)), (private, Some(key))])?;
            Ok((object::handle(&handles, 0), object::handle(&handles, 1)))
        })
    }
}

fn origin(birth: Birth, class: ObjectClass, row: Option<&'static Mechanism>) -> Origin<'static> {
    let key_type = row.and_then(|row| row.engine.make).map(|make| match make {
        Make::Secret(key_type) | Make::Pair(key_type) => key_type,
    });
    Origin { birth, class: Some(class), key_type, mechanism: row.map(|row| row.id), parents: &[] }
}

/// Errors of session, login and role come before a mechanism that the token does not have; what the template lacks
/// comes after, since without a mechanism nobody knows what it needs.
fn first_error(unborn: Result<Unborn>, row: Result<&'static Mechanism>) -> Result<(&'static Mechanism, Unborn)> {
    match (unborn, row) {
        (Ok(unborn), Ok(row)) => Ok((row, unborn)),
        (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => Err(refusal),
        (Err(refusal), Err(unknown)) => {
            let goes_first = matches!(refusal.error, Error::UserNotLoggedIn | Error::SessionReadOnly);
            Err(if goes_first { refusal } else { unknown })
        }
    }
}

/// How many bytes the template asks for.
fn length(row: &Mechanism, key_type: KeyType, unborn: &Unborn) -> Result<usize> {
    let asked = unborn.newborn.attributes.ulong(AttributeType::VALUE_LEN);
    let asked = asked.ok_or(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_VALUE_LEN"))?;
    usize::try_from(asked)
        .ok()
        .filter(|len| row.takes_size(asked.saturating_mul(8)) && object::takes_len(key_type, *len))
        .ok_or(object::LENGTH)
}

fn pair(row: &Mechanism, public: &Template) -> Result<Key> {
    match row.engine.make {
        Some(Make::Pair(KeyType::Rsa)) => {
            let bits = public.ulong(AttributeType::MODULUS_BITS).ok_or(Error::TemplateIncomplete)?;
            let size = usize::try_from(bits).ok().filter(|_| row.takes_size(bits));
            let size = size.ok_or(Refusal::standard(Error::AttributeValueInvalid, "MODULUS_BITS is 2048 to 4096"))?;
            let exponent = public.bytes(AttributeType::PUBLIC_EXPONENT).unwrap_or(&F4);
            let parts = generate::rsa(size, exponent).map_err(unsuitable)?;
            Key::rsa_private(parts).map_err(failed)
        }
        Some(Make::Pair(KeyType::Ec)) => {
            let parts = generate::ec(object::curve(public)?).map_err(failed)?;
            Key::ec_private(parts.curve, parts.scalar).map_err(failed)
        }
        _ => Err(Error::MechanismInvalid.into()),
    }
}

fn unsuitable(error: claviger_crypto::Error) -> Refusal {
    match error {
        claviger_crypto::Error::KeySize | claviger_crypto::Error::Params => Refusal::standard(
            Error::AttributeValueInvalid,
            "MODULUS_BITS is a multiple of 8 from 2048 to 4096 and PUBLIC_EXPONENT is odd and at least 3",
        ),
        other => failed(other),
    }
}

fn failed(error: claviger_crypto::Error) -> Refusal {
    fault::crypto(Function::Make, error)
}
