//! What an attacker who drives a normal user, a key manager and a security officer can come to know: the closure of a few
//! rules over facts that are never taken back. Any number of keys, handles, sessions and calls is covered.
//!
//! Facts: *object(value, state)*, *blob(payload, key)*, *known(value)*. Values are classes: all keys born into the same
//! state are one class, so what one of them reveals, all are taken to reveal. Each class of data keys has a twin whose
//! members the attacker has been given (I19). Class 0 is every value that the attacker chose.

use fixedbitset::FixedBitSet;

use crate::invariants::any;
use crate::universe::{Born, How, StateId, Universe, User};
use claviger_rules::Calling;

/// One class of values.
#[derive(Debug, Clone, Copy)]
struct Class {
    born: Option<Born>,
    /// The attacker has been given its members.
    leaked: bool,
    /// Whether its members are derived from those of another class.
    derived: bool,
    protected: bool,
}

/// What the closure came to.
pub struct Closure {
    /// How many classes of values there are.
    pub classes: usize,
    /// How many of them must stay secret.
    pub protected: usize,
    /// How many classes of leaked keys were given to the attacker.
    pub leaked: usize,
    /// How many facts there are.
    pub facts: usize,
    /// How many rounds it took.
    pub rounds: usize,
    /// Protected values that the attacker came to know: how they were born.
    pub lost: Vec<Born>,
    /// Candidates' and trusted keys' values that the attacker came to know.
    pub lost_trusted: usize,
}

/// The facts.
struct Facts<'u> {
    universe: &'u Universe,
    classes: Vec<Class>,
    /// By state: the values that objects in it have.
    objects: Vec<FixedBitSet>,
    /// By key: the payloads of blobs under it.
    blobs: Vec<FixedBitSet>,
    /// By list of the universe: the values that can be unwrapped so.
    unwrapped: Vec<FixedBitSet>,
    /// By list of the universe: the values that can be derived so.
    derived: Vec<FixedBitSet>,
    known: FixedBitSet,
}

/// Closes the facts under the rules.
pub fn close(universe: &Universe) -> Closure {
    let mut facts = Facts::new(universe);
    let mut rounds = 0;
    let mut size = 0;
    loop {
        rounds += 1;
        facts.round();
        let now = facts.count();
        if now == size {
            return facts.conclude(rounds, now);
        }
        size = now;
    }
}

impl<'u> Facts<'u> {
    fn new(universe: &'u Universe) -> Self {
        let mut classes = vec![Class { born: None, leaked: false, derived: false, protected: false }];
        let mut placed: Vec<(StateId, usize)> = Vec::new();
        for born in &universe.births {
            if born.how == How::Import {
                placed.push((born.state, 0));
                continue;
            }
            let Some(state) = universe.states.get(born.state) else { continue };
            let class =
                Class { born: Some(*born), leaked: false, derived: false, protected: state.object.is_protected() };
            let mut twins = vec![class];
            if state.object.calling == Calling::Data {
                twins.push(Class { leaked: true, protected: false, ..class });
            }
            for class in twins {
                placed.push((born.state, classes.len()));
                placed.extend(born.public.map(|public| (public, classes.len())));
                classes.push(class);
            }
        }
        // The second half: what is derived from the first, and from itself.
        let derived = |class: &Class| Class { derived: true, protected: false, ..*class };
        let half: Vec<Class> = classes.iter().map(derived).collect();
        classes.extend(half);
        let count = classes.len();
        let empty = FixedBitSet::with_capacity(count);
        let mut facts = Self {
            universe,
            objects: vec![empty.clone(); universe.states.len()],
            blobs: vec![empty.clone(); count],
            unwrapped: vec![empty.clone(); universe.unwrapped.len()],
            derived: vec![empty.clone(); universe.derived.len()],
            known: empty,
            classes,
        };
        for (state, class) in placed {
            if let Some(values) = facts.objects.get_mut(state) {
                values.insert(class);
            }
        }
        facts.known.insert(0);
        facts.given();
        facts
    }

    /// What the attacker has from the start: leaked keys, and short ones, which are tried out.
    fn given(&mut self) {
        for (index, class) in self.classes.iter().enumerate() {
            let short = class.born.is_some_and(|born| born.how == How::GenerateShort);
            if !class.derived && (class.leaked || short) {
                self.known.insert(index);
            }
        }
    }

    fn round(&mut self) {
        self.outside();
        let leaving = self.leaving();
        for index in 0..self.universe.states.len() {
            let Some(values) = self.objects.get(index).filter(|values| !values.is_clear()).cloned() else { continue };
            self.steps(index, &values);
            self.uses(index, &values, &leaving);
        }
        self.inherit();
    }

    /// What the attacker does without the token: encrypts and decrypts with known keys and with public halves, and
    /// derives from known keys.
    fn outside(&mut self) {
        let half = self.classes.len() / 2;
        for key in 0..self.classes.len() {
            let is_pair = self.classes.get(key).and_then(|class| class.born).is_some_and(|born| born.how == How::Pair);
            let known = self.known.clone();
            let Some(blobs) = self.blobs.get_mut(key) else { continue };
            if known.contains(key) {
                blobs.union_with(&known);
                self.known.union_with(blobs);
                self.known.insert(derived_from(key, half));
            } else if is_pair {
                blobs.union_with(&known);
            }
        }
    }

    /// The values of keys that may leave, by user and by whether the key they leave under is trusted.
    fn leaving(&self) -> [[FixedBitSet; 2]; 3] {
        let empty = || FixedBitSet::with_capacity(self.classes.len());
        let mut leaving = [[empty(), empty()], [empty(), empty()], [empty(), empty()]];
        for (state, values) in self.universe.states.iter().zip(&self.objects) {
            for (user, lists) in leaving.iter_mut().enumerate() {
                for (list, may) in lists.iter_mut().zip(state.can.leave) {
                    if may.get(user) == Some(&true) {
                        list.union_with(values);
                    }
                }
            }
        }
        leaving
    }

    /// Changes and copies.
    fn steps(&mut self, from: StateId, values: &FixedBitSet) {
        for edge in self.universe.states.get(from).map(|state| &state.edges).into_iter().flatten() {
            if let Some(to) = self.objects.get_mut(edge.to) {
                to.union_with(values);
            }
        }
    }

    /// What the objects in one state are used for.
    fn uses(&mut self, index: StateId, values: &FixedBitSet, leaving: &[[FixedBitSet; 2]; 3]) {
        let universe = self.universe;
        let Some(state) = universe.states.get(index) else { return };
        let can = state.can;
        let half = self.classes.len() / 2;
        if any(can.read) {
            self.known.union_with(values);
        }
        let mut wrapped = FixedBitSet::with_capacity(self.classes.len());
        for (user, lists) in User::ALL.iter().zip(leaving) {
            let [strict, loose] = can.wrap.map(|may| may.get(*user as usize) == Some(&true));
            let list = &lists[usize::from(state.trusted)];
            if strict || loose {
                wrapped.union_with(list);
            }
            // The caller chooses the IV, or a mode that shows equal blocks: a known payload opens the others.
            if loose && can.loose_tells {
                self.known.union_with(list);
            }
        }
        let opens = any(can.decrypt) || any(can.probe);
        let mut payloads = FixedBitSet::with_capacity(self.classes.len());
        let mut children = payloads.clone();
        for key in values.ones() {
            let Some(blobs) = self.blobs.get_mut(key) else { continue };
            blobs.union_with(&wrapped);
            if any(can.encrypt) {
                blobs.union_with(&self.known);
            }
            payloads.union_with(blobs);
            children.insert(derived_from(key, half));
        }
        if opens {
            self.known.union_with(&payloads);
        }
        let unwraps = any(can.unwrap[0]) || any(can.unwrap[1]);
        if let Some(list) = self.unwrapped.get_mut(state.unwraps_to).filter(|_| unwraps) {
            list.union_with(&payloads);
        }
        if any(can.derive) {
            if let Some(list) = self.derived.get_mut(state.derives_to) {
                list.union_with(&children);
            }
            if universe.derives_both_ways() {
                let base = values.ones().filter(|key| self.known.contains(derived_from(*key, half)));
                let base: Vec<usize> = base.collect();
                self.known.extend(base);
            }
        }
    }

    /// Puts the values that were unwrapped or derived into every state that can be born so.
    fn inherit(&mut self) {
        let lists = self.universe.unwrapped.iter().zip(&self.unwrapped);
        for (heirs, values) in lists.chain(self.universe.derived.iter().zip(&self.derived)) {
            for heir in heirs {
                if let Some(to) = self.objects.get_mut(heir.state) {
                    to.union_with(values);
                }
            }
        }
    }

    fn count(&self) -> usize {
        let ones = |sets: &[FixedBitSet]| sets.iter().map(|set| set.count_ones(..)).sum::<usize>();
        ones(&self.objects) + ones(&self.blobs) + self.known.count_ones(..)
    }

    fn conclude(&self, rounds: usize, facts: usize) -> Closure {
        let lost = self.known.ones().filter_map(|index| self.classes.get(index)).filter(|class| class.protected);
        let lost: Vec<Born> = lost.filter_map(|class| class.born).collect();
        let trusted =
            self.universe.states.iter().zip(&self.objects).filter(|(state, _)| state.object.calling != Calling::Data);
        let lost_trusted = trusted.map(|(_, values)| values.intersection(&self.known).count()).sum();
        Closure {
            classes: self.classes.len(),
            protected: self.classes.iter().filter(|class| class.protected).count(),
            leaked: self.classes.iter().filter(|class| class.leaked && !class.derived).count(),
            facts,
            rounds,
            lost,
            lost_trusted,
        }
    }
}

/// The class of what is derived from the members of `class`, where the second half of the classes is derived.
const fn derived_from(class: usize, half: usize) -> usize {
    if class < half { class + half } else { class }
}
