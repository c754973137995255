//! The keys of a token at rest. Not PKCS#11 keys: those are objects' bodies, opaque here.
//!
//! * The *device key* (32 random bytes in `device.key`) seals all but private objects.
//! * The *token key* (32 random bytes, in no file) seals private objects. Every user has a copy of it,
//!   sealed under a key that Argon2id makes of the PIN, inside a record sealed under the device key.
//!
//! Neither seals records itself: HKDF-SHA-256 (RFC 5869) derives one key per purpose, so that later
//! purposes need no new secrets.

use claviger_crypto::seal::SealKey;
use claviger_crypto::{Secret, SystemRandom};
use claviger_rules::UserId;
use ring::hkdf;

use crate::index::Marker;
use crate::record::TokenId;
use crate::{Error, Result};

/// The length of the device key and of a token key.
pub(crate) const KEY_LEN: usize = 32;

const DEVICE_SEAL: &[u8] = b"claviger device seal v1";
const TOKEN_SEAL: &[u8] = b"claviger token seal v1";
const ANCHOR: &[u8] = b"claviger anchor v1";
const INDEX: &[u8] = b"claviger index v1";
const AUDIT: &[u8] = b"claviger audit v1";

/// What a login opens: the token key, and whose login it was. Wiped on drop, never printed.
pub struct Keys {
    pub(crate) token: TokenId,
    pub(crate) user: UserId,
    /// The user's [`crate::User::reset`] when it logged in.
    pub(crate) reset: u64,
    pub(crate) secret: Secret,
    pub(crate) seal: SealKey,
    pub(crate) marker: Marker,
}

impl Keys {
    pub(crate) fn new(token: TokenId, user: UserId, reset: u64, secret: Secret) -> Result<Self> {
        let seal = seal_key(&secret, TOKEN_SEAL)?;
        let marker = Marker::private(&secret)?;
        Ok(Self { token, user, reset, secret, seal, marker })
    }

    /// Whose login opened them.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The token they belong to.
    pub fn token(&self) -> TokenId {
        self.token
    }
}

/// What seals the records of one slot: the device key's own, so that a slot's files mean nothing in another slot.
pub(crate) fn device_seal(device: &Secret, slot: u32) -> Result<SealKey> {
    let key = derive(device, &[DEVICE_SEAL, b"slot", &slot.to_be_bytes()])?;
    SealKey::new(&key).map_err(|_| Error::Internal)
}

/// What authenticates the anchor of one slot.
pub(crate) fn anchor(device: &Secret, slot: u32) -> Result<Secret> {
    derive(device, &[ANCHOR, b"slot", &slot.to_be_bytes()])
}

/// What hides the terms of a token's index.
pub(crate) fn index(secret: &Secret) -> Result<Secret> {
    derive(secret, &[INDEX])
}

/// `len` random bytes.
pub(crate) fn random(len: usize) -> Result<Secret> {
    let mut bytes = Secret::zeroed(len);
    SystemRandom::new().fill(bytes.expose_mut()).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// Random bytes that are no secret: ids, salts.
pub(crate) fn random_array<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// What the keys of the slots' audit logs are made of.
pub(crate) fn audit(device: &Secret) -> Result<Secret> {
    derive(device, &[AUDIT])
}

/// The key of one slot's audit log.
pub(crate) fn slot_audit(audit: &Secret, slot: u32) -> Result<Secret> {
    derive(audit, &[b"slot", &slot.to_be_bytes()])
}

fn seal_key(secret: &Secret, purpose: &[u8]) -> Result<SealKey> {
    SealKey::new(&derive(secret, &[purpose])?).map_err(|_| Error::Internal)
}

fn derive(secret: &Secret, purpose: &[&[u8]]) -> Result<Secret> {
    let mut derived = Secret::zeroed(KEY_LEN);
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(secret.expose())
        .expand(purpose, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(derived.expose_mut()))
        .map_err(|_| Error::Internal)?;
    Ok(derived)
}
