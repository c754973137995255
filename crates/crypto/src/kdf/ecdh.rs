//! Elliptic curve Diffie-Hellman with one key pair on each side: SP 800-56A section 5.7.1.2, SEC 1
//! sections 3.3.1 and 3.6.1, ANSI X9.63; PKCS#11 section 6.3.
//!
//! The curves have cofactor 1, so the cofactor variant is the same function. aws-lc multiplies.

use super::MAX_LEN;
use crate::encoding::read_ec_point;
use crate::{Derive, DigestStream as _, EcdhParams, Error, Hash, Key, Params, Result, Secret};

/// Elliptic curve Diffie-Hellman.
pub struct Ecdh(());

/// Diffie-Hellman of a private key on a curve with the point in [`Params::Ecdh`]. Without a key derivation
/// function the *last* `len` bytes of the shared x coordinate (PKCS#11 cuts the leading end), more than
/// there are being [`Error::KeySize`]. Whatever is wrong with the point is [`Error::Params`].
pub static ECDH: Ecdh = Ecdh(());

impl Derive for Ecdh {
    fn natural_len(&self, base: &Key, params: &Params) -> Option<usize> {
        match params {
            Params::Ecdh(EcdhParams { kdf: None, .. }) => Some(base.curve()?.field_len()),
            _ => None,
        }
    }

    fn derive(&self, base: &Key, params: &Params, len: usize) -> Result<Secret> {
        let Params::Ecdh(params) = params else { return Err(Error::Params) };
        let private = base.as_ec_private()?;
        let curve = private.parts.curve;
        let point = read_ec_point(curve, &params.public).map_err(|_| Error::Params)?;
        let public = Key::ec_public(curve, point).map_err(|_| Error::Params)?;
        let shared = private.agree(public.as_ec_public()?)?;
        match params.kdf {
            None if !params.shared_info.is_empty() => Err(Error::Params),
            None => last(&shared, len),
            Some(hash) => x963(hash, &shared, &params.shared_info, len),
        }
    }
}

fn last(shared: &Secret, len: usize) -> Result<Secret> {
    let start = shared.len().checked_sub(len).filter(|_| len != 0).ok_or(Error::KeySize)?;
    Ok(Secret::copy_of(shared.expose().get(start..).unwrap_or_default()))
}

/// The key derivation function of ANSI X9.63 (SEC 1 section 3.6.1): hashes of the shared secret, a counter
/// from 1 and the shared information, one after the other.
fn x963(hash: Hash, shared: &Secret, shared_info: &[u8], len: usize) -> Result<Secret> {
    if len == 0 || len > MAX_LEN {
        return Err(Error::KeySize);
    }
    let mut secret = Secret::zeroed(len);
    for (counter, block) in (1_u32..).zip(secret.expose_mut().chunks_mut(hash.digest_len())) {
        let mut stream = hash.digest().begin();
        stream.update(shared.expose());
        stream.update(&counter.to_be_bytes());
        stream.update(shared_info);
        stream.finish(block);
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap_or_default()
    }

    /// The first vector of NIST's ansx963_2001 for each hash that has one of 128 bits.
    #[test]
    fn the_key_derivation_function_is_that_of_x9_63() {
        let rows = [
            (Hash::Sha1, "1c7d7b5f0597b03d06a018466ed1a93e30ed4b04dc64ccdd", "bf71dffd8f4d99223936beb46fee8ccc"),
            (Hash::Sha256, "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08", "443024c3dae66b95e6f5670601558f71"),
            (Hash::Sha512, "87fc0d8c4477485bb574f5fcea264b30885dc8d90ad82782", "947665fbb9152153ef460238506a0245"),
        ];
        for (hash, shared, expected) in rows {
            let derived = x963(hash, &Secret::new(unhex(shared)), &[], 16);
            assert!(derived.is_ok_and(|derived| derived.ct_eq(&unhex(expected))), "{hash:?}");
        }
    }
}
