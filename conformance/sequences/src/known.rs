//! What the attacker brings along besides byte strings: an RSA key of its own, and the parameters of pairs.

use std::sync::OnceLock;

use claviger_conformance::samples::P256;
use claviger_crypto::SystemRandom;
use claviger_rules::{AttributeType, Template, Value};
use rsa::PrivateKey;
use rsa::traits::PublicKeyParts as _;

use crate::call::Pair;

/// The attacker's RSA key, another in every run; none if the system has no randomness.
pub(crate) fn rsa() -> Option<&'static PrivateKey> {
    static KEY: OnceLock<Option<PrivateKey>> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::new(&mut SystemRandom::new(), 2048).ok()).as_ref()
}

/// The public half of it, as attributes.
pub(crate) fn rsa_public() -> Template {
    let mut template = Template::new();
    if let Some(key) = rsa() {
        template.set(AttributeType::MODULUS, Value::bytes(key.n_bytes().to_vec()));
        template.set(AttributeType::PUBLIC_EXPONENT, Value::bytes(key.e_bytes().to_vec()));
    }
    template
}

/// `template`, with what the public half of a pair must name.
pub(crate) fn public_half(pair: Pair, mut template: Template) -> Template {
    match pair {
        Pair::Ec => template.set(AttributeType::EC_PARAMS, Value::bytes(P256)),
        Pair::Rsa => template.set(AttributeType::MODULUS_BITS, Value::Ulong(2048)),
    }
    template
}
