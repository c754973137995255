//! What a stricter mode does to the objects that are there already.
//!
//! In `enforce` the TRUSTED of what was not born in `enforce` counts for nothing, whatever an attribute says (the clause
//! `BornInEnforce`). Here the attributes are made to say so too, and rule R1 is applied as at any other change. Nothing
//! is given back: whether a value was seen before the token was tightened, nobody knows.

use crate::{AttributeType, Calling, Mode, Object, ObjectClass, Value};

/// What a stricter mode means for objects that were not born in `enforce`: how many of them there are, by what
/// changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tightened {
    /// All of them. None can ever become trusted.
    pub older: u64,
    /// Those that lost TRUSTED.
    pub untrusted: u64,
    /// Sensitive, extractable keys that have WRAP_WITH_TRUSTED from now on.
    pub bound: u64,
    /// Secret and private keys whose PRIVATE is false, and stays so.
    pub exposed: u64,
}

impl Tightened {
    /// Counts what becomes of `object` when its token goes over to `mode`, and gives it as it will be if that differs.
    pub fn object(&mut self, object: &Object, mode: Mode) -> Option<Object> {
        if mode != Mode::Enforce || object.born == Mode::Enforce {
            return None;
        }
        self.older += 1;
        let flag = |attribute| object.flag(attribute);
        let has_secret = object.class().is_some_and(ObjectClass::has_secret);
        let untrusted = flag(AttributeType::TRUSTED);
        let leaves = has_secret && flag(AttributeType::SENSITIVE) && flag(AttributeType::EXTRACTABLE);
        let bound = leaves && !flag(AttributeType::WRAP_WITH_TRUSTED);
        self.untrusted += u64::from(untrusted);
        self.bound += u64::from(bound);
        self.exposed += u64::from(has_secret && !flag(AttributeType::PRIVATE));
        if !untrusted && !bound && object.calling == Calling::Data {
            return None;
        }
        let mut after = Object { calling: Calling::Data, shadow: None, ..object.clone() };
        if untrusted {
            after.attributes.set(AttributeType::TRUSTED, Value::Bool(false));
        }
        if bound {
            after.attributes.set(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true));
        }
        Some(after)
    }
}
