//! Templates in, and the answers of C_GetAttributeValue out (PKCS#11 3.2 sections 4.1 and 5.7.5). Which attributes there
//! are and what their values look like is in `claviger-rules`.

use core::marker::PhantomData;
use core::ptr;

use claviger_rules::attribute::Kind;
use claviger_rules::{AttributeType, Error, Refusal, Template, Value};
use claviger_session::{Answer, UNAVAILABLE};
use cryptoki_sys::{CK_ATTRIBUTE, CK_ATTRIBUTE_PTR, CK_ULONG};

use super::{bad, extent, ulong, view};
use crate::Result;
use crate::call::Call;

/// More attributes than any template has: beyond it the count is not believed.
const MAX_ATTRIBUTES: usize = 1024;

/// A longer value than any token keeps: beyond it the length is not believed.
const MAX_VALUE: CK_ULONG = 16 << 20;

/// A template that a call reads.
pub(crate) struct Attributes<'a> {
    start: *const CK_ATTRIBUTE,
    count: CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> Attributes<'a> {
    /// # Safety
    /// `start` is null or points to `count` CK_ATTRIBUTE during the call, each value null or valid for reads of its
    /// length, and likewise inside the values that are templates themselves. Nothing need be aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_ATTRIBUTE_PTR, count: CK_ULONG) -> Self {
        Self { start, count, call: PhantomData }
    }

    /// The template, parsed and owned.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT.
    pub(crate) fn template(&self) -> Result<Template> {
        // SAFETY: the contract of `new`.
        let rows = unsafe { rows(self.start, self.count) }?;
        // SAFETY: the contract of `new`.
        unsafe { parse(&rows, Nested::Allowed) }
    }
}

/// Whether a value may be a template: a template inside a template may hold no third.
#[derive(Clone, Copy, PartialEq)]
enum Nested {
    Allowed,
    Refused,
}

/// Reads the array itself.
///
/// # Safety
/// `start` is null or points to `count` CK_ATTRIBUTE.
unsafe fn rows(start: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Vec<CK_ATTRIBUTE>> {
    let count =
        usize::try_from(count).ok().filter(|count| *count <= MAX_ATTRIBUTES).ok_or(bad("the count is absurd"))?;
    extent(start.cast(), ulong(count * size_of::<CK_ATTRIBUTE>()))?;
    // SAFETY: `extent` refused null, and each row is readable by contract.
    Ok((0..count).map(|index| unsafe { start.wrapping_add(index).read_unaligned() }).collect())
}

/// # Safety
/// The values of `rows` are as [`Attributes::new`] wants them.
unsafe fn parse(rows: &[CK_ATTRIBUTE], nested: Nested) -> Result<Template> {
    let mut attributes = Vec::with_capacity(rows.len());
    for row in rows {
        // SAFETY: the same contract.
        attributes.push(unsafe { attribute(row, nested) }?);
    }
    Template::from_list(attributes)
}

/// # Safety
/// The value is as [`Attributes::new`] wants it.
unsafe fn attribute(row: &CK_ATTRIBUTE, nested: Nested) -> Result<(AttributeType, Value)> {
    let attribute = AttributeType(row.type_);
    let kind = attribute.row().map(|row| row.kind).ok_or(Refusal::standard(
        Error::AttributeTypeInvalid,
        "the template names an attribute that the token does not know",
    ))?;
    if row.ulValueLen > MAX_VALUE {
        return Err(invalid("the value is longer than any attribute"));
    }
    // SAFETY: valid for its length by contract.
    let bytes = unsafe { view(row.pValue.cast_const().cast(), row.ulValueLen) }
        .map_err(|_| invalid("the value has a length but no place"))?;
    if kind != Kind::Template {
        return Ok((attribute, Value::parse(kind, bytes)?));
    }
    if nested == Nested::Refused || !bytes.len().is_multiple_of(size_of::<CK_ATTRIBUTE>()) {
        return Err(invalid("the value is not an array of attributes"));
    }
    // SAFETY: a value of this kind points to as many whole attributes by contract.
    let inner = unsafe { rows(bytes.as_ptr().cast(), ulong(bytes.len() / size_of::<CK_ATTRIBUTE>())) }?;
    // SAFETY: their values are readable by contract.
    Ok((attribute, Value::Template(unsafe { parse(&inner, Nested::Refused) }?)))
}

fn invalid(reason: &'static str) -> Refusal {
    Refusal::standard(Error::AttributeValueInvalid, reason)
}

/// The template of C_GetAttributeValue: types in, values out.
pub(crate) struct Wanted<'a> {
    start: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> Wanted<'a> {
    /// # Safety
    /// `start` is null or points to `count` CK_ATTRIBUTE during the call, which may be written; each value is null or
    /// valid for writes of its length, and those of array attributes hold such CK_ATTRIBUTE themselves. Nothing need be
    /// aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_ATTRIBUTE_PTR, count: CK_ULONG) -> Self {
        Self { start, count, call: PhantomData }
    }

    /// Reads the array.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(crate) fn ready(self) -> Result<Asked<'a>> {
        // SAFETY: the contract of `new`.
        let rows = unsafe { rows(self.start, self.count) }?;
        Ok(Asked { rows, wanted: self })
    }
}

/// A [`Wanted`] that has been read.
pub(crate) struct Asked<'a> {
    rows: Vec<CK_ATTRIBUTE>,
    wanted: Wanted<'a>,
}

impl Asked<'_> {
    /// What is asked for, in order.
    pub(crate) fn types(&self) -> Vec<AttributeType> {
        self.rows.iter().map(|row| AttributeType(row.type_)).collect()
    }

    /// Writes one answer for each row, in order.
    ///
    /// # Errors
    /// Every row is answered whatever becomes of the others. Then, the first that applies to any:
    /// CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL.
    pub(crate) fn answer(mut self, answers: &[Answer]) -> Result<()> {
        let mut shortfall = Shortfall::default();
        for (row, answer) in self.rows.iter_mut().zip(answers) {
            match answer {
                // SAFETY: the contract of `Wanted::new`.
                Answer::Value(value) => unsafe { write(row, value, &mut shortfall) },
                Answer::Sensitive => {
                    row.ulValueLen = UNAVAILABLE;
                    shortfall.sensitive = true;
                }
                Answer::Unavailable => {
                    row.ulValueLen = UNAVAILABLE;
                    shortfall.absent = true;
                }
            }
        }
        // SAFETY: the rows were read from there, and may be written by the contract of `Wanted::new`.
        unsafe { write_rows(self.wanted.start, &self.rows) };
        shortfall.outcome()
    }
}

/// What kept attributes from being answered.
#[derive(Default)]
struct Shortfall {
    sensitive: bool,
    absent: bool,
    short: bool,
}

impl Shortfall {
    fn outcome(&self) -> Result<()> {
        let refuse = |error, reason| Err(Refusal::standard(error, reason));
        if self.sensitive {
            refuse(Error::AttributeSensitive, "an attribute is sensitive, or the key is not extractable")
        } else if self.absent {
            refuse(Error::AttributeTypeInvalid, "the object does not have one of the attributes")
        } else if self.short {
            refuse(Error::BufferTooSmall, "an attribute is longer than its buffer")
        } else {
            Ok(())
        }
    }
}

/// Writes `value` where `row` says, and its length into `row`.
///
/// # Safety
/// `row.pValue` is null or valid for writes of `row.ulValueLen` bytes; for a template these are CK_ATTRIBUTE of the
/// same kind.
unsafe fn write(row: &mut CK_ATTRIBUTE, value: &Value, shortfall: &mut Shortfall) {
    let encoded = value.encode();
    let len = match (value, &encoded) {
        (Value::Template(template), _) => template.iter().count() * size_of::<CK_ATTRIBUTE>(),
        (_, bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len()),
    };
    // A length that no memory has, CK_UNAVAILABLE_INFORMATION above all, is no room.
    let room = extent(row.pValue.cast_const().cast(), row.ulValueLen).unwrap_or(0);
    if row.pValue.is_null() {
        row.ulValueLen = ulong(len);
    } else if room < len {
        row.ulValueLen = UNAVAILABLE;
        shortfall.short = true;
    } else {
        row.ulValueLen = ulong(len);
        match (value, &encoded) {
            // SAFETY: there is room for the whole array, which holds CK_ATTRIBUTE by contract.
            (Value::Template(template), _) => unsafe { write_template(row.pValue.cast(), template, shortfall) },
            (_, Some(bytes)) => {
                // SAFETY: there is room by contract, and `bytes` is memory of our own.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), row.pValue.cast(), len) };
            }
            (_, None) => {}
        }
    }
}

/// Answers an array of attributes: types and lengths are written, values where there is room for them.
///
/// # Safety
/// `start` points to as many CK_ATTRIBUTE as `template` has, their values as [`write`] wants them.
unsafe fn write_template(start: *mut CK_ATTRIBUTE, template: &Template, shortfall: &mut Shortfall) {
    let mut written = Vec::new();
    for (index, (attribute, value)) in template.iter().enumerate() {
        // SAFETY: within the array by contract.
        let mut row = unsafe { start.wrapping_add(index).read_unaligned() };
        row.type_ = attribute.0;
        // SAFETY: the same contract.
        unsafe { write(&mut row, value, shortfall) };
        written.push(row);
    }
    // SAFETY: the rows were read from there.
    unsafe { write_rows(start, &written) };
}

/// # Safety
/// `start` is valid for writes of as many CK_ATTRIBUTE.
unsafe fn write_rows(start: *mut CK_ATTRIBUTE, rows: &[CK_ATTRIBUTE]) {
    for (index, row) in rows.iter().enumerate() {
        // SAFETY: within the array by contract.
        unsafe { start.wrapping_add(index).write_unaligned(*row) };
    }
}
