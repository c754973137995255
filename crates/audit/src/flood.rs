//! Events that repeat: refusals, and keys wrapped out again and again. An application in a loop must neither push the evidence out of a bounded log nor wait for
//! the disk at every turn: of equal ones in a process the first is written, and then the 10th, the 100th, …
//!
//! Bounded: [`EXACT`] different ones are told apart by all that they are; those after that by kind, call, rule and
//! error alone, of which there are only as many as the tables have.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use crate::Event;

/// How many are told apart exactly.
const EXACT: usize = 1024;

/// How often each was seen, by a hash whose key is drawn anew in every process.
pub(crate) struct Flood {
    hasher: RandomState,
    exact: HashMap<u64, u64>,
    coarse: HashMap<u64, u64>,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), exact: HashMap::new(), coarse: HashMap::new() }
    }

    /// Counts the event: the how-manieth of its like it is, if that is to be written.
    pub(crate) fn count(&mut self, event: &Event<'_>) -> Option<u64> {
        let refusal = event.refusal.map(|refusal| (refusal.error.code(), refusal.rule.name()));
        let coarse = (event.kind, event.call, refusal);
        let object = event.object.as_ref().map(|object| object.id);
        let exact =
            self.hasher.hash_one((coarse, event.user.map(|(name, _)| name), event.target, object, event.detail));
        let room = self.exact.len() < EXACT;
        let times = match self.exact.get_mut(&exact) {
            Some(times) => times,
            None if room => self.exact.entry(exact).or_insert(0),
            None => self.coarse.entry(self.hasher.hash_one(coarse)).or_insert(0),
        };
        *times = times.saturating_add(1);
        Some(*times).filter(|times| is_power_of_ten(*times))
    }
}

const fn is_power_of_ten(mut number: u64) -> bool {
    while number > 1 && number.is_multiple_of(10) {
        number /= 10;
    }
    number == 1
}

#[cfg(test)]
mod tests {
    use claviger_rules::{Error, Refusal, Role, Rule};

    use super::*;
    use crate::{Kind, Object};

    fn written(flood: &mut Flood, calls: usize, object: impl Fn(usize) -> String) -> Vec<u64> {
        let refusal = Refusal::new(Error::KeyNotWrappable, Rule::R1, "why");
        let count = |n| {
            let id = object(n);
            let object = Object { id: &id, label: None, class: None };
            let event = Event::new(Kind::Refused, "C_WrapKey").by("app1", Role::NormalUser).on(object);
            flood.count(&event.refused(refusal))
        };
        (0..calls).filter_map(count).collect()
    }

    #[test]
    fn of_equal_refusals_each_power_of_ten_is_written() {
        assert_eq!(written(&mut Flood::new(), 12_345, |_| "a".to_owned()), [1, 10, 100, 1000, 10_000]);
    }

    #[test]
    fn refusals_that_all_differ_are_written_a_bounded_number_of_times() {
        let mut flood = Flood::new();
        let lines = written(&mut flood, 100_000, |n| n.to_string());
        assert_eq!(lines.len(), EXACT + 5);
        assert_eq!(flood.exact.len() + flood.coarse.len(), EXACT + 1);
    }
}
