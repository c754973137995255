//! Interim.
#![allow(missing_docs)]
use crate::unready::Unready;
pub(crate) mod rsa {
    #[derive(Default)]
    pub(crate) struct Verifying;
}
pub static RSA_PKCS: Unready = Unready;
pub static RSA_PKCS_PSS: Unready = Unready;
pub static ECDSA: Unready = Unready;
pub static SHA1_RSA_PKCS: Unready = Unready;
pub static SHA224_RSA_PKCS: Unready = Unready;
pub static SHA256_RSA_PKCS: Unready = Unready;
pub static SHA384_RSA_PKCS: Unready = Unready;
pub static SHA512_RSA_PKCS: Unready = Unready;
pub static SHA1_RSA_PKCS_PSS: Unready = Unready;
pub static SHA224_RSA_PKCS_PSS: Unready = Unready;
pub static SHA256_RSA_PKCS_PSS: Unready = Unready;
pub static SHA384_RSA_PKCS_PSS: Unready = Unready;
pub static SHA512_RSA_PKCS_PSS: Unready = Unready;
pub static ECDSA_SHA1: Unready = Unready;
pub static ECDSA_SHA224: Unready = Unready;
pub static ECDSA_SHA256: Unready = Unready;
pub static ECDSA_SHA384: Unready = Unready;
pub static ECDSA_SHA512: Unready = Unready;
