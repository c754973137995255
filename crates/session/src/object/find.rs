//! Finding objects, sections 5.7.7 to 5.7.9.

use claviger_rules::attribute::Shown;
use claviger_rules::policy::{Relation, Subject};
use claviger_rules::{AttributeType, Error, ObjectClass, Refusal, Template};

use super::entry::Entry;
use crate::operation::Search;
use crate::operation::slot::Came;
use crate::{ObjectHandle, Result, Session};

impl Session {
    /// C_FindObjectsInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE; CKR_ATTRIBUTE_TYPE_INVALID for an attribute that the token does not know.
    pub fn find_init(&self, template: Template) -> Result<()> {
        self.operations().search.init(|| {
            let subject = self.subject()?;
            if template.iter().any(|(attribute, _)| attribute.row().is_none()) {
                return Err(Refusal::standard(Error::AttributeTypeInvalid, "the token does not know this attribute"));
            }
            self.token().objects.ready(self.token())?;
            let list = self.token().objects.list();
            let found = list.iter().filter(|entry| matches(&subject, entry, &template)).map(|entry| entry.handle);
            Ok(Search::new(found.collect()))
        })
    }

    /// C_FindObjects: up to `max` more handles; none when all were given.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn find(&self, max: usize) -> Result<Vec<ObjectHandle>> {
        let mut found = Vec::new();
        self.operations().search.update(Search::open, |search| search.next(max, &mut found))?;
        Ok(found)
    }

    /// C_FindObjectsFinal.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn find_final(&self) -> Result<()> {
        self.operations().search.finish(Search::open, |_| Ok(Came::Output))
    }
}

fn matches(subject: &Subject, entry: &Entry, template: &Template) -> bool {
    entry.object.relation(subject) != Relation::Hidden
        && template.iter().all(|(attribute, value)| {
            searchable(entry, attribute) && entry.object.attributes.get(attribute) == Some(value)
        })
}

/// Rule R16: the value of a key never matches, and neither does its check value: a search would be a guess at it.
fn searchable(entry: &Entry, attribute: AttributeType) -> bool {
    let is_value =
        attribute == AttributeType::CHECK_VALUE || attribute.row().is_some_and(|row| row.shown == Shown::Hidden);
    !(is_value && entry.object.class().is_some_and(ObjectClass::has_secret))
}
