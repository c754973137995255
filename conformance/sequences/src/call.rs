//! The calls of the attacker, who holds every PIN, and how they are printed: as the C calls that they are.

use std::fmt;

use claviger_rules::{Role, Template, UserId, Value};
use cryptoki_sys::{CK_USER_TYPE, CKU_SO, CKU_USER};

use crate::way::Way;

/// A user of the token. The attacker holds the PIN of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum User {
    /// A normal user.
    App1,
    /// Another.
    App2,
    /// The key manager.
    Kim,
    /// The security officer.
    So,
}

impl User {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::App1, Self::App2, Self::Kim, Self::So];

    /// The user's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::App1 => "app1",
            Self::App2 => "app2",
            Self::Kim => "kim",
            Self::So => "so",
        }
    }

    /// The user's role.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::App1 | Self::App2 => Role::NormalUser,
            Self::Kim => Role::KeyManager,
            Self::So => Role::SecurityOfficer,
        }
    }

    /// Some id: the policy asks only which are the same.
    pub(crate) const fn id(self) -> UserId {
        UserId(self as u32)
    }

    /// As whom the user logs in.
    pub(crate) const fn kind(self) -> CK_USER_TYPE {
        if self.role().is_so() { CKU_SO } else { CKU_USER }
    }
}

/// What an object or a byte string is called in a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u32);

/// A byte string that the attacker knows from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known(pub(crate) u8);

impl Known {
    /// How many there are.
    pub(crate) const COUNT: u8 = 4;

    /// Its bytes: 16, 32, 24 or 8 of them.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let (byte, len) = match self.0 {
            0 => (0x51, 16),
            1 => (0x52, 32),
            2 => (0x53, 24),
            _ => (0x54, 8),
        };
        (0..len).map(|index| byte ^ index).collect()
    }
}

/// What C_GenerateKeyPair makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    /// P-256.
    Ec,
    /// RSA-2048.
    Rsa,
}

/// One call.
#[derive(Clone)]
pub(crate) enum Call {
    /// No call: from here on the next application calls, the one that logged this user in at the start.
    Turn(User),
    /// C_Login.
    Login(User),
    /// C_Logout.
    Logout,
    /// C_CloseSession of the only session, and C_OpenSession.
    Reopen {
        /// Read/write.
        writable: bool,
    },
    /// C_GenerateKey(CKM_AES_KEY_GEN).
    Generate {
        /// The key.
        key: Name,
        /// Its template.
        template: Template,
    },
    /// C_GenerateKeyPair.
    Pair {
        /// The public key.
        public: Name,
        /// The private key.
        private: Name,
        /// What sort of pair.
        pair: Pair,
        /// The templates of the public and of the private key.
        templates: (Template, Template),
    },
    /// C_CreateObject.
    Create {
        /// The object.
        key: Name,
        /// Its template, with the value.
        template: Template,
    },
    /// C_SetAttributeValue: attributes, trust and shares.
    Set {
        /// The object.
        object: Name,
        /// The attributes.
        template: Template,
    },
    /// C_CopyObject.
    Copy {
        /// The copy.
        copy: Name,
        /// What is copied.
        source: Name,
        /// Its template.
        template: Template,
    },
    /// C_DestroyObject.
    Destroy {
        /// The object.
        object: Name,
    },
    /// C_WrapKey.
    Wrap {
        /// The blob.
        blob: Name,
        /// How.
        way: Way,
        /// The wrapping key.
        under: Name,
        /// The key that is wrapped.
        key: Name,
    },
    /// C_UnwrapKey.
    Unwrap {
        /// The key.
        key: Name,
        /// How.
        way: Way,
        /// The unwrapping key.
        under: Name,
        /// The blob.
        blob: Name,
        /// The template.
        template: Template,
    },
    /// C_Encrypt of bytes that everyone knows.
    Encrypt {
        /// The ciphertext.
        blob: Name,
        /// How.
        way: Way,
        /// The key.
        key: Name,
        /// The plaintext.
        data: Known,
    },
    /// C_Decrypt of any bytes that the token gave out.
    Decrypt {
        /// The plaintext.
        plain: Name,
        /// How.
        way: Way,
        /// The key.
        key: Name,
        /// The bytes.
        blob: Name,
    },
    /// A blob opened outside, block by block, with C_Decrypt and C_Encrypt(CKM_AES_ECB) of the key that made it.
    Peel {
        /// The key.
        key: Name,
        /// The blob.
        blob: Name,
    },
    /// C_DeriveKey(CKM_HKDF_DERIVE).
    Derive {
        /// The key.
        key: Name,
        /// The base key.
        base: Name,
        /// A key as the salt.
        salt: Option<Name>,
        /// The template.
        template: Template,
    },
    /// C_DigestInit(CKM_SHA256), C_DigestKey, C_DigestFinal.
    Digest {
        /// The key.
        key: Name,
    },
    /// C_GetAttributeValue(CKA_VALUE).
    Read {
        /// The object.
        object: Name,
    },
    /// A search for a key by its value.
    Find {
        /// The value.
        value: Known,
    },
}

impl Call {
    /// The names that the call gives.
    pub(crate) fn names(&self) -> Vec<Name> {
        match self {
            Self::Generate { key, .. }
            | Self::Create { key, .. }
            | Self::Unwrap { key, .. }
            | Self::Derive { key, .. } => {
                vec![*key]
            }
            Self::Pair { public, private, .. } => vec![*public, *private],
            Self::Copy { copy: name, .. }
            | Self::Wrap { blob: name, .. }
            | Self::Encrypt { blob: name, .. }
            | Self::Decrypt { plain: name, .. } => vec![*name],
            _ => Vec::new(),
        }
    }

    /// The objects and byte strings that the call is about: they must have been there once.
    pub(crate) fn needs(&self) -> (Vec<Name>, Vec<Name>) {
        match self {
            Self::Set { object, .. } | Self::Destroy { object } | Self::Read { object } => (vec![*object], Vec::new()),
            Self::Copy { source, .. } => (vec![*source], Vec::new()),
            Self::Digest { key } | Self::Encrypt { key, .. } => (vec![*key], Vec::new()),
            Self::Wrap { under, key, .. } => (vec![*under, *key], Vec::new()),
            Self::Unwrap { under, blob, .. } => (vec![*under], vec![*blob]),
            Self::Decrypt { key, blob, .. } | Self::Peel { key, blob } => (vec![*key], vec![*blob]),
            Self::Derive { base, salt, .. } => (core::iter::once(*base).chain(*salt).collect(), Vec::new()),
            _ => (Vec::new(), Vec::new()),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(user) => write!(f, "the application of {}:", user.name()),
            Self::Login(user) => write!(f, "C_Login({})", user.name()),
            Self::Logout => write!(f, "C_Logout()"),
            Self::Reopen { writable } => {
                write!(f, "C_CloseSession(); C_OpenSession({})", if *writable { "CKF_RW_SESSION" } else { "read-only" })
            }
            Self::Generate { key, template } => {
                write!(f, "{key} = C_GenerateKey(CKM_AES_KEY_GEN, {})", Shown(template))
            }
            Self::Pair { public, private, pair, templates } => write!(
                f,
                "{public}, {private} = C_GenerateKeyPair({pair:?}, {}, {})",
                Shown(&templates.0),
                Shown(&templates.1)
            ),
            Self::Create { key, template } => write!(f, "{key} = C_CreateObject({})", Shown(template)),
            Self::Set { object, template } => write!(f, "C_SetAttributeValue({object}, {})", Shown(template)),
            Self::Copy { copy, source, template } => write!(f, "{copy} = C_CopyObject({source}, {})", Shown(template)),
            Self::Destroy { object } => write!(f, "C_DestroyObject({object})"),
            Self::Wrap { blob, way, under, key } => write!(f, "{blob} = C_WrapKey({way}, under {under}, {key})"),
            Self::Unwrap { key, way, under, blob, template } => {
                write!(f, "{key} = C_UnwrapKey({way}, under {under}, {blob}, {})", Shown(template))
            }
            Self::Encrypt { blob, way, key, data } => {
                write!(f, "{blob} = C_Encrypt({way}, {key}, {} known bytes)", data.bytes().len())
            }
            Self::Decrypt { plain, way, key, blob } => write!(f, "{plain} = C_Decrypt({way}, {key}, {blob})"),
            Self::Peel { key, blob } => write!(f, "C_Decrypt/C_Encrypt(CKM_AES_ECB, {key}, the blocks of {blob})"),
            Self::Derive { key, base, salt: None, template } => {
                write!(f, "{key} = C_DeriveKey(CKM_HKDF_DERIVE, {base}, {})", Shown(template))
            }
            Self::Derive { key, base, salt: Some(salt), template } => {
                write!(f, "{key} = C_DeriveKey(CKM_HKDF_DERIVE, {base}, salt {salt}, {})", Shown(template))
            }
            Self::Digest { key } => write!(f, "C_DigestKey(CKM_SHA256, {key})"),
            Self::Read { object } => write!(f, "C_GetAttributeValue({object}, CKA_VALUE)"),
            Self::Find { value } => write!(f, "C_FindObjects(CKA_VALUE={} known bytes)", value.bytes().len()),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A template in the making: one that can be printed, as whatever is chosen at random must.
#[derive(Clone, Default)]
pub(crate) struct Draft(pub(crate) Template);

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(&self.0))
    }
}

/// A template as it is printed.
struct Shown<'a>(&'a Template);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (attribute, value)) in self.0.iter().enumerate() {
            let name = attribute.row().map_or("?", |row| row.name);
            write!(f, "{}{name}=", if index == 0 { "" } else { ", " })?;
            match value {
                Value::Bool(flag) => write!(f, "{flag}")?,
                Value::Ulong(number) => write!(f, "{number:#x}")?,
                Value::Template(nested) => write!(f, "{}", Shown(nested))?,
                Value::Bytes(bytes) => match core::str::from_utf8(bytes) {
                    Ok(text) if text.len() < 16 => write!(f, "{text:?}")?,
                    _ => write!(f, "<{} bytes>", bytes.len())?,
                },
                Value::Date(_) | Value::Mechanisms(_) => f.write_str("…")?,
            }
        }
        f.write_str("}")
    }
}
