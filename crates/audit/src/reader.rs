//! Reads the log and checks every line of it.
//!
//! After a line that does not hold, reading goes on: a line that was changed spoils itself and nothing after it, and a
//! reader wants to know all that is wrong. So each item is an event that holds, or a fault.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _, Take};

use crate::chain::{AuditKey, Link};
use crate::directory::{Directory, file_name};
use crate::entry::Entry;
use crate::head::{Head, Stored};
use crate::tip::Line;
use crate::{Kind, Result};

/// The most lines that are written together: a writer that was killed leaves `head` so far behind.
const TOGETHER: u64 = 5;

/// Something wrong with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of the file.
    pub file: u64,
    /// The line in it, from 1; 0 when no line is meant.
    pub line: u64,
    /// What is wrong.
    pub what: What,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// So many lines from here on do not follow from the line before.
    Changed(u64),
    /// A line that holds, but in another place: its number was there before.
    Repeated,
    /// The file does not begin where the one before ended.
    Broken,
    /// Older files were taken away, or some in between.
    FilesGone,
    /// When this event was written, so many before it were gone (0: nobody knows how many), or `head` was.
    Cut(u64),
    /// So many events at the end are gone.
    EndCut(u64),
    /// `head` is gone.
    HeadGone,
    /// `head` was not written with this log's key.
    HeadForged,
    /// `head` is older than the log by so many events.
    HeadOld(u64),
    /// The file cannot be read.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", file_name(self.file), self.what),
            line => write!(f, "{}, line {line}: {}", file_name(self.file), self.what),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(1) => f.write_str(
                "the line does not follow from the one before: it was changed or put in, or a line was taken out or \
                 moved here",
            ),
            Self::Changed(lines) => write!(f, "{lines} lines from here on do not follow from the line before"),
            Self::Repeated => f.write_str("the line was copied from another place of the log"),
            Self::Broken => f.write_str("the file does not begin where the one before it ended"),
            Self::FilesGone => f.write_str("files before this one were taken away"),
            Self::Cut(0) => f.write_str("when this line was written, events before it were gone, or `head` was"),
            Self::Cut(missing) => write!(
                f,
                "when this line was written, {missing} events before it were gone: cut off, put back to an older \
                 state, or lost in a power cut"
            ),
            Self::EndCut(0) => f.write_str("the end of the log is not the one that `head` knows"),
            Self::EndCut(missing) => {
                write!(f, "{missing} events after this line are gone: cut off, or lost in a power cut")
            }
            Self::HeadGone => f.write_str("`head` is gone, so nobody can tell whether the end of the log was cut off"),
            Self::HeadForged => f.write_str("`head` was not written by this token"),
            Self::HeadOld(events) => {
                write!(
                    f,
                    "`head` is {events} events older than the log: it was put back, or it is from before a power cut"
                )
            }
            Self::Unreadable => f.write_str("the file cannot be read"),
        }
    }
}

/// The events of a log, oldest first, each verified.
pub struct Reader<'a> {
    ready: VecDeque<core::result::Result<Entry, Fault>>,
    disk: Option<Disk<'a>>,
    torn: u64,
}

/// The files as they were when the reader was made: what is written or dropped later does not matter.
struct Disk<'a> {
    key: &'a AuditKey,
    head: Option<Stored>,
    waiting: VecDeque<(u64, File, u64)>,
    first: u64,
    files: u64,
    now: Option<Open>,
    last: Option<Good>,
    /// The oldest file that should be there, by the newest file that was read.
    oldest: u64,
}

/// The file that is being read.
struct Open {
    number: u64,
    lines: BufReader<Take<File>>,
    line: u64,
    offset: u64,
    suspects: Option<Suspects>,
}

/// The newest event that holds.
#[derive(Clone, Copy)]
struct Good {
    seq: u64,
    chain: Link,
}

/// Lines that do not follow, until it is clear whether they are the remains of a crash.
#[derive(Clone, Copy)]
struct Suspects {
    line: u64,
    lines: u64,
    offset: u64,
    bytes: u64,
    /// What the last of them says its chain is.
    chain: Option<Link>,
}

impl Iterator for Reader<'_> {
    type Item = core::result::Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && self.step() {}
        self.ready.pop_front()
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn of(entries: VecDeque<Entry>) -> Self {
        Self { ready: entries.into_iter().map(Ok).collect(), disk: None, torn: 0 }
    }

    pub(crate) fn open(directory: &Directory, key: &'a AuditKey) -> Result<Self> {
        let lock = directory.lock_to_read()?;
        let head = lock.as_ref().map(|lock| Head::read(&lock.0, key)).transpose()?;
        let mut waiting = VecDeque::new();
        for number in directory.files()? {
            let file = directory.open(number)?;
            let length = file.metadata()?.len();
            waiting.push_back((number, file, length));
        }
        let first = waiting.front().map_or(0, |(number, ..)| *number);
        let files = waiting.len() as u64;
        let disk = Disk { key, head, waiting, first, files, now: None, last: None, oldest: 0 };
        Ok(Self { ready: VecDeque::new(), disk: Some(disk), torn: 0 })
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.files)
    }

    /// How many lines that a crash cut in two were passed so far.
    pub(crate) const fn torn(&self) -> u64 {
        self.torn
    }

    /// Reads a line, or goes on to the next file; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(mut disk) = self.disk.take() else { return false };
        let Some(mut open) = disk.now.take() else {
            let more = self.next_file(&mut disk);
            if more {
                self.disk = Some(disk);
            } else {
                self.finish(&disk);
            }
            return true;
        };
        match Line::read(&mut open.lines) {
            Ok(Some(line)) => {
                self.line(&mut disk, &mut open, &line);
                disk.now = Some(open);
            }
            Ok(None) => self.end_of_file(&disk, &open),
            Err(_) => self.fault(open.number, open.line, What::Unreadable),
        }
        self.disk = Some(disk);
        true
    }

    fn next_file(&mut self, disk: &mut Disk<'_>) -> bool {
        let Some((number, file, length)) = disk.waiting.pop_front() else { return false };
        let lines = BufReader::new(file.take(length));
        disk.now = Some(Open { number, lines, line: 0, offset: 0, suspects: None });
        true
    }

    fn line(&mut self, disk: &mut Disk<'_>, open: &mut Open, line: &Line) {
        open.line += 1;
        let offset = open.offset;
        open.offset += line.length;
        let parts = line.parts();
        let opened = parts.as_ref().and_then(|parts| Some((parts, parts.entry()?)));
        if let Some((parts, entry)) = &opened {
            let opening = entry.previous_link().filter(|_| open.line == 1);
            let last = disk.last.map(|last| last.chain).filter(|_| open.line > 1);
            let resumed = open.suspects.and_then(|suspects| suspects.chain);
            if [opening, last, resumed].iter().flatten().any(|before| parts.follows(disk.key, before)) {
                return self.good(disk, open, entry, parts.chain);
            }
        }
        let here = Suspects { line: open.line, lines: 0, offset, bytes: 0, chain: None };
        let suspects = open.suspects.get_or_insert(here);
        suspects.lines += 1;
        suspects.bytes += line.length;
        suspects.chain = parts.map(|parts| parts.chain);
    }

    /// A line that was written with the key, after the line that stands before it or once stood there.
    fn good(&mut self, disk: &mut Disk<'_>, open: &mut Open, entry: &Entry, chain: Link) {
        let kind = entry.kind();
        if let Some(suspects) = open.suspects.take() {
            // The writer ends half a line before it goes on, and does not count that end.
            let torn = [suspects.bytes, suspects.bytes - 1].map(Some).contains(&entry.bytes);
            if kind == Some(Kind::AuditTorn) && torn {
                self.torn += 1;
            } else {
                self.fault(open.number, suspects.line, What::Changed(suspects.lines));
            }
        }
        if open.line == 1 {
            self.opening(disk, open.number, entry);
        }
        if disk.last.is_some_and(|last| entry.seq <= last.seq) {
            return self.fault(open.number, open.line, What::Repeated);
        }
        disk.last = Some(Good { seq: entry.seq, chain });
        if kind == Some(Kind::AuditCut) {
            self.fault(open.number, open.line, What::Cut(entry.times.unwrap_or(0)));
        }
        self.ready.push_back(Ok(entry.clone()));
    }

    /// The first line of a file: it is this file's, and follows from the file before, if that is kept.
    fn opening(&mut self, disk: &mut Disk<'_>, number: u64, entry: &Entry) {
        disk.oldest = entry.oldest.unwrap_or(0);
        let follows = disk.last.is_none_or(|last| entry.previous_link() == Some(last.chain));
        if entry.file != Some(number) || !follows {
            self.fault(number, 1, What::Broken);
        }
    }

    fn end_of_file(&mut self, disk: &Disk<'_>, open: &Open) {
        let Some(suspects) = open.suspects else { return };
        let known = matches!(disk.head, Some(Stored::Head(head))
            if head.file == open.number && head.length <= suspects.offset);
        if known && disk.waiting.is_empty() {
            self.torn += 1;
        } else {
            self.fault(open.number, suspects.line, What::Changed(suspects.lines));
        }
    }

    /// What only the whole log shows.
    fn finish(&mut self, disk: &Disk<'_>) {
        let newest = disk.first + disk.files.saturating_sub(1);
        if disk.files > 0 && disk.first > disk.oldest {
            self.fault(disk.first, 0, What::FilesGone);
        }
        let last = disk.last.map_or(0, |last| last.seq);
        let what = match disk.head {
            None | Some(Stored::Nothing) if disk.files > 0 => What::HeadGone,
            Some(Stored::Foreign) => What::HeadForged,
            Some(Stored::Head(head)) if head.seq > last => What::EndCut(head.seq - last),
            Some(Stored::Head(head)) if head.seq + TOGETHER < last => What::HeadOld(last - head.seq),
            Some(Stored::Head(head)) if head.seq == last && disk.last.is_some_and(|last| last.chain != head.chain) => {
                What::EndCut(0)
            }
            _ => return,
        };
        self.fault(newest, 0, what);
    }

    fn fault(&mut self, file: u64, line: u64, what: What) {
        self.ready.push_back(Err(Fault { file, line, what }));
    }
}
