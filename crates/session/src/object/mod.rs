//! Objects.

mod view;

use claviger_rules::{AttributeType, Error, Template, Value};

pub(crate) use self::view::View;
use crate::{ObjectHandle, Result, Session};

/// What a session sees of one attribute.
pub enum Answer {
    /// The value.
    Value(Value),
    /// It is hidden.
    Sensitive,
    /// The object has no such attribute.
    Unavailable,
}

#[allow(clippy::unused_self, clippy::missing_errors_doc, missing_docs)]
impl Session {
    pub fn create_object(&self, _template: Template) -> Result<ObjectHandle> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn copy_object(&self, _object: ObjectHandle, _template: Template) -> Result<ObjectHandle> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn destroy_object(&self, _object: ObjectHandle) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn object_size(&self, _object: ObjectHandle) -> Result<u64> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn attributes(&self, _object: ObjectHandle, _types: &[AttributeType]) -> Result<Vec<Answer>> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn set_attributes(&self, _object: ObjectHandle, _template: Template) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn find_init(&self, _template: Template) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn find(&self, _max: usize) -> Result<Vec<ObjectHandle>> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn find_final(&self) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }
}
