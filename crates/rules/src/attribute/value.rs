//! The value of an attribute, typed.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Kind, Template};
use crate::{Error, Refusal};

/// The longest byte array an attribute may hold.
const MAX_BYTES: usize = 64 * 1024;
/// The most entries of an array.
const MAX_ENTRIES: usize = 1024;

/// The value of one attribute. Bytes are wiped on drop, whatever they hold.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// CK_BBOOL.
    Bool(bool),
    /// CK_ULONG, also enumerations.
    Ulong(u64),
    /// Byte arrays, strings, big integers.
    Bytes(Zeroizing<Vec<u8>>),
    /// CK_DATE as its eight digits; empty when there is none.
    Date(Option<[u8; 8]>),
    /// An attribute array: WRAP_TEMPLATE and the like.
    Template(Template),
    /// CK_MECHANISM_TYPE array.
    Mechanisms(Vec<u64>),
}

impl Value {
    /// Bytes from anything that has them.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Zeroizing::new(bytes.into()))
    }

    /// Reads the C representation of a flat kind (section 4.1 of the standard).
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID when the length or content cannot be of `kind`. Templates are not
    /// flat: the border parses them itself.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, Refusal> {
        match (kind, bytes) {
            (Kind::Bool, [0]) => Some(Self::Bool(false)),
            (Kind::Bool, [1]) => Some(Self::Bool(true)),
            (Kind::Ulong, _) => bytes.try_into().ok().map(|word| Self::Ulong(u64::from_ne_bytes(word))),
            (Kind::Bytes, _) => Some(Self::bytes(bytes)),
            (Kind::Date, []) => Some(Self::Date(None)),
            (Kind::Date, _) => date(bytes),
            (Kind::Mechanisms, _) => mechanisms(bytes),
            (Kind::Bool | Kind::Template, _) => None,
        }
        .ok_or(Refusal::standard(
            Error::AttributeValueInvalid,
            "the value does not have the attribute's type and length",
        ))
    }

    /// The C representation of a flat value; `None` for a template.
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::Bool(flag) => vec![u8::from(*flag)],
            Self::Ulong(word) => word.to_ne_bytes().to_vec(),
            Self::Bytes(bytes) => return Some(bytes.clone()),
            Self::Date(date) => date.map(|digits| digits.to_vec()).unwrap_or_default(),
            Self::Mechanisms(list) => list.iter().flat_map(|id| id.to_ne_bytes()).collect(),
            Self::Template(_) => return None,
        };
        Some(Zeroizing::new(bytes))
    }

    /// Whether the value is of a size that an object may hold, nested values included.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID.
    pub fn check_limits(&self) -> Result<(), Refusal> {
        let within = match self {
            Self::Bytes(bytes) => bytes.len() <= MAX_BYTES,
            Self::Mechanisms(list) => list.len() <= MAX_ENTRIES,
            Self::Template(template) => {
                template.iter().count() <= MAX_ENTRIES && template.iter().all(|(_, value)| value.check_limits().is_ok())
            }
            Self::Bool(_) | Self::Ulong(_) | Self::Date(_) => true,
        };
        let refusal =
            Refusal::standard(Error::AttributeValueInvalid, "the value is longer than 64 KiB or 1024 entries");
        if within { Ok(()) } else { Err(refusal) }
    }

    /// The flag, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// The number, if it is one.
    pub fn as_ulong(&self) -> Option<u64> {
        if let Self::Ulong(word) = self { Some(*word) } else { None }
    }

    /// The bytes, if they are such.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

fn date(bytes: &[u8]) -> Option<Value> {
    let digits: [u8; 8] = bytes.try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(Value::Date(Some(digits)))
}

fn mechanisms(bytes: &[u8]) -> Option<Value> {
    let (words, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| Value::Mechanisms(words.iter().map(|word| u64::from_ne_bytes(*word)).collect()))
}
