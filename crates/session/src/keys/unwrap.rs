//! C_UnwrapKey, section 5.18.4; rules R5, R10, R11 and R14.

use claviger_crypto::{Direction, Key, Secret, encoding};
use claviger_rules::birth::{Birth, Origin};
use claviger_rules::mechanism::Usage;
use claviger_rules::policy::Action;
use claviger_rules::{
    AttributeType, Clause, Error, KeyType, MechanismType, ObjectClass, Refusal, Rule, Rulebook, Template,
};

use super::params;
use super::wrap::{check_key, made_for_trust};
use crate::fault::{self, Function};
use crate::object::{self, Unborn};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Session};

impl Session {
    /// C_UnwrapKey. The template is decided before the blob is opened, so nothing of it depends on the content.
    ///
    /// # Errors
    /// CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, the template's errors, CKR_MECHANISM_INVALID,
    /// CKR_MECHANISM_PARAM_INVALID, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID,
    /// CKR_WRAPPED_KEY_LEN_RANGE.
    pub fn unwrap_key(
        &self,
        call: MechanismCall,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: Template,
    ) -> Result<ObjectHandle> {
        self.call("C_UnwrapKey", |caller| caller.unwrap(call, unwrapping, wrapped, template))
    }
}

impl Caller<'_> {
    fn unwrap(
        &self,
        call: MechanismCall,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: Template,
    ) -> Result<ObjectHandle> {
        let row = self.mechanism(&call, Usage::Unwrap);
        let unknown = Origin { birth: Birth::Unwrap, class: None, key_type: None, mechanism: None, parents: &[] };
        self.may_make(&unknown, &template)?;
        let (wrapper, permit) = self.wrapping_key(Action::UnwrapUnder, unwrapping, &call)?;
        let parents = [&wrapper.object];
        let unborn = self.conceive(&Origin { parents: &parents, ..unknown }, template)?;
        if !unborn.newborn.class.has_secret() {
            return Err(Refusal::standard(Error::TemplateInconsistent, "only secret and private keys are unwrapped"));
        }
        let row = row?;
        let params = params(&call.parameter?);

        let engine = row.engine.wrap.ok_or(Error::MechanismInvalid)?;
        let unwrapping = wrapper.key(&permit)?;
        check_key(row, &wrapper, &unwrapping, Function::Unwrap)?;
        engine
            .check(Direction::Decrypt, &unwrapping, &params)
            .map_err(|error| fault::crypto(Function::Unwrap, error))?;
        let uniform = made_for_trust(&wrapper);
        let telling = |rules: Rulebook| Telling {
            uniform,
            exact: rules.binds(Clause::ExactFit),
            fills: FILLING.contains(&row.id),
        };
        let value = engine.unwrap(&unwrapping, &params, wrapped);
        let value = value.map_err(|error| telling(self.rules()).engine(error))?;
        if let Some(world) = self.shadow() {
            self.note(telling(world.subject.rules).parse(&unborn, value.duplicate()).err());
        }
        let key = telling(self.rules()).parse(&unborn, value)?;
        self.enrol_one(unborn, Some(key))
    }
}

/// The mechanisms that fill a payload up to whole blocks with zeros.
pub(super) const FILLING: [MechanismType; 2] = [MechanismType::AES_ECB, MechanismType::AES_CBC];

/// How what is wrong with a blob is told.
#[derive(Clone, Copy)]
struct Telling {
    /// Rule R10: under a wrapping key made for trust all failures look alike.
    uniform: bool,
    /// Rule R11 binds.
    exact: bool,
    /// The mechanism filled the payload up with zeros.
    fills: bool,
}

impl Telling {
    fn engine(self, error: claviger_crypto::Error) -> Refusal {
        match error {
            claviger_crypto::Error::CiphertextLen if !self.uniform => LENGTH,
            other => fault::crypto(Function::Unwrap, other),
        }
    }

    /// The standard truncates what comes out to CKA_VALUE_LEN, zeros or not (AES-ECB and AES-CBC, sections 6.13.4 and
    /// 6.13.5); rule R11 does not.
    const fn truncates(self) -> bool {
        self.fills && !self.exact
    }

    /// Section 5.18.4: a conflict of lengths is CKR_WRAPPED_KEY_LEN_RANGE.
    const fn length(self) -> Refusal {
        if self.uniform { INVALID } else { LENGTH }
    }

    /// The payload, no longer than `len` where it may be truncated.
    fn cut(self, value: Secret, len: usize) -> Secret {
        match value.expose().get(..len) {
            Some(payload) if self.truncates() => Secret::copy_of(payload),
            _ => value,
        }
    }

    /// Rule R11: class, key type and length must fit the payload exactly.
    fn parse(self, unborn: &Unborn, value: Secret) -> Result<Key> {
        let newborn = &unborn.newborn;
        let key_type = newborn.key_type.unwrap_or(KeyType::GenericSecret);
        match newborn.class {
            ObjectClass::SecretKey => self.secret(key_type, newborn.attributes.ulong(AttributeType::VALUE_LEN), value),
            _ => self.private(key_type, value),
        }
    }

    fn secret(self, key_type: KeyType, asked: Option<u64>, value: Secret) -> Result<Key> {
        let value = match asked.and_then(|len| usize::try_from(len).ok()) {
            Some(len) => self.cut(value, len),
            None => value,
        };
        if asked.is_some_and(|len| len != value.len() as u64) {
            return Err(self.length());
        }
        // Any bytes would do for a secret key, but these are a private one.
        if self.exact && encoding::read_private_key_info(value.expose()).is_ok() {
            return Err(INVALID);
        }
        object::secret(key_type, value).map_err(|_| self.length())
    }

    fn private(self, key_type: KeyType, value: Secret) -> Result<Key> {
        let len = value.expose().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // PKCS#8 may itself end in zeros, so each length is tried from the whole payload down.
        let key = (len..=value.len())
            .rev()
            .take(if self.truncates() { BLOCK_LEN } else { 1 })
            .find_map(|len| encoding::read_private_key_info(value.expose().get(..len)?).ok())
            .ok_or(INVALID)?;
        let is_rsa = key.rsa_parts().is_some();
        if is_rsa == (key_type == KeyType::Rsa) { Ok(key) } else { Err(INVALID) }
    }
}

/// The block of AES.
pub(super) const BLOCK_LEN: usize = 16;

const LENGTH: Refusal = Refusal::new(
    Error::WrappedKeyLenRange,
    Rule::R11,
    "the wrapped key does not have the length of the template's key",
);

const INVALID: Refusal = Refusal::new(
    Error::WrappedKeyInvalid,
    Rule::R11,
    "this is not a key of the template's class, type and length, wrapped by this mechanism under this key",
);
