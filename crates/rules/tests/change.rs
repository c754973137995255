//! Changes after birth: stickiness, and that a change is whole or nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity, reason = "a test says so by failing")]

use claviger_rules::change::{Occasion, apply};
use claviger_rules::{AttributeType as A, Error, KeyType, Mode, ObjectClass, Rule, Rulebook, Template, Value};

fn key(flags: &[(A, bool)]) -> Template {
    let mut template = Template::new();
    template.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
    template.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
    for flag in [A::SENSITIVE, A::EXTRACTABLE, A::WRAP_WITH_TRUSTED, A::TRUSTED, A::ENCRYPT, A::LOCAL] {
        template.set(flag, Value::Bool(false));
    }
    for flag in [A::COPYABLE, A::MODIFIABLE, A::DESTROYABLE, A::PRIVATE] {
        template.set(flag, Value::Bool(true));
    }
    flags.iter().for_each(|(attribute, flag)| template.set(*attribute, Value::Bool(*flag)));
    template
}

fn set(mode: Mode, occasion: Occasion, present: &[(A, bool)], wanted: &[(A, bool)]) -> Result<Template, Error> {
    let mut attributes = key(present);
    let template =
        Template::from_list(wanted.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap();
    let before = attributes.clone();
    let outcome = apply(Rulebook::of(mode), occasion, &mut attributes, &template);
    if outcome.is_err() {
        assert!(attributes == before, "a refused change left something behind");
    }
    outcome.map(|()| attributes).map_err(|refusal| refusal.error)
}

#[test]
fn r2_sensitive_and_wwt_never_return_to_false() {
    for attribute in [A::SENSITIVE, A::WRAP_WITH_TRUSTED] {
        for mode in Mode::ALL {
            for occasion in [Occasion::Set, Occasion::Copy] {
                let lowered = set(mode, occasion, &[(attribute, true), (A::SENSITIVE, true)], &[(attribute, false)]);
                assert_eq!(lowered.err(), Some(Error::AttributeReadOnly));
                assert!(set(mode, occasion, &[(attribute, true)], &[(attribute, true)]).is_ok());
            }
        }
    }
}

#[test]
fn r2_extractable_copyable_destroyable_never_return_to_true() {
    for attribute in [A::EXTRACTABLE, A::COPYABLE, A::DESTROYABLE] {
        for mode in Mode::ALL {
            for occasion in [Occasion::Set, Occasion::Copy] {
                let raised = set(mode, occasion, &[(attribute, false)], &[(attribute, true)]);
                assert_eq!(raised.err(), Some(Error::AttributeReadOnly));
                assert!(set(mode, occasion, &[(attribute, true)], &[(attribute, false)]).is_ok());
            }
        }
    }
}

#[test]
fn r2_what_the_token_computes_does_not_change() {
    for attribute in [A::LOCAL, A::ALWAYS_SENSITIVE, A::NEVER_EXTRACTABLE] {
        let forged = set(Mode::Enforce, Occasion::Set, &[], &[(attribute, true)]);
        assert_eq!(forged.err(), Some(Error::AttributeReadOnly));
    }
}

#[test]
fn r1_setting_sensitive_on_an_extractable_key_raises_wwt() {
    let after = set(Mode::Enforce, Occasion::Set, &[(A::EXTRACTABLE, true)], &[(A::SENSITIVE, true)]).unwrap();
    assert!(after.flag(A::WRAP_WITH_TRUSTED));
    let denied = set(
        Mode::Enforce,
        Occasion::Set,
        &[(A::EXTRACTABLE, true)],
        &[(A::SENSITIVE, true), (A::WRAP_WITH_TRUSTED, false)],
    );
    assert_eq!(denied.err(), Some(Error::TemplateInconsistent));
    let plain = set(Mode::Standard, Occasion::Set, &[(A::EXTRACTABLE, true)], &[(A::SENSITIVE, true)]).unwrap();
    assert!(!plain.flag(A::WRAP_WITH_TRUSTED));
}

#[test]
fn r1_setting_wwt_raises_sensitive() {
    let after = set(Mode::Enforce, Occasion::Set, &[], &[(A::WRAP_WITH_TRUSTED, true)]).unwrap();
    assert!(after.flag(A::SENSITIVE));
}

#[test]
fn r13_a_copy_chooses_token_anew_but_never_loosens() {
    assert!(set(Mode::Enforce, Occasion::Copy, &[], &[(A::TOKEN, true)]).unwrap().flag(A::TOKEN));
    assert_eq!(set(Mode::Enforce, Occasion::Set, &[], &[(A::TOKEN, true)]).err(), Some(Error::AttributeReadOnly));
    let loosened = set(Mode::Enforce, Occasion::Copy, &[(A::MODIFIABLE, false)], &[(A::MODIFIABLE, true)]);
    assert_eq!(loosened.err(), Some(Error::AttributeReadOnly));
    let published = set(Mode::Enforce, Occasion::Copy, &[], &[(A::PRIVATE, false)]);
    assert_eq!(published.err(), Some(Error::AttributeReadOnly));
}

#[test]
fn trusted_is_no_ordinary_attribute() {
    for occasion in [Occasion::Set, Occasion::Copy] {
        let minted = set(Mode::Standard, occasion, &[], &[(A::TRUSTED, true)]);
        assert_eq!(minted.err(), Some(Error::AttributeReadOnly));
    }
}

#[test]
fn unknown_and_foreign_attributes_are_refused() {
    assert_eq!(set(Mode::Enforce, Occasion::Set, &[], &[(A(0x7777), true)]).err(), Some(Error::AttributeTypeInvalid));
    assert_eq!(
        set(Mode::Enforce, Occasion::Set, &[], &[(A::SIGN_RECOVER, true)]).err(),
        Some(Error::TemplateInconsistent)
    );
}

fn private_key(flags: &[(A, bool)]) -> Template {
    let mut template = key(flags);
    template.set(A::CLASS, Value::Ulong(ObjectClass::PrivateKey.id()));
    template.set(A::KEY_TYPE, Value::Ulong(KeyType::Rsa.id()));
    template.remove(A::TRUSTED);
    template
}

#[test]
fn r2_a_key_that_asks_for_the_pin_gets_no_usage_that_cannot_ask() {
    for occasion in [Occasion::Set, Occasion::Copy] {
        let change = |mode, present: &[(A, bool)], wanted: (A, bool)| {
            let mut attributes = private_key(present);
            let template = Template::from_list([(wanted.0, Value::Bool(wanted.1))]).unwrap();
            apply(Rulebook::of(mode), occasion, &mut attributes, &template).map_err(|refusal| refusal.error)
        };
        let asking = [(A::ALWAYS_AUTHENTICATE, true)];
        for usage in [A::UNWRAP, A::DERIVE] {
            assert_eq!(change(Mode::Enforce, &asking, (usage, true)), Err(Error::AttributeReadOnly), "{usage:?}");
            assert_eq!(change(Mode::Enforce, &asking, (usage, false)), Ok(()));
            assert_eq!(change(Mode::Enforce, &[(A::ALWAYS_AUTHENTICATE, false)], (usage, true)), Ok(()));
            assert_eq!(change(Mode::Standard, &asking, (usage, true)), Ok(()));
        }
        assert_eq!(change(Mode::Enforce, &asking, (A::SIGN, true)), Ok(()));
        for mode in Mode::ALL {
            assert_eq!(change(mode, &asking, (A::ALWAYS_AUTHENTICATE, false)), Err(Error::AttributeReadOnly));
        }
    }
    let mut public = private_key(&[(A::ALWAYS_AUTHENTICATE, true)]);
    let template = Template::from_list([(A::PRIVATE, Value::Bool(false))]).unwrap();
    let copied = apply(Rulebook::of(Mode::Standard), Occasion::Copy, &mut public, &template);
    assert_eq!(copied.map_err(|refusal| refusal.error), Err(Error::TemplateInconsistent));
}

#[test]
fn each_refusal_of_a_copy_names_its_rule() {
    let copy = |present: &[(A, bool)], wanted: (A, bool)| {
        let mut attributes = key(present);
        let template = Template::from_list([(wanted.0, Value::Bool(wanted.1))]).unwrap();
        let copied = apply(Rulebook::of(Mode::Enforce), Occasion::Copy, &mut attributes, &template);
        copied.map_err(|refusal| (refusal.error, refusal.rule))
    };
    let read_only = |rule| Err((Error::AttributeReadOnly, rule));
    assert_eq!(copy(&[(A::SENSITIVE, true)], (A::SENSITIVE, false)), read_only(Rule::R2));
    assert_eq!(copy(&[(A::MODIFIABLE, false)], (A::MODIFIABLE, true)), read_only(Rule::R13));
    assert_eq!(copy(&[], (A::TRUSTED, true)), read_only(Rule::R8));
    assert_eq!(copy(&[(A::TRUSTED, true)], (A::TRUSTED, false)), Ok(()), "R6: it is false anyway");
}
