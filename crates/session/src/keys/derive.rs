//! C_DeriveKey, section 5.18.5; rule R15.

use std::sync::Arc;

use claviger_crypto::{HkdfParams, Params, Secret};
use claviger_rules::birth::{Birth, Origin};
use claviger_rules::mechanism::{HkdfParameter, HkdfSalt, Mechanism, Usage};
use claviger_rules::policy::Action;
use claviger_rules::{AttributeType, Error, KeyType, ObjectClass, Parameter, Refusal, Template, Value};

use crate::fault::{self, Function};
use crate::object::{self, Entry};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Session};

impl Session {
    /// C_DeriveKey. Every key that the parameters name is checked like the base key.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, the template's errors, CKR_MECHANISM_INVALID,
    /// CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE.
    pub fn derive_key(&self, call: MechanismCall, base: ObjectHandle, template: Template) -> Result<ObjectHandle> {
        self.call("C_DeriveKey", |caller| caller.derive(call, base, template))
    }
}

impl Caller<'_> {
    fn derive(&self, call: MechanismCall, base: ObjectHandle, template: Template) -> Result<ObjectHandle> {
        let row = self.mechanism(&call, Usage::Derive);
        let known = row.as_ref().ok().copied();
        let class = Some(ObjectClass::SecretKey);
        let unknown = Origin { birth: Birth::Derive, class, key_type: None, mechanism: None, parents: &[] };
        self.may_make(&unknown, &template)?;
        let (entry, secret) = self.parent(base, known)?;
        let (salt_entry, salt) = match &call.parameter {
            Ok(Parameter::Hkdf(HkdfParameter { salt: HkdfSalt::Key(handle), .. })) => {
                let (entry, value) = self.parent(ObjectHandle(*handle), known)?;
                (Some(entry), Some(value))
            }
            _ => (None, None),
        };
        let mut parents = vec![&entry.object];
        parents.extend(salt_entry.iter().map(|entry| &entry.object));
        let key_type = named_type(&template, &entry)?;
        let origin = Origin { key_type: Some(key_type), parents: &parents, ..unknown };
        let unborn = self.conceive(&origin, template)?;
        let row = row?;
        let Parameter::Hkdf(parameter) = call.parameter? else { return Err(Error::MechanismParamInvalid.into()) };
        let len = length(key_type, &parameter, &unborn.newborn.attributes)?;
        let engine = row.engine.derive.ok_or(Error::MechanismInvalid)?;
        let value = engine
            .derive(&secret, &hkdf(parameter, salt), len)
            .map_err(|error| fault::crypto(Function::Derive, error))?;
        let key = object::secret(key_type, value)?;
        self.enrol(vec![(unborn, Some(key))]).map(|handles| handles.first().copied().unwrap_or(ObjectHandle(0)))
    }

    fn parent(&self, handle: ObjectHandle, row: Option<&Mechanism>) -> Result<(Arc<Entry>, Arc<claviger_crypto::Key>)> {
        let (entry, permit) = self.permitted_key(Action::Derive, handle, row)?;
        let key = entry.key(&permit)?;
        if key.value().is_none() || row.is_some_and(|row| !entry.object.key_type().is_some_and(|kind| row.takes(kind)))
        {
            return Err(Refusal::standard(Error::KeyTypeInconsistent, "HKDF derives from secret keys"));
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

/// The length of the derived key: VALUE_LEN, or the hash's length when only the extract step is done.
fn length(key_type: KeyType, parameter: &HkdfParameter, template: &Template) -> Result<usize> {
    match template.ulong(AttributeType::VALUE_LEN) {
        Some(asked) => {
            usize::try_from(asked).ok().filter(|len| object::takes_len(key_type, *len)).ok_or(object::LENGTH)
        }
        None if parameter.extract && !parameter.expand => Ok(0),
        None => Err(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_VALUE_LEN")),
    }
}

fn hkdf(parameter: HkdfParameter, salt_key: Option<Arc<claviger_crypto::Key>>) -> Params {
    let salt = match parameter.salt {
        HkdfSalt::Null => None,
        HkdfSalt::Data(bytes) => Some(Secret::new(bytes)),
        HkdfSalt::Key(_) => salt_key.and_then(|key| key.value().map(Secret::duplicate)),
    };
    Params::Hkdf(HkdfParams {
        extract: parameter.extract,
        expand: parameter.expand,
        hash: parameter.hash,
        salt,
        info: parameter.info,
    })
}
