//! PKCS#11 3.2, section 5.18.5, C_DeriveKey: Diffie-Hellman on curves (6.3) in every mode, and the derivations that
//! exist in the mode `standard` alone: joining, XOR and cutting (6.43), and keys made by encrypting data (6.17).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claviger_conformance::attrs;
use claviger_conformance::fixture::Policy;
use claviger_conformance::isolated::{with_roles, with_token};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::{P256, P384, import};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::{Attribute, with};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

const INVALID: &[CK_RV] = &[CKR_MECHANISM_PARAM_INVALID];

/// RFC 5903 sections 8.1 and 8.2: curve, one private key, the other side's point, the shared secret.
const AGREEMENTS: &[(&[u8], &str, &str, &str)] = &[
    (
        P256,
        "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
        "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
        "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
    ),
    (
        P384,
        "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
        "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
        "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
    ),
];

/// A key that may be read.
fn readable(more: Vec<Attribute>) -> Vec<Attribute> {
    let base = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    with(base, more)
}

fn point(xy: &str) -> Vec<u8> {
    [&[4], hex::decode(xy).unwrap().as_slice()].concat()
}

fn in_der(point: &[u8]) -> Vec<u8> {
    [&[4, u8::try_from(point.len()).unwrap()], point].concat()
}

fn compressed(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(point.len() / 2);
    [&[2 + (y[y.len() - 1] & 1)], x].concat()
}

#[track_caller]
fn private_key(session: &Session<'_>, curve: &[u8], scalar: &str) -> Object {
    let template = attrs![
        CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC, CKA_TOKEN => false, CKA_EC_PARAMS => curve,
        CKA_VALUE => hex::decode(scalar).unwrap(), CKA_DERIVE => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    must("C_CreateObject(EC private key)", session.create_object(&template))
}

#[track_caller]
fn value(session: &Session<'_>, key: Object) -> Vec<u8> {
    must("VALUE", session.attribute(key, CKA_VALUE))
}

#[test]
fn ecdh_agrees_with_rfc_5903() {
    with_token(|token| {
        let session = token.user_session();
        for kind in [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE].into_iter().filter(|kind| token.offers(*kind)) {
            for (curve, scalar, xy, shared) in AGREEMENTS {
                let private = private_key(&session, curve, scalar);
                let raw = point(xy);
                let mut encodings = vec![raw.clone()];
                if token.is_claviger {
                    encodings.extend([compressed(&raw), in_der(&raw), in_der(&compressed(&raw))]);
                }
                for encoding in encodings {
                    let mechanism = Mechanism::agreement(kind, CKD_NULL, &[], &encoding);
                    let key = must("C_DeriveKey", session.derive_key(&mechanism, private, &readable(attrs![])));
                    assert_eq!(hex::encode(value(&session, key)), *shared, "{:#x} {:02x?}", kind, &encoding[..2]);
                    let cut = readable(attrs![CKA_VALUE_LEN => 16]);
                    let cut = must("C_DeriveKey(16 bytes)", session.derive_key(&mechanism, private, &cut));
                    assert!(shared.ends_with(&hex::encode(value(&session, cut))), "the leading end is cut off");
                }
            }
        }
    });
}

/// ANSI X9.63 over the secret of RFC 5903 section 8.1, computed with the digest mechanisms of the token itself.
#[test]
fn key_derivation_functions_are_those_of_x9_63() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: a token need have no key derivation function but CKD_NULL");
        }
        let session = token.user_session();
        let (curve, scalar, xy, shared) = AGREEMENTS[0];
        let (private, shared) = (private_key(&session, curve, scalar), hex::decode(shared).unwrap());
        let rows = [
            (CKD_SHA1_KDF, CKM_SHA_1),
            (CKD_SHA224_KDF, CKM_SHA224),
            (CKD_SHA256_KDF, CKM_SHA256),
            (CKD_SHA384_KDF, CKM_SHA384),
            (CKD_SHA512_KDF, CKM_SHA512),
        ];
        for (kdf, hash) in rows {
            for info in [&b""[..], b"both sides know this"] {
                let block = |counter: u32| {
                    let input = [&shared, &counter.to_be_bytes()[..], info].concat();
                    must("C_Digest", session.digest(&Mechanism::plain(hash), &input))
                };
                let expected = (1..=4).flat_map(block).collect::<Vec<_>>();
                let mechanism = Mechanism::agreement(CKM_ECDH1_DERIVE, kdf, info, &point(xy));
                for bytes in [1, 16, 33, 80] {
                    let template = readable(attrs![CKA_VALUE_LEN => bytes]);
                    let key = must("C_DeriveKey", session.derive_key(&mechanism, private, &template));
                    assert_eq!(value(&session, key), expected[..bytes as usize], "KDF {kdf}, {bytes} bytes");
                }
                let unsaid = session.derive_key(&mechanism, private, &readable(attrs![]));
                refused("no VALUE_LEN", unsaid, &[CKR_TEMPLATE_INCOMPLETE]);
            }
        }
    });
}

#[test]
fn what_is_no_point_of_the_curve_is_an_invalid_parameter() {
    with_token(|token| {
        if !token.offers(CKM_ECDH1_DERIVE) {
            return;
        }
        let session = token.user_session();
        for (index, (curve, scalar, xy, _)) in AGREEMENTS.iter().enumerate() {
            let private = private_key(&session, curve, scalar);
            let good = point(xy);
            let foreign = point(AGREEMENTS[1 - index].2);
            let mut off = good.clone();
            *off.last_mut().unwrap() ^= 1;
            let mut hybrid = good.clone();
            hybrid[0] = 6 + (good[good.len() - 1] & 1);
            let compact = [&[5], &good[1..=good.len() / 2]].concat();
            let nowhere = [&[4][..], &vec![0; good.len() - 1]].concat();
            let bad = [vec![], vec![0], vec![4], good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat()];
            for bad in bad.into_iter().chain([foreign, off, hybrid, compact, nowhere, vec![0x55; 2000]]) {
                for bad in [bad.clone(), [&[4, 0x81, 0x41], bad.as_slice()].concat()] {
                    let derived = session.derive_key(&Mechanism::ecdh(&bad), private, &readable(attrs![]));
                    refused(&format!("{} bytes {:02x?}", bad.len(), bad.first()), derived, INVALID);
                }
            }
        }
    });
}

#[test]
fn agreement_refuses_what_does_not_fit() {
    with_token(|token| {
        if !token.offers(CKM_ECDH1_DERIVE) {
            return;
        }
        let session = token.user_session();
        let (curve, scalar, xy, _) = AGREEMENTS[0];
        let private = private_key(&session, curve, scalar);
        let good = Mechanism::ecdh(&point(xy));
        let long = session.derive_key(&good, private, &readable(attrs![CKA_VALUE_LEN => 33]));
        refused("VALUE_LEN=33", long, &[CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT]);
        let info = Mechanism::agreement(CKM_ECDH1_DERIVE, CKD_NULL, b"info", &point(xy));
        refused("CKD_NULL with data", session.derive_key(&info, private, &readable(attrs![])), INVALID);
        let unknown = Mechanism::agreement(CKM_ECDH1_DERIVE, 99, &[], &point(xy));
        refused("KDF 99", session.derive_key(&unknown, private, &readable(attrs![])), INVALID);
        let bare = Mechanism::plain(CKM_ECDH1_DERIVE);
        refused("no parameter", session.derive_key(&bare, private, &readable(attrs![])), INVALID);
        let short = Mechanism::with_bytes(CKM_ECDH1_DERIVE, &[0; 39]);
        refused("39 bytes", session.derive_key(&short, private, &readable(attrs![])), INVALID);
        let secret = import(&session, CKK_GENERIC_SECRET, &[1; 32], attrs![CKA_DERIVE => true]);
        let derived = session.derive_key(&good, secret, &readable(attrs![]));
        refused("a secret key", derived, &[CKR_KEY_TYPE_INCONSISTENT]);
        let aes = readable(attrs![CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32]);
        must("an AES key", session.derive_key(&good, private, &aes));
    });
}

/// R15: the secret is no less protected than the private key.
#[test]
fn an_agreed_key_inherits_the_protection_of_the_private_key() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: the standard lets the template say");
        }
        let session = token.user_session();
        let pair = |more| {
            let public = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => P256];
            let private = with(attrs![CKA_TOKEN => false, CKA_DERIVE => true], more);
            let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
            must("C_GenerateKeyPair(EC)", session.generate_key_pair(&generation, &public, &private)).1
        };
        let ecdh = Mechanism::ecdh(&point(AGREEMENTS[0].2));
        let plain = || attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false];
        let kept = pair(attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false]);
        for weak in [attrs![CKA_SENSITIVE => false], attrs![CKA_EXTRACTABLE => true]] {
            let derived = session.derive_key(&ecdh, kept, &with(plain(), weak));
            refused("a weaker child", derived, &[CKR_TEMPLATE_INCONSISTENT]);
        }
        let child = must("C_DeriveKey", session.derive_key(&ecdh, kept, &plain()));
        assert!(must("SENSITIVE", session.flag(child, CKA_SENSITIVE)));
        assert!(!must("EXTRACTABLE", session.flag(child, CKA_EXTRACTABLE)));
        refused("VALUE", session.attribute(child, CKA_VALUE), &[CKR_ATTRIBUTE_SENSITIVE]);
        let leaves = pair(attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true]);
        let laundered = with(plain(), attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => false]);
        refused("WRAP_WITH_TRUSTED=0", session.derive_key(&ecdh, leaves, &laundered), &[CKR_TEMPLATE_INCONSISTENT]);
        let child = with(plain(), attrs![CKA_EXTRACTABLE => true]);
        let child = must("C_DeriveKey", session.derive_key(&ecdh, leaves, &child));
        assert!(must("WRAP_WITH_TRUSTED", session.flag(child, CKA_WRAP_WITH_TRUSTED)));
    });
}

/// The derivations that exist outside `enforce` alone, with the parameter that suits `other`.
fn one_way_breakers(other: Object) -> [(Mechanism, &'static str); 7] {
    [
        (Mechanism::with_number(CKM_CONCATENATE_BASE_AND_KEY, other), "11111111111111111111111111111111aaaaaaaa"),
        (Mechanism::with_data(CKM_CONCATENATE_BASE_AND_DATA, &[0x22; 4]), "1111111111111111111111111111111122222222"),
        (Mechanism::with_data(CKM_CONCATENATE_DATA_AND_BASE, &[0x22; 4]), "2222222211111111111111111111111111111111"),
        (Mechanism::with_data(CKM_XOR_BASE_AND_DATA, &[0x23; 4]), "32323232"),
        (Mechanism::with_number(CKM_EXTRACT_KEY_FROM_KEY, 3), "8888"),
        // An empty expectation is a block of zeros, encrypted; in CBC the IV and the data cancel each other.
        (Mechanism::with_data(CKM_AES_ECB_ENCRYPT_DATA, &[0; 16]), ""),
        (Mechanism::aes_cbc_encrypt_data([7; 16], &[7; 16]), ""),
    ]
}

/// A base key for each of them.
fn base(session: &Session<'_>, mechanism: &Mechanism, protection: Vec<Attribute>) -> Object {
    let aes = matches!(mechanism.kind(), CKM_AES_ECB_ENCRYPT_DATA | CKM_AES_CBC_ENCRYPT_DATA);
    let kind = if aes { CKK_AES } else { CKK_GENERIC_SECRET };
    import(session, kind, &[0x11; 16], with(attrs![CKA_DERIVE => true], protection))
}

/// No key type named, and no length but where the mechanism leaves it open.
fn child(mechanism: &Mechanism, more: Vec<Attribute>) -> Vec<Attribute> {
    let cut = mechanism.kind() == CKM_EXTRACT_KEY_FROM_KEY;
    let length = if cut { attrs![CKA_VALUE_LEN => 2] } else { attrs![] };
    with(with(attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_TOKEN => false], length), more)
}

fn open() -> Vec<Attribute> {
    attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]
}

/// R15: in `enforce` nothing derives a key from which its base can be computed.
#[test]
fn enforce_does_not_offer_derivations_that_give_their_base_away() {
    with_roles(Policy::Enforce, |token| {
        let session = token.user_session();
        let listed = must("C_GetMechanismList", token.module.mechanism_list(token.slot));
        let other = import(&session, CKK_GENERIC_SECRET, &[0xAA; 4], attrs![CKA_DERIVE => true]);
        for (mechanism, _) in one_way_breakers(other) {
            let kind = mechanism.kind();
            let base = base(&session, &mechanism, attrs![]);
            let derived = session.derive_key(&mechanism, base, &child(&mechanism, open()));
            refused(&format!("{kind:#x}"), derived, &[CKR_MECHANISM_INVALID]);
            refused("C_GetMechanismInfo", token.module.mechanism_info(token.slot, kind), &[CKR_MECHANISM_INVALID]);
            assert!(!listed.contains(&kind), "{kind:#x} is listed");
        }
        assert!(listed.contains(&CKM_ECDH1_DERIVE) && listed.contains(&CKM_HKDF_DERIVE));
    });
}

#[test]
fn simple_derivations_are_those_of_the_standard() {
    with_roles(Policy::Standard, |token| {
        let session = token.user_session();
        let listed = must("C_GetMechanismList", token.module.mechanism_list(token.slot));
        let other = import(&session, CKK_GENERIC_SECRET, &[0xAA; 4], attrs![CKA_DERIVE => true]);
        for (mechanism, expected) in one_way_breakers(other) {
            let kind = mechanism.kind();
            let info = must("C_GetMechanismInfo", token.module.mechanism_info(token.slot, kind));
            assert_eq!((info.flags, listed.contains(&kind)), (CKF_DERIVE, true), "{kind:#x}");
            let base = base(&session, &mechanism, attrs![CKA_ENCRYPT => true]);
            let key = session.derive_key(&mechanism, base, &child(&mechanism, open()));
            let key = must(&format!("C_DeriveKey({kind:#x})"), key);
            let expected = match expected {
                "" => must("C_Encrypt", session.encrypt(&Mechanism::plain(CKM_AES_ECB), base, &[0; 16])),
                hex => hex::decode(hex).unwrap(),
            };
            assert_eq!(value(&session, key), expected, "{kind:#x}");
            assert_eq!(must("KEY_TYPE", session.number(key, CKA_KEY_TYPE)), CKK_GENERIC_SECRET);
        }
    });
}

/// Section 6.43: joined, XORed and cut keys are as protected as their parents; of encrypted data 6.17 does not say so.
#[test]
fn simple_derivations_inherit_as_the_standard_says() {
    with_roles(Policy::Standard, |token| {
        let session = token.user_session();
        let other = import(&session, CKK_GENERIC_SECRET, &[0xAA; 4], attrs![CKA_DERIVE => true]);
        for (mechanism, _) in one_way_breakers(other) {
            let kind = mechanism.kind();
            let kept = base(&session, &mechanism, attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false]);
            let weak = session.derive_key(&mechanism, kept, &child(&mechanism, open()));
            if matches!(kind, CKM_AES_ECB_ENCRYPT_DATA | CKM_AES_CBC_ENCRYPT_DATA) {
                assert_eq!(value(&session, must("encrypted data", weak)).len(), 16);
                continue;
            }
            refused(&format!("{kind:#x} SENSITIVE=0"), weak, &[CKR_TEMPLATE_INCONSISTENT]);
            let key = must("C_DeriveKey", session.derive_key(&mechanism, kept, &child(&mechanism, attrs![])));
            assert!(must("SENSITIVE", session.flag(key, CKA_SENSITIVE)), "{kind:#x}");
            assert!(!must("EXTRACTABLE", session.flag(key, CKA_EXTRACTABLE)), "{kind:#x}");
            assert!(!must("ALWAYS_SENSITIVE of an import's child", session.flag(key, CKA_ALWAYS_SENSITIVE)));
        }
    });
}

#[test]
fn simple_derivations_refuse_what_does_not_fit() {
    with_roles(Policy::Standard, |token| {
        let session = token.user_session();
        let base = import(&session, CKK_GENERIC_SECRET, &[0x11; 16], attrs![CKA_DERIVE => true]);
        let aes = import(&session, CKK_AES, &[0x11; 16], attrs![CKA_DERIVE => true]);
        let no_derive = import(&session, CKK_GENERIC_SECRET, &[0x11; 16], attrs![CKA_SIGN => true]);
        let derive = |mechanism: Mechanism, base, more| session.derive_key(&mechanism, base, &readable(more));
        let join = |other| Mechanism::with_number(CKM_CONCATENATE_BASE_AND_KEY, other);
        let cut = |bit| Mechanism::with_number(CKM_EXTRACT_KEY_FROM_KEY, bit);
        let data = |kind, bytes: usize| Mechanism::with_data(kind, &vec![1; bytes]);
        let rows: [(&str, Result<Object, Rv>, CK_RV); 12] = [
            ("no such key", derive(join(0xFFFF), base, attrs![]), CKR_KEY_HANDLE_INVALID),
            ("DERIVE=0", derive(join(no_derive), base, attrs![]), CKR_KEY_FUNCTION_NOT_PERMITTED),
            ("33 of 32", derive(join(aes), base, attrs![CKA_VALUE_LEN => 33]), CKR_KEY_SIZE_RANGE),
            ("bit 128 of 128", derive(cut(128), base, attrs![CKA_VALUE_LEN => 1]), CKR_MECHANISM_PARAM_INVALID),
            ("17 of 16", derive(cut(0), base, attrs![CKA_VALUE_LEN => 17]), CKR_KEY_SIZE_RANGE),
            ("no VALUE_LEN", derive(cut(0), base, attrs![]), CKR_TEMPLATE_INCOMPLETE),
            (
                "AES without VALUE_LEN",
                derive(join(base), base, attrs![CKA_KEY_TYPE => CKK_AES]),
                CKR_TEMPLATE_INCOMPLETE,
            ),
            ("XOR of nothing", derive(data(CKM_XOR_BASE_AND_DATA, 0), base, attrs![]), CKR_KEY_SIZE_RANGE),
            ("half a block", derive(data(CKM_AES_ECB_ENCRYPT_DATA, 24), aes, attrs![]), CKR_MECHANISM_PARAM_INVALID),
            (
                "17 of a block",
                derive(data(CKM_AES_ECB_ENCRYPT_DATA, 16), aes, attrs![CKA_VALUE_LEN => 17]),
                CKR_DATA_LEN_RANGE,
            ),
            ("no AES key", derive(data(CKM_AES_ECB_ENCRYPT_DATA, 16), base, attrs![]), CKR_KEY_TYPE_INCONSISTENT),
            (
                "a short structure",
                derive(Mechanism::with_bytes(CKM_CONCATENATE_BASE_AND_DATA, &[0; 8]), base, attrs![]),
                CKR_MECHANISM_PARAM_INVALID,
            ),
        ];
        for (name, derived, expected) in rows {
            refused(name, derived, &[expected]);
        }
    });
}

#[test]
fn no_mechanism_that_is_listed_is_good_for_nothing() {
    with_token(|token| {
        for kind in must("C_GetMechanismList", token.module.mechanism_list(token.slot)) {
            let info = must("C_GetMechanismInfo", token.module.mechanism_info(token.slot, kind));
            assert_ne!(info.flags & !CKF_HW, 0, "{kind:#x} is good for nothing");
        }
    });
}
