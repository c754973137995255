//! The word through which a process learns, without a system call, that another has committed. Not
//! the truth: the generation in the database is, and whoever writes reads that one.
//!
//! The file `generation` is 16 bytes (docs/FORMAT.md); its second half is mapped by every process.
//! `2g` says that the database is at generation `g`. A writer sets `2g-1` before it commits `g` and
//! `2g` after; who finds an odd word asks the database. So a writer that dies in between leaves others
//! slower until the next commit, never blind.
//!
//! A mapped file can kill its reader: touching a page that the file no longer has is SIGBUS. The file
//! is therefore written in full (no hole that a full disk could not fill), never shortened by us,
//! replaced only by rename, and its length is checked before it is mapped; the page is touched at once.
//! **What remains:** someone with the owner's rights who shortens the file in place while it is mapped
//! stops the process; and who replaces or freezes it makes others see changes up to
//! [`RECHECK`] late. SQLite's `store.db-shm` has the first of these as well.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};

use crate::{Result, files};

/// How long the word is believed without asking the database.
pub(crate) const RECHECK: Duration = Duration::from_secs(1);

const MAGIC: [u8; 8] = *b"CLVGEN\0\x01";
const FILE_LEN: usize = 16;
const WORD_OFFSET: usize = 8;

/// The mapped word of one slot.
pub(crate) struct Counter {
    path: PathBuf,
    /// The word of the newest mapping; null while there is none.
    word: AtomicPtr<u64>,
    /// All mappings made so far: a reader may be looking through an older one.
    mappings: Mutex<Vec<Mapping>>,
    born: Instant,
    asked_ms: AtomicU64,
}

/// A mapping, and the file it is of: held open, so that no new file can have the same number.
struct Mapping {
    map: MmapRaw,
    file: File,
}

impl Counter {
    /// Maps the word at `path` if there is one.
    pub(crate) fn open(path: PathBuf) -> Self {
        let counter = Self {
            path,
            word: AtomicPtr::new(core::ptr::null_mut()),
            mappings: Mutex::new(Vec::new()),
            born: Instant::now(),
            asked_ms: AtomicU64::new(0),
        };
        counter.remap();
        counter
    }

    /// The generation, if the word says it and was compared with the database not long ago.
    pub(crate) fn peek(&self) -> Option<u64> {
        let word = self.load()?;
        let fresh = self.now_ms().wrapping_sub(self.asked_ms.load(Ordering::Relaxed)) < RECHECK.as_millis() as u64;
        (fresh && word % 2 == 0).then_some(word / 2)
    }

    /// Tells what the database said. A word that disagrees is looked up in its file again.
    pub(crate) fn asked(&self, generation: u64) {
        if self.load().is_none_or(|word| word % 2 == 0 && word / 2 < generation) {
            self.remap();
        }
        self.asked_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Before the commit that makes `generation`. The caller has the writers' turn.
    pub(crate) fn announce(&self, generation: u64) -> Result<()> {
        let word = generation.wrapping_mul(2).wrapping_sub(1);
        if !self.is_current() {
            files::replace(&self.path, &bytes_of(word))?;
            self.remap();
        }
        self.store(word);
        Ok(())
    }

    /// When the database is known to be at `generation`. The caller has the writers' turn.
    pub(crate) fn settle(&self, generation: u64) {
        self.store(generation.wrapping_mul(2));
    }

    fn load(&self) -> Option<u64> {
        Some(self.word()?.load(Ordering::Acquire))
    }

    fn store(&self, value: u64) {
        if let Some(word) = self.word() {
            word.store(value, Ordering::Release);
        }
    }

    fn word(&self) -> Option<&AtomicU64> {
        let word = self.word.load(Ordering::Acquire);
        if word.is_null() {
            return None;
        }
        // SAFETY: `word` points to 8 bytes of a mapping in `self.mappings`, which lives as long as `self`; page
        // start plus 8 is aligned. All access, here and in other processes, is atomic (AtomicU64::from_ptr).
        Some(unsafe { AtomicU64::from_ptr(word) })
    }

    fn remap(&self) {
        let mut mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mapping) = Mapping::of(&self.path) else { return };
        if mappings.last().is_some_and(|last| last.same_file(&mapping.file)) {
            return;
        }
        let word = mapping.map.as_mut_ptr().wrapping_add(WORD_OFFSET).cast::<u64>();
        mappings.push(mapping);
        self.word.store(word, Ordering::Release);
    }

    /// Whether the newest mapping is of the file that others will find, at its full length.
    fn is_current(&self) -> bool {
        let mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(found) = fs::metadata(&self.path) else { return false };
        mappings.last().and_then(|last| last.file.metadata().ok()).is_some_and(|mapped| {
            (mapped.dev(), mapped.ino(), mapped.len()) == (found.dev(), found.ino(), FILE_LEN as u64)
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Mapping {
    /// Maps the file if it is one of ours and whole.
    fn of(path: &Path) -> Option<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
        let mut magic = [0; WORD_OFFSET];
        file.read_exact_at(&mut magic, 0).ok()?;
        if magic != MAGIC || file.metadata().ok()?.len() != FILE_LEN as u64 {
            return None;
        }
        let map = MmapOptions::new().len(FILE_LEN).populate().map_raw(&file).ok()?;
        Some(Self { map, file })
    }

    fn same_file(&self, other: &File) -> bool {
        let id = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
        id(&self.file).is_some_and(|mine| Some(mine) == id(other))
    }
}

fn bytes_of(word: u64) -> [u8; FILE_LEN] {
    let mut bytes = [0; FILE_LEN];
    let (magic, value) = bytes.split_at_mut(WORD_OFFSET);
    magic.copy_from_slice(&MAGIC);
    value.copy_from_slice(&word.to_ne_bytes());
    bytes
}
