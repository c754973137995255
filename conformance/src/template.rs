//! Templates (PKCS#11 3.2, section 4.1): what is sent as a list of attributes, and what comes back from
//! C_GetAttributeValue. Owned values here, `CK_ATTRIBUTE` only inside the two `Raw…` types.

use cryptoki_sys::*;

/// One attribute of a template.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// CKA_…
    pub kind: CK_ATTRIBUTE_TYPE,
    /// Its value as the caller means it.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum Value {
    /// CK_BBOOL, CK_ULONG, byte and character strings: the bytes that go over the interface.
    Bytes(Vec<u8>),
    /// CKA_WRAP_TEMPLATE and its like: an array of attributes.
    Template(Vec<Attribute>),
}

macro_rules! value_from {
    ($($source:ty, $name:ident => $bytes:expr;)*) => {
        $(impl From<$source> for Value {
            fn from($name: $source) -> Self {
                Value::Bytes($bytes)
            }
        })*
    };
}

value_from! {
    bool, flag => vec![if flag { CK_TRUE } else { CK_FALSE }];
    CK_ULONG, number => number.to_ne_bytes().to_vec();
    i32, number => CK_ULONG::from(number.unsigned_abs()).to_ne_bytes().to_vec();
    &str, text => text.as_bytes().to_vec();
    &String, text => text.as_bytes().to_vec();
    String, text => text.into_bytes();
    &[u8], bytes => bytes.to_vec();
    &Vec<u8>, bytes => bytes.clone();
    Vec<u8>, bytes => bytes;
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Value::Bytes(bytes.to_vec())
    }
}

impl From<Vec<Attribute>> for Value {
    fn from(template: Vec<Attribute>) -> Self {
        Value::Template(template)
    }
}

/// `attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_TOKEN => true, CKA_LABEL => "x"]` is a template.
#[macro_export]
macro_rules! attrs {
    ($($kind:expr => $value:expr),* $(,)?) => {
        ::std::vec::Vec::<$crate::template::Attribute>::from(
            [$($crate::template::Attribute { kind: $kind, value: $crate::template::Value::from($value) }),*]
        )
    };
}

/// `with(template, more)`: the template with the attributes of `more` added, or replaced where named twice.
pub fn with(mut template: Vec<Attribute>, more: Vec<Attribute>) -> Vec<Attribute> {
    for attribute in more {
        match template.iter_mut().find(|present| present.kind == attribute.kind) {
            Some(present) => present.value = attribute.value,
            None => template.push(attribute),
        }
    }
    template
}

/// A template as the C interface takes it; borrows the values it points to.
pub struct RawTemplate<'a> {
    rows: Vec<CK_ATTRIBUTE>,
    /// Keeps the arrays that CKA_WRAP_TEMPLATE and its like point to.
    _nested: Vec<RawTemplate<'a>>,
    _values: std::marker::PhantomData<&'a [Attribute]>,
}

impl<'a> RawTemplate<'a> {
    /// The C form of `template`.
    pub fn new(template: &'a [Attribute]) -> Self {
        let mut nested = Vec::new();
        let mut rows = Vec::with_capacity(template.len());
        for attribute in template {
            rows.push(match &attribute.value {
                Value::Bytes(bytes) => row(attribute.kind, bytes.as_ptr().cast_mut().cast(), bytes.len()),
                Value::Template(inner) => {
                    let mut inner = RawTemplate::new(inner);
                    let length = inner.rows.len() * size_of::<CK_ATTRIBUTE>();
                    let pointer = inner.rows.as_mut_ptr().cast();
                    nested.push(inner);
                    row(attribute.kind, pointer, length)
                }
            });
        }
        RawTemplate { rows, _nested: nested, _values: std::marker::PhantomData }
    }

    pub(crate) fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.rows.as_mut_ptr()
    }

    pub(crate) fn count(&self) -> CK_ULONG {
        self.rows.len() as CK_ULONG
    }
}

/// A template with room for answers, for C_GetAttributeValue.
pub struct RawAnswers {
    rows: Vec<CK_ATTRIBUTE>,
    buffers: Vec<Option<Vec<u8>>>,
}

impl RawAnswers {
    /// Asks for each kind; a room of `None` is a null `pValue`, which asks for the length alone.
    pub fn asking(kinds: &[(CK_ATTRIBUTE_TYPE, Option<usize>)]) -> Self {
        let mut buffers: Vec<Option<Vec<u8>>> =
            kinds.iter().map(|(_, room)| room.map(|room| vec![0u8; room])).collect();
        let rows = kinds
            .iter()
            .zip(&mut buffers)
            .map(|((kind, _), buffer)| match buffer {
                Some(buffer) => row(*kind, buffer.as_mut_ptr().cast(), buffer.len()),
                None => row(*kind, std::ptr::null_mut(), 0),
            })
            .collect();
        RawAnswers { rows, buffers }
    }

    /// `ulValueLen` of each row as the library left it.
    pub fn lengths(&self) -> Vec<CK_ULONG> {
        self.rows.iter().map(|row| row.ulValueLen).collect()
    }

    /// The value of each row that was filled.
    pub fn values(&self) -> Vec<Option<Vec<u8>>> {
        self.rows
            .iter()
            .zip(&self.buffers)
            .map(|(row, buffer)| {
                let length = usize::try_from(row.ulValueLen).ok()?;
                buffer.as_ref()?.get(..length).map(<[u8]>::to_vec)
            })
            .collect()
    }

    pub(crate) fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.rows.as_mut_ptr()
    }

    pub(crate) fn count(&self) -> CK_ULONG {
        self.rows.len() as CK_ULONG
    }
}

fn row(kind: CK_ATTRIBUTE_TYPE, pointer: *mut std::ffi::c_void, length: usize) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: pointer, ulValueLen: length as CK_ULONG }
}
