//! One look at the quorum inside one transaction: who the users are, what time it is, which approvals count, and what an
//! act does. Not the ways in: those are in [`crate::quorum`].

use claviger_crypto::seal::SealKey;
use claviger_rules::{Role, UserId};

use crate::act::{self, Act, ActId, Approval, NewOfficer, Row};
use crate::header::{Counters, Header, HeaderChange};
use crate::keys::Keys;
use crate::log::{self, Parts};
use crate::object::{Author, Change, ObjectId};
use crate::quorum::{Count, Effects, Fallen, MOST_PENDING, Outcome, Quorum, Step};
use crate::storage::{Table, Transaction, View};
use crate::store::{self, Store};
use crate::user::{self, Record};
use crate::{Error, Result};

/// What does not change during the transaction.
pub(crate) struct Desk<'a> {
    device: &'a SealKey,
    header: Header,
    users: Vec<(UserId, Record)>,
    now_s: u64,
}

impl<'a> Desk<'a> {
    pub(crate) fn open(view: &(impl View + ?Sized), device: &'a SealKey, header: Header, now_s: u64) -> Result<Self> {
        Ok(Self { device, header, users: user::all(view, device, &header)?.whole, now_s })
    }

    fn user(&self, id: UserId) -> Result<&Record> {
        self.users.iter().find(|(known, _)| *known == id).map(|(_, user)| user).ok_or(Error::UserUnknown)
    }

    /// Whether the approval counts at this moment. A locked officer's does not: somebody was guessing its PIN. With a
    /// quorum of one nobody else is asked, so nobody else can say so.
    pub(crate) fn counts(&self, approval: &Approval) -> bool {
        self.user(approval.user).is_ok_and(|user| {
            let locked = user.is_locked(approval.user, &self.header.settings);
            user.role.is_so() && user.reset == approval.reset && (!locked || self.header.quorum.needed() == 1)
        })
    }

    pub(crate) fn count(&self, act: ActId, row: &Row) -> Count {
        let approvals = row.approvals.iter().filter(|approval| self.counts(approval)).count();
        Count { act, approvals: u32::try_from(approvals).unwrap_or(u32::MAX), needed: self.header.quorum.needed() }
    }

    pub(crate) fn is_enough(&self, row: &Row) -> bool {
        let count = self.count(ActId(0), row);
        count.approvals >= count.needed
    }

    /// Why the act can no longer be done. What may pass (too few officers unlocked) is no reason.
    pub(crate) fn fallen(&self, view: &(impl View + ?Sized), row: &Row) -> Result<Option<Fallen>> {
        if self.now_s >= row.expires_s {
            return Ok(Some(Fallen::Expired));
        }
        let filed = row.filed()?;
        if !self.user(filed.user).is_ok_and(|user| user.reset == filed.reset) {
            return Ok(Some(Fallen::FilerGone));
        }
        match self.possible(view, &row.act) {
            Ok(()) | Err(Error::QuorumOutOfReach) => Ok(None),
            Err(Error::Conflict | Error::UserUnknown | Error::NameTaken | Error::ModeLoosened) => {
                Ok(Some(Fallen::Overtaken))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the act could be done now, approvals aside.
    pub(crate) fn possible(&self, view: &(impl View + ?Sized), act: &Act) -> Result<()> {
        match act {
            Act::Trust { object, version } | Act::Retire { object, version } => {
                store::expect(view, *object, *version).map(drop)
            }
            Act::DeleteUser(user) => self.may_go(*user),
            Act::CreateOfficer(new) => self.is_free(new),
            Act::UnlockOfficer { user, reset } => self.is_as_seen(*user, *reset),
            Act::ResetOfficer(new) => self.is_as_seen(new.user, new.reset),
            Act::SetQuorum(quorum) => self.within_reach(quorum.needed(), None),
            Act::ChangeHeader(change) => self.header.changed(change).map(drop),
            Act::Backup => Ok(()),
        }
    }

    /// The security officers that could approve after `user` is gone must be as many as the quorum asks for: with fewer
    /// nobody could ever make, unlock or reset one again.
    fn may_go(&self, user: UserId) -> Result<()> {
        if self.user(user)?.role.is_so() { self.within_reach(self.header.quorum.needed(), Some(user)) } else { Ok(()) }
    }

    fn within_reach(&self, needed: u32, without: Option<UserId>) -> Result<()> {
        let able = |(id, user): &&(UserId, Record)| {
            user.role.is_so() && Some(*id) != without && !user.is_locked(*id, &self.header.settings)
        };
        let able = u32::try_from(self.users.iter().filter(able).count()).unwrap_or(u32::MAX);
        if able >= needed { Ok(()) } else { Err(Error::QuorumOutOfReach) }
    }

    fn is_free(&self, new: &NewOfficer) -> Result<()> {
        let taken = self.users.iter().any(|(id, user)| *id == new.id || user.name == new.name);
        if taken { Err(Error::NameTaken) } else { Ok(()) }
    }

    fn is_as_seen(&self, user: UserId, reset: u64) -> Result<()> {
        if self.user(user)?.reset == reset { Ok(()) } else { Err(Error::Conflict) }
    }

    /// A pending act without approvals.
    pub(crate) fn fresh(&self, act: Act) -> Row {
        let wait_s = u64::from(self.header.quorum.expiry_hours()) * 3600;
        Row { act, expires_s: self.now_s.saturating_add(wait_s), approvals: Vec::new() }
    }

    /// Adds the approval of `keys`' user, once.
    pub(crate) fn add(&self, row: &mut Row, keys: &Keys, id: Option<ActId>) -> Step {
        let own = Approval { user: keys.user, reset: keys.reset, at_s: self.now_s };
        let old = row.approvals.iter_mut().find(|approval| approval.user == own.user);
        match (old, id) {
            (Some(old), _) if old.reset == own.reset => return Step::Repeated,
            (Some(old), _) => *old = own,
            (None, _) => row.approvals.push(own),
        }
        if id.is_some() { Step::Approved } else { Step::Filed }
    }

    /// Takes away what fell; gives the rest.
    pub(crate) fn sweep(&self, change: &mut dyn Transaction) -> Result<Vec<(ActId, Row)>> {
        let rows = act::all(change, self.device, self.header.token)?.whole;
        let mut standing = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            match self.fallen(change, &row)? {
                Some(_) => act::remove(change, id)?,
                None => standing.push((id, row)),
            }
        }
        Ok(standing)
    }

    /// Writes the act down as it is now.
    pub(crate) fn keep(&self, change: &mut dyn Transaction, id: ActId, row: &Row) -> Result<()> {
        row.put(change, self.device, self.header.token, id)?;
        self.note(change, &Parts::default())
    }

    pub(crate) fn drop_act(&self, change: &mut dyn Transaction, id: ActId) -> Result<()> {
        act::remove(change, id)?;
        self.note(change, &Parts::default())
    }

    fn note(&self, change: &mut dyn Transaction, parts: &Parts) -> Result<()> {
        log::note(change, self.device, self.header.token, parts)
    }
}

impl Store {
    /// Takes an id for a new pending act of `keys`' user, in place of those that it replaces.
    pub(crate) fn file(
        &self,
        change: &mut dyn Transaction,
        desk: &Desk<'_>,
        keys: &Keys,
        act: &Act,
        standing: &[(ActId, Row)],
    ) -> Result<ActId> {
        let mut others = 0;
        for (id, row) in standing.iter().filter(|(_, row)| row.filed().is_ok_and(|filed| filed.user == keys.user)) {
            if act.replaces(&row.act) {
                act::remove(change, *id)?;
            } else {
                others += 1;
            }
        }
        if others >= MOST_PENDING {
            return Err(Error::ActsFull);
        }
        let mut counters = Counters::get(change, &self.device, desk.header.token)?;
        let id = ActId(counters.next_act);
        counters.next_act = counters.next_act.checked_add(1).ok_or(Error::Full)?;
        counters.put(change, &self.device, desk.header.token)?;
        Ok(id)
    }

    /// Does the act, and forgets that it was pending.
    pub(crate) fn carry_out(
        &self,
        change: &mut dyn Transaction,
        desk: &Desk<'_>,
        keys: &Keys,
        id: Option<ActId>,
        act: &Act,
        effects: Effects<'_>,
    ) -> Result<Outcome> {
        desk.possible(change, act)?;
        let parts = match act {
            Act::Trust { object, version } | Act::Retire { object, version } => {
                self.change_one(change, desk, keys, (*object, *version), effects)?
            }
            Act::DeleteUser(user) => self.end_user(change, keys, *user, effects)?,
            Act::CreateOfficer(new) => self.make_officer(change, desk, new)?,
            Act::UnlockOfficer { user, .. } => self.edit_user(change, desk, *user, |user, _| user.failures = 0)?,
            Act::ResetOfficer(new) => self.edit_user(change, desk, new.user, |user, generation| {
                (user.lock, user.failures, user.reset) = (new.lock.clone(), 0, generation);
            })?,
            Act::SetQuorum(quorum) => self.put_quorum(change, desk, *quorum)?,
            Act::ChangeHeader(new) => self.put_header(change, desk, keys, new, effects)?,
            Act::Backup => Parts::default(),
        };
        if let Some(id) = id {
            act::remove(change, id)?;
        }
        desk.note(change, &parts)?;
        Ok(Outcome::Done { generation: change.generation(), act: id })
    }

    /// The one object of an act, at the version of the act, by the rules of the mode that is in force.
    fn change_one(
        &self,
        change: &mut dyn Transaction,
        desk: &Desk<'_>,
        keys: &Keys,
        bound: (ObjectId, u64),
        effects: Effects<'_>,
    ) -> Result<Parts> {
        match effects.objects {
            [Change::Replace { id, expected, .. }]
                if (*id, *expected) == bound && effects.mode == Some(desk.header.mode) =>
            {
                let objects = self.apply(change, Author::User(keys), effects.objects)?;
                Ok(Parts { objects, ..Parts::default() })
            }
            // The caller worked it out for another version or mode.
            _ => Err(Error::Conflict),
        }
    }

    fn end_user(&self, change: &mut dyn Transaction, keys: &Keys, user: UserId, effects: Effects<'_>) -> Result<Parts> {
        self.unchanged_since(change, keys.token, effects.seen)?;
        change.delete(Table::Users, &user.0.to_be_bytes())?;
        let objects = self.apply(change, Author::User(keys), effects.objects)?;
        Ok(Parts { objects, ..Parts::USERS })
    }

    fn make_officer(&self, change: &mut dyn Transaction, desk: &Desk<'_>, new: &NewOfficer) -> Result<Parts> {
        let (born, role) = (change.generation(), Role::SecurityOfficer);
        let NewOfficer { id, name, lock } = new.clone();
        let officer = Record { name, role, failures: 0, born, reset: born, lock };
        officer.put(change, &self.device, desk.header.token, id)?;
        Ok(Parts::USERS)
    }

    fn edit_user(
        &self,
        change: &mut dyn Transaction,
        desk: &Desk<'_>,
        id: UserId,
        edit: impl FnOnce(&mut Record, u64),
    ) -> Result<Parts> {
        let mut user = desk.user(id)?.clone();
        edit(&mut user, change.generation());
        user.put(change, &self.device, desk.header.token, id)?;
        Ok(Parts::USERS)
    }

    fn put_quorum(&self, change: &mut dyn Transaction, desk: &Desk<'_>, quorum: Quorum) -> Result<Parts> {
        Header { quorum, ..desk.header }.put(change, &self.device)?;
        Ok(Parts { header: true, ..Parts::default() })
    }

    fn put_header(
        &self,
        change: &mut dyn Transaction,
        desk: &Desk<'_>,
        keys: &Keys,
        new: &HeaderChange,
        effects: Effects<'_>,
    ) -> Result<Parts> {
        self.unchanged_since(change, keys.token, effects.seen)?;
        let header = desk.header.changed(new)?;
        header.put(change, &self.device)?;
        // Unknown names must go on to take as long as known ones.
        Record::decoy(&header.settings)?.put(change, &self.device, header.token, Record::DECOY)?;
        let objects = self.apply(change, Author::User(keys), effects.objects)?;
        Ok(Parts { header: true, users: true, objects })
    }
}
