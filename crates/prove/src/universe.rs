//! Every state that an object can reach, and what each lets its users do, as the policy functions say.
//!
//! A state is an object's attributes, owner, shares and calling; its value stands apart. The attacker is three users at
//! once: a normal user, a key manager and a security officer. Closed under every step of the alphabet, so what holds of
//! all states here holds after any number of calls.

use std::collections::HashMap;

use claviger_rules::attribute::{ATTRIBUTES, Shown};
use claviger_rules::birth::{Birth, Origin, bear, check_size};
use claviger_rules::change::{Occasion, apply, set_trust};
use claviger_rules::policy::{Action, Facts, Subject, authorize};
use claviger_rules::{
    AttributeType as A, Calling, Clause, KeyType, MechanismType, Mode, Object, ObjectClass, Role, Rulebook, Template,
    UserId, Value,
};

use crate::alphabet::{Alphabet, keyed};

/// The attacker's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    /// A normal user.
    App,
    /// A key manager.
    Kim,
    /// A security officer.
    So,
}

impl User {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::App, Self::Kim, Self::So];

    /// The user's name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app1 (NU)",
            Self::Kim => "kim (KM)",
            Self::So => "so (SO)",
        }
    }

    /// The user's role.
    pub const fn role(self) -> Role {
        match self {
            Self::App => Role::NormalUser,
            Self::Kim => Role::KeyManager,
            Self::So => Role::SecurityOfficer,
        }
    }

    /// The user's id.
    pub const fn id(self) -> UserId {
        UserId(self as u32 + 1)
    }

    /// The user under `rules`, in a read/write session.
    pub fn subject(self, rules: Rulebook) -> Subject {
        Subject::new(Some((self.id(), self.role())), rules, true)
    }
}

/// What each user may do, by the user's place in [`User::ALL`].
pub type ByUser = [bool; 3];

/// A state's number.
pub type StateId = usize;

/// What the users may do with an object in a state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Can {
    /// C_Encrypt.
    pub encrypt: ByUser,
    /// C_Decrypt.
    pub decrypt: ByUser,
    /// C_DeriveKey from it.
    pub derive: ByUser,
    /// C_WrapKey under it, by a mechanism that rule R10 admits for trusted keys, and by another.
    pub wrap: [ByUser; 2],
    /// Whether that other mechanism lets a known payload open the others: one IV for two, or equal blocks that show.
    pub loose_tells: bool,
    /// C_UnwrapKey under it, likewise.
    pub unwrap: [ByUser; 2],
    /// C_UnwrapKey under it by a mechanism whose padding can be probed.
    pub probe: ByUser,
    /// C_WrapKey of it, under an untrusted and under a trusted key.
    pub leave: [ByUser; 2],
    /// C_GetAttributeValue of its value.
    pub read: ByUser,
    /// C_DigestKey.
    pub digest: ByUser,
}

/// One state of an object.
pub struct State {
    /// The object, without a value.
    pub object: Object,
    /// Whether keys wrapped under it count as wrapped under a trusted key.
    pub trusted: bool,
    /// What the users may do with it.
    pub can: Can,
    /// The steps out of it.
    pub edges: Vec<Edge>,
    /// Which list of [`Universe::unwrapped`] holds what can be unwrapped under it.
    pub unwraps_to: usize,
    /// Which list of [`Universe::derived`] holds what can be derived from it.
    pub derives_to: usize,
}

/// A call that changes an object, or makes another with the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// C_SetAttributeValue with this template of the alphabet.
    Set(usize),
    /// C_CopyObject with this template of the alphabet.
    Copy(usize),
    /// C_SetAttributeValue(TRUSTED=1).
    Trust,
    /// C_SetAttributeValue(TRUSTED=0).
    Retire,
    /// C_SetAttributeValue(SHARED_WITH) with the normal user.
    Share,
}

/// A step from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Who takes it.
    pub who: User,
    /// The call.
    pub call: Call,
    /// Where it leads.
    pub to: StateId,
}

/// How a value comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// C_GenerateKey, 32 bytes.
    Generate,
    /// C_GenerateKey, 5 bytes: short enough to try all.
    GenerateShort,
    /// C_GenerateKeyPair.
    Pair,
    /// C_CreateObject with a value that the attacker chose.
    Import,
}

/// A new object with a new value, or with one that the attacker chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Born {
    /// Who makes it.
    pub who: User,
    /// How.
    pub how: How,
    /// The template, of the alphabet's births.
    pub template: usize,
    /// Its state.
    pub state: StateId,
    /// The state of the public half.
    pub public: Option<StateId>,
}

/// A new object with an old value: unwrapped or derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heir {
    /// Who makes it.
    pub who: User,
    /// The template, of the alphabet's births.
    pub template: usize,
    /// Its state.
    pub state: StateId,
}

/// All of it.
pub struct Universe {
    /// The rules.
    pub rules: Rulebook,
    /// The templates.
    pub alphabet: Alphabet,
    /// The states.
    pub states: Vec<State>,
    /// How new values come to be.
    pub births: Vec<Born>,
    /// What comes out of an unwrap, a list per kind of unwrapping key.
    pub unwrapped: Vec<Vec<Heir>>,
    /// What comes out of a derivation, a list per kind of base key.
    pub derived: Vec<Vec<Heir>>,
    /// How often a policy function was called.
    pub asked: u64,
    numbers: HashMap<Vec<u8>, StateId>,
    heirs: HashMap<Vec<u8>, usize>,
}

/// What of an unwrapping key the birth of the unwrapped one depends on; a test holds this to the truth.
pub const UNWRAP_PARENT: &[A] = &[A::TRUSTED, A::UNWRAP_TEMPLATE];

/// The same for derivation.
pub const DERIVE_PARENT: &[A] = &[
    A::SENSITIVE,
    A::EXTRACTABLE,
    A::WRAP_WITH_TRUSTED,
    A::ALWAYS_SENSITIVE,
    A::NEVER_EXTRACTABLE,
    A::DERIVE_TEMPLATE,
];

impl Universe {
    /// Everything that can be reached under `rules` with the templates of `alphabet`.
    pub fn new(rules: Rulebook, alphabet: Alphabet) -> Self {
        let mut universe = Self {
            rules,
            alphabet,
            states: Vec::new(),
            births: Vec::new(),
            unwrapped: Vec::new(),
            derived: Vec::new(),
            asked: 0,
            numbers: HashMap::new(),
            heirs: HashMap::new(),
        };
        universe.bear_all();
        let mut next = 0;
        while next < universe.states.len() {
            universe.explore(next);
            next += 1;
        }
        universe
    }

    fn bear_all(&mut self) {
        for who in User::ALL {
            for template in 0..self.alphabet.births.len() {
                for how in [How::Generate, How::GenerateShort, How::Pair, How::Import] {
                    if let Some(born) = self.born(who, how, template) {
                        let same = |other: &Born| (other.who, other.how, other.state) == (who, how, born.state);
                        if !self.births.iter().any(|other| same(other) && other.public == born.public) {
                            self.births.push(born);
                        }
                    }
                }
            }
        }
    }

    fn born(&mut self, who: User, how: How, index: usize) -> Option<Born> {
        let template = self.alphabet.births.get(index)?.clone();
        let (birth, mechanism, key_type, class) = match how {
            How::Generate => (Birth::Generate, Some(MechanismType::AES_KEY_GEN), KeyType::Aes, ObjectClass::SecretKey),
            How::GenerateShort => {
                let mechanism = Some(MechanismType::GENERIC_SECRET_KEY_GEN);
                (Birth::Generate, mechanism, KeyType::GenericSecret, ObjectClass::SecretKey)
            }
            How::Pair => {
                let mechanism = Some(MechanismType::RSA_PKCS_KEY_PAIR_GEN);
                (Birth::Pair, mechanism, KeyType::Rsa, ObjectClass::PrivateKey)
            }
            How::Import => (Birth::Create, None, KeyType::Aes, ObjectClass::SecretKey),
        };
        let origin = Origin { birth, class: Some(class), key_type: Some(key_type), mechanism, parents: &[] };
        let mut asked = keyed(&template, class, key_type);
        let bits = match how {
            How::GenerateShort => 40,
            How::Pair => 2048,
            How::Generate | How::Import => 256,
        };
        match how {
            How::Generate | How::GenerateShort => asked.set(A::VALUE_LEN, Value::Ulong(bits / 8)),
            How::Import => asked.set(A::VALUE, Value::bytes([1; 32])),
            How::Pair => {}
        }
        let object = self.make(who, &origin, asked)?;
        check_size(self.rules, birth, key_type, bits, &object.attributes).ok()?;
        let public = if how == How::Pair { Some(self.public_half(who, &origin, &template)?) } else { None };
        let state = self.intern(object);
        Some(Born { who, how, template: index, state, public })
    }

    /// The public half of a pair: it wraps, and encrypts unless that is refused; a template that names TRUSTED names it
    /// here too.
    fn public_half(&mut self, who: User, origin: &Origin<'_>, private: &Template) -> Option<StateId> {
        let mut asked = Template::new();
        asked.set(A::MODULUS_BITS, Value::Ulong(2048));
        asked.set(A::WRAP, Value::Bool(true));
        if let Some(trusted) = private.get(A::TRUSTED) {
            asked.set(A::TRUSTED, trusted.clone());
        }
        let wraps = keyed(&asked, ObjectClass::PublicKey, KeyType::Rsa);
        asked.set(A::ENCRYPT, Value::Bool(true));
        let encrypts = keyed(&asked, ObjectClass::PublicKey, KeyType::Rsa);
        let origin = Origin { class: Some(ObjectClass::PublicKey), ..*origin };
        let object = self.make(who, &origin, encrypts).or_else(|| self.make(who, &origin, wraps))?;
        Some(self.intern(object))
    }

    /// What the call that `origin` describes makes, if it is not refused.
    fn make(&mut self, who: User, origin: &Origin<'_>, template: Template) -> Option<Object> {
        let subject = who.subject(self.rules);
        self.asked += 3;
        authorize(&subject, Action::Make, &Facts::of_birth(origin.class, &template)).ok()?;
        let newborn = bear(&subject, origin, template).ok()?;
        let mut attributes = newborn.attributes;
        for row in ATTRIBUTES.iter().filter(|row| row.shown == Shown::Hidden) {
            attributes.remove(row.id);
        }
        let (owner, calling) = (Some(who.id()), newborn.calling);
        authorize(&subject, Action::Make, &Facts::of_birth(Some(newborn.class), &attributes)).ok()?;
        Some(Object { attributes, owner, shared_with: Vec::new(), born: Mode::Enforce, calling, shadow: None })
    }

    fn intern(&mut self, object: Object) -> StateId {
        let bytes = postcard::to_allocvec(&object).unwrap_or_default();
        if let Some(number) = self.numbers.get(&bytes) {
            return *number;
        }
        let number = self.states.len();
        let (can, trusted) = (self.can(&object), object.is_trusted(self.rules));
        self.states.push(State { object, trusted, can, edges: Vec::new(), unwraps_to: 0, derives_to: 0 });
        self.numbers.insert(bytes, number);
        number
    }

    fn can(&mut self, object: &Object) -> Can {
        let rules = self.rules;
        let mut asked = 0;
        let mut ask = |action: Action, add: &dyn Fn(&mut Facts)| {
            User::ALL.map(|who| {
                asked += 1;
                let subject = who.subject(rules);
                let mut facts = object.facts(&subject, 1);
                facts.usage = action.usage().is_none_or(|usage| object.flag(usage));
                add(&mut facts);
                authorize(&subject, action, &facts).is_ok()
            })
        };
        let is_secret = object.class().is_some_and(ObjectClass::has_secret);
        let only_secret = |answer: ByUser| answer.map(|may| may && is_secret);
        // The public half of a pair has no mechanism that rule R10 admits for trusted keys.
        let strict = |answer: ByUser| answer.map(|may| may && object.key_type() == Some(KeyType::Aes));
        let can = Can {
            loose_tells: object.key_type() == Some(KeyType::Aes),
            encrypt: ask(Action::Encrypt, &|_| {}),
            decrypt: only_secret(ask(Action::Decrypt, &|_| {})),
            derive: only_secret(ask(Action::Derive, &|_| {})),
            wrap: [
                strict(ask(Action::WrapUnder, &|_| {})),
                ask(Action::WrapUnder, &|facts| facts.strict_mechanism = false),
            ],
            unwrap: [
                only_secret(strict(ask(Action::UnwrapUnder, &|_| {}))),
                only_secret(ask(Action::UnwrapUnder, &|facts| facts.strict_mechanism = false)),
            ],
            probe: only_secret(ask(Action::UnwrapUnder, &|facts| {
                facts.strict_mechanism = false;
                facts.oracle = true;
            })),
            leave: [false, true]
                .map(|trusted| only_secret(ask(Action::WrapOut, &|facts| facts.under.trusted = trusted))),
            read: only_secret(ask(Action::ReadValue, &|_| {})),
            digest: only_secret(ask(Action::DigestKey, &|_| {})),
        };
        self.asked += asked;
        can
    }

    /// Follows every step out of a state.
    fn explore(&mut self, from: StateId) {
        let Some(object) = self.states.get(from).map(|state| state.object.clone()) else { return };
        let mut edges = Vec::new();
        for who in User::ALL {
            for index in 0..self.alphabet.sets.len() {
                let changed = self.set(who, &object, index);
                self.lead(&mut edges, who, Call::Set(index), changed);
            }
            for index in 0..self.alphabet.copies.len() {
                let copy = self.copy(who, &object, index);
                self.lead(&mut edges, who, Call::Copy(index), copy);
            }
            for call in [Call::Trust, Call::Retire] {
                let changed = self.trust(who, &object, call == Call::Trust);
                self.lead(&mut edges, who, call, changed);
            }
            let shared = self.share(who, &object);
            self.lead(&mut edges, who, Call::Share, shared);
        }
        edges.retain(|edge| edge.to != from || matches!(edge.call, Call::Copy(_)));
        let (unwraps_to, derives_to) = (self.unwraps_to(&object), self.derives_to(&object));
        if let Some(state) = self.states.get_mut(from) {
            (state.edges, state.unwraps_to, state.derives_to) = (edges, unwraps_to, derives_to);
        }
    }

    fn lead(&mut self, edges: &mut Vec<Edge>, who: User, call: Call, object: Option<Object>) {
        let Some(object) = object else { return };
        let to = self.intern(object);
        let is_copy = matches!(call, Call::Copy(_));
        if !edges.iter().any(|edge| edge.to == to && matches!(edge.call, Call::Copy(_)) == is_copy) {
            edges.push(Edge { who, call, to });
        }
    }

    fn set(&mut self, who: User, object: &Object, index: usize) -> Option<Object> {
        let (subject, template) = (who.subject(self.rules), self.alphabet.sets.get(index)?);
        self.asked += 2;
        authorize(&subject, Action::Change, &object.facts(&subject, 1)).ok()?;
        let mut changed = object.clone();
        apply(self.rules, Occasion::Set, &mut changed.attributes, template).ok()?;
        Some(changed)
    }

    fn copy(&mut self, who: User, object: &Object, index: usize) -> Option<Object> {
        let (subject, template) = (who.subject(self.rules), self.alphabet.copies.get(index)?);
        self.asked += 2;
        authorize(&subject, Action::Copy, &object.facts(&subject, 1)).ok()?;
        let mut copy = object.clone();
        apply(self.rules, Occasion::Copy, &mut copy.attributes, template).ok()?;
        authorize(&subject, Action::Make, &copy.facts(&subject, 0)).ok()?;
        Some(copy.copied(Some(who.id())))
    }

    fn trust(&mut self, who: User, object: &Object, trusted: bool) -> Option<Object> {
        let subject = who.subject(self.rules);
        let action = if trusted { Action::Trust } else { Action::Retire };
        self.asked += 1;
        authorize(&subject, action, &object.facts(&subject, 1)).ok()?;
        object.attributes.get(A::TRUSTED)?;
        let mut changed = object.clone();
        set_trust(self.rules, &mut changed.attributes, &mut changed.calling, trusted);
        Some(changed)
    }

    fn share(&mut self, who: User, object: &Object) -> Option<Object> {
        let subject = who.subject(self.rules);
        self.asked += 1;
        authorize(&subject, Action::Share, &object.facts(&subject, 1)).ok()?;
        let is_secret = object.class().is_some_and(ObjectClass::has_secret);
        (is_secret && who != User::App).then(|| Object { shared_with: vec![User::App.id()], ..object.clone() })
    }

    fn unwraps_to(&mut self, parent: &Object) -> usize {
        let parent = project(parent, UNWRAP_PARENT);
        let origin = Origin { birth: Birth::Unwrap, class: None, key_type: None, mechanism: None, parents: &[&parent] };
        let list = self.heirs(&parent, &origin);
        Self::number(&mut self.heirs, &mut self.unwrapped, b'u', &parent, list)
    }

    fn derives_to(&mut self, parent: &Object) -> usize {
        let parent = project(parent, DERIVE_PARENT);
        let (class, key_type) = (Some(ObjectClass::SecretKey), Some(KeyType::Aes));
        let origin = Origin { birth: Birth::Derive, class, key_type, mechanism: None, parents: &[&parent] };
        let list = self.heirs(&parent, &origin);
        Self::number(&mut self.heirs, &mut self.derived, b'd', &parent, list)
    }

    fn number(
        known: &mut HashMap<Vec<u8>, usize>,
        lists: &mut Vec<Vec<Heir>>,
        kind: u8,
        parent: &Object,
        list: Option<Vec<Heir>>,
    ) -> usize {
        let key = name(kind, parent);
        if let Some(list) = list {
            known.insert(key.clone(), lists.len());
            lists.push(list);
        }
        known.get(&key).copied().unwrap_or_default()
    }

    /// What is born of `parent`; `None` when that was asked before.
    fn heirs(&mut self, parent: &Object, origin: &Origin<'_>) -> Option<Vec<Heir>> {
        let kind = if origin.birth == Birth::Unwrap { b'u' } else { b'd' };
        if self.heirs.contains_key(&name(kind, parent)) {
            return None;
        }
        let mut heirs: Vec<Heir> = Vec::new();
        let kinds = [(ObjectClass::SecretKey, KeyType::Aes), (ObjectClass::PrivateKey, KeyType::Rsa)];
        let kinds = if origin.birth == Birth::Unwrap { &kinds[..] } else { &kinds[..1] };
        for who in User::ALL {
            for template in 0..self.alphabet.births.len() {
                for (class, key_type) in kinds {
                    let Some(asked) = self.alphabet.births.get(template) else { continue };
                    let mut asked = keyed(asked, *class, *key_type);
                    if origin.birth == Birth::Derive {
                        asked.set(A::VALUE_LEN, Value::Ulong(32));
                    }
                    let Some(object) = self.make(who, origin, asked) else { continue };
                    let state = self.intern(object);
                    if !heirs.iter().any(|heir| heir.state == state) {
                        heirs.push(Heir { who, template, state });
                    }
                }
            }
        }
        Some(heirs)
    }

    /// Whether keys can be derived so that the base key can be computed from the derived one.
    pub fn derives_both_ways(&self) -> bool {
        !self.rules.binds(Clause::OneWayDerivation)
    }
}

fn name(kind: u8, parent: &Object) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(postcard::to_allocvec(&parent.attributes).unwrap_or_default());
    key
}

/// The object with these attributes alone.
pub fn project(object: &Object, attributes: &[A]) -> Object {
    let mut kept = Template::new();
    for attribute in attributes {
        if let Some(value) = object.attributes.get(*attribute) {
            kept.set(*attribute, value.clone());
        }
    }
    Object {
        attributes: kept,
        owner: None,
        shared_with: Vec::new(),
        born: Mode::Enforce,
        calling: Calling::Data,
        shadow: None,
    }
}
