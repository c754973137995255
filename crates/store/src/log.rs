//! What each generation changed: the table `log`. Not an audit log: it tells a process which parts of
//! its in-memory view to read again, and is forgotten after [`KEPT`] generations.

use claviger_crypto::seal::SealKey;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::object::ObjectId;
use crate::record::{self, Place, TokenId};
use crate::storage::{Scan, Table, Transaction, View};

/// How many generations are remembered. Who was away for longer reads everything.
pub(crate) const KEPT: u64 = 4096;

/// What changed between two generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The newer of the two: the one to ask from next time.
    pub generation: u64,
    /// What to read again.
    pub what: What,
}

/// What to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// All of it: too long ago, another token, or a log that cannot be trusted.
    Everything,
    /// No more than this.
    Parts(Parts),
}

/// The parts of a token that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The header.
    pub header: bool,
    /// Users: made, deleted, PINs, counts of wrong PINs.
    pub users: bool,
    /// Objects made, replaced or deleted. The same id may come more than once.
    pub objects: Vec<ObjectId>,
}

impl Parts {
    pub(crate) const USERS: Self = Self { header: false, users: true, objects: Vec::new() };

    fn add(&mut self, other: Self) {
        self.header |= other.header;
        self.users |= other.users;
        self.objects.extend(other.objects);
    }
}

/// Writes down what this transaction changes. Once in every transaction.
pub(crate) fn note(
    change: &mut (impl Transaction + ?Sized),
    device: &SealKey,
    token: TokenId,
    parts: &Parts,
) -> Result<()> {
    let generation = change.generation();
    let key = generation.to_be_bytes();
    let record = record::seal_value(device, &place(token, &key), generation, parts)?;
    change.put(Table::Log, &key, &record)?;
    change.delete(Table::Log, &generation.saturating_sub(KEPT).to_be_bytes())
}

/// What changed after generation `since`. Inside a transaction: up to what is committed.
pub(crate) fn since(
    view: &(impl View + ?Sized),
    device: &SealKey,
    token: TokenId,
    since: u64,
    generation: u64,
) -> Result<What> {
    let mut parts = Parts::default();
    let mut reached = since;
    let mut whole = since <= generation;
    view.scan(Table::Log, &since.saturating_add(1).to_be_bytes(), &mut |key, record| {
        // A row that is missing, or does not open because it is damaged or of another token, tells nothing.
        let next = reached.saturating_add(1).to_be_bytes();
        let opened = record::open_value(device, &place(token, key), record).ok().filter(|_| key == next);
        let Some(row) = opened else {
            whole = false;
            return Ok(Scan::Enough);
        };
        parts.add(row);
        reached += 1;
        Ok(Scan::More)
    })?;
    Ok(if whole && reached == generation { What::Parts(parts) } else { What::Everything })
}

const fn place(token: TokenId, key: &[u8]) -> Place<'_> {
    Place { token, table: Table::Log, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_docs_format_md_never_changes() {
        let parts = Parts { header: true, users: false, objects: vec![ObjectId(7), ObjectId(300)] };
        assert_eq!(postcard::to_stdvec(&parts).unwrap(), [1, 0, 2, 7, 0xac, 0x02]);
    }
}
