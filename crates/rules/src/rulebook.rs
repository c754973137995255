//! The rules in force: which clauses and requirements bind on a token.
//!
//! A token's mode alone decides it. The checkers, and nobody else, also ask what would happen if one rule were switched
//! off: a rule without which no attack appears is a rule that nothing shows to be needed.

use crate::policy::{Binds, Requirement};
use crate::{Mode, Rule};

macro_rules! clauses {
    ($( $name:ident $binds:ident $rule:ident $says:literal ;)*) => {
        /// A part of a rule that is no [`Requirement`] of the policy table: it shapes what is born or changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the sentence in each row says what it is")]
        pub enum Clause { $($name),* }

        impl Clause {
            /// Every clause, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => stringify!($name)),* } }

            /// In which modes it binds.
            pub const fn binds(self) -> Binds { match self { $(Self::$name => Binds::$binds),* } }

            /// The rule that it is a part of.
            pub const fn rule(self) -> Rule { match self { $(Self::$name => Rule::$rule),* } }

            /// What it says.
            pub const fn says(self) -> &'static str { match self { $(Self::$name => $says),* } }
        }
    };
}

clauses! {
// name                binds   rule  says
   RolePowers          Enforce Role  "a user has the powers of its role; otherwise every plain user has those of NU and KM";
   TrustedAtBirth      Enforce R1    "born SENSITIVE and EXTRACTABLE implies WRAP_WITH_TRUSTED";
   TrustedAtChange     Enforce R1    "SENSITIVE set on an extractable key raises WRAP_WITH_TRUSTED, and WRAP_WITH_TRUSTED raises SENSITIVE";
   OnlyStronger        Always  R2    "SENSITIVE and WRAP_WITH_TRUSTED only rise; EXTRACTABLE, COPYABLE, MODIFIABLE, DESTROYABLE only fall";
   Computed            Always  R2    "LOCAL, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, KEY_GEN_MECHANISM, UNIQUE_ID and OWNER are the token's to say";
   AskedForEachUse     Enforce R2    "ALWAYS_AUTHENTICATE implies EXTRACTABLE=false and excludes UNWRAP and DERIVE";
   CandidateMaker      Enforce R4    "candidates are generated, never imported, and by a key manager";
   CandidateShape      Enforce R4    "a candidate is a sensitive, unextractable token key that cannot be copied or changed and only wraps and unwraps";
   UnwrapTemplate      Enforce R5    "a candidate carries an UNWRAP_TEMPLATE that demands WRAP_WITH_TRUSTED and SENSITIVE";
   UnwrapTemplateAlways Enforce R5   "the UNWRAP_TEMPLATE applies whatever TRUSTED says at the moment";
   NestedTrust         Enforce R6    "no template that a key carries mints trust";
   BornInEnforce       Enforce R6    "the TRUSTED of what was not born in enforce counts for nothing";
   AesCandidates       Enforce R7    "candidates are AES-256 keys";
   UntrustedAtBirth    Always  R8    "TRUSTED is false at every birth";
   RetiredForEver      Enforce R9    "a trusted key that loses TRUSTED is retired";
   NoPaddingOracle     Enforce R10   "unwrapping with a padding that can be probed exists only in the mode `standard`";
   ExactFit            Enforce R11   "what is wrapped and unwrapped fits class, type and length exactly";
   CopyOnlyStronger    Enforce R13   "a copy is no less private and no more modifiable";
   LeastSizes          Enforce R14   "protected keys have at least 16 bytes, RSA 2048 bits, EC 256 bits";
   DerivedProtection   Enforce R15   "a derived key is at least as protected as each key it comes from";
   OneWayDerivation    Enforce R15   "no derivation from which the base key can be computed";
   NestedValues        Enforce R16   "no template that a key carries holds values";
   NoCheckValue        Enforce R16   "wrapping keys have no check value";
   AlwaysPrivate       Enforce R17   "secret and private keys are private";
}

/// What a checker switches off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Off {
    /// A whole rule: all its clauses and requirements.
    Rule(Rule),
    /// One clause.
    Clause(Clause),
    /// One requirement.
    Requirement(Requirement),
}

/// The rules in force on a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rulebook {
    mode: Mode,
    off: Option<Off>,
}

impl Rulebook {
    /// The rules of a token of that mode.
    pub const fn of(mode: Mode) -> Self {
        Self { mode, off: None }
    }

    /// The mode.
    pub const fn mode(self) -> Mode {
        self.mode
    }

    /// The same rules but for one, for the checkers: `cargo xtask test --only walls` sees to it that no other crate
    /// calls this.
    #[must_use]
    pub const fn without(self, off: Off) -> Self {
        Self { off: Some(off), ..self }
    }

    /// Whether `clause` binds.
    pub fn binds(self, clause: Clause) -> bool {
        let off = match self.off {
            None | Some(Off::Requirement(_)) => false,
            Some(Off::Rule(rule)) => rule == clause.rule(),
            Some(Off::Clause(off)) => off == clause,
        };
        self.in_force(clause.binds()) && !off
    }

    /// Whether `requirement` refuses where it does not hold.
    pub fn demands(self, requirement: Requirement) -> bool {
        let off = match self.off {
            None | Some(Off::Clause(_)) => false,
            Some(Off::Rule(rule)) => rule == requirement.refusal().rule,
            Some(Off::Requirement(off)) => off == requirement,
        };
        self.in_force(requirement.binds()) && !off
    }

    const fn in_force(self, binds: Binds) -> bool {
        matches!((binds, self.mode), (Binds::Always, _) | (_, Mode::Enforce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_enforce_only_what_always_binds_does() {
        for mode in [Mode::Standard, Mode::Audit] {
            for clause in Clause::ALL {
                assert_eq!(Rulebook::of(mode).binds(*clause), clause.binds() == Binds::Always, "{}", clause.name());
            }
        }
        assert!(Clause::ALL.iter().all(|clause| Rulebook::of(Mode::Enforce).binds(*clause)));
    }

    #[test]
    fn switching_one_off_leaves_the_others() {
        let enforce = Rulebook::of(Mode::Enforce);
        let without = enforce.without(Off::Clause(Clause::UnwrapTemplate));
        assert!(!without.binds(Clause::UnwrapTemplate) && without.binds(Clause::UnwrapTemplateAlways));
        let without = enforce.without(Off::Rule(Rule::R5));
        assert!(!without.binds(Clause::UnwrapTemplate) && !without.binds(Clause::UnwrapTemplateAlways));
        assert!(without.demands(Requirement::WrapsNow));
        assert!(!enforce.without(Off::Requirement(Requirement::WrapsNow)).demands(Requirement::WrapsNow));
    }
}
