//! What a key takes over from the keys that it comes from: rules R5 and R15.

use super::{Birth, Origin};
use crate::{
    AttributeType, Calling, Clause, Error, MechanismType, Mode, Object, ObjectClass, Refusal, Rule, Rulebook, Template,
    Value,
};

/// The union of the caller's template with the UNWRAP_TEMPLATE or DERIVE_TEMPLATE that a parent carries.
///
/// PKCS#11 3.2 section 5.18.4: "the attributes of the template … are added"; a conflict is refused. Applied
/// whatever TRUSTED says at the moment (rule R5).
pub(super) fn carried_templates(rules: Rulebook, origin: &Origin<'_>, template: Template) -> Result<Template, Refusal> {
    let attribute = match origin.birth {
        Birth::Unwrap => AttributeType::UNWRAP_TEMPLATE,
        Birth::Derive => AttributeType::DERIVE_TEMPLATE,
        Birth::Create | Birth::Generate | Birth::Pair => return Ok(template),
    };
    let applies = |parent: &&&Object| {
        rules.mode() != Mode::Enforce
            || rules.binds(Clause::UnwrapTemplateAlways)
            || parent.flag(AttributeType::TRUSTED)
    };
    origin.parents.iter().filter(applies).try_fold(template, |template, parent| {
        match parent.attributes.get(attribute) {
            Some(Value::Template(carried)) => template.union(carried).map_err(|refusal| named(parent, refusal)),
            _ => Ok(template),
        }
    })
}

/// To contradict the template of a key made for trust is to go against rule R5; that of another, against the standard.
fn named(parent: &Object, refusal: Refusal) -> Refusal {
    let rule = if parent.calling == Calling::Data { refusal.rule } else { Rule::R5 };
    Refusal { rule, ..refusal }
}

/// Rule R15: a derived key is at least as protected as each parent; outside `enforce` that holds of some mechanisms, and
/// not of WRAP_WITH_TRUSTED (section 6.43 of the standard). Silence inherits, weakness is refused.
pub(super) fn protection(
    rules: Rulebook,
    origin: &Origin<'_>,
    class: ObjectClass,
    template: &mut Template,
) -> Result<(), Refusal> {
    if origin.birth != Birth::Derive || !class.has_secret() {
        return Ok(());
    }
    let always = rules.binds(Clause::DerivedProtection);
    let inherits = always || origin.mechanism.and_then(MechanismType::row).is_some_and(|row| row.inherits);
    let any = |attribute, value| origin.parents.iter().any(|parent: &&Object| parent.flag(attribute) == value);
    let inherited = [
        (AttributeType::SENSITIVE, true, inherits && any(AttributeType::SENSITIVE, true)),
        (AttributeType::EXTRACTABLE, false, inherits && any(AttributeType::EXTRACTABLE, false)),
        (AttributeType::WRAP_WITH_TRUSTED, true, always && any(AttributeType::WRAP_WITH_TRUSTED, true)),
    ];
    for (attribute, strong, applies) in inherited {
        if !applies {
            continue;
        }
        if template.flag_given(attribute).is_some_and(|given| given != strong) {
            let rule = if always { Rule::R15 } else { Rule::Standard };
            return Err(Refusal::new(
                Error::TemplateInconsistent,
                rule,
                "a derived key is at least as protected as the keys it comes from",
            ));
        }
        template.set(attribute, Value::Bool(strong));
    }
    Ok(())
}
