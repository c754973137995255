//! RSA outside the token: factoring from a faulty signature (Boneh, DeMillo and Lipton 1997; Lenstra's form).

use crypto_bigint::{BoxedUint, Gcd as _, Resize as _};
use rsa::PublicKey;
use rsa::hazmat::rsa_encrypt;

/// A prime factor of the modulus, if `signature` is a signature of `encoded` that went wrong modulo one prime alone:
/// the greatest common divisor of s^e - m and n.
pub(in crate::attacks) fn factor(modulus: &[u8], exponent: &[u8], encoded: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let bits = u32::try_from(8 * modulus.len()).ok()?;
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).ok();
    let n = number(modulus)?;
    let key = PublicKey::new(n.clone(), BoxedUint::from_be_slice_vartime(exponent)).ok()?;
    let opened = rsa_encrypt(&key, &number(signature)?).ok()?;
    let (opened, encoded) = (opened.resize(bits), number(encoded)?);
    let difference = if opened >= encoded { opened.wrapping_sub(&encoded) } else { encoded.wrapping_sub(&opened) };
    let factor = difference.gcd(&n);
    let is_proper = factor != n && factor != BoxedUint::one_with_precision(bits);
    is_proper.then(|| factor.to_be_bytes_trimmed_vartime().to_vec())
}

/// EMSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017, section 9.2).
pub(in crate::attacks) fn encoded(digest: &[u8], length: usize) -> Vec<u8> {
    let info = [
        &[0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00],
        &[0x04, 0x20][..],
        digest,
    ]
    .concat();
    let filling = vec![0xFF; length.saturating_sub(info.len() + 3)];
    [&[0x00, 0x01], filling.as_slice(), &[0x00], &info].concat()
}

#[cfg(test)]
mod tests {
    use rsa::traits::PrivateKeyParts as _;
    use rsa::traits::PublicKeyParts as _;
    use rsa::{Generate as _, PrivateKey};

    use super::*;
    use crate::attacks::outside::hash;

    /// s + q is s modulo q, and something else modulo p.
    #[test]
    fn a_signature_that_is_wrong_modulo_one_prime_gives_the_other_away() {
        let private = PrivateKey::generate();
        let good = private.pkcs1v15_sign::<rsa::sha2::Sha256>(hash::MESSAGE).unwrap_or_default();
        let (n, e) = (private.n_bytes(), private.e_bytes());
        let encoded = encoded(&hash::sha256(hash::MESSAGE), n.len());
        let bits = 8 * n.len() as u32;
        assert_eq!(factor(&n, &e, &encoded, &good), None);
        let prime = private.primes()[1].as_ref().clone();
        let sum = BoxedUint::from_be_slice(&good, bits).unwrap_or_default().wrapping_add(prime.resize(bits));
        let faulty = if sum >= *private.n().as_ref() { sum.wrapping_sub(private.n().as_ref()) } else { sum };
        let found = factor(&n, &e, &encoded, &faulty.to_be_bytes());
        assert_eq!(found.as_deref(), Some(&*private.primes()[1].as_ref().to_be_bytes_trimmed_vartime()));
    }
}
