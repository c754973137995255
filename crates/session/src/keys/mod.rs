//! Keys: generate, wrap, unwrap, derive.

use claviger_rules::{Error, Template};

use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

#[allow(clippy::unused_self, clippy::missing_errors_doc, missing_docs)]
impl Session {
    pub fn generate_key(&self, _call: MechanismCall, _template: Template) -> Result<ObjectHandle> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn generate_key_pair(
        &self,
        _call: MechanismCall,
        _public: Template,
        _private: Template,
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn wrap_key(
        &self,
        _call: &mut MechanismCall,
        _wrapping: ObjectHandle,
        _key: ObjectHandle,
        _room: &mut Room<'_>,
    ) -> Result<()> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn unwrap_key(
        &self,
        _call: MechanismCall,
        _unwrapping: ObjectHandle,
        _wrapped: &[u8],
        _template: Template,
    ) -> Result<ObjectHandle> {
        Err(Error::FunctionNotSupported.into())
    }

    pub fn derive_key(&self, _call: MechanismCall, _base: ObjectHandle, _template: Template) -> Result<ObjectHandle> {
        Err(Error::FunctionNotSupported.into())
    }
}
