//! Finding objects, sections 5.7.7 to 5.7.9.

use claviger_rules::attribute::Shown;
use claviger_rules::policy::{Relation, Subject};
use claviger_rules::{AttributeType, Error, Object, ObjectClass, Refusal, Template};

use super::codec;
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
            let accept = |object: &Object| matches(&subject, object, &template);
            let mut found = self.token().objects.session_objects(&accept);
            found.extend(self.token().objects.search(self.token(), &codec::terms(&template), &accept)?);
            Ok(Search::new(found))
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

fn matches(subject: &Subject, object: &Object, template: &Template) -> bool {
    object.relation(subject) != Relation::Hidden
        && template
            .iter()
            .all(|(attribute, value)| searchable(object, attribute) && object.attributes.get(attribute) == Some(value))
}

/// Rule R16: the value of a key never matches, and neither does its check value: a search would be a guess at it.
fn searchable(object: &Object, attribute: AttributeType) -> bool {
    let is_value =
        attribute == AttributeType::CHECK_VALUE || attribute.row().is_some_and(|row| row.shown == Shown::Hidden);
    !(is_value && object.class().is_some_and(ObjectClass::has_secret))
}
