//! `claviger table attributes`.

use claviger_rules::KeyType;
use claviger_rules::ObjectClass;
use claviger_rules::attribute::{ATTRIBUTES, Attribute, When};

use super::{Section, list, named};
use crate::attribute::{name_of, plain};

pub(super) fn sections() -> Vec<Section> {
    let rows = ATTRIBUTES.iter().map(|row| {
        [
            format!("CKA_{}", row.name),
            format!("{:#x}", row.id.0),
            name_of(row),
            format!("{:?}", row.kind),
            format!("{:?}", row.shown),
            classes(row),
            births(row.given),
            births(row.required),
            format!("{:?}", row.change),
        ]
    });
    let about = "Every attribute, who has it, whose templates may and must name it, and how it changes after birth.";
    let columns =
        ["Attribute", "Number", "Command line", "Type", "Read", "Of", "May be named", "Must be named", "Change"];
    vec![Section::new("Attributes", about, columns, rows)]
}

/// The classes that have the attribute; a key type when only its pairs do.
fn classes(row: &Attribute) -> String {
    let cell = |class: &ObjectClass| {
        let has = |key_type| row.of.includes(*class, key_type);
        let name = plain(class.name());
        match (has(Some(KeyType::Rsa)), has(Some(KeyType::Ec))) {
            (true, true) => Some(name),
            (true, false) => Some(format!("{name} (rsa)")),
            (false, true) => Some(format!("{name} (ec)")),
            (false, false) => None,
        }
    };
    ObjectClass::ALL.iter().filter_map(cell).collect::<Vec<_>>().join(", ")
}

fn births(when: When) -> String {
    if when == When::ALWAYS {
        return list(std::iter::once("always"));
    }
    named([
        ("create", when.has(When::CREATE)),
        ("generate", when.has(When::GENERATE)),
        ("pair", when.has(When::PAIR)),
        ("derive", when.has(When::DERIVE)),
        ("unwrap", when.has(When::UNWRAP)),
        ("copy", when.has(When::COPY)),
    ])
}
