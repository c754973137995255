//! C_DeriveKey, section 5.18.5; rule R15.

use std::iter::once;
use std::sync::Arc;

use claviger_crypto::{DataParams, HkdfParams, Key, Params, Secret};
use claviger_rules::birth::{Birth, Origin};
use claviger_rules::mechanism::{HkdfParameter, HkdfSalt, Mechanism, Usage};
use claviger_rules::policy::Action;
use claviger_rules::{AttributeType, Error, KeyType, Object, ObjectClass, Parameter, Refusal, Template, Value};

use super::params;
use super::wrap::check_key;
use crate::fault::{self, Function};
use crate::object::{self, Entry};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Session};

impl Session {
    /// C_DeriveKey. Every key that the parameters name is checked like the base key.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, the template's errors, CKR_MECHANISM_INVALID,
    /// CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE, CKR_DATA_LEN_RANGE.
    pub fn derive_key(&self, call: MechanismCall, base: ObjectHandle, template: Template) -> Result<ObjectHandle> {
        self.call("C_DeriveKey", |caller| caller.derive(call, base, template))
    }
}

impl Caller<'_> {
    fn derive(&self, call: MechanismCall, base: ObjectHandle, template: Template) -> Result<ObjectHandle> {
        let row = self.mechanism(&call, Usage::Derive);
        let known = row.as_ref().ok().copied();
        let class = Some(ObjectClass::SecretKey);
        let mechanism = known.map(|row| row.id);
        let unknown = Origin { birth: Birth::Derive, class, key_type: None, mechanism, parents: &[] };
        self.may_make(&unknown, &template)?;
        let (entry, base) = self.parent(base, known)?;
        let named = call.parameter.as_ref().ok().and_then(Parameter::key);
        let other = named.map(|handle| self.parent(ObjectHandle(handle), known)).transpose()?;
        let entries = once(&entry).chain(other.iter().map(|(entry, _)| entry));
        let parents: Vec<&Object> = entries.map(|entry| &entry.object).collect();
        let key_type = named_type(&template, &entry)?;
        let origin = Origin { key_type: Some(key_type), parents: &parents, ..unknown };
        let unborn = self.conceive(&origin, template)?;
        let engine = row?.engine.derive.ok_or(Error::MechanismInvalid)?;
        let params = derivation(call.parameter?, other.as_ref().map(|(_, key)| key.as_ref()));
        let len = length(key_type, engine.natural_len(&base, &params), &params, &unborn.newborn.attributes)?;
        let value = engine.derive(&base, &params, len).map_err(|error| fault::crypto(Function::Derive, error))?;
        let key = object::secret(key_type, value)?;
        self.enrol_one(unborn, Some(key))
    }

    fn parent(&self, handle: ObjectHandle, row: Option<&Mechanism>) -> Result<(Arc<Entry>, Arc<Key>)> {
        let (entry, permit) = self.permitted_key(Action::Derive, handle, row)?;
        let key = entry.key(&permit)?;
        if let Some(row) = row {
            check_key(row, &entry, &key, Function::Derive)?;
        }
        Ok((entry, key))
    }
}

/// The type of the derived key: a generic secret when neither the template nor the base key's DERIVE_TEMPLATE names one.
fn named_type(template: &Template, base: &Entry) -> Result<KeyType> {
    let carried = match base.object.attributes.get(AttributeType::DERIVE_TEMPLATE) {
        Some(Value::Template(carried)) => carried.ulong(AttributeType::KEY_TYPE),
        _ => None,
    };
    let Some(id) = template.ulong(AttributeType::KEY_TYPE).or(carried) else { return Ok(KeyType::GenericSecret) };
    KeyType::from_id(id).filter(|key_type| key_type.is_secret()).ok_or(Error::TemplateInconsistent.into())
}

/// The length of the derived key: VALUE_LEN, or all that the mechanism gives. Section 6.43 asks for the length where the
/// key type leaves a choice, as AES does and generic secrets, which have any, do not; HKDF's first step gives one length.
fn length(key_type: KeyType, natural: Option<usize>, params: &Params, template: &Template) -> Result<usize> {
    if let Some(asked) = template.ulong(AttributeType::VALUE_LEN) {
        return usize::try_from(asked).ok().filter(|len| object::takes_len(key_type, *len)).ok_or(object::LENGTH);
    }
    let has_choice = key_type == KeyType::Aes && !matches!(params, Params::Hkdf(_));
    match natural.filter(|_| !has_choice) {
        Some(len) if len > object::MAX_SECRET_LEN => {
            Err(fault::crypto(Function::Derive, claviger_crypto::Error::KeySize))
        }
        Some(len) => Ok(len),
        None => Err(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_VALUE_LEN")),
    }
}

/// The parameters with the value of the key that they name.
fn derivation(parameter: Parameter, other: Option<&Key>) -> Params {
    let value = other.and_then(Key::value).map(Secret::duplicate);
    match parameter {
        Parameter::Hkdf(parameter) => Params::Hkdf(hkdf(parameter, value)),
        Parameter::Key(_) => value.map_or(Params::None, |data| Params::Data(DataParams { data })),
        other => params(&other),
    }
}

fn hkdf(parameter: HkdfParameter, salt_key: Option<Secret>) -> HkdfParams {
    let HkdfParameter { extract, expand, hash, salt, info } = parameter;
    let salt = match salt {
        HkdfSalt::Null => None,
        HkdfSalt::Data(bytes) => Some(Secret::new(bytes)),
        HkdfSalt::Key(_) => salt_key,
    };
    HkdfParams { extract, expand, hash, salt, info }
}
