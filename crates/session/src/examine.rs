//! Looking for damage without opening a token: its files, and its audit log. For `claviger doctor`, which begins here,
//! because a slot that does not open says no more than one sentence, and one that opens may mend what was wrong. The
//! records inside are [`crate::Library::examine`]'s.

use claviger_audit::{AuditKey, Limits, Log, Origin, Verdict};
use claviger_rules::{Error, Refusal};
use claviger_store::{FileFault, Root};

use crate::{Config, Result, SlotId, fault};

/// What a look at the files of a slot found.
#[derive(Debug)]
pub struct ExaminedFiles {
    /// What is wrong with them.
    pub faults: Vec<FileFault>,
    /// Whether the audit log is whole; `None` when there is none, or no device key to check it with.
    pub audit: Option<Verdict>,
}

/// Looks at the files of a slot. What lasts is left as it is.
///
/// # Errors
/// CKR_SLOT_ID_INVALID; CKR_DEVICE_ERROR and the like where the files cannot be looked at.
pub fn examine_files(config: &Config, slot: SlotId) -> Result<ExaminedFiles> {
    let number = u32::try_from(slot.0).ok().filter(|number| config.slots.contains(number));
    let number = number.ok_or(Refusal::standard(Error::SlotIdInvalid, "no slot has that number"))?;
    let faults = claviger_store::examine_files(&config.token_data, number).map_err(fault::store)?;
    let audit = audit(config, number)?;
    Ok(ExaminedFiles { faults, audit })
}

fn audit(config: &Config, slot: u32) -> Result<Option<Verdict>> {
    // Opening what is not there would make it.
    if !config.token_data.join("device.key").exists() {
        return Ok(None);
    }
    let Ok(place) = Root::open(&config.token_data).and_then(|root| root.audit(slot)) else { return Ok(None) };
    if !place.directory.is_dir() {
        return Ok(None);
    }
    let told = |_| Refusal::standard(Error::DeviceError, "the audit log cannot be read");
    let log = Log::open(place.directory, AuditKey::new(&place.key).map_err(told)?, Limits::default(), Origin::new(""));
    let verdict = claviger_audit::verify(log.read().map_err(told)?);
    Ok(Some(verdict))
}
