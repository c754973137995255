//! What a look at a changed token means.

use crate::doctor::Diagnosis;
use crate::observer::Seen;
use crate::portrait::{Facts, REFUSED};

/// How the token took a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It says the same as before.
    Unmoved,
    /// Some of it is refused or not shown.
    PartRefused,
    /// Nothing of it can be used.
    TokenRefused,
    /// It says something untrue, or took the program along.
    Violated(String),
}

/// Facts without which there is no token.
const ESSENTIAL: [&str; 3] = ["calm C_Initialize", "calm C_GetTokenInfo", "calm C_OpenSession"];

impl Verdict {
    /// The verdict on a look, but for what `ignored` names.
    pub(crate) fn on(seen: &Seen, ignored: &[&str]) -> Self {
        let differences = match seen {
            Seen::Broken(how) => return Self::Violated(how.clone()),
            Seen::Differences(facts) => facts,
        };
        let mut verdict = Self::Unmoved;
        for (name, value) in differences.0.iter().filter(|(name, _)| !ignored.contains(&name.as_str())) {
            match value.as_deref() {
                Some(told) if !told.starts_with(REFUSED) => {
                    return Self::Violated(format!("{name}: {}", told.chars().take(400).collect::<String>()));
                }
                _ if ESSENTIAL.contains(&name.as_str()) => verdict = Self::TokenRefused,
                _ if verdict == Self::Unmoved => verdict = Self::PartRefused,
                _ => {}
            }
        }
        verdict
    }

    /// The verdict, once `claviger doctor` was asked too. It must name whatever is refused or not shown, and what is
    /// `damaged` though nobody was refused anything.
    pub(crate) fn with(self, diagnosis: &Diagnosis, damaged: bool) -> Self {
        let silent = *diagnosis == Diagnosis::Whole;
        match diagnosis {
            Diagnosis::Broken(how) => self.worse(Self::Violated(format!("claviger doctor: {how}"))),
            _ if silent && (damaged || self != Self::Unmoved) => {
                self.worse(Self::Violated("claviger doctor finds nothing".to_owned()))
            }
            _ => self,
        }
    }

    /// The worse of the two.
    pub(crate) fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Unmoved => 0,
            Self::PartRefused => 1,
            Self::TokenRefused => 2,
            Self::Violated(_) => 3,
        }
    }
}

/// Whether something was missing and no call said why.
pub(crate) fn silent(differences: &Facts) -> bool {
    !differences.0.is_empty() && differences.0.values().all(Option::is_none)
}
