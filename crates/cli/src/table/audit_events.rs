//! `claviger table audit-events`.

use claviger_audit::Kind;

use super::Section;

pub(super) fn sections() -> Vec<Section> {
    let rows = Kind::ALL.iter().map(|kind| {
        let durable = if kind.is_durable() { "yes" } else { "" };
        [kind.name(), durable, kind.about()].map(str::to_owned)
    });
    let about = "What the audit log hears of. Durable: on the disk before the call that caused it returns.";
    vec![Section::new("Events", about, ["Event", "Durable", "What happened"], rows)]
}
