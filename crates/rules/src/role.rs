//! Roles are sets of powers, and this is the table of them.

use serde::{Deserialize, Serialize};

/// A user's internal id. Never used again after the user is deleted, so a new user of the same name
/// inherits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub u32);

/// What a user may do at all. Which object it may do it to is the policy table's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    /// Use secret and private keys on data: encrypt, decrypt, sign, MAC, derive.
    UseKeys,
    /// Make data keys, key pairs and other objects; copy, destroy and change one's own.
    MakeKeys,
    /// Make candidates: keys that may become trusted.
    MakeCandidates,
    /// Wrap own keys and unwrap.
    WrapKeys,
    /// Share and unshare own keys.
    ShareKeys,
    /// Mark a candidate trusted, retire a trusted key.
    Trust,
    /// Users, PINs, policy, backup and restore, audit log.
    Administer,
}

impl Power {
    /// Every power, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::UseKeys,
        Self::MakeKeys,
        Self::MakeCandidates,
        Self::WrapKeys,
        Self::ShareKeys,
        Self::Trust,
        Self::Administer,
    ];
}

/// A set of [`Power`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Powers(u8);

impl Powers {
    /// No power: a session without login.
    pub const NONE: Self = Self(0);

    const fn of(list: &[Power]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `power` is in the set.
    pub const fn has(self, power: Power) -> bool {
        self.0 & (1 << power as u8) != 0
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

macro_rules! roles {
    ($( $(#[$doc:meta])* $role:ident $name:literal $title:literal [$($power:ident),*] ;)*) => {
        /// A user's role: one, for life.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Role { $( $(#[$doc])* $role ),* }

        impl Role {
            /// Every role, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$role),*];

            /// The name used on the command line.
            pub const fn name(self) -> &'static str { match self { $(Self::$role => $name),* } }

            /// The name used in prose.
            pub const fn title(self) -> &'static str { match self { $(Self::$role => $title),* } }

            /// What the role may do.
            pub const fn powers(self) -> Powers { match self { $(Self::$role => Powers::of(&[$(Power::$power),*])),* } }
        }
    };
}

roles! {
    /// Normal user: the application. Assumed to be fully taken over by the attacker.
    NormalUser      "nu" "normal user"      [UseKeys, MakeKeys, WrapKeys];
    /// Key manager: makes the keys that wrap other keys and shares keys. Never uses a key on data.
    KeyManager      "km" "key manager"      [MakeKeys, MakeCandidates, WrapKeys, ShareKeys];
    /// Security officer: users, trust, policy. Never touches a key value.
    SecurityOfficer "so" "security officer" [Trust, Administer];
}

impl Role {
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// Whether the role logs in as CKU_SO (otherwise as CKU_USER).
    pub const fn is_so(self) -> bool {
        matches!(self, Self::SecurityOfficer)
    }
}
