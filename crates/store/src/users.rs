//! Managing users. Who may do so is the policy table's business, not this file's. Ending a user, and all that concerns
//! security officers, takes a quorum: [`crate::quorum`].

use claviger_rules::{Role, UserId};

use crate::header::{Counters, Header};
use crate::keys::Keys;
use crate::log::{self, Parts};
use crate::object::Author;
use crate::storage;
use crate::store::Store;
use crate::user::{self, Name, PinLock, Record, User};
use crate::{Error, Result};

impl Store {
    /// Every user whose record opens, by rising id.
    ///
    /// # Errors
    /// `Uninitialized`; `Damaged` for the header.
    pub fn users(&self) -> Result<Vec<User>> {
        storage::read(&self.storage, |view| {
            let header = Header::get(view, &self.device)?;
            let users = user::all(view, &self.device, &header)?;
            Ok(users.whole.iter().map(|(id, record)| record.to_user(*id, &header.settings)).collect())
        })
    }

    /// Makes a user. `keys` are those of the login that does it.
    ///
    /// # Errors
    /// `ActNeeded` for a security officer ([`Store::new_officer`]); `NameInvalid`, `NameTaken`, `PinLength`, `UserGone`, `TokenChanged`.
    pub fn create_user(&self, keys: &Keys, name: &str, role: Role, pin: &[u8]) -> Result<User> {
        if role.is_so() {
            return Err(Error::ActNeeded);
        }
        let name = Name::parse(name)?;
        let (id, cost) = self.reserve(keys, &name)?;
        // Outside every transaction: it takes long.
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let users = user::all(change, &self.device, &header)?;
            if users.whole.iter().any(|(_, other)| other.name == name) {
                return Err(Error::NameTaken);
            }
            let born = change.generation();
            let record = Record { name, role, failures: 0, born, reset: born, lock };
            record.put(change, &self.device, header.token, id)?;
            log::note(change, &self.device, header.token, &Parts::USERS)?;
            Ok(record.to_user(id, &header.settings))
        })
    }

    /// Sets another user's PIN and takes its count of wrong PINs back. The user's logins end ([`User::reset`]).
    ///
    /// # Errors
    /// `ActNeeded` for a security officer ([`Store::new_lock`]); `UserUnknown`, `PinLength`, `UserGone`, `TokenChanged`.
    pub fn set_pin(&self, keys: &Keys, id: UserId, pin: &[u8]) -> Result<()> {
        let cost = self.header()?.ok_or(Error::Uninitialized)?.settings.cost;
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        self.change_user(keys, id, |user, generation| (user.lock, user.failures, user.reset) = (lock, 0, generation))
    }

    /// Takes a user's count of wrong PINs back.
    ///
    /// # Errors
    /// `ActNeeded` for a security officer; `UserUnknown`, `UserGone`, `TokenChanged`.
    pub fn unlock(&self, keys: &Keys, id: UserId) -> Result<()> {
        self.change_user(keys, id, |user, _| user.failures = 0)
    }

    fn change_user(&self, keys: &Keys, id: UserId, edit: impl FnOnce(&mut Record, u64)) -> Result<()> {
        if id == Record::DECOY {
            return Err(Error::UserUnknown);
        }
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let mut record = Record::get(change, &self.device, header.token, id)?;
            if record.role.is_so() {
                return Err(Error::ActNeeded);
            }
            edit(&mut record, change.generation());
            record.put(change, &self.device, header.token, id)?;
            log::note(change, &self.device, header.token, &Parts::USERS)
        })
    }

    /// Takes the next user id, and refuses a name that is taken before any work is done. An id whose
    /// user is never made is lost, as it must be.
    pub(crate) fn reserve(&self, keys: &Keys, name: &Name) -> Result<(UserId, crate::Cost)> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let users = user::all(change, &self.device, &header)?;
            if users.whole.iter().any(|(_, other)| other.name == *name) {
                return Err(Error::NameTaken);
            }
            let mut counters = Counters::get(change, &self.device, header.token)?;
            let id = UserId(counters.next_user);
            counters.next_user = counters.next_user.checked_add(1).ok_or(Error::Full)?;
            counters.put(change, &self.device, header.token)?;
            log::note(change, &self.device, header.token, &Parts::default())?;
            Ok((id, header.settings.cost))
        })
    }
}
