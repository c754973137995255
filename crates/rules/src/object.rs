//! An object: its attributes, its owner, and where it stands in its life.

use serde::{Deserialize, Serialize};

use crate::attribute::{ATTRIBUTES, Shown};
use crate::policy::{Facts, Kind, Relation, Subject};
use crate::{AttributeType, Clause, KeyType, Mode, ObjectClass, Rulebook, Template, UserId, Value};

/// Where a wrapping key stands in its life (rule R9): CANDIDATE -> TRUSTED -> RETIRED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Not made for trust: data keys, ordinary wrapping keys, and everything that is no key.
    Data,
    /// Made for trust, and waiting for it.
    Candidate,
    /// Trusted at this moment.
    Trusted,
    /// Was trusted; unwraps old blobs and never wraps again.
    Retired,
}

/// Whether a key was made for trust, and has lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Calling {
    /// An ordinary object.
    Data,
    /// Made to become trusted.
    Wrapping,
    /// Was trusted once.
    Retired,
}

/// One object as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Object {
    /// Its attributes, the key's value among them.
    pub attributes: Template,
    /// Who made it; nobody, when it was made without login.
    pub owner: Option<UserId>,
    /// Who else may use it.
    pub shared_with: Vec<UserId>,
    /// The token's mode at its birth: what was not born in `enforce` can never be trusted.
    pub born: Mode,
    /// Whether it was made for trust.
    pub calling: Calling,
    /// On a token in `audit`: what it would be like in `enforce`.
    pub shadow: Option<Box<Shadow>>,
}

/// What an object would be like if it had been born and changed in `enforce`; what a token in `audit` judges by.
#[derive(Clone, Serialize, Deserialize)]
pub struct Shadow {
    /// Its attributes, but for the key's value.
    pub attributes: Template,
    /// Whether it would have been made for trust.
    pub calling: Calling,
}

impl Object {
    /// CKA_CLASS.
    pub fn class(&self) -> Option<ObjectClass> {
        self.attributes.ulong(AttributeType::CLASS).and_then(ObjectClass::from_id)
    }

    /// CKA_KEY_TYPE; `None` for what is no key.
    pub fn key_type(&self) -> Option<KeyType> {
        self.attributes.ulong(AttributeType::KEY_TYPE).and_then(KeyType::from_id)
    }

    /// A flag among its attributes; false when absent.
    pub fn flag(&self, attribute: AttributeType) -> bool {
        self.attributes.flag(attribute)
    }

    /// Whether it is a secret or private key that is SENSITIVE or not EXTRACTABLE.
    pub fn is_protected(&self) -> bool {
        self.class().is_some_and(ObjectClass::has_secret) && are_protected(&self.attributes)
    }

    /// What `owner` gets of it by copying: neither owner nor shares nor trust go over (rule R8).
    #[must_use]
    pub fn copied(mut self, owner: Option<UserId>) -> Self {
        if self.attributes.get(AttributeType::TRUSTED).is_some() {
            self.attributes.set(AttributeType::TRUSTED, Value::Bool(false));
        }
        let shadow = self.shadow.map(|shadow| Box::new(Shadow::of(&shadow.attributes, Calling::Data)));
        Self { owner, shared_with: Vec::new(), calling: Calling::Data, shadow, ..self }
    }

    /// The object as it would be in `enforce`; without a shadow, with the protection that rule R1 would have added.
    #[must_use]
    pub fn under_enforce(&self) -> Self {
        let shadow = self.shadow.as_deref().cloned().unwrap_or_else(|| Shadow::of(&self.attributes, self.calling));
        Self {
            attributes: shadow.attributes,
            owner: self.owner,
            shared_with: self.shared_with.clone(),
            born: Mode::Enforce,
            calling: shadow.calling,
            shadow: None,
        }
    }

    /// Where it stands in its life.
    pub fn lifecycle(&self) -> Lifecycle {
        match (self.calling, self.flag(AttributeType::TRUSTED)) {
            (Calling::Data, _) => Lifecycle::Data,
            (Calling::Wrapping, false) => Lifecycle::Candidate,
            (Calling::Wrapping, true) => Lifecycle::Trusted,
            (Calling::Retired, _) => Lifecycle::Retired,
        }
    }

    /// Whether keys may be wrapped under it as under a trusted key, where `rules` are in force.
    ///
    /// On a token that was tightened to `enforce`, the TRUSTED of an object born before counts for nothing.
    pub fn is_trusted(&self, rules: Rulebook) -> bool {
        let counts = self.lifecycle() == Lifecycle::Trusted || !rules.binds(Clause::BornInEnforce);
        self.flag(AttributeType::TRUSTED) && counts
    }

    /// "Trusted certificates cannot be modified" (section 4.6 of the standard).
    fn is_trusted_certificate(&self) -> bool {
        self.class() == Some(ObjectClass::Certificate) && self.flag(AttributeType::TRUSTED)
    }

    /// Whether it was made for trust; on a token in `audit` also whether it would have been in `enforce`, so that the
    /// trusted-key flow can be rehearsed there.
    fn is_made_for_trust(&self, mode: Mode) -> bool {
        let shadow = self.shadow.as_deref().filter(|_| mode == Mode::Audit);
        self.calling != Calling::Data || shadow.is_some_and(|shadow| shadow.calling != Calling::Data)
    }

    /// How `subject` stands to it.
    pub fn relation(&self, subject: &Subject) -> Relation {
        if self.owner == subject.user {
            Relation::Owner
        } else if subject.user.is_some_and(|user| self.shared_with.contains(&user)) {
            Relation::Sharee
        } else if !self.flag(AttributeType::PRIVATE) {
            Relation::Public
        } else if subject.officer && self.is_made_for_trust(subject.rules.mode()) {
            Relation::Officer
        } else {
            Relation::Hidden
        }
    }

    /// What the policy looks at, for `subject` and the object under the handle `handle`.
    pub fn facts(&self, subject: &Subject, handle: u64) -> Facts {
        Facts {
            object: handle,
            relation: self.relation(subject),
            ownerless: self.owner.is_none(),
            kind: Kind::of(self.class()),
            token: self.flag(AttributeType::TOKEN),
            private: self.flag(AttributeType::PRIVATE),
            lifecycle: self.lifecycle(),
            sensitive: self.flag(AttributeType::SENSITIVE),
            extractable: self.flag(AttributeType::EXTRACTABLE),
            wrap_with_trusted: self.flag(AttributeType::WRAP_WITH_TRUSTED),
            modifiable: self.flag(AttributeType::MODIFIABLE) && !self.is_trusted_certificate(),
            copyable: self.flag(AttributeType::COPYABLE),
            destroyable: self.flag(AttributeType::DESTROYABLE),
            ..Facts::NONE
        }
    }
}

/// Whether a secret or private key with these attributes is protected.
pub(crate) fn are_protected(attributes: &Template) -> bool {
    attributes.flag(AttributeType::SENSITIVE) || !attributes.flag(AttributeType::EXTRACTABLE)
}

impl Shadow {
    /// The shadow of an object that `enforce` would not have let be: what it is, with the least protection that every
    /// object in `enforce` has.
    pub fn of(attributes: &Template, calling: Calling) -> Self {
        let mut attributes = attributes.clone();
        for row in ATTRIBUTES.iter().filter(|row| row.shown == Shown::Hidden) {
            attributes.remove(row.id);
        }
        if attributes.flag(AttributeType::SENSITIVE) && attributes.flag(AttributeType::EXTRACTABLE) {
            attributes.set(AttributeType::WRAP_WITH_TRUSTED, Value::Bool(true));
        }
        if calling == Calling::Data && attributes.get(AttributeType::TRUSTED).is_some() {
            attributes.set(AttributeType::TRUSTED, Value::Bool(false));
        }
        Self { attributes, calling }
    }
}

impl Kind {
    /// The kind of an object of that class.
    pub const fn of(class: Option<ObjectClass>) -> Self {
        match class {
            Some(ObjectClass::SecretKey | ObjectClass::PrivateKey) => Self::Secret,
            Some(ObjectClass::PublicKey) => Self::Public,
            Some(ObjectClass::Data | ObjectClass::Certificate) | None => Self::Other,
        }
    }
}
