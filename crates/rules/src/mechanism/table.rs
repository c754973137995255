//! The mechanism table: what each mechanism takes, what it is good for, and which engine does it.
//!
//! PKCS#11 3.2 section 6. Adding a mechanism is one row here, one engine in `claviger-crypto` and one
//! vector file. The flags that C_GetMechanismInfo reports are computed from the usages.

use claviger_crypto::engine::{Cipher, Derive, Digest, Sign, Wrap};
use claviger_crypto::{cipher, digest, kdf, mac, sign, wrap};

use super::ParameterKind;
use crate::{Clause, KeyType, Rulebook};

/// What a mechanism is used for; each is a CKF_ flag (section 5.4 of the standard).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Usage {
    Encrypt = 0x0000_0100,
    Decrypt = 0x0000_0200,
    Digest = 0x0000_0400,
    Sign = 0x0000_0800,
    Verify = 0x0000_2000,
    Generate = 0x0000_8000,
    GenerateKeyPair = 0x0001_0000,
    Wrap = 0x0002_0000,
    Unwrap = 0x0004_0000,
    Derive = 0x0008_0000,
}

impl Usage {
    /// Every usage, by flag.
    pub const ALL: [Self; 10] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::Digest,
        Self::Sign,
        Self::Verify,
        Self::Generate,
        Self::GenerateKeyPair,
        Self::Wrap,
        Self::Unwrap,
        Self::Derive,
    ];
}

/// A set of usages; its bits are the CKF_ flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usages(pub u64);

impl Usages {
    const fn of(list: &[Usage]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= list[i] as u64;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `usage` is in the set.
    pub const fn has(self, usage: Usage) -> bool {
        self.0 & usage as u64 != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn without(self, usage: Usage) -> Self {
        Self(self.0 & !(usage as u64))
    }
}

/// What a generating mechanism makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// A secret key of this type.
    Secret(KeyType),
    /// A key pair of this type.
    Pair(KeyType),
}

/// The engines behind a mechanism, one per shape that it has.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Encrypts and decrypts.
    pub cipher: Option<&'static dyn Cipher>,
    /// Signs and verifies, MACs included.
    pub sign: Option<&'static dyn Sign>,
    /// Digests.
    pub digest: Option<&'static dyn Digest>,
    /// Wraps and unwraps.
    pub wrap: Option<&'static dyn Wrap>,
    /// Derives.
    pub derive: Option<&'static dyn Derive>,
    /// Generates.
    pub make: Option<Make>,
}

impl Engine {
    const NONE: Self = Self { cipher: None, sign: None, digest: None, wrap: None, derive: None, make: None };

    const fn cipher(self, engine: &'static dyn Cipher) -> Self {
        Self { cipher: Some(engine), ..self }
    }

    const fn sign(self, engine: &'static dyn Sign) -> Self {
        Self { sign: Some(engine), ..self }
    }

    const fn digest(self, engine: &'static dyn Digest) -> Self {
        Self { digest: Some(engine), ..self }
    }

    const fn wrap(self, engine: &'static dyn Wrap) -> Self {
        Self { wrap: Some(engine), ..self }
    }

    const fn derive(self, engine: &'static dyn Derive) -> Self {
        Self { derive: Some(engine), ..self }
    }

    const fn makes(self, make: Make) -> Self {
        Self { make: Some(make), ..self }
    }

    /// Whether the engines can do `usage`.
    const fn admits(&self, usage: Usage) -> bool {
        match usage {
            Usage::Encrypt | Usage::Decrypt => self.cipher.is_some(),
            Usage::Sign | Usage::Verify => self.sign.is_some(),
            Usage::Digest => self.digest.is_some(),
            Usage::Wrap | Usage::Unwrap => self.wrap.is_some(),
            Usage::Derive => self.derive.is_some(),
            Usage::Generate => matches!(self.make, Some(Make::Secret(_))),
            Usage::GenerateKeyPair => matches!(self.make, Some(Make::Pair(_))),
        }
    }
}

/// The unit in which the standard gives a mechanism's key sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bits: RSA and EC.
    Bits,
    /// Bytes: AES, generic secrets, HMAC.
    Bytes,
    /// No key, or no limit.
    None,
}

/// The number of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MechanismType(pub u64);

impl MechanismType {
    /// Its row; `None` when the token does not have it.
    pub fn row(self) -> Option<&'static Mechanism> {
        let index = MECHANISMS.binary_search_by_key(&self, |row| row.id).ok()?;
        MECHANISMS.get(index)
    }
}

/// One row of the table.
pub struct Mechanism {
    /// Its number.
    pub id: MechanismType,
    /// The standard's name, without CKM_.
    pub name: &'static str,
    /// The key types it takes, or makes.
    pub keys: &'static [KeyType],
    /// The unit of `min` and `max`.
    pub unit: Unit,
    /// The smallest key.
    pub min: u64,
    /// The largest key.
    pub max: u64,
    /// The C structure of its parameter.
    pub parameter: ParameterKind,
    /// The engines.
    pub engine: Engine,
    /// What it is good for.
    pub usages: Usages,
    /// The usage that a clause takes away where it binds.
    pub barred: Option<Bar>,
    /// A key derived with it is as SENSITIVE and as little EXTRACTABLE as its parents by the standard itself
    /// (section 6.43); with other derivations the template may say otherwise.
    pub inherits: bool,
}

/// A usage that a mechanism does not have everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The usage.
    pub usage: Usage,
    /// Where this clause binds.
    pub clause: Clause,
}

impl Mechanism {
    /// What the mechanism is good for where `rules` are in force.
    pub fn usages_under(&self, rules: Rulebook) -> Usages {
        match self.barred {
            Some(Bar { usage, clause }) if rules.binds(clause) => self.usages.without(usage),
            _ => self.usages,
        }
    }

    /// The clause that takes `usage` away where it binds.
    pub fn bar(&self, usage: Usage) -> Option<Clause> {
        self.barred.filter(|bar| bar.usage == usage).map(|bar| bar.clause)
    }

    /// Whether a key of `bits` is within the mechanism's sizes.
    pub const fn takes_size(&self, bits: u64) -> bool {
        match self.unit {
            Unit::None => true,
            Unit::Bits => self.min <= bits && bits <= self.max,
            Unit::Bytes => self.min * 8 <= bits && bits <= self.max * 8,
        }
    }

    /// Whether keys of `key_type` fit.
    pub fn takes(&self, key_type: KeyType) -> bool {
        self.keys.contains(&key_type)
    }
}

macro_rules! mechanisms {
    ($( $name:ident = $id:literal $keys:ident $unit:ident $min:literal $max:literal $parameter:ident [$($usage:ident)*] $engine:expr $(, barred $barred:ident by $clause:ident)? $(, inherits $protection:ident)? ;)*) => {
        #[allow(missing_docs, reason = "the names are the standard's")]
        impl MechanismType { $( pub const $name: Self = Self($id); )* }

        /// Every mechanism, by number.
        pub static MECHANISMS: &[Mechanism] = &[$( Mechanism {
            id: MechanismType($id), name: stringify!($name), keys: $keys, unit: Unit::$unit, min: $min, max: $max,
            parameter: ParameterKind::$parameter, engine: $engine, usages: Usages::of(&[$(Usage::$usage),*]),
            barred: mechanisms!(@bar $($barred $clause)?), inherits: mechanisms!(@inherits $($protection)?),
        } ),*];

        // Ids ascend, so none is repeated; an engine can do what its row promises.
        const _: () = {
            let ids: &[u64] = &[$($id),*];
            let mut i = 1;
            while i < ids.len() {
                assert!(ids[i - 1] < ids[i]);
                i += 1;
            }
            $($( assert!($engine.admits(Usage::$usage)); )*)*
        };
    };
    (@bar) => { None };
    (@bar $usage:ident $clause:ident) => { Some(Bar { usage: Usage::$usage, clause: Clause::$clause }) };
    (@inherits) => { false };
    (@inherits protection) => { true };
}

const ANY: &[KeyType] = &[];
const RSA: &[KeyType] = &[KeyType::Rsa];
const EC: &[KeyType] = &[KeyType::Ec];
const AES: &[KeyType] = &[KeyType::Aes];
const GENERIC: &[KeyType] = &[KeyType::GenericSecret];
const SECRET: &[KeyType] = &[
    KeyType::GenericSecret,
    KeyType::Aes,
    KeyType::Hkdf,
    KeyType::Sha1Hmac,
    KeyType::Sha224Hmac,
    KeyType::Sha256Hmac,
    KeyType::Sha384Hmac,
    KeyType::Sha512Hmac,
];
const HKDF: &[KeyType] = &[KeyType::Hkdf, KeyType::GenericSecret, KeyType::Aes];
const HMAC_1: &[KeyType] = &[KeyType::GenericSecret, KeyType::Sha1Hmac];
const HMAC_224: &[KeyType] = &[KeyType::GenericSecret, KeyType::Sha224Hmac];
const HMAC_256: &[KeyType] = &[KeyType::GenericSecret, KeyType::Sha256Hmac];
const HMAC_384: &[KeyType] = &[KeyType::GenericSecret, KeyType::Sha384Hmac];
const HMAC_512: &[KeyType] = &[KeyType::GenericSecret, KeyType::Sha512Hmac];
const N: Engine = Engine::NONE;

mechanisms! {
//  name                        number   keys     unit  min  max  parameter usages                                      engine
    RSA_PKCS_KEY_PAIR_GEN     = 0x0000 RSA      Bits  2048 4096 None     [GenerateKeyPair]                            N.makes(Make::Pair(KeyType::Rsa));
    RSA_PKCS                  = 0x0001 RSA      Bits  2048 4096 None     [Encrypt Decrypt Sign Verify Wrap Unwrap]    N.cipher(&cipher::RSA_PKCS).sign(&sign::RSA_PKCS).wrap(&wrap::RSA_PKCS), barred Unwrap by NoPaddingOracle;
    SHA1_RSA_PKCS             = 0x0006 RSA      Bits  2048 4096 None     [Sign Verify]                                N.sign(&sign::SHA1_RSA_PKCS);
    RSA_PKCS_OAEP             = 0x0009 RSA      Bits  2048 4096 Oaep     [Encrypt Decrypt Wrap Unwrap]                N.cipher(&cipher::RSA_OAEP).wrap(&wrap::RSA_OAEP);
    RSA_PKCS_PSS              = 0x000d RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::RSA_PKCS_PSS);
    SHA1_RSA_PKCS_PSS         = 0x000e RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::SHA1_RSA_PKCS_PSS);
    SHA256_RSA_PKCS           = 0x0040 RSA      Bits  2048 4096 None     [Sign Verify]                                N.sign(&sign::SHA256_RSA_PKCS);
    SHA384_RSA_PKCS           = 0x0041 RSA      Bits  2048 4096 None     [Sign Verify]                                N.sign(&sign::SHA384_RSA_PKCS);
    SHA512_RSA_PKCS           = 0x0042 RSA      Bits  2048 4096 None     [Sign Verify]                                N.sign(&sign::SHA512_RSA_PKCS);
    SHA256_RSA_PKCS_PSS       = 0x0043 RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::SHA256_RSA_PKCS_PSS);
    SHA384_RSA_PKCS_PSS       = 0x0044 RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::SHA384_RSA_PKCS_PSS);
    SHA512_RSA_PKCS_PSS       = 0x0045 RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::SHA512_RSA_PKCS_PSS);
    SHA224_RSA_PKCS           = 0x0046 RSA      Bits  2048 4096 None     [Sign Verify]                                N.sign(&sign::SHA224_RSA_PKCS);
    SHA224_RSA_PKCS_PSS       = 0x0047 RSA      Bits  2048 4096 Pss      [Sign Verify]                                N.sign(&sign::SHA224_RSA_PKCS_PSS);
    SHA_1                     = 0x0220 ANY      None  0    0    None     [Digest]                                     N.digest(&digest::SHA_1);
    SHA_1_HMAC                = 0x0221 HMAC_1   Bytes 1    512  None     [Sign Verify]                                N.sign(&mac::HMAC_SHA_1);
    SHA256                    = 0x0250 ANY      None  0    0    None     [Digest]                                     N.digest(&digest::SHA256);
    SHA256_HMAC               = 0x0251 HMAC_256 Bytes 1    512  None     [Sign Verify]                                N.sign(&mac::HMAC_SHA256);
    SHA224                    = 0x0255 ANY      None  0    0    None     [Digest]                                     N.digest(&digest::SHA224);
    SHA224_HMAC               = 0x0256 HMAC_224 Bytes 1    512  None     [Sign Verify]                                N.sign(&mac::HMAC_SHA224);
    SHA384                    = 0x0260 ANY      None  0    0    None     [Digest]                                     N.digest(&digest::SHA384);
    SHA384_HMAC               = 0x0261 HMAC_384 Bytes 1    512  None     [Sign Verify]                                N.sign(&mac::HMAC_SHA384);
    SHA512                    = 0x0270 ANY      None  0    0    None     [Digest]                                     N.digest(&digest::SHA512);
    SHA512_HMAC               = 0x0271 HMAC_512 Bytes 1    512  None     [Sign Verify]                                N.sign(&mac::HMAC_SHA512);
    GENERIC_SECRET_KEY_GEN    = 0x0350 GENERIC  Bytes 1    512  None     [Generate]                                   N.makes(Make::Secret(KeyType::GenericSecret));
    CONCATENATE_BASE_AND_KEY  = 0x0360 SECRET   Bytes 1    512  Key      [Derive]                                     N.derive(&kdf::BASE_AND_DATA), barred Derive by OneWayDerivation, inherits protection;
    CONCATENATE_BASE_AND_DATA = 0x0362 SECRET   Bytes 1    512  Data     [Derive]                                     N.derive(&kdf::BASE_AND_DATA), barred Derive by OneWayDerivation, inherits protection;
    CONCATENATE_DATA_AND_BASE = 0x0363 SECRET   Bytes 1    512  Data     [Derive]                                     N.derive(&kdf::DATA_AND_BASE), barred Derive by OneWayDerivation, inherits protection;
    XOR_BASE_AND_DATA         = 0x0364 SECRET   Bytes 1    512  Data     [Derive]                                     N.derive(&kdf::XOR), barred Derive by OneWayDerivation, inherits protection;
    EXTRACT_KEY_FROM_KEY      = 0x0365 SECRET   Bytes 1    512  FirstBit [Derive]                                     N.derive(&kdf::EXTRACT), barred Derive by OneWayDerivation, inherits protection;
    EC_KEY_PAIR_GEN           = 0x1040 EC       Bits  256  384  None     [GenerateKeyPair]                            N.makes(Make::Pair(KeyType::Ec));
    ECDSA                     = 0x1041 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA);
    ECDSA_SHA1                = 0x1042 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA_SHA1);
    ECDSA_SHA224              = 0x1043 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA_SHA224);
    ECDSA_SHA256              = 0x1044 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA_SHA256);
    ECDSA_SHA384              = 0x1045 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA_SHA384);
    ECDSA_SHA512              = 0x1046 EC       Bits  256  384  None     [Sign Verify]                                N.sign(&sign::ECDSA_SHA512);
    ECDH1_DERIVE              = 0x1050 EC       Bits  256  384  Ecdh     [Derive]                                     N.derive(&kdf::ECDH);
    ECDH1_COFACTOR_DERIVE     = 0x1051 EC       Bits  256  384  Ecdh     [Derive]                                     N.derive(&kdf::ECDH);
    AES_KEY_GEN               = 0x1080 AES      Bytes 16   32   None     [Generate]                                   N.makes(Make::Secret(KeyType::Aes));
    AES_ECB                   = 0x1081 AES      Bytes 16   32   None     [Encrypt Decrypt Wrap Unwrap]                N.cipher(&cipher::AES_ECB).wrap(&wrap::AES_ECB);
    AES_CBC                   = 0x1082 AES      Bytes 16   32   Iv       [Encrypt Decrypt Wrap Unwrap]                N.cipher(&cipher::AES_CBC).wrap(&wrap::AES_CBC);
    AES_CBC_PAD               = 0x1085 AES      Bytes 16   32   Iv       [Encrypt Decrypt Wrap Unwrap]                N.cipher(&cipher::AES_CBC_PAD).wrap(&wrap::AES_CBC_PAD), barred Unwrap by NoPaddingOracle;
    AES_GCM                   = 0x1087 AES      Bytes 16   32   Gcm      [Encrypt Decrypt Wrap Unwrap]                N.cipher(&cipher::AES_GCM).wrap(&wrap::AES_GCM);
    AES_CMAC                  = 0x108a AES      Bytes 16   32   None     [Sign Verify]                                N.sign(&mac::AES_CMAC);
    AES_ECB_ENCRYPT_DATA      = 0x1104 AES      Bytes 16   32   Data     [Derive]                                     N.derive(&kdf::AES_ECB_DATA), barred Derive by OneWayDerivation;
    AES_CBC_ENCRYPT_DATA      = 0x1105 AES      Bytes 16   32   CbcData  [Derive]                                     N.derive(&kdf::AES_CBC_DATA), barred Derive by OneWayDerivation;
    AES_KEY_WRAP              = 0x2109 AES      Bytes 16   32   KeyWrap8 [Encrypt Decrypt Wrap Unwrap]                N.cipher(&wrap::AES_KW).wrap(&wrap::AES_KW);
    AES_KEY_WRAP_KWP          = 0x210b AES      Bytes 16   32   KeyWrap4 [Encrypt Decrypt Wrap Unwrap]                N.cipher(&wrap::AES_KWP).wrap(&wrap::AES_KWP);
    HKDF_DERIVE               = 0x402a HKDF     Bytes 1    512  Hkdf     [Derive]                                     N.derive(&kdf::HKDF);
    HKDF_KEY_GEN              = 0x402c HKDF     Bytes 1    512  None     [Generate]                                   N.makes(Make::Secret(KeyType::Hkdf));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    #[test]
    fn a_clause_takes_away_a_usage_that_the_mechanism_has_and_only_where_it_binds() {
        for row in MECHANISMS {
            let usages = Mode::ALL.map(|mode| row.usages_under(Rulebook::of(mode)));
            assert_eq!(usages[..2], [row.usages; 2], "{}", row.name);
            match row.barred {
                None => assert_eq!(usages[2], row.usages, "{}", row.name),
                Some(Bar { usage, clause }) => {
                    assert!(row.usages.has(usage) && row.bar(usage) == Some(clause), "{}", row.name);
                    assert_eq!(usages[2], row.usages.without(usage), "{}", row.name);
                }
            }
        }
    }

    /// Rule R15: from these the base key can be computed, or related keys made.
    #[test]
    fn enforce_offers_no_derivation_that_gives_its_base_key_away() {
        let offered = |row: &&Mechanism| row.usages_under(Rulebook::of(Mode::Enforce)).has(Usage::Derive);
        let names: Vec<_> = MECHANISMS.iter().filter(offered).map(|row| row.name).collect();
        assert_eq!(names, ["ECDH1_DERIVE", "ECDH1_COFACTOR_DERIVE", "HKDF_DERIVE"]);
    }
}
