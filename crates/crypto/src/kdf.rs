//! Key derivation. Not here: which of these may be used on which key; some give the base key away to
//! whoever may choose the data (PKCS#11 section 6.43, and keys made by encrypting data).

mod ecdh;
mod encrypt_data;
mod hkdf;
mod simple;

pub use self::ecdh::{ECDH, Ecdh};
pub use self::encrypt_data::{AES_CBC_DATA, AES_ECB_DATA, EncryptData};
pub use self::hkdf::{HKDF, Hkdf};
pub use self::simple::{BASE_AND_DATA, Concatenate, DATA_AND_BASE, EXTRACT, Extract, XOR, Xor};

/// More than any key has, in bytes; a length beyond it is refused before memory is taken for it.
const MAX_LEN: usize = 1 << 20;
