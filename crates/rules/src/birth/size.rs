//! Rule R14: the least sizes of protected keys.

use super::Birth;
use crate::{AttributeType, Error, KeyType, Mode, Refusal, Rule, Template};

/// Checks a key of `bits` against the least size that its protection asks for.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE, on unwrap CKR_WRAPPED_KEY_LEN_RANGE.
pub fn check_size(
    mode: Mode,
    birth: Birth,
    key_type: KeyType,
    bits: u64,
    attributes: &Template,
) -> Result<(), Refusal> {
    let protected = attributes.flag(AttributeType::SENSITIVE) || !attributes.flag(AttributeType::EXTRACTABLE);
    let least = match key_type {
        KeyType::Rsa => 2048,
        KeyType::Ec => 256,
        _ => 128,
    };
    if mode != Mode::Enforce || !protected || bits >= least {
        return Ok(());
    }
    let error = if birth == Birth::Unwrap { Error::WrappedKeyLenRange } else { Error::KeySizeRange };
    Err(Refusal::new(error, Rule::R14, "a protected key has at least 16 bytes, RSA 2048 bits, EC 256 bits"))
}
