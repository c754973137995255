//! Managing users. Who may do so is the policy table's business, not this file's.

use claviger_rules::{Role, UserId};

use crate::header::{Counters, Header};
use crate::keys::Keys;
use crate::log::{self, Parts};
use crate::object::{Author, Change};
use crate::storage::{self, Table, Transaction};
use crate::store::Store;
use crate::user::{self, Name, PinLock, Record, User};
use crate::{Error, Result};

impl Store {
    /// Every user, by rising id.
    ///
    /// # Errors
    /// `Uninitialized`, `Damaged`.
    pub fn users(&self) -> Result<Vec<User>> {
        storage::read(self.storage.as_ref(), |view| {
            let header = Header::get(view, &self.device)?;
            let users = user::all(view, &self.device, &header)?;
            Ok(users.iter().map(|(id, record)| record.to_user(*id, &header.settings)).collect())
        })
    }

    /// Makes a user. `keys` are those of the login that does it.
    ///
    /// # Errors
    /// `NameInvalid`, `NameTaken`, `PinLength`, `UserGone`, `TokenChanged`.
    pub fn create_user(&self, keys: &Keys, name: &str, role: Role, pin: &[u8]) -> Result<User> {
        let name = Name::parse(name)?;
        let (id, cost) = self.reserve(keys, &name)?;
        // Outside every transaction: it takes long.
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        storage::write(self.storage.as_ref(), |change| {
            let header = self.admit(change, Author::User(keys))?;
            let users = user::all(change, &self.device, &header)?;
            if users.iter().any(|(_, other)| other.name == name) {
                return Err(Error::NameTaken);
            }
            let born = change.generation();
            let record = Record { name, role, failures: 0, born, reset: born, lock };
            record.put(change, &self.device, header.token, id)?;
            log::note(change, &self.device, header.token, &Parts::USERS)?;
            Ok(record.to_user(id, &header.settings))
        })
    }

    /// Ends a user and, in the same transaction, the objects in `objects`; `seen` is the generation by
    /// which the caller knows that the user owns no others.
    ///
    /// # Errors
    /// `UserUnknown`; `Conflict` when any object was changed after `seen`; those of [`Store::commit`].
    pub fn delete_user(&self, keys: &Keys, id: UserId, seen: u64, objects: &[Change]) -> Result<()> {
        self.change_user(keys, id, |change, header, _| {
            self.unchanged_since(change, header.token, seen)?;
            change.delete(Table::Users, &id.0.to_be_bytes())?;
            let objects = self.apply(change, Author::User(keys), objects)?;
            Ok(Parts { objects, ..Parts::USERS })
        })
    }

    /// Sets another user's PIN and takes its count of wrong PINs back. The user's logins end
    /// ([`User::reset`]), those of `keys` too if it is the same user: that is what
    /// [`Store::change_pin`] is for.
    ///
    /// # Errors
    /// `UserUnknown`, `PinLength`, `UserGone`, `TokenChanged`.
    pub fn set_pin(&self, keys: &Keys, id: UserId, pin: &[u8]) -> Result<()> {
        let cost = self.header()?.ok_or(Error::Uninitialized)?.settings.cost;
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        self.change_user(keys, id, |change, header, mut record| {
            (record.lock, record.failures, record.reset) = (lock, 0, change.generation());
            record.put(change, &self.device, header.token, id)?;
            Ok(Parts::USERS)
        })
    }

    /// Takes a user's count of wrong PINs back.
    ///
    /// # Errors
    /// `UserUnknown`, `UserGone`, `TokenChanged`.
    pub fn unlock(&self, keys: &Keys, id: UserId) -> Result<()> {
        self.change_user(keys, id, |change, header, mut record| {
            record.failures = 0;
            record.put(change, &self.device, header.token, id)?;
            Ok(Parts::USERS)
        })
    }

    fn change_user(
        &self,
        keys: &Keys,
        id: UserId,
        act: impl FnOnce(&mut dyn Transaction, &Header, Record) -> Result<Parts>,
    ) -> Result<()> {
        if id == Record::DECOY {
            return Err(Error::UserUnknown);
        }
        storage::write(self.storage.as_ref(), |change| {
            let header = self.admit(change, Author::User(keys))?;
            let record = Record::get(change, &self.device, header.token, id)?;
            let parts = act(change, &header, record)?;
            log::note(change, &self.device, header.token, &parts)
        })
    }

    /// Takes the next user id, and refuses a name that is taken before any work is done. An id whose
    /// user is never made is lost, as it must be.
    pub(crate) fn reserve(&self, keys: &Keys, name: &Name) -> Result<(UserId, crate::Cost)> {
        storage::write(self.storage.as_ref(), |change| {
            let header = self.admit(change, Author::User(keys))?;
            let users = user::all(change, &self.device, &header)?;
            if users.iter().any(|(_, other)| other.name == *name) {
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
