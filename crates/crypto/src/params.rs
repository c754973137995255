//! Parameters of algorithms, already parsed and owned.

use crate::engine::Hash;

/// The parameters of one operation. Which variant an algorithm takes is in its documentation;
/// another one is [`crate::Error::Params`].
#[derive(Clone, Default)]
pub enum Params {
    /// The algorithm has none.
    #[default]
    None,
    /// The initialisation vector of a block mode, 16 bytes.
    Iv([u8; 16]),
    /// AES-GCM.
    Gcm(GcmParams),
    /// RSASSA-PSS.
    Pss(PssParams),
    /// RSAES-OAEP.
    Oaep(OaepParams),
    /// AES key wrap with another initial value than the default (RFC 3394: 8 bytes, RFC 5649: 4).
    KeyWrapIv(Vec<u8>),
    /// HKDF, RFC 5869.
    Hkdf(HkdfParams),
    /// Bytes that a key is joined with, or that it encrypts.
    Data(DataParams),
    /// Bytes that a key encrypts in CBC mode.
    CbcData(CbcDataParams),
    /// The bit of a key that is the first of another; 0 is the most significant of the first byte.
    FirstBit(u64),
    /// Elliptic curve Diffie-Hellman.
    Ecdh(EcdhParams),
}

/// AES-GCM, NIST SP 800-38D.
#[derive(Clone)]
pub struct GcmParams {
    /// The initialisation vector, 1 to 256 bytes; 12 is the fast way.
    pub iv: Vec<u8>,
    /// Additional authenticated data.
    pub aad: Vec<u8>,
    /// The tag's length in bits: 128, 120, 112, 104, 96, 64 or 32.
    pub tag_bits: u32,
}

/// RSASSA-PSS, RFC 8017 section 8.1.
#[derive(Clone, Copy)]
pub struct PssParams {
    /// The hash over the message.
    pub hash: Hash,
    /// The hash inside MGF1.
    pub mgf: Hash,
    /// The salt's length in bytes.
    pub salt_len: usize,
}

/// RSAES-OAEP, RFC 8017 section 7.1.
#[derive(Clone)]
pub struct OaepParams {
    /// The hash over the label.
    pub hash: Hash,
    /// The hash inside MGF1.
    pub mgf: Hash,
    /// The label, often empty.
    pub label: Vec<u8>,
}

/// HKDF, RFC 5869. At least one of `extract` and `expand` is set.
pub struct HkdfParams {
    /// Do the extract step.
    pub extract: bool,
    /// Do the expand step.
    pub expand: bool,
    /// The hash of HMAC.
    pub hash: Hash,
    /// The salt of the extract step; `None` is a string of zeros (RFC 5869 section 2.2).
    pub salt: Option<crate::Secret>,
    /// The info of the expand step.
    pub info: Vec<u8>,
}

impl Clone for HkdfParams {
    fn clone(&self) -> Self {
        Self {
            extract: self.extract,
            expand: self.expand,
            hash: self.hash,
            salt: self.salt.as_ref().map(crate::Secret::duplicate),
            info: self.info.clone(),
        }
    }
}

/// What a key is joined with: data, or the value of another key.
pub struct DataParams {
    /// Secret, because it is part of what is derived.
    pub data: crate::Secret,
}

impl Clone for DataParams {
    fn clone(&self) -> Self {
        Self { data: self.data.duplicate() }
    }
}

/// Data to encrypt in CBC mode.
#[derive(Clone)]
pub struct CbcDataParams {
    /// The initialisation vector.
    pub iv: [u8; 16],
    /// Whole blocks.
    pub data: Vec<u8>,
}

/// Elliptic curve Diffie-Hellman, SP 800-56A section 5.7.1.2.
#[derive(Clone)]
pub struct EcdhParams {
    /// The hash of the key derivation function of ANSI X9.63; `None` for the shared secret itself.
    pub kdf: Option<Hash>,
    /// What goes into the key derivation function besides the secret; empty without one.
    pub shared_info: Vec<u8>,
    /// The other side's point as SEC 1 encodes it, compressed or not, bare or in a DER OCTET STRING.
    pub public: Vec<u8>,
}
