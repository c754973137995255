#![allow(missing_docs, unreachable_pub)]

use crate::engine::*;
use crate::{Error, Key, Params, Result, Secret};
use rand_core::CryptoRng;
use std::sync::Arc;
pub struct Unready;
impl Sign for Unready {
    fn check(&self, _: &Key, _: &Params) -> Result<()> {
        Err(Error::Internal)
    }
    fn signature_len(&self, _: &Key, _: &Params) -> Result<usize> {
        Err(Error::Internal)
    }
    fn sign(&self, _: &Key, _: &Params, _: &[u8], _: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        Err(Error::Internal)
    }
    fn verify(&self, _: &Key, _: &Params, _: &[u8], _: &[u8]) -> Result<()> {
        Err(Error::Internal)
    }
    fn stream(&self, _: &Arc<Key>, _: &Params) -> Result<Option<Box<dyn SignStream>>> {
        Err(Error::Internal)
    }
}
impl Cipher for Unready {
    fn check(&self, _: Direction, _: &Key, _: &Params) -> Result<()> {
        Err(Error::Internal)
    }
    fn output_len(&self, _: Direction, _: &Key, _: &Params, _: usize) -> Result<usize> {
        Err(Error::Internal)
    }
    fn exact(&self, _: Direction) -> bool {
        false
    }
    fn encrypt(&self, _: &Key, _: &Params, _: &[u8], _: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        Err(Error::Internal)
    }
    fn decrypt(&self, _: &Key, _: &Params, _: &[u8], _: &mut [u8]) -> Result<usize> {
        Err(Error::Internal)
    }
    fn stream(&self, _: Direction, _: &Arc<Key>, _: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        Err(Error::Internal)
    }
}
impl Wrap for Unready {
    fn check(&self, _: Direction, _: &Key, _: &Params) -> Result<()> {
        Err(Error::Internal)
    }
    fn wrapped_len(&self, _: &Key, _: &Params, _: usize) -> Result<usize> {
        Err(Error::Internal)
    }
    fn wrap(&self, _: &Key, _: &Params, _: &[u8], _: &mut [u8], _: &mut dyn CryptoRng) -> Result<usize> {
        Err(Error::Internal)
    }
    fn unwrap(&self, _: &Key, _: &Params, _: &[u8]) -> Result<Secret> {
        Err(Error::Internal)
    }
}
impl Derive for Unready {
    fn derive(&self, _: &Key, _: &Params, _: usize) -> Result<Secret> {
        Err(Error::Internal)
    }
}
