//! The anchor: a file beside the database that says how far the token had come. A database that is behind it was put
//! back; one that is ahead had a writer die before it got here.
//!
//! Two places of 48 bytes, for odd and even generations (docs/FORMAT.md), so that a write torn by a power cut leaves
//! the other. The database is on the disk before the anchor is written, so what tears the place of `g` leaves a database
//! at `g` at least: a place that does not verify is believed to have said one more than the other. Nothing is fsynced
//! here but the making of the file: a lost write makes the anchor say less, never more.
//!
//! **What it cannot tell:** that all files of the slot were put back together.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use claviger_crypto::Secret;
use ring::hmac;

use crate::{Error, Result, files};

const MAGIC: [u8; 8] = *b"CLVANC\0\x01";
const SIGNED: usize = 16;
const PLACE: usize = SIGNED + 32;

/// The anchor of one slot.
pub(crate) struct Anchor {
    path: PathBuf,
    key: hmac::Key,
}

impl Anchor {
    pub(crate) fn new(path: PathBuf, key: &Secret) -> Self {
        Self { path, key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// Makes the file for a database at generation 0, durably.
    fn make(&self) -> Result<()> {
        files::replace_durably(&self.path, &[self.place(0), self.place(0)].concat())
    }

    /// Refuses a database that is behind, and makes the anchor of a new one. The caller has the writers' turn.
    ///
    /// # Errors
    /// `RolledBack`, also when the anchor is missing; `Damaged` when it says nothing; `Denied`, `Io`.
    pub(crate) fn check(&self, generation: u64) -> Result<()> {
        match self.least()? {
            Some(least) if generation >= least => {
                self.mend(least);
                Ok(())
            }
            // A database that nobody has written to has nothing to lose.
            None if generation == 0 => self.make(),
            None if self.path.exists() => Err(Error::Damaged),
            _ => Err(Error::RolledBack),
        }
    }

    /// Writes down that the database is at `generation`. The caller has the writers' turn. A failure is none: the
    /// commit has happened, and the anchor says less than it could.
    pub(crate) fn settle(&self, generation: u64) {
        let Ok(file) = OpenOptions::new().write(true).open(&self.path) else { return };
        let at = if generation.is_multiple_of(2) { 0 } else { PLACE as u64 };
        let _ = file.write_all_at(&self.place(generation), at);
    }

    /// Writes into a place that does not verify what it counts for. Otherwise the next change, which goes into the other
    /// place, would make it count for one more than there is.
    fn mend(&self, least: u64) {
        let Ok([even, odd]) = self.places() else { return };
        let at = match (even, odd) {
            (None, Some(_)) => 0,
            (Some(_), None) => PLACE as u64,
            _ => return,
        };
        let Ok(file) = OpenOptions::new().write(true).open(&self.path) else { return };
        let _ = file.write_all_at(&self.place(least), at);
    }

    /// Whether one of its two places does not verify: a torn write, or an edit.
    pub(crate) fn is_torn(&self) -> bool {
        self.places().is_ok_and(|places| places.iter().flatten().count() == 1)
    }

    /// The least generation that the database can be at; `None` when there is no file, or not one that says anything.
    pub(crate) fn least(&self) -> Result<Option<u64>> {
        Ok(match self.places()? {
            [Some(even), Some(odd)] => Some(even.max(odd)),
            [Some(whole), None] | [None, Some(whole)] => Some(whole.saturating_add(1)),
            [None, None] => None,
        })
    }

    /// What each place says.
    fn places(&self) -> Result<[Option<u64>; 2]> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok([None, None]),
            Err(error) => return Err(error.into()),
        };
        Ok([0..PLACE, PLACE..2 * PLACE].map(|place| self.read(bytes.get(place)?)))
    }

    fn read(&self, place: &[u8]) -> Option<u64> {
        let (signed, mac) = place.split_at_checked(SIGNED)?;
        hmac::verify(&self.key, signed, mac).ok()?;
        let (magic, generation) = signed.split_at_checked(MAGIC.len())?;
        (magic == MAGIC).then_some(u64::from_be_bytes(generation.try_into().ok()?))
    }

    fn place(&self, generation: u64) -> [u8; PLACE] {
        let mut place = [0; PLACE];
        let (signed, mac) = place.split_at_mut(SIGNED);
        let (magic, number) = signed.split_at_mut(MAGIC.len());
        magic.copy_from_slice(&MAGIC);
        number.copy_from_slice(&generation.to_be_bytes());
        mac.copy_from_slice(hmac::sign(&self.key, signed).as_ref());
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(dir: &tempfile::TempDir) -> Anchor {
        Anchor::new(dir.path().join("anchor"), &Secret::new(vec![1; 32]))
    }

    #[test]
    fn a_database_behind_is_refused_and_one_ahead_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = anchor(&dir);
        anchor.check(0).unwrap();
        assert_eq!(anchor.check(0), Ok(()));
        for generation in 1..=5 {
            anchor.settle(generation);
        }
        assert_eq!(anchor.check(5), Ok(()));
        assert_eq!(anchor.check(9), Ok(()));
        assert_eq!(anchor.check(0), Err(Error::RolledBack));
        assert_eq!(anchor.check(4), Err(Error::RolledBack));
    }

    #[test]
    fn a_torn_place_counts_for_the_generation_it_was_written_for() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = anchor(&dir);
        anchor.make().unwrap();
        (1..=4).for_each(|generation| anchor.settle(generation));
        let whole = fs::read(&anchor.path).unwrap();
        for at in 0..PLACE {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            fs::write(&anchor.path, &torn).unwrap();
            assert_eq!((anchor.check(4), anchor.check(3)), (Ok(()), Err(Error::RolledBack)), "byte {at}");
        }
    }

    #[test]
    fn a_torn_place_is_mended_before_the_next_change_counts_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = anchor(&dir);
        anchor.make().unwrap();
        (1..=4).for_each(|generation| anchor.settle(generation));
        let whole = fs::read(&anchor.path).unwrap();
        let torn = [&[0; PLACE], &whole[PLACE..]].concat();
        fs::write(&anchor.path, &torn).unwrap();
        assert_eq!(anchor.check(3), Err(Error::RolledBack));
        assert!(anchor.is_torn(), "nothing is written where the database is refused");
        assert_eq!(anchor.check(4), Ok(()));
        assert!(fs::read(&anchor.path).unwrap() == whole);
        fs::write(&anchor.path, &torn).unwrap();
        assert_eq!(anchor.check(9), Ok(()));
        assert!(fs::read(&anchor.path).unwrap() == whole, "the database's word is not taken");
        anchor.settle(5);
        assert_eq!((anchor.check(5), anchor.check(4)), (Ok(()), Err(Error::RolledBack)));
    }

    #[test]
    fn without_a_word_only_an_empty_database_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = anchor(&dir);
        assert_eq!(anchor.check(1), Err(Error::RolledBack));
        assert!(!anchor.path.exists());
        fs::write(&anchor.path, [0; 2 * PLACE]).unwrap();
        assert_eq!(anchor.check(1), Err(Error::Damaged));
        assert_eq!(anchor.check(0), Ok(()));
    }

    #[test]
    fn another_slots_anchor_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        anchor(&dir).make().unwrap();
        let other = Anchor::new(dir.path().join("anchor"), &Secret::new(vec![2; 32]));
        assert_eq!(other.check(1), Err(Error::Damaged));
    }
}
