//! What the token says of itself: the C structures of sections 3.2, 3.3 and 3.4 of the standard as plain data.
//! Not how they are laid out in C.

use claviger_rules::{Mode, Role};
use claviger_store::Quorum;

use crate::SlotId;

/// The CKF_ and CKS_ numbers of pkcs11t.h that this crate sets or reads.
#[allow(missing_docs, reason = "the names are the standard's")]
pub mod flag {
    // CK_SLOT_INFO
    pub const TOKEN_PRESENT: u64 = 0x1;

    // CK_TOKEN_INFO
    pub const RNG: u64 = 0x1;
    pub const LOGIN_REQUIRED: u64 = 0x4;
    pub const USER_PIN_INITIALIZED: u64 = 0x8;
    pub const CLOCK_ON_TOKEN: u64 = 0x40;
    pub const TOKEN_INITIALIZED: u64 = 0x400;
    pub const USER_PIN_COUNT_LOW: u64 = 0x0001_0000;
    pub const USER_PIN_FINAL_TRY: u64 = 0x0002_0000;
    pub const USER_PIN_LOCKED: u64 = 0x0004_0000;
    pub const SO_PIN_COUNT_LOW: u64 = 0x0010_0000;
    pub const SO_PIN_FINAL_TRY: u64 = 0x0020_0000;
    pub const SO_PIN_LOCKED: u64 = 0x0040_0000;

    // CK_SESSION_INFO
    pub const RW_SESSION: u64 = 0x2;
    pub const SERIAL_SESSION: u64 = 0x4;

    // C_SessionCancel; the same bits say in CK_MECHANISM_INFO what a mechanism is good for.
    pub const FIND_OBJECTS: u64 = 0x40;
    pub const ENCRYPT: u64 = 0x100;
    pub const DECRYPT: u64 = 0x200;
    pub const DIGEST: u64 = 0x400;
    pub const SIGN: u64 = 0x800;
    pub const VERIFY: u64 = 0x2000;

    // CK_MECHANISM_INFO
    pub const EC_F_P: u64 = 0x0010_0000;
    pub const EC_NAMEDCURVE: u64 = 0x0080_0000;
    pub const EC_UNCOMPRESS: u64 = 0x0100_0000;
    pub const EC_COMPRESS: u64 = 0x0200_0000;

    // CK_STATE
    pub const RO_PUBLIC_SESSION: u64 = 0;
    pub const RO_USER_FUNCTIONS: u64 = 1;
    pub const RW_PUBLIC_SESSION: u64 = 2;
    pub const RW_USER_FUNCTIONS: u64 = 3;
    pub const RW_SO_FUNCTIONS: u64 = 4;
}

/// CK_UNAVAILABLE_INFORMATION.
pub const UNAVAILABLE: u64 = u64::MAX;

/// CK_EFFECTIVELY_INFINITE.
pub const EFFECTIVELY_INFINITE: u64 = 0;

/// CK_VERSION.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Before the point.
    pub major: u8,
    /// After the point, in hundredths as the standard has it.
    pub minor: u8,
}

/// CK_SLOT_INFO. The texts are not padded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// At most 64 bytes.
    pub description: String,
    /// At most 32 bytes.
    pub manufacturer: &'static str,
    /// CKF_*.
    pub flags: u64,
    /// Of the slot.
    pub hardware_version: Version,
    /// Of this software.
    pub firmware_version: Version,
}

/// CK_TOKEN_INFO. The texts are not padded; all memory sizes are [`UNAVAILABLE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// At most 32 bytes; empty while the slot is not initialised.
    pub label: String,
    /// At most 32 bytes.
    pub manufacturer: &'static str,
    /// At most 16 bytes.
    pub model: &'static str,
    /// At most 16 bytes; made by the first C_InitToken, empty before.
    pub serial: String,
    /// The policy mode, which is no part of CK_TOKEN_INFO; none while the slot is not initialised.
    pub mode: Option<Mode>,
    /// How many security officers an act takes, likewise.
    pub quorum: Option<Quorum>,
    /// CKF_*.
    pub flags: u64,
    /// The limit, or [`EFFECTIVELY_INFINITE`].
    pub max_sessions: u64,
    /// Open sessions of this application.
    pub sessions: u64,
    /// The limit, or [`EFFECTIVELY_INFINITE`].
    pub max_rw_sessions: u64,
    /// Open read-write sessions of this application.
    pub rw_sessions: u64,
    /// In bytes.
    pub max_pin_len: u64,
    /// In bytes.
    pub min_pin_len: u64,
    /// Of the token.
    pub hardware_version: Version,
    /// Of this software.
    pub firmware_version: Version,
    /// YYYYMMDDhhmmss00, UTC.
    pub utc_time: [u8; 16],
}

/// CK_MECHANISM_INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MechanismInfo {
    /// The smallest key, in the unit the standard gives for the mechanism.
    pub min: u64,
    /// The largest key.
    pub max: u64,
    /// CKF_*.
    pub flags: u64,
}

/// CK_SESSION_INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionInfo {
    /// The slot.
    pub slot: SlotId,
    /// CKS_*.
    pub state: u64,
    /// CKF_*.
    pub flags: u64,
    /// Always 0.
    pub device_error: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The name.
    pub name: String,
    /// The role, for life.
    pub role: Role,
    /// Whether too many wrong PINs have locked it.
    pub locked: bool,
    /// Wrong PINs since the last right one.
    pub failures: u32,
}

/// `text` in exactly `N` bytes, blank padded and not null-terminated; too long a text is cut between characters.
pub fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [b' '; N];
    let mut end = text.len().min(N);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for (to, from) in bytes.iter_mut().zip(text.as_bytes().iter().take(end)) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn padding_is_blanks_and_a_long_text_is_cut_between_characters() {
        assert_eq!(&padded::<6>("ci"), b"ci    ");
        assert_eq!(&padded::<2>("abc"), b"ab");
        assert_eq!(&padded::<3>("aé€"), "aé".as_bytes());
        assert_eq!(&padded::<3>("ab€"), b"ab ");
    }
}
