//! Rule R1 at birth, and the attributes that the token computes.

use super::{Birth, Origin};
use crate::{AttributeType, Clause, Error, Object, ObjectClass, Refusal, Rule, Rulebook, Template, Value};

/// Settles SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED, then records LOCAL and its like.
pub(super) fn settle(
    rules: Rulebook,
    origin: &Origin<'_>,
    class: ObjectClass,
    attributes: &mut Template,
) -> Result<(), Refusal> {
    if class.has_secret() {
        let (sensitive, extractable) = secrecy(rules, origin.birth, attributes)?;
        attributes.set(AttributeType::SENSITIVE, Value::Bool(sensitive));
        attributes.set(AttributeType::EXTRACTABLE, Value::Bool(extractable));
        if rules.binds(Clause::TrustedAtBirth) {
            raise(attributes)?;
        }
        attributes.set_default(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(false));
        history(origin, sensitive, extractable, attributes);
    }
    if class.is_key() {
        let mechanism = origin.mechanism.filter(|_| origin.birth.is_local()).map_or(UNAVAILABLE, |id| id.0);
        attributes.set(AttributeType::LOCAL, Value::Bool(origin.birth.is_local()));
        attributes.set(AttributeType::KEY_GEN_MECHANISM, Value::Ulong(mechanism));
    }
    Ok(())
}

/// CK_UNAVAILABLE_INFORMATION, what KEY_GEN_MECHANISM says of a key that was not generated here.
const UNAVAILABLE: u64 = u64::MAX;

/// SENSITIVE defaults to true. EXTRACTABLE defaults to the contrary of SENSITIVE *as given*, and on unwrap to
/// true, as the standard says.
fn secrecy(rules: Rulebook, birth: Birth, attributes: &Template) -> Result<(bool, bool), Refusal> {
    let given = attributes.flag_given(AttributeType::SENSITIVE);
    let wants_trusted = attributes.flag(AttributeType::WRAP_WITH_TRUSTED);
    if rules.binds(Clause::TrustedAtBirth) && given == Some(false) && wants_trusted {
        return Err(Refusal::new(
            Error::TemplateInconsistent,
            Rule::R1,
            "WRAP_WITH_TRUSTED protects nothing on a key that is not sensitive",
        ));
    }
    let extractable =
        attributes.flag_given(AttributeType::EXTRACTABLE).unwrap_or(birth == Birth::Unwrap || given == Some(false));
    Ok((given.unwrap_or(true), extractable))
}

/// Rule R1: SENSITIVE and EXTRACTABLE together imply WRAP_WITH_TRUSTED. Omitted it is set, denied it is refused.
fn raise(attributes: &mut Template) -> Result<(), Refusal> {
    let leaves = attributes.flag(AttributeType::SENSITIVE) && attributes.flag(AttributeType::EXTRACTABLE);
    if !leaves {
        return Ok(());
    }
    if attributes.flag_given(AttributeType::WRAP_WITH_TRUSTED) == Some(false) {
        return Err(Refusal::new(
            Error::TemplateInconsistent,
            Rule::R1,
            "a sensitive, extractable key always has WRAP_WITH_TRUSTED; leave the attribute out or set it true",
        ));
    }
    attributes.set(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true));
    Ok(())
}

/// ALWAYS_SENSITIVE and NEVER_EXTRACTABLE (rule R2; section 4.9 of the standard, footnotes of table 32, and
/// section 5.18.5 for derived keys).
fn history(origin: &Origin<'_>, sensitive: bool, extractable: bool, attributes: &mut Template) {
    let all = |attribute| origin.parents.iter().all(|parent: &&Object| parent.flag(attribute));
    let (always, never) = match origin.birth {
        Birth::Generate | Birth::Pair => (sensitive, !extractable),
        Birth::Derive => {
            (sensitive && all(AttributeType::ALWAYS_SENSITIVE), !extractable && all(AttributeType::NEVER_EXTRACTABLE))
        }
        Birth::Create | Birth::Unwrap => (false, false),
    };
    attributes.set(AttributeType::ALWAYS_SENSITIVE, Value::Bool(always));
    attributes.set(AttributeType::NEVER_EXTRACTABLE, Value::Bool(never));
}
