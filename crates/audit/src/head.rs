//! `head`: where the log ends, authenticated. It makes a cut end noticeable and spares every append from reading
//! the log. Written in place: 96 bytes at the start of one block, which a kill does not split.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::chain::{AuditKey, LINK_LEN, Link};
use crate::{Error, Result};

const MAGIC: [u8; 8] = *b"CLVAUD\0\x01";
const BODY_LEN: usize = 64;
const HEAD_LEN: usize = BODY_LEN + LINK_LEN;

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the newest file.
    pub(crate) file: u64,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The number of the last event.
    pub(crate) seq: u64,
    /// Its chain.
    pub(crate) chain: Link,
}

/// What the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing: the file is new, or was emptied.
    Nothing,
    /// Something that is no head of this log.
    Foreign,
    /// A head.
    Head(Head),
}

impl Head {
    /// Reads it.
    pub(crate) fn read(file: &File, key: &AuditKey) -> Result<Stored> {
        let mut bytes = [0; HEAD_LEN];
        match file.read_at(&mut bytes, 0)? {
            0 => return Ok(Stored::Nothing),
            HEAD_LEN => {}
            _ => return Ok(Stored::Foreign),
        }
        Ok(Self::decode(&bytes, key).map_or(Stored::Foreign, Stored::Head))
    }

    /// Writes it.
    pub(crate) fn write(&self, file: &File, key: &AuditKey) -> Result<()> {
        file.write_all_at(&self.encode(key), 0).map_err(Error::from)
    }

    fn encode(&self, key: &AuditKey) -> Vec<u8> {
        let numbers = [self.file, self.length, self.seq].map(u64::to_be_bytes);
        let mut bytes = [MAGIC.as_slice(), numbers.as_flattened(), &self.chain].concat();
        bytes.extend_from_slice(&key.head(&bytes));
        bytes
    }

    fn decode(bytes: &[u8; HEAD_LEN], key: &AuditKey) -> Option<Self> {
        let (body, tag) = bytes.split_at_checked(BODY_LEN)?;
        if !key.is_head(body, tag) {
            return None;
        }
        let (magic, rest) = body.split_first_chunk::<8>()?;
        let (file, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (seq, chain) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC {
            return None;
        }
        let [file, length, seq] = [file, length, seq].map(|bytes| u64::from_be_bytes(*bytes));
        Some(Self { file, length, seq, chain: *chain.first_chunk()? })
    }
}
