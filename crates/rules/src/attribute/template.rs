//! Lists of attributes: what a caller brings, and what an object has.

use serde::{Deserialize, Serialize};

use super::{AttributeType, Value};
use crate::{Error, Refusal};

/// Attributes with their values, each type at most once, ordered by type.
///
/// Serves as a caller's template, as an object's attributes and as the value of WRAP_TEMPLATE.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(Vec<(AttributeType, Value)>);

impl Template {
    /// An empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A list of the given attributes.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT when one type comes twice with different values; the same value
    /// twice is harmless and real applications do it.
    pub fn from_list(list: impl IntoIterator<Item = (AttributeType, Value)>) -> Result<Self, Refusal> {
        let mut template = Self::new();
        for (attribute, value) in list {
            if template.get(attribute).is_some_and(|present| *present != value) {
                return Err(Refusal::standard(
                    Error::TemplateInconsistent,
                    "the template names one attribute twice with different values",
                ));
            }
            template.set(attribute, value);
        }
        Ok(template)
    }

    /// The value of `attribute`.
    pub fn get(&self, attribute: AttributeType) -> Option<&Value> {
        let index = self.0.binary_search_by_key(&attribute, |(key, _)| *key).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// Puts `value`, over any that was there.
    pub fn set(&mut self, attribute: AttributeType, value: Value) {
        match self.0.binary_search_by_key(&attribute, |(key, _)| *key) {
            Ok(index) => {
                if let Some((_, present)) = self.0.get_mut(index) {
                    *present = value;
                }
            }
            Err(index) => self.0.insert(index, (attribute, value)),
        }
    }

    /// Puts `value` where there is none.
    pub fn set_default(&mut self, attribute: AttributeType, value: Value) {
        if self.get(attribute).is_none() {
            self.set(attribute, value);
        }
    }

    /// Takes `attribute` out.
    pub fn remove(&mut self, attribute: AttributeType) -> Option<Value> {
        let index = self.0.binary_search_by_key(&attribute, |(key, _)| *key).ok()?;
        Some(self.0.remove(index).1)
    }

    /// The flag `attribute`; false when absent.
    pub fn flag(&self, attribute: AttributeType) -> bool {
        self.flag_given(attribute).unwrap_or(false)
    }

    /// The flag `attribute`, if the list has it.
    pub fn flag_given(&self, attribute: AttributeType) -> Option<bool> {
        self.get(attribute).and_then(Value::as_bool)
    }

    /// The number `attribute`.
    pub fn ulong(&self, attribute: AttributeType) -> Option<u64> {
        self.get(attribute).and_then(Value::as_ulong)
    }

    /// The bytes `attribute`.
    pub fn bytes(&self, attribute: AttributeType) -> Option<&[u8]> {
        self.get(attribute).and_then(Value::as_bytes)
    }

    /// Every attribute, by type.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeType, &Value)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every attribute of this list stands with the same value in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|(attribute, value)| other.get(attribute) == Some(value))
    }

    /// This list and `other` together (section 4.4.2 of the standard on UNWRAP_TEMPLATE).
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT when both name an attribute with different values.
    pub fn union(mut self, other: &Self) -> Result<Self, Refusal> {
        for (attribute, value) in other.iter() {
            match self.get(attribute) {
                None => self.set(attribute, value.clone()),
                Some(present) if present == value => {}
                Some(_) => {
                    return Err(Refusal::standard(
                        Error::TemplateInconsistent,
                        "the template contradicts the template that the key itself carries",
                    ));
                }
            }
        }
        Ok(self)
    }
}
