//! PKCS#11 3.2, sections 5.13 and 5.15: signatures and MACs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claviger_conformance::attrs;
use claviger_conformance::isolated::with_token;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::samples::{P256, P384, aes_key, ec_pair, import, rsa_pair};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

/// Signs in one part and in several, verifies in both ways, and sees the spoilt refused.
fn check(session: &Session<'_>, mechanism: &Mechanism, sign: Object, verify: Object, data: &[u8], parts: bool) {
    let signature = must("C_Sign", session.sign(mechanism, sign, data));
    must("C_Verify", session.verify(mechanism, verify, data, &signature));
    let mut spoilt = signature.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    refused("C_Verify(spoilt signature)", session.verify(mechanism, verify, data, &spoilt), &[CKR_SIGNATURE_INVALID]);
    let short = &signature[..signature.len() - 1];
    refused("C_Verify(short)", session.verify(mechanism, verify, data, short), &[CKR_SIGNATURE_LEN_RANGE]);
    refused("C_VerifyUpdate after", session.verify_update(b"x"), &[CKR_OPERATION_NOT_INITIALIZED]);
    let mut other = data.to_vec();
    other[0] ^= 1;
    refused("C_Verify(other data)", session.verify(mechanism, verify, &other, &signature), &[CKR_SIGNATURE_INVALID]);
    if !parts {
        return;
    }
    must("C_SignInit", session.sign_init(mechanism, sign));
    for part in data.chunks(7) {
        must("C_SignUpdate", session.sign_update(part));
    }
    let in_parts = must("C_SignFinal", session.sign_final());
    for signature in [&signature, &in_parts] {
        must("C_VerifyInit", session.verify_init(mechanism, verify));
        for part in data.chunks(5) {
            must("C_VerifyUpdate", session.verify_update(part));
        }
        must("C_VerifyFinal", session.verify_final(signature));
    }
}

#[test]
fn rsa_signs_with_every_digest() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = rsa_pair(&session, attrs![CKA_VERIFY => true], attrs![CKA_SIGN => true]);
        for kind in [CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS] {
            check(&session, &Mechanism::plain(kind), private, public, b"a message to be signed", true);
        }
    });
}

/// Section 6.1.6: CKM_RSA_PKCS pads what it is given; with a DigestInfo that is CKM_SHA256_RSA_PKCS.
#[test]
fn rsa_signs_a_digest_info_as_it_signs_the_message() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = rsa_pair(&session, attrs![CKA_VERIFY => true], attrs![CKA_SIGN => true]);
        let raw = Mechanism::plain(CKM_RSA_PKCS);
        let digest = must("C_Digest", session.digest(&Mechanism::plain(CKM_SHA256), b"message"));
        let info = [hex::decode("3031300d060960864801650304020105000420").unwrap(), digest].concat();
        check(&session, &raw, private, public, &info, false);
        let by_hand = must("C_Sign(RSA_PKCS)", session.sign(&raw, private, &info));
        let whole = session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), private, b"message");
        assert_eq!(must("C_Sign(SHA256_RSA_PKCS)", whole), by_hand);
        refused("C_Sign(246 bytes)", session.sign(&raw, private, &[1; 246]), &[CKR_DATA_LEN_RANGE]);
    });
}

#[test]
fn rsa_pss_signs_messages_and_digests() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = rsa_pair(&session, attrs![CKA_VERIFY => true], attrs![CKA_SIGN => true]);
        let message = Mechanism::rsa_pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        check(&session, &message, private, public, b"a message to be signed", true);
        let digest = must("C_Digest", session.digest(&Mechanism::plain(CKM_SHA256), b"message"));
        let raw = Mechanism::rsa_pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 20);
        check(&session, &raw, private, public, &digest, false);
        refused("a digest of 31 bytes", session.sign(&raw, private, &digest[1..]), &[CKR_DATA_LEN_RANGE]);
        let (first, second) = (session.sign(&raw, private, &digest), session.sign(&raw, private, &digest));
        assert_ne!(must("C_Sign", first), must("C_Sign", second), "the salt is random");
    });
}

#[test]
fn ecdsa_signs_with_both_curves() {
    with_token(|token| {
        let session = token.user_session();
        for (curve, length, digest) in [(P256, 64, CKM_SHA256), (P384, 96, CKM_SHA384)] {
            let (public, private) = ec_pair(&session, curve);
            let hash = must("C_Digest", session.digest(&Mechanism::plain(digest), b"message"));
            let raw = Mechanism::plain(CKM_ECDSA);
            check(&session, &raw, private, public, &hash, false);
            assert_eq!(must("C_Sign", session.sign(&raw, private, &hash)).len(), length);
            if !token.is_claviger {
                continue;
            }
            for kind in [CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512] {
                check(&session, &Mechanism::plain(kind), private, public, b"a message to be signed", true);
            }
            let whole = Mechanism::plain(if digest == CKM_SHA256 { CKM_ECDSA_SHA256 } else { CKM_ECDSA_SHA384 });
            let signature = must("C_Sign", session.sign(&whole, private, b"message"));
            must("C_Verify(the digest)", session.verify(&raw, public, &hash, &signature));
        }
    });
}

/// RFC 4231, test case 1, and RFC 4493, example 2.
#[test]
fn macs_agree_with_their_rfcs() {
    with_token(|token| {
        let session = token.user_session();
        let usage = || attrs![CKA_SIGN => true, CKA_VERIFY => true];
        let secret = import(&session, CKK_GENERIC_SECRET, &[0x0B; 20], usage());
        for (kind, tag) in [
            (CKM_SHA256_HMAC, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                CKM_SHA384_HMAC,
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            ),
            (
                CKM_SHA512_HMAC,
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914e\
                 eb61f1702e696c203a126854",
            ),
        ] {
            let mechanism = Mechanism::plain(kind);
            assert_eq!(hex::encode(must("C_Sign", session.sign(&mechanism, secret, b"Hi There"))), tag);
            check(&session, &mechanism, secret, secret, b"a message to be tagged", true);
        }
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let key = import(&session, CKK_AES, &key, usage());
        let block = hex::decode("6bc1bee22e409f96e93d7e117393172a").unwrap();
        let cmac = Mechanism::plain(CKM_AES_CMAC);
        let tag = must("C_Sign", session.sign(&cmac, key, &block));
        assert_eq!(hex::encode(tag), "070a16b46b4d4144f79bdd9dd04a287c");
        check(&session, &cmac, key, key, b"a message to be tagged", true);
    });
}

#[test]
fn a_signature_begins_once_and_ends_with_its_output() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = ec_pair(&session, P256);
        let mechanism = Mechanism::plain(CKM_ECDSA);
        let idle = &[CKR_OPERATION_NOT_INITIALIZED];
        refused("C_SignUpdate", session.sign_update(b"x"), idle);
        refused("C_SignFinal", session.sign_final(), idle);
        refused("C_Verify", session.verify_signature(b"x", b"y"), idle);
        refused("C_VerifyFinal", session.verify_final(b"y"), idle);
        must("C_SignInit", session.sign_init(&mechanism, private));
        refused("C_SignInit again", session.sign_init(&mechanism, private), &[CKR_OPERATION_ACTIVE]);
        must("C_VerifyInit", token.session().verify_init(&mechanism, public));
        refused(
            "C_SignUpdate of a one-part mechanism",
            session.sign_update(b"x"),
            &[
                CKR_OPERATION_NOT_INITIALIZED,
                CKR_FUNCTION_NOT_SUPPORTED,
                CKR_KEY_TYPE_INCONSISTENT,
                CKR_MECHANISM_INVALID,
                CKR_FUNCTION_FAILED,
            ],
        );
    });
}

#[test]
fn a_key_that_may_not_sign_does_not() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SIGN => false, CKA_VERIFY => true]);
        let cmac = Mechanism::plain(CKM_AES_CMAC);
        refused("C_SignInit", session.sign_init(&cmac, key), &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
        must("C_VerifyInit", session.verify_init(&cmac, key));
        let session = token.session();
        let (public, private) = rsa_pair(&session, attrs![CKA_VERIFY => true], attrs![CKA_SIGN => false]);
        let rsa = Mechanism::plain(CKM_SHA256_RSA_PKCS);
        refused("C_SignInit(RSA)", session.sign_init(&rsa, private), &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
        let other = token.session();
        let ecdsa = Mechanism::plain(CKM_ECDSA);
        refused("C_VerifyInit(ECDSA, RSA key)", other.verify_init(&ecdsa, public), &[CKR_KEY_TYPE_INCONSISTENT]);
        let invalid = &[CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID];
        refused("C_SignInit(0)", other.sign_init(&rsa, 0), invalid);
    });
}
