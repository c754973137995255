//! The pages of SQLite's database and of its log, cut into what they hold: headers, cell pointers, cells, and of each
//! record the parts that docs/FORMAT.md draws. sqlite.org/fileformat.html, sections 1.3, 1.6, 2.1 and 4. Bytes that do not
//! make sense are left to whoever fills the gaps.

use core::ops::Range;
use std::collections::BTreeMap;

use crate::regions::Region;

/// The size of a page.
pub(crate) const PAGE: usize = 4096;
const FILE_HEADER: usize = 100;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What a row of a table of keys and values is made of.
pub(crate) const FIELDS: [&str; 5] = ["key", "record: frame", "record: nonce", "record: body", "record: tag"];
const HEADER_FIELDS: [(&str, usize); 4] =
    [("frame: page number", 4), ("frame: size", 4), ("frame: salt", 8), ("frame: checksum", 8)];

/// The database file. Each part of each row is a group of its own.
pub(crate) fn of_database(bytes: &[u8]) -> Vec<Region> {
    let mut cutter = Cutter {
        bytes,
        pages: (1..=bytes.len() / PAGE).map(|page| (page, (page - 1) * PAGE)).collect(),
        regions: Vec::new(),
        group: None,
    };
    cutter.fields("file header", 0..FILE_HEADER, 4);
    let pages: Vec<_> = cutter.pages.iter().map(|(number, start)| (*number, *start)).collect();
    pages.iter().for_each(|(number, start)| cutter.page(*number, *start));
    cutter.regions
}

/// The log. Each kind of part is one group in each frame: whatever is changed in a frame, the log ends there.
pub(crate) fn of_log(bytes: &[u8]) -> Vec<Region> {
    let mut cutter = Cutter { bytes, pages: BTreeMap::new(), regions: Vec::new(), group: None };
    cutter.fields("log header", 0..LOG_HEADER, 4);
    for (frame, start) in (LOG_HEADER..bytes.len()).step_by(FRAME_HEADER + PAGE).enumerate() {
        cutter.group = Some(frame);
        let mut at = start;
        for (kind, length) in HEADER_FIELDS {
            cutter.add(kind, at..at + length);
            at += length;
        }
        let number = cutter.number(start, 4).unwrap_or_default();
        cutter.page(number, start + FRAME_HEADER);
    }
    // A row's parts in the log need not be those of the newest state.
    let of_log = |kind: &'static str| match kind {
        "key" => "page: key",
        "record: frame" => "page: record's frame",
        "record: nonce" => "page: record's nonce",
        "record: body" => "page: record's body",
        "record: tag" => "page: record's tag",
        other => other,
    };
    cutter.regions.into_iter().map(|region| Region { kind: of_log(region.kind), ..region }).collect()
}

struct Cutter<'a> {
    bytes: &'a [u8],
    /// Where pages begin that a row can go on in.
    pages: BTreeMap<usize, usize>,
    regions: Vec<Region>,
    /// The group of all that is found; otherwise each place is its own.
    group: Option<usize>,
}

impl Cutter<'_> {
    fn add(&mut self, kind: &'static str, bytes: Range<usize>) {
        let group = self.group.unwrap_or(bytes.start);
        self.regions.push(Region { bytes, kind, group });
    }

    fn fields(&mut self, kind: &'static str, bytes: Range<usize>, width: usize) {
        bytes.clone().step_by(width).for_each(|start| self.add(kind, start..start + width));
    }

    /// A number of so many bytes, the highest first.
    fn number(&self, at: usize, width: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        Some(bytes.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }

    /// SQLite's varint, of up to five bytes here, and the place after it.
    fn varint(&self, at: usize) -> Option<(usize, usize)> {
        let mut number = 0;
        for next in at..at + 5 {
            let byte = usize::from(*self.bytes.get(next)?);
            number = (number << 7) | (byte & 0x7f);
            if byte < 0x80 {
                return Some((number, next + 1));
            }
        }
        None
    }

    /// A page of a b-tree; others are reached from the rows that go on in them.
    fn page(&mut self, number: usize, start: usize) {
        let header = if number == 1 { start + FILE_HEADER } else { start };
        let Some(kind) = self.number(header, 1).and_then(PageKind::of) else { return };
        let (Some(cells), Some(content)) = (self.number(header + 3, 2), self.number(header + 5, 2)) else { return };
        let pointers = header + kind.header;
        self.add("page header", header..pointers);
        self.add("cell pointers", pointers..pointers + 2 * cells);
        self.add("free space", pointers + 2 * cells..start + content);
        for cell in 0..cells {
            if let Some(at) = self.number(pointers + 2 * cell, 2) {
                let _ = self.cell(&kind, start + at);
            }
        }
    }

    fn cell(&mut self, kind: &PageKind, start: usize) -> Option<()> {
        let at = start + if kind.is_leaf { 0 } else { 4 };
        let (length, mut at) = self.varint(at)?;
        self.add("cell header", start..at);
        // Above the leaves the key stands alone, and was read as the length.
        if kind.is_table && !kind.is_leaf {
            return Some(());
        }
        let key = at;
        if kind.is_table {
            at = self.varint(key)?.1;
        }
        let key = key..at;
        let local = kind.local(length);
        let mut parts = Vec::new();
        parts.push(at..at + local);
        if local < length {
            self.add("overflow pointer", at + local..at + local + 4);
            self.overflow(self.number(at + local, 4)?, length - local, &mut parts);
        }
        let is_record = self.payload(at, length, &parts)?;
        // Nothing follows from the number of a row of SQLite's own.
        self.add(if is_record { "key" } else { "row of SQLite's" }, key);
        Some(())
    }

    /// The pages that a row goes on in.
    fn overflow(&mut self, mut page: usize, mut left: usize, parts: &mut Vec<Range<usize>>) {
        while let Some(start) = self.pages.get(&page).copied().filter(|_| left > 0) {
            self.add("overflow pointer", start..start + 4);
            let length = left.min(PAGE - 4);
            parts.push(start + 4..start + 4 + length);
            left -= length;
            page = self.number(start, 4).unwrap_or_default();
        }
    }

    /// A row: its header, and its columns if they are a key, which stands before the row and is NULL in it, and a record.
    /// Whether they are.
    fn payload(&mut self, at: usize, length: usize, parts: &[Range<usize>]) -> Option<bool> {
        let (header, next) = self.varint(at)?;
        let (key, next) = self.varint(next)?;
        let second = if next < at + header { self.varint(next) } else { None };
        let blob = |kind: usize| (kind >= 12 && kind.is_multiple_of(2)).then(|| (kind - 12) / 2);
        let value = second.filter(|(_, end)| key == 0 && *end == at + header).and_then(|(value, _)| blob(value));
        let Some(value) = value.filter(|value| header + value == length && *value >= 38) else {
            self.spread("row of SQLite's", 0..length, parts);
            return Some(false);
        };
        let mut at = 0;
        let widths = [("row header", header), ("record: frame", 10), ("record: nonce", 12)];
        for (kind, width) in widths.into_iter().chain([("record: body", value - 38), ("record: tag", 16)]) {
            self.spread(kind, at..at + width, parts);
            at += width;
        }
        Some(true)
    }

    /// Some bytes of a row, wherever they lie.
    fn spread(&mut self, kind: &'static str, wanted: Range<usize>, parts: &[Range<usize>]) {
        let mut before = 0;
        for part in parts {
            let from = wanted.start.max(before);
            let to = wanted.end.min(before + part.len());
            if from < to {
                self.add(kind, part.start + from - before..part.start + to - before);
            }
            before += part.len();
        }
    }
}

/// The four kinds of b-tree pages.
struct PageKind {
    is_leaf: bool,
    is_table: bool,
    header: usize,
}

impl PageKind {
    fn of(byte: usize) -> Option<Self> {
        let (is_leaf, is_table) = match byte {
            0x02 => (false, false),
            0x05 => (false, true),
            0x0a => (true, false),
            0x0d => (true, true),
            _ => return None,
        };
        Some(Self { is_leaf, is_table, header: if is_leaf { 8 } else { 12 } })
    }

    /// How many bytes of a row are in the cell.
    const fn local(&self, length: usize) -> usize {
        let most = if self.is_table { PAGE - 35 } else { (PAGE - 12) * 64 / 255 - 23 };
        if length <= most {
            return length;
        }
        let least = (PAGE - 12) * 32 / 255 - 23;
        let kept = least + (length - least) % (PAGE - 4);
        if kept <= most { kept } else { least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::sql::{self, DATABASE, Desk};

    /// A database like the token's, with a row that goes on in other pages.
    fn database() -> (tempfile::TempDir, Vec<u8>, Vec<Vec<u8>>) {
        let directory = tempfile::tempdir().unwrap();
        let values: Vec<Vec<u8>> =
            [40_usize, 500, 9000].iter().map(|length| (0..*length).map(|at| (at % 251) as u8).collect()).collect();
        let desk = Desk::new(directory.path()).unwrap();
        std::fs::create_dir_all(directory.path().join("slot-0")).unwrap();
        std::fs::write(directory.path().join(DATABASE), b"").unwrap();
        let image = desk.edit(&Image::of(directory.path()).unwrap(), |db| {
            db.execute("CREATE TABLE objects (key INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT", [])?;
            (0..).zip(&values).try_for_each(|(key, value)| sql::put(db, "objects", (key, value)))
        });
        let bytes = image.unwrap().0.remove(std::path::Path::new(DATABASE)).unwrap();
        (directory, bytes, values)
    }

    #[test]
    fn the_parts_of_every_record_are_found_on_whatever_page_they_lie() {
        let (_directory, bytes, values) = database();
        let regions = of_database(&bytes);
        let of = |kind: &str| -> Vec<u8> {
            regions
                .iter()
                .filter(|region| region.kind == kind)
                .flat_map(|region| bytes[region.bytes.clone()].to_vec())
                .collect()
        };
        // That of the row of SQLite that tells of the table is not among them.
        assert_eq!(of("key"), [0, 1, 2]);
        let part = |from: usize, to: &dyn Fn(usize) -> usize| -> Vec<u8> {
            values.iter().flat_map(|value| value[from..to(value.len())].to_vec()).collect()
        };
        assert_eq!(of("record: frame"), part(0, &|_| 10));
        assert_eq!(of("record: nonce"), part(10, &|_| 22));
        assert_eq!(of("record: body"), part(22, &|length| length - 16));
        assert_eq!(of("record: tag").len(), 3 * 16);
        assert!(!of("overflow pointer").is_empty() && !of("cell pointers").is_empty());
    }
}
