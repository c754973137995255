//! A page of the tree: the fingerprints of up to 64 rows, or of up to 64 pages below. docs/FORMAT.md draws it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{FRAME_LEN, TAG_LEN};
use crate::storage::Table;

/// A page covers 2^6 of what is below it.
const BITS: u32 = 6;

const LEVEL_BITS: u32 = 4;
const NUMBER_BITS: u32 = 54;

/// Rows have addresses below this.
pub(crate) const MOST_ROWS: u64 = 1 << (NUMBER_BITS + BITS);

/// What tells one record from every other: its clear frame, and the tag that seals all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint([u8; FRAME_LEN + TAG_LEN]);

impl Fingerprint {
    /// Of a page that is not written yet.
    pub(crate) const NONE: Self = Self([0; FRAME_LEN + TAG_LEN]);

    /// `None` for what is too short to be a record.
    pub(crate) fn of(record: &[u8]) -> Option<Self> {
        let (frame, rest) = record.split_first_chunk::<FRAME_LEN>()?;
        let (_, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let mut bytes = [0; FRAME_LEN + TAG_LEN];
        let (first, last) = bytes.split_at_mut(FRAME_LEN);
        first.copy_from_slice(frame);
        last.copy_from_slice(tag);
        Some(Self(bytes))
    }
}

/// Fingerprints, by rising place in the page. A place without one is empty: there is no such row. Pages are read often
/// and whole, so this is a list and no map.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page(Vec<(u8, Fingerprint)>);

impl Page {
    pub(crate) fn get(&self, place: u8) -> Option<Fingerprint> {
        let at = self.find(place).ok()?;
        self.0.get(at).map(|(_, fingerprint)| *fingerprint)
    }

    pub(crate) fn set(&mut self, place: u8, fingerprint: Option<Fingerprint>) {
        let at = self.find(place);
        if let Ok(at) = at {
            self.0.remove(at);
        }
        if let Some(fingerprint) = fingerprint {
            self.0.insert(at.unwrap_or_else(|at| at), (place, fingerprint));
        }
    }

    fn find(&self, place: u8) -> Result<usize, usize> {
        self.0.binary_search_by_key(&place, |(place, _)| *place)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, Fingerprint)> {
        self.0.iter().copied()
    }
}

/// Which page: pages of level 0 hold rows. Ordered by level first, as a commit writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageId {
    pub(crate) level: u8,
    pub(crate) table: Table,
    /// The address of the first row below, divided by how many rows a page of this level covers.
    pub(crate) number: u64,
}

impl PageId {
    /// The page that has the row at `address`.
    pub(crate) const fn leaf(table: Table, address: u64) -> Self {
        Self { level: 0, table, number: address >> BITS }
    }

    /// The page above it.
    pub(crate) const fn parent(self) -> Self {
        Self { level: self.level + 1, number: self.number >> BITS, ..self }
    }

    /// The page below it at `place`.
    pub(crate) const fn child(self, place: u8) -> Self {
        Self { level: self.level.saturating_sub(1), number: self.address(place), ..self }
    }

    /// Its place in the page above it.
    pub(crate) const fn place(self) -> u8 {
        place_of(self.number)
    }

    /// What is at `place` of it: the number of a page below, or the address of a row.
    pub(crate) const fn address(self, place: u8) -> u64 {
        (self.number << BITS) | place as u64
    }

    /// The first and the last row that it covers.
    pub(crate) fn rows(self) -> (u64, u64) {
        let bits = BITS * (u32::from(self.level) + 1);
        let first = self.number.checked_shl(bits).unwrap_or(0);
        let span = 1_u64.checked_shl(bits).map_or(u64::MAX, |span| span - 1);
        (first, first | span)
    }

    /// Its key in the table `tree`: the table's tag in 5 bits, the level in 4, the number in 54. So a level 0 has room
    /// for the pages of 2^60 rows, which is [`MOST_ROWS`].
    pub(crate) const fn key(self) -> [u8; 8] {
        let (tag, level) = (self.table.tag() as u64, self.level as u64);
        ((tag << (LEVEL_BITS + NUMBER_BITS)) | (level << NUMBER_BITS) | self.number).to_be_bytes()
    }

    /// The table whose page has this key.
    pub(crate) fn is_key_of(key: &[u8], table: Table) -> bool {
        Table::Tree.address(key).is_some_and(|key| key >> (LEVEL_BITS + NUMBER_BITS) == u64::from(table.tag()))
    }
}

/// The place of a row in its leaf, and of a page in the one above it.
pub(crate) const fn place_of(number: u64) -> u8 {
    (number & ((1 << BITS) - 1)) as u8
}

/// How many levels reach the row at `address`.
pub(crate) const fn levels_for(address: u64) -> u8 {
    let bits = u64::BITS - address.leading_zeros();
    let levels = bits.div_ceil(BITS);
    if levels == 0 { 1 } else { levels as u8 }
}

/// Where the tree of one table begins.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Top {
    pub(crate) levels: u8,
    pub(crate) fingerprint: Fingerprint,
}

/// The root record: the top of every table that has rows, by the table's tag.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Root(pub(crate) BTreeMap<u8, Top>);

/// The key of the root in the table `tree`.
pub(crate) const ROOT: &[u8] = &[0; 8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_of_docs_format_md_never_change() {
        let fingerprint = Fingerprint::of(&[7; 40]).unwrap();
        let mut page = Page::default();
        page.set(3, Some(fingerprint));
        let bytes = [&[1, 3][..], &[7; 26]].concat();
        assert_eq!(postcard::to_stdvec(&page).unwrap(), bytes);
        let root = Root(BTreeMap::from([(5, Top { levels: 2, fingerprint })]));
        assert_eq!(postcard::to_stdvec(&root).unwrap(), [&[1, 5, 2][..], &[7; 26]].concat());
        let page = PageId { level: 1, table: Table::Objects, number: 0x0102 };
        assert_eq!(page.key(), [0x0c, 0x40, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn a_page_knows_its_rows_and_neighbours() {
        let leaf = PageId::leaf(Table::Objects, 4099);
        assert_eq!((leaf.number, leaf.rows()), (64, (4096, 4159)));
        assert_eq!((leaf.parent().number, leaf.place()), (1, 0));
        assert_eq!(leaf.parent().rows(), (4096, 8191));
        assert_eq!(leaf.parent().child(0), leaf);
        assert_eq!([0, 63, 64, 4095, 4096, u64::MAX].map(levels_for), [1, 1, 2, 2, 3, 11]);
        let top = PageId { level: 10, table: Table::Objects, number: 0 };
        assert_eq!(top.rows(), (0, u64::MAX));
    }

    #[test]
    fn a_page_is_a_map_by_rising_place() {
        let fingerprint = |byte| Some(Fingerprint([byte; FRAME_LEN + TAG_LEN]));
        let mut page = Page::default();
        [9, 3, 63, 0, 3].iter().for_each(|place| page.set(*place, fingerprint(*place)));
        assert_eq!(page.iter().map(|(place, _)| place).collect::<Vec<_>>(), [0, 3, 9, 63]);
        page.set(3, fingerprint(7));
        page.set(9, None);
        page.set(10, None);
        assert_eq!(
            [0, 3, 9, 10, 63].map(|place| page.get(place)),
            [fingerprint(0), fingerprint(7), None, None, fingerprint(63)]
        );
        [0, 3, 63].iter().for_each(|place| page.set(*place, None));
        assert!(page.is_empty());
    }

    #[test]
    fn what_is_too_short_for_a_record_has_no_fingerprint() {
        assert_eq!(Fingerprint::of(&[0; 25]), None);
        assert!(Fingerprint::of(&[0; 26]).is_some());
    }
}
