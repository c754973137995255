//! C_UnwrapKey, section 5.18.4; rules R5, R10, R11 and R14.

use claviger_crypto::{Direction, Key, Secret, encoding};
use claviger_rules::birth::{Birth, Origin};
use claviger_rules::mechanism::Usage;
use claviger_rules::policy::Action;
use claviger_rules::{AttributeType, Error, KeyType, ObjectClass, Refusal, Rule, Template};

use super::params;
use super::wrap::check_type;
use crate::fault::{self, Function};
use crate::object::{self, Unborn};
use crate::{MechanismCall, ObjectHandle, Result, Session};

impl Session {
    /// C_UnwrapKey. The template is decided before the blob is opened, so nothing of it depends on the content.
    ///
    /// # Errors
    /// CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, the template's errors, CKR_MECHANISM_INVALID,
    /// CKR_MECHANISM_PARAM_INVALID, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID,
    /// CKR_WRAPPED_KEY_LEN_RANGE (rule R14).
    pub fn unwrap_key(
        &self,
        call: MechanismCall,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: Template,
    ) -> Result<ObjectHandle> {
        let subject = self.subject()?;
        let row = self.mechanism(&call, Usage::Unwrap);
        let (wrapper, permit) = self.wrapping_key(&subject, Action::UnwrapUnder, unwrapping, &call)?;
        let parents = [&wrapper.object];
        let origin = Origin { birth: Birth::Unwrap, class: None, key_type: None, mechanism: None, parents: &parents };
        let unborn = self.conceive(&subject, &origin, template)?;
        let row = row?;
        let params = params(&call.parameter?);
        check_type(row, &wrapper, Function::Unwrap)?;
        let engine = row.engine.wrap.ok_or(Error::MechanismInvalid)?;
        let unwrapping = wrapper.key(&permit)?;
        engine.check(Direction::Decrypt, &unwrapping, &params).map_err(told)?;
        let value = engine.unwrap(&unwrapping, &params, wrapped).map_err(told)?;
        let key = parse(&unborn, value)?;
        self.enrol(&subject, vec![(unborn, Some(key))])
            .map(|handles| handles.first().copied().unwrap_or(ObjectHandle(0)))
    }
}

/// Whatever is wrong with the blob looks alike (rule R10); that is in the table of `fault`.
const fn told(error: claviger_crypto::Error) -> Refusal {
    fault::crypto(Function::Unwrap, error)
}

const INVALID: Refusal = Refusal::new(
    Error::WrappedKeyInvalid,
    Rule::R11,
    "this is not a key of the template's class, type and length, wrapped by this mechanism under this key",
);

/// Rule R11: class, key type and length must fit the payload exactly; nothing is cut off.
fn parse(unborn: &Unborn, value: Secret) -> Result<Key> {
    let newborn = &unborn.newborn;
    let key_type = newborn.key_type.unwrap_or(KeyType::GenericSecret);
    match newborn.class {
        ObjectClass::SecretKey => {
            let asked = newborn.attributes.ulong(AttributeType::VALUE_LEN);
            if asked.is_some_and(|len| len != value.len() as u64) {
                return Err(INVALID);
            }
            object::secret(key_type, value).map_err(|_| INVALID)
        }
        ObjectClass::PrivateKey => {
            let key = encoding::read_private_key_info(value.expose()).map_err(|_| INVALID)?;
            let is_rsa = key.rsa_parts().is_some();
            if is_rsa == (key_type == KeyType::Rsa) { Ok(key) } else { Err(INVALID) }
        }
        _ => Err(Refusal::standard(Error::TemplateInconsistent, "only secret and private keys are unwrapped")),
    }
}
