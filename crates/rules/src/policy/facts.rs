//! What the policy looks at: small `Copy` structs of flags and enums, so that every input can be
//! enumerated.

use crate::{AttributeType, Clause, Lifecycle, Mode, ObjectClass, Powers, Role, Rulebook, Template, UserId};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The user logged in, if any.
    pub user: Option<UserId>,
    /// What the user's role may do, in the token's mode.
    pub powers: Powers,
    /// Whether the user logged in as CKU_SO.
    pub officer: bool,
    /// The user's role.
    pub role: Option<Role>,
    /// The rules in force.
    pub rules: Rulebook,
    /// Whether the session is read/write.
    pub writable: bool,
}

impl Subject {
    /// The subject of a session on a token where `rules` are in force, with whoever is logged in.
    ///
    /// Outside `enforce` NU and KM are the same plain user.
    pub fn new(login: Option<(UserId, Role)>, rules: Rulebook, writable: bool) -> Self {
        let powers = match login {
            None => Powers::NONE,
            Some((_, role)) if role.is_so() || rules.binds(Clause::RolePowers) => role.powers(),
            Some(_) => Role::NormalUser.powers().and(Role::KeyManager.powers()),
        };
        Self {
            user: login.map(|(user, _)| user),
            powers,
            officer: login.is_some_and(|(_, role)| role.is_so()),
            role: login.map(|(_, role)| role),
            rules,
            writable,
        }
    }

    /// The same subject where the rules of `enforce` are in force, to judge what a token in `audit` lets pass.
    #[must_use]
    pub fn under_enforce(&self) -> Self {
        Self::new(self.user.zip(self.role), Rulebook::of(Mode::Enforce), self.writable)
    }
}

/// How the subject stands to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Made it.
    Owner,
    /// It is shared with the subject.
    Sharee,
    /// It is not private: everybody sees it.
    Public,
    /// A security officer, who sees the metadata of candidates, trusted and retired keys.
    Officer,
    /// Does not see it, or there is no such object.
    Hidden,
}

/// What sort of object it is, as far as policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A secret or private key.
    Secret,
    /// A public key.
    Public,
    /// Certificates and data.
    Other,
}

/// The key that another is to be wrapped under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Under {
    /// TRUSTED is true at this moment.
    pub trusted: bool,
    /// Its WRAP_TEMPLATE, if any, matches the payload.
    pub template_matches: bool,
}

/// What is asked about, and how it stands to the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The object's handle, to which the permit will be bound; 0 for what is not born yet.
    pub object: u64,
    /// How the subject stands to it.
    pub relation: Relation,
    /// Nobody owns it: made without a login.
    pub ownerless: bool,
    /// What sort of object it is.
    pub kind: Kind,
    /// CKA_TOKEN.
    pub token: bool,
    /// CKA_PRIVATE.
    pub private: bool,
    /// The usage attribute that the action needs is true.
    pub usage: bool,
    /// CKA_ALLOWED_MECHANISMS is absent or names the mechanism.
    pub mechanism_allowed: bool,
    /// Where a wrapping key stands in its life.
    pub lifecycle: Lifecycle,
    /// CKA_SENSITIVE.
    pub sensitive: bool,
    /// CKA_EXTRACTABLE.
    pub extractable: bool,
    /// CKA_WRAP_WITH_TRUSTED.
    pub wrap_with_trusted: bool,
    /// CKA_MODIFIABLE, and no certificate that is TRUSTED.
    pub modifiable: bool,
    /// CKA_COPYABLE.
    pub copyable: bool,
    /// CKA_DESTROYABLE.
    pub destroyable: bool,
    /// The mechanism and its parameter are ones that rule R10 admits under a candidate, trusted or retired key.
    pub strict_mechanism: bool,
    /// Unwrapping with the mechanism is a padding oracle.
    pub oracle: bool,
    /// The wrapping key, when the object is to be wrapped out.
    pub under: Under,
}

impl Facts {
    /// Nothing: what an unknown handle stands for, and the base that other facts are built on.
    pub const NONE: Self = Self {
        object: 0,
        relation: Relation::Hidden,
        ownerless: false,
        kind: Kind::Public,
        token: false,
        private: false,
        usage: true,
        mechanism_allowed: true,
        lifecycle: Lifecycle::Data,
        sensitive: false,
        extractable: true,
        wrap_with_trusted: false,
        modifiable: true,
        copyable: true,
        destroyable: true,
        strict_mechanism: true,
        oracle: false,
        under: Under { trusted: false, template_matches: true },
    };

    /// What is known of an object that is to be made: of its template, and once it has been looked into of its
    /// attributes. `class` is the one that the call decides.
    pub fn of_birth(class: Option<ObjectClass>, attributes: &Template) -> Self {
        let named = attributes.ulong(AttributeType::CLASS).and_then(ObjectClass::from_id);
        let class = class.or(named);
        let has_secret = class.is_some_and(ObjectClass::has_secret);
        Self {
            kind: Kind::of(class),
            token: attributes.flag(AttributeType::TOKEN),
            private: attributes.flag_given(AttributeType::PRIVATE).unwrap_or(has_secret),
            ..Self::NONE
        }
    }
}
