//! What an act of the quorum does, in words and as the audit log hears of it.

use claviger_audit::Kind;
use claviger_rules::{AttributeType, Mode, Role, UserId};
use claviger_store::{Act, Cost, HeaderChange, ObjectId};

use super::Token;
use crate::Result;
use crate::audit::Described;
use crate::session::Caller;

/// An act in words.
pub(super) struct Wording {
    /// For programs.
    pub(super) name: &'static str,
    /// For people: a sentence without its point.
    pub(super) does: String,
    /// What the audit log hears when it is done.
    kind: Kind,
    user: Option<String>,
    object: Option<Described>,
    /// What it says beyond user and object.
    detail: Option<String>,
}

impl Wording {
    fn new(name: &'static str, kind: Kind, does: String) -> Self {
        Self { name, does, kind, user: None, object: None, detail: None }
    }

    fn to(self, user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..self }
    }

    fn on(self, object: Option<Described>) -> Self {
        Self { object, ..self }
    }

    fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The act is done: the event of its own kind.
    pub(super) fn tell_done(&self, caller: &Caller<'_>) {
        caller.tell(self.kind, self.object.as_ref(), |event| {
            let event = self.user.as_deref().into_iter().fold(event, |event, user| event.to(user));
            self.detail.as_deref().into_iter().fold(event, |event, detail| event.detail(detail))
        });
    }

    /// Something happened to the pending act `id`.
    pub(super) fn tell_pending(&self, caller: &Caller<'_>, kind: Kind, id: u64) {
        let detail = format!("act {id}: {}", self.does);
        caller.tell(kind, self.object.as_ref(), |event| {
            let event = event.detail(&detail);
            self.user.as_deref().into_iter().fold(event, |event, user| event.to(user))
        });
    }
}

impl Token {
    /// Says what `act` does, by the users and objects that are there now.
    pub(super) fn wording(&self, act: &Act) -> Result<Wording> {
        Ok(match act {
            Act::Trust { object, .. } => {
                let (called, object) = self.seen_object(*object)?;
                Wording::new("mark-trusted", Kind::KeyTrusted, format!("mark {called} trusted")).on(object)
            }
            Act::Retire { object, .. } => {
                let (called, object) = self.seen_object(*object)?;
                Wording::new("retire", Kind::KeyRetired, format!("retire {called}")).on(object)
            }
            Act::DeleteUser(user) => {
                let user = self.name_of(*user);
                Wording::new("delete-user", Kind::UserDeleted, format!("delete user {user:?}")).to(user)
            }
            Act::CreateOfficer(new) => {
                let does = format!("create security officer {:?}", new.name());
                Wording::new("create-officer", Kind::UserCreated, does).to(new.name()).detail(OFFICER.name())
            }
            Act::UnlockOfficer { user, .. } => {
                let user = self.name_of(*user);
                Wording::new("unlock-officer", Kind::UserUnlocked, format!("unlock security officer {user:?}")).to(user)
            }
            Act::ResetOfficer(new) => {
                let user = self.name_of(new.user());
                Wording::new("reset-officer", Kind::PinReset, format!("give security officer {user:?} a new PIN"))
                    .to(user)
            }
            Act::SetQuorum(quorum) => {
                let (officers, hours) = (quorum.needed(), quorum.expiry_hours());
                let does = format!("set the quorum to {officers}, approvals waiting {hours} hours");
                Wording::new("set-quorum", Kind::SettingsChanged, does.clone()).detail(does)
            }
            Act::ChangeHeader(change) => {
                let kind = if change.mode.is_some() { Kind::ModeTightened } else { Kind::SettingsChanged };
                let does = policy(change);
                Wording::new("change-policy", kind, does.clone()).detail(does)
            }
            Act::Backup => Wording::new("backup", Kind::BackedUp, "back up the whole token".to_owned()),
        })
    }

    /// The user's name, or its number once it is gone.
    pub(super) fn name_of(&self, id: UserId) -> String {
        self.user(id).map_or_else(|| format!("user {}", id.0), |user| user.name)
    }

    /// How sentences call the object, by label and reference as the command line has them; and the object.
    fn seen_object(&self, id: ObjectId) -> Result<(String, Option<Described>)> {
        let entry = match self.objects.token_object(self, id) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(("an object that is gone".to_owned(), None)),
            Err(_) => return Ok(("an object that cannot be read".to_owned(), None)),
        };
        let text = |id| entry.object.attributes.bytes(id).map(String::from_utf8_lossy).unwrap_or_default();
        let called = format!("{:?} (0x{})", text(AttributeType::LABEL), text(AttributeType::UNIQUE_ID));
        Ok((called, Some(Described::of(&entry.object))))
    }
}

const OFFICER: Role = Role::SecurityOfficer;

fn policy(change: &HeaderChange) -> String {
    let HeaderChange { mode, max_pin_failures, cost } = *change;
    let parts = [
        mode.map(|mode: Mode| format!("tighten the policy mode to {}", mode.name())),
        max_pin_failures.map(|most| format!("lock users after {most} wrong PINs")),
        cost.map(|cost: Cost| format!("stretch new PINs at cost {}", cost.name())),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
