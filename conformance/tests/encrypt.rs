//! PKCS#11 3.2, sections 5.8 and 5.10: encryption and decryption, one part and several.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claviger_conformance::attrs;
use claviger_conformance::isolated::with_token;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::samples::{aes_key, import, rsa_pair};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{Token, must, refused};
use cryptoki_sys::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn key_of(session: &Session<'_>, value: &[u8]) -> Object {
    import(session, CKK_AES, value, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true])
}

/// Encrypts and decrypts in one part and byte by byte; all four must agree with the vector.
fn check(token: &Token, mechanism: &Mechanism, key: &str, plain: &str, cipher: &str) {
    if !token.offers(mechanism.kind()) {
        return;
    }
    let session = token.user_session();
    let key = key_of(&session, &bytes(key));
    let (plain, cipher) = (bytes(plain), bytes(cipher));
    assert_eq!(must("C_Encrypt", session.encrypt(mechanism, key, &plain)), cipher);
    assert_eq!(must("C_Decrypt", session.decrypt(mechanism, key, &cipher)), plain);

    must("C_EncryptInit", session.encrypt_init(mechanism, key));
    let mut parts = Vec::new();
    for byte in plain.chunks(1) {
        parts.extend(must("C_EncryptUpdate", session.encrypt_update(byte)));
    }
    parts.extend(must("C_EncryptFinal", session.encrypt_final()));
    assert_eq!(parts, cipher, "byte by byte");

    must("C_DecryptInit", session.decrypt_init(mechanism, key));
    let mut parts = Vec::new();
    for piece in cipher.chunks(5) {
        parts.extend(must("C_DecryptUpdate", session.decrypt_update(piece)));
    }
    parts.extend(must("C_DecryptFinal", session.decrypt_final()));
    assert_eq!(parts, plain, "in pieces of five bytes");
}

/// FIPS 197, appendix C.3.
#[test]
fn aes_ecb_agrees_with_fips_197() {
    with_token(|token| {
        let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let (plain, cipher) = ("00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089");
        check(token, &Mechanism::plain(CKM_AES_ECB), key, plain, cipher);
    });
}

/// NIST SP 800-38A, F.2.1, first two blocks.
#[test]
fn aes_cbc_agrees_with_sp_800_38a() {
    with_token(|token| {
        let mechanism = Mechanism::with_bytes(CKM_AES_CBC, &bytes("000102030405060708090a0b0c0d0e0f"));
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
        let cipher = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2";
        check(token, &mechanism, "2b7e151628aed2a6abf7158809cf4f3c", plain, cipher);
    });
}

/// The GCM specification, test case 4.
#[test]
fn aes_gcm_agrees_with_its_specification() {
    with_token(|token| {
        let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mechanism = Mechanism::aes_gcm(&bytes("cafebabefacedbaddecaf888"), &aad, 128);
        let plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                     b16aedf5aa0de657ba637b39";
        let cipher = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05\
                      1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47";
        check(token, &mechanism, "feffe9928665731c6d6a8f9467308308", plain, cipher);
    });
}

#[test]
fn aes_cbc_pad_pads_every_length() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let mechanism = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[3; 16]);
        for length in 0..=33 {
            let plain = vec![0x5A; length];
            let cipher = must("C_Encrypt", session.encrypt(&mechanism, key, &plain));
            assert_eq!(cipher.len(), (length / 16 + 1) * 16);
            assert_eq!(must("C_Decrypt", session.decrypt(&mechanism, key, &cipher)), plain);
        }
    });
}

#[test]
fn rsa_encrypts_what_the_private_key_decrypts() {
    with_token(|token| {
        let session = token.user_session();
        let (public, private) = rsa_pair(&session, attrs![CKA_ENCRYPT => true], attrs![CKA_DECRYPT => true]);
        let message = b"a message of forty bytes, more or less..";
        let mut mechanisms = vec![Mechanism::plain(CKM_RSA_PKCS), Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[])];
        if token.is_claviger {
            mechanisms.push(Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, &[]));
            mechanisms.push(Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, b"a label"));
        }
        for mechanism in mechanisms {
            let cipher = must("C_Encrypt", session.encrypt(&mechanism, public, message));
            assert_eq!(cipher.len(), 256);
            assert_eq!(must("C_Decrypt", session.decrypt(&mechanism, private, &cipher)), message);
        }
    });
}

#[test]
fn oaep_with_another_label_does_not_decrypt() {
    with_token(|token| {
        if !token.is_claviger {
            return println!("not applicable: labels are not offered everywhere");
        }
        let session = token.user_session();
        let (public, private) = rsa_pair(&session, attrs![CKA_ENCRYPT => true], attrs![CKA_DECRYPT => true]);
        let with_label = |label: &[u8]| Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, label);
        let cipher = must("C_Encrypt", session.encrypt(&with_label(b"one"), public, b"message"));
        let allowed = &[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE];
        refused("C_Decrypt", session.decrypt(&with_label(b"two"), private, &cipher), allowed);
    });
}

#[test]
fn a_message_too_long_for_the_modulus_is_out_of_range() {
    with_token(|token| {
        let session = token.user_session();
        let (public, _) = rsa_pair(&session, attrs![CKA_ENCRYPT => true], attrs![CKA_DECRYPT => true]);
        let encrypted = session.encrypt(&Mechanism::plain(CKM_RSA_PKCS), public, &[1; 246]);
        refused("C_Encrypt(246 bytes)", encrypted, &[CKR_DATA_LEN_RANGE]);
        refused("C_EncryptUpdate after it", session.encrypt_final(), &[CKR_OPERATION_NOT_INITIALIZED]);
    });
}

#[test]
fn a_part_of_a_block_is_out_of_range() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let cbc = Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]);
        for mechanism in [&Mechanism::plain(CKM_AES_ECB), &cbc] {
            refused("C_Encrypt(15 bytes)", session.encrypt(mechanism, key, &[0; 15]), &[CKR_DATA_LEN_RANGE]);
            let allowed = &[CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID];
            refused("C_Decrypt(17 bytes)", session.decrypt(mechanism, key, &[0; 17]), allowed);
            must("C_EncryptInit", session.encrypt_init(mechanism, key));
            must("C_EncryptUpdate", session.encrypt_update(&[0; 17]));
            refused("C_EncryptFinal with a byte left", session.encrypt_final(), &[CKR_DATA_LEN_RANGE]);
        }
    });
}

#[test]
fn parameters_that_do_not_fit_the_mechanism_are_invalid() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true]);
        let invalid = &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
        for mechanism in [
            Mechanism::plain(CKM_AES_CBC),
            Mechanism::with_bytes(CKM_AES_CBC, &[0; 15]),
            Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 17]),
            Mechanism::plain(CKM_AES_GCM),
            Mechanism::aes_gcm(&[1; 12], &[], 129),
        ] {
            let name = format!("C_EncryptInit({mechanism:?})");
            refused(&name, session.encrypt_init(&mechanism, key), invalid);
        }
        must("C_EncryptInit", session.encrypt_init(&Mechanism::plain(CKM_AES_ECB), key));
    });
}

#[test]
fn a_mechanism_or_key_that_cannot_encrypt_is_refused_at_the_start() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => false]);
        let ecb = Mechanism::plain(CKM_AES_ECB);
        refused("CKM_SHA256", session.encrypt_init(&Mechanism::plain(CKM_SHA256), key), &[CKR_MECHANISM_INVALID]);
        let vendor = Mechanism::plain(CKM_VENDOR_DEFINED + 0x7777);
        refused("a mechanism that is none", session.encrypt_init(&vendor, key), &[CKR_MECHANISM_INVALID]);
        refused("C_DecryptInit", session.decrypt_init(&ecb, key), &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
        for handle in [0, 1 << 40] {
            let invalid = &[CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID];
            refused("a key that is not there", session.encrypt_init(&ecb, handle), invalid);
        }
        let (public, _) = rsa_pair(&session, attrs![CKA_ENCRYPT => true], attrs![CKA_DECRYPT => true]);
        refused("an RSA key", session.encrypt_init(&ecb, public), &[CKR_KEY_TYPE_INCONSISTENT]);
    });
}

/// Section 5.8.2: "A call to C_Encrypt always terminates the active encryption operation unless …".
#[test]
fn an_operation_begins_once_and_ends_with_its_output_or_its_error() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let ecb = Mechanism::plain(CKM_AES_ECB);
        let idle = &[CKR_OPERATION_NOT_INITIALIZED];
        refused("C_EncryptUpdate", session.encrypt_update(&[0; 16]), idle);
        refused("C_EncryptFinal", session.encrypt_final(), idle);
        must("C_EncryptInit", session.encrypt_init(&ecb, key));
        refused("C_EncryptInit again", session.encrypt_init(&ecb, key), &[CKR_OPERATION_ACTIVE]);
        must("C_EncryptUpdate", session.encrypt_update(&[0; 16]));
        must("C_EncryptFinal", session.encrypt_final());
        refused("C_EncryptFinal again", session.encrypt_final(), idle);
        refused("C_Encrypt(1 byte)", session.encrypt(&ecb, key, &[0; 1]), &[CKR_DATA_LEN_RANGE]);
        refused("C_EncryptUpdate after an error", session.encrypt_update(&[0; 16]), idle);
    });
}

#[test]
fn a_tampered_gcm_message_gives_nothing_and_ends_the_operation() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let mechanism = Mechanism::aes_gcm(&[5; 12], b"header", 128);
        let cipher = must("C_Encrypt", session.encrypt(&mechanism, key, b"a message"));
        let allowed = &[CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED];
        for index in 0..cipher.len() {
            let mut tampered = cipher.clone();
            tampered[index] ^= 1;
            must("C_DecryptInit", session.decrypt_init(&mechanism, key));
            let mut buffer = [0xEE; 64];
            let mut out = claviger_conformance::module::Out::into(&mut buffer);
            refused("C_Decrypt", session.decrypt_into(&tampered, &mut out), allowed);
            assert!(buffer.iter().all(|byte| matches!(byte, 0xEE | 0)), "plaintext gets out, byte {index}: {buffer:?}");
            refused("C_DecryptFinal", session.decrypt_final(), &[CKR_OPERATION_NOT_INITIALIZED]);
        }
        let other_header = Mechanism::aes_gcm(&[5; 12], b"another", 128);
        refused("another header", session.decrypt(&other_header, key, &cipher), allowed);
        let short = &[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_AEAD_DECRYPT_FAILED];
        refused("shorter than the tag", session.decrypt(&mechanism, key, &cipher[..8]), short);
    });
}

#[test]
fn bad_padding_is_invalid() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]);
        let cipher = session.encrypt(&Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), key, &[0; 32]);
        let cipher = must("C_Encrypt(CBC, zeros)", cipher);
        let padded = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]);
        let allowed = &[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE];
        refused("C_Decrypt(CBC_PAD)", session.decrypt(&padded, key, &cipher), allowed);
    });
}

#[test]
fn sessions_do_not_share_their_operations() {
    with_token(|token| {
        let (first, second) = (token.user_session(), token.session());
        let key = aes_key(&first, attrs![CKA_ENCRYPT => true]);
        let ecb = Mechanism::plain(CKM_AES_ECB);
        must("C_EncryptInit", first.encrypt_init(&ecb, key));
        refused("C_EncryptUpdate", second.encrypt_update(&[0; 16]), &[CKR_OPERATION_NOT_INITIALIZED]);
        must("C_EncryptInit", second.encrypt_init(&ecb, key));
        let one = must("C_EncryptUpdate", first.encrypt_update(&[1; 16]));
        let two = must("C_EncryptUpdate", second.encrypt_update(&[1; 16]));
        assert_eq!(one, two);
    });
}
