//! What can go wrong in an algorithm, one variant per thing a caller can act on.

/// The result of an algorithm.
pub type Result<T> = core::result::Result<T, Error>;

/// Why an algorithm refused. Nothing is left behind: outputs are untouched or wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The key is of another type than the algorithm needs.
    KeyType,
    /// The key's size or curve is outside what the algorithm takes.
    KeySize,
    /// The key's parts contradict each other, or are no key at all.
    KeyInvalid,
    /// The parameters are outside what the algorithm takes.
    Params,
    /// The input (plaintext, message, payload) has a length that the algorithm cannot take.
    DataLen,
    /// The input has a value that the algorithm cannot take (for example not below the modulus).
    DataInvalid,
    /// The ciphertext or wrapped key has an impossible length.
    CiphertextLen,
    /// The ciphertext or wrapped key does not decrypt: wrong tag, padding or integrity value.
    CiphertextInvalid,
    /// The signature has another length than the key makes.
    SignatureLen,
    /// The signature does not match.
    SignatureInvalid,
    /// The random generator failed.
    Random,
    /// A library below failed where it cannot.
    Internal,
}
