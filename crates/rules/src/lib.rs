//! The rulebook: attributes, mechanisms, policy, roles, errors. Pure: no IO, no clock, no lock.
//!
//! What is pure can be enumerated, printed, diffed and model-checked: the checkers call the very
//! functions that the token calls.
//!
//! | fact | its one place |
//! | --- | --- |
//! | who may do what | [`policy`]: `policy/table.rs`, a row per action, `policy/requirement.rs`, a row per requirement |
//! | what a role may do at all | `role.rs`, a row per role |
//! | what an attribute is | `attribute/table.rs`, a row per attribute |
//! | what a mechanism is | `mechanism/table.rs`, a row per mechanism |
//! | the rules, and which bind when | `refusal.rs`, a row per rule; `rulebook.rs`, a row per clause that is no requirement |
//! | the return values | `error.rs`, a row per value |
//! | how an object comes to be and changes | [`birth`], [`change`], [`tighten`] |
#![forbid(unsafe_code)]

pub mod attribute;
pub mod birth;
pub mod change;
mod class;
mod error;
pub mod mechanism;
mod mode;
mod object;
pub mod policy;
mod refusal;
mod role;
mod rulebook;
pub mod tighten;

pub use attribute::{AttributeType, Template, Value};
pub use class::{KeyType, ObjectClass};
pub use error::Error;
pub use mechanism::{MechanismType, Parameter, ParameterKind};
pub use mode::Mode;
pub use object::{Calling, Lifecycle, Object, Shadow};
pub use refusal::{Filed, Refusal, Rule};
pub use role::{Power, Powers, Role, UserId};
pub use rulebook::{Clause, Off, Rulebook};
