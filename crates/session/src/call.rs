//! A mechanism as the caller named it. Not its row in the table.

use claviger_rules::{MechanismType, Parameter};

use crate::Result;

/// CK_MECHANISM, parsed. The parameter's own error is kept, because what is wrong with session, login, key and
/// policy is reported first.
pub struct MechanismCall {
    /// CKM_*, perhaps one that the token does not have.
    pub id: MechanismType,
    /// The parameter, or what is wrong with it.
    pub parameter: Result<Parameter>,
}

impl MechanismCall {
    /// A mechanism that takes no parameter.
    pub const fn plain(id: MechanismType) -> Self {
        Self { id, parameter: Ok(Parameter::None) }
    }

    /// A mechanism with its parameter.
    pub const fn with(id: MechanismType, parameter: Parameter) -> Self {
        Self { id, parameter: Ok(parameter) }
    }
}
