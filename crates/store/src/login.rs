//! Logins: trying a PIN, and counting.
//!
//! A try is counted, durably, before the PIN is looked at, and the count is taken back when the PIN
//! proves right: whoever kills the process in between has spent a try. An unknown name goes the same
//! way on a decoy record: same reads, same commit, same Argon2, and it counts for nobody.
//!
//! Since a try counts while it is under way, many logins at once could fill the limit though all are
//! right. So logins to one slot take turns, through a lock of their own; who waited [`PATIENCE`] in
//! vain is told so and has tried nothing.

use std::time::Duration;

use claviger_rules::UserId;

use crate::header::Header;
use crate::keys::Keys;
use crate::log::{self, Parts};
use crate::record::TokenId;
use crate::storage::{self, View};
use crate::store::Store;
use crate::turn::MyTurn;
use crate::user::{self, Name, PinLock, Record, User};
use crate::{Error, Result};

/// How long a login waits for others.
const PATIENCE: Duration = Duration::from_secs(60);

/// A successful login.
pub struct Login {
    /// Who it is.
    pub user: User,
    /// What it opens.
    pub keys: Keys,
}

/// Who tries a PIN.
#[derive(Clone, Copy)]
enum Who<'a> {
    /// A user of that name who logs in as CKU_SO (true) or CKU_USER.
    Named(bool, &'a str),
    /// A user known already.
    Known(UserId),
}

/// A try that has been counted.
struct Try {
    token: TokenId,
    id: UserId,
    record: Record,
}

impl Store {
    /// Logs the user `name` in. `is_so` is the user type: CKU_SO or CKU_USER; a user of the other type
    /// is unknown here. Takes as long as the user's [`crate::Cost`] says.
    ///
    /// # Errors
    /// `PinIncorrect` (counted), `PinLocked`, `Uninitialized`; `Busy` when no turn came.
    pub fn login(&self, is_so: bool, name: &str, pin: &[u8]) -> Result<Login> {
        let _turn = self.login_turn()?;
        let tried = self.count(Who::Named(is_so, name))?;
        let secret = tried.record.lock.open(pin, tried.token, tried.id)?;
        let user = self.settle(&tried, None)?;
        let keys = Keys::new(tried.token, user.id, user.reset, secret)?;
        Ok(Login { user, keys })
    }

    /// Gives the user a new PIN of its own choice. Its logins stay.
    ///
    /// # Errors
    /// `PinLength` (of the new one, not counted); otherwise as [`Store::login`] for the old one.
    pub fn change_pin(&self, id: UserId, old: &[u8], new: &[u8]) -> Result<()> {
        crate::pin::check_length(new)?;
        let _turn = self.login_turn()?;
        let tried = self.count(Who::Known(id))?;
        let secret = tried.record.lock.open(old, tried.token, tried.id)?;
        let cost = self.header()?.ok_or(Error::Uninitialized)?.settings.cost;
        let lock = PinLock::close(new, cost, &secret, tried.token, tried.id)?;
        self.settle(&tried, Some(lock)).map(drop)
    }

    fn login_turn(&self) -> Result<Option<MyTurn<'_>>> {
        // A child of fork must not wait for a turn that a thread of its parent had.
        self.generation()?;
        let Some(logins) = &self.logins else { return Ok(None) };
        logins.wait_at_most(PATIENCE).map(Some)
    }

    /// Counts a try against whoever it is.
    fn count(&self, who: Who<'_>) -> Result<Try> {
        storage::write(&self.storage, |change| {
            let header = Header::get(change, &self.device)?;
            let (id, mut record) = self.who(change, &header, who)?;
            if record.is_locked(id, &header.settings) {
                return Err(Error::PinLocked);
            }
            record.failures = record.failures.saturating_add(1);
            record.put(change, &self.device, header.token, id)?;
            log::note(change, &self.device, header.token, &Parts::USERS)?;
            Ok(Try { token: header.token, id, record })
        })
    }

    /// The user, or the decoy. A damaged record may be anybody's: then nobody is unknown.
    fn who(&self, view: &(impl View + ?Sized), header: &Header, who: Who<'_>) -> Result<(UserId, Record)> {
        let users = user::all(view, &self.device, header)?;
        let found = users.whole.into_iter().find(|(id, record)| match who {
            Who::Known(known) => *id == known,
            Who::Named(is_so, name) => {
                record.role.is_so() == is_so && Name::parse(name).is_ok_and(|name| record.name == name)
            }
        });
        match found {
            Some(found) => Ok(found),
            None if users.damaged => Err(Error::Damaged),
            None => {
                let decoy = Record::get(view, &self.device, header.token, Record::DECOY);
                let missing = |error| if error == Error::UserUnknown { Error::Damaged } else { error };
                Ok((Record::DECOY, decoy.map_err(missing)?))
            }
        }
    }

    /// Takes the count back after the right PIN, and sets a new lock if there is one.
    fn settle(&self, tried: &Try, new: Option<PinLock>) -> Result<User> {
        storage::write(&self.storage, |change| {
            let header = Header::get(change, &self.device)?;
            if header.token != tried.token {
                return Err(Error::TokenChanged);
            }
            let mut record = Record::get(change, &self.device, header.token, tried.id)?;
            // The PIN that was right is no longer the PIN.
            if record.lock != tried.record.lock {
                return Err(Error::PinIncorrect);
            }
            record.failures = 0;
            record.lock = new.unwrap_or(record.lock);
            record.put(change, &self.device, header.token, tried.id)?;
            log::note(change, &self.device, header.token, &Parts::USERS)?;
            Ok(record.to_user(tried.id, &header.settings))
        })
    }
}
