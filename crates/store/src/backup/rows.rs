//! What is in the chunks: a preface, then the records of the token, table by table. Not how they are sealed.

use std::io::{BufRead, Write};

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;

use super::chunks::{Opener, Sealer};
use super::{Error, Result};
use crate::header::Header;
use crate::record::{self, Frame, Place, TokenId};
use crate::storage::{Scan, Table, View};

/// The tables that a backup carries, in the order of the file. The header comes first.
pub(super) const CARRIED: &[Table] =
    &[Table::Meta, Table::Users, Table::Objects, Table::PublicIndex, Table::PrivateIndex];

/// What is said of the whole.
#[derive(Clone, Copy)]
pub(super) struct Preface {
    /// Whose records follow.
    pub(super) token: TokenId,
    /// The number of the backup.
    pub(super) counter: u64,
    /// The generation at which the token was read.
    pub(super) generation: u64,
    /// How many records follow.
    pub(super) records: u64,
}

impl Preface {
    /// Of a token as it is.
    pub(super) fn of(view: &dyn View, token: TokenId, counter: u64) -> crate::Result<Self> {
        let mut records = 0;
        for table in CARRIED {
            view.scan(*table, &[], &mut |_, _| {
                records += 1;
                Ok(Scan::More)
            })?;
        }
        Ok(Self { token, counter, generation: view.generation(), records })
    }

    pub(super) fn write(&self, to: &mut Sealer<'_, impl Write>) -> Result<()> {
        to.write(&self.token.0)?;
        [self.counter, self.generation, self.records].iter().try_for_each(|number| to.write(&number.to_be_bytes()))
    }

    pub(super) fn read(from: &mut Opener<'_, impl BufRead>) -> Result<Self> {
        let token = TokenId(from.array()?);
        let mut number = || from.array().map(u64::from_be_bytes);
        Ok(Self { token, counter: number()?, generation: number()?, records: number()? })
    }
}

/// A record on its way.
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    frame: Frame,
    /// Of a private record what is sealed under the token key, of any other what was sealed under the device key.
    body: Secret,
}

impl Row {
    /// A record of the token `token`, as it lies in the table.
    pub(super) fn of(device: &SealKey, token: TokenId, table: Table, key: &[u8], record: &[u8]) -> crate::Result<Self> {
        let (frame, sealed) = Frame::parse(record)?;
        let body = if frame.is_private() {
            Secret::copy_of(sealed)
        } else {
            record::open(device, &place(token, table, key), record)?.1
        };
        Ok(Self { table, key: key.to_vec(), frame, body })
    }

    /// The record as it lies in the table of a token on another device.
    pub(super) fn record(&self, device: &SealKey, token: TokenId) -> Result<Vec<u8>> {
        if self.frame.is_private() {
            return Ok([self.frame.bytes().as_slice(), self.body.expose()].concat());
        }
        Ok(record::seal(device, &place(token, self.table, &self.key), self.frame, self.body.expose())?)
    }

    pub(super) fn write(&self, to: &mut Sealer<'_, impl Write>) -> Result<()> {
        let key_len = u8::try_from(self.key.len()).map_err(|_| crate::Error::Internal)?;
        let body_len = u32::try_from(self.body.len()).map_err(|_| crate::Error::Internal)?;
        to.write(&[self.table.tag(), self.frame.flags])?;
        to.write(&self.frame.version.to_be_bytes())?;
        to.write(&[key_len])?;
        to.write(&self.key)?;
        to.write(&body_len.to_be_bytes())?;
        to.write(self.body.expose())
    }

    /// # Errors
    /// `Newer` for a table that this version does not know.
    pub(super) fn read(from: &mut Opener<'_, impl BufRead>) -> Result<Self> {
        let [tag, flags] = from.array()?;
        let table = CARRIED.iter().copied().find(|table| table.tag() == tag).ok_or(Error::Newer)?;
        let version = u64::from_be_bytes(from.array()?);
        let [key_len] = from.array()?;
        let key = from.take(usize::from(key_len))?.expose().to_vec();
        let body_len = usize::try_from(u32::from_be_bytes(from.array()?)).map_err(|_| Error::Altered)?;
        let body = from.take(body_len)?;
        if flags & !Frame::PRIVATE != 0 {
            return Err(Error::Newer);
        }
        Ok(Self { table, key, frame: Frame { version, flags }, body })
    }

    /// What was sealed under the device key, decoded.
    pub(super) fn value<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        let value = Some(self.body.expose()).filter(|_| !self.frame.is_private()).map(postcard::from_bytes);
        value.and_then(core::result::Result::ok).ok_or(Error::Altered)
    }

    /// The generation that wrote it.
    pub(super) const fn version(&self) -> u64 {
        self.frame.version
    }

    /// Whether it is the header.
    pub(super) fn is_header(&self) -> bool {
        is_header(self.table, &self.key)
    }
}

fn is_header(table: Table, key: &[u8]) -> bool {
    table == Table::Meta && key == Header::KEY
}

fn place(token: TokenId, table: Table, key: &[u8]) -> Place<'_> {
    Place { token: if is_header(table, key) { TokenId::UNKNOWN } else { token }, table, key }
}
