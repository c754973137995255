//! P-256 outside the token.

use p256::elliptic_curve::sec1::ToSec1Point as _;

/// The object identifier of P-256 in DER (CKA_EC_PARAMS).
pub(in crate::attacks) const P256: &[u8; 10] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// The point of a scalar, uncompressed; `None` when it is no scalar of the curve.
pub(in crate::attacks) fn point_of(scalar: &[u8]) -> Option<Vec<u8>> {
    let secret = p256::SecretKey::from_slice(scalar).ok()?;
    Some(secret.public_key().to_sec1_point(false).as_bytes().to_vec())
}

/// The scalar within a PKCS#8 message whose point is `point`: the 32 bytes wherever they stand.
pub(in crate::attacks) fn scalar_within(message: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let scalar = message.windows(32).find(|bytes| point_of(bytes).is_some_and(|found| found == point))?;
    Some(scalar.to_vec())
}

/// A point whose scalar, 7, everybody knows.
pub(in crate::attacks) fn known_point() -> [u8; 65] {
    let mut scalar = [0; 32];
    scalar[31] = 7;
    point_of(&scalar).and_then(|point| point.try_into().ok()).unwrap_or([0; 65])
}

/// The same with another y: on no point of the curve.
pub(in crate::attacks) fn off_curve() -> [u8; 65] {
    let mut point = known_point();
    point[64] ^= 1;
    point
}

/// (3, 0): of order 2 on y² = x³ - 3x - 18, which differs from P-256 in b alone.
pub(in crate::attacks) fn of_other_curve() -> [u8; 65] {
    let mut point = [0; 65];
    point[0] = 0x04;
    point[32] = 3;
    point
}

/// x = 1, for which P-256 has no y.
pub(in crate::attacks) fn without_y() -> [u8; 33] {
    let mut point = [0; 33];
    point[0] = 0x02;
    point[32] = 1;
    point
}

#[cfg(test)]
mod tests {
    use p256::PublicKey;

    use super::*;

    #[test]
    fn the_bad_points_are_bad_and_the_good_one_is_good() {
        assert!(PublicKey::from_sec1_bytes(&known_point()).is_ok());
        assert!(PublicKey::from_sec1_bytes(&off_curve()).is_err());
        assert!(PublicKey::from_sec1_bytes(&of_other_curve()).is_err());
        assert!(PublicKey::from_sec1_bytes(&without_y()).is_err());
    }

    #[test]
    fn a_scalar_is_found_by_its_point_alone() {
        let mut message = vec![0x30; 100];
        message[50..82].copy_from_slice(&[5; 32]);
        let point = point_of(&[5; 32]).unwrap_or_default();
        assert_eq!(scalar_within(&message, &point), Some(vec![5; 32]));
        assert_eq!(scalar_within(&message, &known_point()), None);
    }
}
