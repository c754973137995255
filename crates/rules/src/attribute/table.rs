//! The attribute table: what each attribute is, who may name it when, and how it may change.
//!
//! PKCS#11 3.2 sections 4.4 to 4.12 with their footnotes. One walk over this table serves create,
//! generate, derive, unwrap, copy and set. `conformance/spec` holds the second entry, typed from the
//! standard, that this table is compared with.

use serde::{Deserialize, Serialize};

use crate::{KeyType, ObjectClass};

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CK_BBOOL.
    Bool,
    /// CK_ULONG.
    Ulong,
    /// Byte array.
    Bytes,
    /// CK_DATE.
    Date,
    /// CK_ATTRIBUTE array.
    Template,
    /// CK_MECHANISM_TYPE array.
    Mechanisms,
}

/// Whether C_GetAttributeValue shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Always.
    Open,
    /// Not of a secret or private key that is sensitive or not extractable (footnote 7).
    Hidden,
}

/// How it changes after birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Never.
    Fixed,
    /// Only while it is copied.
    OnCopy,
    /// Freely (footnote 8).
    Free,
    /// From false to true (footnote 11).
    OnlyTrue,
    /// From true to false (footnote 12).
    OnlyFalse,
    /// By a security officer (footnote 10).
    Officer,
    /// By the owner, if the role may share.
    Share,
    /// The token computes it at birth (footnotes 2, 4 and 6 together); no template may name it.
    Token,
}

/// The births whose templates may name an attribute, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When(u8);

impl When {
    /// No template.
    pub const NEVER: Self = Self(0);
    /// C_CreateObject.
    pub const CREATE: Self = Self(1);
    /// C_GenerateKey.
    pub const GENERATE: Self = Self(2);
    /// C_GenerateKeyPair.
    pub const PAIR: Self = Self(4);
    /// C_DeriveKey.
    pub const DERIVE: Self = Self(8);
    /// C_UnwrapKey.
    pub const UNWRAP: Self = Self(16);
    /// C_CopyObject.
    pub const COPY: Self = Self(32);
    /// Every birth.
    pub const ALWAYS: Self = Self(63);
    /// A secret key whose length the caller chooses.
    pub const LENGTH: Self = Self(Self::GENERATE.0 | Self::DERIVE.0 | Self::UNWRAP.0);
    /// C_CreateObject and C_GenerateKeyPair: domain parameters.
    pub const DOMAIN: Self = Self(Self::CREATE.0 | Self::PAIR.0);

    /// Whether all of `other` is within.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The objects that have an attribute: classes, and for public and private keys perhaps one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Of {
    classes: u8,
    pair_type: Option<KeyType>,
}

impl Of {
    const fn classes(list: &[ObjectClass]) -> Self {
        let mut classes = 0;
        let mut i = 0;
        while i < list.len() {
            classes |= 1 << list[i] as u8;
            i += 1;
        }
        Self { classes, pair_type: None }
    }

    const fn only(mut self, key_type: KeyType) -> Self {
        self.pair_type = Some(key_type);
        self
    }

    /// Whether objects of `class` (and `key_type`, for keys) have the attribute.
    pub fn includes(self, class: ObjectClass, key_type: Option<KeyType>) -> bool {
        let class_fits = self.classes & (1 << class as u8) != 0;
        let is_half = matches!(class, ObjectClass::PublicKey | ObjectClass::PrivateKey);
        class_fits && (!is_half || self.pair_type.is_none() || self.pair_type == key_type)
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its number.
    pub id: AttributeType,
    /// The standard's name, without CKA_.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether it can be read.
    pub shown: Shown,
    /// Which objects have it.
    pub of: Of,
    /// Which births' templates may name it.
    pub given: When,
    /// Which births' templates must name it.
    pub required: When,
    /// How it changes.
    pub change: Change,
}

/// The number of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttributeType(pub u64);

impl AttributeType {
    /// Its row; `None` when the token does not know it.
    pub fn row(self) -> Option<&'static Attribute> {
        let index = ATTRIBUTES.binary_search_by_key(&self, |row| row.id).ok()?;
        ATTRIBUTES.get(index)
    }
}

macro_rules! attributes {
    ($( $name:ident = $id:literal $kind:ident $shown:ident $of:ident $given:ident $required:ident $change:ident ;)*) => {
        #[allow(missing_docs, reason = "the names are the standard's")]
        impl AttributeType { $( pub const $name: Self = Self($id); )* }

        /// Every attribute, by number.
        pub static ATTRIBUTES: &[Attribute] = &[$( Attribute {
            id: AttributeType($id), name: stringify!($name), kind: Kind::$kind, shown: Shown::$shown, of: $of,
            given: When::$given, required: When::$required, change: Change::$change,
        } ),*];

        // Ids ascend, so none is repeated; what must be named may be named.
        const _: () = {
            let mut i = 0;
            while i < ATTRIBUTES.len() {
                assert!(i == 0 || ATTRIBUTES[i - 1].id.0 < ATTRIBUTES[i].id.0);
                assert!(ATTRIBUTES[i].given.has(ATTRIBUTES[i].required));
                i += 1;
            }
        };
    };
}

use ObjectClass::{Certificate, Data, PrivateKey, PublicKey, SecretKey};
const ALL: Of = Of::classes(&[Data, Certificate, PublicKey, PrivateKey, SecretKey]);
const DATA: Of = Of::classes(&[Data]);
const CERTIFICATE: Of = Of::classes(&[Certificate]);
const VALUED: Of = Of::classes(&[Data, Certificate, SecretKey, PrivateKey]).only(KeyType::Ec);
const TRUSTABLE: Of = Of::classes(&[Certificate, PublicKey, SecretKey]);
const KEYS: Of = Of::classes(&[PublicKey, PrivateKey, SecretKey]);
const CHECKED: Of = Of::classes(&[Certificate, SecretKey]);
const NAMED: Of = Of::classes(&[Certificate, PublicKey, PrivateKey]);
const IDENTIFIED: Of = Of::classes(&[Certificate, PublicKey, PrivateKey, SecretKey]);
const HALVES: Of = Of::classes(&[PublicKey, PrivateKey]);
const HOLDERS: Of = Of::classes(&[PrivateKey, SecretKey]);
const GIVERS: Of = Of::classes(&[PublicKey, SecretKey]);
const PUBLIC: Of = Of::classes(&[PublicKey]);
const PRIVATE: Of = Of::classes(&[PrivateKey]);
const SECRET: Of = Of::classes(&[SecretKey]);
const RSA: Of = HALVES.only(KeyType::Rsa);
const RSA_PUBLIC: Of = PUBLIC.only(KeyType::Rsa);
const RSA_PRIVATE: Of = PRIVATE.only(KeyType::Rsa);
const EC: Of = HALVES.only(KeyType::Ec);
const EC_PUBLIC: Of = PUBLIC.only(KeyType::Ec);

attributes! {
//  name                      number       kind       shown  of           may name  must name change
    CLASS                   = 0x0000_0000 Ulong      Open   ALL         ALWAYS    CREATE   Fixed;
    TOKEN                   = 0x0000_0001 Bool       Open   ALL         ALWAYS    NEVER    OnCopy;
    PRIVATE                 = 0x0000_0002 Bool       Open   ALL         ALWAYS    NEVER    OnCopy;
    LABEL                   = 0x0000_0003 Bytes      Open   ALL         ALWAYS    NEVER    Free;
    UNIQUE_ID               = 0x0000_0004 Bytes      Open   ALL         NEVER     NEVER    Token;
    APPLICATION             = 0x0000_0010 Bytes      Open   DATA        ALWAYS    NEVER    Free;
    VALUE                   = 0x0000_0011 Bytes      Hidden VALUED      CREATE    NEVER    Fixed;
    OBJECT_ID               = 0x0000_0012 Bytes      Open   DATA        ALWAYS    NEVER    Free;
    CERTIFICATE_TYPE        = 0x0000_0080 Ulong      Open   CERTIFICATE CREATE    CREATE   Fixed;
    ISSUER                  = 0x0000_0081 Bytes      Open   CERTIFICATE ALWAYS    NEVER    Free;
    SERIAL_NUMBER           = 0x0000_0082 Bytes      Open   CERTIFICATE ALWAYS    NEVER    Free;
    TRUSTED                 = 0x0000_0086 Bool       Open   TRUSTABLE   ALWAYS    NEVER    Officer;
    CERTIFICATE_CATEGORY    = 0x0000_0087 Ulong      Open   CERTIFICATE CREATE    NEVER    Fixed;
    JAVA_MIDP_SECURITY_DOMAIN = 0x0000_0088 Ulong    Open   CERTIFICATE CREATE    NEVER    Fixed;
    URL                     = 0x0000_0089 Bytes      Open   CERTIFICATE CREATE    NEVER    Fixed;
    HASH_OF_SUBJECT_PUBLIC_KEY = 0x0000_008a Bytes   Open   CERTIFICATE CREATE    NEVER    Fixed;
    HASH_OF_ISSUER_PUBLIC_KEY = 0x0000_008b Bytes    Open   CERTIFICATE CREATE    NEVER    Fixed;
    NAME_HASH_ALGORITHM     = 0x0000_008c Ulong      Open   CERTIFICATE CREATE    NEVER    Fixed;
    CHECK_VALUE             = 0x0000_0090 Bytes      Open   CHECKED     CREATE    NEVER    Fixed;
    KEY_TYPE                = 0x0000_0100 Ulong      Open   KEYS        ALWAYS    CREATE   Fixed;
    SUBJECT                 = 0x0000_0101 Bytes      Open   NAMED       ALWAYS    NEVER    Free;
    ID                      = 0x0000_0102 Bytes      Open   IDENTIFIED  ALWAYS    NEVER    Free;
    SENSITIVE               = 0x0000_0103 Bool       Open   HOLDERS     ALWAYS    NEVER    OnlyTrue;
    ENCRYPT                 = 0x0000_0104 Bool       Open   GIVERS      ALWAYS    NEVER    Free;
    DECRYPT                 = 0x0000_0105 Bool       Open   HOLDERS     ALWAYS    NEVER    Free;
    WRAP                    = 0x0000_0106 Bool       Open   GIVERS      ALWAYS    NEVER    Free;
    UNWRAP                  = 0x0000_0107 Bool       Open   HOLDERS     ALWAYS    NEVER    Free;
    SIGN                    = 0x0000_0108 Bool       Open   HOLDERS     ALWAYS    NEVER    Free;
    SIGN_RECOVER            = 0x0000_0109 Bool       Open   PRIVATE     ALWAYS    NEVER    Free;
    VERIFY                  = 0x0000_010a Bool       Open   GIVERS      ALWAYS    NEVER    Free;
    VERIFY_RECOVER          = 0x0000_010b Bool       Open   PUBLIC      ALWAYS    NEVER    Free;
    DERIVE                  = 0x0000_010c Bool       Open   KEYS        ALWAYS    NEVER    Free;
    START_DATE              = 0x0000_0110 Date       Open   IDENTIFIED  ALWAYS    NEVER    Free;
    END_DATE                = 0x0000_0111 Date       Open   IDENTIFIED  ALWAYS    NEVER    Free;
    MODULUS                 = 0x0000_0120 Bytes      Open   RSA         CREATE    CREATE   Fixed;
    MODULUS_BITS            = 0x0000_0121 Ulong      Open   RSA_PUBLIC  PAIR      PAIR     Fixed;
    PUBLIC_EXPONENT         = 0x0000_0122 Bytes      Open   RSA         DOMAIN    NEVER    Fixed;
    PRIVATE_EXPONENT        = 0x0000_0123 Bytes      Hidden RSA_PRIVATE CREATE    CREATE   Fixed;
    PRIME_1                 = 0x0000_0124 Bytes      Hidden RSA_PRIVATE CREATE    NEVER    Fixed;
    PRIME_2                 = 0x0000_0125 Bytes      Hidden RSA_PRIVATE CREATE    NEVER    Fixed;
    EXPONENT_1              = 0x0000_0126 Bytes      Hidden RSA_PRIVATE CREATE    NEVER    Fixed;
    EXPONENT_2              = 0x0000_0127 Bytes      Hidden RSA_PRIVATE CREATE    NEVER    Fixed;
    COEFFICIENT             = 0x0000_0128 Bytes      Hidden RSA_PRIVATE CREATE    NEVER    Fixed;
    PUBLIC_KEY_INFO         = 0x0000_0129 Bytes      Open   NAMED       CREATE    NEVER    Fixed;
    VALUE_LEN               = 0x0000_0161 Ulong      Open   SECRET      LENGTH    NEVER    Fixed;
    EXTRACTABLE             = 0x0000_0162 Bool       Open   HOLDERS     ALWAYS    NEVER    OnlyFalse;
    LOCAL                   = 0x0000_0163 Bool       Open   KEYS        NEVER     NEVER    Token;
    NEVER_EXTRACTABLE       = 0x0000_0164 Bool       Open   HOLDERS     NEVER     NEVER    Token;
    ALWAYS_SENSITIVE        = 0x0000_0165 Bool       Open   HOLDERS     NEVER     NEVER    Token;
    KEY_GEN_MECHANISM       = 0x0000_0166 Ulong      Open   KEYS        NEVER     NEVER    Token;
    MODIFIABLE              = 0x0000_0170 Bool       Open   ALL         ALWAYS    NEVER    OnCopy;
    COPYABLE                = 0x0000_0171 Bool       Open   ALL         ALWAYS    NEVER    OnlyFalse;
    DESTROYABLE             = 0x0000_0172 Bool       Open   ALL         ALWAYS    NEVER    OnlyFalse;
    EC_PARAMS               = 0x0000_0180 Bytes      Open   EC          DOMAIN    DOMAIN   Fixed;
    EC_POINT                = 0x0000_0181 Bytes      Open   EC_PUBLIC   CREATE    CREATE   Fixed;
    ALWAYS_AUTHENTICATE     = 0x0000_0202 Bool       Open   PRIVATE     ALWAYS    NEVER    Fixed;
    WRAP_WITH_TRUSTED       = 0x0000_0210 Bool       Open   HOLDERS     ALWAYS    NEVER    OnlyTrue;
    WRAP_TEMPLATE           = 0x4000_0211 Template   Open   GIVERS      ALWAYS    NEVER    Fixed;
    UNWRAP_TEMPLATE         = 0x4000_0212 Template   Open   HOLDERS     ALWAYS    NEVER    Fixed;
    DERIVE_TEMPLATE         = 0x4000_0213 Template   Open   KEYS        ALWAYS    NEVER    Fixed;
    ALLOWED_MECHANISMS      = 0x4000_0600 Mechanisms Open   KEYS        ALWAYS    NEVER    Fixed;
    // "CLAV" in ASCII, under CKA_VENDOR_DEFINED.
    CLAVIGER_OWNER          = 0xC34C_4101 Bytes      Open   ALL         NEVER     NEVER    Token;
    CLAVIGER_SHARED_WITH    = 0xC34C_4102 Bytes      Open   KEYS        NEVER     NEVER    Share;
}

/// The usage attributes of keys: what a key may be used for.
pub const USAGES: [AttributeType; 9] = [
    AttributeType::ENCRYPT,
    AttributeType::DECRYPT,
    AttributeType::WRAP,
    AttributeType::UNWRAP,
    AttributeType::SIGN,
    AttributeType::SIGN_RECOVER,
    AttributeType::VERIFY,
    AttributeType::VERIFY_RECOVER,
    AttributeType::DERIVE,
];
