//! What a stricter mode does to the objects that are there already.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use claviger_rules::tighten::Tightened;
use claviger_rules::{
    AttributeType as A, Calling, KeyType, Lifecycle, Mode, Object, ObjectClass, Rulebook, Template, Value,
};

fn key(born: Mode, flags: &[(A, bool)]) -> Object {
    let mut attributes = Template::new();
    attributes.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
    attributes.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
    attributes.set(A::PRIVATE, Value::Bool(true));
    flags.iter().for_each(|(attribute, flag)| attributes.set(*attribute, Value::Bool(*flag)));
    Object { attributes, owner: None, shared_with: Vec::new(), born, calling: Calling::Data, shadow: None }
}

#[test]
fn what_was_not_born_in_enforce_loses_trusted() {
    for born in [Mode::Standard, Mode::Audit] {
        let mut counts = Tightened::default();
        let after = counts.object(&key(born, &[(A::TRUSTED, true), (A::WRAP, true)]), Mode::Enforce).unwrap();
        assert!(!after.flag(A::TRUSTED) && after.flag(A::WRAP) && after.lifecycle() == Lifecycle::Data);
        assert!(!after.is_trusted(Rulebook::of(Mode::Enforce)));
        assert_eq!(counts, Tightened { older: 1, untrusted: 1, ..Tightened::default() });
    }
}

#[test]
fn a_sensitive_extractable_key_is_bound_to_trusted_keys() {
    let mut counts = Tightened::default();
    let after = counts.object(&key(Mode::Standard, &[(A::SENSITIVE, true), (A::EXTRACTABLE, true)]), Mode::Enforce);
    assert!(after.unwrap().flag(A::WRAP_WITH_TRUSTED));
    assert_eq!(counts, Tightened { older: 1, bound: 1, ..Tightened::default() });
}

#[test]
fn no_protection_is_ever_lost_and_a_second_time_changes_nothing() {
    let flags = [A::SENSITIVE, A::EXTRACTABLE, A::WRAP_WITH_TRUSTED, A::TRUSTED, A::PRIVATE];
    for bits in 0..1 << flags.len() {
        let chosen: Vec<(A, bool)> = flags.iter().enumerate().map(|(at, flag)| (*flag, bits >> at & 1 == 1)).collect();
        let before = key(Mode::Audit, &chosen);
        let Some(after) = Tightened::default().object(&before, Mode::Enforce) else { continue };
        assert_eq!(after.flag(A::SENSITIVE), before.flag(A::SENSITIVE));
        assert_eq!(after.flag(A::EXTRACTABLE), before.flag(A::EXTRACTABLE));
        assert!(after.flag(A::WRAP_WITH_TRUSTED) || !before.flag(A::WRAP_WITH_TRUSTED));
        assert!(!after.flag(A::TRUSTED));
        assert!(Tightened::default().object(&after, Mode::Enforce).is_none());
    }
}

#[test]
fn what_was_born_in_enforce_stays_and_so_does_everything_on_the_way_to_audit() {
    let trusted = [(A::TRUSTED, true), (A::SENSITIVE, true), (A::EXTRACTABLE, true)];
    let mut counts = Tightened::default();
    assert!(counts.object(&key(Mode::Enforce, &trusted), Mode::Enforce).is_none());
    assert!(counts.object(&key(Mode::Standard, &trusted), Mode::Audit).is_none());
    assert_eq!(counts, Tightened::default());
}

#[test]
fn keys_that_others_see_are_counted_and_left_alone() {
    let mut counts = Tightened::default();
    assert!(counts.object(&key(Mode::Standard, &[(A::PRIVATE, false)]), Mode::Enforce).is_none());
    assert_eq!(counts, Tightened { older: 1, exposed: 1, ..Tightened::default() });
}
