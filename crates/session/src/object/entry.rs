//! One object as this application holds it: under a handle, with its key parsed at most once.

use std::sync::{Arc, OnceLock};

use claviger_crypto::Key;
use claviger_rules::policy::Permit;
use claviger_rules::{Error, Object, Refusal};
use claviger_store::ObjectId;

use super::material;
use crate::{ObjectHandle, Result, SessionHandle};

/// Where an object lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the store, as of this version.
    Token {
        /// Its name in the store.
        id: ObjectId,
        /// Counts its changes.
        version: u64,
    },
    /// In memory, until this session ends.
    Session(SessionHandle),
}

/// One object under one handle. Never changed: a change makes a new entry.
pub(crate) struct Entry {
    pub(crate) handle: ObjectHandle,
    pub(crate) place: Place,
    pub(crate) object: Object,
    key: OnceLock<Arc<Key>>,
}

impl Entry {
    pub(crate) fn new(handle: ObjectHandle, place: Place, object: Object, key: Option<Arc<Key>>) -> Self {
        Self { handle, place, object, key: key.map(OnceLock::from).unwrap_or_default() }
    }

    /// The same object after a change of attributes that leaves the value alone.
    pub(crate) fn changed(&self, place: Place, object: Object) -> Self {
        Self::new(self.handle, place, object, self.key.get().cloned())
    }

    /// The key. Only a permit for this very object opens it.
    ///
    /// # Errors
    /// CKR_KEY_TYPE_INCONSISTENT for what is no key.
    pub(crate) fn key(&self, permit: &Permit) -> Result<Arc<Key>> {
        if permit.object() != self.handle.0 {
            return Err(Refusal::standard(Error::GeneralError, "a permit for one object does not open another"));
        }
        if let Some(key) = self.key.get() {
            return Ok(Arc::clone(key));
        }
        let (Some(class), Some(key_type)) = (self.object.class(), self.object.key_type()) else {
            return Err(Error::KeyTypeInconsistent.into());
        };
        let key = Arc::new(material::read(class, key_type, &self.object.attributes)?);
        Ok(Arc::clone(self.key.get_or_init(|| key)))
    }
}
