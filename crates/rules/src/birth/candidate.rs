//! Rules R4, R5 and R7: the shape of a candidate, the key that may become trusted.

use super::Origin;
use crate::attribute::USAGES;
use crate::policy::Subject;
use crate::{
    AttributeType, Clause, Error, KeyType, MechanismType, Mode, ObjectClass, Power, Refusal, Rule, Rulebook, Template,
    Value,
};

/// Whether this birth makes a candidate: a key manager's C_GenerateKey(CKM_AES_KEY_GEN) whose template
/// names WRAP or UNWRAP true, on a token in `enforce`.
pub fn is_candidate(subject: &Subject, origin: &Origin<'_>, template: &Template) -> bool {
    let maker = subject.powers.has(Power::MakeCandidates) && origin.birth.is_local();
    let aes = !origin.birth.is_local() || origin.mechanism == Some(MechanismType::AES_KEY_GEN);
    subject.rules.mode() == Mode::Enforce
        && (maker || !subject.rules.binds(Clause::CandidateMaker))
        && (aes || !subject.rules.binds(Clause::AesCandidates))
        && (template.flag(AttributeType::WRAP) || template.flag(AttributeType::UNWRAP))
}

/// What every candidate is; omitted it is filled in, contradicted it is refused.
const SHAPE: &[(AttributeType, Value)] = &[
    (AttributeType::VALUE_LEN, Value::Ulong(32)),
    (AttributeType::TOKEN, Value::Bool(true)),
    (AttributeType::SENSITIVE, Value::Bool(true)),
    (AttributeType::EXTRACTABLE, Value::Bool(false)),
    (AttributeType::COPYABLE, Value::Bool(false)),
    (AttributeType::MODIFIABLE, Value::Bool(false)),
    (AttributeType::ENCRYPT, Value::Bool(false)),
    (AttributeType::DECRYPT, Value::Bool(false)),
    (AttributeType::SIGN, Value::Bool(false)),
    (AttributeType::VERIFY, Value::Bool(false)),
    (AttributeType::DERIVE, Value::Bool(false)),
];

/// What the UNWRAP_TEMPLATE of every candidate holds at least (rule R5).
const UNWRAPPED: &[(AttributeType, Value)] =
    &[(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true)), (AttributeType::SENSITIVE, Value::Bool(true))];

/// What the UNWRAP_TEMPLATE of a candidate may hold besides those and usages (rule R5).
const MAY_CARRY: &[AttributeType] = &[
    AttributeType::CLASS,
    AttributeType::TOKEN,
    AttributeType::LABEL,
    AttributeType::KEY_TYPE,
    AttributeType::MODIFIABLE,
    AttributeType::COPYABLE,
    AttributeType::DESTROYABLE,
    AttributeType::ALLOWED_MECHANISMS,
];

/// Fills a candidate's template in.
pub(super) fn shape(
    rules: Rulebook,
    class: ObjectClass,
    key_type: Option<KeyType>,
    template: &mut Template,
) -> Result<(), Refusal> {
    if rules.binds(Clause::CandidateShape) {
        let has = |attribute: AttributeType| attribute.row().is_some_and(|row| row.of.includes(class, key_type));
        fill(template, SHAPE.iter().filter(|(attribute, _)| has(*attribute)), CONTRADICTION)?;
    }
    if !rules.binds(Clause::UnwrapTemplate) {
        return Ok(());
    }
    let carried = match template.get(AttributeType::UNWRAP_TEMPLATE) {
        Some(Value::Template(given)) => unwrap_template(given.clone())?,
        _ => unwrap_template(Template::new())?,
    };
    template.set(AttributeType::UNWRAP_TEMPLATE, Value::Template(carried));
    Ok(())
}

const CONTRADICTION: Refusal = Refusal::new(
    Error::TemplateInconsistent,
    Rule::R4,
    "a wrapping key of a key manager is a 32-byte sensitive, unextractable token key with no usage but WRAP and UNWRAP",
);

fn unwrap_template(mut carried: Template) -> Result<Template, Refusal> {
    let refusal = Refusal::new(
        Error::TemplateInconsistent,
        Rule::R5,
        "the UNWRAP_TEMPLATE of a wrapping key holds WRAP_WITH_TRUSTED and SENSITIVE true, and of the rest only class, key type, usages, EXTRACTABLE=false, TOKEN, LABEL, ALLOWED_MECHANISMS, DESTROYABLE, COPYABLE, MODIFIABLE",
    );
    fill(&mut carried, UNWRAPPED.iter(), refusal)?;
    let admitted = |attribute, value: &Value| {
        MAY_CARRY.contains(&attribute)
            || USAGES.contains(&attribute)
            || UNWRAPPED.iter().any(|(required, _)| *required == attribute)
            || (attribute == AttributeType::EXTRACTABLE && *value == Value::Bool(false))
    };
    if carried.iter().all(|(attribute, value)| admitted(attribute, value)) { Ok(carried) } else { Err(refusal) }
}

fn fill<'a>(
    template: &mut Template,
    shape: impl Iterator<Item = &'a (AttributeType, Value)>,
    refusal: Refusal,
) -> Result<(), Refusal> {
    for (attribute, value) in shape {
        match template.get(*attribute) {
            None => template.set(*attribute, value.clone()),
            Some(given) if given == value => {}
            Some(_) => return Err(refusal),
        }
    }
    Ok(())
}
