//! Restoring a backup: verified to its end first, then read again inside one transaction.

use std::fs::File;
use std::io::{self, BufReader, Seek as _};
use std::path::Path;

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;
use claviger_rules::UserId;

use super::chunks::{Head, Opener};
use super::domain::Domain;
use super::rows::{CARRIED, Preface, Row};
use super::{Error, Progress, Result, carried};
use crate::header::Header;
use crate::log::{self, Parts};
use crate::storage::{self, Scan, Table, Transaction};
use crate::store::Store;
use crate::user::{Name, Record};

/// A file that begins as a backup does. Nothing of it is believed yet.
pub struct Opening {
    file: BufReader<File>,
    head: Head,
    len: u64,
}

/// A backup that was read to its end and is whole, of this domain, and as it was made.
pub struct Backup {
    file: BufReader<File>,
    head: Head,
    key: SealKey,
    len: u64,
    preface: Preface,
    header: Header,
    officers: Vec<(UserId, Record)>,
    domain: Domain,
}

/// A backup that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its number.
    pub counter: u64,
    /// The highest number that the domain knew, if that was higher.
    pub newer: Option<u64>,
    /// How many records it holds.
    pub records: u64,
    /// Who consented to an older one, by name.
    pub officers: Vec<String>,
}

impl Opening {
    /// Opens the file.
    ///
    /// # Errors
    /// `Missing`, `File`, `NotABackup`, `Newer`, `Altered`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing,
            _ => file_error(error),
        })?;
        let len = file.metadata().map_err(file_error)?.len();
        let mut file = BufReader::new(file);
        let head = Head::read(&mut file)?;
        Ok(Self { file, head, len })
    }

    /// Whether it takes a passphrase.
    pub const fn has_passphrase(&self) -> bool {
        self.head.has_passphrase()
    }

    /// Reads the whole backup and believes it, or refuses. `progress` is told bytes. With a passphrase it takes as long as
    /// the strong cost says.
    ///
    /// # Errors
    /// `OtherDomain`, `PassphraseNeeded`, `PassphraseWrong`, `Altered`, `Newer`, `File`.
    pub fn verify(self, domain: Domain, passphrase: Option<&Secret>, progress: &mut Progress<'_>) -> Result<Backup> {
        let Self { mut file, head, len } = self;
        if head.domain() != domain.id()? {
            return Err(Error::OtherDomain);
        }
        let key = head.key(domain.key(), passphrase)?;
        let (mut header, mut officers) = (None, Vec::new());
        let preface = each_row(&mut file, head, &key, |row, position| {
            progress(position.min(len), len);
            match (row.is_header(), header.is_some(), row.table) {
                (true, false, _) => header = Some(row.value::<Header>()?),
                (false, true, Table::Users) => officers.extend(officer(row)?),
                (false, true, _) => {}
                // The header is there once, and before all else.
                _ => return Err(Error::Altered),
            }
            Ok(())
        })?;
        let header = header.filter(|header| header.token == preface.token).ok_or(Error::Altered)?;
        Ok(Backup { file, head, key, len, preface, header, officers, domain })
    }
}

impl Backup {
    /// The header of the token in it.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its number.
    pub const fn counter(&self) -> u64 {
        self.preface.counter
    }

    /// The highest number that the domain knows of the token, if that is higher: then the restore takes the quorum.
    pub fn newer(&self) -> Option<u64> {
        let highest = self.domain.highest(&self.header.serial)?.counter;
        Some(highest).filter(|highest| *highest > self.preface.counter)
    }

    /// The names of the security officers in it.
    pub fn officers(&self) -> Vec<&str> {
        self.officers.iter().map(|(_, officer)| officer.name.as_str()).collect()
    }

    /// Whether the domain may have it restored: the newest at once, an older one if as many of the security officers in
    /// it as its quorum asks for give name and PIN. Gives their names.
    fn admit(&mut self, officers: &[(&str, &[u8])]) -> Result<Vec<String>> {
        if self.newer().is_none() {
            return self.domain.saw(&self.header, self.preface.counter).map(|()| Vec::new());
        }
        if self.domain.highest(&self.header.serial).is_some_and(|highest| highest.mode > self.header.mode) {
            return Err(Error::Looser);
        }
        let needed = usize::try_from(self.header.quorum.needed()).unwrap_or(usize::MAX);
        if officers.len() < needed {
            return Err(Error::Older);
        }
        let mut consenting: Vec<UserId> = Vec::new();
        for (name, _) in officers {
            let id = self.officer_named(name)?;
            if consenting.contains(&id) {
                return Err(Error::OfficerUnknown);
            }
            consenting.push(id);
        }
        for (id, (_, pin)) in consenting.iter().zip(officers) {
            self.try_pin(*id, pin)?;
        }
        Ok(officers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect())
    }

    fn officer_named(&self, name: &str) -> Result<UserId> {
        let name = Name::parse(name).map_err(|_| Error::OfficerUnknown)?;
        let found = self.officers.iter().find(|(_, officer)| officer.name == name);
        found.map(|(id, _)| *id).ok_or(Error::OfficerUnknown)
    }

    /// Tries a PIN against the lock in the backup. As at a login it is counted before it is looked at, with the wrong ones
    /// that the backup has: in the domain's file, since the backup never changes.
    fn try_pin(&mut self, id: UserId, pin: &[u8]) -> Result<()> {
        let found = self.officers.iter().find(|(known, _)| *known == id).ok_or(Error::OfficerUnknown)?;
        let mut officer = found.1.clone();
        let tries = self.domain.tries(&self.header.serial, id);
        officer.failures = officer.failures.saturating_add(tries);
        if officer.is_locked(id, &self.header.settings) {
            return Err(Error::PinLocked);
        }
        self.domain.set_tries(&self.header, id, tries.saturating_add(1))?;
        officer.lock.open(pin, self.header.token, id).map_err(|error| match error {
            crate::Error::PinIncorrect => Error::PinIncorrect,
            other => Error::Store(other),
        })?;
        self.domain.set_tries(&self.header, id, 0)
    }
}

impl Store {
    /// Puts the token of the backup into this slot, which must be empty. An older backup takes names and PINs of as many
    /// `officers` in it as its quorum asks for. `progress` is told bytes.
    ///
    /// # Errors
    /// `NotEmpty`; `Older`, `Looser`, `OfficerUnknown`, `PinIncorrect`, `PinLocked`; `Altered` when the file was changed since
    /// it was verified; `Store`, `File`, `Domain`.
    pub fn restore(
        &self,
        mut backup: Backup,
        officers: &[(&str, &[u8])],
        progress: &mut Progress<'_>,
    ) -> Result<Restored> {
        storage::read(&self.storage, |view| Header::find(view, &self.device))?
            .map_or(Ok(()), |_| Err(Error::NotEmpty))?;
        let newer = backup.newer();
        let officers = backup.admit(officers)?;
        carried(|carry| {
            storage::write(&self.storage, |change| self.put_rows(change, &mut backup, progress).map_err(carry))
        })?;
        let Preface { counter, records, .. } = backup.preface;
        Ok(Restored { counter, newer, records, officers })
    }

    fn put_rows(&self, change: &mut dyn Transaction, backup: &mut Backup, progress: &mut Progress<'_>) -> Result<()> {
        must_be_empty(change)?;
        let Backup { file, head, key, len, preface, .. } = backup;
        // No later commit may make a version that a record has already.
        change.advance(preface.generation.saturating_add(1));
        file.rewind().map_err(file_error)?;
        // Its key is this file's alone: with the same head nothing else opens.
        if Head::read(file)? != *head {
            return Err(Error::Altered);
        }
        each_row(file, *head, key, |row, position| {
            progress(position.min(*len), *len);
            Ok(change.put(row.table, &row.key, &row.record(&self.device, preface.token)?)?)
        })?;
        let parts = Parts { header: true, users: true, objects: Vec::new() };
        Ok(log::note(change, &self.device, preface.token, &parts)?)
    }
}

/// Reads on after the head, to the end.
fn each_row(
    file: &mut BufReader<File>,
    head: Head,
    key: &SealKey,
    mut row: impl FnMut(&Row, u64) -> Result<()>,
) -> Result<Preface> {
    let mut opener = Opener::new(file, head, key);
    let preface = Preface::read(&mut opener)?;
    for _ in 0..preface.records {
        let next = Row::read(&mut opener)?;
        if next.version() > preface.generation {
            return Err(Error::Altered);
        }
        row(&next, opener.position())?;
    }
    opener.finish()?;
    Ok(preface)
}

/// The user, if it is a security officer.
fn officer(row: &Row) -> Result<Option<(UserId, Record)>> {
    let id = row.key.as_slice().try_into().map(u32::from_be_bytes).map(UserId).map_err(|_| Error::Altered)?;
    let user: Record = row.value()?;
    Ok(user.role.is_so().then_some((id, user)))
}

fn must_be_empty(change: &dyn Transaction) -> Result<()> {
    let mut is_empty = true;
    for table in CARRIED {
        change.scan(*table, &[], &mut |_, _| {
            is_empty = false;
            Ok(Scan::Enough)
        })?;
    }
    if is_empty { Ok(()) } else { Err(Error::NotEmpty) }
}

fn file_error(error: io::Error) -> Error {
    Error::File(error.into())
}
