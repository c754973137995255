//! The policy table, asked every question there is: every subject, action and combination of facts.

use std::thread;

use claviger_rules::policy::{Action, Facts, Kind, Relation, Subject, Under, authorize};
use claviger_rules::{Lifecycle, Mode, Role, Rulebook, UserId};

/// What the enumeration came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Cells {
    /// How many questions were asked.
    pub asked: u64,
    /// How many were permitted.
    pub permitted: u64,
    /// How many were answered otherwise than by the first requirement that fails and is demanded.
    pub wrong: u64,
    /// How many let a protected key leave under a key that is not trusted (I4), in `enforce`.
    pub leaks: u64,
    /// How many let somebody change, copy, share, destroy or wrap out what is not the caller's (I12).
    pub strangers: u64,
    /// How many let a loose mechanism or an untrusted moment pass under a key made for trust (I7, I16), in `enforce`.
    pub loose: u64,
}

impl Cells {
    fn and(self, other: Self) -> Self {
        Self {
            asked: self.asked + other.asked,
            permitted: self.permitted + other.permitted,
            wrong: self.wrong + other.wrong,
            leaks: self.leaks + other.leaks,
            strangers: self.strangers + other.strangers,
            loose: self.loose + other.loose,
        }
    }

    /// Whether every cell is as it should be.
    pub const fn is_sound(&self) -> bool {
        self.wrong == 0 && self.leaks == 0 && self.strangers == 0 && self.loose == 0
    }
}

/// Every subject: no login and each role, in each mode, in sessions of both kinds.
pub fn subjects(rules: impl Fn(Mode) -> Rulebook) -> Vec<Subject> {
    let logins = [None].into_iter().chain(Role::ALL.iter().map(|role| Some((UserId(1), *role))));
    let mut subjects = Vec::new();
    for login in logins {
        for mode in Mode::ALL {
            for writable in [true, false] {
                subjects.push(Subject::new(login, rules(mode), writable));
            }
        }
    }
    subjects
}

/// Asks all of it, on two threads.
pub fn enumerate(rules: impl Fn(Mode) -> Rulebook) -> Cells {
    let subjects = subjects(rules);
    let (left, right) = subjects.split_at(subjects.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| of(left));
        let own = of(right);
        own.and(other.join().unwrap_or_default())
    })
}

fn of(subjects: &[Subject]) -> Cells {
    let mut cells = Cells::default();
    for_all_facts(&mut |facts| {
        for subject in subjects {
            for action in Action::ALL {
                cells = cells.and(cell(subject, *action, facts));
            }
        }
    });
    cells
}

fn cell(subject: &Subject, action: Action, facts: &Facts) -> Cells {
    let mut cell = Cells { asked: 1, ..Cells::default() };
    let failing = action
        .requirements()
        .iter()
        .find(|requirement| subject.rules.demands(**requirement) && !requirement.holds(subject, facts));
    let permitted = match (authorize(subject, action, facts), failing) {
        (Ok(permit), None) => {
            cell.wrong = u64::from(permit.action() != action || permit.object() != facts.object);
            true
        }
        (Err(refusal), Some(requirement)) => {
            cell.wrong = u64::from(refusal != requirement.refusal());
            false
        }
        (outcome, _) => {
            cell.wrong = 1;
            outcome.is_ok()
        }
    };
    if !permitted {
        return cell;
    }
    cell.permitted = 1;
    let enforce = subject.rules.mode() == Mode::Enforce;
    let own = facts.relation == Relation::Owner || facts.ownerless;
    let protected = facts.kind == Kind::Secret && (facts.sensitive || !facts.extractable);
    cell.leaks =
        u64::from(action == Action::WrapOut && enforce && protected && !(facts.extractable && facts.under.trusted));
    let officer = subject.officer && !facts.private && matches!(action, Action::Change | Action::Destroy);
    let owners = matches!(action, Action::Change | Action::Copy | Action::Destroy | Action::Share | Action::WrapOut);
    cell.strangers = u64::from(owners && !own && !officer);
    let made_for_trust = facts.lifecycle != Lifecycle::Data;
    let wraps = matches!(action, Action::WrapUnder | Action::UnwrapUnder);
    let early = facts.lifecycle == Lifecycle::Candidate
        || (facts.lifecycle == Lifecycle::Retired && action == Action::WrapUnder);
    cell.loose = u64::from(enforce && made_for_trust && wraps && (early || !facts.strict_mechanism));
    cell
}

/// Calls `check` with every combination of facts: 5 x 3 x 4 x 2^15.
pub fn for_all_facts(check: &mut impl FnMut(&Facts)) {
    for relation in [Relation::Owner, Relation::Sharee, Relation::Public, Relation::Officer, Relation::Hidden] {
        for kind in [Kind::Secret, Kind::Public, Kind::Other] {
            for lifecycle in [Lifecycle::Data, Lifecycle::Candidate, Lifecycle::Trusted, Lifecycle::Retired] {
                for bits in 0..1u32 << 15 {
                    check(&facts(relation, kind, lifecycle, bits));
                }
            }
        }
    }
}

fn facts(relation: Relation, kind: Kind, lifecycle: Lifecycle, bits: u32) -> Facts {
    let bit = |index: u32| bits >> index & 1 == 1;
    Facts {
        object: 9,
        relation,
        kind,
        lifecycle,
        ownerless: bit(0),
        token: bit(1),
        private: bit(2),
        usage: bit(3),
        mechanism_allowed: bit(4),
        sensitive: bit(5),
        extractable: bit(6),
        wrap_with_trusted: bit(7),
        modifiable: bit(8),
        copyable: bit(9),
        destroyable: bit(10),
        strict_mechanism: bit(11),
        oracle: bit(12),
        under: Under { trusted: bit(13), template_matches: bit(14) },
    }
}
