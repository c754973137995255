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
//! Values are symbols here: a cipher hides its payload from who lacks the key, and nothing is guessed. Lengths, modes of
//! operation and what a session is stand outside; `docs/model/README.md` says what covers them.
#![forbid(unsafe_code)]

pub mod alphabet;
pub mod invariants;
pub mod mutants;
pub mod saturation;
pub mod search;
pub mod table;
pub mod universe;
