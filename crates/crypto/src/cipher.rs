//! Ciphers. Block modes of AES (NIST SP 800-38A), AES-GCM (SP 800-38D), RSA (RFC 8017, section 7).
//!
//! A cipher's parameters: [`AES_ECB`] and [`RSA_PKCS`] [`crate::Params::None`], [`AES_CBC`] and
//! [`AES_CBC_PAD`] [`crate::Params::Iv`], [`AES_GCM`] [`crate::Params::Gcm`], [`RSA_OAEP`]
//! [`crate::Params::Oaep`]. Lengths that cannot be are [`crate::Error::DataLen`] or
//! [`crate::Error::CiphertextLen`]; what does not decrypt is [`crate::Error::CiphertextInvalid`].

pub(crate) mod block;
mod blockwise;
mod cbc;
mod ecb;
pub(crate) mod gcm;
mod gcm_any;
mod implicit_rejection;
mod oaep;
mod rsa;

pub use self::cbc::{AES_CBC, AES_CBC_PAD, Cbc};
pub use self::ecb::{AES_ECB, Ecb};
pub use self::gcm::{AES_GCM, Gcm};
pub use self::oaep::{Oaep, RSA_OAEP};
pub(crate) use self::rsa::RSA_PKCS_EXPLICIT;
pub use self::rsa::{Pkcs1, RSA_PKCS};
