//! What an act of the quorum does, in words and as the audit log hears of it.

use claviger_audit::Kind;
use claviger_rules::{AttributeType, Mode, UserId};
use claviger_store::{Act, Cost, HeaderChange, ObjectId};

use super::Token;
use crate::Result;
use crate::audit::Described;
use crate::object::Entry;
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
}

impl Wording {
    fn new(name: &'static str, kind: Kind, does: String) -> Self {
        Self { name, does, kind, user: None, object: None }
    }

    fn of_user(name: &'static str, kind: Kind, does: &str, user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..Self::new(name, kind, does.replace('@', &format!("{user:?}"))) }
    }

    fn of_object(name: &'static str, kind: Kind, does: &str, object: Option<&Entry>) -> Self {
        let called = object.map_or_else(|| "an object that is gone".to_owned(), called);
        let object = object.map(|entry| Described::of(&entry.object));
        Self { object, ..Self::new(name, kind, does.replace('@', &called)) }
    }

    /// The act is done: the event of its own kind.
    pub(super) fn tell_done(&self, caller: &Caller<'_>) {
        let target = self.user.as_deref();
        let detail = target.is_none().then_some(self.does.as_str());
        caller.tell(self.kind, self.object.as_ref(), |event| {
            let event = target.into_iter().fold(event, |event, user| event.to(user));
            detail.into_iter().fold(event, |event, does| event.detail(does))
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
            Act::Trust { object, .. } => Wording::of_object(
                "mark-trusted",
                Kind::KeyTrusted,
                "mark @ trusted",
                self.seen_object(*object)?.as_deref(),
            ),
            Act::Retire { object, .. } => {
                Wording::of_object("retire", Kind::KeyRetired, "retire @", self.seen_object(*object)?.as_deref())
            }
            Act::DeleteUser(user) => {
                Wording::of_user("delete-user", Kind::UserDeleted, "delete user @", &self.name_of(*user))
            }
            Act::CreateOfficer(new) => {
                Wording::of_user("create-officer", Kind::UserCreated, "create security officer @", new.name())
            }
            Act::UnlockOfficer { user, .. } => Wording::of_user(
                "unlock-officer",
                Kind::UserUnlocked,
                "unlock security officer @",
                &self.name_of(*user),
            ),
            Act::ResetOfficer(new) => {
                let name = self.name_of(new.user());
                Wording::of_user("reset-officer", Kind::PinReset, "give security officer @ a new PIN", &name)
            }
            Act::SetQuorum(quorum) => {
                let (officers, hours) = (quorum.needed(), quorum.expiry_hours());
                let does = format!("set the quorum to {officers}, approvals waiting {hours} hours");
                Wording::new("set-quorum", Kind::SettingsChanged, does)
            }
            Act::ChangeHeader(change) => {
                let kind = if change.mode.is_some() { Kind::ModeTightened } else { Kind::SettingsChanged };
                Wording::new("change-policy", kind, policy(change))
            }
        })
    }

    /// The user's name, or its number once it is gone.
    pub(super) fn name_of(&self, id: UserId) -> String {
        let users = self.known_users();
        let known = users.iter().find(|user| user.id == id);
        known.map_or_else(|| format!("user {}", id.0), |user| user.name.clone())
    }

    fn seen_object(&self, id: ObjectId) -> Result<Option<std::sync::Arc<Entry>>> {
        self.objects.ready(self)?;
        Ok(self.objects.handle_of(id).and_then(|handle| self.objects.get(handle)))
    }
}

/// Label and reference, as the command line has them.
fn called(entry: &Entry) -> String {
    let text = |attribute| entry.object.attributes.bytes(attribute).map(String::from_utf8_lossy).unwrap_or_default();
    format!("{:?} (0x{})", text(AttributeType::LABEL), text(AttributeType::UNIQUE_ID))
}

fn policy(change: &HeaderChange) -> String {
    let HeaderChange { mode, max_pin_failures, cost } = *change;
    let parts = [
        mode.map(|mode: Mode| format!("tighten the policy mode to {}", mode.name())),
        max_pin_failures.map(|most| format!("lock users after {most} wrong PINs")),
        cost.map(|cost: Cost| format!("stretch new PINs at cost {}", cost.name())),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
