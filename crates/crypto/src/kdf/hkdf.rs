//! HKDF, RFC 5869, on `hkdf`, which gives out the pseudorandom key between the two steps; ring and
//! aws-lc-rs keep it.

use hkdf::Hkdf as Rfc5869;
use zeroize::Zeroize as _;

use crate::hash::with_hash;
use crate::{Derive, Error, HkdfParams, Key, Params, Result, Secret};

/// HKDF.
pub struct Hkdf(());

/// HKDF with [`Params::Hkdf`]. Extract alone gives the pseudorandom key, as long as the hash (or
/// `len` 0 for that); with expand 1 to 255 hashes. Another length is [`Error::KeySize`], and so is a
/// base key shorter than the hash for expand alone.
pub static HKDF: Hkdf = Hkdf(());

impl Derive for Hkdf {
    fn natural_len(&self, _: &Key, params: &Params) -> Option<usize> {
        match params {
            Params::Hkdf(HkdfParams { extract: true, expand: false, hash, .. }) => Some(hash.digest_len()),
            _ => None,
        }
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let Params::Hkdf(params) = params else { return Err(Error::Params) };
        let base = base.value().ok_or(Error::KeyType)?;
        match (params.extract, params.expand) {
            (false, false) => Err(Error::Params),
            (true, false) if len != 0 && len != params.hash.digest_len() => Err(Error::KeySize),
            (true, false) => Ok(extract(params, base)),
            (true, true) => expand(params, &extract(params, base), len),
            (false, true) => expand(params, base, len),
        }
    }
}

/// Section 2.2: a pseudorandom key as long as the hash.
fn extract(params: &HkdfParams, input: &Secret) -> Secret {
    let salt = params.salt.as_ref().map(Secret::expose);
    with_hash!(params.hash, H => {
        let (mut key, _) = Rfc5869::<H>::extract(salt, input.expose());
        let secret = Secret::copy_of(&key);
        key.zeroize();
        secret
    })
}

/// Section 2.3: `len` bytes of a pseudorandom key.
fn expand(params: &HkdfParams, key: &Secret, len: usize) -> Result<Secret> {
    if len == 0 || len > 255 * params.hash.digest_len() {
        return Err(Error::KeySize);
    }
    let mut secret = Secret::zeroed(len);
    with_hash!(params.hash, H => {
        let hkdf = Rfc5869::<H>::from_prk(key.expose()).map_err(|_| Error::KeySize)?;
        hkdf.expand(&params.info, secret.expose_mut()).map_err(|_| Error::KeySize)?;
    });
    Ok(secret)
}
