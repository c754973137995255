//! A running search: C_FindObjects* (PKCS#11 3.2 sections 5.7.7 to 5.7.9). Not the matching, which `object` does once, when
//! the search is initialised.

use super::slot::{Came, Private};
use crate::{ObjectHandle, Result};

/// What a search found and has not yet given out.
#[derive(Default)]
pub(crate) struct Search {
    found: std::vec::IntoIter<ObjectHandle>,
}

impl Search {
    /// A search that found these.
    pub(crate) fn new(found: Vec<ObjectHandle>) -> Self {
        Self { found: found.into_iter() }
    }

    /// The same search, for the first C_FindObjects.
    pub(crate) fn open(&mut self) -> Result<Self> {
        Ok(core::mem::take(self))
    }

    /// Gives at most `max` more handles into `out`.
    pub(crate) fn next(&mut self, max: usize, out: &mut Vec<ObjectHandle>) -> Result<Came> {
        out.extend(self.found.by_ref().take(max));
        Ok(Came::Output)
    }
}

impl Private for Search {
    /// What it found may be private, and the handles mean nothing after logout.
    fn is_private(&self) -> bool {
        true
    }
}
