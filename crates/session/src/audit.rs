//! What the audit log of a token hears, and from whom. Not what a line looks like: that is `claviger-audit`.
//!
//! Refusals that are written: those by a rule of ours, and those of the policy table, but for handles of nothing and
//! read-only sessions. Not those of arguments, buffers, templates and mechanisms: they are a program's mistakes and
//! show in the trace. Of objects, only keys on the token: session keys come and go by the thousand.
//!
//! An event that cannot be written does not undo what was done. It is counted, the next one that is written says so,
//! and so does the trace (docs/decisions/0003-audit-log.md).

use std::time::SystemTime;

use claviger_audit::{AuditKey, Event, Kind, Log, Origin, Reader};
use claviger_rules::{AttributeType, Error, Mode, Object, ObjectClass, Refusal, Role, Rule, Template};
use claviger_store::{AuditPlace, fork};

use crate::session::Caller;
use crate::token::LoggedIn;
use crate::{Config, Result, Session, Token};

/// Who is told, in a sentence, that an event could not be written.
pub type Tell = fn(&str);

/// One token's audit log.
pub(crate) struct Audit {
    log: Log,
    /// A child of fork opens its own.
    epoch: u64,
    tell: Tell,
}

/// Which object an event is about, kept beyond the object's own end.
pub(crate) struct Described {
    id: String,
    label: Option<String>,
    class: Option<&'static str>,
}

impl Audit {
    pub(crate) fn new(place: AuditPlace, config: &Config, tell: Tell) -> Result<Self> {
        let key = AuditKey::new(&place.key).map_err(told)?;
        let log = Log::open(place.directory, key, config.audit, Origin::new(config.application.as_str()));
        Ok(Self { log, epoch: fork::epoch(), tell })
    }

    /// The log of a token in memory: it ends with the token.
    pub(crate) fn in_memory(config: &Config, tell: Tell) -> Self {
        Self { log: Log::in_memory(Origin::new(config.application.as_str())), epoch: fork::epoch(), tell }
    }

    /// Writes an event, if it can be written.
    pub(crate) fn write(&self, event: &Event<'_>) {
        // While a line is written nobody forks: the child would share the lock.
        let Ok(_inside) = fork::keep_away(self.epoch) else { return };
        if let Err(error) = self.log.append(event, SystemTime::now()) {
            (self.tell)(&format!("An event is missing from the audit log: {error}."));
        }
    }

    fn read(&self) -> Result<Reader<'_>> {
        let _inside = fork::keep_away(self.epoch).map_err(crate::fault::store)?;
        self.log.read().map_err(told)
    }
}

impl Described {
    pub(crate) fn of(object: &Object) -> Self {
        let text = |id| object.attributes.bytes(id).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Self {
            id: text(AttributeType::UNIQUE_ID).unwrap_or_default(),
            label: text(AttributeType::LABEL).filter(|label| !label.is_empty()),
            class: object.class().map(ObjectClass::name),
        }
    }

    /// What the log hears of: keys on the token.
    pub(crate) fn of_token_key(object: &Object) -> Option<Self> {
        let is_key = object.class().is_some_and(ObjectClass::is_key);
        (is_key && object.flag(AttributeType::TOKEN)).then(|| Self::of(object))
    }

    /// How a sentence calls it.
    pub(crate) fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.id)
    }

    fn told(&self) -> claviger_audit::Object<'_> {
        claviger_audit::Object { id: &self.id, label: self.label.as_deref(), class: self.class }
    }
}

impl Session {
    /// The events of the audit log, oldest first, each verified, and what is wrong with it.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless a security officer is logged in; CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED.
    pub fn audit_log(&self) -> Result<Reader<'_>> {
        self.call("audit", |caller| self.token().administer(caller).map(drop))?;
        self.token().audit.read()
    }
}

impl Caller<'_> {
    /// The call is over. The log hears of a refusal that is worth it, or else of what `enforce` would have refused.
    pub(crate) fn conclude(&self, refused: Option<&Refusal>) {
        let refused = refused.filter(|refusal| self.is_worth_telling(refusal));
        let (kind, refusal) = match (refused, self.noted.get().or(self.barred.get())) {
            (Some(refusal), _) => (Kind::Refused, *refusal),
            (None, Some(noted)) => (Kind::WouldRefuse, noted),
            (None, None) => return,
        };
        let object = self.about.get().and_then(|handle| self.session.token().objects.held(handle));
        let object = object.map(|entry| Described::of(&entry.object));
        self.tell(kind, object.as_ref(), |event| event.refused(refusal));
    }

    fn is_worth_telling(&self, refusal: &Refusal) -> bool {
        let is_rule = refusal.rule != Rule::Standard && refusal.filed.is_none();
        is_rule || (self.denied.get() && !is_mistake(refusal.error))
    }

    /// Something happened to an object, or to nothing in particular.
    pub(crate) fn tell<'e>(&self, kind: Kind, object: Option<&'e Described>, add: impl FnOnce(Event<'e>) -> Event<'e>) {
        let token = self.session.token();
        let user = self.subject.user.and_then(|id| token.user(id));
        let event = object.iter().fold(Event::new(kind, self.function), |event, object| event.on(object.told()));
        let event = add(event);
        match &user {
            Some(user) => token.audit.write(&event.by(&user.name, user.role)),
            None => token.audit.write(&event),
        }
    }

    /// A key was made on the token.
    pub(crate) fn tell_created(&self, objects: &[Described]) {
        objects.iter().for_each(|object| self.tell(Kind::KeyCreated, Some(object), |event| event));
    }

    /// A key left the token, wrapped under another.
    pub(crate) fn tell_wrapped(&self, key: &Object, under: &Object) {
        let Some(key) = Described::of_token_key(key) else { return };
        let how = format!("under {}", Described::of(under).name());
        self.tell(Kind::KeyWrappedOut, Some(&key), |event| event.detail(&how));
    }

    /// An object became `after` by C_SetAttributeValue with `template`.
    pub(crate) fn tell_changed(&self, before: &Object, after: &Object, template: &Template) {
        let was = before.flag(AttributeType::TRUSTED);
        let is = after.flag(AttributeType::TRUSTED);
        if was != is {
            let kind = if is { Kind::KeyTrusted } else { Kind::KeyRetired };
            self.tell(kind, Some(&Described::of(after)), |event| event);
        }
        let Some(object) = Described::of_token_key(after) else { return };
        if before.shared_with != after.shared_with {
            let token = self.session.token();
            let names: Vec<String> = after.shared_with.iter().filter_map(|id| Some(token.user(*id)?.name)).collect();
            let names = names.join(" ");
            self.tell(Kind::KeyShared, Some(&object), |event| event.to(&names));
        }
        let others = template.iter().filter(|(id, _)| !ACTS.contains(id));
        let names = others.filter_map(|(id, _)| Some(id.row()?.name)).collect::<Vec<_>>().join(" ");
        if !names.is_empty() {
            self.tell(Kind::KeyChanged, Some(&object), |event| event.detail(&names));
        }
    }
}

/// The attributes whose change is an event of its own.
const ACTS: [AttributeType; 2] = [AttributeType::TRUSTED, AttributeType::CLAVIGER_SHARED_WITH];

/// A handle of nothing, or a session that cannot write: the policy table's, and a program's mistake.
const fn is_mistake(error: Error) -> bool {
    matches!(
        error,
        Error::ObjectHandleInvalid
            | Error::KeyHandleInvalid
            | Error::WrappingKeyHandleInvalid
            | Error::UnwrappingKeyHandleInvalid
            | Error::SessionReadOnly
    )
}

impl Token {
    /// Somebody logged in, or out.
    pub(crate) fn tell_login(&self, kind: Kind, call: &str, user: &LoggedIn) {
        self.audit.write(&Event::new(kind, call).by(&user.name, user.role));
    }

    /// A PIN was not accepted. A name that no user has is not written: people type PINs in its place.
    pub(crate) fn tell_failed(&self, call: &str, name: &str, is_so: bool, refusal: &Refusal) {
        if !matches!(refusal.error, Error::PinIncorrect | Error::PinLocked | Error::UserPinNotInitialized) {
            return;
        }
        // So that it is known whether this try was the one that locked the user.
        let was_locked = refusal.error == Error::PinLocked;
        let _ = self.refresh();
        let user = self.user_named(name).filter(|user| user.role.is_so() == is_so);
        let event = |kind| match &user {
            Some(user) => Event::new(kind, call).by(&user.name, user.role),
            None => Event::new(kind, call),
        };
        self.audit.write(&event(Kind::LoginFailed).refused(*refusal));
        if !was_locked && user.as_ref().is_some_and(|user| user.locked) {
            self.audit.write(&event(Kind::PinLocked));
        }
    }

    /// The slot was initialised.
    pub(crate) fn tell_initialized(&self, call: &str, officer: Option<&str>, mode: Mode) {
        let event = Event::new(Kind::TokenInitialized, call).detail(mode.name());
        match officer {
            Some(name) => self.audit.write(&event.by(name, Role::SecurityOfficer)),
            None => self.audit.write(&event),
        }
    }
}

fn told(error: claviger_audit::Error) -> Refusal {
    let reason = match error {
        claviger_audit::Error::Busy => {
            return Refusal::standard(Error::FunctionFailed, "others keep the audit log locked");
        }
        claviger_audit::Error::Denied => "the file system refused access to the audit log",
        _ => "the audit log cannot be read",
    };
    Refusal::standard(Error::DeviceError, reason)
}
