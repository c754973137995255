//! What several test modules need.

use std::sync::Arc;

use claviger_crypto::{
    Cipher, Curve, DataParams, Derive, Digest as _, Direction, EcdhParams, Hash, Key, Params, Result, Secret, Sign,
    SystemRandom, Wrap, generate,
};

pub(crate) const F4: &[u8] = &[1, 0, 1];

pub(crate) fn secret_key(bytes: &[u8]) -> Arc<Key> {
    Arc::new(Key::secret(Secret::copy_of(bytes)))
}

pub(crate) fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}

/// A fresh RSA pair of 2048 bits: private and public.
pub(crate) fn rsa_pair() -> (Arc<Key>, Arc<Key>) {
    pair(Key::rsa_private(generate::rsa(2048, F4).unwrap()).unwrap())
}

/// A fresh pair on `curve`: private and public.
pub(crate) fn ec_pair(curve: Curve) -> (Arc<Key>, Arc<Key>) {
    pair(Key::ec_private(curve, generate::ec(curve).unwrap().scalar).unwrap())
}

fn pair(private: Key) -> (Arc<Key>, Arc<Key>) {
    let public = private.public().unwrap();
    (Arc::new(private), Arc::new(public))
}

pub(crate) fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut out = vec![0; hash.digest_len()];
    hash.digest().digest(message, &mut out);
    out
}

pub(crate) fn sign(algorithm: &dyn Sign, key: &Key, params: &Params, message: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; algorithm.signature_len(key, params)?];
    let len = algorithm.sign(key, params, message, &mut out, &mut SystemRandom::new())?;
    assert_eq!(len, out.len(), "a signature's length is exact");
    Ok(out)
}

pub(crate) fn encrypt(cipher: &dyn Cipher, key: &Key, params: &Params, plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; cipher.output_len(Direction::Encrypt, key, params, plaintext.len())?];
    let len = cipher.encrypt(key, params, plaintext, &mut out, &mut SystemRandom::new())?;
    assert_eq!(len, out.len(), "a ciphertext's length is exact");
    Ok(out)
}

pub(crate) fn decrypt(cipher: &dyn Cipher, key: &Key, params: &Params, ciphertext: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; cipher.output_len(Direction::Decrypt, key, params, ciphertext.len())?];
    let len = cipher.decrypt(key, params, ciphertext, &mut out)?;
    assert!(len == out.len() || !cipher.exact(Direction::Decrypt));
    out.truncate(len);
    Ok(out)
}

/// Feeds `input` in parts, each as long as the next of `splits` says, and checks every announced length.
pub(crate) fn in_parts(
    cipher: &dyn Cipher,
    direction: Direction,
    key: &Arc<Key>,
    params: &Params,
    input: &[u8],
    splits: &[usize],
) -> Result<Vec<u8>> {
    let mut stream = cipher.stream(direction, key, params)?.expect("a cipher with streams");
    let mut output = Vec::new();
    let mut rest = input;
    for &split in splits.iter().chain([&usize::MAX]) {
        let (part, after) = rest.split_at(split.min(rest.len()));
        rest = after;
        let mut out = vec![0; stream.update_len(part.len())];
        let len = stream.update(part, &mut out)?;
        assert_eq!(len, out.len(), "update_len is exact");
        output.extend_from_slice(&out);
    }
    let mut out = vec![0; stream.finish_len()];
    let len = stream.finish(&mut out)?;
    assert!(len <= out.len());
    output.extend_from_slice(&out[..len]);
    Ok(output)
}

pub(crate) fn wrap(algorithm: &dyn Wrap, key: &Key, params: &Params, payload: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; algorithm.wrapped_len(key, params, payload.len())?];
    let len = algorithm.wrap(key, params, payload, &mut out, &mut SystemRandom::new())?;
    assert_eq!(len, out.len(), "a blob's length is exact");
    Ok(out)
}

pub(crate) fn unwrap(algorithm: &dyn Wrap, key: &Key, params: &Params, wrapped: &[u8]) -> Result<Vec<u8>> {
    algorithm.unwrap(key, params, wrapped).map(|payload| payload.expose().to_vec())
}

pub(crate) fn derive(algorithm: &dyn Derive, base: &Key, params: &Params, len: usize) -> Result<Vec<u8>> {
    let derived = algorithm.derive(base, params, len)?;
    assert_eq!(derived.len(), len, "as long as was asked for");
    Ok(derived.expose().to_vec())
}

pub(crate) fn data(bytes: &[u8]) -> Params {
    Params::Data(DataParams { data: Secret::copy_of(bytes) })
}

pub(crate) fn ecdh(kdf: Option<Hash>, shared_info: &[u8], public: &[u8]) -> Params {
    Params::Ecdh(EcdhParams { kdf, shared_info: shared_info.to_vec(), public: public.to_vec() })
}

/// `point`, which is not compressed, compressed.
pub(crate) fn compressed(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(point.len() / 2);
    [&[2 + (y[y.len() - 1] & 1)], x].concat()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).unwrap()
}
