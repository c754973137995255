//! Any length of anything: never a panic, and streams equal one shot.

use std::sync::{Arc, LazyLock};

use claviger_crypto::encoding::{read_ec_params, read_ec_point, read_private_key_info, read_public_key_info};
use claviger_crypto::{
    CbcDataParams, Cipher, Curve, Derive, Digest, Direction, Error, GcmParams, Hash, HkdfParams, Key, OaepParams,
    Params, PssParams, RsaParts, Secret, Sign, SystemRandom, Wrap, cipher, digest, kdf, mac, sign, wrap,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{data, ec_pair, ecdh, encrypt, in_parts, rsa_pair, secret_key, sign};

type Pair = (Arc<Key>, Arc<Key>);

static RSA: LazyLock<Pair> = LazyLock::new(rsa_pair);
static EC: LazyLock<[Pair; 2]> = LazyLock::new(|| Curve::ALL.map(ec_pair));

static SIGNATURES: &[&dyn Sign] = &[
    &sign::RSA_PKCS,
    &sign::SHA1_RSA_PKCS,
    &sign::SHA224_RSA_PKCS,
    &sign::SHA256_RSA_PKCS,
    &sign::SHA384_RSA_PKCS,
    &sign::SHA512_RSA_PKCS,
    &sign::RSA_PKCS_PSS,
    &sign::SHA1_RSA_PKCS_PSS,
    &sign::SHA224_RSA_PKCS_PSS,
    &sign::SHA256_RSA_PKCS_PSS,
    &sign::SHA384_RSA_PKCS_PSS,
    &sign::SHA512_RSA_PKCS_PSS,
    &sign::ECDSA,
    &sign::ECDSA_SHA1,
    &sign::ECDSA_SHA224,
    &sign::ECDSA_SHA256,
    &sign::ECDSA_SHA384,
    &sign::ECDSA_SHA512,
    &mac::HMAC_SHA_1,
    &mac::HMAC_SHA224,
    &mac::HMAC_SHA256,
    &mac::HMAC_SHA384,
    &mac::HMAC_SHA512,
    &mac::AES_CMAC,
];

static CIPHERS: &[&dyn Cipher] = &[
    &cipher::AES_ECB,
    &cipher::AES_CBC,
    &cipher::AES_CBC_PAD,
    &cipher::AES_GCM,
    &cipher::RSA_PKCS,
    &cipher::RSA_OAEP,
    &wrap::AES_KW,
    &wrap::AES_KWP,
];

static WRAPS: &[&dyn Wrap] = &[
    &wrap::AES_KW,
    &wrap::AES_KWP,
    &wrap::AES_ECB,
    &wrap::AES_CBC,
    &wrap::AES_CBC_PAD,
    &wrap::AES_GCM,
    &wrap::RSA_PKCS,
    &wrap::RSA_OAEP,
];

static DIGESTS: &[&dyn Digest] = &[&digest::SHA_1, &digest::SHA224, &digest::SHA256, &digest::SHA384, &digest::SHA512];

static DERIVATIONS: &[&dyn Derive] = &[
    &kdf::BASE_AND_DATA,
    &kdf::DATA_AND_BASE,
    &kdf::XOR,
    &kdf::EXTRACT,
    &kdf::AES_ECB_DATA,
    &kdf::AES_CBC_DATA,
    &kdf::ECDH,
];

fn any_hash() -> impl Strategy<Value = Hash> {
    prop::sample::select(Hash::ALL.to_vec())
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..70), vec(any::<u8>(), 0..600)]
}

/// Parameters that a failing case can show; [`Params`] themselves are never printed.
#[derive(Debug, Clone)]
enum AnyParams {
    None,
    Iv([u8; 16]),
    Gcm(Vec<u8>, Vec<u8>, u32),
    Pss(Hash, Hash, usize),
    Oaep(Hash, Hash, Vec<u8>),
    KeyWrapIv(Vec<u8>),
}

impl AnyParams {
    fn params(&self) -> Params {
        match self.clone() {
            Self::None => Params::None,
            Self::Iv(iv) => Params::Iv(iv),
            Self::Gcm(iv, aad, tag_bits) => Params::Gcm(GcmParams { iv, aad, tag_bits }),
            Self::Pss(hash, mgf, salt_len) => Params::Pss(PssParams { hash, mgf, salt_len }),
            Self::Oaep(hash, mgf, label) => Params::Oaep(OaepParams { hash, mgf, label }),
            Self::KeyWrapIv(iv) => Params::KeyWrapIv(iv),
        }
    }
}

fn any_params() -> impl Strategy<Value = AnyParams> {
    let tag_bits = prop_oneof![Just(128), Just(96), Just(32), any::<u32>()];
    let salt_len = prop_oneof![0..300_usize, any::<usize>()];
    prop_oneof![
        3 => Just(AnyParams::None),
        2 => any::<[u8; 16]>().prop_map(AnyParams::Iv),
        2 => (vec(any::<u8>(), 0..300), any_bytes(), tag_bits)
            .prop_map(|(iv, aad, tag_bits)| AnyParams::Gcm(iv, aad, tag_bits)),
        1 => (any_hash(), any::<bool>(), salt_len)
            .prop_map(|(hash, same, salt_len)| AnyParams::Pss(hash, if same { hash } else { Hash::Sha1 }, salt_len)),
        1 => (any_hash(), any_hash(), any_bytes()).prop_map(|(hash, mgf, label)| AnyParams::Oaep(hash, mgf, label)),
        1 => vec(any::<u8>(), 0..12).prop_map(AnyParams::KeyWrapIv),
    ]
}

/// Keys that work together: a secret key twice, or a private and a public one.
#[derive(Debug, Clone)]
enum AnyPair {
    Secret(Vec<u8>),
    Rsa,
    Ec(usize),
}

impl AnyPair {
    fn pair(&self) -> Pair {
        match self {
            Self::Secret(bytes) => (secret_key(bytes), secret_key(bytes)),
            Self::Rsa => RSA.clone(),
            Self::Ec(index) => EC[*index].clone(),
        }
    }
}

fn any_secret() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![3 => prop::sample::select(vec![16, 24, 32]), 1 => 0..200_usize];
    len.prop_flat_map(|len| vec(any::<u8>(), len))
}

fn any_pair() -> impl Strategy<Value = AnyPair> {
    prop_oneof![
        4 => any_secret().prop_map(AnyPair::Secret),
        1 => Just(AnyPair::Rsa),
        1 => (0..2_usize).prop_map(AnyPair::Ec),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn signing_never_panics_and_what_is_signed_verifies(
        pair in any_pair(),
        params in any_params(),
        message in any_bytes(),
        garbage in any_bytes(),
        room in 0..600_usize,
    ) {
        let (params, (private, public)) = (params.params(), &pair.pair());
        for algorithm in SIGNATURES {
            if let Ok(signature) = sign(*algorithm, private, &params, &message) {
                prop_assert_eq!(algorithm.verify(public, &params, &message, &signature), Ok(()));
                let mut out = vec![0; room.min(signature.len().saturating_sub(1))];
                let short = algorithm.sign(private, &params, &message, &mut out, &mut SystemRandom::new());
                prop_assert!(short.is_err(), "a buffer that is too short");
            }
            prop_assert!(algorithm.verify(public, &params, &message, &garbage).is_err());
            prop_assert!(algorithm.verify(private, &params, &message, &garbage).is_err());
        }
    }

    #[test]
    fn encrypting_never_panics_and_what_is_encrypted_decrypts(
        pair in any_pair(),
        params in any_params(),
        plaintext in any_bytes(),
        garbage in any_bytes(),
        room in 0..600_usize,
    ) {
        let (params, (private, public)) = (params.params(), &pair.pair());
        for cipher in CIPHERS {
            if let Ok(sealed) = encrypt(*cipher, public, &params, &plaintext) {
                prop_assert_eq!(crate::support::decrypt(*cipher, private, &params, &sealed), Ok(plaintext.clone()));
                let mut out = vec![0; room.min(sealed.len().saturating_sub(1))];
                if out.len() < sealed.len() {
                    let short = cipher.encrypt(public, &params, &plaintext, &mut out, &mut SystemRandom::new());
                    prop_assert!(short.is_err(), "a buffer that is too short");
                }
            }
            let mut out = vec![0; room];
            let _ = cipher.decrypt(private, &params, &garbage, &mut out);
            for direction in [Direction::Encrypt, Direction::Decrypt] {
                for len in [garbage.len(), usize::MAX, usize::MAX - 7, usize::MAX - 15] {
                    let _ = cipher.output_len(direction, private, &params, len);
                    let _ = cipher.output_len(direction, public, &params, len);
                }
            }
        }
    }

    #[test]
    fn wrapping_never_panics_and_what_is_wrapped_unwraps(
        pair in any_pair(),
        params in any_params(),
        payload in any_bytes(),
        garbage in any_bytes(),
    ) {
        let (params, (private, public)) = (params.params(), &pair.pair());
        for algorithm in WRAPS {
            if let Ok(blob) = crate::support::wrap(*algorithm, public, &params, &payload) {
                let opened = crate::support::unwrap(*algorithm, private, &params, &blob).unwrap();
                prop_assert!(opened.starts_with(&payload));
                prop_assert!(opened[payload.len()..].iter().all(|&byte| byte == 0));
            }
            let _ = algorithm.unwrap(private, &params, &garbage);
        }
    }

    #[test]
    fn ciphers_in_parts_equal_one_shot(
        key in any_secret(),
        params in any_params(),
        input in any_bytes(),
        splits in vec(0..80_usize, 0..12),
    ) {
        let (key, params) = (secret_key(&key), params.params());
        let (aes_modes, single_part) = CIPHERS.split_at(4);
        for cipher in aes_modes {
            if cipher.check(Direction::Encrypt, &key, &params).is_err() {
                continue;
            }
            let sealed = encrypt(*cipher, &key, &params, &input);
            prop_assert_eq!(in_parts(*cipher, Direction::Encrypt, &key, &params, &input, &splits), sealed.clone());
            if let Ok(sealed) = sealed {
                let opened = in_parts(*cipher, Direction::Decrypt, &key, &params, &sealed, &splits);
                prop_assert_eq!(opened, Ok(input.clone()));
            }
            let garbage = in_parts(*cipher, Direction::Decrypt, &key, &params, &input, &splits);
            prop_assert_eq!(garbage, crate::support::decrypt(*cipher, &key, &params, &input));
        }
        for cipher in single_part {
            prop_assert!(!matches!(cipher.stream(Direction::Encrypt, &key, &params), Ok(Some(_))));
        }
    }

    #[test]
    fn signatures_in_parts_equal_one_shot(
        pair in any_pair(),
        params in any_params(),
        message in any_bytes(),
        splits in vec(0..80_usize, 0..6),
    ) {
        let (params, (private, public)) = (params.params(), &pair.pair());
        for algorithm in SIGNATURES {
            let (Ok(Some(mut signing)), Ok(Some(mut verifying))) =
                (algorithm.stream(private, &params), algorithm.stream(public, &params))
            else {
                continue;
            };
            let mut rest = message.as_slice();
            for &split in splits.iter().chain([&usize::MAX]) {
                let (part, after) = rest.split_at(split.min(rest.len()));
                signing.update(part).unwrap();
                verifying.update(part).unwrap();
                rest = after;
            }
            let mut signature = vec![0; signing.signature_len()];
            let len = signing.sign(&mut signature, &mut SystemRandom::new()).unwrap();
            prop_assert_eq!(len, signature.len());
            prop_assert_eq!(algorithm.verify(public, &params, &message, &signature), Ok(()));
            prop_assert_eq!(verifying.verify(&signature), Ok(()));
            let _ = signing.sign(&mut signature, &mut SystemRandom::new());
            let _ = verifying.verify(&signature);
        }
    }

    #[test]
    fn digests_in_parts_equal_one_shot(message in any_bytes(), splits in vec(0..80_usize, 0..6), room in 0..70_usize) {
        for digest in DIGESTS {
            let mut whole = vec![0; digest.len()];
            digest.digest(&message, &mut whole);
            let mut stream = digest.stream();
            let mut rest = message.as_slice();
            for &split in splits.iter().chain([&usize::MAX]) {
                let (part, after) = rest.split_at(split.min(rest.len()));
                stream.update(part);
                rest = after;
            }
            let mut out = vec![0; digest.len()];
            stream.finish(&mut out);
            prop_assert_eq!(&out, &whole);
            let mut other_len = vec![0; room];
            digest.digest(&message, &mut other_len);
            let common = room.min(whole.len());
            prop_assert_eq!(&other_len[..common], &whole[..common]);
        }
    }

    #[test]
    fn deriving_never_panics(
        base in any_bytes(),
        hash in any_hash(),
        (extract, expand) in any::<(bool, bool)>(),
        salt in prop::option::of(any_bytes()),
        info in any_bytes(),
        len in prop_oneof![0..20_000_usize, any::<usize>()],
    ) {
        let salt = salt.map(Secret::new);
        let params = Params::Hkdf(HkdfParams { extract, expand, hash, salt, info });
        if let Ok(secret) = kdf::HKDF.derive(&secret_key(&base), &params, len) {
            prop_assert_eq!(secret.len(), if len == 0 { hash.digest_len() } else { len });
        }
    }

    #[test]
    fn simple_derivations_never_panic(
        base in any_secret(),
        (bytes, iv) in (any_bytes(), any::<[u8; 16]>()),
        first in prop_oneof![0..2000_u64, any::<u64>()],
        len in prop_oneof![0..700_usize, any::<usize>()],
    ) {
        let base = secret_key(&base);
        let params = [
            data(&bytes),
            Params::CbcData(CbcDataParams { iv, data: bytes.clone() }),
            Params::FirstBit(first),
            ecdh(None, &[], &bytes),
        ];
        for (algorithm, params) in DERIVATIONS.iter().flat_map(|algorithm| params.iter().map(move |one| (*algorithm, one))) {
            let natural = algorithm.natural_len(&base, params);
            match algorithm.derive(&base, params, len) {
                Ok(secret) => prop_assert!(secret.len() == len && natural.is_none_or(|natural| len <= natural)),
                Err(error) => prop_assert!(!matches!(error, Error::Internal | Error::Random)),
            }
        }
    }

    #[test]
    fn agreeing_never_panics(
        index in 0..2_usize,
        public in any_bytes(),
        (kdf, info) in (prop::option::of(any_hash()), any_bytes()),
        len in prop_oneof![0..700_usize, any::<usize>()],
    ) {
        match kdf::ECDH.derive(&EC[index].0, &ecdh(kdf, &info, &public), len) {
            Ok(secret) => prop_assert_eq!(secret.len(), len),
            Err(error) => prop_assert!(matches!(error, Error::Params | Error::KeySize)),
        }
    }

    #[test]
    fn parsing_never_panics(bytes in any_bytes(), parts in vec(any_bytes(), 8)) {
        let _ = read_private_key_info(&bytes);
        let _ = read_public_key_info(&bytes);
        let _ = read_ec_params(&bytes);
        for curve in Curve::ALL {
            let _ = read_ec_point(curve, &bytes);
            let _ = Key::ec_public(curve, &bytes);
            let _ = Key::ec_private(curve, Secret::copy_of(&bytes));
        }
        let _ = Key::rsa_public(&parts[0], &parts[1]);
        let secret = |index: usize| Secret::copy_of(&parts[index]);
        let _ = Key::rsa_private(RsaParts {
            modulus: parts[0].clone(),
            public_exponent: parts[1].clone(),
            private_exponent: secret(2),
            prime_1: secret(3),
            prime_2: secret(4),
            exponent_1: secret(5),
            exponent_2: secret(6),
            coefficient: secret(7),
        });
    }

    /// Almost-keys: a real key's encoding with a few bytes changed.
    #[test]
    fn parsing_a_damaged_key_never_panics(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for key in [&RSA.0, &EC[0].0, &EC[1].0] {
            let mut der = claviger_crypto::encoding::private_key_info(key).unwrap().expose().to_vec();
            for (index, byte) in &changes {
                let index = index.index(der.len());
                der[index] = *byte;
            }
            let _ = read_private_key_info(&der);
        }
    }

    /// A real modulus with hostile numbers beside it, which the search for primes must survive.
    #[test]
    fn completing_a_hostile_key_never_panics(
        exponent in prop_oneof![Just(vec![1, 0, 1]), Just(vec![3]), Just(vec![1, 0, 0, 0, 1])],
        private_exponent in prop_oneof![Just(vec![]), Just(vec![1]), Just(vec![2]), vec(any::<u8>(), 1..257)],
        prime_1 in prop_oneof![Just(vec![]), Just(vec![1]), Just(vec![2]), Just(vec![3]), vec(any::<u8>(), 1..257)],
        prime_2 in prop_oneof![Just(vec![]), Just(vec![1]), Just(vec![2]), Just(vec![3]), vec(any::<u8>(), 1..257)],
    ) {
        let parts = RsaParts {
            modulus: RSA.0.rsa_public_parts().unwrap().0.to_vec(),
            public_exponent: exponent,
            private_exponent: Secret::new(private_exponent),
            prime_1: Secret::new(prime_1),
            prime_2: Secret::new(prime_2),
            ..RsaParts::default()
        };
        prop_assert!(Key::rsa_private(parts).is_err());
    }
}
