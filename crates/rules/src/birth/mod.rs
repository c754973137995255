//! The birth of an object: from a caller's template to the attributes that the object will have.
//!
//! Create, generate, pair, derive, unwrap and copy all pass through [`bear`] (copies through
//! [`crate::change::apply`]), which walks the attribute table once and then applies the rules R1, R2, R4, R5,
//! R8, R14, R15 and R17. The key's value is added by the token afterwards: nothing here depends on it.

mod authenticate;
mod candidate;
mod defaults;
mod identity;
mod inherit;
mod protection;
mod shadow;
mod size;
mod template;

use crate::attribute::When;
use crate::policy::Subject;
use crate::{Calling, KeyType, MechanismType, Object, ObjectClass, Refusal, Template};

pub(crate) use authenticate::{check_private, withholds};
pub use candidate::is_candidate;
pub use shadow::shadow;
pub use size::{check_size, check_size_after};

/// How an object comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// C_CreateObject.
    Create,
    /// C_GenerateKey.
    Generate,
    /// C_GenerateKeyPair, either half.
    Pair,
    /// C_DeriveKey.
    Derive,
    /// C_UnwrapKey.
    Unwrap,
}

impl Birth {
    /// The births as a set of the attribute table.
    pub const fn when(self) -> When {
        match self {
            Self::Create => When::CREATE,
            Self::Generate => When::GENERATE,
            Self::Pair => When::PAIR,
            Self::Derive => When::DERIVE,
            Self::Unwrap => When::UNWRAP,
        }
    }

    /// Whether the key is made here, from random numbers.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Generate | Self::Pair)
    }
}

/// What a birth brings along besides the template.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// How the object comes to be.
    pub birth: Birth,
    /// The class, where the call decides it.
    pub class: Option<ObjectClass>,
    /// The key type, where the mechanism decides it.
    pub key_type: Option<KeyType>,
    /// The mechanism that generates, for KEY_GEN_MECHANISM, or that derives.
    pub mechanism: Option<MechanismType>,
    /// The unwrapping key, or every key that a derivation uses.
    pub parents: &'a [&'a Object],
}

/// What is born: attributes without the value, and what the key is called to be.
pub struct Newborn {
    /// Every attribute but the value and its like.
    pub attributes: Template,
    /// Its class.
    pub class: ObjectClass,
    /// Its key type, if it is a key.
    pub key_type: Option<KeyType>,
    /// Whether it is made for trust.
    pub calling: Calling,
}

/// Decides the attributes of an object that `subject` makes from `template`.
///
/// # Errors
/// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID
/// and CKR_ATTRIBUTE_VALUE_INVALID, with the rule that says so.
pub fn bear(subject: &Subject, origin: &Origin<'_>, template: Template) -> Result<Newborn, Refusal> {
    let template = inherit::carried_templates(subject.rules, origin, template)?;
    let (class, key_type) = identity::of(origin, &template)?;
    template::check(subject.rules, origin.birth, class, key_type, &template)?;
    let mut attributes = template;
    let calling = if is_candidate(subject, origin, &attributes) {
        candidate::shape(subject.rules, class, key_type, &mut attributes)?;
        Calling::Wrapping
    } else {
        Calling::Data
    };
    template::check_nested(subject.rules, &attributes)?;
    inherit::protection(subject.rules, origin, class, &mut attributes)?;
    authenticate::shape(subject.rules, &mut attributes)?;
    identity::record(class, key_type, &mut attributes);
    defaults::usages(subject, class, key_type, &mut attributes);
    defaults::storage(subject.rules, class, &mut attributes);
    authenticate::check_private(&attributes)?;
    protection::settle(subject.rules, origin, class, &mut attributes)?;
    Ok(Newborn { attributes, class, key_type, calling })
}
