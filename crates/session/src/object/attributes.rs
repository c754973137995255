//! C_GetAttributeValue and C_GetObjectSize, sections 5.7.4 and 5.7.5.

use claviger_rules::attribute::{ATTRIBUTES, Shown};
use claviger_rules::policy::{Action, authorize};
use claviger_rules::{AttributeType, Value};

use super::codec;
use super::entry::Entry;
use crate::session::{Caller, World};
use crate::{ObjectHandle, Result, Session};

/// What a session sees of one attribute.
pub enum Answer {
    /// The value.
    Value(Value),
    /// It is part of a key that is sensitive or not extractable.
    Sensitive,
    /// The object has no such attribute.
    Unavailable,
}

impl Session {
    /// C_GetAttributeValue: one answer for each asked type, in order.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn attributes(&self, object: ObjectHandle, types: &[AttributeType]) -> Result<Vec<Answer>> {
        self.call("C_GetAttributeValue", |caller| {
            let (entry, _permit) = caller.permitted(Action::Read, object)?;
            Ok(types.iter().map(|attribute| self.answer(caller, &entry, *attribute)).collect())
        })
    }

    fn answer(&self, caller: &Caller<'_>, entry: &Entry, attribute: AttributeType) -> Answer {
        if let Some(names) = self.people(entry, attribute) {
            return Answer::Value(Value::bytes(names));
        }
        let hidden = attribute.row().is_some_and(|row| row.shown == Shown::Hidden);
        if hidden && !may_read_value(caller, entry) {
            let (class, key_type) = (entry.object.class(), entry.object.key_type());
            let has = attribute.row().zip(class).is_some_and(|(row, class)| row.of.includes(class, key_type));
            return if has { Answer::Sensitive } else { Answer::Unavailable };
        }
        entry.object.attributes.get(attribute).map_or(Answer::Unavailable, |value| Answer::Value(value.clone()))
    }

    /// CKA_CLAVIGER_OWNER and CKA_CLAVIGER_SHARED_WITH: user names, several separated by NUL.
    fn people(&self, entry: &Entry, attribute: AttributeType) -> Option<Vec<u8>> {
        let ids = match attribute {
            AttributeType::CLAVIGER_OWNER => entry.object.owner.into_iter().collect(),
            AttributeType::CLAVIGER_SHARED_WITH => entry.object.shared_with.clone(),
            _ => return None,
        };
        let names: Vec<String> = ids.into_iter().filter_map(|id| Some(self.token().user(id)?.name)).collect();
        Some(names.join("\0").into_bytes())
    }

    /// C_GetObjectSize: the bytes of the object's record, but for a value that is kept back: the parts of an RSA key
    /// have no leading zeros, so their lengths would tell of it (rule R16).
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn object_size(&self, object: ObjectHandle) -> Result<u64> {
        self.call("C_GetObjectSize", |caller| {
            let (entry, _permit) = caller.permitted(Action::Read, object)?;
            let mut seen = entry.object.clone();
            if reads(&caller.world(), &entry).is_err() {
                let hidden = ATTRIBUTES.iter().filter(|row| row.shown == Shown::Hidden);
                hidden.for_each(|row| drop(seen.attributes.remove(row.id)));
            }
            Ok(codec::encode(&seen)?.len() as u64)
        })
    }
}

/// An attribute that is kept back is an answer, not a refused call: the policy is asked without the log hearing of it,
/// but for what only `enforce` would keep back.
fn may_read_value(caller: &Caller<'_>, entry: &Entry) -> bool {
    let may = reads(&caller.world(), entry).is_ok();
    if let Some(shadow) = caller.shadow().filter(|_| may) {
        caller.note(reads(&shadow, entry).err());
    }
    may
}

fn reads(world: &World, entry: &Entry) -> Result<()> {
    let facts = world.object(&entry.object).facts(&world.subject, entry.handle.0);
    authorize(&world.subject, Action::ReadValue, &facts).map(drop)
}
