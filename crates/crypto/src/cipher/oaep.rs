//! RSAES-OAEP, RFC 8017 section 7.1.
//!
//! aws-lc serves one hash for label and mask of SHA-1, SHA-256, SHA-384 and SHA-512. It has no name
//! for SHA-224 or for two different hashes (Java's default is SHA-256 with a mask of SHA-1): those
//! fall to `rsa`, blinded with fresh randomness for every decryption.

use std::sync::Arc;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
};
use rand_core::CryptoRng;

use super::rsa::{check_key, output_len};
use crate::buffer::{front, put};
use crate::hash::with_hash;
use crate::key::{RsaPrivate, RsaPublic};
use crate::{Cipher, CipherStream, Direction, Error, Hash, Key, OaepParams, Params, Result, Secret, SystemRandom};

/// RSAES-OAEP.
pub struct Oaep(());

/// RSAES-OAEP: up to k - 2h - 2 bytes under a modulus of k bytes with a hash of h bytes.
pub static RSA_OAEP: Oaep = Oaep(());

/// The scheme where aws-lc has a name for it.
fn aws_lc(params: &OaepParams) -> Option<&'static OaepAlgorithm> {
    match (params.hash, params.mgf) {
        (Hash::Sha1, Hash::Sha1) => Some(&OAEP_SHA1_MGF1SHA1),
        (Hash::Sha256, Hash::Sha256) => Some(&OAEP_SHA256_MGF1SHA256),
        (Hash::Sha384, Hash::Sha384) => Some(&OAEP_SHA384_MGF1SHA384),
        (Hash::Sha512, Hash::Sha512) => Some(&OAEP_SHA512_MGF1SHA512),
        _ => None,
    }
}

fn oaep_params(params: &Params) -> Result<&OaepParams> {
    match params {
        Params::Oaep(params) => Ok(params),
        _ => Err(Error::Params),
    }
}

/// What the padding adds.
fn overhead(params: &OaepParams) -> usize {
    2 * params.hash.digest_len() + 2
}

fn fallback_encrypt(
    key: &RsaPublic,
    params: &OaepParams,
    plaintext: &[u8],
    mut random: &mut dyn CryptoRng,
) -> Result<Vec<u8>> {
    let key = key.fallback()?;
    let label = params.label.as_slice();
    with_hash!(params.hash, H => with_hash!(params.mgf, M => {
        key.encrypt(&mut random, ::rsa::Oaep::<H, M>::new_with_mgf_hash_and_label(label), plaintext)
    }))
    .map_err(|_| Error::Internal)
}

fn fallback_decrypt(key: &RsaPrivate, params: &OaepParams, ciphertext: &[u8]) -> Result<Secret> {
    let key = key.fallback()?;
    let label = params.label.as_slice();
    with_hash!(params.hash, H => with_hash!(params.mgf, M => {
        let padding = ::rsa::Oaep::<H, M>::new_with_mgf_hash_and_label(label);
        key.decrypt_blinded(&mut SystemRandom::new(), padding, ciphertext)
    }))
    .map(Secret::new)
    .map_err(|_| Error::CiphertextInvalid)
}

impl Cipher for Oaep {
    fn check(&self, direction: Direction, key: &Key, params: &Params) -> Result<()> {
        let key = check_key(direction, key)?;
        if key.len() < overhead(oaep_params(params)?) { Err(Error::KeySize) } else { Ok(()) }
    }

    fn output_len(&self, direction: Direction, key: &Key, params: &Params, input_len: usize) -> Result<usize> {
        output_len(direction, key, overhead(oaep_params(params)?), input_len)
    }

    fn exact(&self, direction: Direction) -> bool {
        direction == Direction::Encrypt
    }

    fn encrypt(
        &self,
        key: &Key,
        params: &Params,
        plaintext: &[u8],
        out: &mut [u8],
        random: &mut dyn CryptoRng,
    ) -> Result<usize> {
        let len = self.output_len(Direction::Encrypt, key, params, plaintext.len())?;
        let (key, params) = (key.as_rsa_public()?, oaep_params(params)?);
        let Some(algorithm) = aws_lc(params) else {
            return put(out, &fallback_encrypt(key, params, plaintext, random)?);
        };
        let encrypting = key.encrypting()?;
        let label = Some(params.label.as_slice());
        encrypting.oaep.encrypt(algorithm, plaintext, front(out, len)?, label).map_err(|_| Error::Internal)?;
        Ok(len)
    }

    fn decrypt(&self, key: &Key, params: &Params, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        self.output_len(Direction::Decrypt, key, params, ciphertext.len())?;
        let (key, params) = (key.as_rsa_private()?, oaep_params(params)?);
        let Some(algorithm) = aws_lc(params) else {
            return put(out, fallback_decrypt(key, params, ciphertext)?.expose());
        };
        // aws-lc wants room for a whole modulus.
        let mut whole = Secret::zeroed(key.public.len());
        let label = Some(params.label.as_slice());
        let message = key.decrypting()?.oaep.decrypt(algorithm, ciphertext, whole.expose_mut(), label);
        put(out, message.map_err(|_| Error::CiphertextInvalid)?)
    }

    fn stream(&self, direction: Direction, key: &Arc<Key>, params: &Params) -> Result<Option<Box<dyn CipherStream>>> {
        self.check(direction, key, params)?;
        Ok(None)
    }
}
