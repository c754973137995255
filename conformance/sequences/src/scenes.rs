//! Where a sequence begins: on an empty token, or where honest users, or careless ones, have been at work.

use claviger_rules::{AttributeType as A, Mode, ObjectClass, Template, Value};
use proptest::prelude::*;

use crate::call::{Call, Known, Name, Pair, User};
use crate::known::public_half;
use crate::model::State;
use crate::way::Way;

/// One of the scenes, the empty token first: a failure is cut down to it if it can be.
pub(crate) fn any(mode: Mode) -> BoxedStrategy<State> {
    let scene = move |calls: Vec<Call>| Just(State::new(mode).after(calls));
    prop_oneof![
        5 => scene(Vec::new()),
        2 => scene(trusted()),
        4 => scene([trusted(), shared()].concat()),
        2 => scene([trusted(), shared(), retired()].concat()),
        1 => scene([trusted(), shared(), paired()].concat()),
        2 => scene(careless()),
    ]
    .boxed()
}

const WRAPPING: Name = Name(0);
const DATA: Name = Name(1);

fn template(list: &[(A, Value)]) -> Template {
    let mut template = Template::new();
    list.iter().for_each(|(attribute, value)| template.set(*attribute, value.clone()));
    template
}

const YES: Value = Value::Bool(true);
const AES_256: (A, Value) = (A::VALUE_LEN, Value::Ulong(32));

/// The key manager's wrapping key, trusted by the security officer.
fn trusted() -> Vec<Call> {
    let wrapping = template(&[AES_256, (A::TOKEN, YES), (A::WRAP, YES), (A::UNWRAP, YES)]);
    vec![
        Call::Turn(User::Kim),
        Call::Generate { key: WRAPPING, template: wrapping },
        Call::Turn(User::So),
        Call::Set { object: WRAPPING, template: template(&[(A::TRUSTED, YES)]) },
    ]
}

/// The wrapping key shared with both applications, and a data key of the first, wrapped under it.
fn shared() -> Vec<Call> {
    let sharees = Value::bytes(*b"app1\0app2");
    let data = template(&[AES_256, (A::TOKEN, YES), (A::SENSITIVE, YES), (A::EXTRACTABLE, YES)]);
    vec![
        Call::Turn(User::Kim),
        Call::Set { object: WRAPPING, template: template(&[(A::CLAVIGER_SHARED_WITH, sharees)]) },
        Call::Turn(User::App1),
        Call::Generate { key: DATA, template: data },
        Call::Wrap { blob: Name(2), way: Way::Kw, under: WRAPPING, key: DATA },
    ]
}

/// A private key of the first application, wrapped under it too.
fn paired() -> Vec<Call> {
    let public = public_half(Pair::Ec, template(&[(A::TOKEN, YES)]));
    let private = template(&[(A::TOKEN, YES), (A::SENSITIVE, YES), (A::EXTRACTABLE, YES)]);
    let (public, private) = ((Name(3), public), (Name(4), private));
    vec![
        Call::Turn(User::App1),
        Call::Pair { public: public.0, private: private.0, pair: Pair::Ec, templates: (public.1, private.1) },
        Call::Wrap { blob: Name(5), way: Way::Kwp, under: WRAPPING, key: private.0 },
    ]
}

/// The wrapping key retired.
fn retired() -> Vec<Call> {
    vec![
        Call::Turn(User::So),
        Call::Set { object: WRAPPING, template: template(&[(A::TRUSTED, Value::Bool(false))]) },
        Call::Turn(User::App1),
    ]
}

/// A key that wraps and decrypts, one of known value, and data keys to lose.
fn careless() -> Vec<Call> {
    let deadly = template(&[AES_256, (A::WRAP, YES), (A::UNWRAP, YES), (A::ENCRYPT, YES), (A::DECRYPT, YES)]);
    let data = template(&[AES_256, (A::TOKEN, YES), (A::EXTRACTABLE, YES), (A::ENCRYPT, YES), (A::DERIVE, YES)]);
    let open = template(&[AES_256, (A::SENSITIVE, Value::Bool(false)), (A::EXTRACTABLE, YES)]);
    let planted = template(&[
        (A::CLASS, Value::Ulong(ObjectClass::SecretKey.id())),
        (A::KEY_TYPE, Value::Ulong(claviger_rules::KeyType::Aes.id())),
        (A::VALUE, Value::bytes(Known(1).bytes())),
        (A::WRAP, YES),
    ]);
    vec![
        Call::Turn(User::App1),
        Call::Generate { key: Name(0), template: deadly },
        Call::Generate { key: Name(1), template: data },
        Call::Generate { key: Name(2), template: open },
        Call::Create { key: Name(3), template: planted },
    ]
}

/// The classic of Clulow, with which the oracle is tried: wrap under {WRAP, DECRYPT}, then decrypt.
pub(crate) fn wrap_then_decrypt() -> Vec<Call> {
    let deadly = template(&[AES_256, (A::WRAP, YES), (A::DECRYPT, YES)]);
    let data = template(&[AES_256, (A::SENSITIVE, YES), (A::EXTRACTABLE, YES)]);
    vec![
        Call::Turn(User::App1),
        Call::Generate { key: Name(0), template: deadly },
        Call::Generate { key: Name(1), template: data },
        Call::Wrap { blob: Name(2), way: Way::Ecb, under: Name(0), key: Name(1) },
        Call::Decrypt { plain: Name(3), way: Way::Ecb, key: Name(0), blob: Name(2) },
    ]
}
