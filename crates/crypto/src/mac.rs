//! Interim.
#![allow(missing_docs)]
use crate::unready::Unready;
pub static HMAC_SHA_1: Unready = Unready;
pub static HMAC_SHA224: Unready = Unready;
pub static HMAC_SHA256: Unready = Unready;
pub static HMAC_SHA384: Unready = Unready;
pub static HMAC_SHA512: Unready = Unready;
pub static AES_CMAC: Unready = Unready;
