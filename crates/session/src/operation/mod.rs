//! Running operations.

use claviger_rules::Error;
use claviger_rules::mechanism::Usage;

use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

#[allow(clippy::unused_self, clippy::missing_errors_doc, missing_docs)]
impl Session {
    pub fn encrypt_init(&self, _call: MechanismCall, _key: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn encrypt(&self, _plaintext: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn encrypt_update(&self, _part: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn encrypt_final(&self, _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn decrypt_init(&self, _call: MechanismCall, _key: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn decrypt(&self, _ciphertext: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn decrypt_update(&self, _part: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn decrypt_final(&self, _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn sign_init(&self, _call: MechanismCall, _key: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn sign(&self, _message: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn sign_update(&self, _part: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn sign_final(&self, _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn verify_init(&self, _call: MechanismCall, _key: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn verify(&self, _message: &[u8], _signature: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn verify_update(&self, _part: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn verify_final(&self, _signature: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn digest_init(&self, _call: MechanismCall) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn digest(&self, _message: &[u8], _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn digest_update(&self, _part: &[u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn digest_key(&self, _key: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn digest_final(&self, _room: &mut Room<'_>) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    /// C_*Init with no mechanism: ends the operation of that kind, if there is one.
    pub fn cancel(&self, _usage: Usage) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn session_cancel(&self, _flags: u64) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn seed_random(&self, _seed: &[u8]) -> Result<()> {
        Err(Error::RandomSeedNotSupported.into())
    }

    pub fn generate_random(&self, _out: &mut [u8]) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }
}
