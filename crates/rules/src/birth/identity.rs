//! Which class and key type is born: the call and its mechanism say it, or the template does.

use super::Origin;
use crate::{AttributeType, Error, KeyType, ObjectClass, Refusal, Template, Value};

/// The class and key type, from `origin` and `template` together.
pub(super) fn of(origin: &Origin<'_>, template: &Template) -> Result<(ObjectClass, Option<KeyType>), Refusal> {
    let class = agree(origin.class, named_class(template)?)?
        .ok_or(Refusal::standard(Error::TemplateIncomplete, "the template must name CKA_CLASS"))?;
    if !class.is_key() {
        return Ok((class, None));
    }
    let key_type = agree(origin.key_type, named_key_type(template)?)?
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

fn named_class(template: &Template) -> Result<Option<ObjectClass>, Refusal> {
    named(template, AttributeType::CLASS, ObjectClass::from_id)
}

fn named_key_type(template: &Template) -> Result<Option<KeyType>, Refusal> {
    named(template, AttributeType::KEY_TYPE, KeyType::from_id)
}

fn named<T>(
    template: &Template,
    attribute: AttributeType,
    from_id: fn(u64) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let unknown = Refusal::standard(Error::AttributeValueInvalid, "the token does not know this class or key type");
    template.ulong(attribute).map(|id| from_id(id).ok_or(unknown)).transpose()
}

fn agree<T: PartialEq>(decided: Option<T>, named: Option<T>) -> Result<Option<T>, Refusal> {
    match (decided, named) {
        (Some(decided), Some(named)) if decided != named => Err(Refusal::standard(
            Error::TemplateInconsistent,
            "CKA_CLASS or CKA_KEY_TYPE contradicts what the mechanism makes",
        )),
        (decided, named) => Ok(decided.or(named)),
    }
}
