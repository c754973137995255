//! Finding objects by what they are called, without opening all of them: the tables `public_index` and
//! `private_index`.
//!
//! A *term* is what the session layer says an object can be found by; the store does not know what it means. It becomes
//! a [`Mark`], an HMAC-SHA-256 under a key of the token, cut short: which of 4096 buckets, and 64 bits inside. A bucket
//! is a record like any other, so what it tells of is sealed, and the tree knows if one is missing. Marks of private
//! objects are made, and their buckets sealed, under the token key: without a login they tell nothing.
//!
//! An object's marks stand in its own record, in front of its body, so that a change or its end finds its way back to
//! the buckets. A term that more than [`FEW`] objects share no longer leads to any of them: whoever asks looks at all
//! objects instead.

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::object::ObjectId;
use crate::record::{self, Frame, Place, TokenId};
use crate::storage::{Table, Transaction, View};
use crate::{Error, Result, keys};

/// As many objects of one term are listed.
const FEW: usize = 32;
const BUCKETS: u16 = 4096;

/// A term in disguise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Mark {
    bucket: u16,
    rest: [u8; 8],
}

/// Which objects have a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Held {
    /// These.
    Few(Vec<ObjectId>),
    /// So many that they are no longer listed; forgotten when none is left.
    Many(u64),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket(Vec<([u8; 8], Held)>);

/// What makes marks of terms.
pub(crate) struct Marker(hmac::Key);

impl Marker {
    /// For the public objects of a token. Its id stands in the clear nowhere.
    pub(crate) fn public(token: TokenId) -> Result<Self> {
        Self::new(&Secret::copy_of(&token.0))
    }

    /// For private objects.
    pub(crate) fn private(token_key: &Secret) -> Result<Self> {
        Self::new(token_key)
    }

    fn new(secret: &Secret) -> Result<Self> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, keys::index(secret)?.expose())))
    }

    /// The marks of an object's terms, each once.
    pub(crate) fn marks(&self, terms: &[Vec<u8>]) -> Vec<Mark> {
        let mut marks: Vec<_> = terms.iter().map(|term| self.mark(term)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    pub(crate) fn mark(&self, term: &[u8]) -> Mark {
        let tag = hmac::sign(&self.0, term);
        let mut bytes = tag.as_ref().iter().copied();
        let mut next = || bytes.next().unwrap_or_default();
        let bucket = u16::from_be_bytes([next(), next()]) % BUCKETS;
        Mark { bucket, rest: core::array::from_fn(|_| next()) }
    }
}

/// One of the two tables, and what opens it.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a> {
    token: TokenId,
    private: bool,
    seal: &'a SealKey,
}

impl<'a> Index<'a> {
    pub(crate) const fn new(token: TokenId, private: bool, seal: &'a SealKey) -> Self {
        Self { token, private, seal }
    }

    /// Changes where `id` is found.
    pub(crate) fn change(
        &self,
        change: &mut (impl Transaction + ?Sized),
        id: ObjectId,
        before: &[Mark],
        after: &[Mark],
    ) -> Result<()> {
        for mark in before.iter().filter(|mark| !after.contains(mark)) {
            self.edit(change, *mark, |bucket| bucket.remove(*mark, id))?;
        }
        for mark in after.iter().filter(|mark| !before.contains(mark)) {
            self.edit(change, *mark, |bucket| bucket.add(*mark, id))?;
        }
        Ok(())
    }

    /// The objects with that mark; `None` when there are too many.
    ///
    /// # Errors
    /// `Damaged`.
    pub(crate) fn find(&self, view: &(impl View + ?Sized), mark: Mark) -> Result<Option<Vec<ObjectId>>> {
        let bucket = self.read(view, mark)?;
        Ok(match bucket.0.into_iter().find(|(rest, _)| *rest == mark.rest) {
            None => Some(Vec::new()),
            Some((_, Held::Few(ids))) => Some(ids),
            Some((_, Held::Many(_))) => None,
        })
    }

    fn edit(&self, change: &mut (impl Transaction + ?Sized), mark: Mark, edit: impl FnOnce(&mut Bucket)) -> Result<()> {
        let mut bucket = self.read(change, mark)?;
        edit(&mut bucket);
        let key = mark.bucket.to_be_bytes();
        if bucket.0.is_empty() {
            return change.delete(self.table(), &key);
        }
        let body = Secret::new(postcard::to_stdvec(&bucket).map_err(|_| Error::Internal)?);
        let frame = Frame::new(change.generation(), self.private);
        let record = record::seal(self.seal, &self.place(&key), frame, body.expose())?;
        change.put(self.table(), &key, &record)
    }

    fn read(&self, view: &(impl View + ?Sized), mark: Mark) -> Result<Bucket> {
        let key = mark.bucket.to_be_bytes();
        match view.get(self.table(), &key)? {
            Some(record) => record::open_value(self.seal, &self.place(&key), &record),
            None => Ok(Bucket::default()),
        }
    }

    const fn table(&self) -> Table {
        if self.private { Table::PrivateIndex } else { Table::PublicIndex }
    }

    const fn place<'k>(&self, key: &'k [u8]) -> Place<'k> {
        Place { token: self.token, table: self.table(), key }
    }
}

impl Bucket {
    fn add(&mut self, mark: Mark, id: ObjectId) {
        let found = self.0.iter_mut().find(|(rest, _)| *rest == mark.rest);
        match found {
            None => self.0.push((mark.rest, Held::Few(vec![id]))),
            Some((_, Held::Few(ids))) if ids.len() < FEW => ids.push(id),
            Some((_, held)) => *held = Held::Many(held.count() + 1),
        }
    }

    fn remove(&mut self, mark: Mark, id: ObjectId) {
        if let Some((_, held)) = self.0.iter_mut().find(|(rest, _)| *rest == mark.rest) {
            match held {
                Held::Few(ids) => ids.retain(|known| *known != id),
                Held::Many(count) => *count = count.saturating_sub(1),
            }
        }
        self.0.retain(|(_, held)| held.count() != 0);
    }
}

impl Held {
    fn count(&self) -> u64 {
        match self {
            Self::Few(ids) => ids.len() as u64,
            Self::Many(count) => *count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(term: &[u8]) -> Mark {
        Marker::private(&Secret::new(vec![3; 32])).unwrap().mark(term)
    }

    #[test]
    fn the_bodies_of_docs_format_md_never_change() {
        let mark = Mark { bucket: 300, rest: [7; 8] };
        assert_eq!(postcard::to_stdvec(&mark).unwrap(), [&[0xac, 0x02][..], &[7; 8]].concat());
        let held = [Held::Few(vec![ObjectId(1), ObjectId(300)]), Held::Many(33)];
        let bucket = Bucket(held.into_iter().map(|held| ([7; 8], held)).collect());
        let expected = [&[2][..], &[7; 8], &[0, 2, 1, 0xac, 0x02], &[7; 8], &[1, 33]].concat();
        assert_eq!(postcard::to_stdvec(&bucket).unwrap(), expected);
    }

    #[test]
    fn marks_are_the_tokens_own_and_tell_terms_apart() {
        let other = Marker::private(&Secret::new(vec![4; 32])).unwrap();
        assert_ne!(mark(b"label"), mark(b"labem"));
        assert_ne!(mark(b"label"), other.mark(b"label"));
        assert_eq!(mark(b"label"), mark(b"label"));
    }

    #[test]
    fn a_term_that_too_many_share_lists_nobody_until_all_are_gone() {
        let (mut bucket, mark) = (Bucket::default(), mark(b"shared"));
        let ids = || (1..=FEW as u64 + 1).map(ObjectId);
        ids().take(FEW).for_each(|id| bucket.add(mark, id));
        assert_eq!(bucket.0, [(mark.rest, Held::Few(ids().take(FEW).collect()))]);
        bucket.add(mark, ObjectId(FEW as u64 + 1));
        assert_eq!(bucket.0, [(mark.rest, Held::Many(FEW as u64 + 1))]);
        ids().take(FEW).for_each(|id| bucket.remove(mark, id));
        assert_eq!(bucket.0, [(mark.rest, Held::Many(1))]);
        bucket.remove(mark, ObjectId(FEW as u64 + 1));
        assert_eq!(bucket.0, []);
    }
}
