//! An event as the caller tells it. What is written of it is an [`crate::Entry`].

use claviger_rules::{Refusal, Role};

use crate::Kind;

/// Something that happened. Of texts, the first 256 characters are written.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub(crate) kind: Kind,
    pub(crate) call: &'a str,
    pub(crate) user: Option<(&'a str, Role)>,
    pub(crate) target: Option<&'a str>,
    pub(crate) object: Option<Object<'a>>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) detail: Option<&'a str>,
}

/// Which object an event is about. Never a value.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// CKA_UNIQUE_ID.
    pub id: &'a str,
    /// CKA_LABEL.
    pub label: Option<&'a str>,
    /// Its class, in the words of the command line.
    pub class: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event of a kind, caused by `call`: a C function, or a command.
    pub const fn new(kind: Kind, call: &'a str) -> Self {
        Self { kind, call, user: None, target: None, object: None, refusal: None, detail: None }
    }

    /// Who did it.
    #[must_use]
    pub const fn by(mut self, user: &'a str, role: Role) -> Self {
        self.user = Some((user, role));
        self
    }

    /// To which user, or to whose advantage.
    #[must_use]
    pub const fn to(mut self, target: &'a str) -> Self {
        self.target = Some(target);
        self
    }

    /// To which object.
    #[must_use]
    pub const fn on(mut self, object: Object<'a>) -> Self {
        self.object = Some(object);
        self
    }

    /// With which answer.
    #[must_use]
    pub const fn refused(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// What else there is to say, where no refusal gives the reason. Never a secret.
    #[must_use]
    pub const fn detail(mut self, detail: &'a str) -> Self {
        self.detail = Some(detail);
        self
    }
}

/// Which program the events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name, as it says itself.
    pub(crate) application: String,
    pub(crate) pid: u32,
}

impl Origin {
    /// This process, under this name.
    pub fn new(application: impl Into<String>) -> Self {
        Self { application: application.into(), pid: std::process::id() }
    }
}
