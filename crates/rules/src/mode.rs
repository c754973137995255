//! The policy mode of a token.

use serde::{Deserialize, Serialize};

/// How strictly a token applies the rules. Ordered: a later one is stricter, and a token's mode may
/// only grow stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Plain PKCS#11 with the standard's own TRUSTED / WRAP_WITH_TRUSTED semantics.
    Standard,
    /// As `Standard`, and every call that `Enforce` would refuse is logged with its rule.
    Audit,
    /// The rules R1 to R18. The default.
    Enforce,
}

impl Mode {
    /// Every mode, from the loosest to the strictest.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Audit, Self::Enforce];

    /// The name used on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
