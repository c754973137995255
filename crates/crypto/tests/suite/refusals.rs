//! What must be refused, and with which error.

use std::sync::Arc;

use claviger_crypto::encoding::ec_point;
use claviger_crypto::{
    CbcDataParams, Cipher, Curve, Derive, Direction, Error, GcmParams, Hash, HkdfParams, Key, KeyKind, OaepParams,
    Params, PssParams, Sign, SystemRandom, Wrap as _, cipher, kdf, mac, seal, sign, wrap,
};

use crate::support::{
    compressed, data, decrypt, derive, ec_pair, ecdh, encrypt, in_parts, random, rsa_pair, secret_key, sign, unwrap,
};

fn gcm(iv_len: usize, tag_bits: u32) -> Params {
    Params::Gcm(GcmParams { iv: vec![1; iv_len], aad: Vec::new(), tag_bits })
}

fn oaep() -> Params {
    Params::Oaep(OaepParams { hash: Hash::Sha256, mgf: Hash::Sha256, label: Vec::new() })
}

fn pss(hash: Hash, mgf: Hash, salt_len: usize) -> Params {
    Params::Pss(PssParams { hash, mgf, salt_len })
}

fn hkdf(extract: bool, expand: bool) -> Params {
    Params::Hkdf(HkdfParams { extract, expand, hash: Hash::Sha256, salt: None, info: Vec::new() })
}

/// One of every kind of key and of parameters.
struct World {
    keys: Vec<Arc<Key>>,
    params: Vec<Params>,
}

fn world() -> World {
    let (rsa_private, rsa_public) = rsa_pair();
    let (ec_private, ec_public) = ec_pair(Curve::P256);
    let keys = vec![secret_key(&[7; 32]), rsa_private, rsa_public, ec_private, ec_public];
    let params = vec![
        Params::None,
        Params::Iv([0; 16]),
        gcm(12, 128),
        pss(Hash::Sha256, Hash::Sha256, 32),
        oaep(),
        Params::KeyWrapIv(vec![0; 8]),
        Params::KeyWrapIv(vec![0; 4]),
        hkdf(true, true),
        data(&[0; 16]),
        Params::CbcData(CbcDataParams { iv: [0; 16], data: vec![0; 16] }),
        Params::FirstBit(0),
    ];
    World { keys, params }
}

const RSA: &[KeyKind] = &[KeyKind::RsaPrivate, KeyKind::RsaPublic];
const EC: &[KeyKind] = &[KeyKind::EcPrivate, KeyKind::EcPublic];
const SECRET: &[KeyKind] = &[KeyKind::Secret];

#[test]
fn a_signature_takes_its_own_kind_of_key_and_parameters_alone() {
    let rows: &[(&str, &dyn Sign, &[KeyKind], usize)] = &[
        ("RSA_PKCS", &sign::RSA_PKCS, RSA, 0),
        ("SHA1_RSA_PKCS", &sign::SHA1_RSA_PKCS, RSA, 0),
        ("SHA512_RSA_PKCS", &sign::SHA512_RSA_PKCS, RSA, 0),
        ("RSA_PKCS_PSS", &sign::RSA_PKCS_PSS, RSA, 3),
        ("SHA256_RSA_PKCS_PSS", &sign::SHA256_RSA_PKCS_PSS, RSA, 3),
        ("ECDSA", &sign::ECDSA, EC, 0),
        ("ECDSA_SHA384", &sign::ECDSA_SHA384, EC, 0),
        ("HMAC_SHA_1", &mac::HMAC_SHA_1, SECRET, 0),
        ("HMAC_SHA512", &mac::HMAC_SHA512, SECRET, 0),
        ("AES_CMAC", &mac::AES_CMAC, SECRET, 0),
    ];
    let world = world();
    for (name, algorithm, kinds, right) in rows {
        for key in &world.keys {
            for (index, params) in world.params.iter().enumerate() {
                let expected = match (kinds.contains(&key.kind()), index == *right) {
                    (false, _) => Err(Error::KeyType),
                    (true, false) => Err(Error::Params),
                    (true, true) => Ok(()),
                };
                let row = format!("{name} with {:?} and parameters {index}", key.kind());
                assert_eq!(algorithm.check(key, params), expected, "{row}");
                if expected.is_err() {
                    assert!(algorithm.stream(key, params).is_err(), "{row}");
                    assert!(sign(*algorithm, key, params, &[0; 32]).is_err(), "{row}");
                    assert!(algorithm.verify(key, params, &[0; 32], &[0; 64]).is_err(), "{row}");
                }
            }
        }
    }
}

#[test]
fn a_cipher_takes_its_own_kind_of_key_and_parameters_alone() {
    let rows: &[(&str, &dyn Cipher, [KeyKind; 2], usize)] = &[
        ("AES_ECB", &cipher::AES_ECB, [KeyKind::Secret; 2], 0),
        ("AES_CBC", &cipher::AES_CBC, [KeyKind::Secret; 2], 1),
        ("AES_CBC_PAD", &cipher::AES_CBC_PAD, [KeyKind::Secret; 2], 1),
        ("AES_GCM", &cipher::AES_GCM, [KeyKind::Secret; 2], 2),
        ("RSA_PKCS", &cipher::RSA_PKCS, [KeyKind::RsaPublic, KeyKind::RsaPrivate], 0),
        ("RSA_OAEP", &cipher::RSA_OAEP, [KeyKind::RsaPublic, KeyKind::RsaPrivate], 4),
    ];
    let world = world();
    for (name, cipher, kinds, right) in rows {
        for (direction, kind) in [Direction::Encrypt, Direction::Decrypt].into_iter().zip(kinds) {
            for key in &world.keys {
                for (index, params) in world.params.iter().enumerate() {
                    let expected = match (key.kind() == *kind, index == *right) {
                        (false, _) => Err(Error::KeyType),
                        (true, false) => Err(Error::Params),
                        (true, true) => Ok(()),
                    };
                    let row = format!("{name} to {direction:?} with {:?} and parameters {index}", key.kind());
                    assert_eq!(cipher.check(direction, key, params), expected, "{row}");
                    if expected.is_err() {
                        assert!(cipher.stream(direction, key, params).is_err(), "{row}");
                        let done = match direction {
                            Direction::Encrypt => encrypt(*cipher, key, params, &[0; 32]),
                            Direction::Decrypt => decrypt(*cipher, key, params, &[0; 256]),
                        };
                        assert!(done.is_err(), "{row}");
                    }
                }
            }
        }
    }
}

#[test]
fn aes_takes_keys_of_16_24_and_32_bytes_alone() {
    let ciphers: [(&dyn Cipher, Params); 6] = [
        (&cipher::AES_ECB, Params::None),
        (&cipher::AES_CBC, Params::Iv([0; 16])),
        (&cipher::AES_CBC_PAD, Params::Iv([0; 16])),
        (&cipher::AES_GCM, gcm(12, 128)),
        (&wrap::AES_KW, Params::None),
        (&wrap::AES_KWP, Params::None),
    ];
    for len in 0..=64 {
        let key = secret_key(&vec![3; len]);
        let expected = if [16, 24, 32].contains(&len) { Ok(()) } else { Err(Error::KeySize) };
        for (cipher, params) in &ciphers {
            assert_eq!(cipher.check(Direction::Encrypt, &key, params), expected, "{len} bytes");
            assert_eq!(encrypt(*cipher, &key, params, &[0; 32]).map(drop), expected, "{len} bytes");
        }
        assert_eq!(mac::AES_CMAC.check(&key, &Params::None), expected, "{len} bytes");
    }
}

#[test]
fn gcm_refuses_odd_parameters() {
    let key = secret_key(&[3; 16]);
    for (iv_len, tag_bits) in [(0, 128), (257, 128), (12, 1), (12, 127), (12, 129), (12, 136), (12, u32::MAX)] {
        let params = gcm(iv_len, tag_bits);
        assert_eq!(cipher::AES_GCM.check(Direction::Encrypt, &key, &params), Err(Error::Params));
        assert_eq!(encrypt(&cipher::AES_GCM, &key, &params, b"x"), Err(Error::Params));
    }
}

#[test]
fn block_modes_refuse_broken_blocks() {
    let key = secret_key(&[3; 16]);
    let iv = Params::Iv([0; 16]);
    for len in [1, 15, 17, 31] {
        assert_eq!(encrypt(&cipher::AES_ECB, &key, &Params::None, &vec![0; len]), Err(Error::DataLen));
        assert_eq!(encrypt(&cipher::AES_CBC, &key, &iv, &vec![0; len]), Err(Error::DataLen));
        for (cipher, params) in
            [(&cipher::AES_ECB as &dyn Cipher, &Params::None), (&cipher::AES_CBC, &iv), (&cipher::AES_CBC_PAD, &iv)]
        {
            assert_eq!(decrypt(cipher, &key, params, &vec![0; len]), Err(Error::CiphertextLen), "{len} bytes");
            let parts = in_parts(cipher, Direction::Decrypt, &key, params, &vec![0; len], &[3]);
            assert_eq!(parts, Err(Error::CiphertextLen), "{len} bytes");
        }
    }
    assert_eq!(decrypt(&cipher::AES_CBC_PAD, &key, &iv, b""), Err(Error::CiphertextLen));
    assert_eq!(in_parts(&cipher::AES_CBC_PAD, Direction::Decrypt, &key, &iv, b"", &[]), Err(Error::CiphertextLen));
}

#[test]
fn key_wrap_refuses_what_rfc_3394_and_5649_do_not_wrap() {
    let key = secret_key(&[3; 16]);
    for len in [0, 1, 7, 8, 9, 15, 17, 23] {
        assert_eq!(wrap::AES_KW.wrapped_len(&key, &Params::None, len), Err(Error::DataLen), "{len} bytes");
    }
    assert_eq!(wrap::AES_KWP.wrapped_len(&key, &Params::None, 0), Err(Error::DataLen));
    assert_eq!(wrap::AES_KWP.wrapped_len(&key, &Params::None, 1 << 33), Err(Error::DataLen));
    assert_eq!(wrap::AES_KW.wrapped_len(&key, &Params::None, usize::MAX - 7), Err(Error::DataLen));
    for len in [0, 1, 7, 8, 15, 16, 17, 25] {
        let refused = unwrap(&wrap::AES_KW, &key, &Params::None, &vec![0; len]);
        assert_eq!(refused, Err(Error::CiphertextLen), "{len} bytes");
    }
    for (algorithm, wrapped_len) in [(&wrap::AES_KW, 24), (&wrap::AES_KWP, 16), (&wrap::AES_KWP, 24)] {
        let refused = unwrap(algorithm, &key, &Params::None, &vec![0; wrapped_len]);
        assert_eq!(refused, Err(Error::CiphertextInvalid));
    }
}

#[test]
fn every_flipped_bit_of_a_blob_is_noticed() {
    let key = secret_key(&random(32));
    for (algorithm, params) in
        [(&wrap::AES_KW, Params::None), (&wrap::AES_KWP, Params::None), (&wrap::AES_KW, Params::KeyWrapIv(vec![5; 8]))]
    {
        let blob = crate::support::wrap(algorithm, &key, &params, &[9; 24]).unwrap();
        for bit in 0..blob.len() * 8 {
            let mut bad = blob.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap(algorithm, &key, &params, &bad), Err(Error::CiphertextInvalid), "bit {bit}");
        }
    }
}

#[test]
fn every_wrap_refuses_content_with_one_error() {
    let (private, public) = rsa_pair();
    let aes = secret_key(&random(32));
    let rows: [(&dyn claviger_crypto::Wrap, &Key, &Key, Params); 4] = [
        (&wrap::AES_CBC_PAD, &aes, &aes, Params::Iv([0; 16])),
        (&wrap::AES_GCM, &aes, &aes, gcm(12, 128)),
        (&wrap::RSA_PKCS, &public, &private, Params::None),
        (&wrap::RSA_OAEP, &public, &private, oaep()),
    ];
    for (row, (algorithm, wrapping, unwrapping, params)) in rows.into_iter().enumerate() {
        let blob = crate::support::wrap(algorithm, wrapping, &params, &[9; 32]).unwrap();
        assert_eq!(unwrap(algorithm, unwrapping, &params, &blob).unwrap(), [9; 32], "row {row}");
        let mut bad = blob.clone();
        // The last byte of the next to last block: in CBC it spoils the padding for certain.
        let index = bad.len().saturating_sub(17);
        bad[index] ^= 0x80;
        assert_eq!(unwrap(algorithm, unwrapping, &params, &bad), Err(Error::CiphertextInvalid), "row {row}");
        assert_eq!(unwrap(algorithm, unwrapping, &params, &blob[..1]), Err(Error::CiphertextLen), "row {row}");
    }
}

#[test]
fn ecb_and_cbc_wrap_fill_with_zeros() {
    let key = secret_key(&random(16));
    for (algorithm, params) in [(&wrap::AES_ECB, Params::None), (&wrap::AES_CBC, Params::Iv([0; 16]))] {
        for (len, filled) in [(1, 16), (16, 16), (24, 32)] {
            let blob = crate::support::wrap(algorithm, &key, &params, &vec![9; len]).unwrap();
            let mut expected = vec![9; len];
            expected.resize(filled, 0);
            assert_eq!(unwrap(algorithm, &key, &params, &blob).unwrap(), expected);
        }
    }
}

#[test]
fn a_signature_of_another_length_is_another_error() {
    let (rsa_private, rsa_public) = rsa_pair();
    let (ec_private, ec_public) = ec_pair(Curve::P384);
    let secret = secret_key(&random(16));
    let rows: [(&dyn Sign, &Key, &Key, Params); 5] = [
        (&sign::SHA256_RSA_PKCS, &rsa_private, &rsa_public, Params::None),
        (&sign::SHA256_RSA_PKCS_PSS, &rsa_private, &rsa_public, pss(Hash::Sha256, Hash::Sha256, 32)),
        (&sign::ECDSA_SHA256, &ec_private, &ec_public, Params::None),
        (&mac::HMAC_SHA256, &secret, &secret, Params::None),
        (&mac::AES_CMAC, &secret, &secret, Params::None),
    ];
    for (row, (algorithm, signing, verifying, params)) in rows.into_iter().enumerate() {
        let signature = sign(algorithm, signing, &params, b"message").unwrap();
        assert_eq!(algorithm.verify(verifying, &params, b"message", &signature), Ok(()), "row {row}");
        assert_eq!(algorithm.verify(verifying, &params, b"massage", &signature), Err(Error::SignatureInvalid));
        let mut bad = signature.clone();
        bad[3] ^= 1;
        assert_eq!(algorithm.verify(verifying, &params, b"message", &bad), Err(Error::SignatureInvalid), "row {row}");
        let longer = [signature.as_slice(), &[0]].concat();
        for wrong in [&signature[1..], &longer, &[]] {
            assert_eq!(algorithm.verify(verifying, &params, b"message", wrong), Err(Error::SignatureLen), "row {row}");
        }
    }
}

#[test]
fn a_public_key_does_not_sign_and_a_private_key_does_not_verify() {
    let (rsa_private, rsa_public) = rsa_pair();
    let (ec_private, ec_public) = ec_pair(Curve::P256);
    let pss_params = pss(Hash::Sha256, Hash::Sha256, 32);
    let rows: [(&dyn Sign, &Key, &Key, &Params, usize); 5] = [
        (&sign::SHA1_RSA_PKCS, &rsa_private, &rsa_public, &Params::None, 256),
        (&sign::SHA256_RSA_PKCS, &rsa_private, &rsa_public, &Params::None, 256),
        (&sign::RSA_PKCS, &rsa_private, &rsa_public, &Params::None, 256),
        (&sign::SHA256_RSA_PKCS_PSS, &rsa_private, &rsa_public, &pss_params, 256),
        (&sign::ECDSA, &ec_private, &ec_public, &Params::None, 64),
    ];
    for (algorithm, private, public, params, len) in rows {
        assert_eq!(sign(algorithm, public, params, &[1; 32]), Err(Error::KeyType));
        assert_eq!(algorithm.verify(private, params, &[1; 32], &vec![0; len]), Err(Error::KeyType));
    }
}

#[test]
fn digests_of_a_wrong_length_are_refused() {
    let (private, _) = rsa_pair();
    let (ec_private, _) = ec_pair(Curve::P256);
    for len in [0, 20, 31, 33] {
        let params = pss(Hash::Sha256, Hash::Sha256, 32);
        assert_eq!(sign(&sign::RSA_PKCS_PSS, &private, &params, &vec![0; len]), Err(Error::DataLen));
    }
    for len in [246, 256, 5000] {
        assert_eq!(sign(&sign::RSA_PKCS, &private, &Params::None, &vec![0; len]), Err(Error::DataLen));
    }
    assert_eq!(sign(&sign::ECDSA, &ec_private, &Params::None, b""), Err(Error::DataLen));
}

#[test]
fn pss_refuses_two_hashes_and_the_hash_of_another_mechanism() {
    let (private, _) = rsa_pair();
    let two = pss(Hash::Sha256, Hash::Sha1, 32);
    assert_eq!(sign::RSA_PKCS_PSS.check(&private, &two), Err(Error::Params));
    let other = pss(Hash::Sha384, Hash::Sha384, 32);
    assert_eq!(sign::SHA256_RSA_PKCS_PSS.check(&private, &other), Err(Error::Params));
    assert_eq!(sign::RSA_PKCS_PSS.check(&private, &pss(Hash::Sha256, Hash::Sha256, usize::MAX)), Err(Error::Params));
}

#[test]
fn rsa_refuses_plaintext_that_does_not_fit_and_ciphertext_of_another_length() {
    let (private, public) = rsa_pair();
    assert_eq!(encrypt(&cipher::RSA_PKCS, &public, &Params::None, &[0; 246]), Err(Error::DataLen));
    assert_eq!(encrypt(&cipher::RSA_OAEP, &public, &oaep(), &[0; 191]), Err(Error::DataLen));
    for len in [0, 255, 257] {
        assert_eq!(decrypt(&cipher::RSA_PKCS, &private, &Params::None, &vec![1; len]), Err(Error::CiphertextLen));
        assert_eq!(decrypt(&cipher::RSA_OAEP, &private, &oaep(), &vec![1; len]), Err(Error::CiphertextLen));
    }
    assert_eq!(decrypt(&cipher::RSA_PKCS, &private, &Params::None, &[0xff; 256]), Err(Error::CiphertextInvalid));
    for fill in [0, 0xff] {
        assert_eq!(unwrap(&wrap::RSA_PKCS, &private, &Params::None, &[fill; 256]), Err(Error::CiphertextInvalid));
        assert_eq!(decrypt(&cipher::RSA_OAEP, &private, &oaep(), &[fill; 256]), Err(Error::CiphertextInvalid));
    }
}

#[test]
fn hkdf_refuses_lengths_that_the_rfc_does_not_give() {
    let key = secret_key(&[1; 32]);
    let derive = |params: &Params, len| kdf::HKDF.derive(&key, params, len).map(|secret| secret.len());
    assert_eq!(derive(&hkdf(false, false), 32), Err(Error::Params));
    assert_eq!(derive(&Params::None, 32), Err(Error::Params));
    assert_eq!(derive(&hkdf(true, false), 16), Err(Error::KeySize));
    assert_eq!(derive(&hkdf(true, false), 33), Err(Error::KeySize));
    for params in [hkdf(true, true), hkdf(false, true)] {
        assert_eq!(derive(&params, 0), Err(Error::KeySize));
        assert_eq!(derive(&params, 255 * 32), Ok(255 * 32));
        assert_eq!(derive(&params, 255 * 32 + 1), Err(Error::KeySize));
        assert_eq!(derive(&params, usize::MAX), Err(Error::KeySize));
    }
    let short = kdf::HKDF.derive(&secret_key(&[1; 31]), &hkdf(false, true), 32);
    assert_eq!(short.err(), Some(Error::KeySize), "a pseudorandom key is as long as the hash");
    let (private, _) = ec_pair(Curve::P256);
    assert_eq!(kdf::HKDF.derive(&private, &hkdf(true, true), 32).err(), Some(Error::KeyType));
}

#[test]
fn a_derivation_takes_its_own_kind_of_key_and_parameters_alone() {
    let world = world();
    let rows: [(&dyn Derive, KeyKind, usize); 7] = [
        (&kdf::HKDF, KeyKind::Secret, 7),
        (&kdf::BASE_AND_DATA, KeyKind::Secret, 8),
        (&kdf::DATA_AND_BASE, KeyKind::Secret, 8),
        (&kdf::XOR, KeyKind::Secret, 8),
        (&kdf::AES_ECB_DATA, KeyKind::Secret, 8),
        (&kdf::AES_CBC_DATA, KeyKind::Secret, 9),
        (&kdf::EXTRACT, KeyKind::Secret, 10),
    ];
    for (index, (algorithm, kind, own)) in rows.into_iter().enumerate() {
        for key in &world.keys {
            let got = derive(algorithm, key, &world.params[own], 16).err();
            assert_eq!(got, (key.kind() != kind).then_some(Error::KeyType), "row {index}, {:?}", key.kind());
        }
        for (number, params) in world.params.iter().enumerate().filter(|(number, _)| *number != own) {
            assert_eq!(derive(algorithm, &world.keys[0], params, 16), Err(Error::Params), "row {index}, {number}");
        }
    }
}

#[test]
fn ecdh_takes_a_private_key_on_a_curve_and_its_own_parameters_alone() {
    let world = world();
    for key in &world.keys {
        let own = ecdh(None, &[], ec_pair(Curve::P256).1.point().unwrap());
        let got = derive(&kdf::ECDH, key, &own, 32).err();
        assert_eq!(got, (key.kind() != KeyKind::EcPrivate).then_some(Error::KeyType), "{:?}", key.kind());
        for params in &world.params {
            assert_eq!(derive(&kdf::ECDH, key, params, 32), Err(Error::Params));
        }
    }
}

#[test]
fn ecdh_refuses_every_point_that_is_none_of_the_curve() {
    for curve in Curve::ALL {
        let (private, _) = ec_pair(curve);
        let point = ec_pair(curve).1.point().unwrap().to_vec();
        let (len, last) = (curve.field_len(), 2 * curve.field_len());
        let changed = |index: usize, byte: u8| {
            let mut changed = point.clone();
            changed[index] = byte;
            changed
        };
        let other = ec_pair(if curve == Curve::P256 { Curve::P384 } else { Curve::P256 }).1;
        let compact = [&[5], &point[1..=len]].concat();
        let mut bad = vec![
            Vec::new(),
            vec![0],
            vec![0; 1 + last],
            vec![0; last],
            changed(last, point[last] ^ 1),
            changed(0, 6 + (point[last] & 1)),
            changed(0, 0),
            changed(0, 2),
            [&[4][..], &vec![0xff; last]].concat(),
            [&[2][..], &vec![0xff; len]].concat(),
            [point.as_slice(), &[0]].concat(),
            [&[0], point.as_slice()].concat(),
            point[..last].to_vec(),
            point[1..].to_vec(),
            compact.clone(),
            other.point().unwrap().to_vec(),
            compressed(other.point().unwrap()),
            random(1 + last),
            random(200),
        ];
        let wrapped: Vec<_> = bad.iter().map(|bad| ec_point(bad).unwrap()).collect();
        bad.extend(wrapped);
        bad.push([ec_point(&point).unwrap().as_slice(), &[0]].concat());
        for kdf in [None, Some(Hash::Sha256)] {
            for bad in &bad {
                assert_eq!(derive(&kdf::ECDH, &private, &ecdh(kdf, &[], bad), 16), Err(Error::Params), "{bad:02x?}");
            }
        }
    }
}

#[test]
fn ecdh_gives_no_more_than_there_is_and_no_empty_key() {
    let (private, public) = ec_pair(Curve::P256);
    let point = public.point().unwrap();
    for len in [0, 33, usize::MAX] {
        assert_eq!(derive(&kdf::ECDH, &private, &ecdh(None, &[], point), len), Err(Error::KeySize));
    }
    for len in [0, usize::MAX] {
        assert_eq!(derive(&kdf::ECDH, &private, &ecdh(Some(Hash::Sha1), &[], point), len), Err(Error::KeySize));
    }
    assert_eq!(derive(&kdf::ECDH, &private, &ecdh(None, b"info", point), 32), Err(Error::Params), "info without KDF");
}

#[test]
fn simple_derivations_give_no_more_than_there_is_and_no_empty_key() {
    let base = secret_key(&[7; 8]);
    let rows: [(&dyn Derive, Params, usize); 4] = [
        (&kdf::BASE_AND_DATA, data(&[1; 3]), 11),
        (&kdf::DATA_AND_BASE, data(&[]), 8),
        (&kdf::XOR, data(&[1; 3]), 3),
        (&kdf::EXTRACT, Params::FirstBit(63), 8),
    ];
    for (algorithm, params, most) in rows {
        assert!(derive(algorithm, &base, &params, most).is_ok());
        for len in [0, most + 1, usize::MAX] {
            assert_eq!(derive(algorithm, &base, &params, len), Err(Error::KeySize), "{len}");
        }
    }
    for beyond in [64, 65, u64::MAX] {
        assert_eq!(derive(&kdf::EXTRACT, &base, &Params::FirstBit(beyond), 1), Err(Error::Params));
    }
    let empty = secret_key(&[]);
    assert_eq!(derive(&kdf::EXTRACT, &empty, &Params::FirstBit(0), 1), Err(Error::Params));
}

#[test]
fn encrypted_data_is_whole_blocks_and_long_enough() {
    let base = secret_key(&[7; 16]);
    let cbc = |len| Params::CbcData(CbcDataParams { iv: [0; 16], data: vec![1; len] });
    for len in [1, 15, 17] {
        assert_eq!(derive(&kdf::AES_ECB_DATA, &base, &data(&vec![1; len]), 1), Err(Error::Params));
        assert_eq!(derive(&kdf::AES_CBC_DATA, &base, &cbc(len), 1), Err(Error::Params));
    }
    for (data_len, len) in [(0, 1), (0, 0), (16, 0), (16, 17), (32, usize::MAX)] {
        assert_eq!(derive(&kdf::AES_ECB_DATA, &base, &data(&vec![1; data_len]), len), Err(Error::DataLen));
        assert_eq!(derive(&kdf::AES_CBC_DATA, &base, &cbc(data_len), len), Err(Error::DataLen));
    }
    let no_aes = secret_key(&[7; 20]);
    assert_eq!(derive(&kdf::AES_ECB_DATA, &no_aes, &data(&[1; 16]), 16), Err(Error::KeySize));
}

#[test]
fn a_sealed_record_opens_unchanged_alone() {
    use claviger_crypto::Secret;
    let key = seal::SealKey::new(&Secret::new(random(32))).unwrap();
    let sealed = key.seal(&mut SystemRandom::new(), b"place", b"record").unwrap();
    assert_eq!(sealed.len(), 6 + seal::OVERHEAD);
    assert_eq!(key.open(b"place", &sealed).unwrap().expose(), b"record");
    assert_eq!(key.open(b"other place", &sealed).err(), Some(Error::CiphertextInvalid));
    for bit in 0..sealed.len() * 8 {
        let mut bad = sealed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(b"place", &bad).err(), Some(Error::CiphertextInvalid), "bit {bit}");
    }
    for len in 0..seal::OVERHEAD {
        assert_eq!(key.open(b"place", &sealed[..len]).err(), Some(Error::CiphertextLen), "{len} bytes");
    }
    let other = seal::SealKey::new(&Secret::new(random(32))).unwrap();
    assert_eq!(other.open(b"place", &sealed).err(), Some(Error::CiphertextInvalid));
    for len in [0, 16, 31, 33] {
        assert_eq!(seal::SealKey::new(&Secret::zeroed(len)).err(), Some(Error::KeySize));
    }
    assert_ne!(sealed, key.seal(&mut SystemRandom::new(), b"place", b"record").unwrap(), "a fresh nonce each time");
}
