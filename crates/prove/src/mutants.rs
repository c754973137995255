//! Each rule switched off must be missed: otherwise nothing shows that it is needed, or that the checker can fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use claviger_rules::policy::Requirement;
use claviger_rules::{Clause, Mode, Off, Rule, Rulebook};

use crate::alphabet::Alphabet;
use crate::universe::Universe;
use crate::{invariants, saturation, search};

/// How many handles an attack needs at a time.
pub const HANDLES: usize = 3;

/// What came of switching one thing off.
pub struct Verdict {
    /// What was switched off.
    pub off: Off,
    /// The rule that it belongs to.
    pub rule: Rule,
    /// The properties that broke, each with the shortest way there, a call a line.
    pub broken: Vec<(&'static str, Vec<String>)>,
    /// How many classes of protected values the attacker comes to know, in any number of calls.
    pub lost: usize,
    /// The shortest attack, a call a line.
    pub trace: Option<Vec<String>>,
}

impl Verdict {
    /// Whether the checker noticed.
    pub fn is_missed(&self) -> bool {
        self.lost > 0 || !self.broken.is_empty()
    }
}

/// What is switched off, in the order of the tables.
pub fn all() -> Vec<Off> {
    let rules = Rule::ALL.iter().filter(|rule| **rule != Rule::Standard).map(|rule| Off::Rule(*rule));
    let clauses = Clause::ALL.iter().map(|clause| Off::Clause(*clause));
    let requirements = Requirement::ALL.iter().filter(|requirement| requirement.refusal().rule != Rule::Standard);
    rules.chain(clauses).chain(requirements.map(|requirement| Off::Requirement(*requirement))).collect()
}

/// The name of what is switched off, as the command line takes it.
pub const fn name(off: Off) -> &'static str {
    match off {
        Off::Rule(rule) => rule.name(),
        Off::Clause(clause) => clause.name(),
        Off::Requirement(requirement) => requirement.name(),
    }
}

/// The rule that it belongs to.
pub const fn rule_of(off: Off) -> Rule {
    match off {
        Off::Rule(rule) => rule,
        Off::Clause(clause) => clause.rule(),
        Off::Requirement(requirement) => requirement.refusal().rule,
    }
}

/// Switches each off in turn, two at a time; the verdicts in the order of [`all`].
pub fn judge_all(limit: usize) -> Vec<Verdict> {
    let all = all();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        while let Some(off) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            verdicts.push(judge(*off, limit));
        }
        verdicts
    };
    let mut verdicts = thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut verdicts = work();
        verdicts.extend(other.join().unwrap_or_default());
        verdicts
    });
    verdicts.sort_by_key(|verdict| all.iter().position(|off| *off == verdict.off));
    verdicts
}

/// Switches `off` off and looks what happens.
pub fn judge(off: Off, limit: usize) -> Verdict {
    let rules = Rulebook::of(Mode::Enforce).without(off);
    let universe = Universe::new(rules, Alphabet::middle());
    let broken = invariants::check(&universe);
    let broken = broken.into_iter().filter_map(|shown| shown.broken.map(|way| (shown.name, way))).collect();
    let lost = saturation::close(&universe.merged()).lost.len();
    let scene = || Arc::new(Universe::new(rules, Alphabet::small()).merged());
    let trace = if lost > 0 { search::search(&scene(), HANDLES, limit).trace } else { None };
    Verdict { off, rule: rule_of(off), broken, lost, trace }
}
