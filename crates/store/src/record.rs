//! A record on disk: a clear frame of ten bytes, then what is sealed. docs/FORMAT.md draws it.
//!
//! The seal binds a record to its token, table, key, version and flags, so that no record opens in
//! another's place and no bit of it, clear or sealed, can be changed without the key.

use claviger_crypto::seal::SealKey;
use claviger_crypto::{Secret, SystemRandom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::storage::Table;
use crate::{Error, Result};

/// The format this version writes, and the newest it reads.
pub const FORMAT: u8 = 1;

/// The length of the clear part of a record.
pub(crate) const FRAME_LEN: usize = 10;
/// The length of the tag at its end.
pub(crate) const TAG_LEN: usize = 16;
const CONTEXT: &[u8; 8] = b"claviger";

/// A token's id: random, made anew by every initialisation, in no way secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenId(pub [u8; 16]);

impl TokenId {
    /// Stands for the token in the one record that must be opened to learn its id: the header.
    pub(crate) const UNKNOWN: Self = Self([0; 16]);
}

/// Where a record belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) token: TokenId,
    pub(crate) table: Table,
    pub(crate) key: &'a [u8],
}

/// The clear part of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The generation that wrote the record.
    pub(crate) version: u64,
    /// Bit 0: sealed under the token key (a private object), otherwise under the device key.
    pub(crate) flags: u8,
}

impl Frame {
    /// Bit 0 of the flags.
    pub(crate) const PRIVATE: u8 = 1;

    pub(crate) const fn new(version: u64, private: bool) -> Self {
        Self { version, flags: if private { Self::PRIVATE } else { 0 } }
    }

    pub(crate) const fn is_private(self) -> bool {
        self.flags & Self::PRIVATE != 0
    }

    /// Splits a record into its frame and its sealed part.
    ///
    /// # Errors
    /// `NewerFormat` by the first byte; `Damaged` when it is too short or has unknown flags.
    pub(crate) fn parse(record: &[u8]) -> Result<(Self, &[u8])> {
        let (frame, sealed) = record.split_first_chunk::<FRAME_LEN>().ok_or(Error::Damaged)?;
        let [format, flags, version @ ..] = *frame;
        match format {
            FORMAT if flags & !Self::PRIVATE == 0 => Ok((Self { version: u64::from_be_bytes(version), flags }, sealed)),
            newer if newer > FORMAT => Err(Error::NewerFormat),
            _ => Err(Error::Damaged),
        }
    }

    pub(crate) fn bytes(self) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        let [format, flags, version @ ..] = &mut bytes;
        (*format, *flags, *version) = (FORMAT, self.flags, self.version.to_be_bytes());
        bytes
    }

    /// What the seal binds: context, frame, token id, table, and the key to the end.
    fn aad(self, place: &Place<'_>) -> Vec<u8> {
        [CONTEXT, self.bytes().as_slice(), &place.token.0, &[place.table.tag()], place.key].concat()
    }
}

/// A whole record with `body` sealed in it.
pub(crate) fn seal(key: &SealKey, place: &Place<'_>, frame: Frame, body: &[u8]) -> Result<Vec<u8>> {
    let sealed = key.seal(&mut SystemRandom::new(), &frame.aad(place), body).map_err(|_| Error::Internal)?;
    Ok([frame.bytes().as_slice(), &sealed].concat())
}

/// The body of a whole record.
pub(crate) fn open(key: &SealKey, place: &Place<'_>, record: &[u8]) -> Result<(Frame, Secret)> {
    let (frame, sealed) = Frame::parse(record)?;
    let body = key.open(&frame.aad(place), sealed).map_err(|_| Error::Damaged)?;
    Ok((frame, body))
}

/// A record with the postcard encoding of `value` sealed in it.
pub(crate) fn seal_value(key: &SealKey, place: &Place<'_>, version: u64, value: &impl Serialize) -> Result<Vec<u8>> {
    let body = Secret::new(postcard::to_stdvec(value).map_err(|_| Error::Internal)?);
    seal(key, place, Frame::new(version, false), body.expose())
}

/// The value of a record made by [`seal_value`].
pub(crate) fn open_value<T: DeserializeOwned>(key: &SealKey, place: &Place<'_>, record: &[u8]) -> Result<T> {
    let (_, body) = open(key, place, record)?;
    postcard::from_bytes(body.expose()).map_err(|_| Error::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn the_frame_of_docs_format_md_never_changes() {
        let frame = Frame::new(0x0102_0304_0506_0708, true);
        assert_eq!(frame.bytes(), [1, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        let place = Place { token: TokenId([9; 16]), table: Table::Objects, key: &[0xaa, 0xbb] };
        let aad = [&b"claviger"[..], &frame.bytes(), &[9; 16], &[3], &[0xaa, 0xbb]].concat();
        assert_eq!(frame.aad(&place), aad);
    }

    #[test]
    fn a_record_opens_only_where_it_was_sealed() {
        let key = keys::device_seal(&Secret::new(vec![7; 32]), 0).unwrap();
        let place = Place { token: TokenId([9; 16]), table: Table::Users, key: &[0, 1] };
        let record = seal(&key, &place, Frame::new(5, false), b"body").unwrap();
        assert_eq!(record.len(), FRAME_LEN + claviger_crypto::seal::OVERHEAD + 4);
        assert!(open(&key, &place, &record).is_ok_and(|(_, body)| body.expose() == b"body"));
        let elsewhere = [
            Place { token: TokenId([8; 16]), ..place },
            Place { table: Table::Objects, ..place },
            Place { key: &[0, 2], ..place },
        ];
        assert!(elsewhere.iter().all(|place| open(&key, place, &record).is_err()));
    }

    #[test]
    fn newer_formats_and_unknown_flags_are_told_apart_from_damage() {
        let refusal = |record: &[u8]| Frame::parse(record).err();
        assert_eq!(refusal(&[2; 40]), Some(Error::NewerFormat));
        assert_eq!(refusal(&[0; 40]), Some(Error::Damaged));
        assert_eq!(refusal(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Error::Damaged));
        assert_eq!(refusal(&[1; 9]), Some(Error::Damaged));
        assert_eq!(refusal(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
