//! Which calls come next: any at any time, but those oftener that lead somewhere in the state at hand.

use claviger_rules::attribute::USAGES;
use claviger_rules::{AttributeType, KeyType, Mode, ObjectClass, Role, Template, Value};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use crate::call::{Call, Draft, Known, Name, Pair, User};
use crate::known;
use crate::model::State;
use crate::scenes;
use crate::way::{Iv, Way};

/// The reference of a token in `enforce` or in `standard`.
pub(crate) struct Reference<const ENFORCE: bool>;

impl<const ENFORCE: bool> ReferenceStateMachine for Reference<ENFORCE> {
    type State = State;
    type Transition = Call;

    fn init_state() -> BoxedStrategy<State> {
        scenes::any(if ENFORCE { Mode::Enforce } else { Mode::Standard })
    }

    fn transitions(state: &State) -> BoxedStrategy<Call> {
        calls(state)
    }

    fn apply(mut state: State, call: &Call) -> State {
        state.step(call);
        state
    }

    fn preconditions(state: &State, call: &Call) -> bool {
        state.can_foretell(call)
    }
}

type Weighted = Vec<(u32, BoxedStrategy<Call>)>;

fn calls(state: &State) -> BoxedStrategy<Call> {
    let mut all = Weighted::new();
    sessions(state, &mut all);
    births(state, &mut all);
    if state.ever().next().is_some() {
        changes(state, &mut all);
        uses(state, &mut all);
    }
    if state.ever().next().is_some() && state.strings().next().is_some() {
        openings(state, &mut all);
    }
    Union::new_weighted(all).boxed()
}

/// Logins cost more than everything else together, so they are rare; turns are not.
fn sessions(state: &State, all: &mut Weighted) {
    let seat = state.seat();
    let user = select(User::ALL.to_vec());
    all.push((16, user.clone().prop_map(Call::Turn).boxed()));
    all.push((if seat.login.is_none() { 20 } else { 1 }, user.prop_map(Call::Login).boxed()));
    all.push((1, Just(Call::Logout).boxed()));
    let reopen = prop::bool::weighted(0.5).prop_map(|writable| Call::Reopen { writable }).boxed();
    all.push((if seat.writable { 1 } else { 8 }, reopen));
}

fn births(state: &State, all: &mut Weighted) {
    let (one, other) = (state.free_name(0), state.free_name(1));
    let role = state.seat().login.map(User::role);
    let generate = generated(role).prop_map(move |template| Call::Generate { key: one, template: template.0 });
    all.push((14, generate.boxed()));
    let create = created().prop_map(move |template| Call::Create { key: one, template: template.0 });
    all.push((8, create.boxed()));
    let pair = (prop::bool::weighted(0.03), half(), half()).prop_map(move |(rsa, public, private)| {
        let pair = if rsa { Pair::Rsa } else { Pair::Ec };
        Call::Pair { public: one, private: other, pair, templates: (known::public_half(pair, public.0), private.0) }
    });
    all.push((2, pair.boxed()));
}

fn changes(state: &State, all: &mut Weighted) {
    let role = state.seat().login.map(User::role);
    let any = names(state, |_| false);
    let copy = state.free_name(0);
    let set = (any.clone(), settings(role)).prop_map(|(object, template)| Call::Set { object, template: template.0 });
    all.push((if role == Some(Role::SecurityOfficer) { 24 } else { 10 }, set.boxed()));
    let copied =
        (any.clone(), weaker()).prop_map(move |(source, template)| Call::Copy { copy, source, template: template.0 });
    all.push((6, copied.boxed()));
    all.push((2, any.clone().prop_map(|object| Call::Destroy { object }).boxed()));
    all.push((5, any.clone().prop_map(|object| Call::Read { object }).boxed()));
    all.push((2, any.prop_map(|key| Call::Digest { key }).boxed()));
    all.push((1, (0..Known::COUNT).prop_map(|value| Call::Find { value: Known(value) }).boxed()));
}

fn uses(state: &State, all: &mut Weighted) {
    let new = state.free_name(0);
    let any = || names(state, |_| false);
    let wrapping = names(state, |attributes| attributes.flag(AttributeType::WRAP));
    let wrap = (ways(), wrapping, any()).prop_map(move |(way, under, key)| Call::Wrap { blob: new, way, under, key });
    all.push((24, wrap.boxed()));
    let encrypting = names(state, |attributes| attributes.flag(AttributeType::ENCRYPT));
    let encrypt = (ways(), encrypting, 0..Known::COUNT).prop_map(move |(way, key, data)| Call::Encrypt {
        blob: new,
        way: plainly(way),
        key,
        data: Known(data),
    });
    all.push((4, encrypt.boxed()));
    let deriving = names(state, |attributes| attributes.flag(AttributeType::DERIVE));
    let derive = (deriving, prop::option::weighted(0.3, any()), derived())
        .prop_map(move |(base, salt, template)| Call::Derive { key: new, base, salt, template: template.0 });
    all.push((5, derive.boxed()));
}

fn openings(state: &State, all: &mut Weighted) {
    let new = state.free_name(0);
    let sealed: Vec<(Name, Option<Way>)> = state.strings().map(|name| (name, state.sealed_by(name))).collect();
    let string = || (select(sealed.clone()), ways(), prop::bool::weighted(0.8));
    // Mostly as it was sealed.
    let pick = |((blob, sealed), other, same): ((Name, Option<Way>), Way, bool)| {
        (blob, plainly(sealed.filter(|_| same).unwrap_or(other)))
    };
    let unwrapping = names(state, |attributes| attributes.flag(AttributeType::UNWRAP));
    let unwrap = (string().prop_map(pick), unwrapping, unwrapped()).prop_map(move |((blob, way), under, template)| {
        Call::Unwrap { key: new, way, under, blob, template: template.0 }
    });
    all.push((24, unwrap.boxed()));
    let decrypting = || names(state, |attributes| attributes.flag(AttributeType::DECRYPT));
    let decrypt = (string().prop_map(pick), decrypting()).prop_map(move |((blob, way), key)| Call::Decrypt {
        plain: new,
        way,
        key,
        blob,
    });
    all.push((14, decrypt.boxed()));
    let peel = (string().prop_map(pick), decrypting()).prop_map(|((blob, _), key)| Call::Peel { key, blob });
    all.push((8, peel.boxed()));
}

/// Where the IV is the attacker's to name, and cannot be asked for.
const fn plainly(way: Way) -> Way {
    match way {
        Way::Gcm(Iv::Asked, tag) => Way::Gcm(Iv::Zero, tag),
        other => other,
    }
}

/// An object: mostly one that the user sees, oftener one that `fits`, now and then one that is hidden or gone.
fn names(state: &State, fits: fn(&Template) -> bool) -> impl Strategy<Value = Name> + Clone + use<> {
    let mut list: Vec<Name> = state.ever().collect();
    for (name, held) in state.objects().filter(|(_, held)| state.sees(held)) {
        let times = if fits(&held.object.attributes) { 14 } else { 6 };
        list.extend(core::iter::repeat_n(name, times));
    }
    select(list)
}

fn ways() -> impl Strategy<Value = Way> + Clone {
    prop_oneof![
        5 => Just(Way::Kw),
        4 => Just(Way::Kwp),
        3 => Just(Way::Gcm(Iv::Zero, 128)),
        1 => Just(Way::Gcm(Iv::Asked, 128)),
        2 => Just(Way::Gcm(Iv::Own, 128)),
        1 => Just(Way::Gcm(Iv::Zero, 32)),
        1 => Just(Way::Gcm(Iv::Own, 0)),
        2 => Just(Way::Cbc),
        2 => Just(Way::CbcPad),
        3 => Just(Way::Ecb),
        2 => Just(Way::Oaep),
    ]
}

/// A flag, in how many of a hundred templates it is named, and in how many of those it is true.
type Flag = (AttributeType, u8, u8);

/// What every hostile template may name.
const HOSTILE: &[Flag] = &[
    (AttributeType::TOKEN, 60, 70),
    (AttributeType::SENSITIVE, 40, 60),
    (AttributeType::EXTRACTABLE, 50, 75),
    (AttributeType::WRAP_WITH_TRUSTED, 25, 60),
    (AttributeType::TRUSTED, 6, 50),
    (AttributeType::LOCAL, 2, 90),
    (AttributeType::ALWAYS_SENSITIVE, 2, 90),
    (AttributeType::NEVER_EXTRACTABLE, 2, 90),
    (AttributeType::MODIFIABLE, 8, 50),
    (AttributeType::COPYABLE, 8, 50),
    (AttributeType::PRIVATE, 8, 50),
];

/// The same without what a secret key alone has.
const HALF: &[Flag] = &[
    (AttributeType::TOKEN, 40, 70),
    (AttributeType::MODIFIABLE, 10, 50),
    (AttributeType::COPYABLE, 10, 50),
    (AttributeType::PRIVATE, 10, 50),
];

fn flags(list: &[Flag]) -> impl Strategy<Value = Draft> + use<> {
    let each = |(attribute, named, set): &Flag| {
        let attribute = *attribute;
        let value = prop::bool::weighted(f64::from(*set) / 100.0);
        let given = prop::option::weighted(f64::from(*named) / 100.0, value);
        given.prop_map(move |flag| flag.map(|flag| (attribute, flag)))
    };
    let all: Vec<_> = list.iter().map(each).collect();
    all.prop_map(|given| template(given.into_iter().flatten().map(|(attribute, flag)| (attribute, Value::Bool(flag)))))
}

fn template(list: impl IntoIterator<Item = (AttributeType, Value)>) -> Draft {
    let mut draft = Draft::default();
    for (attribute, value) in list {
        draft.0.set(attribute, value);
    }
    draft
}

fn both(one: Draft, other: Draft) -> Draft {
    let mut both = one;
    other.0.iter().for_each(|(attribute, value)| both.0.set(attribute, value.clone()));
    both
}

fn truths(list: &[AttributeType]) -> Draft {
    template(list.iter().map(|attribute| (*attribute, Value::Bool(true))))
}

/// Usages: none named, the usual pairs, the deadly pairs, any.
fn usages() -> impl Strategy<Value = Draft> {
    use AttributeType as A;
    let some = prop::sample::subsequence(USAGES.to_vec(), 0..4).prop_map(|list| truths(&list));
    prop_oneof![
        3 => Just(Draft::default()),
        2 => Just(truths(&[A::ENCRYPT, A::DECRYPT])),
        3 => Just(truths(&[A::WRAP, A::UNWRAP])),
        2 => Just(truths(&[A::WRAP, A::DECRYPT])),
        1 => Just(truths(&[A::UNWRAP, A::ENCRYPT])),
        1 => Just(truths(&[A::WRAP, A::UNWRAP, A::ENCRYPT, A::DECRYPT, A::DERIVE])),
        2 => some,
    ]
}

/// A template that a key carries.
fn carried() -> impl Strategy<Value = Draft> {
    use AttributeType as A;
    let attribute =
        prop_oneof![4 => Just(A::UNWRAP_TEMPLATE), 1 => Just(A::WRAP_TEMPLATE), 1 => Just(A::DERIVE_TEMPLATE)];
    let inside = flags(&[
        (A::WRAP_WITH_TRUSTED, 40, 60),
        (A::SENSITIVE, 40, 70),
        (A::EXTRACTABLE, 30, 50),
        (A::TRUSTED, 5, 90),
        (A::DECRYPT, 20, 80),
        (A::TOKEN, 20, 50),
    ]);
    let carried =
        (attribute, inside).prop_map(|(attribute, inside)| template([(attribute, Value::Template(inside.0))]));
    prop::option::weighted(0.15, carried).prop_map(Option::unwrap_or_default)
}

fn lengths() -> impl Strategy<Value = Draft> {
    let lengths = prop_oneof![
        10 => Just(Some(32)),
        4 => Just(Some(16)),
        2 => Just(Some(24)),
        1 => Just(Some(8)),
        1 => Just(None),
    ];
    lengths.prop_map(|len| template(len.map(|len| (AttributeType::VALUE_LEN, Value::Ulong(len)))))
}

/// For C_GenerateKey: half the time what the role is there for, half the time anything.
fn generated(role: Option<Role>) -> BoxedStrategy<Draft> {
    use AttributeType as A;
    let token = truths(&[A::TOKEN]);
    let sane = match role {
        Some(Role::KeyManager) => both(token, truths(&[A::WRAP, A::UNWRAP])),
        _ => both(token, truths(&[A::SENSITIVE, A::EXTRACTABLE])),
    };
    let sane = both(sane, template([(A::VALUE_LEN, Value::Ulong(32))]));
    let anything = (flags(HOSTILE), usages(), carried(), lengths())
        .prop_map(|(flags, usages, carried, len)| both(both(flags, usages), both(carried, len)));
    prop_oneof![1 => Just(sane), 2 => anything].boxed()
}

fn class(class: ObjectClass, key_type: KeyType) -> Draft {
    template([(AttributeType::CLASS, Value::Ulong(class.id())), (AttributeType::KEY_TYPE, Value::Ulong(key_type.id()))])
}

/// For C_CreateObject: a secret of known value, or the public half of an RSA key that the attacker made.
fn created() -> impl Strategy<Value = Draft> {
    let secret = (0..Known::COUNT, prop::bool::weighted(0.8), flags(HOSTILE), usages(), carried()).prop_map(
        |(known, aes, flags, usages, carried)| {
            let key_type = if aes { KeyType::Aes } else { KeyType::GenericSecret };
            let value = template([(AttributeType::VALUE, Value::bytes(Known(known).bytes()))]);
            let known = both(class(ObjectClass::SecretKey, key_type), value);
            both(known, both(both(flags, usages), carried))
        },
    );
    let uses = prop_oneof![
        Just(truths(&[AttributeType::WRAP])),
        Just(truths(&[AttributeType::ENCRYPT, AttributeType::TRUSTED]))
    ];
    let public = (flags(HALF), uses).prop_map(|(flags, uses)| {
        both(both(class(ObjectClass::PublicKey, KeyType::Rsa), Draft(known::rsa_public())), both(flags, uses))
    });
    prop_oneof![5 => secret, 1 => public]
}

fn half() -> impl Strategy<Value = Draft> {
    flags(HALF)
}

/// For C_UnwrapKey: the true class and type and others.
fn unwrapped() -> impl Strategy<Value = Draft> {
    let kinds = prop_oneof![
        12 => Just(class(ObjectClass::SecretKey, KeyType::Aes)),
        4 => Just(class(ObjectClass::SecretKey, KeyType::GenericSecret)),
        2 => Just(class(ObjectClass::PrivateKey, KeyType::Ec)),
        1 => Just(class(ObjectClass::PrivateKey, KeyType::Rsa)),
        1 => Just(Draft::default()),
    ];
    let shorter = prop::option::weighted(0.15, prop_oneof![Just(16), Just(32)])
        .prop_map(|len| template(len.map(|len| (AttributeType::VALUE_LEN, Value::Ulong(len)))));
    let anything = (flags(HOSTILE), carried()).prop_map(|(flags, carried)| both(flags, carried));
    let more = prop_oneof![1 => Just(Draft::default()), 1 => anything];
    (kinds, shorter, more, usages()).prop_map(|(kind, len, more, usages)| both(both(kind, len), both(more, usages)))
}

/// For C_DeriveKey.
fn derived() -> impl Strategy<Value = Draft> {
    let key_type = prop_oneof![3 => Just(Some(KeyType::Aes)), 1 => Just(Some(KeyType::GenericSecret)), 1 => Just(None)];
    let key_type =
        key_type.prop_map(|key_type| template(key_type.map(|it| (AttributeType::KEY_TYPE, Value::Ulong(it.id())))));
    (key_type, lengths(), flags(HOSTILE), usages())
        .prop_map(|(key_type, len, flags, usages)| both(both(key_type, len), both(flags, usages)))
}

/// For C_CopyObject and C_SetAttributeValue: whatever may weaken.
fn weaker() -> impl Strategy<Value = Draft> {
    use AttributeType as A;
    flags(&[
        (A::TOKEN, 15, 50),
        (A::SENSITIVE, 15, 30),
        (A::EXTRACTABLE, 15, 50),
        (A::WRAP_WITH_TRUSTED, 15, 40),
        (A::ENCRYPT, 15, 80),
        (A::DECRYPT, 15, 80),
        (A::WRAP, 15, 80),
        (A::UNWRAP, 10, 80),
        (A::DERIVE, 10, 80),
        (A::TRUSTED, 4, 50),
        (A::MODIFIABLE, 5, 50),
        (A::COPYABLE, 5, 50),
        (A::PRIVATE, 5, 50),
        (A::LOCAL, 1, 50),
    ])
}

/// For C_SetAttributeValue: trust by those who may, shares by those who may, and both by those who may not.
fn settings(role: Option<Role>) -> BoxedStrategy<Draft> {
    let trust =
        prop::bool::weighted(0.7).prop_map(|trusted| template([(AttributeType::TRUSTED, Value::Bool(trusted))]));
    let names = prop::sample::subsequence(vec!["app1", "app2", "kim", "so"], 0..3);
    let share = names.prop_map(|names| {
        template([(AttributeType::CLAVIGER_SHARED_WITH, Value::bytes(names.join("\0").into_bytes()))])
    });
    let (trusts, shares) = match role {
        Some(Role::SecurityOfficer) => (12, 1),
        Some(Role::KeyManager) => (1, 8),
        _ => (1, 1),
    };
    prop_oneof![trusts => trust, shares => share, 6 => weaker()].boxed()
}
