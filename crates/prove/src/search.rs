//! The shortest attack, as API calls: breadth-first search with few keys and handles.
//!
//! The scene: a victim's key kS, whose value the attacker does not know, in the hands of a user that the attacker has taken
//! over. The attacker may make a few more objects. Every call is one of the token's, decided by its policy functions. Calls
//! that only add to what the attacker has (encrypt, decrypt, wrap, read, and all work outside the token) are made as soon
//! as they can be, and a trace shows those that the attack needs.

use std::sync::Arc;

use stateright::{Checker, Model, Property};

use crate::invariants::describe;
use crate::universe::{Call, Edge, Heir, How, StateId, Universe, User};
use claviger_rules::{AttributeType as A, Calling};

/// The most values: the attacker's own, kS, and those that it makes.
pub const VALUES: usize = 4;

/// The scene and its bounds.
pub struct Scene {
    universe: Arc<Universe>,
    victims: Vec<StateId>,
    /// The most handles at a time.
    handles: usize,
}

/// What there is at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment {
    /// Handles: state and value. Value 0 is the attacker's own.
    handles: Vec<(StateId, u8)>,
    /// What each value was derived from; itself if it was not.
    bases: [u8; VALUES],
    /// How many values there are.
    values: u8,
    /// The values that must stay secret, as bits.
    protected: u8,
    /// The values that the attacker knows, as bits.
    known: u8,
    /// Blobs: bit payload x VALUES + key.
    blobs: u16,
}

/// A call that makes or changes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A new object with a new value, or with the attacker's: the birth's number.
    Make(usize),
    /// A change or a copy: handle and step.
    Follow(u8, Edge),
    /// Unwraps the blob of that value under the handle.
    Unwrap(u8, u8, Heir),
    /// Derives from the handle.
    Derive(u8, Heir),
}

/// Something that the attacker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Known(u8),
    Blob(u8, u8),
}

/// How the attacker came to have something: the call, and what it took.
struct Gain {
    fact: Fact,
    call: String,
    took: Vec<Fact>,
}

/// What a search came to.
pub struct Searched {
    /// How many moments were looked at.
    pub moments: usize,
    /// The longest way that was followed.
    pub depth: usize,
    /// Whether there was nothing more to look at within the bounds.
    pub exhausted: bool,
    /// The attack, a call a line.
    pub trace: Option<Vec<String>>,
}

/// Searches the scene with so many handles at a time, at most `limit` moments.
pub fn search(universe: &Arc<Universe>, handles: usize, limit: usize) -> Searched {
    let scene = Scene { victims: victims(universe), universe: Arc::clone(universe), handles };
    let teller = Scene { victims: Vec::new(), universe: Arc::clone(universe), handles };
    let checker = scene.checker().threads(1).target_state_count(limit.max(1)).spawn_bfs().join();
    let trace = checker.discovery(SECRECY).map(|path| teller.tell(&path.into_vec()));
    Searched {
        moments: checker.unique_state_count(),
        depth: checker.max_depth(),
        exhausted: trace.is_none() && checker.state_count() < limit,
        trace,
    }
}

const SECRECY: &str = "no protected value is known";

/// kS: of the normal user and of the key manager, extractable or not, good for everything that its maker may ask for.
fn victims(universe: &Universe) -> Vec<StateId> {
    let mut victims: Vec<(User, bool, StateId)> = Vec::new();
    for born in universe.births.iter().filter(|born| born.how == How::Generate) {
        let Some(object) = universe.states.get(born.state).map(|state| &state.object) else { continue };
        let extractable = object.flag(A::EXTRACTABLE);
        let has_all = object.flag(A::DECRYPT) && object.flag(A::DERIVE);
        let is_new = !victims.iter().any(|(who, leaves, _)| (*who, *leaves) == (born.who, extractable));
        if object.is_protected() && object.calling == Calling::Data && has_all && is_new {
            victims.push((born.who, extractable, born.state));
        }
    }
    victims.into_iter().map(|(_, _, state)| state).collect()
}

impl Model for Scene {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        let with = |victim: &StateId| {
            let (handles, bases) = (vec![(*victim, 1)], [0, 1, 2, 3]);
            let mut moment = Moment { handles, bases, values: 2, protected: 2, known: 1, blobs: 0 };
            self.gain(&mut moment, None);
            moment
        };
        self.victims.iter().map(with).collect()
    }

    fn actions(&self, moment: &Moment, steps: &mut Vec<Step>) {
        let room = moment.handles.len() < self.handles;
        for (handle, id, value) in moment.handles() {
            let Some(state) = self.universe.states.get(id) else { continue };
            let edges = state.edges.iter().filter(|edge| room || !matches!(edge.call, Call::Copy(_)));
            steps.extend(edges.map(|edge| Step::Follow(handle, *edge)));
            if room && (first(state.can.unwrap[0]).is_some() || first(state.can.unwrap[1]).is_some()) {
                let payloads = (0..moment.values).filter(|payload| moment.has(Fact::Blob(*payload, value)));
                let heirs = self.universe.unwrapped.get(state.unwraps_to).map(Vec::as_slice).unwrap_or_default();
                steps.extend(
                    payloads.flat_map(|payload| heirs.iter().map(move |heir| Step::Unwrap(handle, payload, *heir))),
                );
            }
            if room && usize::from(moment.values) < VALUES && first(state.can.derive).is_some() && value != 0 {
                let heirs = self.universe.derived.get(state.derives_to).map(Vec::as_slice).unwrap_or_default();
                steps.extend(heirs.iter().map(|heir| Step::Derive(handle, *heir)));
            }
        }
        if room {
            let more = usize::from(moment.values) < VALUES;
            let births = self.universe.births.iter().enumerate();
            let births = births.filter(|(_, born)| born.how == How::Import || more);
            steps.extend(births.map(|(index, _)| Step::Make(index)));
        }
    }

    fn next_state(&self, before: &Moment, step: Step) -> Option<Moment> {
        let mut moment = self.after(before, step)?;
        self.gain(&mut moment, None);
        moment.handles.sort_unstable();
        (moment != *before).then_some(moment)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(SECRECY, |_, moment: &Moment| moment.known & moment.protected == 0)]
    }
}

impl Scene {
    /// The moment after `step`, before the attacker makes anything of it.
    fn after(&self, before: &Moment, step: Step) -> Option<Moment> {
        let mut moment = before.clone();
        match step {
            Step::Make(index) => self.make(&mut moment, index)?,
            Step::Follow(handle, edge) => {
                let value = before.value(handle)?;
                if !matches!(edge.call, Call::Copy(_)) {
                    moment.handles.remove(usize::from(handle));
                }
                moment.handles.push((edge.to, value));
            }
            Step::Unwrap(_, payload, heir) => moment.handles.push((heir.state, payload)),
            Step::Derive(handle, heir) => {
                *moment.bases.get_mut(usize::from(moment.values))? = before.value(handle)?;
                moment.handles.push((heir.state, moment.values));
                moment.values += 1;
            }
        }
        Some(moment)
    }

    fn make(&self, moment: &mut Moment, index: usize) -> Option<()> {
        let born = self.universe.births.get(index)?;
        let state = self.universe.states.get(born.state)?;
        let value = if born.how == How::Import { 0 } else { moment.values };
        if value != 0 {
            moment.values += 1;
            moment.protected |= u8::from(state.object.is_protected()) << value;
            moment.known |= u8::from(born.how == How::GenerateShort) << value;
        }
        moment.handles.push((born.state, value));
        moment
            .handles
            .extend(born.public.filter(|_| moment.handles.len() < self.handles).map(|public| (public, value)));
        Some(())
    }

    /// Everything that the attacker can have at `moment` without making or changing an object.
    fn gain(&self, moment: &mut Moment, mut log: Option<&mut Vec<Gain>>) {
        loop {
            let before = (moment.known, moment.blobs);
            for (key, state, value) in moment.clone().handles() {
                self.use_handle(moment, key, state, value, &mut log);
            }
            self.work_outside(moment, &mut log);
            if before == (moment.known, moment.blobs) {
                break;
            }
        }
    }

    fn use_handle(&self, moment: &mut Moment, key: u8, id: StateId, value: u8, log: &mut Option<&mut Vec<Gain>>) {
        let Some(state) = self.universe.states.get(id) else { return };
        let (can, name) = (state.can, value_name(value));
        if let Some(who) = first(can.read) {
            moment.add(log, Fact::Known(value), vec![], || by(who, format!("C_GetAttributeValue(VALUE of {name})")));
        }
        for payload in 0..moment.values {
            let (blob, told) = (Fact::Blob(payload, value), value_name(payload));
            if let Some(who) = first(can.encrypt).filter(|_| moment.has(Fact::Known(payload))) {
                moment
                    .add(log, blob, vec![Fact::Known(payload)], || by(who, format!("C_Encrypt({told}, with {name})")));
            }
            if let Some(who) = first(can.decrypt).filter(|_| moment.has(blob)) {
                let call = || by(who, format!("C_Decrypt({told} under {name})"));
                moment.add(log, Fact::Known(payload), vec![blob], call);
            }
            if let Some(who) = first(can.probe).filter(|_| moment.has(blob)) {
                let call = || by(who, format!("C_UnwrapKey({told} under {name}), often, its padding probed"));
                moment.add(log, Fact::Known(payload), vec![blob], call);
            }
        }
        for (_, leaving, payload) in moment.clone().handles().filter(|(other, ..)| *other != key) {
            let Some(leaving) = self.universe.states.get(leaving) else { continue };
            let told = value_name(payload);
            for who in User::ALL {
                let leaves = leaving.can.leave[usize::from(state.trusted)][who as usize];
                let [strict, loose] = can.wrap.map(|may| may[who as usize] && leaves);
                if strict || loose {
                    let call = || by(who, format!("C_WrapKey({told}, under {name})"));
                    moment.add(log, Fact::Blob(payload, value), vec![], call);
                }
                if loose && can.loose_tells {
                    let call =
                        || by(who, format!("C_WrapKey({told}, under {name}) and of kA, with one IV of the caller's"));
                    moment.add(log, Fact::Known(payload), vec![], call);
                }
            }
        }
    }

    /// What the attacker computes from what it has.
    fn work_outside(&self, moment: &mut Moment, log: &mut Option<&mut Vec<Gain>>) {
        let outside = |what: String| format!("{:<10} {what}", "outside");
        for key in 0..moment.values {
            if !moment.has(Fact::Known(key)) {
                continue;
            }
            let name = value_name(key);
            for payload in 0..moment.values {
                let (blob, known, told) = (Fact::Blob(payload, key), Fact::Known(payload), value_name(payload));
                if moment.has(known) {
                    let call = || outside(format!("{told} is encrypted with {name}"));
                    moment.add(log, blob, vec![known, Fact::Known(key)], call);
                }
                if moment.has(blob) {
                    let call = || outside(format!("the blob of {told} is opened with {name}"));
                    moment.add(log, known, vec![blob, Fact::Known(key)], call);
                }
                let base = moment.bases.get(usize::from(key)).copied().unwrap_or(key);
                if self.universe.derives_both_ways() && base == payload && base != key {
                    let call = || outside(format!("{told} is computed from {name}"));
                    moment.add(log, known, vec![Fact::Known(key)], call);
                }
            }
        }
    }
}

impl Moment {
    fn handles(&self) -> impl Iterator<Item = (u8, StateId, u8)> + '_ {
        (0..).zip(&self.handles).map(|(handle, (state, value))| (handle, *state, *value))
    }

    fn value(&self, handle: u8) -> Option<u8> {
        self.handles.get(usize::from(handle)).map(|(_, value)| *value)
    }

    const fn has(&self, fact: Fact) -> bool {
        match fact {
            Fact::Known(value) => self.known >> value & 1 == 1,
            Fact::Blob(payload, key) => self.blobs >> (payload as usize * VALUES + key as usize) & 1 == 1,
        }
    }

    fn add(&mut self, log: &mut Option<&mut Vec<Gain>>, fact: Fact, took: Vec<Fact>, call: impl FnOnce() -> String) {
        if self.has(fact) {
            return;
        }
        match fact {
            Fact::Known(value) => self.known |= 1 << value,
            Fact::Blob(payload, key) => self.blobs |= 1 << (usize::from(payload) * VALUES + usize::from(key)),
        }
        if let Some(log) = log {
            log.push(Gain { fact, call: call(), took });
        }
    }
}

impl Scene {
    /// The attack, a call a line: what made or changed objects, and of the rest what it needed.
    fn tell(&self, path: &[(Moment, Option<Step>)]) -> Vec<String> {
        let Some((begin, _)) = path.first() else { return Vec::new() };
        let mut moment = Moment { known: 1, blobs: 0, ..begin.clone() };
        let kept = moment.handles.first().and_then(|(state, _)| self.universe.states.get(*state));
        let mut lines = vec![(
            true,
            format!("{:<10} kS: {}", "given", kept.map(|kept| describe(&kept.object)).unwrap_or_default()),
        )];
        let mut gains: Vec<(usize, Gain)> = Vec::new();
        let mut record = |moment: &mut Moment, lines: &mut Vec<(bool, String)>| {
            let mut log = Vec::new();
            self.gain(moment, Some(&mut log));
            for gain in log {
                gains.push((lines.len(), Gain { call: String::new(), ..gain }));
                lines.push((false, gain.call));
            }
        };
        record(&mut moment, &mut lines);
        let mut needed = Vec::new();
        for (before, step) in path {
            let Some(step) = *step else { break };
            lines.push((true, self.narrate(before, step)));
            if let Step::Unwrap(key, payload, _) = step {
                needed.extend(before.value(key).map(|key| Fact::Blob(payload, key)));
            }
            let Some(mut after) = self.after(before, step) else { break };
            after.blobs |= moment.blobs;
            moment = after;
            record(&mut moment, &mut lines);
        }
        needed.extend(
            (0..moment.values)
                .filter(|value| moment.known & moment.protected & 1 << value != 0)
                .take(1)
                .map(Fact::Known),
        );
        while let Some(fact) = needed.pop() {
            let Some((line, gain)) = gains.iter().find(|(_, gain)| gain.fact == fact) else { continue };
            if let Some(line) = lines.get_mut(*line).filter(|(shown, _)| !shown) {
                line.0 = true;
                needed.extend(&gain.took);
            }
        }
        lines.into_iter().filter(|(shown, _)| *shown).map(|(_, line)| line).collect()
    }

    fn narrate(&self, before: &Moment, step: Step) -> String {
        let universe = &self.universe;
        let name = |handle: u8| before.value(handle).map(value_name).unwrap_or_default();
        match step {
            Step::Make(index) => self.narrate_birth(before, index),
            Step::Follow(handle, edge) => by(edge.who, format!("{} on {}", universe.show(edge.call), name(handle))),
            Step::Unwrap(key, payload, heir) => {
                let template = universe.show_birth(heir.template);
                by(heir.who, format!("C_UnwrapKey({} under {}, {template})", value_name(payload), name(key)))
            }
            Step::Derive(handle, heir) => {
                let (child, template) = (value_name(before.values), universe.show_birth(heir.template));
                by(heir.who, format!("C_DeriveKey({}, {template}): {child}", name(handle)))
            }
        }
    }

    fn narrate_birth(&self, before: &Moment, index: usize) -> String {
        let Some(born) = self.universe.births.get(index) else { return String::new() };
        let call = self.universe.show_born(born);
        let value = match born.how {
            How::Generate | How::Pair => value_name(before.values),
            How::GenerateShort => format!("{}, whose every value can be tried", value_name(before.values)),
            How::Import => "kA".to_owned(),
        };
        let call = format!("{call}: {value}");
        by(born.who, call)
    }
}

fn by(who: User, call: String) -> String {
    format!("{:<10} {call}", who.name())
}

fn first(may: [bool; 3]) -> Option<User> {
    User::ALL.into_iter().zip(may).find(|(_, may)| *may).map(|(who, _)| who)
}

fn value_name(value: u8) -> String {
    match value {
        0 => "kA".to_owned(),
        1 => "kS".to_owned(),
        more => format!("k{more}"),
    }
}
