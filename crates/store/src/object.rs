//! Objects at rest: the table `objects`. What a body says is the session layer's business.

use claviger_crypto::Secret;
use serde::{Deserialize, Serialize};

use crate::index::Mark;
use crate::keys::Keys;
use crate::record::{Place, TokenId};
use crate::storage::Table;
use crate::{Error, Result};

/// An object's id. Never used again within a token, and never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId(pub u64);

/// An object as it was read.
pub struct Object {
    /// Its id.
    pub id: ObjectId,
    /// The generation that wrote it: what a change of it must expect.
    pub version: u64,
    /// Whether it is sealed under the token key.
    pub private: bool,
    /// Its bytes.
    pub body: Secret,
}

/// Objects as they were read in one moment.
pub struct Loaded {
    /// The generation of that moment.
    pub generation: u64,
    /// What was asked for and could be read, by rising id. What the author cannot open is left out.
    pub objects: Vec<Object>,
    /// What does not open though the author has the key for it: edited, moved or torn. All else is unaffected.
    pub damaged: Vec<ObjectId>,
}

/// What a walk through all objects says at its end.
pub struct Walked {
    /// The generation of the moment that was looked at.
    pub generation: u64,
    /// As in [`Loaded`].
    pub damaged: Vec<ObjectId>,
}

/// One change of one object.
pub enum Change {
    /// A new object.
    Create {
        /// Seal it under the token key.
        private: bool,
        /// Its bytes.
        body: Secret,
        /// What it can be found by.
        terms: Vec<Vec<u8>>,
    },
    /// Other bytes for an object, which stays as private as it is.
    Replace {
        /// Which.
        id: ObjectId,
        /// The version the caller has seen.
        expected: u64,
        /// Its new bytes.
        body: Secret,
        /// What it can be found by from now on.
        terms: Vec<Vec<u8>>,
    },
    /// The object's end.
    Delete {
        /// Which.
        id: ObjectId,
        /// The version the caller has seen.
        expected: u64,
    },
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The generation it made, which is the version of every object it wrote.
    pub generation: u64,
    /// The objects it changed, in the order of the changes.
    pub ids: Vec<ObjectId>,
}

/// In whose name objects are read or changed. It is looked at again inside every transaction, so that
/// nobody writes into a token that was initialised anew, or after being deleted.
#[derive(Clone, Copy)]
pub enum Author<'a> {
    /// Nobody is logged in: public objects of this token alone.
    Public(TokenId),
    /// A logged-in user.
    User(&'a Keys),
}

impl<'a> Author<'a> {
    /// The token it speaks of.
    pub fn token(self) -> TokenId {
        match self {
            Self::Public(token) => token,
            Self::User(keys) => keys.token,
        }
    }

    pub(crate) fn keys(self) -> Option<&'a Keys> {
        match self {
            Self::Public(_) => None,
            Self::User(keys) => Some(keys),
        }
    }
}

/// The plaintext of an object's record: its marks, then its bytes.
pub(crate) fn plaintext(marks: &[Mark], body: &[u8]) -> Result<Secret> {
    let len = postcard::experimental::serialized_size(marks).map_err(|_| Error::Internal)?;
    let mut plaintext = Secret::zeroed(len.saturating_add(body.len()));
    let (front, rest) = plaintext.expose_mut().split_at_mut(len);
    postcard::to_slice(marks, front).map_err(|_| Error::Internal)?;
    rest.copy_from_slice(body);
    Ok(plaintext)
}

/// The marks and the bytes of an object.
pub(crate) fn parts(plaintext: &Secret) -> Result<(Vec<Mark>, Secret)> {
    let (marks, body) = postcard::take_from_bytes(plaintext.expose()).map_err(|_| Error::Damaged)?;
    Ok((marks, Secret::copy_of(body)))
}

pub(crate) const fn place(token: TokenId, key: &[u8]) -> Place<'_> {
    Place { token, table: Table::Objects, key }
}

pub(crate) fn id_of(key: &[u8]) -> Result<ObjectId> {
    key.try_into().map(u64::from_be_bytes).map(ObjectId).map_err(|_| Error::Damaged)
}
