//! Keys that are ciphertext: data encrypted with the base key (PKCS#11 section 6.17).

use crate::cipher::block::BLOCK_LEN;
use crate::cipher::{AES_CBC, AES_ECB};
use crate::{CbcDataParams, Cipher, DataParams, Derive, Error, Key, Params, Result, Secret, SystemRandom};

/// Encryption of data as a derivation.
pub struct EncryptData {
    cipher: &'static dyn Cipher,
}

/// The first `len` bytes of [`Params::Data`] encrypted with AES-ECB. Data that is not made of whole blocks
/// is [`Error::Params`], too little of it [`Error::DataLen`].
pub static AES_ECB_DATA: EncryptData = EncryptData { cipher: &AES_ECB };
/// The same with AES-CBC and [`Params::CbcData`].
pub static AES_CBC_DATA: EncryptData = EncryptData { cipher: &AES_CBC };

impl Derive for EncryptData {
    fn natural_len(&self, _: &Key, params: &Params) -> Option<usize> {
        Some(split(params).ok()?.1.len())
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let (params, data) = split(params)?;
        if !data.len().is_multiple_of(BLOCK_LEN) {
            return Err(Error::Params);
        }
        if len == 0 || len > data.len() {
            return Err(Error::DataLen);
        }
        let used = data.get(..len.next_multiple_of(BLOCK_LEN)).ok_or(Error::DataLen)?;
        let mut secret = Secret::zeroed(used.len());
        self.cipher.encrypt(base, &params, used, secret.expose_mut(), &mut SystemRandom::new())?;
        secret.truncate(len);
        Ok(secret)
    }
}

/// The cipher's own parameters, which refuses those of another mode, and the data.
fn split(params: &Params) -> Result<(Params, &[u8])> {
    match params {
        Params::Data(DataParams { data }) => Ok((Params::None, data.expose())),
        Params::CbcData(CbcDataParams { iv, data }) => Ok((Params::Iv(*iv), data)),
        _ => Err(Error::Params),
    }
}
