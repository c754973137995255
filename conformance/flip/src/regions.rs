//! Which byte of a file means what, as docs/FORMAT.md and SQLite's file format (sqlite.org/fileformat.html) draw it, so
//! that a sample of bytes can leave no part out. Read from the bytes alone, by somebody without a key. The pages of a
//! database are in [`crate::pages`].

use std::collections::BTreeMap;
use std::path::Path;

use crate::pages;
use crate::tally::kind_of;

/// Some bytes that mean one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// The first byte and the one after the last.
    pub(crate) bytes: core::ops::Range<usize>,
    /// What they are.
    pub(crate) kind: &'static str,
    /// Regions of one kind and one group are hit together.
    pub(crate) group: usize,
}

impl Region {
    /// Whether the bytes are of a row that is in the token now: then `claviger doctor` must notice.
    pub(crate) fn is_of_record(&self) -> bool {
        pages::FIELDS.contains(&self.kind)
    }
}

/// Every byte of a file, by rising place.
pub(crate) fn of_file(path: &Path, bytes: &[u8]) -> Vec<Region> {
    let regions = match kind_of(path).as_str() {
        "store.db" => pages::of_database(bytes),
        "store.db-wal" => pages::of_log(bytes),
        "store.db-shm" => laid_out(&SHM),
        "anchor" => laid_out(&ANCHOR),
        "generation" => laid_out(&[("magic", 8), ("word", 8)]),
        "head" => laid_out(&HEAD),
        "audit/*.jsonl" => events(bytes),
        _ => laid_out(&[("bytes", bytes.len())]),
    };
    complete(regions, bytes.len())
}

const ANCHOR: [(&str, usize); 6] = [
    ("even: magic", 8),
    ("even: generation", 8),
    ("even: MAC", 32),
    ("odd: magic", 8),
    ("odd: generation", 8),
    ("odd: MAC", 32),
];
const HEAD: [(&str, usize); 6] = [("magic", 8), ("file", 8), ("length", 8), ("seq", 8), ("chain", 32), ("MAC", 32)];
/// sqlite.org/walformat.html, section 2.
const SHM: [(&str, usize); 5] =
    [("header", 48), ("header's copy", 48), ("checkpoint", 40), ("page numbers", 16_248), ("hash table", 16_384)];

fn laid_out(fields: &[(&'static str, usize)]) -> Vec<Region> {
    let mut start = 0;
    let region = |(group, (kind, length)): (usize, &(&'static str, usize))| {
        let bytes = start..start + length;
        start = bytes.end;
        Region { bytes, kind, group }
    };
    fields.iter().enumerate().map(region).collect()
}

/// Line by line: what is told, the chain's value, the end.
fn events(bytes: &[u8]) -> Vec<Region> {
    let mut regions = Vec::new();
    let mut start = 0;
    for (group, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = start + line.len();
        // `"chain":"` and 64 digits, `"}` and the end.
        let chain = end.saturating_sub(67).max(start);
        let digits = end.saturating_sub(3).max(chain);
        for (bytes, kind) in [(start..chain, "event"), (chain..digits, "chain"), (digits..end, "end of line")] {
            regions.push(Region { bytes, kind, group });
        }
        start = end;
    }
    regions
}

/// The regions in order, cut where they overlap or go on too long, and what is between them.
fn complete(mut regions: Vec<Region>, length: usize) -> Vec<Region> {
    regions.sort_by_key(|region| region.bytes.start);
    let mut all = Vec::new();
    let mut end = 0;
    let rest = |bytes: core::ops::Range<usize>| Region { group: bytes.start / pages::PAGE, bytes, kind: "unused" };
    for mut region in regions {
        region.bytes = region.bytes.start.max(end)..region.bytes.end.min(length);
        if region.bytes.is_empty() {
            continue;
        }
        if end < region.bytes.start {
            all.push(rest(end..region.bytes.start));
        }
        end = region.bytes.end;
        all.push(region);
    }
    if end < length {
        all.push(rest(end..length));
    }
    all
}

/// How often each kind of region was hit, by file.
#[derive(Default)]
pub(crate) struct Hits(BTreeMap<(String, &'static str), BTreeMap<usize, usize>>);

impl Hits {
    /// Learns of a file's regions.
    pub(crate) fn expect(&mut self, path: &Path, regions: &[Region]) {
        for region in regions {
            self.0.entry((kind_of(path), region.kind)).or_default().entry(region.group).or_default();
        }
    }

    /// Counts a flip.
    pub(crate) fn count(&mut self, path: &Path, region: &Region) {
        *self.0.entry((kind_of(path), region.kind)).or_default().entry(region.group).or_default() += 1;
    }

    /// Prints a line for each kind.
    pub(crate) fn print(&self) {
        println!("  {:<34} {:>9} {:>10} {:>12}", "", "regions", "hit", "flips");
        for ((file, kind), groups) in &self.0 {
            let hit = groups.values().filter(|flips| **flips > 0).count();
            println!(
                "  {:<34} {:>9} {hit:>10} {:>12}",
                format!("{file}: {kind}"),
                groups.len(),
                groups.values().sum::<usize>()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_one_region() {
        let region = |bytes, kind| Region { bytes, kind, group: 0 };
        let regions = complete(vec![region(8..12, "b"), region(2..9, "a"), region(15..40, "c")], 20);
        let ranges: Vec<_> = regions.iter().map(|region| (region.bytes.clone(), region.kind)).collect();
        let expected = [(0..2, "unused"), (2..9, "a"), (9..12, "b"), (12..15, "unused"), (15..20, "c")];
        assert_eq!(ranges, expected);
    }

    #[test]
    fn an_event_ends_with_its_chain() {
        let chain = "0".repeat(64);
        let line = format!("{{\"seq\":1,\"chain\":\"{chain}\"}}\n");
        let regions = events(line.as_bytes());
        assert_eq!(&line[regions[1].bytes.clone()], chain);
        assert_eq!(&line[regions[2].bytes.clone()], "\"}\n");
    }
}
