//! Random inputs, this crate against a second implementation, in both directions.

use std::sync::Arc;

use aes_gcm::aead::array::typenum::{U1, U8, U12, U13, U16, U32};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::{Aes128, Aes192, Aes256};
use aes_gcm::{AesGcm, Nonce};
use claviger_crypto::{
    Cipher as _, Curve, Derive as _, Direction, GcmParams, Hash, HkdfParams, Key, OaepParams, Params, PssParams,
    Secret, Sign, SystemRandom, cipher, kdf, mac, sign, wrap,
};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::{Pkcs1v15Encrypt, Pkcs1v15Sign};

use crate::support::{
    decrypt, derive, digest, ec_pair, ecdh, encrypt, in_parts, random, rsa_pair, secret_key, sign, unwrap, wrap,
};

/// What `aes-gcm` makes: ciphertext and tag.
fn other_gcm<C: AeadInOut + KeyInit>(key: &[u8], iv: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = C::new_from_slice(key).unwrap();
    let mut data = plaintext.to_vec();
    cipher.encrypt_in_place(Nonce::<C::NonceSize>::try_from(iv).as_ref().unwrap(), aad, &mut data).unwrap();
    data
}

#[test]
fn aes_gcm_agrees_with_aes_gcm_of_rustcrypto() {
    type Other = fn(&[u8], &[u8], &[u8], &[u8]) -> Vec<u8>;
    let rows: &[(usize, usize, u32, Other)] = &[
        (16, 12, 128, other_gcm::<AesGcm<Aes128, U12>>),
        (24, 12, 128, other_gcm::<AesGcm<Aes192, U12>>),
        (32, 12, 128, other_gcm::<AesGcm<Aes256, U12>>),
        (16, 12, 96, other_gcm::<AesGcm<Aes128, U12, U12>>),
        (24, 12, 104, other_gcm::<AesGcm<Aes192, U12, U13>>),
        (32, 1, 128, other_gcm::<AesGcm<Aes256, U1>>),
        (16, 8, 128, other_gcm::<AesGcm<Aes128, U8>>),
        (24, 16, 128, other_gcm::<AesGcm<Aes192, U16>>),
        (32, 32, 96, other_gcm::<AesGcm<Aes256, U32, U12>>),
    ];
    for &(key_len, iv_len, tag_bits, other) in rows {
        for len in [0, 1, 15, 16, 17, 100, 4096] {
            let (key, iv, aad, plaintext) = (random(key_len), random(iv_len), random(len % 40), random(len));
            let params = Params::Gcm(GcmParams { iv: iv.clone(), aad: aad.clone(), tag_bits });
            let expected = other(&key, &iv, &aad, &plaintext);
            let key = secret_key(&key);
            let row = format!("key {key_len}, IV {iv_len}, tag {tag_bits}, {len} bytes");
            assert_eq!(encrypt(&cipher::AES_GCM, &key, &params, &plaintext).unwrap(), expected, "{row}");
            assert_eq!(decrypt(&cipher::AES_GCM, &key, &params, &expected).unwrap(), plaintext, "{row}");
        }
    }
}

#[test]
fn every_tag_length_is_the_front_of_the_whole_tag_and_every_bit_counts() {
    for iv_len in [12, 20] {
        let key = secret_key(&random(32));
        let (iv, plaintext) = (random(iv_len), random(33));
        let gcm = |tag_bits| Params::Gcm(GcmParams { iv: iv.clone(), aad: b"aad".to_vec(), tag_bits });
        let whole = encrypt(&cipher::AES_GCM, &key, &gcm(128), &plaintext).unwrap();
        for tag_bits in (8..=128).step_by(8) {
            let short = encrypt(&cipher::AES_GCM, &key, &gcm(tag_bits), &plaintext).unwrap();
            assert_eq!(short, whole[..33 + tag_bits as usize / 8]);
            assert_eq!(decrypt(&cipher::AES_GCM, &key, &gcm(tag_bits), &short).unwrap(), plaintext);
            for byte in 0..short.len() {
                let mut bad = short.clone();
                bad[byte] ^= 0x10;
                let mut out = [0xaa; 33];
                let refused = cipher::AES_GCM.decrypt(&key, &gcm(tag_bits), &bad, &mut out);
                assert_eq!(refused, Err(claviger_crypto::Error::CiphertextInvalid));
                assert_ne!(out[..], plaintext, "no plaintext before its tag has been checked");
            }
        }
    }
}

/// The initial values that `aes-kw` has built in, given as the caller's, take the other way.
#[test]
fn key_wrap_with_a_given_iv_agrees_with_aes_kw() {
    for key_len in [16, 24, 32] {
        let key = secret_key(&random(key_len));
        for len in (1..=64).chain([1216, 4096]) {
            let payload = random(len);
            let kwp = Params::KeyWrapIv(vec![0xa6, 0x59, 0x59, 0xa6]);
            let wrapped = wrap(&wrap::AES_KWP, &key, &Params::None, &payload).unwrap();
            assert_eq!(wrap(&wrap::AES_KWP, &key, &kwp, &payload).unwrap(), wrapped, "{len} bytes");
            assert_eq!(unwrap(&wrap::AES_KWP, &key, &kwp, &wrapped).unwrap(), payload, "{len} bytes");
            if len >= 16 && len % 8 == 0 {
                let kw = Params::KeyWrapIv(vec![0xa6; 8]);
                let wrapped = wrap(&wrap::AES_KW, &key, &Params::None, &payload).unwrap();
                assert_eq!(wrap(&wrap::AES_KW, &key, &kw, &payload).unwrap(), wrapped, "{len} bytes");
                assert_eq!(unwrap(&wrap::AES_KW, &key, &kw, &wrapped).unwrap(), payload, "{len} bytes");
            }
        }
    }
}

#[test]
fn another_iv_makes_another_blob_that_opens_with_it_alone() {
    let key = secret_key(&random(32));
    let payload = random(40);
    for (algorithm, iv_len) in [(&wrap::AES_KW, 8), (&wrap::AES_KWP, 4)] {
        let params = Params::KeyWrapIv(random(iv_len));
        let wrapped = wrap(algorithm, &key, &params, &payload).unwrap();
        assert_ne!(wrapped, wrap(algorithm, &key, &Params::None, &payload).unwrap());
        assert_eq!(unwrap(algorithm, &key, &params, &wrapped).unwrap(), payload);
        for wrong in [Params::None, Params::KeyWrapIv(random(iv_len))] {
            let refused = unwrap(algorithm, &key, &wrong, &wrapped);
            assert_eq!(refused, Err(claviger_crypto::Error::CiphertextInvalid));
        }
    }
}

/// `rsa`'s view of a key pair, through the encodings of this crate.
fn other_rsa(private: &Key) -> (rsa::PrivateKey, rsa::PublicKey) {
    let info = claviger_crypto::encoding::private_key_info(private).unwrap();
    let public_info = claviger_crypto::encoding::public_key_info(private).unwrap();
    let key = rsa::PrivateKey::from_pkcs8_der(info.expose()).unwrap();
    let public = rsa::PublicKey::from_public_key_der(&public_info).unwrap();
    assert_eq!(&public, key.as_public_key());
    (key, public)
}

fn pkcs1_padding(hash: Hash) -> Pkcs1v15Sign {
    match hash {
        Hash::Sha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
        Hash::Sha224 => Pkcs1v15Sign::new::<sha2::Sha224>(),
        Hash::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<sha2::Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
    }
}

#[test]
fn rsa_pkcs1_signatures_agree_with_rsa() {
    let (private, public) = rsa_pair();
    let (other, other_public) = other_rsa(&private);
    let rows: [(Hash, &dyn Sign); 5] = [
        (Hash::Sha1, &sign::SHA1_RSA_PKCS),
        (Hash::Sha224, &sign::SHA224_RSA_PKCS),
        (Hash::Sha256, &sign::SHA256_RSA_PKCS),
        (Hash::Sha384, &sign::SHA384_RSA_PKCS),
        (Hash::Sha512, &sign::SHA512_RSA_PKCS),
    ];
    for (hash, algorithm) in rows {
        let message = random(77);
        let signature = sign(algorithm, &private, &Params::None, &message).unwrap();
        let hashed = digest(hash, &message);
        other_public.verify(pkcs1_padding(hash), &hashed, &signature).unwrap();
        let theirs = other.sign_with_rng(&mut SystemRandom::new(), pkcs1_padding(hash), &hashed).unwrap();
        assert_eq!(theirs, signature, "{hash:?}: PKCS #1 v1.5 is deterministic");
        assert_eq!(algorithm.verify(&public, &Params::None, &message, &theirs), Ok(()));
        let info = [pkcs1_padding(hash).prefix.as_ref(), &hashed].concat();
        assert_eq!(sign(&sign::RSA_PKCS, &private, &Params::None, &info).unwrap(), signature, "{hash:?} as DigestInfo");
        assert_eq!(sign::RSA_PKCS.verify(&public, &Params::None, &info, &signature), Ok(()));
    }
}

#[test]
fn raw_rsa_pkcs1_signs_any_bytes_that_fit() {
    let (private, public) = rsa_pair();
    let (_, other_public) = other_rsa(&private);
    for len in [0, 1, 19, 20, 36, 51, 244, 245] {
        let bytes = random(len);
        let signature = sign(&sign::RSA_PKCS, &private, &Params::None, &bytes).unwrap();
        other_public.verify(Pkcs1v15Sign::new_unprefixed(), &bytes, &signature).unwrap();
        assert_eq!(sign::RSA_PKCS.verify(&public, &Params::None, &bytes, &signature), Ok(()), "{len} bytes");
    }
}

fn other_pss_verify(public: &rsa::PublicKey, hash: Hash, salt_len: usize, hashed: &[u8], signature: &[u8]) {
    match hash {
        Hash::Sha1 => public.verify(rsa::Pss::<sha1::Sha1>::new_with_salt(salt_len), hashed, signature),
        Hash::Sha224 => public.verify(rsa::Pss::<sha2::Sha224>::new_with_salt(salt_len), hashed, signature),
        Hash::Sha256 => public.verify(rsa::Pss::<sha2::Sha256>::new_with_salt(salt_len), hashed, signature),
        Hash::Sha384 => public.verify(rsa::Pss::<sha2::Sha384>::new_with_salt(salt_len), hashed, signature),
        Hash::Sha512 => public.verify(rsa::Pss::<sha2::Sha512>::new_with_salt(salt_len), hashed, signature),
    }
    .unwrap();
}

#[test]
fn pss_with_any_salt_agrees_with_rsa() {
    let (private, public) = rsa_pair();
    let (_, other_public) = other_rsa(&private);
    let rows: [(Hash, &dyn Sign); 5] = [
        (Hash::Sha1, &sign::SHA1_RSA_PKCS_PSS),
        (Hash::Sha224, &sign::SHA224_RSA_PKCS_PSS),
        (Hash::Sha256, &sign::SHA256_RSA_PKCS_PSS),
        (Hash::Sha384, &sign::SHA384_RSA_PKCS_PSS),
        (Hash::Sha512, &sign::SHA512_RSA_PKCS_PSS),
    ];
    for (hash, algorithm) in rows {
        let most = 256 - hash.digest_len() - 2;
        for salt_len in [0, 1, hash.digest_len(), most] {
            let params = Params::Pss(PssParams { hash, mgf: hash, salt_len });
            let message = random(50);
            let hashed = digest(hash, &message);
            let signature = sign(algorithm, &private, &params, &message).unwrap();
            other_pss_verify(&other_public, hash, salt_len, &hashed, &signature);
            assert_eq!(algorithm.verify(&public, &params, &message, &signature), Ok(()));
            let raw = sign(&sign::RSA_PKCS_PSS, &private, &params, &hashed).unwrap();
            assert_eq!(algorithm.verify(&public, &params, &message, &raw), Ok(()), "{hash:?}, salt {salt_len}");
            let shorter = Params::Pss(PssParams { hash, mgf: hash, salt_len: if salt_len == 0 { 1 } else { 0 } });
            assert!(algorithm.verify(&public, &shorter, &message, &signature).is_err(), "the salt's length counts");
        }
        let params = Params::Pss(PssParams { hash, mgf: hash, salt_len: most + 1 });
        assert_eq!(algorithm.check(&private, &params), Err(claviger_crypto::Error::Params));
    }
}

#[test]
fn rsa_encryption_agrees_with_rsa() {
    let (private, public) = rsa_pair();
    let (other, other_public) = other_rsa(&private);
    for len in [0, 1, 32, 245] {
        let plaintext = random(len);
        let ours = encrypt(&cipher::RSA_PKCS, &public, &Params::None, &plaintext).unwrap();
        assert_eq!(other.decrypt_blinded(&mut SystemRandom::new(), Pkcs1v15Encrypt, &ours).unwrap(), plaintext);
        let theirs = other_public.encrypt(&mut SystemRandom::new(), Pkcs1v15Encrypt, &plaintext).unwrap();
        assert_eq!(decrypt(&cipher::RSA_PKCS, &private, &Params::None, &theirs).unwrap(), plaintext);
    }
    type Oaep = rsa::Oaep<sha2::Sha256, sha2::Sha256>;
    let params = Params::Oaep(OaepParams { hash: Hash::Sha256, mgf: Hash::Sha256, label: b"label".to_vec() });
    let plaintext = random(100);
    let ours = encrypt(&cipher::RSA_OAEP, &public, &params, &plaintext).unwrap();
    let padding = Oaep::new_with_mgf_hash_and_label(b"label".as_slice());
    assert_eq!(other.decrypt_blinded(&mut SystemRandom::new(), padding, &ours).unwrap(), plaintext);
}

/// `rsa` follows the same draft, so a wrong padding must yield the very same message.
#[test]
fn implicit_rejection_agrees_with_rsa() {
    let (private, _) = rsa_pair();
    let (other, _) = other_rsa(&private);
    let mut lens = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let mut ciphertext = random(256);
        ciphertext[0] = 0;
        let ours = decrypt(&cipher::RSA_PKCS, &private, &Params::None, &ciphertext).unwrap();
        assert_eq!(ours, other.decrypt_blinded(&mut SystemRandom::new(), Pkcs1v15Encrypt, &ciphertext).unwrap());
        lens.insert(ours.len());
        let unwrapped = unwrap(&wrap::RSA_PKCS, &private, &Params::None, &ciphertext);
        assert_eq!(unwrapped, Err(claviger_crypto::Error::CiphertextInvalid));
    }
    assert!(lens.len() > 10, "the lengths vary too");
}

#[test]
fn oaep_opens_under_its_own_hashes_and_label_alone() {
    let (private, public) = rsa_pair();
    for hash in Hash::ALL {
        for mgf in Hash::ALL {
            let params = |mgf, label: &[u8]| Params::Oaep(OaepParams { hash, mgf, label: label.to_vec() });
            let plaintext = random(256 - 2 * hash.digest_len() - 2);
            let sealed = encrypt(&cipher::RSA_OAEP, &public, &params(mgf, b"l"), &plaintext).unwrap();
            assert_eq!(decrypt(&cipher::RSA_OAEP, &private, &params(mgf, b"l"), &sealed).unwrap(), plaintext);
            let other_mgf = if mgf == Hash::Sha1 { Hash::Sha256 } else { Hash::Sha1 };
            for wrong in [params(mgf, b""), params(other_mgf, b"l")] {
                let refused = decrypt(&cipher::RSA_OAEP, &private, &wrong, &sealed);
                assert_eq!(refused, Err(claviger_crypto::Error::CiphertextInvalid), "{hash:?} {mgf:?}");
            }
        }
    }
}

fn other_ecdsa_verify(key: &Key, hashed: &[u8], signature: &[u8]) {
    match key.curve().unwrap() {
        Curve::P256 => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.point().unwrap()).unwrap();
            key.verify_prehash(hashed, &p256::ecdsa::Signature::from_slice(signature).unwrap()).unwrap();
        }
        Curve::P384 => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key.point().unwrap()).unwrap();
            key.verify_prehash(hashed, &p384::ecdsa::Signature::from_slice(signature).unwrap()).unwrap();
        }
    }
}

#[test]
fn ecdsa_over_any_digest_agrees_with_p256_and_p384() {
    for curve in Curve::ALL {
        let (private, public) = ec_pair(curve);
        for len in [1, 16, 20, 28, 31, 32, 33, 47, 48, 49, 64, 200] {
            let hashed = random(len);
            let signature = sign(&sign::ECDSA, &private, &Params::None, &hashed).unwrap();
            assert_eq!(sign::ECDSA.verify(&public, &Params::None, &hashed, &signature), Ok(()), "{len} bytes");
            let mut whole = vec![0; curve.field_len().saturating_sub(len)];
            whole.extend_from_slice(&hashed);
            other_ecdsa_verify(&public, &whole, &signature);
        }
        let rows: [(Hash, &dyn Sign); 5] = [
            (Hash::Sha1, &sign::ECDSA_SHA1),
            (Hash::Sha224, &sign::ECDSA_SHA224),
            (Hash::Sha256, &sign::ECDSA_SHA256),
            (Hash::Sha384, &sign::ECDSA_SHA384),
            (Hash::Sha512, &sign::ECDSA_SHA512),
        ];
        for (hash, algorithm) in rows {
            let message = random(99);
            let signature = sign(algorithm, &private, &Params::None, &message).unwrap();
            let mut whole = vec![0; curve.field_len().saturating_sub(hash.digest_len())];
            whole.extend_from_slice(&digest(hash, &message));
            other_ecdsa_verify(&public, &whole, &signature);
        }
    }
}

fn other_ecdh(private: &Key, public: &Key) -> Vec<u8> {
    let scalar = private.ec_parts().unwrap().scalar.expose();
    let point = public.point().unwrap();
    match private.curve().unwrap() {
        Curve::P256 => {
            let public = p256::PublicKey::from_sec1_bytes(point).unwrap();
            let scalar = p256::SecretKey::from_slice(scalar).unwrap().to_nonzero_scalar();
            p256::ecdh::diffie_hellman(scalar, public.as_affine()).raw_secret_bytes().to_vec()
        }
        Curve::P384 => {
            let public = p384::PublicKey::from_sec1_bytes(point).unwrap();
            let scalar = p384::SecretKey::from_slice(scalar).unwrap().to_nonzero_scalar();
            p384::ecdh::diffie_hellman(scalar, public.as_affine()).raw_secret_bytes().to_vec()
        }
    }
}

#[test]
fn ecdh_agrees_with_p256_and_p384_and_with_the_other_side() {
    for curve in Curve::ALL {
        for _ in 0..20 {
            let ((ours, our_point), (theirs, their_point)) = (ec_pair(curve), ec_pair(curve));
            let shared = other_ecdh(&ours, &their_point);
            let whole = |private, public: &Key| {
                derive(&kdf::ECDH, private, &ecdh(None, &[], public.point().unwrap()), curve.field_len()).unwrap()
            };
            assert_eq!(whole(&ours, &their_point), shared);
            assert_eq!(whole(&theirs, &our_point), shared);
            let cut = ecdh(None, &[], their_point.point().unwrap());
            assert_eq!(derive(&kdf::ECDH, &ours, &cut, 16).unwrap(), shared[curve.field_len() - 16..]);
        }
    }
}

/// SEC 1 section 3.6.1 written out over the other implementations of curve and hash.
#[test]
fn the_key_derivation_function_of_x9_63_is_its_letter() {
    fn by_the_letter<D: sha2::Digest>(shared: &[u8], info: &[u8], blocks: u32) -> Vec<u8> {
        (1..=blocks).flat_map(|counter| D::digest([shared, &counter.to_be_bytes(), info].concat()).to_vec()).collect()
    }
    let (private, public) = (ec_pair(Curve::P384).0, ec_pair(Curve::P384).1);
    let shared = other_ecdh(&private, &public);
    for info in [Vec::new(), random(77)] {
        let rows = [
            (Hash::Sha1, by_the_letter::<sha1::Sha1>(&shared, &info, 26)),
            (Hash::Sha224, by_the_letter::<sha2::Sha224>(&shared, &info, 19)),
            (Hash::Sha256, by_the_letter::<sha2::Sha256>(&shared, &info, 16)),
            (Hash::Sha384, by_the_letter::<sha2::Sha384>(&shared, &info, 11)),
            (Hash::Sha512, by_the_letter::<sha2::Sha512>(&shared, &info, 8)),
        ];
        for (hash, expected) in rows {
            let params = ecdh(Some(hash), &info, public.point().unwrap());
            assert_eq!(kdf::ECDH.natural_len(&private, &params), None);
            for len in [1, 16, 20, 21, 32, 33, 64, 65, 512] {
                assert_eq!(derive(&kdf::ECDH, &private, &params, len).unwrap(), expected[..len], "{hash:?} {len}");
            }
        }
    }
}

/// RFC 5869 section 2 written out over this crate's own HMAC, another crate's than HKDF's.
#[test]
fn hkdf_is_hmac_by_the_letter_of_the_rfc() {
    let rows: [(Hash, &dyn Sign); 5] = [
        (Hash::Sha1, &mac::HMAC_SHA_1),
        (Hash::Sha224, &mac::HMAC_SHA224),
        (Hash::Sha256, &mac::HMAC_SHA256),
        (Hash::Sha384, &mac::HMAC_SHA384),
        (Hash::Sha512, &mac::HMAC_SHA512),
    ];
    for (hash, hmac) in rows {
        let (salt, input, info) = (random(13), random(40), random(7));
        let prk = sign(hmac, &secret_key(&salt), &Params::None, &input).unwrap();
        let mut okm = Vec::new();
        let mut previous = Vec::new();
        for counter in 1..=3 {
            previous.extend_from_slice(&info);
            previous.push(counter);
            previous = sign(hmac, &secret_key(&prk), &Params::None, &previous).unwrap();
            okm.extend_from_slice(&previous);
        }
        let salt = Some(Secret::copy_of(&salt));
        let params = Params::Hkdf(HkdfParams { extract: true, expand: true, hash, salt, info });
        let derived = kdf::HKDF.derive(&secret_key(&input), &params, okm.len() - 1).unwrap();
        assert_eq!(derived.expose(), &okm[..okm.len() - 1], "{hash:?}");
    }
}

/// No salt and no bytes of salt are both a string of zeros (RFC 5869 section 2.2).
#[test]
fn hkdf_without_salt_is_a_salt_of_zeros() {
    let base = secret_key(&random(32));
    let derive = |salt: Option<&[u8]>| {
        let salt = salt.map(Secret::copy_of);
        let params = HkdfParams { extract: true, expand: false, hash: Hash::Sha256, salt, info: Vec::new() };
        kdf::HKDF.derive(&base, &Params::Hkdf(params), 0).unwrap().expose().to_vec()
    };
    assert_eq!(derive(None), derive(Some(&[])));
    assert_eq!(derive(None), derive(Some(&[0; 32])));
}

/// The prepared forms are built once, under whichever thread comes first.
#[test]
fn threads_share_a_key() {
    let (private, public) = rsa_pair();
    let aes = secret_key(&random(32));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (private, public, aes) = (Arc::clone(&private), Arc::clone(&public), Arc::clone(&aes));
            scope.spawn(move || {
                let signature = sign(&sign::SHA256_RSA_PKCS, &private, &Params::None, b"message").unwrap();
                assert_eq!(sign::SHA256_RSA_PKCS.verify(&public, &Params::None, b"message", &signature), Ok(()));
                let params = Params::Iv([7; 16]);
                let sealed =
                    in_parts(&cipher::AES_CBC_PAD, Direction::Encrypt, &aes, &params, b"message", &[]).unwrap();
                assert_eq!(decrypt(&cipher::AES_CBC_PAD, &aes, &params, &sealed).unwrap(), b"message");
            });
        }
    });
}
