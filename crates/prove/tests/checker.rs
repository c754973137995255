//! The checker itself: it can fail, and what it leaves out to be quick changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use claviger_prove::alphabet::{Alphabet, keyed};
use claviger_prove::universe::{DERIVE_PARENT, UNWRAP_PARENT, Universe, User, project};
use claviger_prove::{invariants, mutants, saturation};
use claviger_rules::birth::{Birth, Origin, bear};
use claviger_rules::{AttributeType as A, Clause, KeyType, Mode, Object, ObjectClass, Off, Rulebook, Value};

fn middle(rules: Rulebook) -> Universe {
    Universe::new(rules, Alphabet::middle())
}

const ENFORCE: Rulebook = Rulebook::of(Mode::Enforce);

#[test]
fn enforce_keeps_every_protected_value() {
    let universe = middle(ENFORCE);
    for shown in invariants::check(&universe) {
        assert!(shown.asked > 0, "{} was asked of nothing", shown.name);
        assert_eq!(shown.broken, None, "{}", shown.name);
    }
    let closure = saturation::close(&universe.merged());
    assert_eq!((closure.lost.len(), closure.lost_trusted), (0, 0));
    assert!(closure.protected > 10 && closure.leaked > 10);
}

#[test]
fn merging_states_that_behave_alike_changes_no_verdict() {
    for off in [None, Some(Off::Clause(Clause::UnwrapTemplate)), Some(Off::Clause(Clause::OnlyStronger))] {
        let rules = off.map_or(ENFORCE, |off| ENFORCE.without(off));
        let small = || Universe::new(rules, Alphabet::small());
        let (plain, merged) = (small(), small().merged());
        assert!(merged.states.len() < plain.states.len());
        let leaks = |universe: &Universe| !saturation::close(universe).lost.is_empty();
        assert_eq!(leaks(&plain), off.is_some());
        assert_eq!(leaks(&merged), off.is_some());
    }
}

#[test]
fn the_plain_standard_is_full_of_attacks() {
    let universe = Universe::new(Rulebook::of(Mode::Standard), Alphabet::small()).merged();
    assert!(!saturation::close(&universe).lost.is_empty());
}

/// The shortest way to a key's value without rule R2 is to take its protection away.
#[test]
fn a_search_gives_the_attack_as_calls() {
    let verdict = mutants::judge(Off::Clause(Clause::OnlyStronger), 1_000_000);
    assert!(verdict.is_missed());
    let trace = verdict.trace.expect("an attack");
    let calls: Vec<&str> =
        trace.iter().filter_map(|line| line.split_whitespace().find(|word| word.starts_with("C_"))).collect();
    let set = "C_SetAttributeValue";
    assert!(calls.len() == 3 && calls[..2].iter().all(|call| call.starts_with(set)), "{trace:?}");
    assert!(calls[2].starts_with("C_GetAttributeValue"), "{trace:?}");
}

/// The universe asks what is unwrapped under a key, or derived from it, once for all keys that agree in a few
/// attributes. The others must not matter.
#[test]
fn what_is_born_depends_on_nothing_else_of_its_parent() {
    let universe = middle(ENFORCE);
    let parents: Vec<&Object> = universe.states.iter().step_by(7).map(|state| &state.object).collect();
    assert!(parents.len() > 20);
    let (class, key_type) = (Some(ObjectClass::SecretKey), Some(KeyType::Aes));
    for parent in parents {
        for (birth, attributes) in [(Birth::Unwrap, UNWRAP_PARENT), (Birth::Derive, DERIVE_PARENT)] {
            let little = project(parent, attributes);
            for template in &universe.alphabet.births {
                let mut template = keyed(template, ObjectClass::SecretKey, KeyType::Aes);
                if birth == Birth::Derive {
                    template.set(A::VALUE_LEN, Value::Ulong(32));
                }
                let born = |parent: &Object| {
                    let origin = Origin { birth, class, key_type, mechanism: None, parents: &[parent] };
                    bear(&User::App.subject(ENFORCE), &origin, template.clone()).map(|newborn| newborn.attributes)
                };
                assert!(born(parent) == born(&little));
            }
        }
    }
}
