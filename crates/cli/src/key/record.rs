//! What the command line tells of a key: reference, owner, sharers, attributes, in the shape that cloud HSM users
//! know. The attributes are those of the table that the key has and that can be read.

use claviger_rules::attribute::{ATTRIBUTES, Shown};
use claviger_rules::{AttributeType, KeyType, ObjectClass, Template, Value};
use claviger_session::{Answer, ObjectHandle, Session, UNAVAILABLE};
use serde_json::{Map, json};

use crate::attribute::{name_of, names, plain, show};
use crate::problem::Problem;

/// The attributes that a short record shows.
const SHORT: [AttributeType; 4] =
    [AttributeType::KEY_TYPE, AttributeType::LABEL, AttributeType::ID, AttributeType::CLASS];

/// The attributes that stand outside `attributes`.
const APART: [AttributeType; 3] =
    [AttributeType::UNIQUE_ID, AttributeType::CLAVIGER_OWNER, AttributeType::CLAVIGER_SHARED_WITH];

/// A key, read once.
pub(super) struct Record(Template);

impl Record {
    /// Reads the key's attributes.
    pub(super) fn read(session: &Session, key: ObjectHandle) -> Result<Self, Problem> {
        let readable: Vec<_> = ATTRIBUTES.iter().filter(|row| row.shown == Shown::Open).map(|row| row.id).collect();
        let answers = session.attributes(key, &readable)?;
        let present = readable.into_iter().zip(answers).filter_map(|(id, answer)| match answer {
            Answer::Value(value) => Some((id, value)),
            Answer::Sensitive | Answer::Unavailable => None,
        });
        Ok(Self(Template::from_list(present)?))
    }

    /// `0x` and the key's CKA_UNIQUE_ID.
    pub(super) fn reference(&self) -> String {
        format!("0x{}", self.text(AttributeType::UNIQUE_ID))
    }

    /// How sentences call it: its label, or its reference when it has none.
    pub(super) fn name(&self) -> String {
        match self.text(AttributeType::LABEL) {
            label if label.is_empty() => format!("key {}", self.reference()),
            label => format!("key {label:?}"),
        }
    }

    /// The record with every attribute, or with the few that tell keys apart.
    pub(super) fn json(&self, verbose: bool) -> serde_json::Value {
        let shown = |id: &AttributeType| !APART.contains(id) && (verbose || SHORT.contains(id));
        let attributes: Map<_, _> = self
            .0
            .iter()
            .filter(|(id, value)| shown(id) && !is_absent(value))
            .filter_map(|(id, value)| Some((name_of(id.row()?), show(id, value))))
            .collect();
        let user = |name: String| json!({"username": name});
        let owner = self.text(AttributeType::CLAVIGER_OWNER);
        json!({
            "key-reference": self.reference(),
            "key-info": {
                "key-owners": if owner.is_empty() { vec![] } else { vec![user(owner)] },
                "shared-users": self.shared_with().into_iter().map(user).collect::<Vec<_>>(),
            },
            "attributes": attributes,
        })
    }

    /// The text of a text attribute; empty when there is none.
    pub(super) fn text(&self, attribute: AttributeType) -> String {
        String::from_utf8_lossy(self.0.bytes(attribute).unwrap_or_default()).into_owned()
    }

    /// Its type, and of a pair which half: `aes`, `ec private`.
    pub(super) fn kind(&self) -> String {
        let key_type = self.0.ulong(AttributeType::KEY_TYPE).and_then(KeyType::from_id).map(KeyType::name);
        let key_type = key_type.map(plain).unwrap_or_default();
        match self.0.ulong(AttributeType::CLASS).and_then(ObjectClass::from_id) {
            Some(ObjectClass::PrivateKey) => format!("{key_type} private"),
            Some(ObjectClass::PublicKey) => format!("{key_type} public"),
            _ => key_type,
        }
    }

    /// The users who may use it beside the owner.
    pub(super) fn shared_with(&self) -> Vec<String> {
        names(self.0.bytes(AttributeType::CLAVIGER_SHARED_WITH).unwrap_or_default())
    }

    /// How its value may leave the token, in a few words.
    pub(super) fn leaves(&self) -> &'static str {
        let flag = |attribute| self.0.flag_given(attribute);
        match (flag(AttributeType::EXTRACTABLE), flag(AttributeType::WRAP_WITH_TRUSTED)) {
            (None, _) => "public",
            (Some(false), _) => "never",
            (Some(true), Some(true)) => "under a trusted key",
            (Some(true), _) if flag(AttributeType::SENSITIVE) == Some(true) => "wrapped",
            (Some(true), _) => "in the clear",
        }
    }

    /// Whether it is a trusted wrapping key.
    pub(super) fn trusted(&self) -> bool {
        self.0.flag(AttributeType::TRUSTED)
    }
}

/// What the standard gives as a value when there is none.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Date(date) => date.is_none(),
        Value::Template(template) => template.is_empty(),
        Value::Ulong(number) => *number == UNAVAILABLE,
        _ => false,
    }
}
