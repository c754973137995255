//! The quorum: so many security officers must approve an act before it takes effect. Who may file and approve at all is
//! the policy table's business, and so is whether an act is allowed; here approvals are kept, counted, and the act is
//! carried out in the very transaction that finds enough of them. [`crate::desk`] is that transaction's inside.
//!
//! * An approval is bound to one act: to its id, which is never given twice, and to its content, which never changes.
//! * It counts once, and only while its officer is there, with the PIN it was given under (nobody has reset it), and
//!   not locked. Taking that away from an approval that was given needs no quorum and cannot be undone alone.
//! * An act that has expired, whose filer is gone, or whose object or user is no longer what the officers saw, falls
//!   away.
//!
//! What one officer could use to make up the number alone (making, unlocking and resetting officers, the quorum itself)
//! is therefore an [`Act`] too, and the direct ways of [`crate::users`] refuse it.

use claviger_rules::{Mode, UserId};
use serde::{Deserialize, Serialize};

use crate::act::{self, Act, ActId, Approval, NewLock, NewOfficer, Row};
use crate::desk::Desk;
use crate::keys::Keys;
use crate::object::{Author, Change};
use crate::storage;
use crate::store::Store;
use crate::user::{Name, PinLock, Record};
use crate::{Error, Result};

/// How many acts of one officer may wait at once: the officers' number bounds the table.
pub(crate) const MOST_PENDING: usize = 16;

/// How long approvals wait at most: 30 days.
const MOST_HOURS: u32 = 720;

/// How many security officers an act takes, and how long the approvals of a pending one wait for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    needed: u32,
    expiry_hours: u32,
}

impl Quorum {
    /// Of a new token: each officer alone.
    pub const ALONE: Self = Self { needed: 1, expiry_hours: 24 };

    /// `needed` officers, whose approvals wait `expiry_hours`.
    ///
    /// # Errors
    /// `QuorumInvalid` for nobody, and for less than an hour or more than 720.
    pub const fn new(needed: u32, expiry_hours: u32) -> Result<Self> {
        if needed == 0 || expiry_hours == 0 || expiry_hours > MOST_HOURS {
            return Err(Error::QuorumInvalid);
        }
        Ok(Self { needed, expiry_hours })
    }

    /// How many officers.
    pub const fn needed(self) -> u32 {
        self.needed
    }

    /// How long an act waits, in hours.
    pub const fn expiry_hours(self) -> u32 {
        self.expiry_hours
    }
}

/// What an act does to objects, as the caller worked it out. Used if this call carries the act out.
#[derive(Clone, Copy)]
pub struct Effects<'a> {
    /// The generation by which the caller chose the objects: for a user's deletion and a change of the header.
    pub seen: u64,
    /// The mode whose rules allowed it: for [`Act::Trust`] and [`Act::Retire`].
    pub mode: Option<Mode>,
    /// The changes. Of [`Act::Trust`] and [`Act::Retire`] one: the object itself.
    pub objects: &'a [Change],
}

impl Effects<'_> {
    /// None.
    pub const NONE: Self = Self { seen: 0, mode: None, objects: &[] };
}

/// How far a pending act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which act.
    pub act: ActId,
    /// The approvals that count at this moment.
    pub approvals: u32,
    /// How many it takes.
    pub needed: u32,
}

/// What a call did to an act that still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Filed it.
    Filed,
    /// Approved it.
    Approved,
    /// Nothing: the officer had approved it before.
    Repeated,
}

/// What became of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done {
        /// The generation that did it, which is the version of every object it wrote.
        generation: u64,
        /// Its id, if it was pending before.
        act: Option<ActId>,
    },
    /// It waits for more approvals.
    Waits(Step, Count),
    /// It fell away, and nothing else has changed.
    Fell(Fallen),
}

/// Why a pending act fell away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallen {
    /// Its time was over.
    Expired,
    /// Who filed it was deleted, or its PIN was reset.
    FilerGone,
    /// What it is about has changed: another version of the object, another PIN, a name taken.
    Overtaken,
}

/// What was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// The whole act, by its filer; or one whose record was damaged.
    Act,
    /// The officer's own approval.
    Approval,
}

/// A pending act as it was read.
pub struct Pending {
    /// Its number.
    pub id: ActId,
    /// What it does.
    pub act: Act,
    /// SHA-256 of what it does: [`Store::approve`] wants it back.
    pub digest: [u8; 32],
    /// From this second since 1970 UTC on it has expired.
    pub expires_s: u64,
    /// One per officer, the filer's first; and whether it counts at this moment.
    pub approvals: Vec<(Approval, bool)>,
    /// Why it can no longer be done, if so. The next change of the table takes it away.
    pub fallen: Option<Fallen>,
}

/// All pending acts, as they were read in one moment.
pub struct PendingActs {
    /// By rising id.
    pub acts: Vec<Pending>,
    /// Those whose records do not open. All others are unaffected.
    pub damaged: Vec<ActId>,
}

impl Store {
    /// Every pending act. `now_s`: seconds since 1970 UTC.
    ///
    /// # Errors
    /// `Uninitialized`, `Damaged` for a damaged user; those of the engine. Damaged acts are named in the result.
    pub fn pending(&self, now_s: u64) -> Result<PendingActs> {
        storage::read(&self.storage, |view| {
            let header = crate::Header::get(view, &self.device)?;
            let desk = Desk::open(view, &self.device, header, now_s)?;
            let rows = act::all(view, &self.device, header.token)?;
            let read = |(id, row): (ActId, Row)| {
                let (fallen, digest) = (desk.fallen(view, &row)?, row.act.digest()?);
                let approvals = row.approvals.iter().map(|one| (*one, desk.counts(one))).collect();
                Ok(Pending { id, act: row.act, digest, expires_s: row.expires_s, approvals, fallen })
            };
            Ok(PendingActs { acts: rows.whole.into_iter().map(read).collect::<Result<_>>()?, damaged: rows.damaged })
        })
    }

    /// Does `act` if it has all approvals with that of `keys`' user, otherwise files it. Filed already by another
    /// officer with the same content, this approves it.
    ///
    /// # Errors
    /// `ActsFull`; that it cannot be done: `Conflict` when an object is not at the version of `act`, or was changed
    /// after [`Effects::seen`]; `UserUnknown`, `NameTaken`, `ModeLoosened`, `QuorumOutOfReach`; `UserGone`,
    /// `TokenChanged`.
    pub fn perform(&self, keys: &Keys, act: &Act, effects: Effects<'_>, now_s: u64) -> Result<Outcome> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let desk = Desk::open(change, &self.device, header, now_s)?;
            desk.possible(change, act)?;
            let standing = desk.sweep(change)?;
            let found = standing.iter().find(|(_, row)| row.act == *act);
            let (id, mut row) = match found {
                Some((id, row)) => (Some(*id), row.clone()),
                None => (None, desk.fresh(act.clone())),
            };
            let step = desk.add(&mut row, keys, id);
            if desk.is_enough(&row) {
                return self.carry_out(change, &desk, keys, id, &row.act, effects);
            }
            let id = match id {
                Some(id) => id,
                None => self.file(change, &desk, keys, act, &standing)?,
            };
            desk.keep(change, id, &row)?;
            Ok(Outcome::Waits(step, desk.count(id, &row)))
        })
    }

    /// Approves the pending act `id`, whose content has this `digest`, and does it if that was the last approval needed.
    ///
    /// # Errors
    /// `ActUnknown`; `Conflict` when it has another content; `ActNeeded` for the last approval of a backup, which
    /// [`Store::perform`] takes; otherwise as [`Store::perform`].
    pub fn approve(
        &self,
        keys: &Keys,
        id: ActId,
        digest: &[u8; 32],
        effects: Effects<'_>,
        now_s: u64,
    ) -> Result<Outcome> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let desk = Desk::open(change, &self.device, header, now_s)?;
            let mut row = Row::get(change, &self.device, header.token, id)?;
            if row.act.digest()? != *digest {
                return Err(Error::Conflict);
            }
            if let Some(fallen) = desk.fallen(change, &row)? {
                desk.drop_act(change, id)?;
                return Ok(Outcome::Fell(fallen));
            }
            let step = desk.add(&mut row, keys, Some(id));
            if desk.is_enough(&row) {
                if row.act == Act::Backup {
                    return Err(Error::ActNeeded);
                }
                return self.carry_out(change, &desk, keys, Some(id), &row.act, effects);
            }
            desk.keep(change, id, &row)?;
            Ok(Outcome::Waits(step, desk.count(id, &row)))
        })
    }

    /// Takes back one's own approval; who filed the act takes the whole act back. A record that is damaged can never be
    /// carried out, and anybody takes it away.
    ///
    /// # Errors
    /// `ActUnknown`; `NotApproved`; `UserGone`, `TokenChanged`.
    pub fn withdraw(&self, keys: &Keys, id: ActId, now_s: u64) -> Result<Withdrawn> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            let desk = Desk::open(change, &self.device, header, now_s)?;
            let mut row = match Row::get(change, &self.device, header.token, id) {
                Err(Error::Damaged) => return desk.drop_act(change, id).map(|()| Withdrawn::Act),
                row => row?,
            };
            if row.filed()?.user == keys.user {
                return desk.drop_act(change, id).map(|()| Withdrawn::Act);
            }
            let before = row.approvals.len();
            row.approvals.retain(|approval| approval.user != keys.user);
            if row.approvals.len() == before {
                return Err(Error::NotApproved);
            }
            desk.keep(change, id, &row)?;
            Ok(Withdrawn::Approval)
        })
    }

    /// Takes the pending act `id` away: the policy no longer allows what it would do. Nothing happens if it is gone.
    ///
    /// # Errors
    /// `UserGone`, `TokenChanged`.
    pub fn drop_act(&self, keys: &Keys, id: ActId, now_s: u64) -> Result<()> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, Author::User(keys))?;
            Desk::open(change, &self.device, header, now_s)?.drop_act(change, id)
        })
    }

    /// The act that makes a security officer. Takes as long as the PIN's cost says.
    ///
    /// # Errors
    /// `NameInvalid`, `NameTaken`, `PinLength`, `UserGone`, `TokenChanged`.
    pub fn new_officer(&self, keys: &Keys, name: &str, pin: &[u8]) -> Result<Act> {
        crate::pin::check_length(pin)?;
        let name = Name::parse(name)?;
        let (id, cost) = self.reserve(keys, &name)?;
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        Ok(Act::CreateOfficer(NewOfficer { id, name, lock }))
    }

    /// The act that gives the user `id` a new PIN. Takes as long as the PIN's cost says.
    ///
    /// # Errors
    /// `UserUnknown`, `PinLength`, `Uninitialized`.
    pub fn new_lock(&self, keys: &Keys, id: UserId, pin: &[u8]) -> Result<Act> {
        let (cost, reset) = storage::read(&self.storage, |view| {
            let header = self.admit(view, Author::User(keys))?;
            Ok((header.settings.cost, Record::get(view, &self.device, header.token, id)?.reset))
        })?;
        let lock = PinLock::close(pin, cost, &keys.secret, keys.token, id)?;
        Ok(Act::ResetOfficer(NewLock { user: id, reset, lock }))
    }
}
