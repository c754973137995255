//! The reference: what each call must answer, by the very functions that the token asks.
//!
//! Who may do what ([`authorize`](claviger_rules::policy::authorize)), what is born
//! ([`bear`](claviger_rules::birth::bear)), what changes ([`apply`](claviger_rules::change::apply),
//! [`set_trust`](claviger_rules::change::set_trust)) and the least sizes are the production functions. What stands here
//! for a second time is what the session layer adds around them: the order in which it asks, and what the mechanism, the
//! key's type and the bytes themselves decide (PKCS#11 3.2 section 5.18). Each such step says so.

mod births;
mod data;
mod keys;
mod objects;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use claviger_rules::policy::{Action, Facts, Relation, Subject, authorize};
use claviger_rules::{AttributeType, Error, Mode, Object, Refusal, Rulebook};

use crate::call::{Call, Name, User};
use crate::way::Way;
use terms::Terms;
pub(crate) use terms::{Source, Term};

/// One object as the model has it: every attribute but the value.
#[derive(Clone)]
pub(crate) struct Held {
    /// Its attributes, owner, shares and calling.
    pub(crate) object: Object,
    /// What its value is; none for a public key.
    pub(crate) value: Option<Term>,
    /// What opens again that it has sealed: the value of a secret key, for a public key that of the private one.
    pub(crate) seals: Option<Term>,
    /// The application that made it.
    pub(crate) seat: User,
}

/// What a call that succeeded has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The objects that are there from now on.
    pub(crate) born: Vec<Name>,
    /// The object that is not as it was.
    pub(crate) changed: Option<Name>,
    /// The byte string that the token gave out under a name.
    pub(crate) given: Option<Name>,
}

/// Why bytes are refused, before a function gives it its return value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// They have the wrong length.
    Length,
}

/// The longest secret key, in bytes. The PKCS#8 message of an RSA key is longer, that of an EC key is not.
const MAX_SECRET_LEN: usize = 512;

/// What the model says of a call.
pub(crate) type Answer<T = Effect> = Result<T, Refusal>;

/// One application, with its one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Who is logged in.
    pub(crate) login: Option<User>,
    /// Whether the session is read/write.
    pub(crate) writable: bool,
}

impl Seat {
    /// As it is when a sequence begins.
    pub(crate) const fn of(user: User) -> Self {
        Self { login: Some(user), writable: true }
    }
}

/// The state of the token and of the applications.
#[derive(Clone)]
pub(crate) struct State {
    rules: Rulebook,
    /// The applications, each named after the user whom it logs in at the start.
    seats: [Seat; 4],
    /// Whose turn it is.
    turn: User,
    objects: BTreeMap<Name, Rc<Held>>,
    /// Every object that there ever was: a stale handle may be tried too.
    ever: BTreeSet<Name>,
    strings: BTreeMap<Name, Term>,
    terms: Terms,
    /// The next name.
    next: u32,
    /// What the last call must answer.
    pub(crate) last: Answer,
    /// The calls that led to the state in which a sequence begins.
    pub(crate) prelude: Vec<Call>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.prelude).finish()
    }
}

impl State {
    /// An empty token of that mode, and an application for each user, which has logged it in.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            rules: Rulebook::of(mode),
            seats: User::ALL.map(Seat::of),
            turn: User::App1,
            objects: BTreeMap::new(),
            ever: BTreeSet::new(),
            strings: BTreeMap::new(),
            terms: Terms::default(),
            next: 0,
            last: Ok(Effect::default()),
            prelude: Vec::new(),
        }
    }

    /// The same state, after these calls.
    pub(crate) fn after(mut self, calls: Vec<Call>) -> Self {
        for call in &calls {
            self.step(call);
        }
        self.prelude = calls;
        self
    }

    /// The application whose turn it is.
    pub(crate) fn seat(&self) -> Seat {
        self.seat_of(self.turn)
    }

    /// An application.
    pub(crate) fn seat_of(&self, user: User) -> Seat {
        self.seats.get(user as usize).copied().unwrap_or(Seat::of(user))
    }

    fn sit(&mut self, seat: Seat) {
        if let Some(present) = self.seats.get_mut(self.turn as usize) {
            *present = seat;
        }
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> Rulebook {
        self.rules
    }

    /// A name that nothing has yet.
    pub(crate) fn free_name(&self, offset: u32) -> Name {
        Name(self.next + offset)
    }

    /// Every object there is, seen or not.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (Name, &Held)> {
        self.objects.iter().map(|(name, held)| (*name, &**held))
    }

    /// Every object that there ever was.
    pub(crate) fn ever(&self) -> impl Iterator<Item = Name> {
        self.ever.iter().copied()
    }

    /// Whether a call names only what there was once, and its outcome can be foretold.
    pub(crate) fn can_foretell(&self, call: &Call) -> bool {
        let (objects, strings) = call.needs();
        let is_known = objects.iter().all(|name| self.ever.contains(name))
            && strings.iter().all(|name| self.strings.contains_key(name));
        is_known
            && match call {
                Call::Unwrap { way, under: key, blob, .. } | Call::Decrypt { way, key, blob, .. } => {
                    !self.is_doubtful(*way, *key, *blob)
                }
                // Nobody knows how long the PKCS#8 message of an RSA key is to the byte.
                Call::Wrap { way: Way::Kw | Way::Ecb | Way::Cbc, key, .. } => !self.holds_rsa_key(*key),
                _ => true,
            }
    }

    fn holds_rsa_key(&self, name: Name) -> bool {
        self.object(name).and_then(|held| held.value).is_some_and(|value| self.terms.len(value) > MAX_SECRET_LEN)
    }

    /// The object of that name, if it is still there.
    pub(crate) fn object(&self, name: Name) -> Option<&Held> {
        self.objects.get(&name).map(|held| &**held)
    }

    /// Every byte string that the token has given out under a name.
    pub(crate) fn strings(&self) -> impl Iterator<Item = Name> {
        self.strings.keys().copied()
    }

    /// The way in which a byte string was sealed, if it was.
    pub(crate) fn sealed_by(&self, string: Name) -> Option<Way> {
        match self.strings.get(&string).and_then(|term| self.terms.source(*term))? {
            Source::Sealed(way, ..) => Some(way),
            _ => None,
        }
    }

    /// How many bytes a string has that the token gave out, as far as that is known to the byte.
    pub(crate) fn string_len(&self, name: Name) -> Option<usize> {
        self.strings.get(&name).map(|term| self.terms.len(*term)).filter(|len| *len <= MAX_SECRET_LEN)
    }

    /// Whether a value came from the token's random generator.
    pub(crate) fn is_fresh(&self, value: Term) -> bool {
        matches!(self.terms.source(value), Some(Source::Fresh(_)))
    }

    /// Whether whoever is logged in sees the object. Session objects are those of one application.
    pub(crate) fn sees(&self, held: &Held) -> bool {
        (is_token(&held.object) || held.seat == self.turn) && held.object.relation(&self.subject()) != Relation::Hidden
    }

    /// Who asks.
    fn subject(&self) -> Subject {
        let Seat { login, writable } = self.seat();
        Subject::new(login.map(|user| (user.id(), user.role())), self.rules, writable)
    }

    /// The object under a handle. What is hidden is as if it were not there, and a handle of what is gone stands for
    /// nothing.
    fn seen(&self, name: Name) -> Option<Rc<Held>> {
        self.objects.get(&name).filter(|held| self.sees(held)).cloned()
    }

    /// Asks the policy whether the user may do `action` on the object, with what `add` knows beyond it.
    fn permitted(&self, action: Action, name: Name, add: impl Fn(&Object, &mut Facts)) -> Answer<Rc<Held>> {
        let (subject, held) = (self.subject(), self.seen(name));
        let facts = held.as_ref().map_or(Facts::NONE, |held| {
            let mut facts = held.object.facts(&subject, 1);
            add(&held.object, &mut facts);
            facts
        });
        authorize(&subject, action, &facts)?;
        held.ok_or(Error::ObjectHandleInvalid.into())
    }

    /// Does what `call` does and notes what it must answer.
    pub(crate) fn step(&mut self, call: &Call) {
        let names = call.names();
        self.next = names.into_iter().map(|name| name.0 + 1).fold(self.next, u32::max);
        self.last = self.answer(call);
    }

    fn answer(&mut self, call: &Call) -> Answer {
        match call {
            Call::Turn(user) => {
                self.turn = *user;
                Ok(Effect::default())
            }
            Call::Login(user) => self.log_in(*user),
            Call::Logout => self.log_out(),
            Call::Reopen { writable } => self.reopen(*writable),
            Call::Generate { key, template } => self.generate(*key, template),
            Call::Pair { public, private, pair, templates } => self.generate_pair(*public, *private, *pair, templates),
            Call::Create { key, template } => self.create(*key, template),
            Call::Set { object, template } => self.set(*object, template),
            Call::Copy { copy, source, template } => self.copy(*copy, *source, template),
            Call::Destroy { object } => self.destroy(*object),
            Call::Wrap { blob, way, under, key } => self.wrap(*blob, *way, *under, *key),
            Call::Unwrap { key, way, under, blob, template } => self.unwrap(*key, *way, *under, *blob, template),
            Call::Encrypt { blob, way, key, data } => self.encrypt(*blob, *way, *key, *data),
            Call::Decrypt { plain, way, key, blob } => self.decrypt(*plain, *way, *key, *blob),
            Call::Peel { key, blob } => self.peel(*key, *blob),
            Call::Derive { key, base, salt, template } => self.derive(*key, *base, *salt, template),
            Call::Digest { key } => self.digest(*key),
            Call::Read { object } => self.read_value(*object),
            // Rule R16: the value of a key never matches, so there is nothing to find and nothing to refuse.
            Call::Find { .. } => Ok(Effect::default()),
        }
    }

    /// PKCS#11 3.2 section 5.6.8: one user at a time for an application.
    fn log_in(&mut self, user: User) -> Answer {
        let seat = self.seat();
        match seat.login {
            Some(present) if present == user => Err(Error::UserAlreadyLoggedIn.into()),
            Some(_) => Err(Error::UserAnotherAlreadyLoggedIn.into()),
            None if user.role().is_so() && !seat.writable => Err(Error::SessionReadOnlyExists.into()),
            None => {
                self.sit(Seat { login: Some(user), ..seat });
                Ok(Effect::default())
            }
        }
    }

    /// Rule R17: private session objects die at logout.
    fn log_out(&mut self) -> Answer {
        let seat = self.seat();
        seat.login.ok_or(Error::UserNotLoggedIn)?;
        self.sit(Seat { login: None, ..seat });
        self.end(|object| object.flag(AttributeType::PRIVATE));
        Ok(Effect::default())
    }

    /// The login ends with the last session, and the session's objects with it.
    fn reopen(&mut self, writable: bool) -> Answer {
        self.sit(Seat { login: None, writable });
        self.end(|_| true);
        Ok(Effect::default())
    }

    /// The application's session objects of that sort are gone.
    fn end(&mut self, ends: impl Fn(&Object) -> bool) {
        let turn = self.turn;
        self.objects.retain(|_, held| is_token(&held.object) || held.seat != turn || !ends(&held.object));
    }
}

fn is_token(object: &Object) -> bool {
    object.flag(AttributeType::TOKEN)
}
