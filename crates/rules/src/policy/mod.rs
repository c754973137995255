//! Who may do what: one table, and the one function that reads it.
//!
//! [`table`] holds a row per action; [`requirement`] holds a row per requirement, each with the one
//! return value, rule and reason it owns. Nothing else in the workspace compares roles or usage flags.

mod facts;
mod requirement;
mod table;

pub use facts::{Facts, Kind, Relation, Subject, Under};
pub use requirement::{Binds, Requirement};
pub use table::{Action, Permit, authorize};
