//! PINs: their length, and Argon2id (RFC 9106) of them. Not the counting of wrong ones: that is
//! [`crate::login`].

use argon2::{Algorithm, Argon2, Params, Version};
use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;
use serde::{Deserialize, Serialize};

use crate::keys::KEY_LEN;
use crate::{Error, Result};

/// The shortest PIN, in bytes.
pub const MIN_PIN_LEN: usize = 4;
/// The longest PIN, in bytes.
pub const MAX_PIN_LEN: usize = 255;
/// The length of a user's salt.
pub(crate) const SALT_LEN: usize = 16;

macro_rules! costs {
    ($( $(#[$doc:meta])* $cost:ident $name:literal $memory_kib:literal $passes:literal ;)*) => {
        /// How dear one guess of a PIN is. One lane each. Stored with every user.
        ///
        /// There is none below the floor of OWASP's Password Storage Cheat Sheet, so none can be set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Cost { $( $(#[$doc])* $cost ),* }

        impl Cost {
            /// Every cost, from the cheapest.
            pub const ALL: &[Self] = &[$(Self::$cost),*];

            /// The name used on the command line.
            pub const fn name(self) -> &'static str { match self { $(Self::$cost => $name),* } }

            /// The memory in KiB and the number of passes.
            pub const fn parameters(self) -> (u32, u32) { match self { $(Self::$cost => ($memory_kib, $passes)),* } }
        }
    };
}

costs! {
    /// 19 MiB, two passes: OWASP's minimum. For CI, where tokens live for minutes.
    Quick    "quick"    19_456  2;
    /// 48 MiB, two passes. The default.
    Standard "standard" 49_152  2;
    /// 256 MiB, three passes. For PINs that guard a token file others can copy.
    Strong   "strong"   262_144 3;
}

impl Cost {
    /// The cost of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cost| cost.name() == name)
    }
}

/// Refuses a new PIN of a wrong length.
///
/// # Errors
/// [`Error::PinLength`].
pub(crate) fn check_length(pin: &[u8]) -> Result<()> {
    if (MIN_PIN_LEN..=MAX_PIN_LEN).contains(&pin.len()) { Ok(()) } else { Err(Error::PinLength) }
}

/// The key that opens a user's copy of the token key. Takes as long as `cost` says.
pub(crate) fn stretch(pin: &[u8], salt: &[u8; SALT_LEN], cost: Cost) -> Result<SealKey> {
    SealKey::new(&stretch_bytes(pin, salt, cost)?).map_err(|_| Error::Internal)
}

/// The bytes of such a key, to be mixed with others.
pub(crate) fn stretch_bytes(pin: &[u8], salt: &[u8; SALT_LEN], cost: Cost) -> Result<Secret> {
    let (memory_kib, passes) = cost.parameters();
    let params = Params::new(memory_kib, passes, 1, Some(KEY_LEN)).map_err(|_| Error::Internal)?;
    let mut key = Secret::zeroed(KEY_LEN);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(pin, salt, key.expose_mut())
        .map_err(|_| Error::Internal)?;
    Ok(key)
}
