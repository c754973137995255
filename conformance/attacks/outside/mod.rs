//! What the attacker computes outside the token.

pub(super) mod aes;
pub(super) mod ec;
pub(super) mod gcm;
pub(super) mod hash;
pub(super) mod rsa;
