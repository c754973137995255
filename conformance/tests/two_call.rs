//! PKCS#11 3.2, section 5.2: functions that return output in a buffer of varying length. A call for the length and a
//! call with too short a buffer both keep the operation alive, and the output that follows is right.

use claviger_conformance::attrs;
use claviger_conformance::isolated::with_token;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Out;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::{P256, aes_key, ec_pair, import, rsa_pair};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

/// Asks for the length twice, then with every room from none to one too few, then gets it.
fn check(name: &str, exact: usize, mut call: impl FnMut(&mut Out<'_>) -> Result<(), Rv>) -> Vec<u8> {
    for _ in 0..2 {
        let mut query = Out::query();
        must(&format!("{name}(NULL)"), call(&mut query));
        let length = query.length as usize;
        assert!(length >= exact && length <= exact + 64, "{name}(NULL) says {length}, the output has {exact}");
    }
    for room in [0, 1, exact.saturating_sub(1)] {
        if room >= exact {
            continue;
        }
        let mut short = vec![0xEE; room];
        let mut out = Out::into(&mut short);
        refused(&format!("{name} with room for {room}"), call(&mut out), &[CKR_BUFFER_TOO_SMALL]);
        assert!(out.length as usize >= exact, "{name} says {} are needed of {exact}", out.length);
        assert!(short.iter().all(|byte| *byte == 0xEE), "{name} wrote into a short buffer");
    }
    let mut buffer = vec![0; exact + 64];
    let mut out = Out::into(&mut buffer);
    must(name, call(&mut out));
    let length = out.length as usize;
    assert_eq!(length, exact, "{name}");
    buffer.truncate(length);
    buffer
}

#[test]
fn encryption_waits_for_its_buffer() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let cbc = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[1; 16]);
        let gcm = Mechanism::aes_gcm(&[1; 12], b"", 128);
        for (mechanism, cipher_length) in [(&cbc, 48), (&gcm, 56)] {
            let plain = [7; 40];
            must("C_EncryptInit", session.encrypt_init(mechanism, key));
            let cipher = check("C_Encrypt", cipher_length, |out| session.encrypt_into(&plain, out));
            must("C_DecryptInit", session.decrypt_init(mechanism, key));
            // The length of what is padded is known only in the end, so a longer answer is right here.
            let mut query = Out::query();
            must("C_Decrypt(NULL)", session.decrypt_into(&cipher, &mut query));
            assert!(query.length >= 40);
            let mut short = [0; 8];
            let mut out = Out::into(&mut short);
            refused("C_Decrypt", session.decrypt_into(&cipher, &mut out), &[CKR_BUFFER_TOO_SMALL]);
            let mut buffer = [0; 64];
            let mut out = Out::into(&mut buffer);
            must("C_Decrypt", session.decrypt_into(&cipher, &mut out));
            assert_eq!(out.length, 40);
            assert_eq!(buffer[..40], plain);
        }
    });
}

#[test]
fn encryption_in_parts_waits_for_its_buffer() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let mechanism = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[1; 16]);
        let whole = must("C_Encrypt", session.encrypt(&mechanism, key, &[7; 40]));
        must("C_EncryptInit", session.encrypt_init(&mechanism, key));
        let mut cipher = check("C_EncryptUpdate", 32, |out| session.encrypt_update_into(&[7; 40], out));
        cipher.extend(check("C_EncryptFinal", 16, |out| session.encrypt_final_into(out)));
        assert_eq!(cipher, whole, "a part sent again after a short buffer counts once");
        refused("C_EncryptFinal", session.encrypt_final(), &[CKR_OPERATION_NOT_INITIALIZED]);

        let ecb = Mechanism::plain(CKM_AES_ECB);
        let blocks = must("C_Encrypt(ECB)", session.encrypt(&ecb, key, &[9; 32]));
        must("C_DecryptInit", session.decrypt_init(&ecb, key));
        let plain = check("C_DecryptUpdate", 32, |out| session.decrypt_update_into(&blocks, out));
        assert_eq!(plain, [9; 32]);
        assert!(must("C_DecryptFinal", session.decrypt_final()).is_empty());
    });
}

#[test]
fn digests_wait_for_their_buffer() {
    with_token(|token| {
        let session = token.session();
        let sha256 = Mechanism::plain(CKM_SHA256);
        let whole = must("C_Digest", session.digest(&sha256, b"abc"));
        must("C_DigestInit", session.digest_init(&sha256));
        assert_eq!(check("C_Digest", 32, |out| session.digest_into(b"abc", out)), whole);
        must("C_DigestInit", session.digest_init(&sha256));
        must("C_DigestUpdate", session.digest_update(b"abc"));
        assert_eq!(check("C_DigestFinal", 32, |out| session.digest_final_into(out)), whole);
    });
}

#[test]
fn signatures_wait_for_their_buffer() {
    with_token(|token| {
        let session = token.user_session();
        let (rsa_public, rsa) = rsa_pair(&session, attrs![CKA_VERIFY => true], attrs![CKA_SIGN => true]);
        let (ec_public, ec) = ec_pair(&session, P256);
        let mac = import(&session, CKK_GENERIC_SECRET, &[1; 32], attrs![CKA_SIGN => true, CKA_VERIFY => true]);
        for (kind, sign, verify, length) in [
            (CKM_SHA256_RSA_PKCS, rsa, rsa_public, 256),
            (CKM_ECDSA, ec, ec_public, 64),
            (CKM_SHA256_HMAC, mac, mac, 32),
        ] {
            let mechanism = Mechanism::plain(kind);
            must("C_SignInit", session.sign_init(&mechanism, sign));
            let signature = check("C_Sign", length, |out| session.sign_into(&[3; 32], out));
            must("C_Verify", session.verify(&mechanism, verify, &[3; 32], &signature));
            refused("C_SignFinal", session.sign_final(), &[CKR_OPERATION_NOT_INITIALIZED]);
            if kind == CKM_ECDSA {
                continue;
            }
            must("C_SignInit", session.sign_init(&mechanism, sign));
            must("C_SignUpdate", session.sign_update(&[3; 32]));
            let signature = check("C_SignFinal", length, |out| session.sign_final_into(out));
            must("C_Verify", session.verify(&mechanism, verify, &[3; 32], &signature));
        }
    });
}

#[test]
fn a_wrapped_key_waits_for_its_buffer() {
    with_token(|token| {
        let session = token.user_session();
        let kek = aes_key(&session, attrs![CKA_WRAP => true]);
        let key = import(&session, CKK_AES, &[1; 32], attrs![CKA_ENCRYPT => true]);
        let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
        check("C_WrapKey", 40, |out| session.wrap_key_into(&mechanism, kek, key, out));
    });
}
