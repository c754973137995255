//! States that behave alike, taken as one: the same answers, much sooner.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::universe::{Call, Heir, State, StateId, Universe};

impl Universe {
    /// The same with one state for all that behave alike: whatever users can do in one they can do in the other, and
    /// every step leads to states that behave alike again.
    #[must_use]
    pub fn merged(mut self) -> Self {
        let block = alike(&self);
        let mut first = vec![None; block.iter().max().map_or(0, |last| last + 1)];
        for (state, block) in block.iter().enumerate() {
            if let Some(place) = first.get_mut(*block) {
                place.get_or_insert(state);
            }
        }
        let of = |state: StateId| block.get(state).copied().unwrap_or_default();
        for born in &mut self.births {
            (born.state, born.public) = (of(born.state), born.public.map(of));
        }
        let mut seen = HashSet::new();
        self.births.retain(|born| seen.insert((born.how, born.state, born.public)));
        for list in self.unwrapped.iter_mut().chain(&mut self.derived) {
            let mut seen = HashSet::new();
            list.iter_mut().for_each(|heir| heir.state = of(heir.state));
            list.retain(|heir| seen.insert(heir.state));
        }
        let mut states: Vec<Option<State>> = self.states.into_iter().map(Some).collect();
        self.states = first.into_iter().flatten().filter_map(|state| states.get_mut(state)?.take()).collect();
        for (number, state) in self.states.iter_mut().enumerate() {
            let mut seen = HashSet::new();
            state.edges.iter_mut().for_each(|edge| edge.to = of(edge.to));
            state.edges.retain(|edge| {
                let copies = matches!(edge.call, Call::Copy(_));
                (copies || edge.to != number) && seen.insert((copies, edge.to))
            });
        }
        self
    }
}

/// The number of each state's block, where states of one block behave alike: the coarsest such partition, by refinement.
fn alike(universe: &Universe) -> Vec<usize> {
    let mut block = vec![0; universe.states.len()];
    let mut blocks = 0;
    loop {
        let lists = |lists: &[Vec<Heir>]| -> Vec<BTreeSet<usize>> {
            lists.iter().map(|list| list.iter().filter_map(|heir| block.get(heir.state).copied()).collect()).collect()
        };
        let (unwrapped, derived) = (lists(&universe.unwrapped), lists(&universe.derived));
        let mut numbers = HashMap::new();
        let next: Vec<usize> = universe
            .states
            .iter()
            .enumerate()
            .map(|(number, state)| {
                let steps: BTreeSet<(bool, usize)> = state
                    .edges
                    .iter()
                    .filter_map(|edge| Some((matches!(edge.call, Call::Copy(_)), *block.get(edge.to)?)))
                    .filter(|(copies, to)| *copies || Some(to) != block.get(number))
                    .collect();
                let heirs = (unwrapped.get(state.unwraps_to), derived.get(state.derives_to));
                let face = (state.can, state.trusted, state.object.calling, state.object.is_protected());
                let count = numbers.len();
                *numbers.entry((block.get(number), face, steps, heirs)).or_insert(count)
            })
            .collect();
        let count = numbers.len();
        drop(numbers);
        block = next;
        if count == blocks {
            return block;
        }
        blocks = count;
    }
}
