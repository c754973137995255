//! Backup and restore of a token: who may, and what the audit log hears. Not what a backup is: that is
//! `claviger_store::backup`. A backup is an act of the quorum. A restore goes into a slot that has no officers yet, so the
//! domain decides, and for an older backup the officers that are in it (rule R18).

use std::path::Path;

use claviger_audit::{Event, Kind};
use claviger_crypto::Secret;
use claviger_rules::{Error, Refusal, Role, Rule};
use claviger_store::backup::{Backup, Domain, Error as BackupError, Made, NewBackup, Opening, Progress, Restored};
use claviger_store::{Act, Effects, Error as StoreError};

use super::Token;
use super::quorum::{concluded, now_s};
use crate::session::Caller;
use crate::{Library, Result, Session, SlotId, fault};

impl Library {
    /// Makes a backup of the session's token in the new file `to`, and the domain's key if there is none. `progress` is
    /// told records.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ACTION_PROHIBITED while approvals are missing;
    /// CKR_ARGUMENTS_BAD for a file that exists; CKR_DEVICE_ERROR for a damaged token; CKR_FUNCTION_FAILED when the file
    /// cannot be written.
    pub fn back_up(
        &self,
        session: &Session,
        to: &Path,
        passphrase: Option<&Secret>,
        progress: &mut Progress<'_>,
    ) -> Result<Made> {
        session.call("backup", |caller| {
            let officer = session.token().administer(caller)?;
            let domain = Domain::open_or_make(self.domain()?).map_err(told)?;
            let new = NewBackup::prepare(to, domain, passphrase).map_err(told)?;
            let wording = session.token().wording(&Act::Backup)?;
            let outcome = session.token().store().perform(&officer.keys, &Act::Backup, Effects::NONE, now_s());
            session.token().refresh()?;
            concluded(caller, &wording, outcome.map_err(fault::store)?)?;
            session.token().write_backup(caller, new, progress)
        })
    }

    /// Opens a file that may be a backup.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when it is none; CKR_FUNCTION_FAILED when it cannot be read.
    pub fn open_backup(&self, path: &Path) -> Result<Opening> {
        Opening::open(path).map_err(told)
    }

    /// Reads the whole of it. Nothing is changed. `progress` is told bytes.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED for a backup that is not whole, not as it was made or not of this domain; CKR_PIN_INCORRECT for
    /// a wrong passphrase.
    pub fn verify_backup(
        &self,
        opening: Opening,
        passphrase: Option<&Secret>,
        progress: &mut Progress<'_>,
    ) -> Result<Backup> {
        let domain = Domain::open(self.domain()?).map_err(told)?;
        opening.verify(domain, passphrase, progress).map_err(told)
    }

    /// Puts the token of a backup into the empty `slot`. One that is not the newest takes name and PIN of as many of the
    /// security officers in it as its quorum asks for. `progress` is told bytes.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_ACTION_PROHIBITED for a slot that holds a token, for a token that another slot holds, and for
    /// an older backup without enough officers; CKR_PIN_INCORRECT (counted), CKR_PIN_LOCKED.
    pub fn restore(
        &self,
        slot: SlotId,
        backup: Backup,
        officers: &[(&str, &[u8])],
        progress: &mut Progress<'_>,
    ) -> Result<Restored> {
        let token = self.token(slot)?;
        let serial = String::from_utf8_lossy(&backup.header().serial).into_owned();
        let holds = |other: &SlotId| *other != slot && self.token_info(*other).is_ok_and(|info| info.serial == serial);
        if self.slots().iter().any(holds) {
            return Err(refused("another slot holds this token, and there must not be two of it"));
        }
        token.restore(backup, officers, progress)
    }
}

impl Token {
    fn write_backup(&self, caller: &Caller<'_>, new: NewBackup, progress: &mut Progress<'_>) -> Result<Made> {
        let made = self.store.back_up(new, progress).map_err(told)?;
        let detail = format!("backup {}", made.counter);
        caller.tell(Kind::BackedUp, None, |event| event.detail(&detail));
        Ok(made)
    }

    fn restore(&self, backup: Backup, officers: &[(&str, &[u8])], progress: &mut Progress<'_>) -> Result<Restored> {
        let restored = self.store.restore(backup, officers, progress).map_err(told).inspect_err(|refusal| {
            if matches!(refusal.error, Error::PinIncorrect | Error::PinLocked) {
                self.audit.write(&Event::new(Kind::LoginFailed, RESTORE).refused(*refusal));
            }
        })?;
        self.refresh()?;
        let detail = match restored.newer {
            None => format!("backup {}", restored.counter),
            Some(newer) => {
                format!("backup {}, older than {newer}, by {}", restored.counter, restored.officers.join(", "))
            }
        };
        let event = Event::new(Kind::Restored, RESTORE).detail(&detail);
        match restored.officers.first() {
            Some(name) => self.audit.write(&event.by(name, Role::SecurityOfficer)),
            None => self.audit.write(&event),
        }
        Ok(restored)
    }
}

/// How the audit log calls the command.
const RESTORE: &str = "restore";

const fn refused(reason: &'static str) -> Refusal {
    Refusal::new(Error::ActionProhibited, Rule::R18, reason)
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal::standard(Error::ArgumentsBad, reason)
}

const fn failed(of: StoreError, full: &'static str, denied: &'static str, other: &'static str) -> Refusal {
    let reason = match of {
        StoreError::Full => full,
        StoreError::Denied => denied,
        _ => other,
    };
    Refusal::standard(Error::FunctionFailed, reason)
}

/// What the caller of a backup or restore learns.
const fn told(error: BackupError) -> Refusal {
    match error {
        BackupError::Store(error) => fault::store(error),
        BackupError::File(error) => failed(
            error,
            "no space is left for the backup; choose another place",
            "the file system refused access to the backup; check its directory's owner and mode",
            "the backup could not be read or written",
        ),
        BackupError::Domain(error) => failed(
            error,
            "no space is left for the domain file",
            "the file system refused access to the domain file; it must be readable and its directory writable",
            "the domain file could not be read or written",
        ),
        BackupError::Exists => bad("there is a file of that name, and none is overwritten; choose another name"),
        BackupError::Missing => bad("there is no such file"),
        BackupError::NotABackup => bad("the file is no backup made by this program"),
        BackupError::Newer => bad("the backup was made by a newer version of this software; restore it with that"),
        BackupError::PassphraseNeeded => bad("the backup takes a passphrase; set CLAVIGER_BACKUP_PASSPHRASE"),
        BackupError::PassphraseEmpty => bad("an empty passphrase protects nothing; give another, or none"),
        BackupError::DomainMissing => bad(
            "there is no domain file, without which no backup opens; copy it from the host that made the backup, and name it in CLAVIGER_DOMAIN",
        ),
        BackupError::DomainDamaged => bad("the domain file is damaged; put a copy of it back"),
        BackupError::DomainNewer => bad("the domain file was written by a newer version of this software"),
        BackupError::DomainBusy => {
            Refusal::standard(Error::FunctionFailed, "another backup or restore of the domain is under way; try again")
        }
        BackupError::OtherDomain => refused(
            "it was made in another domain; copy the domain file of the host that made it, and name it in CLAVIGER_DOMAIN",
        ),
        BackupError::Altered => refused("the backup was cut short or altered; use another copy of it"),
        BackupError::NotEmpty => refused("the slot holds a token; restore into an empty one, with --slot"),
        BackupError::Older => refused("the domain knows a newer backup; an older one takes its security officers"),
        BackupError::Looser => refused("the token was tightened after this backup was made; restore a newer one"),
        BackupError::OfficerUnknown => bad("no security officer in the backup has that name, or one was named twice"),
        BackupError::PassphraseWrong => {
            Refusal::standard(Error::PinIncorrect, "the passphrase is wrong, or the backup was altered")
        }
        BackupError::PinIncorrect => Refusal::new(
            Error::PinIncorrect,
            Rule::R18,
            "wrong PIN; the PINs are those of the time when the backup was made",
        ),
        BackupError::PinLocked => {
            Refusal::new(Error::PinLocked, Rule::R18, "the officer is locked after too many wrong PINs")
        }
    }
}
