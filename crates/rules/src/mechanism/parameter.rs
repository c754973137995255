//! Mechanism parameters as the border parses them: owned, typed, key handles still handles.

use claviger_crypto::engine::Hash;
use claviger_crypto::params::{CbcDataParams, DataParams, EcdhParams, GcmParams, OaepParams, PssParams};

/// Which C structure a mechanism takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// None at all: `pParameter` NULL, or any pointer with length 0.
    None,
    /// 16 bytes of IV.
    Iv,
    /// CK_GCM_PARAMS.
    Gcm,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss,
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep,
    /// Nothing, or the initial value: 8 bytes for KW (RFC 3394).
    KeyWrap8,
    /// Nothing, or the initial value: 4 bytes for KWP (RFC 5649).
    KeyWrap4,
    /// CK_HKDF_PARAMS.
    Hkdf,
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh,
    /// CK_OBJECT_HANDLE: a second key.
    Key,
    /// CK_KEY_DERIVATION_STRING_DATA.
    Data,
    /// CK_AES_CBC_ENCRYPT_DATA_PARAMS.
    CbcData,
    /// CK_EXTRACT_PARAMS.
    FirstBit,
}

/// A parsed parameter.
pub enum Parameter {
    /// None.
    None,
    /// The IV of a block mode.
    Iv([u8; 16]),
    /// AES-GCM. Under a trusted key the token fills the IV in, and the border writes it back.
    Gcm(GcmParams),
    /// RSASSA-PSS.
    Pss(PssParams),
    /// RSAES-OAEP.
    Oaep(OaepParams),
    /// Another initial value than the default of the RFC.
    KeyWrapIv(Vec<u8>),
    /// HKDF.
    Hkdf(HkdfParameter),
    /// Elliptic curve Diffie-Hellman.
    Ecdh(EcdhParams),
    /// The value of a second key, by handle.
    Key(u64),
    /// Bytes that the key is joined with, or that it encrypts.
    Data(DataParams),
    /// Bytes that the key encrypts in CBC mode.
    CbcData(CbcDataParams),
    /// The bit of the key that a cut out of it begins with.
    FirstBit(u64),
}

impl Parameter {
    /// The handle of the key that the parameter names, if it names one.
    pub const fn key(&self) -> Option<u64> {
        match self {
            Self::Key(handle) | Self::Hkdf(HkdfParameter { salt: HkdfSalt::Key(handle), .. }) => Some(*handle),
            _ => None,
        }
    }
}

/// CK_HKDF_PARAMS.
pub struct HkdfParameter {
    /// Do the extract step.
    pub extract: bool,
    /// Do the expand step.
    pub expand: bool,
    /// The hash.
    pub hash: Hash,
    /// Where the salt of the extract step comes from.
    pub salt: HkdfSalt,
    /// The info of the expand step.
    pub info: Vec<u8>,
}

/// CKF_HKDF_SALT_*.
pub enum HkdfSalt {
    /// A string of zeros.
    Null,
    /// Given in the clear.
    Data(Vec<u8>),
    /// The value of a key, by handle.
    Key(u64),
}
