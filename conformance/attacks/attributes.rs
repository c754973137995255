//! Attributes that must not be written, weakened or read (PKCS#11 3.2, sections 4.1, 4.8 to 4.10).

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User};
use super::outside::ec::P256;
use super::{Arena, Ended, Way, evidence, harmless, not_applicable, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::{Attribute, Value, with};

/// A12. TRUSTED=true in every template in which a key is born, and in the template that unwrapped keys inherit.
pub(super) const MINT_TRUST: &[Way] = &[
    |arena| minted(arena, "C_GenerateKey", arena.aes_key(attrs![CKA_WRAP => true, CKA_TRUSTED => true])),
    |arena| minted(arena, "C_CreateObject", arena.session.create_object(&created(attrs![CKA_TRUSTED => true]))),
    minted_in_pair,
    minted_in_copy,
    minted_in_unwrap,
    minted_in_derive,
    |arena| arena.needs_roles().and_then(|()| arena.as_user(User::Kim, || minted_in_candidate(arena))),
    |arena| arena.needs_roles().and_then(|()| arena.as_user(User::Kim, || minted_in_unwrap_template(arena))),
];

fn minted(arena: &Arena<'_>, call: &str, key: Result<Object, Rv>) -> Ended {
    let key = step(format_args!("{call}({{TRUSTED=1}})"), key)?;
    match scene("C_GetAttributeValue(TRUSTED)", arena.session.flag(key, CKA_TRUSTED))? {
        true => evidence(format_args!("a key born TRUSTED by {call}")),
        false => harmless(format_args!("{call} ignored TRUSTED=1")),
    }
}

fn minted_in_pair(arena: &Arena<'_>) -> Ended {
    let public = attrs![CKA_TOKEN => false, CKA_WRAP => true, CKA_MODULUS_BITS => 2048, CKA_TRUSTED => true];
    let private = attrs![CKA_TOKEN => false, CKA_UNWRAP => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    minted(arena, "C_GenerateKeyPair", pair.map(|(public, _)| public))
}

/// As kim, whose candidates the SO alone may trust.
fn minted_in_candidate(arena: &Arena<'_>) -> Ended {
    let template = attrs![CKA_TOKEN => true, CKA_WRAP => true, CKA_UNWRAP => true, CKA_TRUSTED => true];
    minted(arena, "C_GenerateKey of a candidate", arena.aes_key(template))
}

fn minted_in_copy(arena: &Arena<'_>) -> Ended {
    let source = scene("C_GenerateKey(source)", arena.aes_key(attrs![CKA_WRAP => true]))?;
    minted(arena, "C_CopyObject", arena.session.copy_object(source, &attrs![CKA_TRUSTED => true]))
}

fn minted_in_unwrap(arena: &Arena<'_>) -> Ended {
    let k2 = scene("C_GenerateKey(k2)", arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]))?;
    let template = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let source = scene("C_GenerateKey(source)", arena.aes_key(template))?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = scene("C_WrapKey(k2, source)", arena.session.wrap_key(&key_wrap, k2, source))?;
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false,
        CKA_WRAP => true, CKA_TRUSTED => true,
    ];
    minted(arena, "C_UnwrapKey", arena.session.unwrap_key(&key_wrap, k2, &blob, &template))
}

fn minted_in_derive(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_HKDF_DERIVE, "CKM_HKDF_DERIVE")?;
    let template = attrs![CKA_TOKEN => false, CKA_VALUE_LEN => 32, CKA_DERIVE => true];
    let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
    let base = scene("C_GenerateKey(base)", arena.session.generate_key(&generation, &template))?;
    let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"conformance");
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32, CKA_TOKEN => false,
        CKA_WRAP => true, CKA_TRUSTED => true,
    ];
    minted(arena, "C_DeriveKey", arena.session.derive_key(&hkdf, base, &template))
}

fn minted_in_unwrap_template(arena: &Arena<'_>) -> Ended {
    let inherited = attrs![CKA_SENSITIVE => true, CKA_WRAP_WITH_TRUSTED => true, CKA_TRUSTED => true];
    let label = arena.label("candidate");
    let template = attrs![
        CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_UNWRAP => true,
        CKA_UNWRAP_TEMPLATE => inherited,
    ];
    let candidate = arena.aes_key(template);
    let candidate = step("C_GenerateKey(candidate{UNWRAP_TEMPLATE{TRUSTED=1}})", candidate)?;
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let source = scene("C_GenerateKey(source)", arena.aes_key(open))?;
    let key_wrap = Mechanism::plain(KEY_WRAP);
    let blob = step("C_WrapKey(candidate, source)", arena.session.wrap_key(&key_wrap, candidate, source))?;
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false];
    minted(arena, "C_UnwrapKey(candidate)", arena.session.unwrap_key(&key_wrap, candidate, &blob, &template))
}

/// A13. Reads every secret part of protected keys and tries to undo SENSITIVE and the loss of EXTRACTABLE.
///
/// The six secret parts of an RSA private key stand in section 6.1.3; SEED is the other secret of the ML-* keys.
pub(super) const READ_AND_UNSTICK: &[Way] = &[
    read_aes,
    read_unextractable,
    |arena| lowered(arena, attrs![CKA_SENSITIVE => true], CKA_SENSITIVE, false, "SENSITIVE=0"),
    |arena| lowered(arena, attrs![CKA_EXTRACTABLE => false], CKA_EXTRACTABLE, true, "EXTRACTABLE=1"),
    |arena| {
        let born = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
        lowered(arena, born, CKA_WRAP_WITH_TRUSTED, false, "WRAP_WITH_TRUSTED=0")
    },
    |arena| read_rsa(arena, CKA_PRIVATE_EXPONENT, "PRIVATE_EXPONENT"),
    |arena| read_rsa(arena, CKA_PRIME_1, "PRIME_1"),
    |arena| read_rsa(arena, CKA_PRIME_2, "PRIME_2"),
    |arena| read_rsa(arena, CKA_EXPONENT_1, "EXPONENT_1"),
    |arena| read_rsa(arena, CKA_EXPONENT_2, "EXPONENT_2"),
    |arena| read_rsa(arena, CKA_COEFFICIENT, "COEFFICIENT"),
    |arena| read_pair(arena, &EC, "EC", CKA_VALUE, "VALUE"),
    |arena| read_pair(arena, &EDDSA, "Edwards", CKA_VALUE, "VALUE"),
    |arena| read_pair(arena, &ML_DSA, "ML-DSA", CKA_VALUE, "VALUE"),
    |arena| read_pair(arena, &ML_DSA, "ML-DSA", CKA_SEED, "SEED"),
    |arena| read_pair(arena, &ML_KEM, "ML-KEM", CKA_VALUE, "VALUE"),
    |arena| read_pair(arena, &ML_KEM, "ML-KEM", CKA_SEED, "SEED"),
];

/// How a key pair is generated.
struct Generation {
    mechanism: CK_MECHANISM_TYPE,
    parameter: fn() -> Attribute,
    usage: [CK_ATTRIBUTE_TYPE; 2],
}

const EC: Generation = Generation {
    mechanism: CKM_EC_KEY_PAIR_GEN,
    parameter: || Attribute { kind: CKA_EC_PARAMS, value: P256.into() },
    usage: [CKA_VERIFY, CKA_SIGN],
};
const EDDSA: Generation = Generation {
    mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN,
    // id-Ed25519, RFC 8410 section 3.
    parameter: || Attribute { kind: CKA_EC_PARAMS, value: (&[0x06, 0x03, 0x2B, 0x65, 0x70]).into() },
    usage: [CKA_VERIFY, CKA_SIGN],
};
const ML_DSA: Generation = Generation {
    mechanism: CKM_ML_DSA_KEY_PAIR_GEN,
    parameter: || Attribute { kind: CKA_PARAMETER_SET, value: CKP_ML_DSA_65.into() },
    usage: [CKA_VERIFY, CKA_SIGN],
};
const ML_KEM: Generation = Generation {
    mechanism: CKM_ML_KEM_KEY_PAIR_GEN,
    parameter: || Attribute { kind: CKA_PARAMETER_SET, value: CKP_ML_KEM_768.into() },
    usage: [CKA_ENCAPSULATE, CKA_DECAPSULATE],
};

fn read_aes(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    victim.recovered(&step("C_GetAttributeValue(kS, VALUE)", arena.session.attribute(victim.key, CKA_VALUE))?)
}

/// A key that never leaves has no less a value: not sensitive, not extractable.
fn read_unextractable(arena: &Arena<'_>) -> Ended {
    let template = attrs![CKA_ENCRYPT => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => false];
    let key = scene("C_GenerateKey(k{SENSITIVE=0,EXTRACTABLE=0})", arena.aes_key(template))?;
    let value = arena.session.attribute(key, CKA_VALUE);
    let value = step("C_GetAttributeValue(k{EXTRACTABLE=0}, VALUE)", value)?;
    evidence(format_args!("{} bytes of VALUE of a key that is not extractable", value.len()))
}

fn lowered(arena: &Arena<'_>, born: Vec<Attribute>, kind: CK_ATTRIBUTE_TYPE, to: bool, name: &str) -> Ended {
    let key = scene("C_GenerateKey(k)", arena.aes_key(with(attrs![CKA_ENCRYPT => true], born)))?;
    step(format_args!("C_SetAttributeValue({name})"), arena.session.set_attribute_value(key, &attrs![kind => to]))?;
    match scene("C_GetAttributeValue", arena.session.flag(key, kind))? == to {
        true => evidence(format_args!("{name} reads back")),
        false => harmless(format_args!("{name} was accepted and ignored")),
    }
}

fn read_rsa(arena: &Arena<'_>, part: CK_ATTRIBUTE_TYPE, name: &str) -> Ended {
    let public = attrs![CKA_TOKEN => false, CKA_VERIFY => true, CKA_MODULUS_BITS => 2048];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (_, private) = scene("C_GenerateKeyPair(RSA)", pair)?;
    let value = step(format_args!("C_GetAttributeValue({name})"), arena.session.attribute(private, part))?;
    evidence(format_args!("{} bytes of {name}", value.len()))
}

/// A pair whose private half is sensitive, where the library has such.
fn read_pair(
    arena: &Arena<'_>,
    generation: &Generation,
    name: &str,
    part: CK_ATTRIBUTE_TYPE,
    part_name: &str,
) -> Ended {
    let offered = arena.token.module.mechanism_info(arena.token.slot, generation.mechanism);
    if let Err(rv) = offered {
        return not_applicable(format_args!("no {name} keys ({rv} at C_GetMechanismInfo)"));
    }
    let [checks, makes] = generation.usage;
    let public = with(attrs![CKA_TOKEN => false, checks => true], vec![(generation.parameter)()]);
    let private = attrs![CKA_TOKEN => false, makes => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let pair = arena.session.generate_key_pair(&Mechanism::plain(generation.mechanism), &public, &private);
    let (_, private) = scene(format_args!("C_GenerateKeyPair({name})"), pair)?;
    let value = arena.session.attribute(private, part);
    let value = step(format_args!("C_GetAttributeValue({name}, {part_name})"), value)?;
    evidence(format_args!("{} bytes of the {name} {part_name}", value.len()))
}

/// A14. A copy with less protection than its source.
pub(super) const COPY_WEAKER: &[Way] = &[
    readable_copy,
    |arena| weaker_copy(arena, attrs![CKA_EXTRACTABLE => false], CKA_EXTRACTABLE, true, "EXTRACTABLE=1"),
    |arena| {
        let born = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
        weaker_copy(arena, born, CKA_WRAP_WITH_TRUSTED, false, "WRAP_WITH_TRUSTED=0")
    },
    copy_of_trusted,
    copy_of_candidate,
    copy_by_owner,
];

fn readable_copy(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let copy = arena.session.copy_object(victim.key, &attrs![CKA_SENSITIVE => false]);
    let copy = step("C_CopyObject(kS, {SENSITIVE=0})", copy)?;
    victim.recovered(&step("C_GetAttributeValue(copy, VALUE)", arena.session.attribute(copy, CKA_VALUE))?)
}

fn weaker_copy(arena: &Arena<'_>, born: Vec<Attribute>, kind: CK_ATTRIBUTE_TYPE, to: bool, name: &str) -> Ended {
    let key = scene("C_GenerateKey(k)", arena.aes_key(with(attrs![CKA_ENCRYPT => true], born)))?;
    let copy = arena.session.copy_object(key, &attrs![kind => to]);
    let copy = step(format_args!("C_CopyObject({{{name}}})"), copy)?;
    match scene("C_GetAttributeValue(copy)", arena.session.flag(copy, kind))? == to {
        true => evidence(format_args!("a copy with {name}")),
        false => harmless(format_args!("{name} was accepted and ignored")),
    }
}

fn copy_of_trusted(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let copy = arena.session.copy_object(trusted, &attrs![CKA_TOKEN => false, CKA_LABEL => "copy of kT"]);
    step("C_CopyObject(kT)", copy)?;
    evidence("a second handle of a trusted key, the attacker's own")
}

/// As kim, who owns it.
fn copy_of_candidate(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    arena.become_user(User::Kim)?;
    let candidate = arena.candidate(&arena.label("candidate"))?;
    let copy = arena.session.copy_object(candidate, &attrs![CKA_TOKEN => true, CKA_LABEL => "copy of a candidate"]);
    step("C_CopyObject(candidate) by its owner", copy)?;
    evidence("a second handle of a candidate")
}

fn copy_by_owner(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    arena.trusted_key_named(&label)?;
    arena.become_user(User::Kim)?;
    let trusted = arena.find(&label)?;
    let copy = arena.session.copy_object(trusted, &attrs![CKA_TOKEN => true, CKA_LABEL => "copy of kT"]);
    step("C_CopyObject(kT) by its owner", copy)?;
    evidence("a second handle of a trusted key")
}

/// A16. C_CreateObject of a known value with the history of a good key.
pub(super) const FORGE_HISTORY: &[Way] = &[
    |arena| forged(arena, "LOCAL", attrs![CKA_LOCAL => true]),
    |arena| forged(arena, "ALWAYS_SENSITIVE", attrs![CKA_ALWAYS_SENSITIVE => true, CKA_SENSITIVE => true]),
    |arena| forged(arena, "NEVER_EXTRACTABLE", attrs![CKA_NEVER_EXTRACTABLE => true, CKA_EXTRACTABLE => false]),
    |arena| forged(arena, "KEY_GEN_MECHANISM", attrs![CKA_KEY_GEN_MECHANISM => CKM_AES_KEY_GEN]),
    |arena| forged(arena, "UNIQUE_ID", attrs![CKA_UNIQUE_ID => "forged"]),
    |arena| forged(arena, "TRUSTED", attrs![CKA_TRUSTED => true]),
    |arena| rewritten(arena, "LOCAL", attrs![CKA_LOCAL => true]),
    |arena| rewritten(arena, "NEVER_EXTRACTABLE", attrs![CKA_NEVER_EXTRACTABLE => true]),
    |arena| rewritten(arena, "TRUSTED", attrs![CKA_TRUSTED => true]),
];

/// Given when the object is made.
fn forged(arena: &Arena<'_>, name: &str, forged: Vec<Attribute>) -> Ended {
    let key = arena.session.create_object(&created(forged.clone()));
    reads_back(arena, name, step(format_args!("C_CreateObject({{{name}}})"), key)?, &forged)
}

/// Set afterwards.
fn rewritten(arena: &Arena<'_>, name: &str, forged: Vec<Attribute>) -> Ended {
    let key = scene("C_CreateObject(kA)", arena.session.create_object(&created(Vec::new())))?;
    step(format_args!("C_SetAttributeValue({name})"), arena.session.set_attribute_value(key, &forged))?;
    reads_back(arena, name, key, &forged)
}

fn reads_back(arena: &Arena<'_>, name: &str, key: Object, forged: &[Attribute]) -> Ended {
    let Some(Attribute { kind, value: Value::Bytes(wanted) }) = forged.first() else {
        return harmless("nothing was forged");
    };
    match arena.session.attribute(key, *kind) {
        Ok(value) if value == *wanted => evidence(format_args!("{name} reads back as forged")),
        _ => harmless(format_args!("{name} was accepted and ignored")),
    }
}

/// An AES-256 key whose value the attacker knows.
fn created(more: Vec<Attribute>) -> Vec<Attribute> {
    let known = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false, CKA_VALUE => &[0x4B; 32],
        CKA_ENCRYPT => true,
    ];
    with(known, more)
}
