//! Mechanisms with their parameters (PKCS#11 3.2, chapter 6), as owned values.
//!
//! `CK_MECHANISM` and the parameter structures exist only while a call runs, inside `Mechanism::with_raw`.

use std::cell::RefCell;

use cryptoki_sys::*;

/// A mechanism and its parameter.
#[derive(Clone, Debug)]
pub struct Mechanism {
    kind: CK_MECHANISM_TYPE,
    parameter: Parameter,
}

#[derive(Clone, Debug)]
enum Parameter {
    None,
    Bytes(RefCell<Vec<u8>>),
    /// The IV is written back by tokens that make it.
    Gcm {
        iv: RefCell<Vec<u8>>,
        aad: Vec<u8>,
        tag_bits: CK_ULONG,
    },
    Oaep {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        label: Vec<u8>,
    },
    Pss {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_bytes: CK_ULONG,
    },
    /// CK_GCM_WRAP_PARAMS; the IV is written back.
    GcmWrap {
        iv: RefCell<Vec<u8>>,
        fixed_bits: CK_ULONG,
        generator: CK_GENERATOR_FUNCTION,
        tag_bits: CK_ULONG,
    },
    Hkdf {
        hash: CK_MECHANISM_TYPE,
        salt: Salt,
        info: Vec<u8>,
    },
    /// CK_KEY_DERIVATION_STRING_DATA.
    Text(Vec<u8>),
    /// CK_AES_CBC_ENCRYPT_DATA_PARAMS.
    CbcData {
        iv: [u8; 16],
        data: Vec<u8>,
    },
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh {
        kdf: CK_EC_KDF_TYPE,
        shared: Vec<u8>,
        point: Vec<u8>,
    },
    /// CK_SP800_108_KDF_PARAMS in counter mode, with a key among the data.
    CounterKdf {
        prf: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
    },
}

/// The salt of HKDF.
#[derive(Clone, Debug)]
enum Salt {
    Data(Vec<u8>),
    Key(CK_OBJECT_HANDLE),
}

impl Mechanism {
    /// A mechanism without a parameter.
    pub fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Mechanism { kind, parameter: Parameter::None }
    }

    /// A mechanism whose parameter is a byte string: the IV of CBC, say.
    pub fn with_bytes(kind: CK_MECHANISM_TYPE, parameter: &[u8]) -> Self {
        Mechanism { kind, parameter: Parameter::Bytes(RefCell::new(parameter.to_vec())) }
    }

    /// CKM_AES_GCM with CK_GCM_PARAMS.
    pub fn aes_gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Self {
        let parameter = Parameter::Gcm { iv: RefCell::new(iv.to_vec()), aad: aad.to_vec(), tag_bits };
        Mechanism { kind: CKM_AES_GCM, parameter }
    }

    /// CKM_RSA_PKCS_OAEP; an empty label means none.
    pub fn rsa_oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> Self {
        Mechanism { kind: CKM_RSA_PKCS_OAEP, parameter: Parameter::Oaep { hash, mgf, label: label.to_vec() } }
    }

    /// One of the PSS mechanisms.
    pub fn rsa_pss(
        kind: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_bytes: CK_ULONG,
    ) -> Self {
        Mechanism { kind, parameter: Parameter::Pss { hash, mgf, salt_bytes } }
    }

    /// CKM_HKDF_DERIVE or CKM_HKDF_DATA: extract and expand; an empty salt means CKF_HKDF_SALT_NULL.
    pub fn hkdf(kind: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, salt: &[u8], info: &[u8]) -> Self {
        Mechanism { kind, parameter: Parameter::Hkdf { hash, salt: Salt::Data(salt.to_vec()), info: info.to_vec() } }
    }

    /// CKM_HKDF_DERIVE with a key as the salt.
    pub fn hkdf_salted_with(hash: CK_MECHANISM_TYPE, salt: CK_OBJECT_HANDLE, info: &[u8]) -> Self {
        let parameter = Parameter::Hkdf { hash, salt: Salt::Key(salt), info: info.to_vec() };
        Mechanism { kind: CKM_HKDF_DERIVE, parameter }
    }

    /// CKM_AES_GCM with CK_GCM_WRAP_PARAMS, for wrapping.
    pub fn aes_gcm_wrap(iv: &[u8], fixed_bits: CK_ULONG, generator: CK_GENERATOR_FUNCTION, tag_bits: CK_ULONG) -> Self {
        let parameter = Parameter::GcmWrap { iv: RefCell::new(iv.to_vec()), fixed_bits, generator, tag_bits };
        Mechanism { kind: CKM_AES_GCM, parameter }
    }

    /// A mechanism whose parameter is a number: the bit to start from, or the handle of a second key.
    pub fn with_number(kind: CK_MECHANISM_TYPE, number: CK_ULONG) -> Self {
        Mechanism::with_bytes(kind, &number.to_ne_bytes())
    }

    /// A derivation with data: CKM_CONCATENATE_…, CKM_XOR_BASE_AND_DATA, CKM_AES_ECB_ENCRYPT_DATA.
    pub fn with_data(kind: CK_MECHANISM_TYPE, data: &[u8]) -> Self {
        Mechanism { kind, parameter: Parameter::Text(data.to_vec()) }
    }

    /// CKM_AES_CBC_ENCRYPT_DATA.
    pub fn aes_cbc_encrypt_data(iv: [u8; 16], data: &[u8]) -> Self {
        Mechanism { kind: CKM_AES_CBC_ENCRYPT_DATA, parameter: Parameter::CbcData { iv, data: data.to_vec() } }
    }

    /// CKM_ECDH1_DERIVE without a KDF, with the other side's point.
    pub fn ecdh(point: &[u8]) -> Self {
        Mechanism::agreement(CKM_ECDH1_DERIVE, CKD_NULL, &[], point)
    }

    /// CKM_ECDH1_DERIVE or CKM_ECDH1_COFACTOR_DERIVE with a KDF and its shared data.
    pub fn agreement(kind: CK_MECHANISM_TYPE, kdf: CK_EC_KDF_TYPE, shared: &[u8], point: &[u8]) -> Self {
        Mechanism { kind, parameter: Parameter::Ecdh { kdf, shared: shared.to_vec(), point: point.to_vec() } }
    }

    /// CKM_SP800_108_COUNTER_KDF with a second key among its data (CK_SP800_108_KEY_HANDLE).
    pub fn counter_kdf(prf: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) -> Self {
        Mechanism { kind: CKM_SP800_108_COUNTER_KDF, parameter: Parameter::CounterKdf { prf, key } }
    }

    /// CKM_…
    pub fn kind(&self) -> CK_MECHANISM_TYPE {
        self.kind
    }

    /// The IV as the last call left it.
    pub fn iv(&self) -> Vec<u8> {
        match &self.parameter {
            Parameter::Gcm { iv, .. } | Parameter::GcmWrap { iv, .. } | Parameter::Bytes(iv) => iv.borrow().clone(),
            _ => Vec::new(),
        }
    }

    /// Runs `body` with the C form; the pointer is good until `body` returns.
    pub(crate) fn with_raw<R>(&self, body: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        match &self.parameter {
            Parameter::None => body(&mut raw(self.kind, std::ptr::null_mut(), 0)),
            Parameter::Bytes(bytes) => {
                let mut bytes = bytes.borrow_mut();
                body(&mut raw(self.kind, bytes.as_mut_ptr().cast(), bytes.len()))
            }
            Parameter::Gcm { iv, aad, tag_bits } => {
                let mut iv = iv.borrow_mut();
                with_struct(self.kind, gcm(&mut iv, aad, *tag_bits), body)
            }
            Parameter::Oaep { hash, mgf, label } => with_struct(self.kind, oaep(*hash, *mgf, label), body),
            Parameter::Pss { hash, mgf, salt_bytes } => {
                with_struct(self.kind, CK_RSA_PKCS_PSS_PARAMS { hashAlg: *hash, mgf: *mgf, sLen: *salt_bytes }, body)
            }
            Parameter::Hkdf { hash, salt, info } => with_struct(self.kind, hkdf(*hash, salt, info), body),
            Parameter::GcmWrap { iv, fixed_bits, generator, tag_bits } => {
                let mut iv = iv.borrow_mut();
                with_struct(self.kind, gcm_wrap(&mut iv, *fixed_bits, *generator, *tag_bits), body)
            }
            Parameter::Text(data) => {
                let text = CK_KEY_DERIVATION_STRING_DATA { pData: input(data), ulLen: data.len() as CK_ULONG };
                with_struct(self.kind, text, body)
            }
            Parameter::CbcData { iv, data } => {
                let params =
                    CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: *iv, pData: input(data), length: data.len() as CK_ULONG };
                with_struct(self.kind, params, body)
            }
            Parameter::Ecdh { kdf, shared, point } => with_struct(self.kind, ecdh(*kdf, shared, point), body),
            Parameter::CounterKdf { prf, key } => with_counter_kdf(self.kind, *prf, *key, body),
        }
    }
}

impl From<CK_MECHANISM_TYPE> for Mechanism {
    fn from(kind: CK_MECHANISM_TYPE) -> Self {
        Mechanism::plain(kind)
    }
}

fn with_struct<P, R>(kind: CK_MECHANISM_TYPE, mut params: P, body: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
    let pointer: *mut P = &mut params;
    body(&mut raw(kind, pointer.cast(), size_of::<P>()))
}

fn raw(kind: CK_MECHANISM_TYPE, pointer: *mut std::ffi::c_void, length: usize) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: kind, pParameter: pointer, ulParameterLen: length as CK_ULONG }
}

fn gcm(iv: &mut [u8], aad: &[u8], tag_bits: CK_ULONG) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvBits: 8 * iv.len() as CK_ULONG,
        pAAD: pointer_or_null(aad),
        ulAADLen: aad.len() as CK_ULONG,
        ulTagBits: tag_bits,
    }
}

fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: pointer_or_null(label).cast(),
        ulSourceDataLen: label.len() as CK_ULONG,
    }
}

fn gcm_wrap(
    iv: &mut [u8],
    fixed_bits: CK_ULONG,
    generator: CK_GENERATOR_FUNCTION,
    tag_bits: CK_ULONG,
) -> CK_GCM_WRAP_PARAMS {
    CK_GCM_WRAP_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvFixedBits: fixed_bits,
        ivGenerator: generator,
        pAAD: std::ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: tag_bits,
    }
}

fn ecdh(kdf: CK_EC_KDF_TYPE, shared: &[u8], point: &[u8]) -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf,
        ulSharedDataLen: shared.len() as CK_ULONG,
        pSharedData: pointer_or_null(shared),
        ulPublicDataLen: point.len() as CK_ULONG,
        pPublicData: pointer_or_null(point),
    }
}

fn with_counter_kdf<R>(
    kind: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    mut key: CK_OBJECT_HANDLE,
    body: impl FnOnce(*mut CK_MECHANISM) -> R,
) -> R {
    let mut counter = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 32 };
    let mut data = [
        CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: (&raw mut counter).cast(),
            ulValueLen: size_of::<CK_SP800_108_COUNTER_FORMAT>() as CK_ULONG,
        },
        CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_KEY_HANDLE,
            pValue: (&raw mut key).cast(),
            ulValueLen: size_of::<CK_OBJECT_HANDLE>() as CK_ULONG,
        },
    ];
    let params = CK_SP800_108_KDF_PARAMS {
        prfType: prf,
        ulNumberOfDataParams: data.len() as CK_ULONG,
        pDataParams: data.as_mut_ptr(),
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: std::ptr::null_mut(),
    };
    with_struct(kind, params, body)
}

fn hkdf(hash: CK_MECHANISM_TYPE, salt: &Salt, info: &[u8]) -> CK_HKDF_PARAMS {
    let (kind, data, key): (_, &[u8], _) = match salt {
        Salt::Data(data) if data.is_empty() => (CKF_HKDF_SALT_NULL, &[], CK_INVALID_HANDLE),
        Salt::Data(data) => (CKF_HKDF_SALT_DATA, data, CK_INVALID_HANDLE),
        Salt::Key(key) => (CKF_HKDF_SALT_KEY, &[], *key),
    };
    CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: hash,
        ulSaltType: kind,
        pSalt: pointer_or_null(data),
        ulSaltLen: data.len() as CK_ULONG,
        hSaltKey: key,
        pInfo: pointer_or_null(info),
        ulInfoLen: info.len() as CK_ULONG,
    }
}

fn input(bytes: &[u8]) -> *mut u8 {
    bytes.as_ptr().cast_mut()
}

fn pointer_or_null(bytes: &[u8]) -> *mut u8 {
    if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_ptr().cast_mut() }
}
