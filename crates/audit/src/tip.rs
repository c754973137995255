//! Where the next line goes: after the last one. As a rule `head` knows; when it does not fit the files, the newest
//! file is read, and what is amiss is told, so that the next writer can record it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use crate::Result;
use crate::chain::{AuditKey, Link, ORIGIN};
use crate::directory::Directory;
use crate::entry::{MAX_LINE, Parts};
use crate::head::{Head, Stored};

/// Where the log ends, and what is wrong with the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    /// The last line: its file's number, where it ends, its number and chain.
    pub(crate) end: Head,
    /// Whether that file can be appended to; otherwise a new one begins.
    pub(crate) usable: bool,
    /// Bytes after the last line that are no line.
    pub(crate) torn: u64,
    /// Whether the last byte of the file is no line's end.
    pub(crate) unfinished: bool,
    /// Events that were there once are gone: how many, 0 if nobody knows.
    pub(crate) missing: Option<u64>,
}

/// The end of an empty log.
const NOWHERE: Head = Head { file: 0, length: 0, seq: 0, chain: ORIGIN };

impl Tip {
    const fn at(end: Head, usable: bool) -> Self {
        Self { end, usable, torn: 0, unfinished: false, missing: None }
    }

    /// Finds the end. `seen` is the newest event that this process knows of.
    pub(crate) fn find(directory: &Directory, key: &AuditKey, stored: Stored, seen: u64) -> Result<Self> {
        let mut tip = match stored {
            Stored::Head(head) if head.file > 0 && has_length(directory, &head) => Self::at(head, true),
            Stored::Head(head) => after_head(directory, key, head)?,
            Stored::Nothing | Stored::Foreign => without_head(directory, key, stored)?,
        };
        // Log and head were put back together, while we ran.
        if tip.end.seq < seen {
            tip.missing = Some(seen - tip.end.seq);
            tip.end.seq = seen;
        }
        Ok(tip)
    }
}

fn has_length(directory: &Directory, head: &Head) -> bool {
    directory.open(head.file).and_then(|file| Ok(file.metadata()?.len())).is_ok_and(|length| length == head.length)
}

/// `head` is ours and not up to date: a writer died before it wrote it, or the files were tampered with.
fn after_head(directory: &Directory, key: &AuditKey, head: Head) -> Result<Tip> {
    let newest = directory.files()?.last().copied().unwrap_or(0);
    if newest < head.file {
        // The file is gone: a new one begins, which follows from what `head` remembers.
        return Ok(Tip { missing: Some(0), ..Tip::at(head, false) });
    }
    let file = directory.open(newest)?;
    let length = file.metadata()?.len();
    let whole = newest > head.file || length < head.length;
    let walk = if whole { Walk::all(file, key)? } else { Walk::rest(file, key, &head)? };
    let Some(last) = walk.last else {
        // A file that was only begun holds nothing; one that cannot be read stays as the evidence it is.
        let begun = newest > head.file && length <= MAX_LINE as u64;
        let file = if begun { newest - 1 } else { newest };
        return Ok(Tip { missing: (!begun).then_some(0), ..Tip::at(Head { file, ..head }, false) });
    };
    let mut tip = walk.tip(newest, last);
    if last.seq < head.seq {
        tip.missing = Some(head.seq - last.seq);
        tip.end.seq = head.seq;
    }
    Ok(tip)
}

/// `head` was taken away or forged, unless the log is only now beginning.
fn without_head(directory: &Directory, key: &AuditKey, stored: Stored) -> Result<Tip> {
    let Some(newest) = directory.files()?.last().copied() else {
        return Ok(Tip { missing: (stored == Stored::Foreign).then_some(0), ..Tip::at(NOWHERE, false) });
    };
    let walk = Walk::all(directory.open(newest)?, key)?;
    let lost = Tip { missing: Some(0), ..Tip::at(Head { file: newest, ..NOWHERE }, false) };
    Ok(walk.last.map_or(lost, |last| Tip { missing: Some(0), ..walk.tip(newest, last) }))
}

/// The last line found.
#[derive(Debug, Clone, Copy)]
struct Last {
    end: u64,
    seq: u64,
    chain: Link,
}

/// A walk over lines: the last one that follows from the one before it, and what comes after.
struct Walk {
    last: Option<Last>,
    length: u64,
    unfinished: bool,
}

impl Walk {
    /// Over a whole file, from its first line.
    fn all(file: File, key: &AuditKey) -> Result<Self> {
        Self::over(BufReader::new(file), key, None)
    }

    /// Over what comes after `head`.
    fn rest(mut file: File, key: &AuditKey, head: &Head) -> Result<Self> {
        file.seek(SeekFrom::Start(head.length))?;
        Self::over(BufReader::new(file), key, Some(Last { end: head.length, seq: head.seq, chain: head.chain }))
    }

    fn over(mut lines: BufReader<File>, key: &AuditKey, from: Option<Last>) -> Result<Self> {
        let mut walk = Self { last: from, length: from.map_or(0, |last| last.end), unfinished: false };
        let mut before = None;
        let mut first = from.is_none();
        while let Some(line) = Line::read(&mut lines)? {
            walk.length += line.length;
            walk.unfinished = !line.finished;
            let parts = line.parts();
            let Some((parts, entry)) = parts.and_then(|parts| parts.entry().map(|entry| (parts, entry))) else {
                first = false;
                continue;
            };
            // After the last good line; after one that was changed but for its chain; or at the start of a file.
            let opening = entry.previous_link().filter(|_| first);
            let candidates = [walk.last.map(|last| last.chain), before, opening];
            if candidates.iter().flatten().any(|chain| parts.follows(key, chain)) {
                walk.last = Some(Last { end: walk.length, seq: entry.seq, chain: parts.chain });
            }
            before = Some(parts.chain);
            first = false;
        }
        Ok(walk)
    }

    fn tip(&self, file: u64, last: Last) -> Tip {
        let end = Head { file, length: last.end, seq: last.seq, chain: last.chain };
        Tip { torn: self.length - last.end, unfinished: self.unfinished, ..Tip::at(end, true) }
    }
}

/// Bytes up to a line's end.
pub(crate) struct Line {
    bytes: Vec<u8>,
    /// How many there were, the line's end included; more than are kept of a line that is too long to be one.
    pub(crate) length: u64,
    /// Whether the line's end was there.
    pub(crate) finished: bool,
}

impl Line {
    /// The next line; `None` at the end.
    pub(crate) fn read(from: &mut impl std::io::BufRead) -> Result<Option<Self>> {
        let mut piece = || {
            let mut bytes = Vec::new();
            from.take(MAX_LINE as u64).read_until(b'\n', &mut bytes).map(|_| bytes)
        };
        let mut bytes = piece()?;
        let mut length = bytes.len() as u64;
        let mut finished = bytes.pop_if(|last| *last == b'\n').is_some();
        while !finished && length.is_multiple_of(MAX_LINE as u64) {
            let more = piece()?;
            if more.is_empty() {
                break;
            }
            length += more.len() as u64;
            finished = more.last() == Some(&b'\n');
            bytes.clear();
        }
        Ok((length > 0).then_some(Self { bytes, length, finished }))
    }

    /// The line, if it can be one of ours. One that only lacks its end can.
    pub(crate) fn parts(&self) -> Option<Parts<'_>> {
        Parts::of(&self.bytes)
    }
}
