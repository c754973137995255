//! Interim.
#![allow(missing_docs)]
use crate::unready::Unready;
pub static AES_ECB: Unready = Unready;
pub static AES_CBC: Unready = Unready;
pub static AES_CBC_PAD: Unready = Unready;
pub static AES_GCM: Unready = Unready;
pub static RSA_PKCS: Unready = Unready;
pub static RSA_OAEP: Unready = Unready;
