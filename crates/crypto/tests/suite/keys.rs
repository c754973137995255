//! Keys: their parts, what is no key, and their encodings.

use claviger_crypto::encoding::{
    ec_params, ec_point, private_key_info, public_key_info, read_ec_params, read_ec_point, read_private_key_info,
    read_public_key_info,
};
use claviger_crypto::{Curve, Error, Key, KeyKind, Params, RsaParts, Secret, generate, sign};

use crate::support::{F4, compressed, ec_pair, random, rsa_pair, sign, unhex};

/// A copy of the parts that `keep` names.
fn some_parts(parts: &RsaParts, keep: &str) -> RsaParts {
    let secret = |name: &str, secret: &Secret| {
        if keep.split(' ').any(|kept| kept == name) { secret.duplicate() } else { Secret::default() }
    };
    RsaParts {
        modulus: parts.modulus.clone(),
        public_exponent: parts.public_exponent.clone(),
        private_exponent: secret("d", &parts.private_exponent),
        prime_1: secret("p", &parts.prime_1),
        prime_2: secret("q", &parts.prime_2),
        exponent_1: secret("dp", &parts.exponent_1),
        exponent_2: secret("dq", &parts.exponent_2),
        coefficient: secret("qinv", &parts.coefficient),
    }
}

#[test]
fn missing_rsa_parts_are_computed() {
    let whole = generate::rsa(2048, F4).unwrap();
    let whole = Key::rsa_private(whole).unwrap();
    let parts = whole.rsa_parts().unwrap();
    for keep in ["d p q dp dq qinv", "d p q", "p q", "d p q dp dq", "d p q qinv"] {
        let key = Key::rsa_private(some_parts(parts, keep)).unwrap();
        let got = key.rsa_parts().unwrap();
        assert!(got.exponent_1.ct_eq(parts.exponent_1.expose()), "{keep}");
        assert!(got.exponent_2.ct_eq(parts.exponent_2.expose()), "{keep}");
        assert!(got.coefficient.ct_eq(parts.coefficient.expose()), "{keep}");
        let signature = sign(&sign::SHA256_RSA_PKCS, &key, &Params::None, b"message").unwrap();
        assert_eq!(signature, sign(&sign::SHA256_RSA_PKCS, &whole, &Params::None, b"message").unwrap(), "{keep}");
    }
    let recovered = Key::rsa_private(some_parts(parts, "d")).unwrap();
    let primes = recovered.rsa_parts().map(|parts| (&parts.prime_1, &parts.prime_2)).unwrap();
    let (p, q) = (parts.prime_1.expose(), parts.prime_2.expose());
    assert!((primes.0.ct_eq(p) && primes.1.ct_eq(q)) || (primes.0.ct_eq(q) && primes.1.ct_eq(p)));
}

#[test]
fn rsa_parts_with_leading_zeros_are_the_same_key() {
    let mut parts = generate::rsa(2048, F4).unwrap();
    let modulus = parts.modulus.clone();
    parts.modulus.insert(0, 0);
    parts.public_exponent.splice(0..0, [0; 5]);
    parts.private_exponent = Secret::new([&[0; 3], parts.private_exponent.expose()].concat());
    parts.prime_1 = Secret::new([&[0; 1], parts.prime_1.expose()].concat());
    let key = Key::rsa_private(parts).unwrap();
    assert_eq!(key.rsa_public_parts(), Some((modulus.as_slice(), F4)));
    assert_eq!(key.bits(), 2048);
}

#[test]
fn rsa_parts_that_contradict_each_other_are_no_key() {
    let parts = generate::rsa(2048, F4).unwrap();
    let other = generate::rsa(2048, F4).unwrap();
    type Spoil = fn(&mut RsaParts, &RsaParts);
    let rows: &[(&str, Spoil)] = &[
        ("d", |parts, other| parts.private_exponent = other.private_exponent.duplicate()),
        ("p", |parts, other| parts.prime_1 = other.prime_1.duplicate()),
        ("q", |parts, other| parts.prime_2 = other.prime_2.duplicate()),
        ("dp", |parts, other| parts.exponent_1 = other.exponent_1.duplicate()),
        ("dq", |parts, other| parts.exponent_2 = other.exponent_2.duplicate()),
        ("qinv", |parts, other| parts.coefficient = other.coefficient.duplicate()),
        ("n", |parts, other| parts.modulus.clone_from(&other.modulus)),
        // Even: an odd one fits the primes one time in four.
        ("e", |parts, _| parts.public_exponent = vec![4]),
        ("even n", |parts, _| *parts.modulus.last_mut().unwrap() ^= 1),
        ("p = 1, q = n", |parts, _| {
            parts.prime_1 = Secret::new(vec![1]);
            parts.prime_2 = Secret::copy_of(&parts.modulus);
        }),
    ];
    for keep in ["d p q dp dq qinv", "d p q", "p q", "d"] {
        for (name, spoil) in rows {
            let mut bad = some_parts(&parts, keep);
            spoil(&mut bad, &other);
            assert_eq!(Key::rsa_private(bad).err(), Some(Error::KeyInvalid), "{name} spoilt of {keep}");
        }
    }
    assert_eq!(Key::rsa_private(some_parts(&parts, "")).err(), Some(Error::KeyInvalid));
    assert_eq!(Key::rsa_private(some_parts(&parts, "p")).err(), Some(Error::KeyInvalid));
    assert_eq!(Key::rsa_private(some_parts(&parts, "dp dq qinv")).err(), Some(Error::KeyInvalid));
}

#[test]
fn rsa_keys_out_of_range_are_refused() {
    let modulus = |len: usize| vec![0xff; len];
    assert_eq!(Key::rsa_public(&modulus(256), F4).err(), None);
    assert_eq!(Key::rsa_public(&modulus(1024), F4).err(), None);
    for len in [0, 1, 128, 255, 1025, 100_000] {
        assert_eq!(Key::rsa_public(&modulus(len), F4).err(), Some(Error::KeySize), "{len} bytes");
    }
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[0xff; 300]] {
        assert_eq!(Key::rsa_public(&modulus(256), exponent).err(), Some(Error::KeyInvalid), "{exponent:?}");
    }
}

#[test]
fn generated_rsa_keys_have_the_size_and_exponent_asked_for() {
    for (bits, exponent) in [(2048, F4), (2056, F4), (2048, &[3]), (3072, &[0, 1, 0, 1])] {
        let key = Key::rsa_private(generate::rsa(bits, exponent).unwrap()).unwrap();
        assert_eq!(key.bits(), bits);
        let (modulus, public_exponent) = key.rsa_public_parts().unwrap();
        assert_eq!(modulus.len(), bits / 8);
        assert!(exponent.ends_with(public_exponent));
        let signature = sign(&sign::SHA256_RSA_PKCS, &key, &Params::None, b"message").unwrap();
        let public = key.public().unwrap();
        use claviger_crypto::Sign as _;
        assert_eq!(sign::SHA256_RSA_PKCS.verify(&public, &Params::None, b"message", &signature), Ok(()));
    }
    for bits in [0, 1024, 2047, 2049, 4097, 4104, 8192, usize::MAX] {
        assert_eq!(generate::rsa(bits, F4).err(), Some(Error::KeySize), "{bits} bits");
    }
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1; 9]] {
        assert_eq!(generate::rsa(2048, exponent).err(), Some(Error::Params), "{exponent:?}");
    }
}

#[test]
fn a_scalar_is_from_one_to_the_order() {
    let orders = [
        (Curve::P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        (
            Curve::P384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
    ];
    for (curve, order) in orders {
        let order = unhex(order);
        let mut last = order.clone();
        *last.last_mut().unwrap() -= 1;
        let made = |scalar: &[u8]| Key::ec_private(curve, Secret::copy_of(scalar)).map(drop);
        assert_eq!(made(&[1]), Ok(()));
        assert_eq!(made(&last), Ok(()));
        assert_eq!(made(&[&[0; 9], last.as_slice()].concat()), Ok(()));
        for bad in [&[][..], &[0], &[0; 48], &order, &[0xff; 48], &[1; 49], &[1; 1000]] {
            assert_eq!(made(bad), Err(Error::KeyInvalid), "{bad:?}");
        }
        let one = Key::ec_private(curve, Secret::new(vec![1])).unwrap();
        let parts = one.ec_parts().unwrap();
        assert_eq!(parts.scalar.len(), curve.field_len());
        assert_eq!(parts.point.len(), 1 + 2 * curve.field_len());
        assert_eq!(one.bits(), curve.bits());
    }
}

#[test]
fn a_point_must_be_on_its_curve() {
    for curve in Curve::ALL {
        let (private, public) = ec_pair(curve);
        let point = private.point().unwrap();
        let len = curve.field_len();
        let compressed = compressed(point);
        for good in [point, &compressed] {
            let key = Key::ec_public(curve, good).unwrap();
            assert_eq!((key.kind(), key.point()), (KeyKind::EcPublic, public.point()));
        }
        let mut off = point.to_vec();
        off[2 * len] ^= 1;
        let mut hybrid = point.to_vec();
        hybrid[0] = 6 + (point[2 * len] & 1);
        let compact = [&[5], &point[1..=len]].concat();
        let beyond = [&[4][..], &vec![0xff; 2 * len]].concat();
        let longer = [point, &[0]].concat();
        let zeros = vec![0; 1 + 2 * len];
        for bad in [&[][..], &[0], &[4], &off, &hybrid, &compact, &beyond, &longer, &point[..2 * len], &zeros] {
            assert_eq!(Key::ec_public(curve, bad).err(), Some(Error::KeyInvalid), "{bad:?}");
        }
        let other = if curve == Curve::P256 { Curve::P384 } else { Curve::P256 };
        assert_eq!(Key::ec_public(other, point).err(), Some(Error::KeyInvalid));
    }
}

#[test]
fn private_keys_survive_their_encoding_and_nothing_else_does() {
    let keys = [rsa_pair().0, ec_pair(Curve::P256).0, ec_pair(Curve::P384).0];
    for key in keys {
        let der = private_key_info(&key).unwrap();
        let again = read_private_key_info(der.expose()).unwrap();
        assert_eq!(again.kind(), key.kind());
        assert!(private_key_info(&again).unwrap().ct_eq(der.expose()));
        assert_eq!((again.rsa_public_parts(), again.point()), (key.rsa_public_parts(), key.point()));
        let longer = [der.expose(), &[0]].concat();
        assert_eq!(read_private_key_info(&longer).err(), Some(Error::KeyInvalid), "a trailing byte");
        for len in 0..der.len() {
            assert!(read_private_key_info(&der.expose()[..len]).is_err(), "{len} bytes of it");
        }
    }
}

#[test]
fn public_keys_survive_their_encoding_and_nothing_else_does() {
    let keys = [rsa_pair().1, ec_pair(Curve::P256).1, ec_pair(Curve::P384).1];
    for key in keys {
        let der = public_key_info(&key).unwrap();
        let again = read_public_key_info(&der).unwrap();
        assert_eq!(again.kind(), key.kind());
        assert_eq!((again.rsa_public_parts(), again.point()), (key.rsa_public_parts(), key.point()));
        assert_eq!(read_public_key_info(&[der.as_slice(), &[0]].concat()).err(), Some(Error::KeyInvalid));
        for len in 0..der.len() {
            assert!(read_public_key_info(&der[..len]).is_err(), "{len} bytes of it");
        }
    }
    let secret = Key::secret(Secret::new(random(16)));
    assert_eq!(public_key_info(&secret).err(), Some(Error::KeyType));
    assert_eq!(private_key_info(&secret).err(), Some(Error::KeyType));
    assert_eq!(private_key_info(&rsa_pair().1).err(), Some(Error::KeyType));
}

/// A P-256 key as OpenSSL 3 writes it, and the same with another key's public point in it.
#[test]
fn a_private_key_with_a_foreign_public_point_is_refused() {
    let (key, _) = ec_pair(Curve::P256);
    let (_, other) = ec_pair(Curve::P256);
    let der = private_key_info(&key).unwrap();
    let own = key.point().unwrap();
    let start = der.expose().windows(own.len()).position(|window| window == own).unwrap();
    let mut foreign = der.expose().to_vec();
    foreign[start..start + own.len()].copy_from_slice(other.point().unwrap());
    assert_eq!(read_private_key_info(&foreign).err(), Some(Error::KeyInvalid));
}

#[test]
fn curves_are_known_by_identifier_and_by_name() {
    assert_eq!(ec_params(Curve::P256).unwrap(), unhex("06082a8648ce3d030107"));
    assert_eq!(ec_params(Curve::P384).unwrap(), unhex("06052b81040022"));
    let printable = |name: &str| [&[0x13, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    for (name, curve) in [("secp256r1", Curve::P256), ("prime256v1", Curve::P256), ("secp384r1", Curve::P384)] {
        assert_eq!(read_ec_params(&printable(name)), Ok(curve), "{name}");
    }
    for curve in Curve::ALL {
        assert_eq!(read_ec_params(&ec_params(curve).unwrap()), Ok(curve));
        let longer = [ec_params(curve).unwrap(), vec![0]].concat();
        assert_eq!(read_ec_params(&longer), Err(Error::KeyInvalid));
    }
    let secp256k1 = unhex("06052b8104000a");
    for bad in [&[][..], &[6], &[0x13, 0], &printable("secp256k1"), &secp256k1, &[5, 0], &[0x30, 0]] {
        assert_eq!(read_ec_params(bad), Err(Error::KeyInvalid), "{bad:?}");
    }
}

#[test]
fn a_point_is_taken_with_its_octet_string_or_without() {
    for curve in Curve::ALL {
        let (_, public) = ec_pair(curve);
        let point = public.point().unwrap();
        let compressed = compressed(point);
        for raw in [point, &compressed] {
            let der = ec_point(raw).unwrap();
            assert_eq!(read_ec_point(curve, &der), Ok(raw));
            assert_eq!(read_ec_point(curve, raw), Ok(raw));
            assert_eq!(read_ec_point(curve, &[der.as_slice(), &[0]].concat()), Err(Error::KeyInvalid));
            assert_eq!(read_ec_point(curve, &der[..der.len() - 1]), Err(Error::KeyInvalid));
        }
        for bad in [&[][..], &[0], &[4], &[5, 0]] {
            assert_eq!(read_ec_point(curve, bad), Err(Error::KeyInvalid), "{bad:?}");
        }
    }
}

#[test]
fn a_public_half_has_no_private_parts() {
    for (private, public) in [rsa_pair(), ec_pair(Curve::P256)] {
        assert!(public.rsa_parts().is_none() && public.ec_parts().is_none() && public.value().is_none());
        assert_eq!(private.rsa_public_parts(), public.rsa_public_parts());
        assert_eq!((private.curve(), private.point()), (public.curve(), public.point()));
        assert_eq!(public.bits(), private.bits());
    }
    let secret = Key::secret(Secret::new(random(24)));
    assert_eq!(secret.bits(), 192);
    assert_eq!(secret.public().err(), Some(Error::KeyType));
    assert_eq!(secret.value().map(Secret::len), Some(24));
    assert!(secret.rsa_public_parts().is_none() && secret.curve().is_none() && secret.point().is_none());
}
