//! Births, rule by rule: what a template becomes, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity, reason = "a test says so by failing")]

use claviger_rules::birth::{Birth, Newborn, Origin, bear, check_size};
use claviger_rules::policy::Subject;
use claviger_rules::{
    AttributeType as A, Calling, Error, KeyType, MechanismType, Mode, Object, ObjectClass, Refusal, Role, Rule,
    Rulebook, Template, UserId, Value,
};

const USER: UserId = UserId(7);

fn subject(role: Role, mode: Mode) -> Subject {
    Subject::new(Some((USER, role)), Rulebook::of(mode), true)
}

fn nu() -> Subject {
    subject(Role::NormalUser, Mode::Enforce)
}

fn km() -> Subject {
    subject(Role::KeyManager, Mode::Enforce)
}

fn generate_aes() -> Origin<'static> {
    Origin {
        birth: Birth::Generate,
        class: Some(ObjectClass::SecretKey),
        key_type: Some(KeyType::Aes),
        mechanism: Some(MechanismType::AES_KEY_GEN),
        parents: &[],
    }
}

fn unwrap_under<'a>(parents: &'a [&'a Object]) -> Origin<'a> {
    Origin { birth: Birth::Unwrap, class: None, key_type: None, mechanism: None, parents }
}

fn derive_from<'a>(parents: &'a [&'a Object]) -> Origin<'a> {
    let class = Some(ObjectClass::SecretKey);
    Origin { birth: Birth::Derive, class, key_type: Some(KeyType::GenericSecret), mechanism: None, parents }
}

fn template(flags: &[(A, bool)]) -> Template {
    Template::from_list(flags.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap()
}

fn aes(flags: &[(A, bool)]) -> Template {
    let mut template = template(flags);
    template.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
    template.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
    template
}

fn born(subject: &Subject, origin: &Origin<'_>, template: Template) -> Result<Newborn, Refusal> {
    bear(subject, origin, template)
}

/// The flags SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED of what is born, as three letters; capital is true.
fn protection(newborn: &Newborn) -> String {
    [(A::SENSITIVE, 's'), (A::EXTRACTABLE, 'e'), (A::WRAP_WITH_TRUSTED, 'w')]
        .into_iter()
        .map(
            |(attribute, letter)| if newborn.attributes.flag(attribute) { letter.to_ascii_uppercase() } else { letter },
        )
        .collect()
}

fn refusal<T>(outcome: Result<T, Refusal>) -> (Error, Rule) {
    let refusal = outcome.err().expect("it should have been refused");
    (refusal.error, refusal.rule)
}

#[test]
fn r1_sensitive_and_extractable_together_imply_wrap_with_trusted() {
    let none = None;
    let table: &[(Option<bool>, Option<bool>, Option<bool>, Result<&str, Error>)] = &[
        // sensitive   extractable  wwt          becomes
        (none, none, none, Ok("Sew")),
        (none, Some(true), none, Ok("SEW")),
        (none, Some(false), none, Ok("Sew")),
        (Some(true), none, none, Ok("Sew")),
        (Some(true), Some(true), none, Ok("SEW")),
        (Some(true), Some(true), Some(true), Ok("SEW")),
        (Some(true), Some(true), Some(false), Err(Error::TemplateInconsistent)),
        (none, Some(true), Some(false), Err(Error::TemplateInconsistent)),
        (Some(true), Some(false), Some(false), Ok("Sew")),
        (Some(true), Some(false), Some(true), Ok("SeW")),
        (Some(false), none, none, Ok("sEw")),
        (Some(false), Some(false), none, Ok("sew")),
        (Some(false), Some(true), none, Ok("sEw")),
        (Some(false), Some(true), Some(true), Err(Error::TemplateInconsistent)),
        (none, none, Some(true), Ok("SeW")),
    ];
    for (sensitive, extractable, wwt, expected) in table {
        let mut flags = Vec::new();
        flags.extend(sensitive.map(|flag| (A::SENSITIVE, flag)));
        flags.extend(extractable.map(|flag| (A::EXTRACTABLE, flag)));
        flags.extend(wwt.map(|flag| (A::WRAP_WITH_TRUSTED, flag)));
        let outcome = born(&nu(), &generate_aes(), template(&flags));
        let seen = outcome.map(|newborn| protection(&newborn)).map_err(|refusal| refusal.error);
        assert_eq!(seen.as_deref().map_err(|error| *error), *expected, "{sensitive:?} {extractable:?} {wwt:?}");
    }
}

#[test]
fn r1_binds_no_plain_token() {
    let newborn = born(
        &subject(Role::NormalUser, Mode::Standard),
        &generate_aes(),
        template(&[(A::SENSITIVE, true), (A::EXTRACTABLE, true)]),
    );
    assert_eq!(protection(&newborn.unwrap()), "SEw");
}

#[test]
fn an_unwrapped_key_is_extractable_unless_told_otherwise() {
    let wrapper = object(&[(A::UNWRAP, true)], Calling::Data);
    let newborn = born(&nu(), &unwrap_under(&[&wrapper]), aes(&[])).unwrap();
    assert_eq!(protection(&newborn), "SEW");
}

fn pair(key_type: KeyType) -> Origin<'static> {
    let class = Some(ObjectClass::PrivateKey);
    Origin { birth: Birth::Pair, class, key_type: Some(key_type), mechanism: None, parents: &[] }
}

#[test]
fn r2_a_key_that_asks_for_the_pin_never_leaves_unwraps_or_derives() {
    let asking = |flags: &[(A, bool)]| template(&[flags, &[(A::ALWAYS_AUTHENTICATE, true)]].concat());
    for key_type in [KeyType::Rsa, KeyType::Ec] {
        let born_of = |flags: &[(A, bool)]| born(&nu(), &pair(key_type), asking(flags));
        let silent = born_of(&[]).unwrap().attributes;
        for (attribute, expected) in
            [(A::SIGN, true), (A::UNWRAP, false), (A::DERIVE, false), (A::EXTRACTABLE, false), (A::PRIVATE, true)]
        {
            assert_eq!(silent.flag(attribute), expected, "{attribute:?} of {key_type:?}");
        }
        for contradiction in [A::EXTRACTABLE, A::UNWRAP, A::DERIVE] {
            let refused = refusal(born_of(&[(contradiction, true)]));
            assert_eq!(refused, (Error::TemplateInconsistent, Rule::R2), "{contradiction:?}");
            assert!(born_of(&[(contradiction, false)]).is_ok());
        }
        assert!(!born_of(&[(A::SENSITIVE, false)]).unwrap().attributes.flag(A::EXTRACTABLE));
        assert!(born_of(&[(A::PRIVATE, false)]).unwrap().attributes.flag(A::PRIVATE), "rule R17");
    }
    let secret = born(&nu(), &generate_aes(), template(&[(A::ALWAYS_AUTHENTICATE, true)]));
    assert_eq!(refusal(secret).0, Error::TemplateInconsistent, "secret keys do not have the attribute");
}

#[test]
fn outside_enforce_a_key_that_asks_for_the_pin_is_private_and_otherwise_free() {
    let plain = subject(Role::NormalUser, Mode::Standard);
    let all = [(A::ALWAYS_AUTHENTICATE, true), (A::EXTRACTABLE, true), (A::UNWRAP, true), (A::DERIVE, true)];
    assert!(born(&plain, &pair(KeyType::Rsa), template(&all)).is_ok());
    let silent = born(&plain, &pair(KeyType::Rsa), template(&all[..1])).unwrap();
    assert!(silent.attributes.flag(A::UNWRAP));
    let public = born(&plain, &pair(KeyType::Rsa), template(&[(A::ALWAYS_AUTHENTICATE, true), (A::PRIVATE, false)]));
    assert_eq!(refusal(public), (Error::TemplateInconsistent, Rule::Standard));
}

#[test]
fn r4_a_key_manager_makes_a_candidate_by_naming_wrap() {
    let newborn = born(&km(), &generate_aes(), template(&[(A::WRAP, true), (A::UNWRAP, true)])).unwrap();
    assert_eq!(newborn.calling, Calling::Wrapping);
    for (attribute, expected) in [
        (A::TOKEN, true),
        (A::PRIVATE, true),
        (A::SENSITIVE, true),
        (A::EXTRACTABLE, false),
        (A::COPYABLE, false),
        (A::MODIFIABLE, false),
        (A::ENCRYPT, false),
        (A::DECRYPT, false),
        (A::SIGN, false),
        (A::VERIFY, false),
        (A::DERIVE, false),
        (A::TRUSTED, false),
        (A::WRAP, true),
        (A::UNWRAP, true),
        (A::NEVER_EXTRACTABLE, true),
        (A::ALWAYS_SENSITIVE, true),
        (A::LOCAL, true),
    ] {
        assert_eq!(newborn.attributes.flag_given(attribute), Some(expected), "{:?}", attribute.row());
    }
    assert_eq!(newborn.attributes.ulong(A::VALUE_LEN), Some(32));
}

#[test]
fn r4_what_contradicts_a_candidate_is_refused() {
    for contradiction in [
        (A::TOKEN, false),
        (A::SENSITIVE, false),
        (A::EXTRACTABLE, true),
        (A::COPYABLE, true),
        (A::MODIFIABLE, true),
        (A::ENCRYPT, true),
        (A::DECRYPT, true),
        (A::SIGN, true),
        (A::DERIVE, true),
    ] {
        let outcome = born(&km(), &generate_aes(), template(&[(A::WRAP, true), contradiction]));
        assert_eq!(refusal(outcome), (Error::TemplateInconsistent, Rule::R4), "{contradiction:?}");
    }
    let mut short = template(&[(A::WRAP, true)]);
    short.set(A::VALUE_LEN, Value::Ulong(16));
    assert_eq!(refusal(born(&km(), &generate_aes(), short)), (Error::TemplateInconsistent, Rule::R4));
}

#[test]
fn r4_only_a_key_manager_and_only_in_enforce_makes_candidates() {
    let names_wrap = || template(&[(A::WRAP, true)]);
    assert_eq!(born(&nu(), &generate_aes(), names_wrap()).unwrap().calling, Calling::Data);
    for mode in [Mode::Standard, Mode::Audit] {
        let newborn = born(&subject(Role::KeyManager, mode), &generate_aes(), names_wrap()).unwrap();
        assert_eq!(newborn.calling, Calling::Data);
    }
    let imported = Origin { birth: Birth::Create, class: None, key_type: None, mechanism: None, parents: &[] };
    let mut known = aes(&[(A::WRAP, true)]);
    known.set(A::VALUE, Value::bytes([0; 32]));
    assert_eq!(born(&km(), &imported, known).unwrap().calling, Calling::Data);
}

#[test]
fn r4_a_key_manager_who_names_no_usage_gets_all_but_wrapping() {
    let newborn = born(&km(), &generate_aes(), Template::new()).unwrap();
    assert_eq!(newborn.calling, Calling::Data);
    assert!(newborn.attributes.flag(A::ENCRYPT) && newborn.attributes.flag(A::SIGN));
    assert!(!newborn.attributes.flag(A::WRAP) && !newborn.attributes.flag(A::UNWRAP));
    let plain = born(&nu(), &generate_aes(), Template::new()).unwrap();
    assert!(plain.attributes.flag(A::WRAP) && plain.attributes.flag(A::ENCRYPT));
}

#[test]
fn usages_not_named_are_false_once_one_is_named() {
    let newborn = born(&nu(), &generate_aes(), template(&[(A::ENCRYPT, true)])).unwrap();
    assert!(newborn.attributes.flag(A::ENCRYPT));
    for usage in [A::DECRYPT, A::WRAP, A::UNWRAP, A::SIGN, A::VERIFY, A::DERIVE] {
        assert_eq!(newborn.attributes.flag_given(usage), Some(false));
    }
}

#[test]
fn r5_a_candidate_carries_an_unwrap_template_that_protects() {
    let newborn = born(&km(), &generate_aes(), template(&[(A::UNWRAP, true)])).unwrap();
    let Some(Value::Template(carried)) = newborn.attributes.get(A::UNWRAP_TEMPLATE) else { panic!("it carries none") };
    assert!(carried.flag(A::WRAP_WITH_TRUSTED) && carried.flag(A::SENSITIVE));
}

#[test]
fn r5_an_unwrap_template_holds_only_what_the_whitelist_names() {
    let carrying = |flags: &[(A, bool)]| {
        let mut wanted = template(&[(A::WRAP, true)]);
        wanted.set(A::UNWRAP_TEMPLATE, Value::Template(template(flags)));
        born(&km(), &generate_aes(), wanted)
    };
    assert!(carrying(&[(A::EXTRACTABLE, false), (A::DECRYPT, true), (A::TOKEN, true)]).is_ok());
    for bad in [
        (A::TRUSTED, true),
        (A::WRAP_WITH_TRUSTED, false),
        (A::SENSITIVE, false),
        (A::EXTRACTABLE, true),
        (A::PRIVATE, false),
        (A::ALWAYS_AUTHENTICATE, true),
    ] {
        assert_eq!(refusal(carrying(&[bad])), (Error::TemplateInconsistent, Rule::R5), "{bad:?}");
    }
}

#[test]
fn r5_the_carried_template_binds_every_unwrap_whatever_trusted_says() {
    for calling in [Calling::Wrapping, Calling::Retired, Calling::Data] {
        let mut wrapper = object(&[(A::UNWRAP, true)], calling);
        let carried = template(&[(A::WRAP_WITH_TRUSTED, true), (A::SENSITIVE, true)]);
        wrapper.attributes.set(A::UNWRAP_TEMPLATE, Value::Template(carried));
        let silent = born(&nu(), &unwrap_under(&[&wrapper]), aes(&[])).unwrap();
        assert_eq!(protection(&silent), "SEW");
        for contrary in [(A::WRAP_WITH_TRUSTED, false), (A::SENSITIVE, false)] {
            let outcome = born(&nu(), &unwrap_under(&[&wrapper]), aes(&[contrary]));
            let rule = if calling == Calling::Data { Rule::Standard } else { Rule::R5 };
            assert_eq!(refusal(outcome), (Error::TemplateInconsistent, rule), "{contrary:?}");
        }
    }
}

#[test]
fn r6_r8_trust_is_never_born() {
    let wrapper = object(&[(A::UNWRAP, true)], Calling::Wrapping);
    let parents = [&wrapper];
    for origin in [generate_aes(), unwrap_under(&parents)] {
        for who in [nu(), km(), subject(Role::NormalUser, Mode::Standard)] {
            let minted = born(&who, &origin, aes(&[(A::TRUSTED, true)]));
            assert_eq!(refusal(minted).0, Error::AttributeReadOnly);
            let plain = born(&who, &origin, aes(&[(A::TRUSTED, false)])).unwrap();
            assert!(!plain.attributes.flag(A::TRUSTED));
        }
    }
}

#[test]
fn r8_history_is_computed_and_never_given() {
    for attribute in [A::LOCAL, A::ALWAYS_SENSITIVE, A::NEVER_EXTRACTABLE] {
        let outcome = born(&nu(), &generate_aes(), template(&[(attribute, true)]));
        assert_eq!(refusal(outcome).0, Error::AttributeReadOnly, "{:?}", attribute.row());
    }
    let mut forged = Template::new();
    forged.set(A::KEY_GEN_MECHANISM, Value::Ulong(0x1080));
    assert_eq!(refusal(born(&nu(), &generate_aes(), forged)).0, Error::AttributeReadOnly);
    let mut forged = Template::new();
    forged.set(A::UNIQUE_ID, Value::bytes("mine"));
    assert_eq!(refusal(born(&nu(), &generate_aes(), forged)).0, Error::AttributeReadOnly);
}

#[test]
fn r14_protected_keys_have_a_least_size() {
    let protected = template(&[(A::SENSITIVE, true), (A::EXTRACTABLE, false)]);
    let open = template(&[(A::SENSITIVE, false), (A::EXTRACTABLE, true)]);
    let check = |birth, key_type, bits, attributes| {
        check_size(Rulebook::of(Mode::Enforce), birth, key_type, bits, attributes).map_err(|refusal| refusal.error)
    };
    assert_eq!(check(Birth::Create, KeyType::GenericSecret, 120, &protected), Err(Error::KeySizeRange));
    assert_eq!(check(Birth::Create, KeyType::GenericSecret, 128, &protected), Ok(()));
    assert_eq!(check(Birth::Unwrap, KeyType::GenericSecret, 8, &protected), Err(Error::WrappedKeyLenRange));
    assert_eq!(check(Birth::Create, KeyType::Rsa, 1024, &protected), Err(Error::KeySizeRange));
    assert_eq!(check(Birth::Create, KeyType::GenericSecret, 8, &open), Ok(()));
    assert!(check_size(Rulebook::of(Mode::Standard), Birth::Create, KeyType::GenericSecret, 8, &protected).is_ok());
}

#[test]
fn r15_a_derived_key_is_at_least_as_protected_as_its_parents() {
    let wwt = object(&[(A::SENSITIVE, true), (A::EXTRACTABLE, true), (A::WRAP_WITH_TRUSTED, true)], Calling::Data);
    let fixed = object(&[(A::SENSITIVE, true), (A::EXTRACTABLE, false)], Calling::Data);
    let open = object(&[(A::SENSITIVE, false), (A::EXTRACTABLE, true)], Calling::Data);
    let derive = |parents: &[&Object], flags: &[(A, bool)]| {
        born(&nu(), &derive_from(parents), template(flags))
            .map(|newborn| protection(&newborn))
            .map_err(|r| (r.error, r.rule))
    };
    let weaker = Err((Error::TemplateInconsistent, Rule::R15));
    assert_eq!(derive(&[&wwt], &[]).as_deref(), Ok("SeW"));
    assert_eq!(derive(&[&wwt], &[(A::EXTRACTABLE, true)]).as_deref(), Ok("SEW"));
    assert_eq!(derive(&[&wwt], &[(A::SENSITIVE, false)]), weaker);
    assert_eq!(derive(&[&wwt], &[(A::WRAP_WITH_TRUSTED, false)]), weaker);
    assert_eq!(derive(&[&fixed], &[(A::EXTRACTABLE, true)]), weaker);
    assert_eq!(derive(&[&open, &fixed], &[(A::SENSITIVE, false)]), weaker);
    assert_eq!(derive(&[&open], &[(A::SENSITIVE, false), (A::EXTRACTABLE, true)]).as_deref(), Ok("sEw"));
}

/// Section 6.43 of the standard: its derivations inherit in every mode, WRAP_WITH_TRUSTED excepted; the others do not.
#[test]
fn joining_and_cutting_keys_inherits_outside_enforce_as_well() {
    let kept = object(&[(A::SENSITIVE, true), (A::EXTRACTABLE, false), (A::WRAP_WITH_TRUSTED, true)], Calling::Data);
    let open = object(&[(A::EXTRACTABLE, true)], Calling::Data);
    let rows = [
        (MechanismType::CONCATENATE_BASE_AND_KEY, true),
        (MechanismType::CONCATENATE_BASE_AND_DATA, true),
        (MechanismType::CONCATENATE_DATA_AND_BASE, true),
        (MechanismType::XOR_BASE_AND_DATA, true),
        (MechanismType::EXTRACT_KEY_FROM_KEY, true),
        (MechanismType::AES_ECB_ENCRYPT_DATA, false),
        (MechanismType::AES_CBC_ENCRYPT_DATA, false),
        (MechanismType::HKDF_DERIVE, false),
        (MechanismType::ECDH1_DERIVE, false),
    ];
    let plain = subject(Role::NormalUser, Mode::Standard);
    let weak = template(&[(A::SENSITIVE, false), (A::EXTRACTABLE, true)]);
    for (mechanism, inherits) in rows {
        for parents in [[&kept, &open], [&open, &kept]] {
            let origin = Origin { mechanism: Some(mechanism), ..derive_from(&parents) };
            let weaker = born(&plain, &origin, weak.clone()).map(|newborn| protection(&newborn));
            let refused = Err((Error::TemplateInconsistent, Rule::Standard));
            let expected = if inherits { refused } else { Ok("sEw".to_owned()) };
            assert_eq!(weaker.map_err(|refusal| (refusal.error, refusal.rule)), expected, "{mechanism:?}");
            let silent = born(&plain, &origin, template(&[])).unwrap();
            assert_eq!(protection(&silent), "Sew", "{mechanism:?}");
            let strict = born(&nu(), &origin, weak.clone());
            assert_eq!(refusal(strict), (Error::TemplateInconsistent, Rule::R15));
        }
        let parents = [&open];
        let from_open = Origin { mechanism: Some(mechanism), ..derive_from(&parents) };
        assert_eq!(protection(&born(&plain, &from_open, weak.clone()).unwrap()), "sEw", "{mechanism:?}");
    }
}

#[test]
fn r16_templates_that_keys_carry_hold_no_values() {
    for attribute in [A::WRAP_TEMPLATE, A::DERIVE_TEMPLATE, A::UNWRAP_TEMPLATE] {
        for value in [A::VALUE, A::CHECK_VALUE, A::PRIVATE_EXPONENT] {
            let mut nested = Template::new();
            nested.set(value, Value::bytes([1, 2, 3]));
            let mut wanted = Template::new();
            wanted.set(attribute, Value::Template(nested));
            assert_eq!(refusal(born(&nu(), &generate_aes(), wanted)), (Error::TemplateInconsistent, Rule::R16));
        }
    }
}

#[test]
fn r17_secret_keys_are_private_whatever_the_template_says() {
    let newborn = born(&nu(), &generate_aes(), template(&[(A::PRIVATE, false)])).unwrap();
    assert!(newborn.attributes.flag(A::PRIVATE));
    let plain = born(&subject(Role::NormalUser, Mode::Standard), &generate_aes(), template(&[(A::PRIVATE, false)]));
    assert!(!plain.unwrap().attributes.flag(A::PRIVATE));
}

#[test]
fn class_and_type_must_agree_with_the_mechanism() {
    let mut wrong = Template::new();
    wrong.set(A::KEY_TYPE, Value::Ulong(KeyType::GenericSecret.id()));
    assert_eq!(refusal(born(&nu(), &generate_aes(), wrong)).0, Error::TemplateInconsistent);
    let mut foreign = Template::new();
    foreign.set(A::KEY_TYPE, Value::Ulong(0x15));
    assert_eq!(refusal(born(&nu(), &generate_aes(), foreign)).0, Error::TemplateInconsistent, "CKK_DES3");
    let create = Origin { birth: Birth::Create, class: None, key_type: None, mechanism: None, parents: &[] };
    assert_eq!(refusal(born(&nu(), &create, Template::new())).0, Error::TemplateIncomplete);
    let mut unknown = Template::new();
    unknown.set(A::CLASS, Value::Ulong(0x999));
    assert_eq!(refusal(born(&nu(), &create, unknown)).0, Error::AttributeValueInvalid);
    assert_eq!(
        refusal(born(&nu(), &generate_aes(), template(&[(A::SIGN_RECOVER, true)]))).0,
        Error::TemplateInconsistent
    );
}

fn object(flags: &[(A, bool)], calling: Calling) -> Object {
    Object {
        attributes: aes(flags),
        owner: Some(USER),
        shared_with: Vec::new(),
        born: Mode::Enforce,
        calling,
        shadow: None,
    }
}
