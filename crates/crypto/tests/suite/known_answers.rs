//! Published examples where Wycheproof has none.

use claviger_crypto::encoding::ec_point;
use claviger_crypto::{
    CbcDataParams, Curve, Derive, Digest as _, Direction, GcmParams, Hash, HkdfParams, Key, Params, Secret, Sign,
    cipher, digest, kdf, mac, sign, wrap,
};

use crate::support::{
    compressed, data, decrypt, derive, digest as digest_of, ecdh, encrypt, in_parts, secret_key, sign, unhex, unwrap,
    wrap,
};

/// FIPS 180-4 examples: "abc", nothing, and the message of 448 bits.
#[test]
fn sha_digests_are_those_of_the_standard() {
    let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let rows: &[(Hash, &[u8], &str)] = &[
        (Hash::Sha1, b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha1, b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (Hash::Sha1, long, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (Hash::Sha224, b"abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Hash::Sha224, b"", "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"),
        (Hash::Sha224, long, "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525"),
        (Hash::Sha256, b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Hash::Sha256, b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Hash::Sha256, long, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (
            Hash::Sha384,
            b"abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Hash::Sha384,
            b"",
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        ),
        (
            Hash::Sha512,
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            Hash::Sha512,
            b"",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce
             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
    ];
    for (hash, message, expected) in rows {
        assert_eq!(digest_of(*hash, message), unhex(expected), "{hash:?} of {} bytes", message.len());
    }
}

/// FIPS 180-4: a million times "a", in parts.
#[test]
fn sha_256_of_a_million_bytes_in_parts() {
    let mut stream = digest::SHA256.stream();
    for _ in 0..1000 {
        stream.update(&[b'a'; 1000]);
    }
    let mut out = [0; 32];
    stream.finish(&mut out);
    assert_eq!(out.to_vec(), unhex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

/// The plaintext of all examples in SP 800-38A, appendix F.
const SP_800_38A: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
                          30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";
const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

/// SP 800-38A F.1: ECB with all key sizes.
#[test]
fn aes_ecb_is_that_of_the_standard() {
    let rows = [
        (
            KEY_128,
            "3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf
             43b1cd7f598ece23881b00e3ed030688 7b0c785e27e8ad3f8223207104725dd4",
        ),
        (
            KEY_192,
            "bd334f1d6e45f25ff712a214571fa5cc 974104846d0ad3ad7734ecb3ecee4eef
             ef7afd2270e2e60adce0ba2face6444e 9a4b41ba738d6c72fb16691603c18e0e",
        ),
        (
            KEY_256,
            "f3eed1bdb5d2a03c064b5a7e3db181f8 591ccb10d410ed26dc5ba74a31362870
             b6ed21b99ca6f4f9f153e7b1beafed1d 23304b7a39f9f3ff067d8d8f9e24ecc7",
        ),
    ];
    for (key, ciphertext) in rows {
        let key = secret_key(&unhex(key));
        let (plaintext, ciphertext) = (unhex(SP_800_38A), unhex(ciphertext));
        assert_eq!(encrypt(&cipher::AES_ECB, &key, &Params::None, &plaintext).unwrap(), ciphertext);
        assert_eq!(decrypt(&cipher::AES_ECB, &key, &Params::None, &ciphertext).unwrap(), plaintext);
    }
}

/// SP 800-38A F.2: CBC with all key sizes, at once and in parts.
#[test]
fn aes_cbc_is_that_of_the_standard() {
    let rows = [
        (
            KEY_128,
            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
             73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7",
        ),
        (
            KEY_192,
            "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a
             571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd",
        ),
        (
            KEY_256,
            "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
             39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b",
        ),
    ];
    let params = Params::Iv(core::array::from_fn(|i| u8::try_from(i).unwrap()));
    for (key, ciphertext) in rows {
        let key = secret_key(&unhex(key));
        let (plaintext, ciphertext) = (unhex(SP_800_38A), unhex(ciphertext));
        assert_eq!(encrypt(&cipher::AES_CBC, &key, &params, &plaintext).unwrap(), ciphertext);
        assert_eq!(decrypt(&cipher::AES_CBC, &key, &params, &ciphertext).unwrap(), plaintext);
        let parts = in_parts(&cipher::AES_CBC, Direction::Encrypt, &key, &params, &plaintext, &[5, 16, 20]);
        assert_eq!(parts.unwrap(), ciphertext);
    }
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 5 and 6: IVs of 8 and 60 bytes.
#[test]
fn aes_gcm_with_short_and_long_iv() {
    let key = secret_key(&unhex("feffe9928665731c6d6a8f9467308308"));
    let aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plaintext = unhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let rows = [
        (
            "cafebabefacedbad",
            "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c7423
             73806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598
             3612d2e79e3b0785561be14aaca2fccb",
        ),
        (
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728
             c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
            "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca7
             01e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5
             619cc5aefffe0bfa462af43c1699d050",
        ),
    ];
    for (iv, ciphertext) in rows {
        let params = Params::Gcm(GcmParams { iv: unhex(iv), aad: aad.clone(), tag_bits: 128 });
        assert_eq!(encrypt(&cipher::AES_GCM, &key, &params, &plaintext).unwrap(), unhex(ciphertext));
        assert_eq!(decrypt(&cipher::AES_GCM, &key, &params, &unhex(ciphertext)).unwrap(), plaintext);
    }
}

/// RFC 4493 section 4.
#[test]
fn aes_cmac_is_that_of_the_rfc() {
    let key = secret_key(&unhex(KEY_128));
    let message = unhex(SP_800_38A);
    let rows = [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ];
    for (len, tag) in rows {
        assert_eq!(sign(&mac::AES_CMAC, &key, &Params::None, &message[..len]).unwrap(), unhex(tag), "{len} bytes");
    }
}

/// RFC 3394 section 4.
#[test]
fn aes_key_wrap_is_that_of_the_rfc() {
    let kek = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let data = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
    let rows = [
        (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        (24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
        (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
        (24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"),
        (32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"),
        (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
    ];
    for (kek_len, data_len, wrapped) in rows {
        let key = secret_key(&unhex(kek)[..kek_len]);
        let data = &unhex(data)[..data_len];
        assert_eq!(wrap(&wrap::AES_KW, &key, &Params::None, data).unwrap(), unhex(wrapped));
        assert_eq!(unwrap(&wrap::AES_KW, &key, &Params::None, &unhex(wrapped)).unwrap(), data);
    }
}

/// RFC 5649 section 6.
#[test]
fn aes_key_wrap_with_padding_is_that_of_the_rfc() {
    let key = secret_key(&unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"));
    let rows = [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ];
    for (data, wrapped) in rows {
        assert_eq!(wrap(&wrap::AES_KWP, &key, &Params::None, &unhex(data)).unwrap(), unhex(wrapped));
        assert_eq!(unwrap(&wrap::AES_KWP, &key, &Params::None, &unhex(wrapped)).unwrap(), unhex(data));
    }
}

/// RFC 5869 appendix A.1: both steps, and each by itself.
#[test]
fn hkdf_steps_are_those_of_the_rfc() {
    let prk = unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let okm = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    let derive = |extract, expand, base: &[u8], len| {
        let salt = Some(Secret::new(unhex("000102030405060708090a0b0c")));
        let info = unhex("f0f1f2f3f4f5f6f7f8f9");
        let params = Params::Hkdf(HkdfParams { extract, expand, hash: Hash::Sha256, salt, info });
        kdf::HKDF.derive(&secret_key(base), &params, len).unwrap().expose().to_vec()
    };
    assert_eq!(derive(true, true, &[0x0b; 22], 42), okm);
    assert_eq!(derive(true, false, &[0x0b; 22], 0), prk);
    assert_eq!(derive(true, false, &[0x0b; 22], 32), prk);
    assert_eq!(derive(false, true, &prk, 42), okm);
}

/// RFC 5903 sections 8.1 and 8.2, and the first of NIST's KAS_ECC_CDH_PrimitiveTest for each curve.
#[test]
fn ecdh_secrets_are_those_of_rfc_5903_and_nist() {
    let rows = [
        (
            Curve::P256,
            "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
            "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
             56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
            "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
        ),
        (
            Curve::P256,
            "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
            "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287
             db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
            "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
        ),
        (
            Curve::P384,
            "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655
             e35b538041e649ee3faef896783ab194",
            "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d
             0d1ac43a0336def96fda41d0774a3571
             dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1ff
             f83fa40142209dff5eaad96db9e6386c",
            "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4
             d603135569b9e9d09cf5d4a270f59746",
        ),
        (
            Curve::P384,
            "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774
             ad463b205da88cf699ab4d43c9cf98a1",
            "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272
             734466b400091adbf2d68c58e0c50066
             ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915e
             d0905a32b060992b468c64766fc8437a",
            "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457
             e5621e766c40a2e3d4d6a04b25e533f1",
        ),
    ];
    for (curve, scalar, public, shared) in rows {
        let private = Key::ec_private(curve, Secret::new(unhex(scalar))).unwrap();
        let point = [&[4], unhex(public).as_slice()].concat();
        for public in [point.clone(), compressed(&point), ec_point(&point).unwrap()] {
            let params = ecdh(None, &[], &public);
            assert_eq!(kdf::ECDH.natural_len(&private, &params), Some(curve.field_len()));
            assert_eq!(derive(&kdf::ECDH, &private, &params, curve.field_len()).unwrap(), unhex(shared));
        }
    }
}

/// PKCS#11 3.2 sections 6.43.3 to 6.43.7: the examples that each derivation is explained with.
#[test]
fn simple_derivations_are_those_of_the_standard() {
    let base = secret_key(&unhex("01234567"));
    let other = data(&unhex("89abcdef"));
    let rows: [(&dyn Derive, &str); 3] =
        [(&kdf::BASE_AND_DATA, "0123456789abcdef"), (&kdf::DATA_AND_BASE, "89abcdef01234567"), (&kdf::XOR, "88888888")];
    for (algorithm, expected) in rows {
        let expected = unhex(expected);
        assert_eq!(algorithm.natural_len(&base, &other), Some(expected.len()));
        for len in 1..=expected.len() {
            assert_eq!(derive(algorithm, &base, &other, len).unwrap(), expected[..len]);
        }
    }
    let base = secret_key(&unhex("329f84a9"));
    for (first, expected) in [(21, "9526"), (0, "329f84a9"), (8, "9f84a932"), (31, "994fc254"), (1, "65")] {
        let expected = unhex(expected);
        assert_eq!(
            derive(&kdf::EXTRACT, &base, &Params::FirstBit(first), expected.len()).unwrap(),
            expected,
            "{first}"
        );
    }
}

/// NIST SP 800-38A sections F.1.1 and F.2.1: a key that is ciphertext.
#[test]
fn encrypted_data_is_that_of_the_standard() {
    let base = secret_key(&unhex("2b7e151628aed2a6abf7158809cf4f3c"));
    let plaintext = unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let ecb = unhex("3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf");
    let cbc = unhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    let iv = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let with_iv = Params::CbcData(CbcDataParams { iv, data: plaintext.clone() });
    for len in 1..=32 {
        assert_eq!(derive(&kdf::AES_ECB_DATA, &base, &data(&plaintext), len).unwrap(), ecb[..len]);
        assert_eq!(derive(&kdf::AES_CBC_DATA, &base, &with_iv, len).unwrap(), cbc[..len]);
    }
    assert_eq!(kdf::AES_ECB_DATA.natural_len(&base, &data(&plaintext)), Some(32));
    assert_eq!(kdf::AES_CBC_DATA.natural_len(&base, &with_iv), Some(32));
}

/// RFC 6979 A.2.5 and A.2.6: signatures over "sample" by every hash.
#[test]
fn ecdsa_takes_the_signatures_of_rfc_6979() {
    let p256 = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let p384 = "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8
                96d5724e4c70a825f872c9ea60d2edf5";
    let rows: &[(Curve, &str, &dyn Sign, &str)] = &[
        (
            Curve::P256,
            p256,
            &sign::ECDSA_SHA1,
            "61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32
             6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb",
        ),
        (
            Curve::P256,
            p256,
            &sign::ECDSA_SHA224,
            "53b2fff5d1752b2c689df257c04c40a587fababb3f6fc2702f1343af7ca9aa3f
             b9afb64fdc03dc1a131c7d2386d11e349f070aa432a4acc918bea988bf75c74c",
        ),
        (
            Curve::P256,
            p256,
            &sign::ECDSA_SHA256,
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            Curve::P256,
            p256,
            &sign::ECDSA_SHA384,
            "0eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc800ef7719
             4861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f13abde940954",
        ),
        (
            Curve::P256,
            p256,
            &sign::ECDSA_SHA512,
            "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00
             2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe",
        ),
        (
            Curve::P384,
            p384,
            &sign::ECDSA_SHA1,
            "ec748d839243d6fbef4fc5c4859a7dffd7f3abddf72014540c16d73309834fa3
             7b9ba002899f6fda3a4a9386790d4eb2
             a3bcfa947beef4732bf247ac17f71676cb31a847b9ff0cbc9c9ed4c1a5b3facf
             26f49ca031d4857570ccb5ca4424a443",
        ),
        (
            Curve::P384,
            p384,
            &sign::ECDSA_SHA384,
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c
             81a648152e44acf96e36dd1e80fabe46
             99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f
             a329c145786e679e7b82c71a38628ac8",
        ),
    ];
    for (row, (curve, scalar, algorithm, signature)) in rows.iter().enumerate() {
        let public = Key::ec_private(*curve, Secret::new(unhex(scalar))).unwrap().public().unwrap();
        let verified = algorithm.verify(&public, &Params::None, b"sample", &unhex(signature));
        assert_eq!(verified, Ok(()), "row {row}");
    }
}
