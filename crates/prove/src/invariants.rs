//! What must hold of every state that an object can reach and of every step, in the words of `docs/ROLES.md`.

use claviger_rules::{AttributeType as A, Calling, KeyType, Object, ObjectClass, Role};

use crate::alphabet::USAGES;
use crate::universe::{Born, Call, Edge, How, State, StateId, Universe, User};

/// A property and how often it was looked at.
pub struct Shown {
    /// `I5` and the like.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// How many states or steps it was asked of.
    pub asked: usize,
    /// The shortest way to one that does not have it, a call a line.
    pub broken: Option<Vec<String>>,
}

/// A property of single states.
type OfState = fn(&Object) -> bool;
/// A property of steps: before, the step, after.
type OfStep = fn(&Object, &Edge, &Object) -> bool;

/// Holds of every state.
pub const STATES: &[(&str, &str, OfState)] = &[
    ("I5", "a TRUSTED key is a local AES key of a key manager, always sensitive, never extractable", trusted_is_fit),
    ("I6", "a key made for trust has no usage but WRAP and UNWRAP", only_wraps),
    ("I14", "SENSITIVE and EXTRACTABLE imply WRAP_WITH_TRUSTED", leaves_only_trusted),
    ("R4", "who makes what may become trusted is a key manager", made_by_a_manager),
    ("R16", "no carried template holds a value or mints trust", carries_nothing_hidden),
    ("R17", "secret and private keys are private", is_private),
];

/// Holds of every step.
pub const STEPS: &[(&str, &str, OfStep)] = &[
    ("I7", "TRUSTED rises only by a security officer, only on a candidate", trust_rises_rightly),
    ("I10", "protection never falls", protection_stays),
    ("I11", "a copy is at least as protected", copy_is_as_protected),
    ("I12", "only the owner changes, copies or shares", only_the_owner),
    ("I8", "a key made for trust has one handle", never_copied),
    ("R2", "what the token computes never changes", history_stays),
];

/// Looks at every state, every step and every birth.
pub fn check(universe: &Universe) -> Vec<Shown> {
    let states = STATES.iter().map(|(name, says, holds)| {
        let broken = find(universe, |state| !holds(&state.object));
        shown(name, says, universe.states.len(), broken.map(|state| universe.way_to(state)))
    });
    let steps = STEPS.iter().map(|(name, says, holds)| of_steps(universe, name, says, *holds));
    states.chain(steps).chain(of_births(universe)).collect()
}

fn of_steps(universe: &Universe, name: &'static str, says: &'static str, holds: OfStep) -> Shown {
    let mut shown = Shown { name, says, asked: 0, broken: None };
    for (number, state) in universe.states.iter().enumerate() {
        for edge in &state.edges {
            let Some(after) = universe.states.get(edge.to) else { continue };
            shown.asked += 1;
            if shown.broken.is_none() && !holds(&state.object, edge, &after.object) {
                let mut way = universe.way_to(number);
                way.push(format!("{:<10} {}", edge.who.name(), universe.show(edge.call)));
                shown.broken = Some(way);
            }
        }
    }
    shown
}

/// Properties of what is generated, imported, unwrapped, derived, and of what keys are used for.
fn of_births(universe: &Universe) -> Vec<Shown> {
    let births = || universe.births.iter().filter_map(|born| Some((born, &universe.states.get(born.state)?.object)));
    let tell = |found: Option<(&Born, _)>| found.map(|(born, _)| universe.way_to(born.state));
    let forged = births().find(|(born, object)| born.how == How::Import && claims_history(object));
    let short = births().find(|(born, object)| born.how == How::GenerateShort && object.is_protected());
    let trusted = births().find(|(_, object)| object.flag(A::TRUSTED));
    vec![
        shown("R2", "no imported key claims to have been generated here", births().count(), tell(forged)),
        shown("R8", "nothing is born TRUSTED", births().count(), tell(trusted)),
        shown("R14", "no protected key is short enough to try", births().count(), tell(short)),
        unwrapped(universe),
        derived(universe),
        retired(universe),
        strict(universe),
        digest(universe),
        roles(universe),
    ]
}

fn shown(name: &'static str, says: &'static str, asked: usize, broken: Option<Vec<String>>) -> Shown {
    Shown { name, says, asked, broken }
}

fn find(universe: &Universe, is_broken: impl Fn(&State) -> bool) -> Option<StateId> {
    universe.states.iter().position(is_broken)
}

/// A state that lets somebody do what nobody may.
fn use_of(universe: &Universe, broken: Option<StateId>, call: &str) -> Option<Vec<String>> {
    broken.map(|state| {
        let mut way = universe.way_to(state);
        way.push(format!("{:<10} {call}", "then"));
        way
    })
}

fn unwrapped(universe: &Universe) -> Shown {
    let says = "what is unwrapped under a key made for trust is sensitive, WRAP_WITH_TRUSTED and untrusted";
    let mut shown = shown("I9", says, 0, None);
    let unwraps = |state: &State| any(state.can.unwrap[0]) || any(state.can.unwrap[1]);
    let made_for_trust = |state: &State| state.object.calling != Calling::Data;
    for (number, state) in
        universe.states.iter().enumerate().filter(|(_, state)| made_for_trust(state) && unwraps(state))
    {
        for heir in universe.unwrapped.get(state.unwraps_to).into_iter().flatten() {
            let Some(object) = universe.states.get(heir.state).map(|state| &state.object) else { continue };
            shown.asked += 1;
            let fit = object.flag(A::SENSITIVE) && object.flag(A::WRAP_WITH_TRUSTED) && !object.flag(A::TRUSTED);
            if !fit && shown.broken.is_none() {
                shown.broken = Some(universe.way_through(number, "C_UnwrapKey", heir));
            }
        }
    }
    shown
}

fn derived(universe: &Universe) -> Shown {
    let mut shown = shown("I11", "a derived key is at least as protected", 0, None);
    for (number, state) in universe.states.iter().enumerate().filter(|(_, state)| any(state.can.derive)) {
        for heir in universe.derived.get(state.derives_to).into_iter().flatten() {
            let Some(child) = universe.states.get(heir.state) else { continue };
            shown.asked += 1;
            if !at_least(&state.object, &child.object) && shown.broken.is_none() {
                shown.broken = Some(universe.way_through(number, "C_DeriveKey", heir));
            }
        }
    }
    shown
}

fn retired(universe: &Universe) -> Shown {
    let out_of_use = |state: &State| state.object.calling != Calling::Data && !state.object.flag(A::TRUSTED);
    let asked = universe.states.iter().filter(|state| out_of_use(state)).count();
    let wraps = |state: &State| out_of_use(state) && (any(state.can.wrap[0]) || any(state.can.wrap[1]));
    let broken = use_of(universe, find(universe, wraps), "C_WrapKey under it");
    shown("I7", "a key made for trust wraps only while it is TRUSTED", asked, broken)
}

fn strict(universe: &Universe) -> Shown {
    let made_for_trust = |state: &State| state.object.calling != Calling::Data;
    let asked = universe.states.iter().filter(|state| made_for_trust(state)).count();
    let loose = |state: &State| made_for_trust(state) && (any(state.can.wrap[1]) || any(state.can.unwrap[1]));
    let loose = use_of(universe, find(universe, loose), "C_WrapKey under it with an IV of the caller's");
    let probed = find(universe, |state| any(state.can.probe));
    let probed = use_of(universe, probed, "C_UnwrapKey under it with a padding that can be probed");
    let says = "under keys made for trust only KW, KWP and GCM with the token's IV; no padding is probed";
    shown("I16", says, asked, loose.or(probed))
}

fn digest(universe: &Universe) -> Shown {
    let digested = find(universe, |state| any(state.can.digest) && state.object.is_protected());
    let broken = use_of(universe, digested, "C_DigestKey of it");
    shown("I15", "no digest depends on a protected value", universe.states.len(), broken)
}

fn roles(universe: &Universe) -> Shown {
    let oversteps = |who: User, may: bool| may && who.role() != Role::NormalUser;
    let misused = find(universe, |state| {
        let on_data = [state.can.decrypt, state.can.derive, state.can.digest];
        let is_secret = state.object.class().is_some_and(ObjectClass::has_secret);
        is_secret && on_data.iter().any(|may| User::ALL.iter().zip(may).any(|(who, may)| oversteps(*who, *may)))
    });
    let broken = use_of(universe, misused, "a key manager or security officer uses it on data");
    shown("role", "only a normal user uses secret and private keys on data", universe.states.len(), broken)
}

/// Whether anybody may.
pub fn any(may: [bool; 3]) -> bool {
    may.contains(&true)
}

fn claims_history(object: &Object) -> bool {
    [A::LOCAL, A::ALWAYS_SENSITIVE, A::NEVER_EXTRACTABLE].iter().any(|attribute| object.flag(*attribute))
}

fn trusted_is_fit(object: &Object) -> bool {
    let fit = object.key_type() == Some(KeyType::Aes)
        && object.owner == Some(User::Kim.id())
        && object.attributes.ulong(A::VALUE_LEN) == Some(32)
        && [A::SENSITIVE, A::ALWAYS_SENSITIVE, A::NEVER_EXTRACTABLE, A::LOCAL].iter().all(|flag| object.flag(*flag))
        && !object.flag(A::EXTRACTABLE);
    !object.flag(A::TRUSTED) || fit
}

fn only_wraps(object: &Object) -> bool {
    let other = USAGES.iter().filter(|usage| !matches!(**usage, A::WRAP | A::UNWRAP));
    object.calling == Calling::Data || other.into_iter().all(|usage| !object.flag(*usage))
}

fn leaves_only_trusted(object: &Object) -> bool {
    !(object.flag(A::SENSITIVE) && object.flag(A::EXTRACTABLE)) || object.flag(A::WRAP_WITH_TRUSTED)
}

fn made_by_a_manager(object: &Object) -> bool {
    object.calling == Calling::Data || (object.owner == Some(User::Kim.id()) && object.flag(A::LOCAL))
}

fn carries_nothing_hidden(object: &Object) -> bool {
    let carried = [A::WRAP_TEMPLATE, A::UNWRAP_TEMPLATE, A::DERIVE_TEMPLATE];
    let nested = carried.iter().filter_map(|attribute| match object.attributes.get(*attribute) {
        Some(claviger_rules::Value::Template(nested)) => Some(nested),
        _ => None,
    });
    nested.into_iter().all(|nested| nested.get(A::VALUE).is_none() && !nested.flag(A::TRUSTED))
}

fn is_private(object: &Object) -> bool {
    object.flag(A::PRIVATE) || !object.class().is_some_and(ObjectClass::has_secret)
}

fn trust_rises_rightly(before: &Object, edge: &Edge, after: &Object) -> bool {
    let rises = !before.flag(A::TRUSTED) && after.flag(A::TRUSTED);
    !rises || (edge.who == User::So && edge.call == Call::Trust && before.calling == Calling::Wrapping)
}

fn at_least(before: &Object, after: &Object) -> bool {
    (after.flag(A::SENSITIVE) || !before.flag(A::SENSITIVE))
        && (!after.flag(A::EXTRACTABLE) || before.flag(A::EXTRACTABLE))
        && (after.flag(A::WRAP_WITH_TRUSTED) || !before.flag(A::WRAP_WITH_TRUSTED))
}

fn protection_stays(before: &Object, edge: &Edge, after: &Object) -> bool {
    matches!(edge.call, Call::Copy(_)) || at_least(before, after)
}

fn copy_is_as_protected(before: &Object, edge: &Edge, after: &Object) -> bool {
    let private = after.flag(A::PRIVATE) || !before.flag(A::PRIVATE);
    let fixed = !after.flag(A::MODIFIABLE) || before.flag(A::MODIFIABLE);
    !matches!(edge.call, Call::Copy(_)) || (at_least(before, after) && private && fixed)
}

fn only_the_owner(before: &Object, edge: &Edge, _after: &Object) -> bool {
    let is_public = !before.flag(A::PRIVATE);
    matches!(edge.call, Call::Trust | Call::Retire)
        || before.owner == Some(edge.who.id())
        || (is_public && edge.who == User::So)
}

fn never_copied(before: &Object, edge: &Edge, _after: &Object) -> bool {
    !matches!(edge.call, Call::Copy(_)) || before.calling == Calling::Data
}

fn history_stays(before: &Object, _edge: &Edge, after: &Object) -> bool {
    [A::LOCAL, A::ALWAYS_SENSITIVE, A::NEVER_EXTRACTABLE, A::KEY_GEN_MECHANISM]
        .iter()
        .all(|attribute| before.attributes.get(*attribute) == after.attributes.get(*attribute))
}

/// An object in a line.
pub fn describe(object: &Object) -> String {
    let flags = [
        A::SENSITIVE,
        A::EXTRACTABLE,
        A::WRAP_WITH_TRUSTED,
        A::TRUSTED,
        A::WRAP,
        A::UNWRAP,
        A::ENCRYPT,
        A::DECRYPT,
        A::DERIVE,
        A::LOCAL,
    ];
    let set = flags.iter().filter(|flag| object.flag(**flag));
    let names: Vec<_> = set.filter_map(|flag| flag.row()).map(|row| row.name).collect();
    let owner = User::ALL.iter().find(|user| Some(user.id()) == object.owner).map_or("nobody", |user| user.name());
    let class = object.class().map(|class| format!("{class:?}")).unwrap_or_default();
    let public = if object.flag(A::PRIVATE) { "" } else { ", not private" };
    format!("a {class} of {owner}, {:?}{public}: {}", object.calling, names.join(" "))
}
