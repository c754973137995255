//! `claviger table mechanisms`.

use claviger_rules::KeyType;
use claviger_rules::mechanism::{MECHANISMS, Mechanism, Unit, Usage};

use super::{Section, list};
use crate::attribute::plain;

pub(super) fn sections() -> Vec<Section> {
    let rows = MECHANISMS.iter().map(|row| {
        [
            format!("CKM_{}", row.name),
            format!("{:#x}", row.id.0),
            row.keys.iter().copied().map(KeyType::name).map(plain).collect::<Vec<_>>().join(", "),
            sizes(row),
            format!("{:?}", row.parameter),
            usages(row),
            row.barred.map(|bar| format!("{:?} ({})", bar.usage, bar.clause.rule().name())).unwrap_or_default(),
        ]
    });
    let about = "Every mechanism, the keys it takes, their sizes, its parameter and what it is used for.";
    let columns = ["Mechanism", "Number", "Keys", "Sizes", "Parameter", "Usages", "Not in enforce"];
    vec![Section::new("Mechanisms", about, columns, rows)]
}

fn sizes(row: &Mechanism) -> String {
    match row.unit {
        Unit::None => String::new(),
        Unit::Bits => format!("{} to {} bits", row.min, row.max),
        Unit::Bytes => format!("{} to {} bytes", row.min, row.max),
    }
}

fn usages(row: &Mechanism) -> String {
    let names: Vec<_> =
        Usage::ALL.iter().filter(|usage| row.usages.has(**usage)).map(|usage| format!("{usage:?}")).collect();
    list(names.iter().map(String::as_str))
}
