//! Interim.
#![allow(missing_docs)]
use crate::unready::Unready;
pub static HKDF: Unready = Unready;
