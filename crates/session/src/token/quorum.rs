//! The quorum as officers use it: acts are done or filed, listed, approved and withdrawn. Not how approvals are counted:
//! that is the store. Who may do what is the policy table, which is asked again, of the last approver, when an act is
//! carried out.

use std::time::{SystemTime, UNIX_EPOCH};

use claviger_audit::Kind;
use claviger_rules::tighten::Tightened;
use claviger_rules::{AttributeType, Error, Filed, Mode, Refusal, Rule, Template, UserId, Value};
use claviger_store::Error::{ActNeeded, Conflict};
use claviger_store::{Act, ActId, Change, Effects, Fallen, ObjectId, Outcome, Pending, Quorum, Step, Withdrawn};

use super::wording::Wording;
use super::{LoggedIn, Token};
use crate::object::{Place, belongings, replace};
use crate::session::Caller;
use crate::{Result, Session, fault};

/// How often an act is worked out again when objects changed meanwhile. Each time somebody else came forward, so the
/// bound is only against what cannot be.
const ATTEMPTS: usize = 1000;

/// The pending acts of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingActs {
    /// Those that wait, by rising number.
    pub acts: Vec<PendingAct>,
    /// The numbers of those whose records are damaged. They can only be withdrawn.
    pub damaged: Vec<u64>,
}

/// An act that waits for approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAct {
    /// Its number.
    pub id: u64,
    /// Which act: `mark-trusted`, `delete-user` …
    pub name: &'static str,
    /// What it will do, in a sentence without its point.
    pub does: String,
    /// Who filed it.
    pub filed_by: String,
    /// When, in seconds since 1970 UTC.
    pub filed_at_s: u64,
    /// When it expires, in seconds since 1970 UTC.
    pub expires_at_s: u64,
    /// Whose approvals count at this moment.
    pub approved_by: Vec<String>,
    /// How many approvals it takes.
    pub needed: u32,
}

/// What an approval did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approved {
    /// It was the last one needed: the act is done.
    Done {
        /// What was done, in a sentence without its point.
        does: String,
        /// What became of the objects, if the policy mode was tightened.
        tightened: Option<Tightened>,
    },
    /// More are needed.
    Waits(Filed),
}

/// What an act does to objects, worked out.
pub(super) struct Work {
    /// The generation by which the objects were chosen.
    seen: u64,
    /// The mode whose rules allowed it.
    mode: Option<Mode>,
    changes: Vec<Change>,
    tightened: Option<Tightened>,
}

impl Work {
    const NONE: Self = Self { seen: 0, mode: None, changes: Vec::new(), tightened: None };

    /// Changes of objects that were chosen by the generation `seen`.
    pub(super) const fn on_all(seen: u64, changes: Vec<Change>, tightened: Option<Tightened>) -> Self {
        Self { seen, mode: None, changes, tightened }
    }

    fn effects(&self) -> Effects<'_> {
        Effects { seen: self.seen, mode: self.mode, objects: &self.changes }
    }

    /// Whether a conflict means that it is to be worked out again.
    fn is_of_objects(&self) -> bool {
        self.seen != 0 || !self.changes.is_empty()
    }
}

impl Session {
    /// The acts that wait for the approval of security officers.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in.
    pub fn pending_acts(&self) -> Result<PendingActs> {
        self.call("quorum pending", |caller| self.token().pending_acts(caller))
    }

    /// Approves a pending act, which takes effect if that was the last approval needed.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD for an act that is not pending;
    /// CKR_ACTION_PROHIBITED for one approved before, for an act on oneself, and for what can no longer be done, which
    /// falls away; what the act itself is refused with.
    pub fn approve(&self, act: u64) -> Result<Approved> {
        for _ in 0..ATTEMPTS {
            match self.call("quorum approve", |caller| self.token().approve(caller, ActId(act)))? {
                Some(approved) => return Ok(approved),
                None => self.token().refresh()?,
            }
        }
        Err(fault::store(Conflict))
    }

    /// Withdraws one's own approval; who filed the act withdraws the act. True if the whole act is gone.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD for an act that is not pending;
    /// CKR_ACTION_PROHIBITED for one that one has neither filed nor approved.
    pub fn withdraw(&self, act: u64) -> Result<bool> {
        self.call("quorum withdraw", |caller| self.token().withdraw(caller, ActId(act)))
    }

    /// Sets how many security officers an act takes, and how many hours approvals wait; without hours that stays.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_ARGUMENTS_BAD; CKR_ACTION_PROHIBITED while
    /// approvals of the present quorum are missing, and for more officers than there are.
    pub fn set_quorum(&self, officers: u32, expiry_hours: Option<u32>) -> Result<()> {
        self.call("quorum set", |caller| self.token().set_quorum(caller, officers, expiry_hours))
    }
}

impl Token {
    fn pending_acts(&self, caller: &Caller<'_>) -> Result<PendingActs> {
        self.administer(caller)?;
        let needed = self.header()?.quorum.needed();
        let pending = self.store.pending(now_s()).map_err(fault::store)?;
        let standing = pending.acts.iter().filter(|act| act.fallen.is_none());
        Ok(PendingActs {
            acts: standing.map(|act| self.pending_act(act, needed)).collect::<Result<_>>()?,
            damaged: pending.damaged.into_iter().map(|id| id.0).collect(),
        })
    }

    fn pending_act(&self, pending: &Pending, needed: u32) -> Result<PendingAct> {
        let wording = self.wording(&pending.act)?;
        let filed = pending.approvals.first().map(|(approval, _)| *approval);
        let counting = pending.approvals.iter().filter(|(_, counts)| *counts);
        Ok(PendingAct {
            id: pending.id.0,
            name: wording.name,
            does: wording.does,
            filed_by: filed.map(|approval| self.name_of(approval.user)).unwrap_or_default(),
            filed_at_s: filed.map(|approval| approval.at_s).unwrap_or_default(),
            expires_at_s: pending.expires_s,
            approved_by: counting.map(|(approval, _)| self.name_of(approval.user)).collect(),
            needed,
        })
    }

    fn set_quorum(&self, caller: &Caller<'_>, officers: u32, expiry_hours: Option<u32>) -> Result<()> {
        let officer = self.administer(caller)?;
        let hours = expiry_hours.unwrap_or(self.header()?.quorum.expiry_hours());
        let quorum = Quorum::new(officers, hours).map_err(fault::store)?;
        self.perform(caller, &officer, &Act::SetQuorum(quorum)).map(drop)
    }

    /// Does `act`, or files or approves it. Gives what became of the objects if the policy mode was tightened.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED with [`Refusal::filed`] while approvals are missing.
    pub(super) fn perform(&self, caller: &Caller<'_>, officer: &LoggedIn, act: &Act) -> Result<Option<Tightened>> {
        let wording = self.wording(act)?;
        for _ in 0..ATTEMPTS {
            let work = self.foresee(caller, officer, act)?;
            let outcome = match self.store.perform(&officer.keys, act, work.effects(), now_s()) {
                Err(Conflict) if work.is_of_objects() => continue,
                outcome => outcome.map_err(fault::store)?,
            };
            self.refresh()?;
            concluded(caller, &wording, outcome)?;
            wording.tell_done(caller);
            return Ok(work.tightened);
        }
        Err(fault::store(Conflict))
    }

    /// `None` when objects changed meanwhile: the call is to be made again.
    fn approve(&self, caller: &Caller<'_>, id: ActId) -> Result<Option<Approved>> {
        let officer = self.administer(caller)?;
        let pending = self.find_pending(id)?;
        if pending.act.is_about(officer.user) {
            return Err(NOT_ONESELF);
        }
        let wording = self.wording(&pending.act)?;
        let work = self.foresee_pending(caller, &officer, &pending)?;
        let outcome = match self.store.approve(&officer.keys, id, &pending.digest, work.effects(), now_s()) {
            Err(Conflict) => return Ok(None),
            Err(ActNeeded) => return Err(BY_ITS_COMMAND),
            outcome => outcome.map_err(fault::store)?,
        };
        self.refresh()?;
        if let Outcome::Fell(_) = outcome {
            wording.tell_pending(caller, Kind::QuorumWithdrawn, id.0);
        }
        match concluded(caller, &wording, outcome) {
            Ok(()) => wording.tell_done(caller),
            Err(Refusal { filed: Some(filed), .. }) => {
                let again = matches!(outcome, Outcome::Waits(Step::Repeated, _));
                return if again { Err(ALREADY) } else { Ok(Some(Approved::Waits(filed))) };
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(Some(Approved::Done { does: wording.does, tightened: work.tightened }))
    }

    fn withdraw(&self, caller: &Caller<'_>, id: ActId) -> Result<bool> {
        let officer = self.administer(caller)?;
        let wording = match self.find_pending(id) {
            Ok(pending) => Some(self.wording(&pending.act)?),
            Err(refusal) if refusal == DAMAGED => None,
            Err(refusal) => return Err(refusal),
        };
        let withdrawn = self.store.withdraw(&officer.keys, id, now_s()).map_err(fault::store)?;
        if let Some(wording) = wording {
            wording.tell_pending(caller, Kind::QuorumWithdrawn, id.0);
        }
        Ok(withdrawn == Withdrawn::Act)
    }

    fn find_pending(&self, id: ActId) -> Result<Pending> {
        let pending = self.store.pending(now_s()).map_err(fault::store)?;
        if pending.damaged.contains(&id) {
            return Err(DAMAGED);
        }
        let found = pending.acts.into_iter().find(|act| act.id == id);
        found.ok_or_else(|| fault::store(claviger_store::Error::ActUnknown))
    }

    /// As [`Token::foresee`]. An act that the rules have come to forbid falls away.
    fn foresee_pending(&self, caller: &Caller<'_>, officer: &LoggedIn, pending: &Pending) -> Result<Work> {
        if pending.fallen.is_some() {
            return Ok(Work::NONE);
        }
        let work = self.foresee(caller, officer, &pending.act);
        if work.as_ref().is_err_and(|refusal| refusal.error == Error::AttributeReadOnly) {
            self.store.drop_act(&officer.keys, pending.id, now_s()).map_err(fault::store)?;
        }
        work
    }

    /// What `act` does to objects if it is carried out now; the policy is asked.
    fn foresee(&self, caller: &Caller<'_>, officer: &LoggedIn, act: &Act) -> Result<Work> {
        match act {
            Act::Trust { object, .. } => self.trusting(caller, *object, true),
            Act::Retire { object, .. } => self.trusting(caller, *object, false),
            Act::DeleteUser(user) => self.parting(officer, *user),
            Act::ChangeHeader(change) => self.tightening(officer, change.mode),
            Act::CreateOfficer(_)
            | Act::UnlockOfficer { .. }
            | Act::ResetOfficer(_)
            | Act::SetQuorum(_)
            | Act::Backup => Ok(Work::NONE),
        }
    }

    fn trusting(&self, caller: &Caller<'_>, object: ObjectId, trusted: bool) -> Result<Work> {
        let handle = self.objects.token_object(self, object)?.ok_or(Error::ObjectHandleInvalid)?.handle;
        let template = Template::from_list([(AttributeType::TRUSTED, Value::Bool(trusted))])?;
        let (entry, changed) = caller.changed(handle, template)?;
        let Place::Token { id, version } = entry.place else { return Err(Error::ObjectHandleInvalid.into()) };
        let change = replace(id, version, &changed)?;
        Ok(Work { seen: 0, mode: Some(caller.rules().mode()), changes: vec![change], tightened: None })
    }

    /// What a user's end does to objects: it is taken off the lists of those whose keys are shared with it. Its id is
    /// never used again.
    fn parting(&self, officer: &LoggedIn, user: UserId) -> Result<Work> {
        let belongings = belongings(self, officer, user)?;
        if belongings.owns > 0 {
            return Err(Refusal::standard(Error::ActionProhibited, "the user owns objects; destroy them first"));
        }
        Ok(Work::on_all(belongings.seen, belongings.changes, None))
    }

    /// Marks a stored object trusted, or retires it, or files that: `bound` is the object at its version, `change` what
    /// it becomes. False when it changed meanwhile.
    pub(crate) fn decide_trust(
        &self,
        caller: &Caller<'_>,
        officer: &LoggedIn,
        bound: (ObjectId, u64),
        change: Change,
        trusted: bool,
    ) -> Result<bool> {
        let (object, version) = bound;
        let act = if trusted { Act::Trust { object, version } } else { Act::Retire { object, version } };
        let wording = self.wording(&act)?;
        let effects = Effects { seen: 0, mode: Some(caller.rules().mode()), objects: &[change] };
        let outcome = match self.store.perform(&officer.keys, &act, effects, now_s()) {
            Err(Conflict) => return Ok(false),
            outcome => outcome.map_err(fault::store)?,
        };
        self.refresh()?;
        concluded(caller, &wording, outcome).map(|()| true)
    }

    /// Refuses, for that reason, what only one officer alone can decide: others do not see it.
    pub(crate) fn alone(&self, reason: &'static str) -> Result<()> {
        let is_alone = self.header()?.quorum.needed() == 1;
        if is_alone { Ok(()) } else { Err(Refusal::new(Error::ActionProhibited, Rule::Quorum, reason)) }
    }
}

/// Every act passes here once its transaction is over: what the log hears of it as an act of the quorum.
pub(super) fn concluded(caller: &Caller<'_>, wording: &Wording, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Done { act, .. } => {
            act.iter().for_each(|id| wording.tell_pending(caller, Kind::QuorumDone, id.0));
            Ok(())
        }
        Outcome::Waits(step, count) => {
            match step {
                Step::Filed => wording.tell_pending(caller, Kind::QuorumFiled, count.act.0),
                Step::Approved => wording.tell_pending(caller, Kind::QuorumApproved, count.act.0),
                Step::Repeated => {}
            }
            Err(Refusal::filed(Filed { act: count.act.0, approvals: count.approvals, needed: count.needed }))
        }
        Outcome::Fell(fallen) => Err(fell(fallen)),
    }
}

const fn fell(fallen: Fallen) -> Refusal {
    let reason = match fallen {
        Fallen::Expired => "the act had expired and has fallen away; file it again",
        Fallen::FilerGone => "who filed the act was deleted or its PIN was reset; the act has fallen away",
        Fallen::Overtaken => "what the act is about has changed since it was filed; it has fallen away, file it again",
    };
    Refusal::new(Error::ActionProhibited, Rule::Quorum, reason)
}

/// The time, in seconds since 1970 UTC.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const NOT_ONESELF: Refusal =
    Refusal::new(Error::ActionProhibited, Rule::Quorum, "an act on oneself is approved by other security officers");
const ALREADY: Refusal = Refusal::new(
    Error::ActionProhibited,
    Rule::Quorum,
    "this security officer has approved the act before; it takes others",
);
const BY_ITS_COMMAND: Refusal = Refusal::new(
    Error::ActionProhibited,
    Rule::Quorum,
    "the last approval of a backup is given with `claviger backup --to FILE`, which writes the file",
);
const DAMAGED: Refusal =
    Refusal::new(Error::DeviceError, Rule::Quorum, "the record of the act is damaged; withdraw it and file it again");
