//! Mechanisms and their parameters.

use core::ptr;

use claviger_crypto::engine::Hash;
use claviger_rules::mechanism::{HkdfSalt, Usage};
use claviger_rules::{MechanismType, Parameter};
use cryptoki_sys::*;

use super::*;
use crate::marshal::{Mechanism, ulong};

fn parse_at(start: *const CK_MECHANISM, usage: Usage) -> Result<Parameter> {
    let call = call();
    // SAFETY: the tests below give good memory, or what is refused before it is read.
    unsafe { Mechanism::new(&call, start.cast_mut()) }.parse(usage)?.parameter
}

fn mechanism<T>(mechanism: CK_MECHANISM_TYPE, parameter: &T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: ptr::from_ref(parameter).cast_mut().cast(),
        ulParameterLen: ulong(size_of::<T>()),
    }
}

fn parse<T>(id: CK_MECHANISM_TYPE, parameter: &T) -> Result<Parameter> {
    parse_at(&mechanism(id, parameter), Usage::Encrypt)
}

fn invalid<T>(id: CK_MECHANISM_TYPE, parameter: &T) {
    assert_eq!(error(parse(id, parameter)), Some(Error::MechanismParamInvalid));
}

#[test]
fn the_mechanism_itself_must_be_there_and_be_known() {
    assert_eq!(error(parse_at(ptr::null(), Usage::Encrypt)), Some(Error::ArgumentsBad));
    assert_eq!(error(parse(0x7fff_0000, &())), Some(Error::MechanismInvalid));
}

#[test]
fn an_unaligned_mechanism_with_an_unaligned_parameter_is_read_all_the_same() {
    let mut memory = [0_u8; 1 + size_of::<CK_MECHANISM>()];
    let mut params = [0_u8; 1 + size_of::<CK_RSA_PKCS_PSS_PARAMS>()];
    let pss = params.as_mut_ptr().wrapping_add(1).cast::<CK_RSA_PKCS_PSS_PARAMS>();
    // SAFETY: within `params`.
    unsafe { pss.write_unaligned(PSS) };
    let start = memory.as_mut_ptr().wrapping_add(1).cast::<CK_MECHANISM>();
    let own = CK_MECHANISM { mechanism: CKM_RSA_PKCS_PSS, pParameter: pss.cast(), ulParameterLen: 24 };
    // SAFETY: within `memory`.
    unsafe { start.write_unaligned(own) };
    let parsed = parse_at(start, Usage::Sign);
    assert!(matches!(parsed, Ok(Parameter::Pss(pss)) if pss.salt_len == 32));
}

#[test]
fn a_parameter_where_none_belongs_is_invalid_unless_it_is_empty() {
    assert!(matches!(parse(CKM_AES_ECB, &()), Ok(Parameter::None)));
    invalid(CKM_AES_ECB, &0_u8);
    let null = CK_MECHANISM { mechanism: CKM_AES_ECB, pParameter: ptr::null_mut(), ulParameterLen: 0 };
    assert!(matches!(parse_at(&null, Usage::Encrypt), Ok(Parameter::None)));
}

#[test]
fn an_iv_has_exactly_16_bytes() {
    assert!(matches!(parse(CKM_AES_CBC, &[7_u8; 16]), Ok(Parameter::Iv(iv)) if iv == [7; 16]));
    invalid(CKM_AES_CBC, &[7_u8; 15]);
    invalid(CKM_AES_CBC, &[7_u8; 17]);
    let null = CK_MECHANISM { mechanism: CKM_AES_CBC, pParameter: ptr::null_mut(), ulParameterLen: 16 };
    assert_eq!(error(parse_at(&null, Usage::Encrypt)), Some(Error::MechanismParamInvalid));
    let mut long = mechanism(CKM_AES_CBC, &[7_u8; 16]);
    long.ulParameterLen = CK_ULONG::MAX;
    assert_eq!(error(parse_at(&long, Usage::Encrypt)), Some(Error::MechanismParamInvalid));
}

#[test]
fn a_key_wrap_takes_no_value_or_one_of_its_own_length() {
    assert!(matches!(parse(CKM_AES_KEY_WRAP, &()), Ok(Parameter::None)));
    assert!(matches!(parse(CKM_AES_KEY_WRAP, &[6_u8; 8]), Ok(Parameter::KeyWrapIv(iv)) if iv == [6; 8]));
    invalid(CKM_AES_KEY_WRAP, &[6_u8; 4]);
    assert!(matches!(parse(CKM_AES_KEY_WRAP_KWP, &[6_u8; 4]), Ok(Parameter::KeyWrapIv(iv)) if iv == [6; 4]));
    invalid(CKM_AES_KEY_WRAP_KWP, &[6_u8; 8]);
}

const PSS: CK_RSA_PKCS_PSS_PARAMS = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA384, sLen: 32 };

#[test]
fn pss_names_its_hashes_by_number() {
    let parsed = parse(CKM_RSA_PKCS_PSS, &PSS);
    assert!(matches!(parsed, Ok(Parameter::Pss(pss)) if (pss.hash, pss.mgf) == (Hash::Sha256, Hash::Sha384)));
    invalid(CKM_RSA_PKCS_PSS, &CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256_HMAC, ..PSS });
    invalid(CKM_RSA_PKCS_PSS, &CK_RSA_PKCS_PSS_PARAMS { mgf: 0, ..PSS });
    invalid(CKM_RSA_PKCS_PSS, &[0_u8; 23]);
    invalid(CKM_RSA_PKCS_PSS, &[0_u8; 25]);
}

fn oaep(label: &mut [u8]) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: label.as_mut_ptr().cast(),
        ulSourceDataLen: ulong(label.len()),
    }
}

#[test]
fn oaep_takes_its_label_from_the_parameter_alone() {
    let mut label = *b"label";
    let good = oaep(&mut label);
    assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &good), Ok(Parameter::Oaep(oaep)) if oaep.label == b"label"));
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..good });
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { source: 2, ..good });
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { hashAlg: CKM_MD5, ..good });
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { mgf: CKG_MGF1_SHA3_256, ..good });
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { pSourceData: ptr::null_mut(), ..good });
    invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { ulSourceDataLen: CK_ULONG::MAX, ..good });
    let empty = CK_RSA_PKCS_OAEP_PARAMS { pSourceData: ptr::null_mut(), ulSourceDataLen: 0, ..good };
    assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &empty), Ok(Parameter::Oaep(oaep)) if oaep.label.is_empty()));
    let libp11 = CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..empty };
    assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &libp11), Ok(Parameter::Oaep(_))));
}

fn gcm(iv: &mut [u8], aad: &mut [u8]) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: ulong(iv.len()),
        ulIvBits: 0,
        pAAD: aad.as_mut_ptr(),
        ulAADLen: ulong(aad.len()),
        ulTagBits: 128,
    }
}

fn is_gcm(parsed: &Result<Parameter>) -> bool {
    matches!(parsed, Ok(Parameter::Gcm(gcm)) if gcm.iv == [5; 12] && gcm.aad == b"aad" && gcm.tag_bits == 128)
}

#[test]
fn gcm_is_taken_with_and_without_the_length_of_the_iv_in_bits() {
    let (mut iv, mut aad) = ([5_u8; 12], *b"aad");
    let params = gcm(&mut iv, &mut aad);
    assert!(is_gcm(&parse(CKM_AES_GCM, &params)));
    assert!(is_gcm(&parse(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvBits: 96, ..params })));
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvBits: 95, ..params });
    let short = [params.pIv.addr(), 12, params.pAAD.addr(), 3, 128];
    params.pIv.expose_provenance();
    params.pAAD.expose_provenance();
    assert!(is_gcm(&parse(CKM_AES_GCM, &short)));
}

#[test]
fn gcm_lengths_are_not_believed_beyond_reason() {
    let (mut iv, mut aad) = ([5_u8; 12], *b"aad");
    let params = gcm(&mut iv, &mut aad);
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: 0, ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: 257, ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: CK_ULONG::MAX / 8 + 1, ulIvBits: 0, ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { pIv: ptr::null_mut(), ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { pAAD: ptr::null_mut(), ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulAADLen: CK_ULONG::MAX, ..params });
    invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulTagBits: 1 << 40, ..params });
    let no_aad = CK_GCM_PARAMS { pAAD: ptr::null_mut(), ulAADLen: 0, ..params };
    assert!(matches!(parse(CKM_AES_GCM, &no_aad), Ok(Parameter::Gcm(gcm)) if gcm.aad.is_empty()));
}

fn gcm_wrap(iv: &mut [u8], generator: CK_GENERATOR_FUNCTION) -> CK_GCM_WRAP_PARAMS {
    CK_GCM_WRAP_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: ulong(iv.len()),
        ulIvFixedBits: 0,
        ivGenerator: generator,
        pAAD: ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    }
}

fn iv_of(parsed: Result<Parameter>) -> Result<Vec<u8>> {
    let Parameter::Gcm(gcm) = parsed? else { panic!("not GCM") };
    Ok(gcm.iv)
}

#[test]
fn gcm_wrap_parameters_ask_the_token_for_a_random_iv_or_bring_their_own() {
    let mut iv = [5_u8; 12];
    let wrap = |params: &CK_GCM_WRAP_PARAMS, usage| iv_of(parse_at(&mechanism(CKM_AES_GCM, params), usage));
    for generator in [CKG_GENERATE, CKG_GENERATE_RANDOM] {
        assert_eq!(wrap(&gcm_wrap(&mut iv, generator), Usage::Wrap), Ok(Vec::new()));
    }
    assert_eq!(wrap(&gcm_wrap(&mut iv, CKG_NO_GENERATE), Usage::Wrap), Ok(vec![5; 12]));
    for usage in [Usage::Unwrap, Usage::Wrap] {
        let fixed = CK_GCM_WRAP_PARAMS { ulIvFixedBits: 32, ..gcm_wrap(&mut iv, CKG_GENERATE) };
        let expected = if usage == Usage::Unwrap { None } else { Some(Error::MechanismParamInvalid) };
        assert_eq!(error(wrap(&fixed, usage)), expected);
    }
    for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR, 99] {
        let refused = wrap(&gcm_wrap(&mut iv, generator), Usage::Wrap);
        assert_eq!(error(refused), Some(Error::MechanismParamInvalid));
    }
    let long = wrap(&gcm_wrap(&mut [0; 16], CKG_GENERATE), Usage::Wrap);
    assert_eq!(error(long), Some(Error::MechanismParamInvalid));
    let encrypts = wrap(&gcm_wrap(&mut iv, CKG_GENERATE), Usage::Encrypt);
    assert_eq!(error(encrypts), Some(Error::MechanismParamInvalid));
}

#[test]
fn an_iv_that_the_token_made_goes_back_to_the_caller_of_a_wrap_alone() {
    for (usage, expected) in [(Usage::Wrap, [9; 12]), (Usage::Unwrap, [0; 12]), (Usage::Encrypt, [0; 12])] {
        let mut iv = [0_u8; 12];
        let params = gcm(&mut iv, &mut []);
        let own = mechanism(CKM_AES_GCM, &params);
        let call = call();
        // SAFETY: a mechanism with its parameter.
        let mechanism = unsafe { Mechanism::new(&call, (&raw const own).cast_mut()) };
        let mut parsed = mechanism.parse(usage).expect("a mechanism");
        if let Ok(Parameter::Gcm(gcm)) = &mut parsed.parameter {
            gcm.iv = vec![9; 12];
        }
        mechanism.write_back(&parsed);
        assert_eq!(iv, expected, "{usage:?}");
    }
}

#[test]
fn the_trace_hears_of_the_mechanism() {
    let call = call();
    let own = mechanism(MechanismType::AES_ECB.0, &());
    // SAFETY: a mechanism without parameter.
    let mechanism = unsafe { Mechanism::new(&call, (&raw const own).cast_mut()) };
    assert!(mechanism.parse(Usage::Encrypt).is_ok());
    assert_eq!(call.mechanism.get(), Some(CKM_AES_ECB));
}

const HKDF: CK_HKDF_PARAMS = CK_HKDF_PARAMS {
    bExtract: CK_TRUE,
    bExpand: CK_TRUE,
    prfHashMechanism: CKM_SHA256,
    ulSaltType: CKF_HKDF_SALT_NULL,
    pSalt: ptr::null_mut(),
    ulSaltLen: 0,
    hSaltKey: 0,
    pInfo: ptr::null_mut(),
    ulInfoLen: 0,
};

fn salt(params: CK_HKDF_PARAMS) -> Result<HkdfSalt> {
    let Parameter::Hkdf(hkdf) = parse(CKM_HKDF_DERIVE, &params)? else { panic!("not HKDF") };
    Ok(hkdf.salt)
}

#[test]
fn hkdf_takes_its_salt_from_nowhere_from_data_or_from_a_key() {
    let mut text = *b"salt";
    let data = CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_DATA, pSalt: text.as_mut_ptr(), ulSaltLen: 4, ..HKDF };
    let key = CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_KEY, hSaltKey: 7, ..HKDF };
    assert!(matches!(salt(HKDF), Ok(HkdfSalt::Null)));
    assert!(matches!(salt(data), Ok(HkdfSalt::Data(salt)) if salt == b"salt"));
    assert!(matches!(salt(key), Ok(HkdfSalt::Key(7))));
    assert!(matches!(salt(CK_HKDF_PARAMS { bExtract: CK_FALSE, ..key }), Ok(HkdfSalt::Null)));
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { ulSaltType: 3, ..HKDF });
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { pSalt: ptr::null_mut(), ..data });
}

#[test]
fn hkdf_needs_a_step_a_hash_and_true_booleans() {
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { bExtract: CK_FALSE, bExpand: CK_FALSE, ..HKDF });
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { bExtract: 2, ..HKDF });
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { prfHashMechanism: CKM_SHA256_HMAC, ..HKDF });
    invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { ulInfoLen: 1, ..HKDF });
    let mut info = *b"info";
    let with_info = CK_HKDF_PARAMS { pInfo: info.as_mut_ptr(), ulInfoLen: 4, ..HKDF };
    assert!(matches!(parse(CKM_HKDF_DERIVE, &with_info), Ok(Parameter::Hkdf(hkdf)) if hkdf.info == b"info"));
    let extract = CK_HKDF_PARAMS { bExpand: CK_FALSE, ..with_info };
    assert!(matches!(parse(CKM_HKDF_DERIVE, &extract), Ok(Parameter::Hkdf(hkdf)) if hkdf.info.is_empty()));
}

fn ecdh(shared: &mut [u8], public: &mut [u8]) -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen: ulong(shared.len()),
        pSharedData: shared.as_mut_ptr(),
        ulPublicDataLen: ulong(public.len()),
        pPublicData: public.as_mut_ptr(),
    }
}

#[test]
fn ecdh_brings_a_point_and_shared_data_only_with_a_key_derivation_function() {
    let (mut shared, mut public) = (*b"shared", *b"point");
    let params = ecdh(&mut shared, &mut public);
    let numbers = [CKD_SHA1_KDF, CKD_SHA224_KDF, CKD_SHA256_KDF, CKD_SHA384_KDF, CKD_SHA512_KDF];
    for (number, expected) in numbers.into_iter().zip(Hash::ALL) {
        for id in [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE] {
            let Ok(Parameter::Ecdh(parsed)) = parse(id, &CK_ECDH1_DERIVE_PARAMS { kdf: number, ..params }) else {
                panic!("not ECDH")
            };
            assert_eq!((parsed.kdf, parsed.shared_info.as_slice()), (Some(expected), &b"shared"[..]));
            assert_eq!(parsed.public, b"point");
        }
    }
    let bare = CK_ECDH1_DERIVE_PARAMS { kdf: CKD_NULL, pSharedData: ptr::null_mut(), ulSharedDataLen: 0, ..params };
    assert!(matches!(parse(CKM_ECDH1_DERIVE, &bare), Ok(Parameter::Ecdh(parsed)) if parsed.kdf.is_none()));
    invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { kdf: CKD_NULL, ..params });
    for kdf in [0, CKD_SHA1_KDF_ASN1, CKD_SHA256_KDF_SP800, CKD_SHA3_256_KDF, CK_ULONG::MAX] {
        invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { kdf, ..params });
    }
    invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { pPublicData: ptr::null_mut(), ..params });
    invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { pSharedData: ptr::null_mut(), ..params });
    invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { ulPublicDataLen: CK_ULONG::MAX, ..params });
    invalid(CKM_ECDH1_DERIVE, &CK_ECDH1_DERIVE_PARAMS { ulSharedDataLen: 1 << 40, ..params });
    invalid(CKM_ECDH1_DERIVE, &[0_u8; 39]);
    invalid(CKM_ECDH1_DERIVE, &());
}

#[test]
fn a_derivation_with_data_brings_it_where_its_structure_says() {
    let mut text = *b"data";
    let params = CK_KEY_DERIVATION_STRING_DATA { pData: text.as_mut_ptr(), ulLen: 4 };
    let ids =
        [CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE, CKM_XOR_BASE_AND_DATA, CKM_AES_ECB_ENCRYPT_DATA];
    let empty = CK_KEY_DERIVATION_STRING_DATA { pData: ptr::null_mut(), ulLen: 0 };
    for id in ids {
        assert!(matches!(parse(id, &params), Ok(Parameter::Data(parsed)) if parsed.data.ct_eq(b"data")));
        assert!(matches!(parse(id, &empty), Ok(Parameter::Data(parsed)) if parsed.data.is_empty()));
        invalid(id, &CK_KEY_DERIVATION_STRING_DATA { pData: ptr::null_mut(), ..params });
        invalid(id, &CK_KEY_DERIVATION_STRING_DATA { ulLen: CK_ULONG::MAX, ..params });
        invalid(id, &CK_KEY_DERIVATION_STRING_DATA { ulLen: (16 << 20) + 1, ..params });
        invalid(id, &[0_u8; 15]);
        invalid(id, &());
    }
    let cbc = CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: [7; 16], pData: text.as_mut_ptr(), length: 4 };
    let parsed = parse(CKM_AES_CBC_ENCRYPT_DATA, &cbc);
    assert!(matches!(parsed, Ok(Parameter::CbcData(parsed)) if parsed.iv == [7; 16] && parsed.data == b"data"));
    invalid(CKM_AES_CBC_ENCRYPT_DATA, &CK_AES_CBC_ENCRYPT_DATA_PARAMS { pData: ptr::null_mut(), ..cbc });
    invalid(CKM_AES_CBC_ENCRYPT_DATA, &CK_AES_CBC_ENCRYPT_DATA_PARAMS { length: CK_ULONG::MAX, ..cbc });
    invalid(CKM_AES_CBC_ENCRYPT_DATA, &params);
}

#[test]
fn a_second_key_and_a_first_bit_are_one_number() {
    let number: CK_ULONG = 77;
    assert!(matches!(parse(CKM_CONCATENATE_BASE_AND_KEY, &number), Ok(Parameter::Key(77))));
    assert!(matches!(parse(CKM_EXTRACT_KEY_FROM_KEY, &number), Ok(Parameter::FirstBit(77))));
    for id in [CKM_CONCATENATE_BASE_AND_KEY, CKM_EXTRACT_KEY_FROM_KEY] {
        invalid(id, &0_u32);
        invalid(id, &[0_u8; 9]);
        invalid(id, &());
        let null = CK_MECHANISM { mechanism: id, pParameter: ptr::null_mut(), ulParameterLen: 8 };
        assert_eq!(error(parse_at(&null, Usage::Derive)), Some(Error::MechanismParamInvalid));
    }
}

#[test]
fn an_unaligned_structure_of_a_derivation_is_read_all_the_same() {
    let (mut shared, mut public) = (*b"shared", *b"point");
    let mut memory = [0_u8; 1 + size_of::<CK_ECDH1_DERIVE_PARAMS>()];
    let start = memory.as_mut_ptr().wrapping_add(1).cast::<CK_ECDH1_DERIVE_PARAMS>();
    // SAFETY: within `memory`.
    unsafe { start.write_unaligned(ecdh(&mut shared, &mut public)) };
    let own = CK_MECHANISM { mechanism: CKM_ECDH1_DERIVE, pParameter: start.cast(), ulParameterLen: 40 };
    assert!(matches!(parse_at(&own, Usage::Derive), Ok(Parameter::Ecdh(parsed)) if parsed.public == b"point"));
}
