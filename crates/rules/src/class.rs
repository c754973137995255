//! Object classes and key types, as far as the token knows them (PKCS#11 3.2 sections 4.3 and 4.8).

macro_rules! numbered {
    ($(#[$doc:meta])* $type:ident $prefix:literal { $( $variant:ident $name:literal = $id:literal ;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the names are the standard's")]
        pub enum $type { $($variant),* }

        impl $type {
            /// Every one, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The standard's number.
            pub const fn id(self) -> u64 { match self { $(Self::$variant => $id),* } }

            /// The standard's name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => concat!($prefix, $name)),* } }

            /// The one with that number.
            pub const fn from_id(id: u64) -> Option<Self> { match id { $($id => Some(Self::$variant),)* _ => None } }
        }
    };
}

numbered! {
    /// CKA_CLASS.
    ObjectClass "CKO_" {
        Data        "DATA"        = 0;
        Certificate "CERTIFICATE" = 1;
        PublicKey   "PUBLIC_KEY"  = 2;
        PrivateKey  "PRIVATE_KEY" = 3;
        SecretKey   "SECRET_KEY"  = 4;
    }
}

numbered! {
    /// CKA_KEY_TYPE.
    KeyType "CKK_" {
        Rsa           "RSA"            = 0x00;
        Ec            "EC"             = 0x03;
        GenericSecret "GENERIC_SECRET" = 0x10;
        Aes           "AES"            = 0x1f;
        Sha1Hmac      "SHA_1_HMAC"     = 0x28;
        Sha256Hmac    "SHA256_HMAC"    = 0x2b;
        Sha384Hmac    "SHA384_HMAC"    = 0x2c;
        Sha512Hmac    "SHA512_HMAC"    = 0x2d;
        Sha224Hmac    "SHA224_HMAC"    = 0x2e;
        Hkdf          "HKDF"           = 0x42;
    }
}

impl ObjectClass {
    /// Whether the value is to be kept: secret and private keys.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::PrivateKey | Self::SecretKey)
    }

    /// Whether it is a key at all.
    pub const fn is_key(self) -> bool {
        self.has_secret() || matches!(self, Self::PublicKey)
    }
}

impl KeyType {
    /// Whether keys of this type are secret keys (otherwise a public and a private half).
    pub const fn is_secret(self) -> bool {
        !matches!(self, Self::Rsa | Self::Ec)
    }
}
