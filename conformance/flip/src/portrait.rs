//! What a token says of itself, as facts: every attribute of every object, what its keys compute, its users with roles
//! and counts of wrong PINs, trust, mode, quorum, pending acts, the audit log. This is the child's side: it takes the
//! portrait of the directory in its environment, again and again, and prints what differs from the truth.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;

use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::token::load_from_environment;
use claviger_session::Config;
use cryptoki_sys::CKU_SO;
use serde_json::Value;

use crate::make::{LOGINS, Who};
use crate::{beside, objects};

/// A fact's name and what it is. A refusal begins with [`REFUSED`]; nothing at all is a fact that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts(pub(crate) BTreeMap<String, Option<String>>);

/// What a refused fact begins with.
pub(crate) const REFUSED: char = '!';

/// How closely a look looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What is seen without a login, which writes nothing.
    Calm,
    /// And what one user sees: a place in [`LOGINS`].
    User(usize),
    /// And what each user sees.
    Full,
}

impl Look {
    /// The word that asks for it.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Calm => "calm".to_owned(),
            Self::User(place) => place.to_string(),
            Self::Full => "full".to_owned(),
        }
    }

    fn from_word(word: &str) -> Self {
        if word == "calm" { Self::Calm } else { word.parse().map_or(Self::Full, Self::User) }
    }

    /// The logins that it tries.
    pub(crate) fn logins(self) -> &'static [Who] {
        match self {
            Self::Calm => &[],
            Self::User(place) => LOGINS.get(place..=place).unwrap_or_default(),
            Self::Full => &LOGINS,
        }
    }

    /// Whether it asks for the acts that wait.
    fn asks_for_acts(self) -> bool {
        self == Self::Full || self.logins().iter().any(|who| who.kind == CKU_SO)
    }

    /// Whether it looks at the fact of this name.
    fn covers(self, name: &str) -> bool {
        let of = |who: &Who| name.starts_with(&format!("{} ", who.name)) || name == who.login();
        name.starts_with(CALM) || self.logins().iter().any(of) || (self.asks_for_acts() && name.starts_with("pending"))
    }
}

impl Facts {
    /// Notes a fact.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), Some(value.into()));
    }

    /// Notes a fact or its refusal, and gives what there is.
    pub(crate) fn try_note<T>(&mut self, name: &str, result: Result<T, Rv>) -> Option<T> {
        match result {
            Ok(value) => {
                self.note(name, "CKR_OK");
                Some(value)
            }
            Err(rv) => {
                self.refuse(name, rv);
                None
            }
        }
    }

    /// Notes a refusal.
    pub(crate) fn refuse(&mut self, name: &str, why: impl std::fmt::Display) {
        self.note(name, format!("{REFUSED}{why}"));
    }

    /// The facts from what [`Facts::to_json`] made.
    pub(crate) fn from_json(json: &Value) -> Option<Self> {
        let rows = json.as_object()?.iter();
        Some(Self(rows.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect()))
    }

    /// One JSON object.
    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone().map_or(Value::Null, Value::String))).collect()
    }

    /// What is not as in `truth`, as far as `look` looks.
    fn against(mut self, truth: &Self, look: Look) -> Self {
        for name in truth.0.keys().filter(|name| look.covers(name)) {
            self.0.entry(name.clone()).or_insert(None);
        }
        self.0.retain(|name, value| truth.0.get(name) != Some(value));
        self
    }
}

/// What facts begin with that are seen without a login.
pub(crate) const CALM: &str = "calm ";

/// Answers the parent's questions until there are no more. `truth` is a file with facts.
///
/// # Errors
/// A sentence when there is no truth or no library.
pub(crate) fn observe(truth: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(truth).map_err(|error| format!("{}: {error}", truth.display()))?;
    let truth =
        serde_json::from_str(&text).ok().as_ref().and_then(Facts::from_json).ok_or("The truth is not readable.")?;
    let module = load_from_environment();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let look = Look::from_word(&line);
        println!("{}", portrait(&module, look)?.against(&truth, look).to_json());
    }
    Ok(())
}

fn portrait(module: &Module, look: Look) -> Result<Facts, String> {
    let mut facts = Facts::default();
    let config = Config::load().map_err(|error| error.to_string())?;
    beside::calm(&mut facts, &config);
    objects::through_c(&mut facts, module, look);
    if look.asks_for_acts() {
        beside::pending(&mut facts, config);
    }
    Ok(facts)
}
