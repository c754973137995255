//! Writes lines: finds the end of the log, records what is amiss there, begins a new file when the last one is full.

use std::fs::File;
use std::io::Write as _;
use std::time::SystemTime;

use crate::chain::{AuditKey, Link};
use crate::directory::{Directory, Limits};
use crate::entry::Entry;
use crate::head::{Head, Stored};
use crate::tip::Tip;
use crate::{Error, Kind, Origin, Result};

/// The log on disk, as this process writes it.
pub(crate) struct Writer {
    pub(crate) directory: Directory,
    limits: Limits,
    /// The newest event that this process has written.
    seen: u64,
    /// Events that could not be written since the last one that was.
    lost: u64,
}

/// Lines that go into one file with one write.
struct Batch<'a> {
    key: &'a AuditKey,
    origin: &'a Origin,
    now: SystemTime,
    bytes: Vec<u8>,
    seq: u64,
    chain: Link,
}

impl Writer {
    pub(crate) fn new(directory: Directory, limits: Limits) -> Self {
        Self { directory, limits, seen: 0, lost: 0 }
    }

    /// Appends `entry`, and before it what has to be said of the log itself.
    pub(crate) fn append(
        &mut self,
        key: &AuditKey,
        origin: &Origin,
        entry: Entry,
        durable: bool,
        now: SystemTime,
    ) -> Result<()> {
        let written = self.try_append(key, origin, entry, durable, now);
        match written {
            Ok(seq) => {
                self.seen = seq;
                self.lost = 0;
            }
            Err(_) => self.lost = self.lost.saturating_add(1),
        }
        written.map(drop)
    }

    fn try_append(&self, key: &AuditKey, origin: &Origin, entry: Entry, durable: bool, now: SystemTime) -> Result<u64> {
        let lock = self.directory.lock()?;
        let stored = Head::read(&lock.0, key)?;
        let tip = Tip::find(&self.directory, key, stored, self.seen)?;
        if stored == Stored::Nothing && tip.end.file == 0 {
            // Takes up the room that `head` will need, while there is still nothing to be undone.
            tip.end.write(&lock.0, key).or_else(|error| lock.0.set_len(0).map_err(Error::from).and(Err(error)))?;
        }
        let begins = !tip.usable || (tip.end.length >= self.limits.file_bytes && tip.torn == 0 && !tip.unfinished);
        let mut batch = Batch { key, origin, now, bytes: Vec::new(), seq: tip.end.seq, chain: tip.end.chain };
        if begins {
            batch.opening(tip.end.file + 1, &self.limits);
        }
        if tip.unfinished {
            batch.bytes.push(b'\n');
        }
        batch.findings(&tip, self.lost);
        batch.push(entry);
        let end = self.write(&tip, begins, &batch, durable || tip.missing.is_some())?;
        // From here on the line stands. A head that is left behind is put right by the next writer.
        let _ = end.write(&lock.0, key);
        if begins {
            self.drop_before(self.limits.oldest(end.file));
        }
        Ok(end.seq)
    }

    fn write(&self, tip: &Tip, begins: bool, batch: &Batch<'_>, durable: bool) -> Result<Head> {
        let (number, start) = if begins { (tip.end.file + 1, 0) } else { (tip.end.file, tip.end.length + tip.torn) };
        let file = if begins { self.directory.create(number)? } else { self.directory.append(number)? };
        let sync = |mut file: &File| {
            file.write_all(&batch.bytes)?;
            if !durable {
                return Ok(());
            }
            file.sync_data()?;
            // The file's name, too: an event that did not have to be durable may have begun the file.
            self.directory.sync()
        };
        if let Err(error) = sync(&file) {
            // Half a line is worse than none. If this fails too, the next writer closes the line off.
            let _ = if begins { self.directory.remove(number) } else { file.set_len(start).map_err(Error::from) };
            return Err(error.into());
        }
        let length = start + batch.bytes.len() as u64;
        Ok(Head { file: number, length, seq: batch.seq, chain: batch.chain })
    }

    /// What is left behind here is taken away with the next new file.
    fn drop_before(&self, oldest: u64) {
        let files = self.directory.files().unwrap_or_default();
        for number in files.into_iter().take_while(|number| *number < oldest) {
            let _ = self.directory.remove(number);
        }
    }
}

impl Batch<'_> {
    fn push(&mut self, entry: Entry) {
        self.seq += 1;
        let (line, link) = Entry { seq: self.seq, ..entry }.line(self.key, &self.chain);
        self.bytes.extend_from_slice(&line);
        self.chain = link;
    }

    /// The first line of file `number`.
    fn opening(&mut self, number: u64, limits: &Limits) {
        let kind = if self.seq == 0 { Kind::AuditOpened } else { Kind::AuditRotated };
        let opening = Entry {
            file: Some(number),
            oldest: Some(limits.oldest(number)),
            previous: Some(hex::encode(self.chain)),
            ..self.about_log(kind)
        };
        self.push(opening);
    }

    /// What was found at the end of the log.
    fn findings(&mut self, tip: &Tip, lost: u64) {
        if tip.torn > 0 {
            self.push(Entry { bytes: Some(tip.torn), ..self.about_log(Kind::AuditTorn) });
        }
        if let Some(missing) = tip.missing {
            let times = Some(missing).filter(|missing| *missing > 0);
            self.push(Entry { times, ..self.about_log(Kind::AuditCut) });
        }
        if lost > 0 {
            self.push(Entry { times: Some(lost), ..self.about_log(Kind::AuditLost) });
        }
    }

    fn about_log(&self, kind: Kind) -> Entry {
        Entry::about_log(kind, self.origin, self.now)
    }
}
