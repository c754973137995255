//! The requirements that actions are made of. Each owns one return value, one rule and one reason.

use super::{Facts, Kind, Relation, Subject};
use crate::{Error, Lifecycle, Power, Refusal, Rule};

/// In which modes a requirement refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binds {
    /// In every mode: ownership, and what the standard itself demands.
    Always,
    /// In `enforce`; a token in `audit` writes down what it would have refused.
    Enforce,
}

macro_rules! requirements {
    ($( $name:ident $binds:ident $error:ident $rule:ident $reason:literal |$s:ident, $f:ident| $holds:expr ;)*) => {
        /// One thing that must hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the reason in each row says what it is")]
        pub enum Requirement { $($name),* }

        impl Requirement {
            /// Every requirement.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => stringify!($name)),* } }

            /// In which modes it refuses.
            pub const fn binds(self) -> Binds { match self { $(Self::$name => Binds::$binds),* } }

            /// The refusal it owns.
            pub const fn refusal(self) -> Refusal {
                match self { $(Self::$name => Refusal::new(Error::$error, Rule::$rule, $reason)),* }
            }

            /// Whether it holds.
            pub fn holds(self, subject: &Subject, facts: &Facts) -> bool {
                match self { $(Self::$name => { let ($s, $f) = (subject, facts); $holds })* }
            }
        }
    };
}

requirements! {
// name             binds   return value             rule     reason |subject, facts| holds when
// --- session and login
   Writable         Always  SessionReadOnly          Standard "token objects are made and changed in a read/write session"
                    |s, f| s.writable || !f.token;
   WritableSession  Always  SessionReadOnly          Standard "this needs a read/write session"
                    |s, _f| s.writable;
   LoggedInIfPrivate Always UserNotLoggedIn          Standard "private objects need a login as CKU_USER"
                    |s, f| !f.private || (s.user.is_some() && (!s.officer || f.relation == Relation::Officer));
   LoggedInToChange Always  UserNotLoggedIn          Standard "log in as the object's owner"
                    |s, f| s.user.is_some() || f.ownerless || f.relation == Relation::Hidden;
   LoggedInToWrap   Enforce UserNotLoggedIn          Role     "wrapping and unwrapping need a login as CKU_USER"
                    |s, _f| s.user.is_some();
   Officer          Always  UserNotLoggedIn          Standard "log in as a security officer"
                    |s, _f| s.powers.has(Power::Administer);
// --- roles
   MayUseKey        Enforce KeyFunctionNotPermitted  Role     "the role may not use keys on data; a normal user may"
                    |s, f| f.kind != Kind::Secret || s.powers.has(Power::UseKeys);
   MayMake          Enforce UserNotLoggedIn          Role     "objects are made by a normal user or a key manager; without login only public keys, for the session"
                    |s, f| s.powers.has(Power::MakeKeys) || (s.user.is_none() && f.kind == Kind::Public && !f.token && !f.private);
   MayWrap          Enforce KeyFunctionNotPermitted  Role     "the role may not wrap or unwrap keys"
                    |s, _f| s.powers.has(Power::WrapKeys);
   OfficerUsesNone  Always  UserNotLoggedIn          Standard "a security officer sees keys that are made for trust, and uses no private key"
                    |s, f| !(s.officer && f.private);
   MayShare         Always  AttributeReadOnly        Role     "keys are shared by their owner, a key manager"
                    |s, _f| s.powers.has(Power::ShareKeys);
   MayTrust         Always  AttributeReadOnly        R6       "TRUSTED is set by a security officer, with C_SetAttributeValue"
                    |s, _f| s.powers.has(Power::Trust);
// --- visibility
   KeySeen          Always  KeyHandleInvalid         Standard "no such key for this user"
                    |_s, f| f.relation != Relation::Hidden && f.kind != Kind::Other;
   WrappingKeySeen  Always  WrappingKeyHandleInvalid Standard "no such wrapping key for this user"
                    |_s, f| f.relation != Relation::Hidden && f.kind != Kind::Other;
   UnwrappingKeySeen Always UnwrappingKeyHandleInvalid Standard "no such unwrapping key for this user"
                    |_s, f| f.relation != Relation::Hidden && f.kind != Kind::Other;
   ObjectSeen       Always  ObjectHandleInvalid      Standard "no such object for this user"
                    |_s, f| f.relation != Relation::Hidden;
// --- usage
   Usage            Always  KeyFunctionNotPermitted  Standard "the key lacks the usage attribute for this"
                    |_s, f| f.usage;
   IsSecret         Always  KeyIndigestible          Standard "only the value of a secret key can be digested"
                    |_s, f| f.kind == Kind::Secret;
// --- ownership
   OwnerWrapsOut    Always  KeyUnextractable         R12      "only its owner may wrap a key out"
                    |_s, f| f.relation == Relation::Owner || f.ownerless;
   OwnerCopies      Always  ActionProhibited         R12      "only its owner may copy an object"
                    |_s, f| f.relation == Relation::Owner || f.ownerless;
   OwnerReads       Always  AttributeSensitive       R12      "only its owner may read a key's value"
                    |_s, f| f.kind != Kind::Secret || f.relation == Relation::Owner || f.ownerless;
   OwnerChanges     Always  ActionProhibited         R12      "only its owner may change or destroy an object, or a security officer one that is not private"
                    |s, f| f.relation == Relation::Owner || f.ownerless || (s.officer && !f.private);
   OwnerShares      Always  ActionProhibited         R12      "only its owner may share a key"
                    |_s, f| f.relation == Relation::Owner;
// --- attributes that forbid
   Modifiable       Always  ActionProhibited         Standard "the object has MODIFIABLE=false, or is a certificate that is TRUSTED"
                    |_s, f| f.modifiable;
   Copyable         Always  ActionProhibited         Standard "the object has COPYABLE=false"
                    |_s, f| f.copyable;
   Destroyable      Always  ActionProhibited         Standard "the object has DESTROYABLE=false"
                    |_s, f| f.destroyable;
   Readable         Always  AttributeSensitive       Standard "the key is sensitive or not extractable"
                    |_s, f| f.kind != Kind::Secret || (!f.sensitive && f.extractable);
   Digestible       Enforce KeyIndigestible          R16      "a protected key is not digested: the digest would be a dictionary of it"
                    |_s, f| !f.sensitive && f.extractable;
// --- the payload rule
   Extractable      Always  KeyUnextractable         Standard "the key has EXTRACTABLE=false"
                    |_s, f| f.extractable;
   TrustedForWwt    Always  KeyNotWrappable          R1       "the key has WRAP_WITH_TRUSTED: wrap it under a key that a security officer marked TRUSTED"
                    |_s, f| !f.wrap_with_trusted || f.under.trusted;
   TrustedForProtected Enforce KeyNotWrappable       R1       "a sensitive key leaves only under a key that a security officer marked TRUSTED"
                    |_s, f| !f.sensitive || f.under.trusted;
   TemplateMatches  Always  KeyHandleInvalid         Standard "the wrapping key's WRAP_TEMPLATE does not match this key"
                    |_s, f| f.under.template_matches;
// --- life of a wrapping key
   NotWrappingKey   Enforce ActionProhibited         R13      "candidates, trusted and retired keys are never copied"
                    |_s, f| f.lifecycle == Lifecycle::Data;
   WrapsNow         Enforce KeyFunctionNotPermitted  R9       "a candidate wraps once a security officer has marked it TRUSTED; a retired key never wraps again"
                    |_s, f| matches!(f.lifecycle, Lifecycle::Data | Lifecycle::Trusted);
   UnwrapsNow       Enforce KeyFunctionNotPermitted  R9       "a candidate does nothing until a security officer has marked it TRUSTED"
                    |_s, f| f.lifecycle != Lifecycle::Candidate;
   IsCandidate      Enforce AttributeReadOnly        R6       "only a candidate (an AES-256 wrapping key generated here by a key manager, never retired) can become TRUSTED"
                    |_s, f| f.kind == Kind::Other || matches!(f.lifecycle, Lifecycle::Candidate | Lifecycle::Trusted);
   IsTrusted        Enforce AttributeReadOnly        R9       "only a trusted key can be retired"
                    |_s, f| f.kind == Kind::Other || f.lifecycle == Lifecycle::Trusted;
// --- mechanism
   NoOracle         Enforce MechanismInvalid         R10      "unwrapping with a padding that can be probed exists only in the mode `standard`; use OAEP, KW, KWP or GCM"
                    |_s, f| !f.oracle;
   MechanismAllowed Always  MechanismInvalid         Standard "the key's ALLOWED_MECHANISMS does not name this mechanism"
                    |_s, f| f.mechanism_allowed;
   StrictMechanism  Enforce MechanismParamInvalid    R10      "under a wrapping key made for trust only KW and KWP with the default initial value, or GCM with a zeroed 12-byte IV that the token fills in and a 128-bit tag"
                    |_s, f| f.lifecycle == Lifecycle::Data || f.strict_mechanism;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_explains_itself() {
        for requirement in Requirement::ALL {
            assert!(requirement.refusal().reason.len() > 10, "{}", requirement.name());
        }
    }
}
