//! Keys whose user proves the PIN for every use: ALWAYS_AUTHENTICATE (section 4.10 of the standard; rule R2). Not the
//! proof itself, which the session asks for.
//!
//! The standard gives the proof a place between an Init and what follows it, so it guards signing and decrypting alone:
//! C_UnwrapKey and C_DeriveKey have no Init. In `enforce` such a key therefore neither unwraps nor derives, and never
//! leaves. Elsewhere it may, as the standard lets it, and its user is then asked for nothing: "for each use (sign or
//! decrypt)" is all that the standard promises.

use crate::{AttributeType, Clause, Error, Refusal, Rule, Rulebook, Template, Value};

/// The usages that cannot ask for the PIN.
const UNASKED: [AttributeType; 2] = [AttributeType::UNWRAP, AttributeType::DERIVE];

/// What the key must not be, is not by default, and is refused if asked for.
pub(super) fn shape(rules: Rulebook, attributes: &mut Template) -> Result<(), Refusal> {
    if !guards(rules, attributes) {
        return Ok(());
    }
    let leaves = attributes.flag(AttributeType::EXTRACTABLE);
    if leaves || UNASKED.iter().any(|usage| attributes.flag(*usage)) {
        return Err(Refusal::new(
            Error::TemplateInconsistent,
            Rule::R2,
            "a key with ALWAYS_AUTHENTICATE is not extractable and neither unwraps nor derives: nothing could ask for the PIN",
        ));
    }
    attributes.set(AttributeType::EXTRACTABLE, Value::Bool(false));
    Ok(())
}

/// Whether a key with `attributes` goes without `usage`.
pub(crate) fn withholds(rules: Rulebook, attributes: &Template, usage: AttributeType) -> bool {
    UNASKED.contains(&usage) && guards(rules, attributes)
}

/// "This attribute may only be set to CK_TRUE when CKA_PRIVATE is also CK_TRUE."
pub(crate) fn check_private(attributes: &Template) -> Result<(), Refusal> {
    if attributes.flag(AttributeType::ALWAYS_AUTHENTICATE) && !attributes.flag(AttributeType::PRIVATE) {
        return Err(Refusal::standard(
            Error::TemplateInconsistent,
            "ALWAYS_AUTHENTICATE asks for the PIN of a user, so the key is PRIVATE",
        ));
    }
    Ok(())
}

fn guards(rules: Rulebook, attributes: &Template) -> bool {
    rules.binds(Clause::AskedForEachUse) && attributes.flag(AttributeType::ALWAYS_AUTHENTICATE)
}
