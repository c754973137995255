//! PKCS#11 3.2, section 5.18: generating, wrapping, unwrapping and deriving keys.

use claviger_conformance::attrs;
use claviger_conformance::fixture::Policy;
use claviger_conformance::isolated::{with_roles, with_token};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Out;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::{P256, aes_key, ec_pair, import, rsa_pair, try_aes_key, unwrapped};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::Attribute;
use claviger_conformance::token::{Token, must, refused};
use cryptoki_sys::*;

#[test]
fn aes_keys_come_in_three_sizes() {
    with_token(|token| {
        let session = token.user_session();
        for length in [16, 24, 32] {
            let key =
                aes_key(&session, attrs![CKA_VALUE_LEN => length, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
            assert_eq!(must("VALUE", session.attribute(key, CKA_VALUE)).len(), length as usize);
            assert_eq!(must("VALUE_LEN", session.number(key, CKA_VALUE_LEN)), length as CK_ULONG);
        }
        let allowed = &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE];
        for length in [0, 1, 15, 17, 33, 1_000_000] {
            let made = try_aes_key(&session, attrs![CKA_VALUE_LEN => length]);
            refused(&format!("C_GenerateKey({length} bytes)"), made, allowed);
        }
    });
}

/// Section 5.18.1: incomplete and inconsistent templates make nothing.
#[test]
fn a_template_that_does_not_fit_the_generation_is_refused() {
    with_token(|token| {
        let session = token.user_session();
        let generate = |template: &[Attribute]| session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), template);
        refused("no VALUE_LEN", generate(&attrs![CKA_TOKEN => false]), &[CKR_TEMPLATE_INCOMPLETE]);
        let inconsistent = &[CKR_TEMPLATE_INCONSISTENT];
        refused("CLASS", generate(&attrs![CKA_CLASS => CKO_PUBLIC_KEY, CKA_VALUE_LEN => 32]), inconsistent);
        for kind in [CKK_GENERIC_SECRET, CKK_RSA, CKK_DES3] {
            let template = attrs![CKA_KEY_TYPE => kind, CKA_VALUE_LEN => 32];
            refused(&format!("KEY_TYPE {kind:#x}"), generate(&template), inconsistent);
        }
        let value = attrs![CKA_VALUE => &[1u8; 32], CKA_VALUE_LEN => 32];
        let allowed = &[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID];
        refused("VALUE", generate(&value), allowed);
        let cipher = session.generate_key(&Mechanism::plain(CKM_AES_CBC), &attrs![CKA_VALUE_LEN => 32]);
        refused("CKM_AES_CBC", cipher, &[CKR_MECHANISM_INVALID]);
        assert!(must("C_FindObjects", session.find(&[])).is_empty());
    });
}

/// Sections 4.8 to 4.10: what a key made here says of itself.
#[test]
fn a_generated_key_tells_where_it_comes_from() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false, CKA_ENCRYPT => true]);
        assert_eq!(must("CLASS", session.number(key, CKA_CLASS)), CKO_SECRET_KEY);
        assert_eq!(must("KEY_TYPE", session.number(key, CKA_KEY_TYPE)), CKK_AES);
        assert_eq!(must("KEY_GEN_MECHANISM", session.number(key, CKA_KEY_GEN_MECHANISM)), CKM_AES_KEY_GEN);
        for (name, kind, wanted) in [
            ("LOCAL", CKA_LOCAL, true),
            ("ALWAYS_SENSITIVE", CKA_ALWAYS_SENSITIVE, true),
            ("NEVER_EXTRACTABLE", CKA_NEVER_EXTRACTABLE, true),
            ("TRUSTED", CKA_TRUSTED, false),
            ("ENCRYPT", CKA_ENCRYPT, true),
            ("PRIVATE", CKA_PRIVATE, true),
        ] {
            assert_eq!(must(name, session.flag(key, kind)), wanted, "{name}");
        }
        let imported = import(&session, CKK_AES, &[1; 16], attrs![]);
        for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
            assert!(!must("an imported key", session.flag(imported, kind)), "{kind:#x}");
        }
        let unknown = must("KEY_GEN_MECHANISM", session.number(imported, CKA_KEY_GEN_MECHANISM));
        assert_eq!(unknown, CK_UNAVAILABLE_INFORMATION);
    });
}

/// R1: what is sensitive and extractable leaves under trusted keys only, whether or not the template says so.
#[test]
fn protection_follows_from_sensitive_and_extractable() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: a rule of Claviger's own");
        }
        let session = token.user_session();
        let trusted_only = |key: Object| must("WRAP_WITH_TRUSTED", session.flag(key, CKA_WRAP_WITH_TRUSTED));
        assert!(trusted_only(aes_key(&session, attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true])));
        let open = aes_key(&session, attrs![CKA_SENSITIVE => false]);
        assert!(!trusted_only(open));
        assert!(must("EXTRACTABLE by default of an open key", session.flag(open, CKA_EXTRACTABLE)));
        must("SENSITIVE=1", session.set_attribute_value(open, &attrs![CKA_SENSITIVE => true]));
        assert!(trusted_only(open), "setting SENSITIVE raises it");
        let plain = aes_key(&session, attrs![CKA_ENCRYPT => true]);
        assert!(must("SENSITIVE by default", session.flag(plain, CKA_SENSITIVE)));
        assert!(!must("EXTRACTABLE by default", session.flag(plain, CKA_EXTRACTABLE)));
        let refusal = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => false];
        refused("WRAP_WITH_TRUSTED=0", try_aes_key(&session, refusal), &[CKR_TEMPLATE_INCONSISTENT]);
    });
}

/// A template that names no usage gets all that the type has; one that names any gets no other.
#[test]
fn usages_are_all_or_those_named() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: the standard leaves the defaults to the token");
        }
        let session = token.user_session();
        let all = aes_key(&session, attrs![]);
        let some = aes_key(&session, attrs![CKA_SIGN => true]);
        for kind in [CKA_ENCRYPT, CKA_DECRYPT, CKA_VERIFY] {
            assert!(must("no usage named", session.flag(all, kind)), "{kind:#x}");
            assert!(!must("one usage named", session.flag(some, kind)), "{kind:#x}");
        }
    });
}

#[test]
fn an_rsa_pair_shares_its_modulus_and_keeps_its_secrets() {
    with_token(|token| {
        let session = token.user_session();
        let id = attrs![CKA_ID => b"pair", CKA_SIGN => true, CKA_SENSITIVE => true];
        let (public, private) = rsa_pair(&session, attrs![CKA_ID => b"pair", CKA_VERIFY => true], id);
        let modulus = must("MODULUS", session.attribute(public, CKA_MODULUS));
        assert_eq!(modulus.len(), 256);
        assert_eq!(must("MODULUS", session.attribute(private, CKA_MODULUS)), modulus);
        assert_eq!(must("PUBLIC_EXPONENT", session.attribute(public, CKA_PUBLIC_EXPONENT)), [1, 0, 1]);
        assert_eq!(must("MODULUS_BITS", session.number(public, CKA_MODULUS_BITS)), 2048);
        assert!(must("LOCAL", session.flag(public, CKA_LOCAL)));
        let secret = session.attribute(private, CKA_PRIVATE_EXPONENT);
        refused("PRIVATE_EXPONENT", secret, &[CKR_ATTRIBUTE_SENSITIVE]);
        assert_eq!(must("C_FindObjects", session.find(&attrs![CKA_ID => b"pair"])).len(), 2);
    });
}

#[test]
fn an_ec_pair_has_a_point_in_der() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = ec_pair(&session, P256);
        let point = must("EC_POINT", session.attribute(public, CKA_EC_POINT));
        assert_eq!(point[..3], [0x04, 65, 0x04], "an OCTET STRING with an uncompressed point");
        assert_eq!(point.len(), 67);
        assert_eq!(must("EC_PARAMS", session.attribute(private, CKA_EC_PARAMS)), P256);
        refused("VALUE", session.attribute(private, CKA_VALUE), &[CKR_ATTRIBUTE_SENSITIVE]);
    });
}

#[test]
fn pairs_with_unusable_parameters_are_refused_and_leave_nothing() {
    with_token(|token| {
        let session = token.user_session();
        let pair = |kind, public: &[Attribute]| {
            session.generate_key_pair(&Mechanism::plain(kind), public, &attrs![CKA_TOKEN => false, CKA_SIGN => true])
        };
        let incomplete = &[CKR_TEMPLATE_INCOMPLETE];
        refused("no MODULUS_BITS", pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &attrs![CKA_TOKEN => false]), incomplete);
        refused("no EC_PARAMS", pair(CKM_EC_KEY_PAIR_GEN, &attrs![CKA_TOKEN => false]), incomplete);
        let tiny = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 128];
        let sizes = &[CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID];
        refused("RSA of 128 bits", pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &tiny), sizes);
        let unknown = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => &[0x06, 0x03, 0x2A, 0x03, 0x04]];
        let curves = &[CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID];
        if token.is_claviger {
            refused("an unknown curve", pair(CKM_EC_KEY_PAIR_GEN, &unknown), curves);
        }
        assert!(must("C_FindObjects", session.find(&[])).is_empty());
    });
}

/// RFC 3394, section 4.6: a known key under a known key.
#[test]
fn aes_key_wrap_agrees_with_rfc_3394() {
    with_token(|token| {
        let session = token.user_session();
        let kek: Vec<u8> = (0..32).collect();
        let value = hex::decode("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f").unwrap();
        let kek = import(&session, CKK_AES, &kek, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        let key = import(&session, CKK_AES, &value, attrs![CKA_ENCRYPT => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        let blob = must("C_WrapKey", session.wrap_key(&mechanism, kek, key));
        assert_eq!(
            hex::encode(&blob),
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
        );
        let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
        let back = must("C_UnwrapKey", session.unwrap_key(&mechanism, kek, &blob, &unwrapped(open)));
        assert_eq!(must("VALUE", session.attribute(back, CKA_VALUE)), value);
    });
}

/// Wraps an open AES key and gets it back with the same value.
fn there_and_back(token: &Token, session: &Session<'_>, mechanism: &Mechanism, wrap: Object, unwrap: Object) {
    if !token.offers(mechanism.kind()) {
        return;
    }
    let key = import(session, CKK_AES, &[0xA5; 32], attrs![CKA_ENCRYPT => true]);
    let mut buffer = [0; 512];
    let mut out = Out::into(&mut buffer);
    must("C_WrapKey", session.wrap_key_into(mechanism, wrap, key, &mut out));
    let length = out.length as usize;
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let back = session.unwrap_key(mechanism, unwrap, &buffer[..length], &unwrapped(open));
    let back = must("C_UnwrapKey", back);
    assert_eq!(must("VALUE", session.attribute(back, CKA_VALUE)), [0xA5; 32], "{mechanism:?}");
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_TRUSTED] {
        assert!(!must("an unwrapped key", session.flag(back, kind)), "{kind:#x}");
    }
}

#[test]
fn an_open_key_goes_out_and_comes_back_by_every_mechanism() {
    with_token(|token| {
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        there_and_back(token, &session, &Mechanism::plain(CKM_AES_KEY_WRAP), kek, kek);
        let (public, private) = rsa_pair(&session, attrs![CKA_WRAP => true], attrs![CKA_UNWRAP => true]);
        let oaep = Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]);
        there_and_back(token, &session, &oaep, public, private);
        if token.is_claviger {
            there_and_back(token, &session, &Mechanism::plain(CKM_AES_KEY_WRAP_KWP), kek, kek);
            there_and_back(token, &session, &Mechanism::aes_gcm(&[7; 12], &[], 128), kek, kek);
        }
    });
}

/// Section 6.7: a private key is wrapped as PKCS#8, whose length is no multiple of eight: AES key wrap with padding.
#[test]
fn a_private_key_goes_out_and_comes_back_as_pkcs_8() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: CKM_AES_KEY_WRAP_KWP under its own number is not everywhere");
        }
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        let open = || attrs![CKA_SIGN => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
        let (public, private) = rsa_pair(&session, attrs![CKA_VERIFY => true], open());
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let blob = must("C_WrapKey(RSA)", session.wrap_key(&mechanism, kek, private));
        let template =
            attrs![CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_RSA, CKA_TOKEN => false, CKA_SIGN => true];
        let back = must("C_UnwrapKey(RSA)", session.unwrap_key(&mechanism, kek, &blob, &template));
        let sign = Mechanism::plain(CKM_SHA256_RSA_PKCS);
        let signature = must("C_Sign", session.sign(&sign, back, b"message"));
        must("C_Verify", session.verify(&sign, public, b"message", &signature));
    });
}

#[test]
fn what_may_not_leave_does_not() {
    with_token(|token| {
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        let kept = aes_key(&session, attrs![CKA_EXTRACTABLE => false, CKA_SENSITIVE => true]);
        refused("EXTRACTABLE=0", session.wrap_key(&mechanism, kek, kept), &[CKR_KEY_UNEXTRACTABLE]);
        let trusted_only =
            aes_key(&session, attrs![CKA_EXTRACTABLE => true, CKA_SENSITIVE => true, CKA_WRAP_WITH_TRUSTED => true]);
        refused("WRAP_WITH_TRUSTED=1", session.wrap_key(&mechanism, kek, trusted_only), &[CKR_KEY_NOT_WRAPPABLE]);
    });
}

/// Sections 5.18.3 and 5.18.4: which handle is wrong has a code of its own.
#[test]
fn wrong_handles_are_told_apart() {
    with_token(|token| {
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        let key = import(&session, CKK_AES, &[1; 32], attrs![CKA_ENCRYPT => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        for handle in [0, 1 << 40] {
            let wrapped = session.wrap_key(&mechanism, handle, key);
            refused("C_WrapKey(hWrappingKey)", wrapped, &[CKR_WRAPPING_KEY_HANDLE_INVALID]);
            refused("C_WrapKey(hKey)", session.wrap_key(&mechanism, kek, handle), &[CKR_KEY_HANDLE_INVALID]);
            let back = session.unwrap_key(&mechanism, handle, &[0; 40], &unwrapped(attrs![]));
            refused("C_UnwrapKey(hUnwrappingKey)", back, &[CKR_UNWRAPPING_KEY_HANDLE_INVALID]);
        }
        let (public, _) = rsa_pair(&session, attrs![CKA_WRAP => true], attrs![CKA_UNWRAP => true]);
        let wrapped = session.wrap_key(&mechanism, public, key);
        refused("C_WrapKey(RSA key)", wrapped, &[CKR_WRAPPING_KEY_TYPE_INCONSISTENT]);
        let useless = aes_key(&session, attrs![CKA_WRAP => false, CKA_ENCRYPT => true]);
        let wrapped = session.wrap_key(&mechanism, useless, key);
        refused("C_WrapKey(WRAP=0)", wrapped, &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
    });
}

#[test]
fn a_blob_that_is_none_makes_no_key() {
    with_token(|token| {
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        let key = import(&session, CKK_AES, &[1; 32], attrs![CKA_ENCRYPT => true]);
        let blob = must("C_WrapKey", session.wrap_key(&mechanism, kek, key));
        let before = must("C_FindObjects", session.find(&[])).len();
        let invalid = &[CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE];
        let mut spoilt = blob.clone();
        spoilt[17] ^= 1;
        for wrapped in [spoilt.as_slice(), &blob[..39], &blob[..32], &blob[..8], &[0; 40]] {
            let back = session.unwrap_key(&mechanism, kek, wrapped, &unwrapped(attrs![CKA_ENCRYPT => true]));
            refused("C_UnwrapKey", back, invalid);
        }
        let incomplete = session.unwrap_key(&mechanism, kek, &blob, &attrs![CKA_TOKEN => false]);
        refused("no class, no type", incomplete, &[CKR_TEMPLATE_INCOMPLETE]);
        assert_eq!(must("C_FindObjects", session.find(&[])).len(), before);
    });
}

/// R11: class, type and length must fit the payload exactly. Section 5.18.4: "If any length conflict occurs … the
/// function SHALL return CKR_WRAPPED_KEY_LEN_RANGE".
#[test]
fn an_unwrap_neither_cuts_nor_stretches() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: a rule of Claviger's own");
        }
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        let key = import(&session, CKK_AES, &[1; 32], attrs![CKA_ENCRYPT => true]);
        let blob = must("C_WrapKey", session.wrap_key(&mechanism, kek, key));
        let shorter = unwrapped(attrs![CKA_VALUE_LEN => 16]);
        let back = session.unwrap_key(&mechanism, kek, &blob, &shorter);
        refused("VALUE_LEN=16 of 32", back, &[CKR_WRAPPED_KEY_LEN_RANGE]);
        let other = attrs![CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC, CKA_TOKEN => false];
        let back = session.unwrap_key(&mechanism, kek, &blob, &other);
        refused("an EC key", back, &[CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE]);
    });
}

/// RFC 5869, test case 1, as a key that may be read.
#[test]
fn hkdf_agrees_with_rfc_5869() {
    with_token(|token| {
        if !token.offers(CKM_HKDF_DERIVE) {
            return;
        }
        let session = token.user_session();
        let base = import(&session, CKK_HKDF, &[0x0B; 22], attrs![CKA_DERIVE => true]);
        let salt: Vec<u8> = (0..=0x0C).collect();
        let info: Vec<u8> = (0xF0..=0xF9).collect();
        let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &salt, &info);
        let template = attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_VALUE_LEN => 42, CKA_TOKEN => false,
            CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
        ];
        let key = must("C_DeriveKey", session.derive_key(&hkdf, base, &template));
        assert_eq!(
            hex::encode(must("VALUE", session.attribute(key, CKA_VALUE))),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
        assert!(!must("LOCAL", session.flag(key, CKA_LOCAL)));
    });
}

/// R15: a child is no less protected than its parent.
#[test]
fn a_derived_key_inherits_the_protection_of_its_parent() {
    with_token(|token| {
        if !token.offers(CKM_HKDF_DERIVE) {
            return;
        }
        let session = token.user_session();
        let parent = attrs![CKA_TOKEN => false, CKA_VALUE_LEN => 32, CKA_DERIVE => true, CKA_SENSITIVE => true];
        let generation = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let parent = must("C_GenerateKey", session.generate_key(&generation, &parent));
        let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"child");
        let child = |more| unwrapped([attrs![CKA_VALUE_LEN => 32], more].concat());
        let weaker = session.derive_key(&hkdf, parent, &child(attrs![CKA_SENSITIVE => false]));
        refused("C_DeriveKey(SENSITIVE=0)", weaker, &[CKR_TEMPLATE_INCONSISTENT]);
        let leaving = session.derive_key(&hkdf, parent, &child(attrs![CKA_EXTRACTABLE => true]));
        refused("C_DeriveKey(EXTRACTABLE=1)", leaving, &[CKR_TEMPLATE_INCONSISTENT]);
        let key = must("C_DeriveKey", session.derive_key(&hkdf, parent, &child(attrs![CKA_ENCRYPT => true])));
        assert!(must("SENSITIVE", session.flag(key, CKA_SENSITIVE)));
        assert!(!must("EXTRACTABLE", session.flag(key, CKA_EXTRACTABLE)));
    });
}

#[test]
fn a_base_key_that_may_not_derive_does_not() {
    with_token(|token| {
        if !token.offers(CKM_HKDF_DERIVE) {
            return;
        }
        let session = token.user_session();
        let key = import(&session, CKK_GENERIC_SECRET, &[1; 32], attrs![CKA_SIGN => true, CKA_DERIVE => false]);
        let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"child");
        let child = unwrapped(attrs![CKA_VALUE_LEN => 32]);
        refused("DERIVE=0", session.derive_key(&hkdf, key, &child), &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
        refused("hBaseKey=0", session.derive_key(&hkdf, 0, &child), &[CKR_KEY_HANDLE_INVALID]);
        let base = import(&session, CKK_GENERIC_SECRET, &[1; 32], attrs![CKA_DERIVE => true]);
        let digest = session.derive_key(&Mechanism::plain(CKM_SHA256), base, &child);
        refused("CKM_SHA256", digest, &[CKR_MECHANISM_INVALID]);
    });
}

/// Sections 6.13.4 and 6.13.5: what comes out is truncated to CKA_VALUE_LEN.
#[test]
fn block_modes_truncate_what_is_unwrapped_in_standard() {
    with_roles(Policy::Standard, |token| {
        let session = token.user_session();
        for mechanism in [Mechanism::plain(CKM_AES_ECB), Mechanism::with_bytes(CKM_AES_CBC, &[0; 16])] {
            let front = must("C_UnwrapKey", unwrap_front(&session, &mechanism));
            assert_eq!(must("VALUE", session.attribute(front, CKA_VALUE)), [1, 2, 3]);
        }
    });
}

/// Rule R11.
#[test]
fn block_modes_truncate_nothing_in_enforce() {
    with_roles(Policy::Enforce, |token| {
        let session = token.user_session();
        for mechanism in [Mechanism::plain(CKM_AES_ECB), Mechanism::with_bytes(CKM_AES_CBC, &[0; 16])] {
            refused("C_UnwrapKey", unwrap_front(&session, &mechanism), &[CKR_WRAPPED_KEY_LEN_RANGE]);
        }
    });
}

/// The first three bytes of a wrapped secret of sixteen.
fn unwrap_front(session: &Session<'_>, mechanism: &Mechanism) -> Result<Object, Rv> {
    let wrapping = aes_key(session, attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
    let value: [u8; 16] = std::array::from_fn(|index| index as u8 + 1);
    let secret = import(session, CKK_GENERIC_SECRET, &value, attrs![CKA_SIGN => true]);
    let blob = must("C_WrapKey", session.wrap_key(mechanism, wrapping, secret));
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false, CKA_VALUE_LEN => 3,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    session.unwrap_key(mechanism, wrapping, &blob, &template)
}
