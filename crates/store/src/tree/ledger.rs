//! The tree inside one transaction: what a row must be, what changed, and the root that says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use claviger_crypto::seal::SealKey;

use super::page::{self, Fingerprint, Page, PageId, ROOT, Root, Top};
use crate::record::{self, Place, TokenId};
use crate::storage::{Row, Scan, Table, Transaction, View};
use crate::{Error, Result};

/// So many pages are remembered: those of 260,000 rows, in about 10 MB.
const REMEMBERED: usize = 4096;

/// Pages that were read or written, each under the fingerprint that it was found whole by: one that another commit
/// has written since is not found under its new fingerprint.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<PageId, (Fingerprint, Arc<Page>)>>);

impl Cache {
    fn get(&self, id: PageId, fingerprint: Fingerprint) -> Option<Arc<Page>> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(&id).filter(|(known, _)| *known == fingerprint).map(|(_, page)| Arc::clone(page))
    }

    fn put(&self, id: PageId, fingerprint: Fingerprint, page: Arc<Page>) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= REMEMBERED {
            pages.clear();
        }
        pages.insert(id, (fingerprint, page));
    }
}

/// The tree as of one state of the database, and what a transaction changed in it.
pub(crate) struct Ledger<'a> {
    device: &'a SealKey,
    cache: &'a Cache,
    root: Root,
    changed: BTreeMap<PageId, Arc<Page>>,
}

impl<'a> Ledger<'a> {
    /// The tree of the state that `generation` made.
    ///
    /// # Errors
    /// `Damaged` when the root is not the one that the commit of `generation` wrote.
    pub(crate) fn open(below: &dyn View, generation: u64, device: &'a SealKey, cache: &'a Cache) -> Result<Self> {
        let root = match below.get(Table::Tree, ROOT)? {
            None if generation == 0 => Root::default(),
            None => return Err(Error::Damaged),
            Some(record) => {
                let (frame, _) = record::Frame::parse(&record)?;
                if frame.version != generation {
                    return Err(Error::Damaged);
                }
                record::open_value(device, &place(ROOT), &record)?
            }
        };
        Ok(Self { device, cache, root, changed: BTreeMap::new() })
    }

    /// The row, if there must be one: its bytes, or none if they are not what they must be.
    pub(crate) fn get(&self, below: &dyn View, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if !table.is_in_tree() {
            return below.get(table, key);
        }
        let address = table.address(key).ok_or(Error::Internal)?;
        let expected = match self.fingerprint(below, table, address) {
            Ok(None) => return Ok(None),
            Ok(expected) => expected,
            Err(Error::Damaged) => None,
            Err(error) => return Err(error),
        };
        let found = below.get(table, key)?.filter(|record| expected.is_some() && Fingerprint::of(record) == expected);
        Ok(Some(found.unwrap_or_default()))
    }

    /// What the row at `address` must look like; `None` when there must be none.
    fn fingerprint(&self, below: &dyn View, table: Table, address: u64) -> Result<Option<Fingerprint>> {
        if self.root.0.get(&table.tag()).is_none_or(|top| page::levels_for(address) > top.levels) {
            return Ok(None);
        }
        let leaf = self.page(below, PageId::leaf(table, address))?;
        Ok(leaf.and_then(|leaf| leaf.get(page::place_of(address))))
    }

    /// Calls `row` for every row that must be there from the key `from` on: with its bytes, or with none if they are
    /// not what they must be. Rows that the tree does not know are passed over.
    pub(crate) fn scan(&self, below: &dyn View, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        if !table.is_in_tree() {
            return below.scan(table, from, row);
        }
        let Some(top) = self.root.0.get(&table.tag()) else { return Ok(()) };
        let from = if from.is_empty() { 0 } else { table.address(from).ok_or(Error::Internal)? };
        let top = PageId { level: top.levels.saturating_sub(1), table, number: 0 };
        self.walk(below, top, from, row).map(drop)
    }

    fn walk(&self, below: &dyn View, id: PageId, from: u64, row: &mut Row<'_>) -> Result<Scan> {
        let page = match self.page(below, id) {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Scan::More),
            Err(Error::Damaged) => return untold(below, id, from, row),
            Err(error) => return Err(error),
        };
        if id.level == 0 {
            return told(below, id, &page, from, row);
        }
        for (place, _) in page.iter() {
            let child = id.child(place);
            if child.rows().1 >= from && self.walk(below, child, from, row)? == Scan::Enough {
                return Ok(Scan::Enough);
            }
        }
        Ok(Scan::More)
    }

    /// The page, if the tree has it.
    ///
    /// # Errors
    /// `Damaged` when it, or one above it, is not what it must be.
    fn page(&self, below: &dyn View, id: PageId) -> Result<Option<Arc<Page>>> {
        if let Some(page) = self.changed.get(&id) {
            return Ok(Some(Arc::clone(page)));
        }
        let Some(top) = self.root.0.get(&id.table.tag()) else { return Ok(None) };
        let expected = if id.level + 1 < top.levels {
            self.page(below, id.parent())?.and_then(|parent| parent.get(id.place()))
        } else {
            Some(top.fingerprint).filter(|_| id.level + 1 == top.levels && id.number == 0)
        };
        let Some(expected) = expected else { return Ok(None) };
        if let Some(page) = self.cache.get(id, expected) {
            return Ok(Some(page));
        }
        let record = below.get(Table::Tree, &id.key())?.unwrap_or_default();
        if Fingerprint::of(&record) != Some(expected) {
            return Err(Error::Damaged);
        }
        let page: Arc<Page> = Arc::new(record::open_value(self.device, &place(&id.key()), &record)?);
        self.cache.put(id, expected, Arc::clone(&page));
        Ok(Some(page))
    }

    /// Sets what the row at `address` must look like.
    pub(crate) fn set(
        &mut self,
        below: &dyn View,
        table: Table,
        address: u64,
        fingerprint: Option<Fingerprint>,
    ) -> Result<()> {
        if address >= page::MOST_ROWS {
            return Err(Error::Internal);
        }
        self.grow(table, page::levels_for(address));
        self.edit(below, PageId::leaf(table, address), page::place_of(address), fingerprint)
    }

    fn edit(&mut self, below: &dyn View, id: PageId, place: u8, fingerprint: Option<Fingerprint>) -> Result<()> {
        let mut page = match self.changed.remove(&id) {
            Some(page) => page,
            None => self.page(below, id)?.unwrap_or_default(),
        };
        Arc::make_mut(&mut page).set(place, fingerprint);
        self.changed.insert(id, page);
        Ok(())
    }

    /// Puts pages on top until there are `levels`.
    fn grow(&mut self, table: Table, levels: u8) {
        let number = 0;
        let Some(top) = self.root.0.get_mut(&table.tag()) else {
            let id = PageId { level: levels.saturating_sub(1), table, number };
            self.changed.insert(id, Arc::default());
            self.root.0.insert(table.tag(), Top { levels, fingerprint: Fingerprint::NONE });
            return;
        };
        while top.levels < levels {
            let mut above = Page::default();
            above.set(0, Some(top.fingerprint));
            self.changed.insert(PageId { level: top.levels, table, number }, Arc::new(above));
            *top = Top { levels: top.levels + 1, fingerprint: Fingerprint::NONE };
        }
    }

    /// Forgets every row of `table`.
    pub(crate) fn clear(&mut self, below: &mut dyn Transaction, table: Table) -> Result<()> {
        self.root.0.remove(&table.tag());
        self.changed.retain(|id, _| id.table != table);
        let mut keys = Vec::new();
        let first = PageId { level: 0, table, number: 0 };
        below.scan(Table::Tree, &first.key(), &mut |key, _| {
            if !PageId::is_key_of(key, table) {
                return Ok(Scan::Enough);
            }
            keys.push(key.to_vec());
            Ok(Scan::More)
        })?;
        keys.iter().try_for_each(|key| below.delete(Table::Tree, key))
    }

    /// Writes the changed pages, from the rows up, and the root of the generation that this commit makes.
    pub(crate) fn close(mut self, below: &mut dyn Transaction) -> Result<()> {
        let generation = below.generation();
        while let Some((id, page)) = self.changed.pop_first() {
            let fingerprint = self.write(below, id, page, generation)?;
            let top = self.root.0.get(&id.table.tag()).ok_or(Error::Internal)?;
            let levels = top.levels;
            if id.level + 1 < levels {
                self.edit(below, id.parent(), id.place(), fingerprint)?;
                continue;
            }
            match fingerprint {
                Some(fingerprint) => self.root.0.insert(id.table.tag(), Top { levels, fingerprint }),
                None => self.root.0.remove(&id.table.tag()),
            };
        }
        let root = record::seal_value(self.device, &place(ROOT), generation, &self.root)?;
        below.put(Table::Tree, ROOT, &root)
    }

    /// Writes one page; an empty one goes.
    fn write(
        &self,
        below: &mut dyn Transaction,
        id: PageId,
        page: Arc<Page>,
        generation: u64,
    ) -> Result<Option<Fingerprint>> {
        let key = id.key();
        if page.is_empty() {
            below.delete(Table::Tree, &key)?;
            return Ok(None);
        }
        let record = record::seal_value(self.device, &place(&key), generation, &*page)?;
        let fingerprint = Fingerprint::of(&record).ok_or(Error::Internal)?;
        below.put(Table::Tree, &key, &record)?;
        self.cache.put(id, fingerprint, page);
        Ok(Some(fingerprint))
    }
}

/// Every row that the leaf tells of.
fn told(below: &dyn View, id: PageId, page: &Page, from: u64, row: &mut Row<'_>) -> Result<Scan> {
    let expected: Vec<(u64, Fingerprint)> = page
        .iter()
        .map(|(place, fingerprint)| (id.address(place), fingerprint))
        .filter(|(at, _)| *at >= from)
        .collect();
    let Some((first, _)) = expected.first() else { return Ok(Scan::More) };
    let (mut wanted, mut answer) = (expected.iter().peekable(), Scan::More);
    below.scan(id.table, &id.table.key(*first), &mut |key, record| {
        // A number that is no key of the table is nobody's row.
        let Some(at) = id.table.address(key) else { return Ok(Scan::More) };
        if at > id.rows().1 {
            return Ok(Scan::Enough);
        }
        while let Some((missing, _)) = wanted.next_if(|(address, _)| *address < at) {
            answer = row(&id.table.key(*missing), &[])?;
            if answer == Scan::Enough {
                return Ok(Scan::Enough);
            }
        }
        if let Some((_, fingerprint)) = wanted.next_if(|(address, _)| *address == at) {
            let whole = Fingerprint::of(record) == Some(*fingerprint);
            answer = row(key, if whole { record } else { &[] })?;
        }
        Ok(answer)
    })?;
    while let Some((missing, _)) = wanted.next().filter(|_| answer == Scan::More) {
        answer = row(&id.table.key(*missing), &[])?;
    }
    Ok(answer)
}

/// Every row under a page that cannot be read: none of them can be believed.
fn untold(below: &dyn View, id: PageId, from: u64, row: &mut Row<'_>) -> Result<Scan> {
    let (first, last) = id.rows();
    let mut answer = Scan::More;
    below.scan(id.table, &id.table.key(first.max(from)), &mut |key, _| {
        let Some(at) = id.table.address(key) else { return Ok(Scan::More) };
        if at > last {
            return Ok(Scan::Enough);
        }
        answer = row(key, &[])?;
        Ok(answer)
    })?;
    Ok(answer)
}

/// Pages belong to no token: they must be read before the token's id is known. The tree binds them to it.
const fn place(key: &[u8]) -> Place<'_> {
    Place { token: TokenId::UNKNOWN, table: Table::Tree, key }
}
