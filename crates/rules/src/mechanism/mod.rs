//! Mechanisms: one table row each, and their parameters.

mod parameter;
mod table;

pub use parameter::{HkdfParameter, HkdfSalt, Parameter, ParameterKind};
pub use table::{Bar, Engine, MECHANISMS, Make, Mechanism, MechanismType, Unit, Usage, Usages};
