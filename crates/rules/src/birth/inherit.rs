//! What a key takes over from the keys that it comes from: rules R5 and R15.

use super::{Birth, Origin};
use crate::{AttributeType, Clause, Error, Mode, Object, ObjectClass, Refusal, Rule, Rulebook, Template, Value};

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
            Some(Value::Template(carried)) => template.union(carried),
            _ => Ok(template),
        }
    })
}

/// Rule R15: a derived key is at least as protected as each parent. Silence inherits, weakness is refused.
pub(super) fn protection(origin: &Origin<'_>, class: ObjectClass, template: &mut Template) -> Result<(), Refusal> {
    if origin.birth != Birth::Derive || !class.has_secret() {
        return Ok(());
    }
    let any = |attribute, value| origin.parents.iter().any(|parent: &&Object| parent.flag(attribute) == value);
    let inherited = [
        (AttributeType::SENSITIVE, true, any(AttributeType::SENSITIVE, true)),
        (AttributeType::EXTRACTABLE, false, any(AttributeType::EXTRACTABLE, false)),
        (AttributeType::WRAP_WITH_TRUSTED, true, any(AttributeType::WRAP_WITH_TRUSTED, true)),
    ];
    for (attribute, strong, applies) in inherited {
        if !applies {
            continue;
        }
        if template.flag_given(attribute).is_some_and(|given| given != strong) {
            return Err(Refusal::new(
                Error::TemplateInconsistent,
                Rule::R15,
                "a derived key is at least as protected as the keys it comes from",
            ));
        }
        template.set(attribute, Value::Bool(strong));
    }
    Ok(())
}
