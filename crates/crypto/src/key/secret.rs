//! Secret bytes with the forms that AES and HMAC need.
//!
//! The schedules of `aes` and the keys of aws-lc are wiped when they drop. ring's AES-GCM key is not:
//! ring wipes nothing.

use std::sync::OnceLock;

use aws_lc_rs::cipher::{self, DecryptingKey, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::{cmac, hmac};

use super::prepared;
use crate::cipher::block::Aes;
use crate::cipher::gcm::GcmKey;
use crate::{Error, Hash, Result, Secret};

/// A secret key with its prepared forms.
pub(crate) struct SecretKey {
    pub(crate) value: Secret,
    aes: OnceLock<Aes>,
    cbc_encrypting: OnceLock<EncryptingKey>,
    cbc_decrypting: OnceLock<DecryptingKey>,
    gcm: OnceLock<GcmKey>,
    cmac: OnceLock<cmac::Key>,
    /// One per hash, in the order of [`Hash`].
    hmac: [OnceLock<Box<hmac::Key>>; Hash::ALL.len()],
}

impl SecretKey {
    pub(super) fn new(value: Secret) -> Self {
        Self {
            value,
            aes: OnceLock::new(),
            cbc_encrypting: OnceLock::new(),
            cbc_decrypting: OnceLock::new(),
            gcm: OnceLock::new(),
            cmac: OnceLock::new(),
            hmac: Default::default(),
        }
    }

    /// The block cipher; [`Error::KeySize`] unless this is an AES key.
    pub(crate) fn aes(&self) -> Result<&Aes> {
        prepared(&self.aes, || Aes::new(self.value.expose()))
    }

    pub(crate) fn cbc_encrypting(&self) -> Result<&EncryptingKey> {
        prepared(&self.cbc_encrypting, || EncryptingKey::cbc(self.unbound()?).map_err(|_| Error::Internal))
    }

    pub(crate) fn cbc_decrypting(&self) -> Result<&DecryptingKey> {
        prepared(&self.cbc_decrypting, || DecryptingKey::cbc(self.unbound()?).map_err(|_| Error::Internal))
    }

    pub(crate) fn gcm(&self) -> Result<&GcmKey> {
        prepared(&self.gcm, || GcmKey::new(self.value.expose()))
    }

    pub(crate) fn cmac(&self) -> Result<&cmac::Key> {
        prepared(&self.cmac, || {
            let algorithm = match self.value.len() {
                16 => cmac::AES_128,
                24 => cmac::AES_192,
                32 => cmac::AES_256,
                _ => return Err(Error::KeySize),
            };
            cmac::Key::new(algorithm, self.value.expose()).map_err(|_| Error::Internal)
        })
    }

    pub(crate) fn hmac(&self, hash: Hash) -> Result<&hmac::Key> {
        let cell = self.hmac.get(hash as usize).ok_or(Error::Internal)?;
        let key = prepared(cell, || {
            let algorithm = match hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha224 => hmac::HMAC_SHA224,
                Hash::Sha256 => hmac::HMAC_SHA256,
                Hash::Sha384 => hmac::HMAC_SHA384,
                Hash::Sha512 => hmac::HMAC_SHA512,
            };
            Ok(Box::new(hmac::Key::new(algorithm, self.value.expose())))
        })?;
        Ok(key)
    }

    fn unbound(&self) -> Result<UnboundCipherKey> {
        let algorithm = match self.value.len() {
            16 => &cipher::AES_128,
            24 => &cipher::AES_192,
            32 => &cipher::AES_256,
            _ => return Err(Error::KeySize),
        };
        UnboundCipherKey::new(algorithm, self.value.expose()).map_err(|_| Error::Internal)
    }
}
