//! A look at everything the tree knows of, past all that does not read, and at what the engine has besides. For who looks
//! for damage: nothing is taken from memory, and each row is asked for by its key, so that a part of the file that the
//! engine cannot read hides nothing else.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crypto::seal::SealKey;

use super::page::{self, Fingerprint, Page, PageId, Root};
use crate::record::{self, Frame, Place, TokenId};
use crate::storage::{Scan, Table, View};
use crate::{Error, Result};

/// Something that is, or must be, in the database.
pub(crate) enum Seen<'a> {
    /// A row that must be there: its bytes, or none if they are not what they must be. Those of `log` come last and as
    /// they are.
    Row(Table, &'a [u8], &'a [u8]),
    /// A page that is not what it must be: the tree knows nothing of the rows from the first address to the last.
    Page(Table, (u64, u64)),
    /// So many rows of one table that no commit has written.
    Unknown(u64),
    /// The engine cannot read the table to its end.
    Torn(Table),
}

/// What is done with each.
pub(crate) type See<'a> = dyn FnMut(Seen<'_>) -> Result<()> + 'a;

/// What the tree says of one table.
#[derive(Default)]
struct Known {
    rows: BTreeMap<u64, Fingerprint>,
    lost: Vec<(u64, u64)>,
}

/// Looks at every table that is in the tree, and at the tree's own.
///
/// # Errors
/// `Damaged` when the root is not that of this state: then nothing is known.
pub(super) fn survey(below: &dyn View, device: &SealKey, see: &mut See<'_>) -> Result<()> {
    let root = root(below, device)?;
    let mut pages = BTreeSet::from([page::ROOT.to_vec()]);
    for table in Table::ALL.iter().copied().filter(|table| table.is_in_tree()) {
        let mut known = Known::default();
        if let Some(top) = root.0.get(&table.tag()) {
            let id = PageId { level: top.levels.saturating_sub(1), table, number: 0 };
            descend(below, device, (id, top.fingerprint), &mut known, &mut pages)?;
        }
        known.lost.iter().try_for_each(|rows| see(Seen::Page(table, *rows)))?;
        rows(below, table, &known, see)?;
        others(below, table, &known, see)?;
    }
    count_others(below, Table::Tree, &mut |key| Ok(pages.contains(key)), see)?;
    let log = below.scan(Table::Log, &[], &mut |key, record| {
        see(Seen::Row(Table::Log, key, record))?;
        Ok(Scan::More)
    });
    if log == Err(Error::Damaged) { see(Seen::Torn(Table::Log)) } else { log }
}

fn root(below: &dyn View, device: &SealKey) -> Result<Root> {
    let Some(record) = below.get(Table::Tree, page::ROOT)? else {
        return if below.generation() == 0 { Ok(Root::default()) } else { Err(Error::Damaged) };
    };
    let (frame, _) = Frame::parse(&record)?;
    if frame.version == below.generation() { open(device, page::ROOT, &record) } else { Err(Error::Damaged) }
}

fn descend(
    below: &dyn View,
    device: &SealKey,
    (id, expected): (PageId, Fingerprint),
    known: &mut Known,
    pages: &mut BTreeSet<Vec<u8>>,
) -> Result<()> {
    let key = id.key();
    pages.insert(key.to_vec());
    let record = whole(below, Table::Tree, &key, expected)?;
    let Ok(page) = open::<Page>(device, &key, &record) else {
        known.lost.push(id.rows());
        return Ok(());
    };
    for (place, fingerprint) in page.iter() {
        if id.level == 0 {
            known.rows.insert(id.address(place), fingerprint);
        } else {
            descend(below, device, (id.child(place), fingerprint), known, pages)?;
        }
    }
    Ok(())
}

fn rows(below: &dyn View, table: Table, known: &Known, see: &mut See<'_>) -> Result<()> {
    for (address, fingerprint) in &known.rows {
        let key = table.key(*address);
        see(Seen::Row(table, &key, &whole(below, table, &key, *fingerprint)?))?;
    }
    Ok(())
}

/// The rows that the engine has and no page tells of: below a lost page they are damaged, elsewhere nobody's.
fn others(below: &dyn View, table: Table, known: &Known, see: &mut See<'_>) -> Result<()> {
    let mut lost = Vec::new();
    let mut is_known = |key: &[u8]| {
        let Some(address) = table.address(key) else { return Ok(false) };
        let is_lost = known.lost.iter().any(|(first, last)| (*first..=*last).contains(&address));
        if is_lost {
            lost.push(key.to_vec());
        }
        Ok(is_lost || known.rows.contains_key(&address))
    };
    count_others(below, table, &mut is_known, see)?;
    lost.iter().try_for_each(|key| see(Seen::Row(table, key, &[])))
}

fn count_others(
    below: &dyn View,
    table: Table,
    is_known: &mut dyn FnMut(&[u8]) -> Result<bool>,
    see: &mut See<'_>,
) -> Result<()> {
    let mut unknown = 0;
    let scanned = below.scan(table, &[], &mut |key, _| {
        unknown += u64::from(!is_known(key)?);
        Ok(Scan::More)
    });
    match scanned {
        Ok(()) => {}
        Err(Error::Damaged) => see(Seen::Torn(table))?,
        Err(error) => return Err(error),
    }
    if unknown == 0 { Ok(()) } else { see(Seen::Unknown(unknown)) }
}

/// The row, or nothing if it is not what it must be.
fn whole(below: &dyn View, table: Table, key: &[u8], expected: Fingerprint) -> Result<Vec<u8>> {
    match below.get(table, key) {
        Ok(record) => Ok(record.filter(|record| Fingerprint::of(record) == Some(expected)).unwrap_or_default()),
        Err(Error::Damaged) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn open<T: serde::de::DeserializeOwned>(device: &SealKey, key: &[u8], record: &[u8]) -> Result<T> {
    record::open_value(device, &Place { token: TokenId::UNKNOWN, table: Table::Tree, key }, record)
}
