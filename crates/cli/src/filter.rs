//! Filters: which keys a verb is about. `attr.NAME=VALUE` and `key-reference=0x…`, all of which must match.

use claviger_rules::{AttributeType, ObjectClass, Template, Value};
use claviger_session::{Answer, ObjectHandle, Session};

use crate::attribute::{Assignment, find};
use crate::problem::Problem;

/// How many handles one C_FindObjects asks for.
const BATCH: usize = 64;

/// One condition.
#[derive(Clone)]
pub(crate) struct Filter(Assignment);

impl Filter {
    /// For clap: reads a condition.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or(FORMS)?;
        let assignment = match key.split_once('.') {
            Some(("attr", name)) => Assignment::of(find(name)?, value)?,
            None if key == "key-reference" => Assignment::of(reference_row()?, digits(value)?)?,
            _ => return Err(FORMS.to_owned()),
        };
        Ok(Self(assignment))
    }
}

const FORMS: &str = "a filter is attr.NAME=VALUE or key-reference=0x…";

fn reference_row() -> Result<&'static claviger_rules::attribute::Attribute, String> {
    AttributeType::UNIQUE_ID.row().ok_or_else(|| FORMS.to_owned())
}

/// A reference is CKA_UNIQUE_ID, which outlives the process, unlike a handle.
fn digits(reference: &str) -> Result<&str, String> {
    reference.strip_prefix("0x").ok_or_else(|| FORMS.to_owned())
}

/// The keys that match all `filters`, in the order of their handles.
pub(crate) fn matching(session: &Session, filters: &[Filter]) -> Result<Vec<ObjectHandle>, Problem> {
    let pairs: Result<Vec<_>, Problem> = filters.iter().map(|filter| filter.0.pair()).collect();
    let found = found(session, Template::from_list(pairs?)?)?;
    let mut keys = Vec::with_capacity(found.len());
    for object in found {
        if is_key(session, object)? {
            keys.push(object);
        }
    }
    Ok(keys)
}

/// The objects that match `template`, in the order of their handles.
pub(crate) fn found(session: &Session, template: Template) -> Result<Vec<ObjectHandle>, Problem> {
    session.find_init(template)?;
    let mut found = Vec::new();
    loop {
        let batch = session.find(BATCH)?;
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
    }
    session.find_final()?;
    Ok(found)
}

/// The only key that matches all `filters`, which the user gave with `option`.
pub(crate) fn single(session: &Session, option: &str, filters: &[Filter]) -> Result<ObjectHandle, Problem> {
    let keys = matching(session, filters)?;
    match keys.as_slice() {
        [key] => Ok(*key),
        _ => Err(Problem::new(format!(
            "Key selection criteria matched {} keys. Refine selection criteria to select a single key. \
             They stand in {option}; `claviger key list` shows the keys that you see.",
            keys.len()
        ))),
    }
}

fn is_key(session: &Session, object: ObjectHandle) -> Result<bool, Problem> {
    let answers = session.attributes(object, &[AttributeType::CLASS])?;
    Ok(match answers.first() {
        Some(Answer::Value(Value::Ulong(class))) => ObjectClass::from_id(*class).is_some_and(ObjectClass::is_key),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_an_attribute_or_a_reference() {
        assert!(Filter::parse("attr.label=a=b").is_ok());
        assert!(Filter::parse("attr.id=0x11").is_ok());
        assert!(Filter::parse("key-reference=0x01ab").is_ok());
        for text in ["label=a", "attr.colour=blue", "attr.label", "key-reference=12", "reference=0x12"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
