//! What an application does next, chosen by chance from what the book allows, and what its answer means for the book.

use cryptoki_sys::{CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID};
use fastrand::Rng;

use crate::book::{Book, Change, Fault, Name, label};
use crate::order::{Answer, Class, Kind, Order, Outcome};

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    /// C_Login.
    Login,
    /// C_GenerateKeyPair.
    MakePair,
    /// C_GenerateKey.
    MakeSecret,
    /// C_FindObjects by label.
    Find,
    /// C_Sign and C_Verify.
    Sign,
    /// C_SetAttributeValue.
    Relabel,
    /// C_DestroyObject.
    Destroy,
}

impl Act {
    /// All of them, with their words.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Login, "logins"),
        (Self::MakePair, "pairs made"),
        (Self::MakeSecret, "secret keys made"),
        (Self::Find, "searches"),
        (Self::Sign, "signatures"),
        (Self::Relabel, "labels changed"),
        (Self::Destroy, "objects destroyed"),
    ];

    /// Whether it changes objects, and so takes the writers' turn.
    pub(crate) const fn is_write(self) -> bool {
        matches!(self, Self::MakePair | Self::MakeSecret | Self::Relabel | Self::Destroy)
    }
}

/// An act with its order, and what it means for the book.
pub(crate) struct Deed {
    /// What is done.
    pub(crate) act: Act,
    /// How the application is told.
    pub(crate) order: Order,
    /// What it changes.
    pub(crate) change: Option<Change>,
    /// What it looks for or uses, by its revision.
    looks: Vec<(Name, u32)>,
    /// When it was chosen.
    since: u64,
}

/// Chooses a deed and enters it into the book. `mix` says how often an act is chosen; one that the book has no object
/// for becomes a making. Where there are `enough` objects, makings become destructions.
pub(crate) fn choose(book: &mut Book, rng: &mut Rng, mix: &[(Act, u32)], enough: usize, pin: &str) -> Deed {
    let total: u32 = mix.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.u32(0..total.max(1));
    let drawn = mix.iter().find(|(_, weight)| {
        let hit = at < *weight;
        at = at.saturating_sub(*weight);
        hit
    });
    let act = match drawn.map_or(Act::MakePair, |(act, _)| *act) {
        Act::MakePair | Act::MakeSecret if book.present() >= enough => Act::Destroy,
        act => act,
    };
    deed(book, rng, act, pin).unwrap_or_else(|| make(book, Act::MakePair, Kind::Pair))
}

fn deed(book: &mut Book, rng: &mut Rng, act: Act, pin: &str) -> Option<Deed> {
    let since = book.now();
    let simple = |order, change, looks| Some(Deed { act, order, change, looks, since });
    match act {
        Act::Login => simple(Order::Login { pin: pin.to_owned() }, None, vec![]),
        Act::MakePair => Some(make(book, act, Kind::Pair)),
        Act::MakeSecret => Some(make(book, act, Kind::Secret)),
        Act::Find => {
            let (name, revision) = any(book, rng, |_| true)?;
            simple(Order::Find { wanted: vec![(name.class, label(name, revision))] }, None, vec![(name, revision)])
        }
        Act::Sign => {
            let (name, revision) = any(book, rng, |name| name.class == Class::Private)?;
            let other = book.idle().find(|(other, _)| *other == Name { class: Class::Public, ..name })?;
            let order = Order::Use { private: label(name, revision), public: label(other.0, other.1) };
            simple(order, None, vec![(name, revision), other])
        }
        Act::Relabel => {
            let (name, revision) = any(book, rng, |_| true)?;
            let (change, to) = book.begin_relabelling(name, revision);
            let order = Order::Relabel { class: name.class, from: label(name, revision), to, whole: true };
            simple(order, Some(change), vec![])
        }
        Act::Destroy => {
            let (name, revision) = any(book, rng, |_| true)?;
            let order = Order::Destroy { class: name.class, label: label(name, revision) };
            simple(order, Some(book.begin_destroying(name)), vec![])
        }
    }
}

fn make(book: &mut Book, act: Act, kind: Kind) -> Deed {
    let since = book.now();
    let (change, label) = book.begin_making(kind);
    Deed { act, order: Order::Make { kind, label }, change: Some(change), looks: vec![], since }
}

fn any(book: &Book, rng: &mut Rng, wanted: impl Fn(&Name) -> bool) -> Option<(Name, u32)> {
    let objects: Vec<_> = book.idle().filter(|(name, _)| wanted(name)).collect();
    rng.choice(objects)
}

impl Deed {
    /// Enters the answer into the book.
    ///
    /// # Errors
    /// A sentence, when the call failed and nothing that others did meanwhile explains it.
    pub(crate) fn settle(&self, book: &mut Book, answer: Answer) -> Result<Vec<Fault>, String> {
        let failure = match answer.outcome {
            Ok(outcome) => return Ok(self.done(book, outcome)),
            Err(failure) => failure,
        };
        if let Some(change) = &self.change {
            book.settle(change, false, vec![]);
        }
        let is_gone = [CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID].contains(&failure.rv);
        if is_gone && self.looks.iter().any(|(name, _)| book.is_touched(*name, self.since)) {
            return Ok(vec![]);
        }
        Err(format!("{failure} at {:?}", self.order))
    }

    fn done(&self, book: &mut Book, outcome: Outcome) -> Vec<Fault> {
        match (outcome, &self.change) {
            (Outcome::Made(prints), Some(change)) => book.settle(change, true, prints),
            (_, Some(change)) => book.settle(change, true, vec![]),
            (Outcome::Found(counts), None) => return judge(book, self.since, &self.looks, &counts),
            (_, None) => {}
        }
        vec![]
    }
}

/// Judges searches that began at `since`.
pub(crate) fn judge(book: &Book, since: u64, looks: &[(Name, u32)], counts: &[usize]) -> Vec<Fault> {
    let judged = looks.iter().zip(counts);
    judged.filter_map(|((name, revision), found)| book.judge_search(since, *name, *revision, *found)).collect()
}
