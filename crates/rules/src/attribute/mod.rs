//! Attributes: one table row each, typed values, and lists of them.

mod table;
mod template;
mod value;

pub use table::{ATTRIBUTES, Attribute, AttributeType, Change, Kind, Of, Shown, USAGES, When};
pub use template::Template;
pub use value::Value;
