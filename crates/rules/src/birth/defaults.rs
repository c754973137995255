//! What a template leaves out.

use super::authenticate;
use crate::attribute::USAGES;
use crate::policy::Subject;
use crate::{AttributeType, Clause, KeyType, ObjectClass, Power, Rulebook, Template, Value};

/// Usages: when the template names none, all that the key type supports are true (Java relies on it);
/// when it names any, the rest are false. A key manager who names none gets all but WRAP and UNWRAP (rule R4),
/// and a key with ALWAYS_AUTHENTICATE none that could not ask for the PIN (rule R2).
pub(super) fn usages(subject: &Subject, class: ObjectClass, key_type: Option<KeyType>, attributes: &mut Template) {
    let Some(key_type) = key_type else { return };
    let names_none = USAGES.iter().all(|usage| attributes.get(*usage).is_none());
    let keeps_wrapping_apart = subject.rules.binds(Clause::CandidateMaker) && subject.powers.has(Power::MakeCandidates);
    for usage in USAGES {
        if !usage.row().is_some_and(|row| row.of.includes(class, Some(key_type))) {
            continue;
        }
        let wraps = matches!(usage, AttributeType::WRAP | AttributeType::UNWRAP);
        let withheld = (wraps && keeps_wrapping_apart) || authenticate::withholds(subject.rules, attributes, usage);
        let granted = names_none && supports(key_type, usage) && !withheld;
        attributes.set_default(usage, Value::Bool(granted));
    }
}

/// Whether keys of `key_type` can do what `usage` says, by any mechanism of the standard.
fn supports(key_type: KeyType, usage: AttributeType) -> bool {
    let encrypts =
        matches!(usage, AttributeType::ENCRYPT | AttributeType::DECRYPT | AttributeType::WRAP | AttributeType::UNWRAP);
    match key_type {
        KeyType::Rsa => usage != AttributeType::DERIVE,
        KeyType::Aes => true,
        KeyType::Hkdf => usage == AttributeType::DERIVE,
        KeyType::Ec => matches!(usage, AttributeType::SIGN | AttributeType::VERIFY | AttributeType::DERIVE),
        KeyType::GenericSecret
        | KeyType::Sha1Hmac
        | KeyType::Sha224Hmac
        | KeyType::Sha256Hmac
        | KeyType::Sha384Hmac
        | KeyType::Sha512Hmac => !encrypts,
    }
}

/// TOKEN, PRIVATE, LABEL and the other attributes that every object of the class has.
pub(super) fn storage(rules: Rulebook, class: ObjectClass, attributes: &mut Template) {
    // Rule R17: secret and private keys are always private; `pkcs11-tool` says otherwise and means no harm.
    if class.has_secret() && rules.binds(Clause::AlwaysPrivate) {
        attributes.set(AttributeType::PRIVATE, Value::Bool(true));
    }
    let flags = [
        (AttributeType::TOKEN, false),
        (AttributeType::PRIVATE, class.has_secret()),
        (AttributeType::MODIFIABLE, true),
        (AttributeType::COPYABLE, true),
        (AttributeType::DESTROYABLE, true),
    ];
    for (attribute, value) in flags {
        attributes.set_default(attribute, Value::Bool(value));
    }
    attributes.set_default(AttributeType::LABEL, Value::bytes([]));
    if class.is_key() {
        key(class, attributes);
    }
    match class {
        ObjectClass::Data => {
            empty(attributes, &[AttributeType::APPLICATION, AttributeType::OBJECT_ID, AttributeType::VALUE])
        }
        ObjectClass::Certificate => certificate(attributes),
        ObjectClass::PublicKey | ObjectClass::PrivateKey => empty(attributes, &[AttributeType::SUBJECT]),
        ObjectClass::SecretKey => {}
    }
}

fn key(class: ObjectClass, attributes: &mut Template) {
    empty(attributes, &[AttributeType::ID]);
    attributes.set_default(AttributeType::START_DATE, Value::Date(None));
    attributes.set_default(AttributeType::END_DATE, Value::Date(None));
    if class != ObjectClass::PrivateKey {
        attributes.set_default(AttributeType::TRUSTED, Value::Bool(false));
    } else {
        attributes.set_default(AttributeType::ALWAYS_AUTHENTICATE, Value::Bool(false));
    }
}

fn certificate(attributes: &mut Template) {
    attributes.set_default(AttributeType::TRUSTED, Value::Bool(false));
    attributes.set_default(AttributeType::CERTIFICATE_CATEGORY, Value::Ulong(0));
    attributes.set_default(AttributeType::START_DATE, Value::Date(None));
    attributes.set_default(AttributeType::END_DATE, Value::Date(None));
    empty(
        attributes,
        &[AttributeType::ID, AttributeType::ISSUER, AttributeType::SERIAL_NUMBER, AttributeType::SUBJECT],
    );
}

fn empty(attributes: &mut Template, list: &[AttributeType]) {
    for attribute in list {
        attributes.set_default(*attribute, Value::bytes([]));
    }
}
