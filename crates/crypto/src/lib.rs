//! Algorithms and secrets. No PKCS#11, no roles, no files.
//!
//! An algorithm is a `static` that implements one small trait per shape ([`engine`]); the mechanism
//! table of `claviger-rules` names these statics and nothing else knows which crate an algorithm
//! came from. Keys are parsed once into a [`Key`] and shared.
#![forbid(unsafe_code)]

mod buffer;
pub mod cipher;
pub mod digest;
pub mod encoding;
pub mod engine;
mod error;
pub mod generate;
mod hash;
pub mod kdf;
mod key;
pub mod mac;
pub mod params;
mod random;
pub mod seal;
mod secret;
pub mod sign;
pub mod wrap;

pub use engine::{Cipher, CipherStream, Derive, Digest, DigestStream, Direction, Hash, Sign, SignStream, Wrap};
pub use error::{Error, Result};
pub use key::{Curve, EcParts, Key, KeyKind, MAX_RSA_BITS, MIN_RSA_BITS, RsaParts};
pub use params::{GcmParams, HkdfParams, OaepParams, Params, PssParams};
pub use random::SystemRandom;
pub use secret::Secret;
