//! Algorithms and secrets. No PKCS#11, no roles, no files.
//!
//! An algorithm is a `static` that implements one small trait per shape ([`engine`]); the mechanism
//! table of `claviger-rules` names these statics and nothing else knows which crate an algorithm
//! came from. Keys are parsed once into a [`Key`] and shared.
//!
//! | algorithm | served by | why |
//! | --- | --- | --- |
//! | SHA-256, SHA-384, SHA-512 | `ring` | |
//! | SHA-1, SHA-224 | `aws-lc-rs` | ring's SHA-1 is four times slower; it has no SHA-224 |
//! | HMAC | `aws-lc-rs` | has SHA-224, wipes its keys |
//! | AES-CMAC, AES-CBC | `aws-lc-rs` | ring has neither |
//! | AES-ECB | `aes` | |
//! | AES-GCM, 96-bit IV, 128-bit tag | `ring`; 192-bit keys `aws-lc-rs` | ring has no 192-bit keys |
//! | AES-GCM, another IV or tag | `aes`, `ghash`, `ctr` | the two above take no other IV |
//! | AES key wrap | `aes-kw`; a caller's initial value over `aes` | `aes-kw` has the default one alone |
//! | HKDF | `hkdf` | gives out the pseudorandom key between the steps |
//! | ECDSA, EC key pairs | `aws-lc-rs` | ring takes no digest |
//! | ECDH | `aws-lc-rs`; the hashes of X9.63 over the digests above | ring agrees with keys of its own making alone |
//! | points, public half of a scalar | `p256`, `p384` | |
//! | RSA signature with SHA-256, SHA-384, SHA-512; any PSS salt | `aws-lc-rs` | ring takes no digest and is slower |
//! | RSA signature with SHA-1, SHA-224; raw bytes that are no DigestInfo | `rsa`, blinded | aws-lc-rs has no name for them |
//! | RSA verification | as signing, but PKCS #1 v1.5 with SHA-1 `aws-lc-rs` | |
//! | RSAES-PKCS1-v1_5; OAEP with one hash of SHA-1, SHA-256, SHA-384, SHA-512 | `aws-lc-rs` | ring does not decrypt |
//! | OAEP with SHA-224 or two hashes | `rsa`, blinded | aws-lc-rs has no name for them |
//! | RSA key pairs of 2048, 3072, 4096 bits with 65537 | `aws-lc-rs` | three times quicker |
//! | other RSA key pairs, missing parts, PKCS#1 and PKCS#8 | `rsa` | |
//! | sealing, system randomness | `ring` | |
//!
//! What a private RSA key does on `rsa` takes ten times as long as on aws-lc and rests on `rsa`'s own
//! defence against timing (blinded base, exponent and moduli), which its release 0.10 gives as the
//! answer to RUSTSEC-2023-0071. SHA-256 and above with one hash throughout stays on aws-lc.
//!
//! Limits. aws-lc draws from its own generator, whatever one is passed in, and aborts the process when
//! the system gives it no entropy. ring's prepared AES-GCM keys are not wiped. PSS takes one hash
//! for message and mask. OAEP on `rsa` does not look at the octet before the seed
//! (draft-irtf-cfrg-rsa-guidance), where aws-lc refuses one that is not 0.
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
pub use params::{CbcDataParams, DataParams, EcdhParams, GcmParams, HkdfParams, OaepParams, Params, PssParams};
pub use random::SystemRandom;
pub use secret::Secret;
