//! What a template may name at all: one walk over the attribute table.

use super::Birth;
use crate::attribute::{ATTRIBUTES, Change, Shown};
use crate::{AttributeType, Clause, Error, KeyType, ObjectClass, Refusal, Rule, Rulebook, Template, Value};

/// Checks every attribute of `template`, and that none is missing.
pub(super) fn check(
    rules: Rulebook,
    birth: Birth,
    class: ObjectClass,
    key_type: Option<KeyType>,
    template: &Template,
) -> Result<(), Refusal> {
    for (attribute, value) in template.iter() {
        check_one(rules, birth, class, key_type, attribute, value)?;
    }
    let missing = ATTRIBUTES.iter().any(|row| {
        row.required.has(birth.when())
            && row.of.includes(class, key_type)
            && needed(row.id, birth, class)
            && template.get(row.id).is_none()
    });
    if missing {
        return Err(Refusal::standard(
            Error::TemplateIncomplete,
            "the template lacks an attribute that this object must have",
        ));
    }
    Ok(())
}

/// EC_PARAMS and the like are required where they are given, which for pairs is the public half.
fn needed(attribute: AttributeType, birth: Birth, class: ObjectClass) -> bool {
    !(birth == Birth::Pair && class == ObjectClass::PrivateKey && attribute == AttributeType::EC_PARAMS)
}

fn check_one(
    rules: Rulebook,
    birth: Birth,
    class: ObjectClass,
    key_type: Option<KeyType>,
    attribute: AttributeType,
    value: &Value,
) -> Result<(), Refusal> {
    let row = attribute
        .row()
        .ok_or(Refusal::standard(Error::AttributeTypeInvalid, "the token does not know this attribute"))?;
    if !row.of.includes(class, key_type) {
        return Err(Refusal::standard(
            Error::TemplateInconsistent,
            "objects of this class and type do not have this attribute",
        ));
    }
    match row.change {
        Change::Token | Change::Share if rules.binds(Clause::Computed) => {
            Err(Refusal::new(Error::AttributeReadOnly, Rule::R2, "the token computes this attribute itself"))
        }
        Change::Officer if value.as_bool() == Some(true) && rules.binds(Clause::UntrustedAtBirth) => Err(Refusal::new(
            Error::AttributeReadOnly,
            Rule::R8,
            "TRUSTED is never set at birth; a security officer sets it with C_SetAttributeValue",
        )),
        _ if !row.given.has(birth.when()) => {
            Err(Refusal::standard(Error::TemplateInconsistent, "this attribute cannot be given in this call"))
        }
        _ => value.check_limits(),
    }
}

/// Rule R16: nested templates hold no values, or matching them would be an oracle; and R6: none mints trust.
pub(super) fn check_nested(rules: Rulebook, template: &Template) -> Result<(), Refusal> {
    for (_, value) in template.iter() {
        let Value::Template(nested) = value else { continue };
        for (attribute, value) in nested.iter() {
            let is_value =
                attribute == AttributeType::CHECK_VALUE || attribute.row().is_none_or(|row| row.shown == Shown::Hidden);
            if is_value && rules.binds(Clause::NestedValues) {
                return Err(Refusal::new(
                    Error::TemplateInconsistent,
                    Rule::R16,
                    "a template that a key carries holds no values: matching them would reveal them",
                ));
            }
            let mints = attribute == AttributeType::TRUSTED && value.as_bool() == Some(true);
            if mints && rules.binds(Clause::NestedTrust) {
                return Err(Refusal::new(Error::TemplateInconsistent, Rule::R6, "no template mints trust"));
            }
        }
    }
    Ok(())
}
