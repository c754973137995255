//! The oracle of secrecy: whether anything that the token gave out, or that follows from it, is the value of a protected
//! key.
//!
//! It does not know the values. Of each AES key a *proof* is taken at its birth: a known block encrypted under it, by
//! whoever is logged in, by the key itself or by a session copy of it that may encrypt. A candidate, any 16, 24 or 32
//! bytes of anything collected or opened, is a key's value if it encrypts the block to the same. Where neither the key
//! nor a copy may encrypt, its CHECK_VALUE (24 bits) serves, and any blob of KW or KWP that it made: a candidate that
//! opens the blob with its initial value intact is its value. Of an EC key the public point serves, of an RSA key the
//! modulus.
//!
//! What it cannot see, and does not claim: a key without a proof, a check value and a blob (a candidate that was never
//! trusted: it is counted, and nothing ever comes out of it that depends on it); a key revealed in part, or only as far
//! as a search over fewer than its bits finds it; what a longer sequence than these would reveal, or one with a mechanism
//! that is not among them; derived and imported keys, which are as secret as their source. A check value alone may
//! accuse wrongly once in 16 million candidates.

use std::collections::HashMap;

use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::call::{Known, Name};
use crate::outside::{self, Aes, Block};

/// The block that proofs encrypt.
pub(crate) const PROBE: Block = *b"is this the key?";

/// What tells a key's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Proof {
    /// `PROBE` encrypted under it.
    Block(Block),
    /// The first three bytes of an encrypted block of zeros.
    Check([u8; 3]),
    /// A blob of KW or KWP that it made.
    Blob(Vec<u8>),
    /// The public point of an EC key, uncompressed.
    Point(Vec<u8>),
    /// The modulus of an RSA key.
    Modulus(Vec<u8>),
}

/// Bytes that came out of the token.
struct Collected {
    bytes: Vec<u8>,
    /// The IV they were sealed with, for AES-GCM.
    iv: Option<Vec<u8>>,
}

/// Everything of one sequence.
#[derive(Default)]
pub(crate) struct Oracle {
    collected: Vec<Collected>,
    /// The keys by what tells them, and whether they are protected.
    proofs: HashMap<Proof, (Name, bool)>,
}

impl Oracle {
    /// The token gave these bytes out.
    pub(crate) fn collect(&mut self, bytes: Vec<u8>, iv: Option<Vec<u8>>) {
        self.collected.push(Collected { bytes, iv });
    }

    /// What tells the value of `key`. Once protected, always protected.
    pub(crate) fn prove(&mut self, key: Name, proof: Proof, is_protected: bool) {
        let entry = self.proofs.entry(proof).or_insert((key, is_protected));
        if is_protected && !entry.1 {
            *entry = (key, true);
        }
    }

    /// The protected keys whose values came out, or follow from what came out.
    pub(crate) fn revealed(&self) -> Vec<Name> {
        let mut keys: Vec<Vec<u8>> = (0..Known::COUNT).map(|known| Known(known).bytes()).collect();
        let mut revealed = Vec::new();
        for collected in &self.collected {
            self.sift(&collected.bytes, &mut keys, &mut revealed);
            if let Some(opened) = outside::open_rsa(&collected.bytes) {
                self.sift(&opened, &mut keys, &mut revealed);
            }
        }
        // Each key found opens more, until nothing new is found.
        let mut next = 0;
        while let Some(key) = keys.get(next).cloned() {
            next += 1;
            let Some(aes) = Aes::new(&key) else { continue };
            for Collected { bytes, iv } in &self.collected {
                for opened in outside::open(&aes, bytes, iv.as_deref()) {
                    self.sift(&opened, &mut keys, &mut revealed);
                }
            }
        }
        revealed.sort_unstable();
        revealed.dedup();
        revealed
    }

    /// Looks for the values of keys in `bytes`: of any key into `keys`, of a protected one into `revealed`.
    fn sift(&self, bytes: &[u8], keys: &mut Vec<Vec<u8>>, revealed: &mut Vec<Name>) {
        for len in [16, 24, 32] {
            for candidate in bytes.windows(len).step_by(8) {
                if let Some((name, is_protected)) = self.key_of(candidate) {
                    if !keys.iter().any(|key| key == candidate) {
                        keys.push(candidate.to_vec());
                    }
                    revealed.extend(is_protected.then_some(name));
                }
            }
        }
        revealed.extend(self.pair_of(bytes).filter(|(_, is_protected)| *is_protected).map(|(name, _)| name));
    }

    /// The key whose value this is.
    fn key_of(&self, candidate: &[u8]) -> Option<(Name, bool)> {
        let aes = Aes::new(candidate)?;
        if let Some(found) = self.proofs.get(&Proof::Block(aes.encrypt(PROBE))) {
            return Some(*found);
        }
        // A constant of the attacker was there before the key, so it is not its value, whatever the check value says.
        let is_known = (0..Known::COUNT).any(|known| Known(known).bytes() == candidate);
        let check = aes.encrypt([0; 16]);
        if let Some(found) = self.proofs.get(&Proof::Check([check[0], check[1], check[2]])).filter(|_| !is_known) {
            return Some(*found);
        }
        self.proofs.iter().find_map(|(proof, found)| match proof {
            Proof::Blob(blob) if outside::made(&aes, blob) => Some(*found),
            _ => None,
        })
    }

    /// The private key that `bytes` are, or are the PKCS#8 message of.
    fn pair_of(&self, bytes: &[u8]) -> Option<(Name, bool)> {
        self.proofs.iter().find_map(|(proof, found)| match proof {
            Proof::Point(point) => scalars(bytes).any(|scalar| is_scalar(&scalar, point)).then_some(*found),
            // The message holds the modulus, and so does that of the public key, which is short.
            Proof::Modulus(modulus) => {
                let holds = bytes.len() > 600 && bytes.windows(modulus.len()).any(|window| window == modulus);
                holds.then_some(*found)
            }
            _ => None,
        })
    }
}

/// What may be the scalar of a P-256 key: 32 bytes alone, or behind the header of an octet string of 32 bytes.
fn scalars(bytes: &[u8]) -> impl Iterator<Item = [u8; 32]> {
    let alone = <[u8; 32]>::try_from(bytes).ok();
    let headed = bytes.windows(34).filter_map(|window| window.strip_prefix(&[0x04, 0x20])?.try_into().ok());
    alone.into_iter().chain(headed)
}

fn is_scalar(scalar: &[u8; 32], point: &[u8]) -> bool {
    let key = p256::SecretKey::from_slice(scalar);
    key.is_ok_and(|key| key.public_key().to_sec1_point(false).as_bytes() == point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aes(key: &[u8]) -> Aes {
        let Some(aes) = Aes::new(key) else { panic!("no key of AES") };
        aes
    }

    #[test]
    fn a_value_given_out_in_the_clear_is_seen_and_another_is_not() {
        let (value, other) = ([7; 32], [8; 32]);
        let mut oracle = Oracle::default();
        oracle.prove(Name(0), Proof::Block(aes(&value).encrypt(PROBE)), true);
        oracle.collect(other.to_vec(), None);
        assert_eq!(oracle.revealed(), []);
        oracle.collect([&[0; 16], value.as_slice()].concat(), None);
        assert_eq!(oracle.revealed(), [Name(0)]);
    }

    #[test]
    fn a_value_sealed_under_a_value_sealed_under_a_known_key_is_seen() {
        let (first, second) = ([7; 16], [9; 16]);
        let (known, middle) = (aes(&Known(1).bytes()), aes(&first));
        let mut oracle = Oracle::default();
        oracle.prove(Name(0), Proof::Block(middle.encrypt(PROBE)), false);
        oracle.prove(Name(1), Proof::Block(aes(&second).encrypt(PROBE)), true);
        oracle.collect(middle.encrypt(second).to_vec(), None);
        assert_eq!(oracle.revealed(), []);
        oracle.collect(known.encrypt(first).to_vec(), None);
        assert_eq!(oracle.revealed(), [Name(1)]);
    }

    #[test]
    fn the_value_of_an_unprotected_key_may_be_known() {
        let mut oracle = Oracle::default();
        oracle.prove(Name(0), Proof::Block(aes(&[7; 32]).encrypt(PROBE)), false);
        oracle.collect(vec![7; 32], None);
        assert_eq!(oracle.revealed(), []);
    }
}
