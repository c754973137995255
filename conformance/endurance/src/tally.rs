//! What is counted, and the verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::book::{Fault, Wrong};
use crate::deed::Act;

/// The counts of a scene, or of one process's part in it.
#[derive(Default)]
pub(crate) struct Tally {
    /// Acts that ended, and how long the longest of a kind took.
    pub(crate) acts: BTreeMap<Act, (u32, u64)>,
    /// Searches and surveys beside the acts, each object of them counted.
    pub(crate) looks: usize,
    /// Calls that failed, hangs and crashes.
    pub(crate) failures: Vec<String>,
    /// What was not as the book says.
    pub(crate) faults: Vec<Fault>,
}

impl Tally {
    /// An act that ended.
    pub(crate) fn count(&mut self, act: Act, elapsed_us: u64) {
        self.add(act, (1, elapsed_us));
    }

    fn add(&mut self, act: Act, (count, longest_us): (u32, u64)) {
        let (counted, longest) = self.acts.entry(act).or_default();
        (*counted, *longest) = (*counted + count, longest_us.max(*longest));
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        other.acts.into_iter().for_each(|(act, counts)| self.add(act, counts));
        self.looks += other.looks;
        self.failures.extend(other.failures);
        self.faults.extend(other.faults);
        self
    }

    /// How many acts ended.
    pub(crate) fn total(&self) -> u32 {
        self.acts.values().map(|(count, _)| count).sum()
    }

    /// The longest act of a kind in milliseconds, if there was one.
    pub(crate) fn longest_ms(&self, wanted: impl Fn(Act) -> bool) -> Option<u64> {
        let of_kind = self.acts.iter().filter(|(act, _)| wanted(**act));
        of_kind.map(|(_, (_, longest_us))| longest_us / 1000).max()
    }

    /// The longest login and the longest write, as far as there were any.
    pub(crate) fn longest(&self) -> String {
        let login = self.longest_ms(|act| act == Act::Login).map(|ms| format!("longest login {ms} ms"));
        let write = self.longest_ms(Act::is_write).map(|ms| format!("longest write {ms} ms"));
        login.into_iter().chain(write).collect::<Vec<_>>().join(", ")
    }

    /// What makes the scene fail: the first few of it.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let faults = self.faults.iter().map(|Fault(wrong, what)| format!("{wrong:?}: {what}"));
        let all: Vec<_> = self.failures.iter().cloned().chain(faults).collect();
        if all.is_empty() {
            return Ok(());
        }
        let first: Vec<_> = all.iter().take(20).map(|sentence| format!("  {sentence}")).collect();
        Err(format!("{} things are wrong:\n{}", all.len(), first.join("\n")))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts = Act::ALL.iter().filter_map(|(act, words)| {
            let (count, longest_us) = self.acts.get(act)?;
            Some(format!("{count} {words} of at most {} ms", longest_us / 1000))
        });
        let acts: Vec<_> = acts.collect();
        let faults = Wrong::ALL
            .iter()
            .map(|(wrong, words)| format!("{} {words}", self.faults.iter().filter(|fault| fault.0 == *wrong).count()));
        let faults: Vec<_> = faults.collect();
        write!(f, "{} ({}): {} failures, {}", self.total(), acts.join(", "), self.failures.len(), faults.join(", "))
    }
}

/// How far each of several processes came while the first of them did all its work: whether turns are fair.
pub(crate) struct Shares {
    /// What each had done when the first was done, summed over the rounds.
    done: Vec<u32>,
    /// What each had to do.
    of: u32,
}

/// Who has done less than this part of what the fastest has done gets too few turns. Equal shares are not to be had where
/// the acts are drawn by chance: a login takes a hundred times as long as a signature.
const STARVED: u32 = 4;

/// One round of `Shares`.
pub(crate) struct Round {
    done: Vec<AtomicU32>,
    of: u32,
    /// The state when the first was done.
    first: std::sync::OnceLock<Vec<u32>>,
}

impl Round {
    /// A round of so many processes, each with so much to do.
    pub(crate) fn new(processes: usize, of: u32) -> Self {
        Self { done: (0..processes).map(|_| AtomicU32::new(0)).collect(), of, first: std::sync::OnceLock::new() }
    }

    /// A process did one more piece of work.
    pub(crate) fn step(&self, process: usize) {
        let Some(done) = self.done.get(process) else { return };
        if done.fetch_add(1, Ordering::SeqCst) + 1 == self.of {
            self.first.get_or_init(|| self.done.iter().map(|done| done.load(Ordering::SeqCst)).collect());
        }
    }
}

impl Shares {
    /// Nothing done yet.
    pub(crate) fn new(processes: usize) -> Self {
        Self { done: vec![0; processes], of: 0 }
    }

    /// Adds a round that is over.
    pub(crate) fn add(&mut self, round: Round) {
        let Some(first) = round.first.into_inner() else { return };
        self.of += round.of;
        self.done.iter_mut().zip(first).for_each(|(sum, done)| *sum += done);
    }

    /// The processes that got too few turns.
    pub(crate) fn starved(&self) -> Vec<String> {
        let starved = self.done.iter().enumerate().filter(|(_, done)| **done * STARVED < self.of);
        starved.map(|(process, done)| format!("starved: process {process} had done {done} of {}", self.of)).collect()
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent: Vec<_> = self.done.iter().map(|done| done * 100 / self.of.max(1)).collect();
        let spread = percent.iter().max().zip(percent.iter().min()).map_or(0, |(most, least)| most - least);
        let each: Vec<_> = percent.iter().map(|percent| format!("{percent}%")).collect();
        write!(f, "{} of its work each had done when the first was done, a spread of {spread} points", each.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_turn_is_starved() {
        let mut shares = Shares::new(2);
        for slow in [0, 20] {
            let round = Round::new(2, 40);
            (0..slow).for_each(|_| round.step(1));
            (0..40).for_each(|_| round.step(0));
            round.step(1);
            shares.add(round);
            assert_eq!(shares.starved().len(), usize::from(slow == 0));
        }
        assert_eq!(
            shares.to_string(),
            "100% 25% of its work each had done when the first was done, a spread of 75 points"
        );
    }

    #[test]
    fn the_longest_login_and_the_longest_write_are_told() {
        let mut tally = Tally::default();
        assert_eq!(tally.longest(), "");
        for (act, elapsed_us) in
            [(Act::Login, 9_000), (Act::Sign, 99_000), (Act::MakePair, 7_000), (Act::Destroy, 8_000)]
        {
            tally.count(act, elapsed_us);
        }
        assert_eq!(tally.longest(), "longest login 9 ms, longest write 8 ms");
    }

    #[test]
    fn any_failure_and_any_fault_is_a_verdict() {
        assert_eq!(Tally::default().verdict(), Ok(()));
        let failed = Tally { failures: vec!["C_Sign".to_owned()], ..Tally::default() };
        let faulty = Tally { faults: vec![Fault(Wrong::Lost, String::new())], ..Tally::default() };
        assert!(failed.verdict().is_err() && faulty.verdict().is_err());
        assert!(Tally::default().and(faulty).verdict().is_err());
    }
}
