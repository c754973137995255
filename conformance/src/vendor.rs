//! The two vendor attributes of Claviger, written down a second time: a black-box harness takes nothing from the
//! library under test.

use cryptoki_sys::CK_ATTRIBUTE_TYPE;

/// The owner's name; read-only.
pub const CKA_CLAVIGER_OWNER: CK_ATTRIBUTE_TYPE = 0xC34C_4101;
/// Names of the users a key is shared with, separated by NUL.
pub const CKA_CLAVIGER_SHARED_WITH: CK_ATTRIBUTE_TYPE = 0xC34C_4102;
