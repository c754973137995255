//! PKCS#11 3.2, section 5.12: message digesting.

use claviger_conformance::attrs;
use claviger_conformance::isolated::with_token;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::samples::{aes_key, import};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

/// FIPS 180-4: the digests of "abc".
const ABC: &[(CK_MECHANISM_TYPE, &str)] = &[
    (CKM_SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (CKM_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    (CKM_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (CKM_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
    (
        CKM_SHA512,
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e\
         2a9ac94fa54ca49f",
    ),
];

#[test]
fn digests_agree_with_fips_180_in_one_part_and_in_three() {
    with_token(|token| {
        let session = token.session();
        for (kind, digest) in ABC {
            let mechanism = Mechanism::plain(*kind);
            assert_eq!(hex::encode(must("C_Digest", session.digest(&mechanism, b"abc"))), *digest);
            must("C_DigestInit", session.digest_init(&mechanism));
            for part in [b"a".as_slice(), b"", b"bc"] {
                must("C_DigestUpdate", session.digest_update(part));
            }
            assert_eq!(hex::encode(must("C_DigestFinal", session.digest_final())), *digest);
        }
    });
}

/// Section 5.12.1: C_DigestUpdate may be called zero times.
#[test]
fn the_digest_of_nothing_is_a_digest() {
    with_token(|token| {
        let session = token.session();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sha256 = Mechanism::plain(CKM_SHA256);
        assert_eq!(hex::encode(must("C_Digest", session.digest(&sha256, b""))), empty);
        must("C_DigestInit", session.digest_init(&sha256));
        assert_eq!(hex::encode(must("C_DigestFinal", session.digest_final())), empty);
    });
}

#[test]
fn a_digest_begins_once_and_ends_with_its_output() {
    with_token(|token| {
        let session = token.session();
        let sha256 = Mechanism::plain(CKM_SHA256);
        let idle = &[CKR_OPERATION_NOT_INITIALIZED];
        refused("C_DigestUpdate", session.digest_update(b"x"), idle);
        refused("C_DigestFinal", session.digest_final(), idle);
        must("C_DigestInit", session.digest_init(&sha256));
        refused("C_DigestInit again", session.digest_init(&sha256), &[CKR_OPERATION_ACTIVE]);
        must("C_DigestUpdate", session.digest_update(b"x"));
        must("C_DigestFinal", session.digest_final());
        refused("C_DigestUpdate", session.digest_update(b"x"), idle);
        let cipher = Mechanism::plain(CKM_AES_ECB);
        refused("CKM_AES_ECB", session.digest_init(&cipher), &[CKR_MECHANISM_INVALID]);
    });
}

#[test]
fn a_key_that_may_be_read_may_be_digested() {
    with_token(|token| {
        let session = token.user_session();
        let key = import(&session, CKK_GENERIC_SECRET, b"abc", attrs![CKA_SIGN => true]);
        must("C_DigestInit", session.digest_init(&Mechanism::plain(CKM_SHA256)));
        must("C_DigestKey", session.digest_key(key));
        assert_eq!(hex::encode(must("C_DigestFinal", session.digest_final())), ABC[2].1);
    });
}

/// R16: a digest of a protected key is a test for guesses of it.
#[test]
fn a_protected_key_is_indigestible() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: the standard leaves it to the token");
        }
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => true]);
        must("C_DigestInit", session.digest_init(&Mechanism::plain(CKM_SHA256)));
        refused("C_DigestKey", session.digest_key(key), &[CKR_KEY_INDIGESTIBLE]);
    });
}
