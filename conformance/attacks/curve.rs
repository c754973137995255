//! Elliptic curves, and public keys made of private ones.

use cryptoki_sys::*;

use super::arena::signing_secret;
use super::outside::ec;
use super::{Arena, Ended, Way, evidence, harmless, not_applicable, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;

/// A27. ECDH with points that are none of the curve: each answer would say something of the private key
/// (Biehl, Meyer and Müller 2000; CVE-2021-3798).
pub(super) const INVALID_POINTS: &[Way] = &[
    |arena| with_point(arena, &ec::off_curve(), "a point beside the curve"),
    |arena| with_point(arena, &ec::of_other_curve(), "a point of a curve with small subgroups"),
    |arena| with_point(arena, &[0x00], "the point at infinity"),
    |arena| with_point(arena, &[[0x04].as_slice(), &[0; 64]].concat(), "x = y = 0"),
    |arena| with_point(arena, &[[0x04].as_slice(), &[0xFF; 64]].concat(), "coordinates beyond the field"),
    |arena| with_point(arena, &[[0x02].as_slice(), &[0xFF; 32]].concat(), "a compressed x beyond the field"),
    |arena| with_point(arena, &ec::without_y(), "a compressed x without a y"),
    |arena| with_point(arena, &[[0x05].as_slice(), &[1; 64]].concat(), "an unknown encoding"),
    |arena| with_point(arena, &ec::known_point()[..64], "a point cut short"),
    |arena| with_point(arena, &[], "no point"),
    low_order_montgomery,
];

fn with_point(arena: &Arena<'_>, point: &[u8], name: &str) -> Ended {
    arena.needs(CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE")?;
    let (_, private) = arena.agreement_pair(Vec::new())?;
    // A good point must do, or the refusal of a bad one proves nothing.
    let good = arena.session.derive_key(&Mechanism::ecdh(&ec::known_point()), private, &signing_secret(32));
    scene("C_DeriveKey(ECDH1_DERIVE, a good point)", good)?;
    let key = arena.session.derive_key(&Mechanism::ecdh(point), private, &signing_secret(32));
    step(format_args!("C_DeriveKey(ECDH1_DERIVE, {name})"), key)?;
    evidence(format_args!("a key agreed with {name}"))
}

/// X25519 has points of small order by design; RFC 7748, section 6.1.
fn low_order_montgomery(arena: &Arena<'_>) -> Ended {
    let generation = CKM_EC_MONTGOMERY_KEY_PAIR_GEN;
    if let Err(rv) = arena.token.module.mechanism_info(arena.token.slot, generation) {
        return not_applicable(format_args!("no X25519 keys ({rv} at C_GetMechanismInfo)"));
    }
    // id-X25519, RFC 8410 section 3.
    let public = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => &[0x06, 0x03, 0x2B, 0x65, 0x6E]];
    let private = attrs![CKA_TOKEN => false, CKA_DERIVE => true];
    let pair = arena.session.generate_key_pair(&Mechanism::plain(generation), &public, &private);
    let (_, private) = scene("C_GenerateKeyPair(X25519)", pair)?;
    let key = arena.session.derive_key(&Mechanism::ecdh(&[0; 32]), private, &signing_secret(32));
    step("C_DeriveKey(ECDH1_DERIVE, X25519, the point 0)", key)?;
    evidence("a key agreed with a point of order 4: it is all zeros")
}

/// A28. The public half of a key that only unwraps is asked to wrap.
pub(super) const PUBLIC_FROM_PRIVATE: &[Way] = &[|arena| public_from(arena, true), |arena| public_from(arena, false)];

fn public_from(arena: &Arena<'_>, asks: bool) -> Ended {
    arena.needs(CKM_PUB_KEY_FROM_PRIV_KEY, "CKM_PUB_KEY_FROM_PRIV_KEY")?;
    let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048, CKA_VERIFY => true, CKA_WRAP => false];
    let private = attrs![CKA_TOKEN => false, CKA_UNWRAP => true, CKA_DERIVE => true];
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let pair = arena.session.generate_key_pair(&generation, &public, &private);
    let (_, private) = scene("C_GenerateKeyPair(RSA)", pair)?;
    let mut template = attrs![CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_TOKEN => false];
    if asks {
        template.extend(attrs![CKA_WRAP => true]);
    }
    let derived = arena.session.derive_key(&Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY), private, &template);
    let derived = step(
        format_args!("C_DeriveKey(PUB_KEY_FROM_PRIV_KEY, {{WRAP {}}})", if asks { "= 1" } else { "left out" }),
        derived,
    )?;
    match scene("C_GetAttributeValue(WRAP)", arena.session.flag(derived, CKA_WRAP))? {
        true => evidence("a wrapping key out of one that only unwraps"),
        false => harmless("the public key has WRAP=0"),
    }
}
