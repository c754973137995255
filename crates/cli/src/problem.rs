//! What went wrong, as sentences for the person at the keyboard: what could not be done, the standard's name for
//! it, the rule that refused, and what to do next. Never a secret.

use std::fmt;
use std::path::Path;

use claviger_rules::{Error, Filed, Refusal, Rule};

/// A failed command.
#[derive(Debug)]
pub(crate) struct Problem {
    sentence: String,
    /// The act of the quorum that the command filed or approved.
    filed: Option<Filed>,
}

impl Problem {
    /// A problem in the words given.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), filed: None }
    }

    /// `act` was refused by the token: "Could not wrap the key: CKR_… (rule R1): why."
    pub(crate) fn refused(act: impl fmt::Display) -> impl FnOnce(Refusal) -> Self {
        move |refusal| Self { sentence: format!("{act}: {}", explained(&refusal)), filed: refusal.filed }
    }

    /// `verb` was not possible on a file.
    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::new(format!("Could not {verb} the file {}: {error}.", path.display()))
    }

    /// The act of the quorum that waits because of the command.
    pub(crate) const fn filed(&self) -> Option<Filed> {
        self.filed
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { sentence: explained(&refusal), filed: refusal.filed }
    }
}

/// The refusal, and what to do next where its own reason leaves that open.
fn explained(refusal: &Refusal) -> String {
    match (refusal.rule, next_step(refusal.error)) {
        (Rule::Standard, Some(step)) => format!("{refusal}. {step}"),
        _ => format!("{refusal}."),
    }
}

/// What helps against the errors that people meet first.
fn next_step(error: Error) -> Option<&'static str> {
    Some(match error {
        Error::PinIncorrect => "Check name and PIN; `claviger user list` shows the users.",
        Error::PinLocked => "A security officer unlocks the user with `claviger user unlock`.",
        Error::SlotIdInvalid => "Choose another --slot, or set the slots in claviger.toml.",
        Error::TokenNotInitialized | Error::TokenNotRecognized => "Make a token in this slot with `claviger init`.",
        Error::UserPinNotInitialized => "A security officer makes the user with `claviger user create`.",
        Error::UserNotLoggedIn => "Set CLAVIGER_PIN=name:pin to a user whose role may do this.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_code_its_rule_and_its_reason() {
        let refusal = Refusal::new(Error::KeyNotWrappable, Rule::R1, "it leaves only under a trusted key");
        let problem = Problem::refused("Could not wrap the key")(refusal);
        assert_eq!(
            problem.to_string(),
            "Could not wrap the key: CKR_KEY_NOT_WRAPPABLE (rule R1): it leaves only under a trusted key."
        );
    }

    #[test]
    fn a_common_error_says_what_to_do_next() {
        let problem = Problem::from(Refusal::standard(Error::PinLocked, "the user is locked"));
        assert_eq!(
            problem.to_string(),
            "CKR_PIN_LOCKED: the user is locked. A security officer unlocks the user with `claviger user unlock`."
        );
    }
}
