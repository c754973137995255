//! The one way into the token: who calls what, what the policy says to it, and what the audit log hears.
//!
//! Every public call of a [`Session`] that a rule may refuse runs inside [`Session::call`]. A token in `audit` refuses
//! nothing that the standard allows; each question is then asked a second time, of the subject and of the objects as
//! they would be in `enforce`, and the first refusal is noted.

use std::borrow::Cow;
use std::cell::Cell;

use claviger_rules::policy::{Action, Facts, Permit, Subject, authorize};
use claviger_rules::{Mode, Object, Refusal, Rulebook, Shadow, Template};

use crate::{ObjectHandle, Result, Session};

/// One call of one session by one subject.
pub(crate) struct Caller<'s> {
    /// The session.
    pub(crate) session: &'s Session,
    /// Who asks.
    pub(crate) subject: Subject,
    /// The C function, or the command that has none.
    pub(crate) function: &'static str,
    /// The last object that the policy was asked about.
    pub(crate) about: Cell<Option<ObjectHandle>>,
    /// Whether the policy refused.
    pub(crate) denied: Cell<bool>,
    /// What `enforce` would have refused first.
    pub(crate) noted: Cell<Option<Refusal>>,
    /// On a token in `audit`: what `enforce` says of the mechanism, which it would have come to last.
    pub(crate) barred: Cell<Option<Refusal>>,
}

/// What the policy is asked of: things as they are, or as they would be in `enforce`.
#[derive(Clone, Copy)]
pub(crate) struct World {
    /// Who asks.
    pub(crate) subject: Subject,
    shadows: bool,
}

impl World {
    /// The object as this world has it.
    pub(crate) fn object<'a>(&self, object: &'a Object) -> Cow<'a, Object> {
        if self.shadows { Cow::Owned(object.under_enforce()) } else { Cow::Borrowed(object) }
    }

    /// The attributes of what is being born, as this world has them.
    pub(crate) fn newborn<'a>(&self, attributes: &'a Template, shadow: Option<&'a Shadow>) -> &'a Template {
        shadow.filter(|_| self.shadows).map_or(attributes, |shadow| &shadow.attributes)
    }
}

impl Session {
    /// Runs `body` as `function`, a C function or a command, on behalf of whoever is logged in.
    pub(crate) fn call<T>(&self, function: &'static str, body: impl FnOnce(&Caller<'_>) -> Result<T>) -> Result<T> {
        let caller = Caller::new(self, self.subject()?, function);
        let outcome = body(&caller);
        caller.conclude(outcome.as_ref().err());
        outcome
    }
}

impl<'s> Caller<'s> {
    const fn new(session: &'s Session, subject: Subject, function: &'static str) -> Self {
        Self {
            session,
            subject,
            function,
            about: Cell::new(None),
            denied: Cell::new(false),
            noted: Cell::new(None),
            barred: Cell::new(None),
        }
    }

    /// The rules in force.
    pub(crate) const fn rules(&self) -> Rulebook {
        self.subject.rules
    }

    /// Asks the policy whether the caller may do `action`, given what `facts` finds in a world.
    pub(crate) fn ask(&self, action: Action, facts: impl Fn(&World) -> Facts) -> Result<Permit> {
        let found = facts(&self.world());
        if found.object != 0 {
            self.about.set(Some(ObjectHandle(found.object)));
        }
        let permit = authorize(&self.subject, action, &found).inspect_err(|_| self.denied.set(true))?;
        if let Some(world) = self.shadow() {
            self.note(authorize(&world.subject, action, &facts(&world)).err());
        }
        Ok(permit)
    }

    /// Things as they are.
    pub(crate) const fn world(&self) -> World {
        World { subject: self.subject, shadows: false }
    }

    /// On a token in `audit`: the world of `enforce`.
    pub(crate) fn shadow(&self) -> Option<World> {
        (self.rules().mode() == Mode::Audit).then(|| World { subject: self.subject.under_enforce(), shadows: true })
    }

    /// Notes what `enforce` would have refused. The first refusal of a call is the one that it would have met.
    pub(crate) fn note(&self, refusal: Option<Refusal>) {
        if self.noted.get().is_none() {
            self.noted.set(refusal);
        }
    }
}
