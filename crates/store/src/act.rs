//! The acts that need a quorum of security officers, and how they wait for it: the table `acts`. Not how approvals
//! are counted: that is [`crate::quorum`].
//!
//! A pending act is never changed but for its approvals, and its id is never given twice. So an approval of an id is an
//! approval of this content and no other.

use claviger_crypto::seal::SealKey;
use claviger_rules::UserId;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::header::HeaderChange;
use crate::object::ObjectId;
use crate::quorum::Quorum;
use crate::record::{self, Place, TokenId};
use crate::storage::{Scan, Table, Transaction, View};
use crate::user::{Name, PinLock};
use crate::{Error, Result};

/// A pending act's id. Never used again within a token, and never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActId(pub u64);

/// What only a quorum does. docs/FORMAT.md has the variants' numbers: new ones come at the end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Mark the object trusted, as it is at this version.
    Trust {
        /// Which.
        object: ObjectId,
        /// The version that the officers have seen.
        version: u64,
    },
    /// Take TRUSTED from the object, as it is at this version.
    Retire {
        /// Which.
        object: ObjectId,
        /// The version that the officers have seen.
        version: u64,
    },
    /// End a user of any role.
    DeleteUser(UserId),
    /// Make a security officer ([`crate::Store::new_officer`]).
    CreateOfficer(NewOfficer),
    /// Take back a security officer's count of wrong PINs.
    UnlockOfficer {
        /// Who.
        user: UserId,
        /// Its [`crate::User::reset`]: a PIN set meanwhile makes the act void.
        reset: u64,
    },
    /// Give a security officer a new PIN ([`crate::Store::new_lock`]).
    ResetOfficer(NewLock),
    /// Set the quorum itself.
    SetQuorum(Quorum),
    /// Change mode or settings.
    ChangeHeader(HeaderChange),
    /// Back the token up, as it is when the last approval comes. Carried out by [`crate::Store::perform`] alone: who calls
    /// it writes the file then.
    Backup,
}

/// A security officer to be. Its PIN is stretched already and stored nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOfficer {
    pub(crate) id: UserId,
    pub(crate) name: Name,
    pub(crate) lock: PinLock,
}

impl NewOfficer {
    /// The name it will have, in lower case.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// A security officer's new PIN, stretched already and stored nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLock {
    pub(crate) user: UserId,
    pub(crate) reset: u64,
    pub(crate) lock: PinLock,
}

impl NewLock {
    /// Whose it is.
    pub fn user(&self) -> UserId {
        self.user
    }
}

impl Act {
    /// SHA-256 of the whole content.
    pub(crate) fn digest(&self) -> Result<[u8; 32]> {
        let content = zeroize::Zeroizing::new(postcard::to_stdvec(self).map_err(|_| Error::Internal)?);
        digest::digest(&digest::SHA256, &content).as_ref().try_into().map_err(|_| Error::Internal)
    }

    /// Whether it is `other` with another PIN: filed by the same officer, the newer takes the older's place.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::CreateOfficer(new), Self::CreateOfficer(old)) => new.name == old.name,
            (Self::ResetOfficer(new), Self::ResetOfficer(old)) => new.user == old.user,
            _ => false,
        }
    }

    /// Whether it is about the user `user` itself.
    pub fn is_about(&self, user: UserId) -> bool {
        match self {
            Self::DeleteUser(about) => *about == user,
            Self::ResetOfficer(new) => new.user == user,
            _ => false,
        }
    }
}

/// A security officer's consent to one act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Whose.
    pub user: UserId,
    /// The officer's [`crate::User::reset`] then: once its PIN is reset, the approval counts no more.
    pub reset: u64,
    /// When, in seconds since 1970 UTC.
    pub at_s: u64,
}

/// A pending act at rest.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) act: Act,
    /// From this second on it has expired.
    pub(crate) expires_s: u64,
    /// One per officer; the first is of who filed it.
    pub(crate) approvals: Vec<Approval>,
}

impl Row {
    /// Who filed it, and when.
    pub(crate) fn filed(&self) -> Result<Approval> {
        self.approvals.first().copied().ok_or(Error::Damaged)
    }

    /// The pending act `id`.
    ///
    /// # Errors
    /// `ActUnknown`, `Damaged`, `NewerFormat`.
    pub(crate) fn get(view: &(impl View + ?Sized), device: &SealKey, token: TokenId, id: ActId) -> Result<Self> {
        let key = id.0.to_be_bytes();
        let record = view.get(Table::Acts, &key)?.ok_or(Error::ActUnknown)?;
        record::open_value(device, &place(token, &key), &record)
    }

    pub(crate) fn put(
        &self,
        change: &mut (impl Transaction + ?Sized),
        device: &SealKey,
        token: TokenId,
        id: ActId,
    ) -> Result<()> {
        let key = id.0.to_be_bytes();
        let record = record::seal_value(device, &place(token, &key), change.generation(), self)?;
        change.put(Table::Acts, &key, &record)
    }
}

/// The pending acts as they are on the disk.
pub(crate) struct Rows {
    /// By rising id, expired or not.
    pub(crate) whole: Vec<(ActId, Row)>,
    /// Those whose records do not open.
    pub(crate) damaged: Vec<ActId>,
}

/// Every pending act.
pub(crate) fn all(view: &(impl View + ?Sized), device: &SealKey, token: TokenId) -> Result<Rows> {
    let mut rows = Rows { whole: Vec::new(), damaged: Vec::new() };
    view.scan(Table::Acts, &[], &mut |key, record| {
        let id = key.try_into().map(u64::from_be_bytes).map(ActId).map_err(|_| Error::Damaged)?;
        match record::open_value::<Row>(device, &place(token, key), record) {
            Ok(row) if !row.approvals.is_empty() => rows.whole.push((id, row)),
            _ => rows.damaged.push(id),
        }
        Ok(Scan::More)
    })?;
    Ok(rows)
}

/// Takes the act away.
pub(crate) fn remove(change: &mut (impl Transaction + ?Sized), id: ActId) -> Result<()> {
    change.delete(Table::Acts, &id.0.to_be_bytes())
}

const fn place(token: TokenId, key: &[u8]) -> Place<'_> {
    Place { token, table: Table::Acts, key }
}

#[cfg(test)]
mod tests {
    use claviger_rules::Mode;

    use super::*;
    use crate::pin::Cost;

    #[test]
    fn the_bodies_of_docs_format_md_never_change() {
        let bytes = |act: Act| postcard::to_stdvec(&act).unwrap();
        let (object, user) = (ObjectId(300), UserId(5));
        assert_eq!(bytes(Act::Trust { object, version: 7 }), [0, 0xac, 0x02, 7]);
        assert_eq!(bytes(Act::Retire { object, version: 7 }), [1, 0xac, 0x02, 7]);
        assert_eq!(bytes(Act::DeleteUser(user)), [2, 5]);
        let lock = PinLock::of_bytes(Cost::Quick, [4; 16], vec![5; 3]);
        let sealed = [&[0][..], &[4; 16], &[3, 5, 5, 5]].concat();
        let officer = NewOfficer { id: user, name: Name::parse("sol").unwrap(), lock: lock.clone() };
        assert_eq!(bytes(Act::CreateOfficer(officer)), [&[3, 5, 3][..], b"sol", &sealed].concat());
        assert_eq!(bytes(Act::UnlockOfficer { user, reset: 7 }), [4, 5, 7]);
        let reset = NewLock { user, reset: 7, lock };
        assert_eq!(bytes(Act::ResetOfficer(reset)), [&[5, 5, 7][..], &sealed].concat());
        assert_eq!(bytes(Act::SetQuorum(Quorum::new(2, 24).unwrap())), [6, 2, 24]);
        let header = HeaderChange { mode: Some(Mode::Enforce), max_pin_failures: None, cost: Some(Cost::Strong) };
        assert_eq!(bytes(Act::ChangeHeader(header)), [7, 1, 2, 0, 1, 2]);
        assert_eq!(bytes(Act::Backup), [8]);
        let approvals = vec![Approval { user, reset: 7, at_s: 300 }];
        let row = Row { act: Act::DeleteUser(user), expires_s: 400, approvals };
        assert_eq!(postcard::to_stdvec(&row).unwrap(), [2, 5, 0x90, 0x03, 1, 5, 7, 0xac, 0x02]);
    }

    #[test]
    fn a_digest_tells_any_two_acts_apart() {
        let of = |act: Act| act.digest().unwrap();
        let (object, version) = (ObjectId(1), 2);
        assert_eq!(of(Act::Trust { object, version }), of(Act::Trust { object, version }));
        assert_ne!(of(Act::Trust { object, version }), of(Act::Trust { object, version: 3 }));
        assert_ne!(of(Act::Trust { object, version }), of(Act::Retire { object, version }));
    }
}
