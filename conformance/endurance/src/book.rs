//! The book: what was acknowledged, what is under way, and so what every process must find and must not find.
//!
//! An object is known by a number and its class; its label is the number and a revision, `17.2`, so that a label says
//! which state of which object it is. A change is entered before the call that makes it and settled by its answer, or,
//! when a kill took the answer, by what is found afterwards: the state before or the state after, never another. An
//! observation is judged by what was settled before it began and stayed so until it ended.

use std::collections::{BTreeMap, BTreeSet};

use cryptoki_sys::{CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID};

use crate::order::{Class, Failure, Kind, Seen};

/// Which object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    /// Shared by the halves of a pair.
    pub(crate) number: u32,
    /// Its class.
    pub(crate) class: Class,
}

/// An object's place in the book.
struct Entry {
    /// Its revision; `None` when it is not there.
    now: Option<u32>,
    /// What `now` will be when the change under way has happened.
    next: Option<Option<u32>>,
    /// When a change was last entered or settled.
    touched: u64,
    /// What tells its value, once that is known.
    print: Option<String>,
}

/// A change that was entered and not yet settled.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What one call changes.
    names: Vec<Name>,
    /// The revision that all of them get; `None`: they are destroyed.
    to: Option<u32>,
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Wrong {
    /// Acknowledged and not there.
    Lost,
    /// Destroyed, or another label by now, and still there.
    Stale,
    /// Nobody made it.
    Stranger,
    /// A call happened in part.
    Half,
    /// Neither as before nor as after a call.
    Neither,
    /// An attribute cannot be read or a key cannot be used.
    Unreadable,
}

impl Wrong {
    /// All of them, with their words.
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Lost, "lost"),
        (Self::Stale, "stale"),
        (Self::Stranger, "strangers"),
        (Self::Half, "halves"),
        (Self::Neither, "neither before nor after"),
        (Self::Unreadable, "unreadable"),
    ];
}

/// Something wrong, and what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault(pub(crate) Wrong, pub(crate) String);

/// The book.
#[derive(Default)]
pub(crate) struct Book {
    entries: BTreeMap<Name, Entry>,
    clock: u64,
    numbers: u32,
}

/// The label of a revision.
pub(crate) fn label(name: Name, revision: u32) -> String {
    format!("{}.{revision}", name.number)
}

/// The object and the revision of a label.
fn parse(class: Class, label: &str) -> Option<(Name, u32)> {
    let (number, revision) = label.split_once('.')?;
    Some((Name { number: number.parse().ok()?, class }, revision.parse().ok()?))
}

impl Book {
    /// The moment.
    pub(crate) fn now(&self) -> u64 {
        self.clock
    }

    /// How many objects are there for certain.
    pub(crate) fn present(&self) -> usize {
        self.idle().count()
    }

    /// The objects that are there and that nobody changes.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (Name, u32)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.next.is_none())
            .filter_map(|(name, entry)| Some((*name, entry.now?)))
    }

    /// Enters the making of what one call makes, and gives its label.
    pub(crate) fn begin_making(&mut self, kind: Kind) -> (Change, String) {
        self.numbers += 1;
        let names: Vec<_> = kind.classes().iter().map(|class| Name { number: self.numbers, class: *class }).collect();
        let labelled = names.first().map(|name| label(*name, 0)).unwrap_or_default();
        (self.begin(names, Some(0)), labelled)
    }

    /// Enters the making of one secret key, and gives it.
    pub(crate) fn begin_making_one(&mut self) -> (Change, Name, String) {
        let (change, label) = self.begin_making(Kind::Secret);
        (change, Name { number: self.numbers, class: Class::Secret }, label)
    }

    /// Enters a change of the label, and gives the new one.
    pub(crate) fn begin_relabelling(&mut self, name: Name, revision: u32) -> (Change, String) {
        (self.begin(vec![name], Some(revision + 1)), label(name, revision + 1))
    }

    /// Enters a destruction.
    pub(crate) fn begin_destroying(&mut self, name: Name) -> Change {
        self.begin(vec![name], None)
    }

    fn begin(&mut self, names: Vec<Name>, to: Option<u32>) -> Change {
        self.clock += 1;
        for name in &names {
            let entry = self.entries.entry(*name).or_insert(Entry { now: None, next: None, touched: 0, print: None });
            (entry.next, entry.touched) = (Some(to), self.clock);
        }
        Change { names, to }
    }

    /// The change was acknowledged, or refused. `prints` tell the values of what was made.
    pub(crate) fn settle(&mut self, change: &Change, happened: bool, prints: Vec<Option<String>>) {
        self.clock += 1;
        for name in &change.names {
            let Some(entry) = self.entries.get_mut(name) else { continue };
            entry.now = if happened { change.to } else { entry.now };
            (entry.next, entry.touched) = (None, self.clock);
        }
        for (name, print) in change.names.iter().zip(prints) {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.print = print;
            }
        }
    }

    /// Settles a change whose answer a kill took, by a survey that began after the kill: whether it happened.
    pub(crate) fn resolve(&mut self, change: &Change, seen: &[Seen]) -> Result<bool, Fault> {
        let found = |name: &Name| {
            let found = seen.iter().filter_map(|seen| Some((parse(seen.class, &seen.label)?, seen)));
            found.filter(|((other, _), _)| other == name).map(|((_, revision), _)| revision).collect::<Vec<_>>()
        };
        let now = |name: &Name| self.entries.get(name).and_then(|entry| entry.now);
        let is = |name: &Name, state: Option<u32>| found(name) == Vec::from_iter(state);
        let after = change.names.iter().filter(|name| is(name, change.to)).count();
        let before = change.names.iter().filter(|name| is(name, now(name))).count();
        let all = change.names.len();
        let said = || format!("{:?} to {:?}", change.names, change.to);
        let happened = match (before, after) {
            (_, after) if after == all => Ok(true),
            (before, _) if before == all => Ok(false),
            (before, after) if before + after == all => Err(Fault(Wrong::Half, said())),
            _ => Err(Fault(Wrong::Neither, said())),
        };
        // What is wrong is told once: from here on it counts as not happened.
        let prints = change.names.iter().map(|name| print_of(seen, *name).or_else(|| self.print(*name))).collect();
        self.settle(change, *happened.as_ref().unwrap_or(&false), prints);
        happened
    }

    fn print(&self, name: Name) -> Option<String> {
        self.entries.get(&name)?.print.clone()
    }

    /// The labels that changed after `since`, each as it is or was last, and the one that it had before.
    pub(crate) fn news(&self, since: u64) -> Vec<(Name, u32)> {
        let changed = self.entries.iter().filter(|(_, entry)| entry.touched > since && entry.next.is_none());
        let labels = changed.flat_map(|(name, entry)| {
            let now = entry.now.unwrap_or(0);
            [Some(now), now.checked_sub(1)].into_iter().flatten().map(|revision| (*name, revision))
        });
        labels.collect()
    }

    /// Whether something has happened to an object since.
    pub(crate) fn is_touched(&self, name: Name, since: u64) -> bool {
        self.entries.get(&name).is_none_or(|entry| entry.next.is_some() || entry.touched > since)
    }

    /// Judges a search for one label that began at `since` and is over.
    pub(crate) fn judge_search(&self, since: u64, name: Name, revision: u32, found: usize) -> Option<Fault> {
        if self.is_touched(name, since) {
            return None;
        }
        let is_there = self.entries.get(&name).is_some_and(|entry| entry.now == Some(revision));
        let said = || format!("{:?} {}", name.class, label(name, revision));
        match (is_there, found) {
            (true, 1) | (false, 0) => None,
            (true, 0) => Some(Fault(Wrong::Lost, said())),
            (false, _) => Some(Fault(Wrong::Stale, said())),
            (true, many) => Some(Fault(Wrong::Stranger, format!("{} {many} times", said()))),
        }
    }

    /// Judges a survey that began at `since` and is over.
    pub(crate) fn judge_survey(&self, since: u64, seen: &[Seen]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut found = BTreeSet::new();
        for object in seen {
            let Some((name, revision)) = parse(object.class, &object.label) else {
                faults.push(Fault(Wrong::Stranger, format!("{:?} {:?}", object.class, object.label)));
                continue;
            };
            if !found.insert(name) {
                faults.push(Fault(Wrong::Stranger, format!("{:?} {} twice", object.class, object.label)));
            }
            faults.extend(self.judge(since, name, revision, object));
        }
        let missing = self.entries.iter().filter(|(name, entry)| {
            !found.contains(name) && entry.touched <= since && entry.now.is_some() && !matches!(entry.next, Some(None))
        });
        faults.extend(missing.map(|(name, _)| Fault(Wrong::Lost, format!("{name:?}"))));
        let halves =
            self.fresh_pairs(since).filter(|pair| pair.iter().filter(|name| found.contains(name)).count() == 1);
        faults.extend(halves.map(|[public, _]| Fault(Wrong::Half, format!("pair {}", public.number))));
        faults
    }

    /// The pairs that are being made or were made during an observation that began at `since`, and nothing else was
    /// done to. A search sees both halves or none.
    fn fresh_pairs(&self, since: u64) -> impl Iterator<Item = [Name; 2]> {
        let is_fresh = move |name: &Name| {
            let state = self.entries.get(name).map(|entry| (entry.now, entry.next, entry.touched > since));
            matches!(state, Some((None, Some(Some(_)), _) | (Some(0), None, true)))
        };
        let publics = self.entries.keys().filter(|name| name.class == Class::Public);
        let pairs = publics.map(|public| [*public, Name { class: Class::Private, ..*public }]);
        pairs.filter(move |pair| pair.iter().all(is_fresh))
    }

    /// Judges one object of a survey.
    fn judge(&self, since: u64, name: Name, revision: u32, object: &Seen) -> Option<Fault> {
        let said = |wrong, why: &str| Some(Fault(wrong, format!("{:?} {}{why}", object.class, object.label)));
        let Some(entry) = self.entries.get(&name) else { return said(Wrong::Stranger, "") };
        if object.id != object.label {
            return said(Wrong::Half, &format!(" has CKA_ID {}", object.id));
        }
        let may_vanish = entry.touched > since || entry.next.is_some();
        let gone = [CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID];
        let is_gone = |failure: &Failure| may_vanish && gone.contains(&failure.rv);
        if let Some(failure) = object.faults.iter().find(|failure| !is_gone(failure)) {
            return said(Wrong::Unreadable, &format!(": {failure}"));
        }
        if entry.touched > since {
            return None;
        }
        if entry.now != Some(revision) && entry.next != Some(Some(revision)) {
            let wrong = if entry.now.is_none_or(|now| now > revision) { Wrong::Stale } else { Wrong::Neither };
            return said(wrong, "");
        }
        let differs = matches!((&entry.print, &object.print), (Some(known), Some(print)) if known != print);
        if differs { said(Wrong::Neither, " has another value") } else { None }
    }
}

/// What tells the value of an object in a survey.
fn print_of(seen: &[Seen], name: Name) -> Option<String> {
    let named = |seen: &&Seen| parse(seen.class, &seen.label).is_some_and(|(other, _)| other == name);
    seen.iter().find(named).and_then(|seen| seen.print.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: [Name; 2] = [Name { number: 1, class: Class::Public }, Name { number: 1, class: Class::Private }];
    const SECRET: Name = Name { number: 2, class: Class::Secret };

    fn seen(name: Name, revision: u32) -> Seen {
        let label = label(name, revision);
        Seen { class: name.class, id: label.clone(), label, print: None, faults: Vec::new() }
    }

    /// A pair and a secret key, all acknowledged.
    fn book() -> Book {
        let mut book = Book::default();
        for (kind, prints) in [(Kind::Pair, vec![]), (Kind::Secret, vec![Some("aa".to_owned())])] {
            let change = book.begin_making(kind).0;
            book.settle(&change, true, prints);
        }
        book
    }

    fn all() -> Vec<Seen> {
        vec![seen(PAIR[0], 0), seen(PAIR[1], 0), seen(SECRET, 0)]
    }

    #[track_caller]
    fn judged(book: &Book, seen: &[Seen], expected: &[Wrong]) {
        let faults = book.judge_survey(book.now(), seen);
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), expected, "{faults:?}");
    }

    #[test]
    fn what_is_as_the_book_says_is_right() {
        judged(&book(), &all(), &[]);
    }

    #[test]
    fn each_wrong_is_told_from_the_others() {
        judged(&book(), &all()[1..], &[Wrong::Lost]);
        judged(&book(), &[all(), vec![seen(Name { number: 9, ..SECRET }, 0)]].concat(), &[Wrong::Stranger]);
        judged(&book(), &[all(), vec![Seen { label: "x".to_owned(), ..seen(SECRET, 0) }]].concat(), &[Wrong::Stranger]);
        judged(&book(), &[all(), all()[..1].to_vec()].concat(), &[Wrong::Stranger]);
        let with_secret = |secret: Seen| [all()[..2].to_vec(), vec![secret]].concat();
        judged(&book(), &with_secret(seen(SECRET, 1)), &[Wrong::Neither]);
        judged(&book(), &with_secret(Seen { id: "2.1".to_owned(), ..seen(SECRET, 0) }), &[Wrong::Half]);
        judged(&book(), &with_secret(Seen { print: Some("bb".to_owned()), ..seen(SECRET, 0) }), &[Wrong::Neither]);
        let failure = Failure { call: "C_Sign".to_owned(), rv: CKR_OBJECT_HANDLE_INVALID };
        judged(&book(), &with_secret(Seen { faults: vec![failure], ..seen(SECRET, 0) }), &[Wrong::Unreadable]);
    }

    #[test]
    fn what_was_destroyed_or_relabelled_is_stale() {
        let mut book = book();
        let change = book.begin_destroying(PAIR[0]);
        book.settle(&change, true, vec![]);
        let (change, _) = book.begin_relabelling(SECRET, 0);
        book.settle(&change, true, vec![]);
        judged(&book, &all(), &[Wrong::Stale, Wrong::Stale]);
        judged(&book, &[seen(PAIR[1], 0), seen(SECRET, 1)], &[]);
        let search = |name, revision, found| book.judge_search(book.now(), name, revision, found).map(|fault| fault.0);
        assert_eq!(search(SECRET, 0, 1), Some(Wrong::Stale));
        assert_eq!(search(SECRET, 1, 0), Some(Wrong::Lost));
        assert_eq!(search(SECRET, 1, 2), Some(Wrong::Stranger));
        assert_eq!((search(SECRET, 0, 0), search(SECRET, 1, 1)), (None, None));
    }

    #[test]
    fn while_a_change_is_under_way_before_and_after_are_both_right_and_nothing_else() {
        let mut book = book();
        book.begin_relabelling(SECRET, 0);
        book.begin_destroying(PAIR[0]);
        judged(&book, &all(), &[]);
        judged(&book, &[seen(PAIR[1], 0), seen(SECRET, 1)], &[]);
        judged(&book, &[seen(PAIR[1], 0), seen(SECRET, 2)], &[Wrong::Neither]);
        judged(&book, &[seen(PAIR[1], 0)], &[Wrong::Lost]);
    }

    #[test]
    fn what_was_changed_during_a_survey_is_not_judged_by_it() {
        let mut book = book();
        let begun = book.now();
        let change = book.begin_destroying(PAIR[0]);
        book.settle(&change, true, vec![]);
        for seen in [&all()[..], &all()[1..]] {
            assert_eq!(book.judge_survey(begun, seen), []);
        }
        assert_eq!(book.judge_search(begun, PAIR[0], 0, 0), None);
    }

    #[test]
    fn half_of_a_pair_that_is_being_made_is_never_seen() {
        for settled in [false, true] {
            let mut book = book();
            let begun = book.now();
            let change = book.begin_making(Kind::Pair).0;
            if settled {
                book.settle(&change, true, vec![]);
            }
            let [public, private] = [Class::Public, Class::Private].map(|class| seen(Name { number: 3, class }, 0));
            let wrongs = |more: &[&Seen]| {
                let seen: Vec<_> = all().into_iter().chain(more.iter().map(|seen| (*seen).clone())).collect();
                book.judge_survey(begun, &seen).into_iter().map(|fault| fault.0).collect::<Vec<_>>()
            };
            assert_eq!(wrongs(&[]), []);
            assert_eq!(wrongs(&[&public, &private]), []);
            assert_eq!(wrongs(&[&public]), [Wrong::Half]);
            assert_eq!(wrongs(&[&private]), [Wrong::Half]);
        }
    }

    #[test]
    fn a_change_cut_off_happened_wholly_or_not_at_all() {
        let making = || {
            let mut book = book();
            let change = book.begin_making(Kind::Pair).0;
            (book, change)
        };
        let halves = [Class::Public, Class::Private].map(|class| seen(Name { number: 3, class }, 0));
        let (mut book, change) = making();
        assert_eq!(book.resolve(&change, &all()), Ok(false));
        judged(&book, &all(), &[]);
        let (mut book, change) = making();
        let both = [all(), halves.to_vec()].concat();
        assert_eq!(book.resolve(&change, &both), Ok(true));
        judged(&book, &both, &[]);
        for half in halves {
            let (mut book, change) = making();
            let wrong = book.resolve(&change, &[all(), vec![half]].concat()).unwrap_err().0;
            assert_eq!(wrong, Wrong::Half);
        }
    }

    #[test]
    fn a_relabelling_cut_off_leaves_the_old_label_or_the_new_one() {
        for (revision, expected) in [(Some(0), Some(false)), (Some(1), Some(true)), (Some(2), None), (None, None)] {
            let mut book = book();
            let change = book.begin_relabelling(SECRET, 0).0;
            let found = [all()[..2].to_vec(), revision.map(|revision| seen(SECRET, revision)).into_iter().collect()];
            match (book.resolve(&change, &found.concat()), expected) {
                (Ok(happened), Some(expected)) => assert_eq!(happened, expected),
                (Err(fault), None) => assert_eq!(fault.0, Wrong::Neither),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn news_are_the_labels_that_are_right_now_and_were_right_before() {
        let mut book = book();
        let seen = book.now();
        let (change, _) = book.begin_relabelling(SECRET, 0);
        assert_eq!(book.news(seen), []);
        book.settle(&change, true, vec![]);
        assert_eq!(book.news(seen), [(SECRET, 1), (SECRET, 0)]);
    }
}
