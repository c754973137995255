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
use claviger_rules::policy::{Action, Facts, Permit, Relation};
use claviger_rules::{AttributeType, Error, Object, Refusal, Template};

pub use self::attributes::Answer;
pub(crate) use self::codec::replace;
pub(crate) use self::enrol::{Unborn, handle};
pub(crate) use self::entry::{Entry, Place};
pub(crate) use self::material::{LENGTH, MAX_SECRET_LEN, curve, secret, takes_len};
pub(crate) use self::store::{belongings, each};
pub(crate) use self::view::View;
use crate::session::{Caller, World};
use crate::{ObjectHandle, Result};

impl Caller<'_> {
    /// What stands under `handle`. What is hidden is as if it were not there: the answer must not tell the two apart.
    fn entry(&self, handle: ObjectHandle) -> Result<Option<Arc<Entry>>> {
        let token = self.session.token();
        Ok(token.objects.get(token, handle)?.filter(|entry| entry.object.relation(&self.subject) != Relation::Hidden))
    }

    /// An object that the caller may do `action` on.
    pub(crate) fn permitted(&self, action: Action, handle: ObjectHandle) -> Result<(Arc<Entry>, Permit)> {
        self.permitted_with(action, handle, |_, _, _| {})
    }

    /// An object that the caller may do `action` on, given what `add` knows beyond the object itself.
    pub(crate) fn permitted_with(
        &self,
        action: Action,
        handle: ObjectHandle,
        add: impl Fn(&World, &Object, &mut Facts),
    ) -> Result<(Arc<Entry>, Permit)> {
        let entry = self.entry(handle)?;
        let permit = self.ask(action, |world| {
            let Some(entry) = &entry else { return Facts::NONE };
            let object = world.object(&entry.object);
            let mut facts = object.facts(&world.subject, handle.0);
            add(world, &object, &mut facts);
            facts
        })?;
        Ok((entry.ok_or(Error::ObjectHandleInvalid)?, permit))
    }

    /// A key that the caller may use by the mechanism of `row` as `action` says. Without a row the answer is about the
    /// key alone, for a caller who named a mechanism that the token does not have.
    pub(crate) fn permitted_key(
        &self,
        action: Action,
        handle: ObjectHandle,
        row: Option<&Mechanism>,
    ) -> Result<(Arc<Entry>, Permit)> {
        self.permitted_with(action, handle, |_, object, facts| use_facts(action, row, object, facts))
    }

    /// The key under `handle`, for use by the mechanism of `row` as `action` says.
    ///
    /// # Errors
    /// What the action's row of the policy table says; then CKR_KEY_TYPE_INCONSISTENT and CKR_KEY_SIZE_RANGE.
    pub(crate) fn use_key(
        &self,
        action: Action,
        handle: ObjectHandle,
        row: Option<&'static Mechanism>,
    ) -> Result<(Arc<Entry>, Arc<Key>)> {
        let (entry, permit) = self.permitted_key(action, handle, row)?;
        let keyed = row.filter(|row| !row.keys.is_empty());
        if keyed.is_some_and(|row| !entry.object.key_type().is_some_and(|key_type| row.takes(key_type))) {
            return Err(Refusal::standard(Error::KeyTypeInconsistent, "the mechanism does not take keys of this type"));
        }
        let key = entry.key(&permit)?;
        if keyed.is_some_and(|row| !row.takes_size(key.bits() as u64)) {
            return Err(Refusal::standard(Error::KeySizeRange, "the mechanism does not take keys of this size"));
        }
        Ok((entry, key))
    }
}

/// What using a key by a mechanism adds to the facts.
pub(crate) fn use_facts(action: Action, row: Option<&Mechanism>, object: &Object, facts: &mut Facts) {
    facts.usage = action.usage().is_none_or(|usage| object.flag(usage));
    facts.mechanism_allowed = row.is_none_or(|row| allows(&object.attributes, row));
}

/// Whether ALLOWED_MECHANISMS, where the key has it, names the mechanism (section 4.8 of the standard).
fn allows(attributes: &Template, mechanism: &Mechanism) -> bool {
    match attributes.get(AttributeType::ALLOWED_MECHANISMS) {
        Some(Value::Mechanisms(list)) => list.contains(&mechanism.id.0),
        _ => true,
    }
}
