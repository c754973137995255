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
    Hkdf {
        hash: CK_MECHANISM_TYPE,
        salt: Vec<u8>,
        info: Vec<u8>,
    },
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
        Mechanism { kind, parameter: Parameter::Hkdf { hash, salt: salt.to_vec(), info: info.to_vec() } }
    }

    /// CKM_…
    pub fn kind(&self) -> CK_MECHANISM_TYPE {
        self.kind
    }

    /// The IV as the last call left it.
    pub fn iv(&self) -> Vec<u8> {
        match &self.parameter {
            Parameter::Gcm { iv, .. } | Parameter::Bytes(iv) => iv.borrow().clone(),
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

fn hkdf(hash: CK_MECHANISM_TYPE, salt: &[u8], info: &[u8]) -> CK_HKDF_PARAMS {
    CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: hash,
        ulSaltType: if salt.is_empty() { CKF_HKDF_SALT_NULL } else { CKF_HKDF_SALT_DATA },
        pSalt: pointer_or_null(salt),
        ulSaltLen: salt.len() as CK_ULONG,
        hSaltKey: CK_INVALID_HANDLE,
        pInfo: pointer_or_null(info),
        ulInfoLen: info.len() as CK_ULONG,
    }
}

fn pointer_or_null(bytes: &[u8]) -> *mut u8 {
    if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_ptr().cast_mut() }
}
