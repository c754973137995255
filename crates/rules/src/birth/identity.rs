//! Which class and key type is born: the call and its mechanism say it, or the template does.

use super::Origin;
use crate::{AttributeType, Error, KeyType, ObjectClass, Refusal, Template, Value};

/// The class and key type, from `origin` and `template` together.
pub(super) fn of(origin: &Origin<'_>, template: &Template) -> Result<(ObjectClass, Option<KeyType>), Refusal> {
    let class = agree(origin.class, template.ulong(AttributeType::CLASS), ObjectClass::from_id)?
        .ok_or(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_CLASS"))?;
    if !class.is_key() {
        return Ok((class, None));
    }
    let key_type = agree(origin.key_type, template.ulong(AttributeType::KEY_TYPE), KeyType::from_id)?
        .ok_or(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_KEY_TYPE"))?;
    if key_type.is_secret() != (class == ObjectClass::SecretKey) {
        return Err(Refusal::standard(Error::TemplateInconsistent, "CKA_KEY_TYPE does not belong to CKA_CLASS"));
    }
    Ok((class, Some(key_type)))
}

/// Writes class and key type down.
pub(super) fn record(class: ObjectClass, key_type: Option<KeyType>, attributes: &mut Template) {
    attributes.set(AttributeType::CLASS, Value::Ulong(class.id()));
    if let Some(key_type) = key_type {
        attributes.set(AttributeType::KEY_TYPE, Value::Ulong(key_type.id()));
    }
}

/// What the call decides, or else what the template names. A name that contradicts the call is inconsistent even when
/// the token does not know it (section 5.18.1).
fn agree<T: PartialEq>(
    decided: Option<T>,
    named: Option<u64>,
    from_id: fn(u64) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    match (decided, named.map(from_id)) {
        (Some(decided), Some(named)) if named.as_ref() != Some(&decided) => Err(Refusal::standard(
            Error::TemplateInconsistent,
            "CKA_CLASS or CKA_KEY_TYPE contradicts what the mechanism makes",
        )),
        (None, Some(None)) => {
            Err(Refusal::standard(Error::AttributeValueInvalid, "the token does not know this class or key type"))
        }
        (decided, named) => Ok(decided.or(named.flatten())),
    }
}
