//! The checker: what the rules guarantee, shown over the very functions of `claviger-rules` that the token calls.
//!
//! | part | what it does | bound |
//! | --- | --- | --- |
//! | [`table`] | asks the policy every question there is | none: every cell |
//! | [`universe`] | every state that an object can reach, and what each lets its users do | none in steps; the attributes of [`alphabet`] |
//! | [`invariants`] | what must hold of every state and step | as above |
//! | [`saturation`] | what an attacker with every PIN can come to know | none in keys, handles and steps; keys born alike are one |
//! | [`search`] | the shortest attack, as API calls | few keys and handles |
//! | [`mutants`] | each rule switched off must be missed | |
//!
//! Values are symbols here: a cipher hides its payload from who lacks the key, and nothing is guessed. What stands outside
//! is [`OUTSIDE`]; `docs/model/README.md` says what covers it.
#![forbid(unsafe_code)]

pub mod alphabet;
pub mod invariants;
mod merge;
pub mod mutants;
pub mod saturation;
pub mod search;
pub mod table;
mod trace;
pub mod universe;

/// What the model does not have.
pub const OUTSIDE: &str = "lengths and types of payloads (R11), the user's one role (R3), backup (R18), the quorum, a second key in the \
     parameters of a derivation, session objects, callers without a login, sharing among normal users, tightening";
