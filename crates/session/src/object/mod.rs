//! Objects: how they are made, found, read, changed, copied and destroyed.

mod attributes;
mod change;
mod codec;
mod enrol;
mod entry;
mod find;
mod material;
mod share;
mod store;
mod view;

use std::sync::Arc;

use claviger_crypto::Key;
use claviger_rules::attribute::Value;
use claviger_rules::mechanism::Mechanism;
use claviger_rules::policy::{Action, Facts, Permit, Relation, Subject, authorize};
use claviger_rules::{AttributeType, Error, Refusal, Template};

pub use self::attributes::Answer;
pub(crate) use self::enrol::{Unborn, may_make};
pub(crate) use self::entry::Entry;
pub(crate) use self::material::{LENGTH, curve, secret, takes_len};
pub(crate) use self::store::belongings;
pub(crate) use self::view::View;
use crate::{ObjectHandle, Result, Session, Token};

impl Session {
    /// What stands under `handle`, with the facts that the policy looks at. Unknown handles have facts too.
    pub(crate) fn look_up(&self, subject: &Subject, handle: ObjectHandle) -> Result<(Option<Arc<Entry>>, Facts)> {
        self.token().objects.ready(self.token())?;
        let entry = self.token().objects.get(handle);
        let facts = entry.as_ref().map_or(Facts::NONE, |entry| entry.object.facts(subject, handle.0));
        // What is hidden is as if it were not there: the answer must not tell the two apart.
        Ok(if facts.relation == Relation::Hidden { (None, Facts::NONE) } else { (entry, facts) })
    }

    /// An object that `subject` may do `action` on.
    pub(crate) fn permitted(
        &self,
        subject: &Subject,
        action: Action,
        handle: ObjectHandle,
    ) -> Result<(Arc<Entry>, Permit)> {
        let (entry, facts) = self.look_up(subject, handle)?;
        let permit = authorize(subject, action, &facts)?;
        Ok((entry.ok_or(Error::ObjectHandleInvalid)?, permit))
    }
}

impl Token {
    /// The key under `handle`, for use by the mechanism of `row` as `action` says. Without a row the answer is about
    /// the key alone, for a caller who named a mechanism that the token does not have.
    ///
    /// # Errors
    /// What the action's row of the policy table says; then CKR_KEY_TYPE_INCONSISTENT and CKR_KEY_SIZE_RANGE.
    pub(crate) fn use_key(
        &self,
        session: &Session,
        action: Action,
        handle: ObjectHandle,
        row: Option<&'static Mechanism>,
    ) -> Result<Arc<Key>> {
        let subject = session.subject()?;
        let (entry, mut facts) = session.look_up(&subject, handle)?;
        if let Some(entry) = &entry {
            facts.usage = usage_of(action).is_none_or(|usage| entry.object.flag(usage));
            facts.mechanism_allowed = row.is_none_or(|row| allows(&entry.object.attributes, row));
        }
        let permit = authorize(&subject, action, &facts)?;
        let entry = entry.ok_or(Error::KeyHandleInvalid)?;
        let keyed = row.filter(|row| !row.keys.is_empty());
        if keyed.is_some_and(|row| !entry.object.key_type().is_some_and(|key_type| row.takes(key_type))) {
            return Err(Refusal::standard(Error::KeyTypeInconsistent, "the mechanism does not take keys of this type"));
        }
        let key = entry.key(&permit)?;
        if keyed.is_some_and(|row| !row.takes_size(key.bits() as u64)) {
            return Err(Refusal::standard(Error::KeySizeRange, "the mechanism does not take keys of this size"));
        }
        Ok(key)
    }
}

/// The usage attribute that an action asks for.
pub(crate) const fn usage_of(action: Action) -> Option<AttributeType> {
    Some(match action {
        Action::Encrypt => AttributeType::ENCRYPT,
        Action::Decrypt => AttributeType::DECRYPT,
        Action::Sign => AttributeType::SIGN,
        Action::Verify => AttributeType::VERIFY,
        Action::Derive => AttributeType::DERIVE,
        Action::WrapUnder => AttributeType::WRAP,
        Action::UnwrapUnder => AttributeType::UNWRAP,
        _ => return None,
    })
}

/// Whether ALLOWED_MECHANISMS, where the key has it, names the mechanism (section 4.8 of the standard).
pub(crate) fn allows(attributes: &Template, mechanism: &Mechanism) -> bool {
    match attributes.get(AttributeType::ALLOWED_MECHANISMS) {
        Some(Value::Mechanisms(list)) => list.contains(&mechanism.id.0),
        _ => true,
    }
}
