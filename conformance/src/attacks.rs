//! The attacks that the literature knows on the PKCS#11 interface, a row each, as short programs in C calls.
//!
//! An attack is an `Ok` when it works: it returns the evidence. What stops it is the `Err`. Success is never taken
//! from a return value: the victim's value is recovered and compared by using it outside the token, or the
//! forbidden state is read back.

mod arena;
mod attributes;
mod outside;
mod quality;
mod separation;
mod trust;

use std::fmt;

use cryptoki_sys::*;

pub use arena::Arena;

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
    /// With what a refusal must be answered where the rules bind.
    pub refusals: &'static [CK_RV],
    run: fn(&Arena<'_>) -> Result<Evidence, Stop>,
}

/// What an attack that worked can show.
pub struct Evidence(pub String);

/// What stopped an attack.
pub enum Stop {
    /// The library said no, once for each way that was tried; and the ways that could not be, with the reason.
    Refused(Vec<Refusal>, Vec<String>),
    /// Every call went through and the attacker gained nothing.
    Harmless(String),
    /// This library has not what the attack is about.
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

/// How an attack ended.
pub enum Outcome {
    /// It worked.
    Succeeded(Evidence),
    /// It did not.
    Stopped(Stop),
}

macro_rules! attacks {
    ($($id:ident $star:tt $name:literal, $rules:literal, [$($rv:ident)*], $run:path;)*) => {
        &[$(Attack {
            id: stringify!($id), name: $name, starred: attacks!(@ $star), rules: $rules, refusals: &[$($rv),*], run: $run,
        }),*]
    };
    (@ *) => { true };
    (@ -) => { false };
}

/// Every attack, in the order of the catalogue.
pub const ATTACKS: &[Attack] = attacks! {
    A1  * "wrap, then decrypt", "R1", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::wrap_decrypt;
    A2  * "wrap under a public key, then decrypt", "R1 R7", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        separation::asymmetric_wrap_decrypt;
    A3  * "flip from wrap to decrypt", "R1 R4", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::flip;
    A4  * "encrypt a known key, unwrap it, wrap under it", "R1 R8 R4", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        separation::encrypt_unwrap;
    A5  * "wrap a key under itself", "R4 R1", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::self_wrap;
    A7  * "import one blob twice, in two roles", "R1 R8", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        separation::import_twice;
    A8  * "unwrap as readable", "R1 R5", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_TEMPLATE_INCONSISTENT],
        separation::unwrap_readable;
    A9  - "steal an extractable trusted key", "R4 R12", [CKR_TEMPLATE_INCONSISTENT CKR_KEY_UNEXTRACTABLE],
        trust::steal_trusted;
    A10 - "the SO trusts a bad key", "R6", [CKR_ATTRIBUTE_READ_ONLY CKR_OBJECT_HANDLE_INVALID], trust::trust_bad_key;
    A11 - "retire, then unwrap without protection", "R5 R9",
        [CKR_TEMPLATE_INCONSISTENT CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_KEY_FUNCTION_NOT_PERMITTED],
        trust::retire_then_unwrap;
    A12 - "mint trust in a template", "R5 R6 R8", [CKR_ATTRIBUTE_READ_ONLY CKR_TEMPLATE_INCONSISTENT],
        attributes::mint_trust;
    A13 - "read a protected value, undo its protection", "R2", [CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE],
        attributes::read_and_unstick;
    A14 - "weaken in a copy", "R2 R13", [CKR_ATTRIBUTE_READ_ONLY CKR_TEMPLATE_INCONSISTENT CKR_ACTION_PROHIBITED],
        attributes::copy_weaker;
    A15 - "change a shared key", "R12", [CKR_ACTION_PROHIBITED CKR_KEY_UNEXTRACTABLE CKR_ATTRIBUTE_READ_ONLY],
        trust::sharee_changes;
    A16 - "forge the history of a key", "R2 R8", [CKR_ATTRIBUTE_READ_ONLY], attributes::forge_history;
    A17 * "wrap under the attacker's own key", "R1 R6", [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        quality::trojan_wrapping_key;
};

impl Attack {
    /// The attack of this id.
    pub fn find(id: &str) -> Option<&'static Attack> {
        ATTACKS.iter().find(|attack| attack.id.eq_ignore_ascii_case(id))
    }

    /// Runs the attack. The token keeps nothing of it but token objects of the role attacks.
    pub fn run(&self, token: &Token) -> Outcome {
        match Arena::open(token, self.id).and_then(|arena| (self.run)(&arena)) {
            Ok(evidence) => Outcome::Succeeded(evidence),
            Err(stop) => Outcome::Stopped(stop),
        }
    }

    /// Why this outcome must not be under this policy; `None` when it is as it should be. Without a policy nothing is
    /// expected. Where there are roles, no attack may go untried in enforce.
    pub fn fault(&self, outcome: &Outcome, policy: Option<Policy>, roles: bool) -> Option<String> {
        match (policy, outcome) {
            (Some(Policy::Enforce), Outcome::Stopped(Stop::NotApplicable(_))) if roles => {
                Some("could not be tried".to_owned())
            }
            (_, Outcome::Stopped(Stop::NotApplicable(_))) => None,
            (Some(Policy::Enforce), Outcome::Succeeded(_)) => Some("succeeded in enforce".to_owned()),
            (Some(Policy::Enforce), Outcome::Stopped(Stop::Refused(refusals, _))) => self.wrong_code(refusals),
            (Some(Policy::Enforce), Outcome::Stopped(Stop::Harmless(_))) => Some("was not refused".to_owned()),
            (Some(Policy::Standard), Outcome::Succeeded(_)) => None,
            (Some(Policy::Standard), _) if self.starred => Some("does not succeed in standard".to_owned()),
            (Some(Policy::Enforce), Outcome::Stopped(Stop::Broken(_))) => Some("could not be tried".to_owned()),
            _ => None,
        }
    }

    fn wrong_code(&self, refusals: &[Refusal]) -> Option<String> {
        let wrong = refusals.iter().find(|refusal| !self.refusals.contains(&refusal.rv.0))?;
        let expected: Vec<String> = self.refusals.iter().map(|rv| Rv(*rv).to_string()).collect();
        Some(format!("{} gave {}, not {}", wrong.step, wrong.rv, expected.join(" or ")))
    }
}

/// A step of the attack itself: its refusal stops the attack.
fn step<T>(call: impl fmt::Display, result: Result<T, Rv>) -> Result<T, Stop> {
    result.map_err(|rv| Stop::Refused(vec![Refusal { step: call.to_string(), rv }], Vec::new()))
}

/// A step that prepares the scene: its failure says nothing about the attack.
fn scene<T>(call: impl fmt::Display, result: Result<T, Rv>) -> Result<T, Stop> {
    result.map_err(|rv| Stop::Broken(Refusal { step: call.to_string(), rv }))
}

/// Tries one way after another until one works; otherwise all their refusals together.
fn first_of(ways: Vec<Way<'_>>) -> Result<Evidence, Stop> {
    let mut refused = Vec::new();
    let mut missing = Vec::new();
    for way in ways {
        match way() {
            Err(Stop::Refused(refusals, reasons)) => {
                refused.extend(refusals);
                missing.extend(reasons);
            }
            Err(Stop::NotApplicable(reason)) if missing.contains(&reason) => {}
            Err(Stop::NotApplicable(reason)) => missing.push(reason),
            other => return other,
        }
    }
    Err(if refused.is_empty() { Stop::NotApplicable(missing.join("; ")) } else { Stop::Refused(refused, missing) })
}

/// One way of an attack.
type Way<'a> = Box<dyn FnOnce() -> Result<Evidence, Stop> + 'a>;

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Outcome::Succeeded(_) => "SUCCEEDED",
            Outcome::Stopped(Stop::Refused(..)) => "refused",
            Outcome::Stopped(Stop::Harmless(_)) => "harmless",
            Outcome::Stopped(Stop::NotApplicable(_)) => "not applicable",
            Outcome::Stopped(Stop::Broken(_)) => "BROKEN",
        })
    }
}

impl Outcome {
    /// One line for each thing there is to say: codes with their steps, the evidence, or the reason.
    pub fn details(&self) -> Vec<String> {
        match self {
            Outcome::Succeeded(Evidence(evidence)) => vec![evidence.clone()],
            Outcome::Stopped(Stop::Refused(refusals, missing)) => {
                let refusals = refusals.iter().map(|refusal| format!("{} at {}", refusal.rv, refusal.step));
                refusals.chain(missing.iter().map(|reason| format!("left out: {reason}"))).collect()
            }
            Outcome::Stopped(Stop::Harmless(what) | Stop::NotApplicable(what)) => vec![what.clone()],
            Outcome::Stopped(Stop::Broken(refusal)) => vec![format!("{} at {}", refusal.rv, refusal.step)],
        }
    }
}
