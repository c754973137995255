//! Attributes that must not be written, weakened or read (PKCS#11 3.2, sections 4.1, 4.8 to 4.10).

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User};
use super::{Arena, Evidence, Stop, Way, first_of, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::{Attribute, with};

/// A12. TRUSTED=true in every template in which a key is born, and in the template that unwrapped keys inherit.
pub(super) fn mint_trust(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    first_of(vec![
        Box::new(|| minted(arena, "C_GenerateKey", arena.aes_key(attrs![CKA_WRAP => true, CKA_TRUSTED => true]))),
        Box::new(|| {
            minted(arena, "C_CreateObject", arena.session.create_object(&created(attrs![CKA_TRUSTED => true])))
        }),
        Box::new(|| minted_in_copy(arena)),
        Box::new(|| minted_in_unwrap(arena)),
        Box::new(|| minted_in_derive(arena)),
        Box::new(|| minted_in_unwrap_template(arena)),
    ])
}

fn minted(arena: &Arena<'_>, call: &str, key: Result<Object, Rv>) -> Result<Evidence, Stop> {
    let key = step(format_args!("{call}({{TRUSTED=1}})"), key)?;
    match scene("C_GetAttributeValue(TRUSTED)", arena.session.flag(key, CKA_TRUSTED))? {
        true => Ok(Evidence(format!("a key born TRUSTED by {call}"))),
        false => Err(Stop::Harmless(format!("{call} ignored TRUSTED=1"))),
    }
}

fn minted_in_copy(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let source = scene("C_GenerateKey(source)", arena.aes_key(attrs![CKA_WRAP => true]))?;
    minted(arena, "C_CopyObject", arena.session.copy_object(source, &attrs![CKA_TRUSTED => true]))
}

fn minted_in_unwrap(arena: &Arena<'_>) -> Result<Evidence, Stop> {
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

fn minted_in_derive(arena: &Arena<'_>) -> Result<Evidence, Stop> {
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

fn minted_in_unwrap_template(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    arena.needs_roles()?;
    arena.become_user(User::Kim)?;
    let ended = inherited_trust(arena);
    arena.become_user(User::Attacker)?;
    ended
}

fn inherited_trust(arena: &Arena<'_>) -> Result<Evidence, Stop> {
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
pub(super) fn read_and_unstick(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let mut ways: Vec<Way<'_>> = vec![
        Box::new(|| read_aes(arena)),
        Box::new(|| lowered(arena, attrs![CKA_SENSITIVE => true], CKA_SENSITIVE, false, "SENSITIVE=0")),
        Box::new(|| lowered(arena, attrs![CKA_EXTRACTABLE => false], CKA_EXTRACTABLE, true, "EXTRACTABLE=1")),
    ];
    for (part, name) in RSA_PARTS {
        ways.push(Box::new(|| read_rsa(arena, *part, name)));
    }
    ways.push(Box::new(|| read_ec(arena)));
    first_of(ways)
}

/// The six secret parts of an RSA private key (PKCS#11 3.2, section 6.1.3).
const RSA_PARTS: &[(CK_ATTRIBUTE_TYPE, &str)] = &[
    (CKA_PRIVATE_EXPONENT, "PRIVATE_EXPONENT"),
    (CKA_PRIME_1, "PRIME_1"),
    (CKA_PRIME_2, "PRIME_2"),
    (CKA_EXPONENT_1, "EXPONENT_1"),
    (CKA_EXPONENT_2, "EXPONENT_2"),
    (CKA_COEFFICIENT, "COEFFICIENT"),
];

fn read_aes(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    victim.recovered(&step("C_GetAttributeValue(kS, VALUE)", arena.session.attribute(victim.key, CKA_VALUE))?)
}

fn lowered(
    arena: &Arena<'_>,
    born: Vec<Attribute>,
    kind: CK_ATTRIBUTE_TYPE,
    to: bool,
    name: &str,
) -> Result<Evidence, Stop> {
    let key = scene("C_GenerateKey(k)", arena.aes_key(with(attrs![CKA_ENCRYPT => true], born)))?;
    step(format_args!("C_SetAttributeValue({name})"), arena.session.set_attribute_value(key, &attrs![kind => to]))?;
    match scene("C_GetAttributeValue", arena.session.flag(key, kind))? == to {
        true => Ok(Evidence(format!("{name} reads back"))),
        false => Err(Stop::Harmless(format!("{name} was accepted and ignored"))),
    }
}

fn read_rsa(arena: &Arena<'_>, part: CK_ATTRIBUTE_TYPE, name: &str) -> Result<Evidence, Stop> {
    let public = attrs![CKA_TOKEN => false, CKA_VERIFY => true, CKA_MODULUS_BITS => 2048];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (_, private) = scene("C_GenerateKeyPair(RSA)", pair)?;
    let value = step(format_args!("C_GetAttributeValue({name})"), arena.session.attribute(private, part))?;
    Ok(Evidence(format!("{} bytes of {name}", value.len())))
}

fn read_ec(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let public = attrs![CKA_TOKEN => false, CKA_VERIFY => true, CKA_EC_PARAMS => P256];
    let private = attrs![CKA_TOKEN => false, CKA_SIGN => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (_, private) = scene("C_GenerateKeyPair(EC)", pair)?;
    let value = step("C_GetAttributeValue(EC, VALUE)", arena.session.attribute(private, CKA_VALUE))?;
    Ok(Evidence(format!("{} bytes of the EC VALUE", value.len())))
}

/// The object identifier of P-256 in DER.
const P256: &[u8; 10] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// A14. A copy with less protection than its source.
pub(super) fn copy_weaker(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    first_of(vec![
        Box::new(|| readable_copy(arena)),
        Box::new(|| weaker_copy(arena, attrs![CKA_EXTRACTABLE => false], CKA_EXTRACTABLE, true, "EXTRACTABLE=1")),
        Box::new(|| {
            let born = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
            weaker_copy(arena, born, CKA_WRAP_WITH_TRUSTED, false, "WRAP_WITH_TRUSTED=0")
        }),
        Box::new(|| copy_of_trusted(arena)),
    ])
}

fn readable_copy(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let victim = arena.victim()?;
    let copy = arena.session.copy_object(victim.key, &attrs![CKA_SENSITIVE => false]);
    let copy = step("C_CopyObject(kS, {SENSITIVE=0})", copy)?;
    victim.recovered(&step("C_GetAttributeValue(copy, VALUE)", arena.session.attribute(copy, CKA_VALUE))?)
}

fn weaker_copy(
    arena: &Arena<'_>,
    born: Vec<Attribute>,
    kind: CK_ATTRIBUTE_TYPE,
    to: bool,
    name: &str,
) -> Result<Evidence, Stop> {
    let key = scene("C_GenerateKey(k)", arena.aes_key(with(attrs![CKA_ENCRYPT => true], born)))?;
    let copy = arena.session.copy_object(key, &attrs![kind => to]);
    let copy = step(format_args!("C_CopyObject({{{name}}})"), copy)?;
    match scene("C_GetAttributeValue(copy)", arena.session.flag(copy, kind))? == to {
        true => Ok(Evidence(format!("a copy with {name}"))),
        false => Err(Stop::Harmless(format!("{name} was accepted and ignored"))),
    }
}

fn copy_of_trusted(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let trusted = arena.trusted_key()?;
    let copy = arena.session.copy_object(trusted, &attrs![CKA_TOKEN => false, CKA_LABEL => "copy of kT"]);
    step("C_CopyObject(kT)", copy)?;
    Ok(Evidence("a second handle of a trusted key, the attacker's own".to_owned()))
}

/// A16. C_CreateObject of a known value with the history of a good key.
pub(super) fn forge_history(arena: &Arena<'_>) -> Result<Evidence, Stop> {
    let history = [
        ("LOCAL", attrs![CKA_LOCAL => true]),
        ("ALWAYS_SENSITIVE", attrs![CKA_ALWAYS_SENSITIVE => true, CKA_SENSITIVE => true]),
        ("NEVER_EXTRACTABLE", attrs![CKA_NEVER_EXTRACTABLE => true, CKA_EXTRACTABLE => false]),
        ("KEY_GEN_MECHANISM", attrs![CKA_KEY_GEN_MECHANISM => CKM_AES_KEY_GEN]),
        ("UNIQUE_ID", attrs![CKA_UNIQUE_ID => "forged"]),
        ("TRUSTED", attrs![CKA_TRUSTED => true]),
    ];
    let ways = history.into_iter().map(|(name, forged)| -> Way<'_> { Box::new(|| forged_one(arena, name, forged)) });
    first_of(ways.collect())
}

fn forged_one(arena: &Arena<'_>, name: &'static str, forged: Vec<Attribute>) -> Result<Evidence, Stop> {
    let Some(first) = forged.first().cloned() else { return Err(Stop::Harmless("nothing forged".to_owned())) };
    let key = step(format_args!("C_CreateObject({{{name}}})"), arena.session.create_object(&created(forged)))?;
    let crate::template::Value::Bytes(wanted) = first.value else { return Err(Stop::Harmless(name.to_owned())) };
    match arena.session.attribute(key, first.kind) {
        Ok(value) if value == wanted => Ok(Evidence(format!("{name} reads back as forged"))),
        _ => Err(Stop::Harmless(format!("{name} was accepted and ignored"))),
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
