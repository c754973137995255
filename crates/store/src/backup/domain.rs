//! The domain: the key that seals backups, which no PIN opens, and the highest backup seen of each token. A file of the
//! host, drawn in docs/FORMAT.md. It stands in for the key that a vendor keeps in all boxes of a family: hosts that have
//! copies of it restore each other's backups.
//!
//! The file is authenticated with its own key, so damage and edits by somebody who cannot read it are noticed; an older
//! state of the whole file is not (docs/THREATS.md).

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use claviger_crypto::Secret;
use claviger_rules::{Mode, UserId};
use ring::{hkdf, hmac};
use serde::{Deserialize, Serialize};

use super::chunks::DOMAIN_ID_LEN;
use super::{Error, Result};
use crate::files;
use crate::header::Header;
use crate::keys::{self, KEY_LEN};

const MAGIC: &[u8; 7] = b"CLVDOM\0";
const VERSION: u8 = 1;
const MAC_LEN: usize = 32;

/// How long a backup or restore waits for another one of the domain.
const PATIENCE: Duration = Duration::from_secs(10);

/// A domain, while one backup or restore has it to itself.
pub struct Domain {
    path: PathBuf,
    key: Secret,
    tokens: Vec<Known>,
    /// The lock on the directory goes with it.
    _turn: File,
}

/// What the domain knows of one token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    serial: [u8; 16],
    highest: Highest,
    /// Wrong PINs given here for older backups, by user id.
    tries: Vec<(UserId, u32)>,
}

/// The highest backup seen of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highest {
    /// Its number.
    pub counter: u64,
    /// The mode of the token in it.
    pub mode: Mode,
}

impl Domain {
    /// The domain of this file, which is made if it is missing.
    ///
    /// # Errors
    /// `DomainDamaged`, `DomainNewer`, `DomainBusy`, `Domain`.
    pub fn open_or_make(path: &Path) -> Result<Self> {
        Self::enter(path, true)
    }

    /// The domain of this file, which must be there.
    ///
    /// # Errors
    /// `DomainMissing`; as [`Domain::open_or_make`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::enter(path, false)
    }

    fn enter(path: &Path, may_make: bool) -> Result<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let turn = match File::open(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::DomainMissing),
            opened => opened.map_err(file)?,
        };
        wait(&turn)?;
        let mut domain = Self { path: path.to_owned(), key: Secret::default(), tokens: Vec::new(), _turn: turn };
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
                domain.key = keys::random(KEY_LEN)?;
                domain.write()?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::DomainMissing),
            opened => domain.read(&mut opened.map_err(file)?)?,
        }
        Ok(domain)
    }

    /// The highest backup seen of the token with this serial number.
    pub fn highest(&self, serial: &[u8; 16]) -> Option<Highest> {
        self.known(serial).map(|known| known.highest)
    }

    /// What backups are sealed under.
    pub(super) const fn key(&self) -> &Secret {
        &self.key
    }

    /// What the domain is called in backups. It says nothing of the key.
    pub(super) fn id(&self) -> Result<[u8; DOMAIN_ID_LEN]> {
        let mut id = [0; DOMAIN_ID_LEN];
        id.copy_from_slice(self.derived(b"claviger domain id v1")?.expose().get(..DOMAIN_ID_LEN).unwrap_or_default());
        Ok(id)
    }

    /// Remembers, durably, that a backup with this number has been seen.
    pub(super) fn saw(&mut self, header: &Header, counter: u64) -> Result<()> {
        let known = self.entry(header)?;
        if known.highest.counter >= counter {
            return Ok(());
        }
        known.highest = Highest { counter, mode: header.mode };
        self.write()
    }

    /// Wrong PINs given here for the user of the token.
    pub(super) fn tries(&self, serial: &[u8; 16], user: UserId) -> u32 {
        let tries = self.known(serial).and_then(|known| known.tries.iter().find(|(id, _)| *id == user));
        tries.map_or(0, |(_, tries)| *tries)
    }

    /// Sets that number, durably.
    pub(super) fn set_tries(&mut self, header: &Header, user: UserId, tries: u32) -> Result<()> {
        let known = self.entry(header)?;
        known.tries.retain(|(id, _)| *id != user);
        if tries > 0 {
            known.tries.push((user, tries));
        }
        self.write()
    }

    fn known(&self, serial: &[u8; 16]) -> Option<&Known> {
        self.tokens.iter().find(|known| known.serial == *serial)
    }

    fn entry(&mut self, header: &Header) -> Result<&mut Known> {
        let Header { serial, mode, .. } = *header;
        let place = self.tokens.iter().position(|known| known.serial == serial).unwrap_or(self.tokens.len());
        if place == self.tokens.len() {
            self.tokens.push(Known { serial, highest: Highest { counter: 0, mode }, tries: Vec::new() });
        }
        self.tokens.get_mut(place).ok_or(Error::Store(crate::Error::Internal))
    }

    fn read(&mut self, from: &mut File) -> Result<()> {
        let mut bytes = Secret::default();
        let mut buffer = Vec::new();
        from.read_to_end(&mut buffer).map_err(file)?;
        bytes.append(&buffer);
        zeroize::Zeroize::zeroize(&mut buffer);
        let (magic, rest) = bytes.expose().split_first_chunk::<{ MAGIC.len() }>().ok_or(Error::DomainDamaged)?;
        let (version, rest) = rest.split_first().ok_or(Error::DomainDamaged)?;
        if magic != MAGIC || *version == 0 {
            return Err(Error::DomainDamaged);
        }
        if *version > VERSION {
            return Err(Error::DomainNewer);
        }
        let (key, rest) = rest.split_first_chunk::<KEY_LEN>().ok_or(Error::DomainDamaged)?;
        let (tokens, mac) = rest.split_last_chunk::<MAC_LEN>().ok_or(Error::DomainDamaged)?;
        self.key = Secret::copy_of(key);
        let said = bytes.expose().get(..bytes.len() - MAC_LEN).unwrap_or_default();
        hmac::verify(&self.mac_key()?, said, mac).map_err(|_| Error::DomainDamaged)?;
        self.tokens = postcard::from_bytes(tokens).map_err(|_| Error::DomainDamaged)?;
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let tokens = postcard::to_stdvec(&self.tokens).map_err(|_| crate::Error::Internal)?;
        let mut bytes = Secret::copy_of(MAGIC);
        [&[VERSION], self.key.expose(), &tokens].into_iter().for_each(|part| bytes.append(part));
        let mac = hmac::sign(&self.mac_key()?, bytes.expose());
        bytes.append(mac.as_ref());
        files::replace_durably(&self.path, bytes.expose()).map_err(Error::Domain)
    }

    fn mac_key(&self) -> Result<hmac::Key> {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, self.derived(b"claviger domain counters v1")?.expose()))
    }

    fn derived(&self, purpose: &[u8]) -> Result<Secret> {
        let mut derived = Secret::zeroed(KEY_LEN);
        hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
            .extract(self.key.expose())
            .expand(&[purpose], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(derived.expose_mut()))
            .map_err(|_| crate::Error::Internal)?;
        Ok(derived)
    }
}

/// Waits for the lock on the domain's directory.
fn wait(directory: &File) -> Result<()> {
    let start = Instant::now();
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => return Err(file(error)),
            Err(_) if start.elapsed() >= PATIENCE => return Err(Error::DomainBusy),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn file(error: io::Error) -> Error {
    Error::Domain(error.into())
}
