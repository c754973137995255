//! Rule R14: the least sizes of protected keys.

use super::Birth;
use crate::object::are_protected;
use crate::{AttributeType, Clause, Error, KeyType, Object, Refusal, Rule, Rulebook, Template};

/// Checks a key of `bits` against the least size that its protection asks for.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE, on unwrap CKR_WRAPPED_KEY_LEN_RANGE.
pub fn check_size(
    rules: Rulebook,
    birth: Birth,
    key_type: KeyType,
    bits: u64,
    attributes: &Template,
) -> Result<(), Refusal> {
    let least = match key_type {
        KeyType::Rsa => 2048,
        KeyType::Ec => 256,
        _ => 128,
    };
    if !rules.binds(Clause::LeastSizes) || !are_protected(attributes) || bits >= least {
        return Ok(());
    }
    let error = if birth == Birth::Unwrap { Error::WrappedKeyLenRange } else { Error::KeySizeRange };
    Err(Refusal::new(error, Rule::R14, "a protected key has at least 16 bytes, RSA 2048 bits, EC 256 bits"))
}

/// The same for `object`, which a change or a copy gives the attributes `after`: they may have made it a protected one.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE.
pub fn check_size_after(rules: Rulebook, object: &Object, after: &Template) -> Result<(), Refusal> {
    let Some(key_type) = object.key_type().filter(|_| object.class().is_some_and(crate::ObjectClass::has_secret))
    else {
        return Ok(());
    };
    let attributes = &object.attributes;
    let bits = match key_type {
        KeyType::Rsa => attributes.bytes(AttributeType::MODULUS).map_or(0, |modulus| modulus.len() as u64 * 8),
        KeyType::Ec => attributes.bytes(AttributeType::VALUE).map_or(0, |scalar| scalar.len() as u64 * 8),
        _ => attributes.ulong(AttributeType::VALUE_LEN).unwrap_or(0).saturating_mul(8),
    };
    check_size(rules, Birth::Create, key_type, bits, after)
}
