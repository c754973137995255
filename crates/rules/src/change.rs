//! Changes after birth: C_SetAttributeValue and C_CopyObject (rules R1, R2, R13).

use crate::attribute::Change;
use crate::birth::{check_private, withholds};
use crate::{
    AttributeType, Calling, Clause, Error, KeyType, Mode, Object, ObjectClass, Refusal, Rule, Rulebook, Shadow,
    Template, Value,
};

/// What happens to the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// C_SetAttributeValue.
    Set,
    /// C_CopyObject: TOKEN, PRIVATE and MODIFIABLE may be chosen anew.
    Copy,
}

/// Applies `template` to `attributes`, wholly or not at all.
///
/// TRUSTED and SHARED_WITH are acts of their own and do not pass through here.
///
/// # Errors
/// CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT; `attributes` are then unchanged.
pub fn apply(
    rules: Rulebook,
    occasion: Occasion,
    attributes: &mut Template,
    template: &Template,
) -> Result<(), Refusal> {
    let mut changed = attributes.clone();
    let private = rules.binds(Clause::AlwaysPrivate) && holds_secret(attributes);
    for (attribute, value) in template.iter() {
        check(rules, occasion, attributes, attribute, value)?;
        if !(private && attribute == AttributeType::PRIVATE) {
            changed.set(attribute, value.clone());
        }
    }
    if rules.binds(Clause::TrustedAtChange) && holds_secret(attributes) {
        raise(&mut changed, template)?;
    }
    // What was born before the token was tightened may not be private yet.
    if private && occasion == Occasion::Copy {
        changed.set(AttributeType::PRIVATE, Value::Bool(true));
    }
    check_private(&changed)?;
    let wraps = changed.flag(AttributeType::WRAP) || changed.flag(AttributeType::UNWRAP);
    if wraps && rules.binds(Clause::NoCheckValue) && holds_secret(attributes) {
        changed.remove(AttributeType::CHECK_VALUE);
    }
    *attributes = changed;
    Ok(())
}

fn holds_secret(attributes: &Template) -> bool {
    class_of(attributes).is_some_and(ObjectClass::has_secret)
}

fn class_of(attributes: &Template) -> Option<ObjectClass> {
    attributes.ulong(AttributeType::CLASS).and_then(ObjectClass::from_id)
}

fn check(
    rules: Rulebook,
    occasion: Occasion,
    present: &Template,
    attribute: AttributeType,
    value: &Value,
) -> Result<(), Refusal> {
    let row = attribute
        .row()
        .ok_or(Refusal::standard(Error::AttributeTypeInvalid, "the token does not know this attribute"))?;
    let key_type = present.ulong(AttributeType::KEY_TYPE).and_then(KeyType::from_id);
    if !class_of(present).is_some_and(|class| row.of.includes(class, key_type)) {
        return Err(Refusal::standard(Error::TemplateInconsistent, "the object does not have this attribute"));
    }
    let old = present.flag_given(attribute);
    let new = value.as_bool();
    if new == Some(true) && old != new && withholds(rules, present, attribute) {
        return Err(REFUSAL);
    }
    let permitted = match row.change {
        Change::Free => true,
        Change::OnlyTrue | Change::OnlyFalse if !rules.binds(Clause::OnlyStronger) => true,
        Change::OnlyTrue => new == Some(true) || old == new,
        Change::OnlyFalse => new == Some(false) || old == new,
        Change::OnCopy => {
            occasion == Occasion::Copy && !(rules.binds(Clause::CopyOnlyStronger) && loosens(attribute, old, new))
        }
        Change::Fixed => {
            occasion == Occasion::Copy
                && row.shown == crate::attribute::Shown::Open
                && present.get(attribute) == Some(value)
        }
        // A copy is not TRUSTED whatever the source is (rule R8).
        Change::Officer => new == Some(false) && (occasion == Occasion::Copy || old != Some(true)),
        Change::Token | Change::Share => false,
    };
    if permitted { value.check_limits() } else { Err(Refusal { rule: behind(row.change, occasion), ..REFUSAL }) }
}

/// The rule behind a refused change.
const fn behind(change: Change, occasion: Occasion) -> Rule {
    match (change, occasion) {
        (Change::OnCopy, Occasion::Copy) => Rule::R13,
        (Change::Officer, _) => Rule::R8,
        _ => Rule::R2,
    }
}

const REFUSAL: Refusal =
    Refusal::new(Error::AttributeReadOnly, Rule::R2, "this attribute does not change that way: protection only grows");

/// MODIFIABLE and PRIVATE may be chosen at a copy, but only in the stricter direction (rule R13).
fn loosens(attribute: AttributeType, old: Option<bool>, new: Option<bool>) -> bool {
    match attribute {
        AttributeType::MODIFIABLE => old == Some(false) && new == Some(true),
        AttributeType::PRIVATE => old == Some(true) && new == Some(false),
        _ => false,
    }
}

/// Rule R1 at a change: WRAP_WITH_TRUSTED raises SENSITIVE, and SENSITIVE on an extractable key raises
/// WRAP_WITH_TRUSTED; denying it in the same template is refused.
fn raise(changed: &mut Template, template: &Template) -> Result<(), Refusal> {
    let denies_both = template.flag_given(AttributeType::SENSITIVE) == Some(false)
        && template.flag_given(AttributeType::WRAP_WITH_TRUSTED) == Some(true);
    if denies_both {
        return Err(Refusal::new(Error::TemplateInconsistent, Rule::R1, "WRAP_WITH_TRUSTED implies SENSITIVE"));
    }
    if changed.flag(AttributeType::WRAP_WITH_TRUSTED) {
        changed.set(AttributeType::SENSITIVE, Value::Bool(true));
    }
    let leaves = changed.flag(AttributeType::SENSITIVE) && changed.flag(AttributeType::EXTRACTABLE);
    if !leaves {
        return Ok(());
    }
    if template.flag_given(AttributeType::WRAP_WITH_TRUSTED) == Some(false) {
        return Err(Refusal::new(
            Error::TemplateInconsistent,
            Rule::R1,
            "a sensitive, extractable key always has WRAP_WITH_TRUSTED",
        ));
    }
    changed.set(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true));
    Ok(())
}

/// Marks a key trusted, or takes TRUSTED away: from then on a key that was made for trust is retired (rule R9).
pub fn set_trust(rules: Rulebook, attributes: &mut Template, calling: &mut Calling, trusted: bool) {
    if !trusted && *calling == Calling::Wrapping && rules.binds(Clause::RetiredForEver) {
        *calling = Calling::Retired;
    }
    attributes.set(AttributeType::TRUSTED, Value::Bool(trusted));
}

/// What `before` would be like in `enforce` once `template` is applied to it, and what `enforce` would have refused of
/// that; `after` are the attributes that a token in `audit` gave it.
pub fn shadow(before: &Object, after: &Template, occasion: Occasion, template: &Template) -> (Shadow, Option<Refusal>) {
    let Object { mut attributes, calling, .. } = before.under_enforce();
    match apply(Rulebook::of(Mode::Enforce), occasion, &mut attributes, template) {
        Ok(()) => (Shadow::of(&attributes, calling), None),
        Err(refusal) => (Shadow::of(after, calling), Some(refusal)),
    }
}
