//! The attacks that the literature knows on the PKCS#11 interface, as short programs in C calls. Which there are
//! stands in `table.rs`, a row each; how they are run and judged stands here.
//!
//! An attack has one or more ways, each tried on its own. A way is an `Ok` when it works: it returns the evidence.
//! What stopped it is the `Err`. Success is never taken from a return value: the victim's value is recovered and
//! compared by using it outside the token, or the forbidden state is read back.

mod arena;
mod attributes;
mod curve;
mod derivation;
mod dictionary;
mod insiders;
mod modes;
mod oracles;
mod outside;
mod platform;
mod quality;
mod separation;
mod sessions;
mod state;
mod substitution;
mod table;
mod trust;
mod users;
mod weaker;

use std::fmt;

use cryptoki_sys::CK_RV;

pub use arena::Arena;
pub use table::ATTACKS;

use crate::fixture::Policy;
use crate::rv::Rv;
use crate::token::Token;

/// An attack.
pub struct Attack {
    /// `A1` to `A46`.
    pub id: &'static str,
    /// What the literature calls it.
    pub name: &'static str,
    /// Whether it must succeed on plain PKCS#11; if it did not, its refusal would prove nothing.
    pub starred: bool,
    /// The rules that stop it.
    pub rules: &'static str,
    /// Whether it may also go through and gain nothing where the rules bind: there is nothing to refuse.
    pub may_be_harmless: bool,
    /// With what a refusal must be answered where the rules bind.
    pub refusals: &'static [CK_RV],
    /// Every way in which it is tried.
    pub ways: &'static [Way],
}

/// One way of an attack.
pub type Way = fn(&Arena<'_>) -> Ended;

/// How a way ended.
pub type Ended = Result<Evidence, Stop>;

/// What a way that worked can show.
pub struct Evidence(pub String);

/// What stopped a way.
pub enum Stop {
    /// The library said no.
    Refused(Refusal),
    /// Every call went through and the attacker gained nothing.
    Harmless(String),
    /// This library has not what the way is about.
    NotApplicable(String),
    /// A step that is no part of the attack failed.
    Broken(Refusal),
}

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call, with its arguments in words.
    pub step: String,
    /// What it returned.
    pub rv: Rv,
}

/// How an attack ended: each of its ways.
pub struct Outcome {
    /// In the order of the attack's ways.
    pub ways: Vec<Ended>,
}

/// The outcome in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One way worked.
    Succeeded,
    /// A way could not be tried because something else failed.
    Broken,
    /// Every way was stopped, and one at least was refused.
    Refused,
    /// Every way that was tried went through and gained nothing.
    Harmless,
    /// No way could be tried with this library.
    NotApplicable,
}

impl Attack {
    /// The attack of this id.
    pub fn find(id: &str) -> Option<&'static Attack> {
        ATTACKS.iter().find(|attack| attack.id.eq_ignore_ascii_case(id))
    }

    /// Runs every way of the attack. The token keeps nothing of it but token objects.
    pub fn run(&self, token: &Token) -> Outcome {
        let run = |way: &Way| {
            let ended = Arena::open(token, self.id).and_then(|arena| way(&arena));
            // Nothing of one way is left to the next: neither login nor session objects.
            let _ = token.module.close_all_sessions(token.slot);
            ended
        };
        Outcome { ways: self.ways.iter().map(run).collect() }
    }

    /// Why this outcome must not be under this policy; `None` when it is as it should be. Without a policy nothing is
    /// expected. Where there are roles, no attack may go untried in enforce.
    pub fn fault(&self, outcome: &Outcome, policy: Option<Policy>, roles: bool) -> Option<String> {
        match (policy?, outcome.verdict()) {
            (_, Verdict::Broken) => Some("could not be tried".to_owned()),
            (Policy::Enforce, Verdict::NotApplicable) => roles.then(|| "could not be tried".to_owned()),
            (Policy::Enforce, Verdict::Succeeded) => Some("succeeded in enforce".to_owned()),
            (Policy::Enforce, _) => self.wrong_code(outcome).or_else(|| self.unrefused(outcome)),
            (Policy::Standard, Verdict::Succeeded) => None,
            (Policy::Standard, _) => self.starred.then(|| "does not succeed in standard".to_owned()),
        }
    }

    fn wrong_code(&self, outcome: &Outcome) -> Option<String> {
        let wrong = outcome.refusals().find(|refusal| !self.refusals.contains(&refusal.rv.0))?;
        let expected: Vec<String> = self.refusals.iter().map(|rv| Rv(*rv).to_string()).collect();
        Some(format!("{} gave {}, not {}", wrong.step, wrong.rv, expected.join(" or ")))
    }

    fn unrefused(&self, outcome: &Outcome) -> Option<String> {
        let harmless = outcome.ways.iter().find_map(|way| match way {
            Err(Stop::Harmless(what)) => Some(what),
            _ => None,
        })?;
        (!self.may_be_harmless).then(|| format!("was not refused: {harmless}"))
    }
}

impl Outcome {
    /// The ways in a word; the worst counts.
    pub fn verdict(&self) -> Verdict {
        let rank = |ended: &Ended| match ended {
            Ok(_) => Verdict::Succeeded,
            Err(Stop::Broken(_)) => Verdict::Broken,
            Err(Stop::Refused(_)) => Verdict::Refused,
            Err(Stop::Harmless(_)) => Verdict::Harmless,
            Err(Stop::NotApplicable(_)) => Verdict::NotApplicable,
        };
        self.ways.iter().map(rank).min_by_key(|verdict| *verdict as u8).unwrap_or(Verdict::NotApplicable)
    }

    /// Every refusal, in order.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.ways.iter().filter_map(|way| match way {
            Err(Stop::Refused(refusal)) => Some(refusal),
            _ => None,
        })
    }

    /// The evidence of the first way that worked.
    pub fn evidence(&self) -> Option<&str> {
        self.ways.iter().find_map(|way| way.as_ref().ok()).map(|Evidence(evidence)| evidence.as_str())
    }

    /// How many ways could not be tried with this library.
    pub fn left_out(&self) -> usize {
        self.ways.iter().filter(|way| matches!(way, Err(Stop::NotApplicable(_)))).count()
    }

    /// One line for each way, without repeating one.
    pub fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for way in &self.ways {
            let line = match way {
                Ok(Evidence(evidence)) => format!("success: {evidence}"),
                Err(Stop::Refused(refusal)) => format!("{} at {}", refusal.rv, refusal.step),
                Err(Stop::Harmless(what)) => format!("harmless: {what}"),
                Err(Stop::NotApplicable(reason)) => format!("left out: {reason}"),
                Err(Stop::Broken(refusal)) => format!("broken: {} at {}", refusal.rv, refusal.step),
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

impl Verdict {
    /// As the table prints it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Succeeded => "SUCCEEDED",
            Verdict::Broken => "BROKEN",
            Verdict::Refused => "refused",
            Verdict::Harmless => "harmless",
            Verdict::NotApplicable => "not applicable",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.verdict().word())
    }
}

/// A step of the attack itself: its refusal stops the way.
fn step<T>(call: impl fmt::Display, result: Result<T, Rv>) -> Result<T, Stop> {
    result.map_err(|rv| Stop::Refused(Refusal { step: call.to_string(), rv }))
}

/// A step that prepares the scene: its failure says nothing about the attack.
fn scene<T>(call: impl fmt::Display, result: Result<T, Rv>) -> Result<T, Stop> {
    result.map_err(|rv| Stop::Broken(Refusal { step: call.to_string(), rv }))
}

/// The end of a way that gained nothing.
fn harmless<T>(what: impl fmt::Display) -> Result<T, Stop> {
    Err(Stop::Harmless(what.to_string()))
}

/// The end of a way that worked.
fn evidence(what: impl fmt::Display) -> Ended {
    Ok(Evidence(what.to_string()))
}

/// The end of a way that the library has not the means for.
fn not_applicable<T>(why: impl fmt::Display) -> Result<T, Stop> {
    Err(Stop::NotApplicable(why.to_string()))
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::{CKR_GENERAL_ERROR, CKR_KEY_NOT_WRAPPABLE};

    use super::*;

    const STARRED: Attack = Attack {
        id: "A0",
        name: "an attack",
        starred: true,
        rules: "R1",
        may_be_harmless: false,
        refusals: &[CKR_KEY_NOT_WRAPPABLE],
        ways: &[],
    };

    fn refused(rv: CK_RV) -> Ended {
        step("C_WrapKey", Err::<Evidence, _>(Rv(rv)))
    }

    fn fault(attack: &Attack, ways: Vec<Ended>, policy: Policy) -> Option<String> {
        attack.fault(&Outcome { ways }, Some(policy), true)
    }

    #[test]
    fn in_enforce_only_refusals_with_the_right_code_are_no_fault() {
        let judged = |ways| fault(&STARRED, ways, Policy::Enforce);
        assert_eq!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), refused(CKR_KEY_NOT_WRAPPABLE)]), None);
        assert!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), refused(CKR_GENERAL_ERROR)]).is_some());
        assert!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), evidence("the value")]).is_some());
        assert!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), harmless("ignored")]).is_some());
        assert!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), scene("C_Login", Err(Rv(CKR_GENERAL_ERROR)))]).is_some());
        assert!(judged(vec![not_applicable("no users")]).is_some());
        assert_eq!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE), not_applicable("no such keys")]), None);
        let kept = Attack { may_be_harmless: true, ..STARRED };
        assert_eq!(fault(&kept, vec![harmless("nothing gained")], Policy::Enforce), None);
    }

    #[test]
    fn in_standard_what_is_starred_must_succeed_by_one_way_at_least() {
        let judged = |ways| fault(&STARRED, ways, Policy::Standard);
        assert_eq!(judged(vec![refused(CKR_GENERAL_ERROR), evidence("the value")]), None);
        assert!(judged(vec![refused(CKR_KEY_NOT_WRAPPABLE)]).is_some());
        assert!(judged(vec![not_applicable("no mechanism")]).is_some());
        let plain = Attack { starred: false, ..STARRED };
        assert_eq!(fault(&plain, vec![refused(CKR_GENERAL_ERROR)], Policy::Standard), None);
    }
}
