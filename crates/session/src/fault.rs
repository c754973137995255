//! What goes wrong below, as the caller is told: one table for the store, one for the algorithms.
//!
//! Which return values a function may use is its list in chapter 5 of PKCS#11 3.2. The lists of C_Encrypt,
//! C_Decrypt and their parts lack CKR_AEAD_DECRYPT_FAILED (only the message functions of 3.0 have it), so a wrong
//! tag is CKR_ENCRYPTED_DATA_INVALID.

use claviger_crypto::Error as CryptoError;
use claviger_rules::{Error, Refusal, Rule};
use claviger_store::Error as StoreError;

/// What the caller of a store learns.
pub(crate) const fn store(error: StoreError) -> Refusal {
    let rule = match error {
        StoreError::ActUnknown
        | StoreError::ActsFull
        | StoreError::NotApproved
        | StoreError::QuorumInvalid
        | StoreError::QuorumOutOfReach => Rule::Quorum,
        _ => Rule::Standard,
    };
    let (error, reason) = match error {
        StoreError::Uninitialized => (Error::TokenNotRecognized, "the slot holds no token; initialise it first"),
        StoreError::PinIncorrect => (Error::PinIncorrect, "wrong PIN or unknown user"),
        StoreError::PinLocked => (Error::PinLocked, "too many wrong PINs; a security officer can unlock the user"),
        StoreError::PinLength => (Error::PinLenRange, "a PIN is 4 to 255 bytes long"),
        StoreError::NameInvalid => {
            (Error::ArgumentsBad, "a user name is 1 to 31 letters, digits, `_`, `.` or `-`, and not `env`")
        }
        StoreError::NameTaken => (Error::ArgumentsBad, "a user of that name exists"),
        StoreError::UserUnknown => (Error::ArgumentsBad, "no user has that name"),
        StoreError::UserGone => (Error::UserNotLoggedIn, "the user was deleted or its PIN was reset"),
        StoreError::TokenChanged => (Error::SessionHandleInvalid, "the token was initialised anew"),
        StoreError::Conflict => {
            (Error::FunctionFailed, "another process changed the object at the same time; try again")
        }
        StoreError::KeysNeeded => (Error::UserNotLoggedIn, "private objects need a login"),
        StoreError::ActNeeded => (Error::GeneralError, "internal failure: the act belongs to the quorum"),
        StoreError::ActUnknown => {
            (Error::ArgumentsBad, "no pending act has that number: it was carried out, withdrawn or has expired")
        }
        StoreError::ActsFull => (Error::ActionProhibited, "too many acts are pending; withdraw some first"),
        StoreError::NotApproved => (Error::ActionProhibited, "only who filed or approved an act withdraws from it"),
        StoreError::QuorumInvalid => (Error::ArgumentsBad, "a quorum is at least 1, and approvals wait 1 to 720 hours"),
        StoreError::QuorumOutOfReach => (
            Error::ActionProhibited,
            "the quorum would ask for more security officers than there are; locked ones do not count",
        ),
        StoreError::ModeLoosened => (Error::ActionProhibited, "a token's policy mode can only be tightened"),
        StoreError::Damaged => (Error::DeviceError, "a record of the token is damaged; `claviger doctor` names it"),
        StoreError::RolledBack => (
            Error::DeviceError,
            "the token's files were put back to an earlier state, or one is missing; `claviger doctor` says which",
        ),
        StoreError::NewerFormat => {
            (Error::TokenNotRecognized, "the token was written by a newer version of this software")
        }
        StoreError::DeviceKey => (Error::DeviceError, "device.key is missing or not a file of 32 bytes"),
        StoreError::Forked => {
            (Error::CryptokiNotInitialized, "the process was forked; initialise the library in the child")
        }
        StoreError::Busy => (Error::FunctionFailed, "another process keeps the token to itself"),
        StoreError::Full => (Error::DeviceMemory, "no space is left on the device"),
        StoreError::Denied => (Error::DeviceError, "the file system refused access to the token's files"),
        StoreError::Io => (Error::DeviceError, "reading or writing the token's files failed"),
        StoreError::Random => (Error::DeviceError, "the system's random generator failed"),
        StoreError::Internal => (Error::GeneralError, "internal failure of the store"),
    };
    Refusal::new(error, rule, reason)
}

/// The functions that call an algorithm, as far as their return values differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "every caller of an algorithm finds its column here")]
pub(crate) enum Function {
    /// C_EncryptInit, C_DecryptInit, C_SignInit, C_VerifyInit.
    Init,
    /// C_Encrypt, C_EncryptUpdate, C_EncryptFinal.
    Encrypt,
    /// C_Decrypt, C_DecryptUpdate, C_DecryptFinal.
    Decrypt,
    /// C_Sign, C_SignUpdate, C_SignFinal.
    Sign,
    /// C_Verify, C_VerifyUpdate, C_VerifyFinal.
    Verify,
    /// C_WrapKey.
    Wrap,
    /// C_UnwrapKey. Whatever depends on the blob looks alike (rule R10).
    Unwrap,
    /// C_DeriveKey.
    Derive,
    /// C_GenerateKey, C_GenerateKeyPair, C_CreateObject.
    Make,
}

/// What the caller of `function` learns of an algorithm's error.
pub(crate) const fn crypto(function: Function, error: CryptoError) -> Refusal {
    use CryptoError as C;
    use Function::{Decrypt, Derive, Encrypt, Init, Make, Sign, Unwrap, Verify, Wrap};
    let code = match (error, function) {
        (C::KeyType, Init | Derive) => Error::KeyTypeInconsistent,
        (C::KeyType, Wrap) => Error::WrappingKeyTypeInconsistent,
        (C::KeyType, Unwrap) => Error::UnwrappingKeyTypeInconsistent,

        (C::KeySize, Init | Derive | Make) => Error::KeySizeRange,
        (C::KeySize, Wrap) => Error::WrappingKeySizeRange,
        (C::KeySize, Unwrap) => Error::UnwrappingKeySizeRange,

        (C::KeyInvalid, Make) => Error::AttributeValueInvalid,

        (C::Params, Init | Wrap | Unwrap | Derive | Make) => Error::MechanismParamInvalid,

        // Not in the list of C_DeriveKey, but section 6.17 says so of data that is too short to make a key of.
        (C::DataLen, Encrypt | Sign | Verify | Derive) => Error::DataLenRange,
        (C::DataLen, Wrap | Make) => Error::KeySizeRange,
        (C::DataInvalid, Encrypt | Sign | Verify) => Error::DataInvalid,

        (C::CiphertextLen | C::DataLen, Decrypt) => Error::EncryptedDataLenRange,
        (C::CiphertextInvalid | C::DataInvalid, Decrypt) => Error::EncryptedDataInvalid,

        (C::CiphertextLen | C::CiphertextInvalid | C::DataLen | C::DataInvalid | C::KeyInvalid, Unwrap) => {
            Error::WrappedKeyInvalid
        }

        (C::SignatureLen, Verify) => Error::SignatureLenRange,
        (C::SignatureInvalid, Verify) => Error::SignatureInvalid,

        (C::Internal, _) => Error::GeneralError,
        _ => Error::FunctionFailed,
    };
    Refusal::standard(code, crypto_reason(error))
}

const fn crypto_reason(error: CryptoError) -> &'static str {
    match error {
        CryptoError::KeyType => "the key is of another type than the mechanism needs",
        CryptoError::KeySize => "the key's size is outside what the mechanism takes",
        CryptoError::KeyInvalid => "the key's parts contradict each other",
        CryptoError::Params => "the mechanism's parameter is outside what it takes",
        CryptoError::DataLen => "the mechanism cannot take input of this length",
        CryptoError::DataInvalid => "the mechanism cannot take this input",
        CryptoError::CiphertextLen => "no ciphertext of this mechanism has this length",
        CryptoError::CiphertextInvalid => "the ciphertext does not decrypt",
        CryptoError::SignatureLen => "no signature by this key has this length",
        CryptoError::SignatureInvalid => "the signature does not match",
        CryptoError::Random => "the system's random generator failed",
        CryptoError::Internal => "internal failure of an algorithm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULTS: &[CryptoError] = &[
        CryptoError::KeyType,
        CryptoError::KeySize,
        CryptoError::KeyInvalid,
        CryptoError::Params,
        CryptoError::DataLen,
        CryptoError::DataInvalid,
        CryptoError::CiphertextLen,
        CryptoError::CiphertextInvalid,
        CryptoError::SignatureLen,
        CryptoError::SignatureInvalid,
        CryptoError::Random,
        CryptoError::Internal,
    ];

    /// What every function may return (section 5.1.1), and beside it the function's own list, typed from the
    /// standard as far as an algorithm's error can lead there.
    #[rustfmt::skip]
    const LISTS: &[(Function, &[Error])] = {
        use Error::*;
        &[
            (Function::Init,    &[KeySizeRange, KeyTypeInconsistent, MechanismParamInvalid]),
            (Function::Encrypt, &[DataInvalid, DataLenRange]),
            (Function::Decrypt, &[EncryptedDataInvalid, EncryptedDataLenRange]),
            (Function::Sign,    &[DataInvalid, DataLenRange]),
            (Function::Verify,  &[DataInvalid, DataLenRange, SignatureInvalid, SignatureLenRange]),
            (Function::Wrap,    &[KeySizeRange, MechanismParamInvalid, WrappingKeySizeRange, WrappingKeyTypeInconsistent]),
            (Function::Unwrap,  &[MechanismParamInvalid, UnwrappingKeySizeRange, UnwrappingKeyTypeInconsistent, WrappedKeyInvalid]),
            (Function::Derive,  &[DataLenRange, KeySizeRange, KeyTypeInconsistent, MechanismParamInvalid]),
            (Function::Make,    &[AttributeValueInvalid, KeySizeRange, MechanismParamInvalid]),
        ]
    };

    #[test]
    fn every_function_returns_what_its_list_allows_and_all_of_it() {
        for (function, list) in LISTS {
            let told: Vec<Error> = FAULTS.iter().map(|fault| crypto(*function, *fault).error).collect();
            let general = [Error::FunctionFailed, Error::GeneralError];
            let strange: Vec<_> =
                told.iter().filter(|error| !list.contains(error) && !general.contains(error)).collect();
            assert!(strange.is_empty(), "{function:?} returns {strange:?}");
            assert!(list.iter().all(|error| told.contains(error)), "{function:?} never returns one of {list:?}");
        }
    }

    #[test]
    fn whatever_is_wrong_with_a_wrapped_key_looks_alike() {
        let of_the_blob = [CryptoError::CiphertextLen, CryptoError::CiphertextInvalid, CryptoError::KeyInvalid];
        for fault in of_the_blob {
            assert_eq!(crypto(Function::Unwrap, fault).error, Error::WrappedKeyInvalid);
        }
    }
}
