//! The policy table: a row per action, with what must hold, in order of precedence.
//!
//! Precedence of errors is the order in the row: session, login and role, visibility, usage, policy,
//! mechanism. This is the one place that says who may do what.

use super::{Facts, Requirement, Subject};
use crate::{AttributeType, Refusal};

macro_rules! policy {
    ($( $(#[$doc:meta])* $action:ident [$($requirement:ident)*] ;)*) => {
        /// What a caller wants to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $( $(#[$doc])* $action ),* }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// Its name.
            pub const fn name(self) -> &'static str { match self { $(Self::$action => stringify!($action)),* } }

            /// What must hold, the first failure being the answer.
            pub const fn requirements(self) -> &'static [Requirement] {
                match self { $(Self::$action => &[$(Requirement::$requirement),*]),* }
            }
        }
    };
}

policy! {
// action            must hold, in order of precedence
   /// Encrypt data under a key.
   Encrypt          [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen Usage MechanismAllowed];
   /// Decrypt data with a key.
   Decrypt          [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen Usage MechanismAllowed];
   /// Sign or MAC data with a key.
   Sign             [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen Usage MechanismAllowed];
   /// Verify a signature or MAC with a key.
   Verify           [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen Usage MechanismAllowed];
   /// Derive a key from a key; also for a key named inside the mechanism's parameters.
   Derive           [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen Usage MechanismAllowed];
   /// Put a key's value into a digest.
   DigestKey        [LoggedInIfPrivate MayUseKey OfficerUsesNone KeySeen IsSecret Digestible MechanismAllowed];
   /// Use a key to wrap another.
   WrapUnder        [LoggedInIfPrivate LoggedInToWrap MayWrap OfficerUsesNone WrappingKeySeen Usage WrapsNow MechanismAllowed StrictMechanism];
   /// Let a key's value leave, wrapped.
   WrapOut          [LoggedInIfPrivate LoggedInToWrap MayWrap OfficerUsesNone KeySeen OwnerWrapsOut Extractable TrustedForWwt TrustedForProtected TemplateMatches];
   /// Use a key to unwrap another.
   UnwrapUnder      [LoggedInIfPrivate LoggedInToWrap MayWrap OfficerUsesNone UnwrappingKeySeen Usage UnwrapsNow NoOracle MechanismAllowed StrictMechanism];
   /// Make an object: create, generate, unwrap, derive, copy.
   Make             [Writable LoggedInIfPrivate MayMake];
   /// Keep something on the token rather than in the session.
   Store            [Writable];
   /// Read an object's attributes.
   Read             [ObjectSeen];
   /// Read an attribute that holds a key's value.
   ReadValue        [ObjectSeen OwnerReads Readable];
   /// Copy an object.
   Copy             [ObjectSeen LoggedInToChange OwnerCopies NotWrappingKey Copyable];
   /// Destroy an object.
   Destroy          [Writable ObjectSeen LoggedInToChange OwnerChanges Destroyable];
   /// Change an object's attributes.
   Change           [Writable ObjectSeen LoggedInToChange OwnerChanges Modifiable];
   /// Change whom a key is shared with.
   Share            [Writable ObjectSeen LoggedInToChange MayShare OwnerShares];
   /// Set TRUSTED.
   Trust            [Writable ObjectSeen LoggedInToChange MayTrust IsCandidate];
   /// Clear TRUSTED: retire a trusted key.
   Retire           [Writable ObjectSeen LoggedInToChange MayTrust IsTrusted];
   /// Users, PINs of others, settings.
   Administer       [Officer WritableSession];
   /// Change one's own PIN.
   OwnPin           [WritableSession];
}

impl Action {
    /// The usage attribute of the key that the action asks for.
    pub const fn usage(self) -> Option<AttributeType> {
        Some(match self {
            Self::Encrypt => AttributeType::ENCRYPT,
            Self::Decrypt => AttributeType::DECRYPT,
            Self::Sign => AttributeType::SIGN,
            Self::Verify => AttributeType::VERIFY,
            Self::Derive => AttributeType::DERIVE,
            Self::WrapUnder => AttributeType::WRAP,
            Self::UnwrapUnder => AttributeType::UNWRAP,
            _ => return None,
        })
    }
}

/// Proof that an action on an object was authorised. Only [`authorize`] makes one, and key bytes are
/// reached only with one: a forgotten check does not compile.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
    object: u64,
}

impl Permit {
    /// The action that was authorised.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// The handle of the object that it was authorised on.
    pub const fn object(&self) -> u64 {
        self.object
    }
}

/// Decides whether `subject` may do `action` given `facts`.
///
/// # Errors
/// The refusal owned by the first requirement of the row that does not hold and that the rules in force demand.
pub fn authorize(subject: &Subject, action: Action, facts: &Facts) -> Result<Permit, Refusal> {
    let refuses =
        |requirement: &&Requirement| !requirement.holds(subject, facts) && subject.rules.demands(**requirement);
    match action.requirements().iter().find(refuses) {
        Some(requirement) => Err(requirement.refusal()),
        None => Ok(Permit { action, object: facts.object }),
    }
}
