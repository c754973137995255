//! Why a call was refused: the return value, the rule behind it, and a sentence.

use crate::Error;

/// The origin of a refusal. R1 to R18 are the rules of `docs/ROLES.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the rules' own names")]
pub enum Rule {
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    R16,
    R17,
    R18,
    /// The role lacks the power.
    Role,
    /// The standard itself refuses.
    Standard,
}

impl Rule {
    /// The rule's name in logs: `R1`, `role`, `standard`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::R1 => "R1",
            Self::R2 => "R2",
            Self::R3 => "R3",
            Self::R4 => "R4",
            Self::R5 => "R5",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
            Self::R9 => "R9",
            Self::R10 => "R10",
            Self::R11 => "R11",
            Self::R12 => "R12",
            Self::R13 => "R13",
            Self::R14 => "R14",
            Self::R15 => "R15",
            Self::R16 => "R16",
            Self::R17 => "R17",
            Self::R18 => "R18",
            Self::Role => "role",
            Self::Standard => "standard",
        }
    }
}

/// A refused call. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What the C caller sees.
    pub error: Error,
    /// Which rule says so.
    pub rule: Rule,
    /// Why, and what to do next, in one sentence. Never holds a secret.
    pub reason: &'static str,
}

impl Refusal {
    /// A refusal by `rule`.
    pub const fn new(error: Error, rule: Rule, reason: &'static str) -> Self {
        Self { error, rule, reason }
    }

    /// A refusal by the standard itself.
    pub const fn standard(error: Error, reason: &'static str) -> Self {
        Self::new(error, Rule::Standard, reason)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::standard(error, "")
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.rule, self.reason) {
            (Rule::Standard, "") => write!(f, "{}", self.error),
            (Rule::Standard, reason) => write!(f, "{}: {reason}", self.error),
            (rule, reason) => write!(f, "{} (rule {}): {reason}", self.error, rule.name()),
        }
    }
}

impl core::error::Error for Refusal {}
