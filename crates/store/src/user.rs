//! Users at rest: the table `users`. Not what a user may do: that is the policy table of the rules.

use claviger_crypto::Secret;
use claviger_crypto::SystemRandom;
use claviger_crypto::seal::SealKey;
use claviger_rules::{Role, UserId};
use serde::{Deserialize, Serialize};

use crate::header::{Header, Settings};
use crate::keys::{self, KEY_LEN};
use crate::pin::{self, Cost, SALT_LEN};
use crate::record::{self, Place, TokenId};
use crate::storage::{Scan, Table, Transaction, View};
use crate::{Error, Result};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never used again after the user is deleted.
    pub id: UserId,
    /// In lower case.
    pub name: String,
    /// For life.
    pub role: Role,
    /// Wrong PINs since the last right one. An attempt under way counts until it proves right.
    pub failures: u32,
    /// Whether no PIN is taken any more.
    pub locked: bool,
    /// The generation that made the user.
    pub born: u64,
    /// The generation in which somebody else last set the PIN. A login ends when it changes.
    pub reset: u64,
}

/// A user name: 1 to 31 characters of `[a-z0-9_.-]`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name(String);

impl Name {
    /// Reads a name in any case.
    ///
    /// # Errors
    /// [`Error::NameInvalid`], also for `env`, which OpenSC reads as "from the environment".
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if !starts_well || name.len() > 31 || !name.chars().all(allowed) || name.eq_ignore_ascii_case("env") {
            return Err(Error::NameInvalid);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// In lower case.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's record.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) role: Role,
    pub(crate) failures: u32,
    pub(crate) born: u64,
    pub(crate) reset: u64,
    pub(crate) lock: PinLock,
}

/// The token key, locked with a PIN.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinLock {
    cost: Cost,
    salt: [u8; SALT_LEN],
    sealed: Vec<u8>,
}

impl PinLock {
    /// Locks `secret`, the token key, with `pin`. Takes as long as `cost` says.
    pub(crate) fn close(pin: &[u8], cost: Cost, secret: &Secret, token: TokenId, user: UserId) -> Result<Self> {
        pin::check_length(pin)?;
        let salt = keys::random_array()?;
        let key = pin::stretch(pin, &salt, cost)?;
        let sealed = key.seal(&mut SystemRandom::new(), &Self::aad(token, user), secret.expose());
        Ok(Self { cost, salt, sealed: sealed.map_err(|_| Error::Internal)? })
    }

    /// A lock that no PIN opens, and that takes as long to try.
    pub(crate) fn sham(cost: Cost) -> Result<Self> {
        let sealed = keys::random_array::<{ KEY_LEN + claviger_crypto::seal::OVERHEAD }>()?;
        Ok(Self { cost, salt: keys::random_array()?, sealed: sealed.to_vec() })
    }

    /// The token key, if `pin` is right.
    pub(crate) fn open(&self, pin: &[u8], token: TokenId, user: UserId) -> Result<Secret> {
        let key = pin::stretch(pin, &self.salt, self.cost)?;
        key.open(&Self::aad(token, user), &self.sealed).map_err(|_| Error::PinIncorrect)
    }

    #[cfg(test)]
    pub(crate) fn of_bytes(cost: Cost, salt: [u8; SALT_LEN], sealed: Vec<u8>) -> Self {
        Self { cost, salt, sealed }
    }

    fn aad(token: TokenId, user: UserId) -> Vec<u8> {
        [b"claviger pin", token.0.as_slice(), &user.0.to_be_bytes()].concat()
    }
}

impl Record {
    /// The id under which unknown names are counted: for nobody.
    pub(crate) const DECOY: UserId = UserId(0);

    /// The record that is counted and tried in place of a user that does not exist.
    pub(crate) fn decoy(settings: &Settings) -> Result<Self> {
        let lock = PinLock::sham(settings.cost)?;
        Ok(Self { name: Name(String::new()), role: Role::NormalUser, failures: 0, born: 0, reset: 0, lock })
    }

    pub(crate) fn is_locked(&self, id: UserId, settings: &Settings) -> bool {
        id != Self::DECOY && settings.max_pin_failures != 0 && self.failures >= settings.max_pin_failures
    }

    pub(crate) fn to_user(&self, id: UserId, settings: &Settings) -> User {
        let Self { name, role, failures, born, reset, .. } = self.clone();
        User { id, name: name.0, role, failures, locked: self.is_locked(id, settings), born, reset }
    }

    /// The record of `id`.
    ///
    /// # Errors
    /// [`Error::UserUnknown`]; `Damaged`.
    pub(crate) fn get(view: &(impl View + ?Sized), device: &SealKey, token: TokenId, id: UserId) -> Result<Self> {
        let key = id.0.to_be_bytes();
        let record = view.get(Table::Users, &key)?.ok_or(Error::UserUnknown)?;
        record::open_value(device, &place(token, &key), &record)
    }

    pub(crate) fn put(
        &self,
        change: &mut (impl Transaction + ?Sized),
        device: &SealKey,
        token: TokenId,
        id: UserId,
    ) -> Result<()> {
        let key = id.0.to_be_bytes();
        let record = record::seal_value(device, &place(token, &key), change.generation(), self)?;
        change.put(Table::Users, &key, &record)
    }
}

/// The users of a token, as far as their records open.
pub(crate) struct Users {
    /// By rising id, the decoy not among them.
    pub(crate) whole: Vec<(UserId, Record)>,
    /// Whether the record of another does not open: whose, nobody can tell.
    pub(crate) damaged: bool,
}

/// Every user of the token.
pub(crate) fn all(view: &(impl View + ?Sized), device: &SealKey, header: &Header) -> Result<Users> {
    let mut users = Users { whole: Vec::new(), damaged: false };
    view.scan(Table::Users, &(Record::DECOY.0 + 1).to_be_bytes(), &mut |key, record| {
        let id = UserId(u32::from_be_bytes(key.try_into().map_err(|_| Error::Damaged)?));
        match record::open_value(device, &place(header.token, key), record) {
            Ok(user) => users.whole.push((id, user)),
            Err(Error::Damaged) => users.damaged = true,
            Err(error) => return Err(error),
        }
        Ok(Scan::More)
    })?;
    Ok(users)
}

const fn place(token: TokenId, key: &[u8]) -> Place<'_> {
    Place { token, table: Table::Users, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_docs_format_md_never_changes() {
        let lock = PinLock { cost: Cost::Quick, salt: [4; SALT_LEN], sealed: vec![5; 3] };
        let name = Name("so".into());
        let record = Record { name, role: Role::SecurityOfficer, failures: 1, born: 2, reset: 300, lock };
        let expected = [&[2, b's', b'o', 2, 1, 2, 0xac, 0x02, 0][..], &[4; 16], &[3, 5, 5, 5]].concat();
        assert_eq!(postcard::to_stdvec(&record).unwrap(), expected);
    }
}
