//! The simple derivations of PKCS#11 section 6.43: joining a key with bytes, XOR with bytes, and a cut
//! out of a key. What they join a key with, another key or data, they do not tell apart.

use super::MAX_LEN;
use crate::{DataParams, Derive, Error, Key, Params, Result, Secret};

/// A key and data, one after the other.
pub struct Concatenate {
    base_first: bool,
}

/// The base key, then [`Params::Data`]; the first `len` bytes of both. More than there are is
/// [`Error::KeySize`].
pub static BASE_AND_DATA: Concatenate = Concatenate { base_first: true };
/// [`Params::Data`], then the base key; otherwise as [`BASE_AND_DATA`].
pub static DATA_AND_BASE: Concatenate = Concatenate { base_first: false };

impl Derive for Concatenate {
    fn natural_len(&self, base: &Key, params: &Params) -> Option<usize> {
        base.value()?.len().checked_add(data(params).ok()?.len())
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let (base, data) = (base.value().ok_or(Error::KeyType)?, data(params)?);
        let (first, second) = if self.base_first { (base, data) } else { (data, base) };
        let bytes = first.expose().iter().chain(second.expose());
        fill(len, bytes.copied())
    }
}

/// A key XOR data.
pub struct Xor(());

/// The first `len` bytes of the base key XOR [`Params::Data`], as far as both reach; more is
/// [`Error::KeySize`].
pub static XOR: Xor = Xor(());

impl Derive for Xor {
    fn natural_len(&self, base: &Key, params: &Params) -> Option<usize> {
        Some(base.value()?.len().min(data(params).ok()?.len()))
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let (base, data) = (base.value().ok_or(Error::KeyType)?, data(params)?);
        fill(len, base.expose().iter().zip(data.expose()).map(|(key, data)| key ^ data))
    }
}

/// A cut out of a key.
pub struct Extract(());

/// The `len` bytes of the base key that begin at bit [`Params::FirstBit`], and go on from its first bit
/// after its last. More bytes than the key has are [`Error::KeySize`], a bit that it does not have is
/// [`Error::Params`].
pub static EXTRACT: Extract = Extract(());

impl Derive for Extract {
    fn natural_len(&self, _: &Key, _: &Params) -> Option<usize> {
        None
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let Params::FirstBit(first) = params else { return Err(Error::Params) };
        let base = base.value().ok_or(Error::KeyType)?.expose();
        let first = usize::try_from(*first).map_err(|_| Error::Params)?;
        let (skip, shift) = (first / 8, first % 8);
        if skip >= base.len() {
            return Err(Error::Params);
        }
        let ring = base.iter().cycle().skip(skip);
        let pairs = ring.clone().zip(ring.skip(1)).take(base.len());
        fill(len, pairs.map(|(high, low)| (u16::from_be_bytes([*high, *low]) << shift).to_be_bytes()[0]))
    }
}

fn data(params: &Params) -> Result<&Secret> {
    match params {
        Params::Data(DataParams { data }) => Ok(data),
        _ => Err(Error::Params),
    }
}

/// The first `len` of `bytes`, of which there must be as many. No key is empty.
fn fill(len: usize, mut bytes: impl Iterator<Item = u8>) -> Result<Secret> {
    if len == 0 || len > MAX_LEN {
        return Err(Error::KeySize);
    }
    let mut secret = Secret::zeroed(len);
    for to in secret.expose_mut() {
        *to = bytes.next().ok_or(Error::KeySize)?;
    }
    Ok(secret)
}
