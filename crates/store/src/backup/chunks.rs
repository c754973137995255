//! The sealed file: a head in the clear, then chunks of one length, the last one shorter or as long. Not what is in them.
//!
//! Each chunk is AES-256-GCM under a key of this file alone. Bound to it are the whole head, the chunk's number, and whether
//! it is the last: so none is left out, moved, repeated, cut off or taken from another file.

use std::io::{BufRead, Read as _, Write};

use claviger_crypto::seal::{OVERHEAD, SealKey};
use claviger_crypto::{Secret, SystemRandom};
use ring::hkdf;

use super::{Error, Result};
use crate::keys::{self, KEY_LEN};
use crate::pin::{self, Cost, SALT_LEN};

const MAGIC: &[u8; 7] = b"CLVBAK\0";
const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"claviger backup v1";

/// The length of a domain's id.
pub(super) const DOMAIN_ID_LEN: usize = 16;
const FILE_SALT_LEN: usize = 32;
/// The length of the head.
pub(super) const HEAD_LEN: usize = MAGIC.len() + 1 + DOMAIN_ID_LEN + 1 + FILE_SALT_LEN;

/// Bit 0 of the flags: a passphrase on top.
const PASSPHRASE: u8 = 1;

/// So many bytes are sealed at once.
const CHUNK_LEN: usize = 64 << 10;

/// What stands in the clear before the chunks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    domain: [u8; DOMAIN_ID_LEN],
    flags: u8,
    salt: [u8; FILE_SALT_LEN],
}

impl Head {
    /// Of a new file.
    pub(super) fn new(domain: [u8; DOMAIN_ID_LEN], has_passphrase: bool) -> Result<Self> {
        let flags = if has_passphrase { PASSPHRASE } else { 0 };
        Ok(Self { domain, flags, salt: keys::random_array()? })
    }

    /// The domain that made the file.
    pub(super) const fn domain(&self) -> [u8; DOMAIN_ID_LEN] {
        self.domain
    }

    /// Whether the file takes a passphrase.
    pub(super) const fn has_passphrase(&self) -> bool {
        self.flags & PASSPHRASE != 0
    }

    /// The bytes in the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &[VERSION], &self.domain, &[self.flags], &self.salt].concat()
    }

    /// Reads a head.
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self> {
        let (mut magic, mut domain) = ([0; MAGIC.len()], [0; DOMAIN_ID_LEN]);
        let (mut version, mut flags, mut salt) = ([0; 1], [0; 1], [0; FILE_SALT_LEN]);
        for part in [&mut magic[..], &mut version, &mut domain, &mut flags, &mut salt] {
            from.read_exact(part).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Error::NotABackup,
                _ => Error::File(error.into()),
            })?;
        }
        let ([version], [flags]) = (version, flags);
        if magic != *MAGIC || version == 0 {
            return Err(Error::NotABackup);
        }
        if version > VERSION {
            return Err(Error::Newer);
        }
        if flags & !PASSPHRASE != 0 {
            return Err(Error::Altered);
        }
        Ok(Self { domain, flags, salt })
    }

    /// The key of this file. With a passphrase it takes as long as the strong cost says.
    pub(super) fn key(&self, domain: &Secret, passphrase: Option<&Secret>) -> Result<SealKey> {
        let mut material = domain.duplicate();
        if self.has_passphrase() {
            let passphrase = passphrase.ok_or(Error::PassphraseNeeded)?;
            let salt = self.salt.first_chunk::<SALT_LEN>().ok_or(crate::Error::Internal)?;
            material.append(pin::stretch_bytes(passphrase.expose(), salt, Cost::Strong)?.expose());
        }
        let mut key = Secret::zeroed(KEY_LEN);
        hkdf::Salt::new(hkdf::HKDF_SHA256, &self.salt)
            .extract(material.expose())
            .expand(&[PURPOSE], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.expose_mut()))
            .map_err(|_| crate::Error::Internal)?;
        Ok(SealKey::new(&key).map_err(|_| crate::Error::Internal)?)
    }

    /// What a chunk is bound to.
    fn aad(&self, index: u64, is_last: bool) -> Vec<u8> {
        [self.bytes().as_slice(), &index.to_be_bytes(), &[u8::from(is_last)]].concat()
    }
}

/// Writes chunks.
pub(super) struct Sealer<'a, W> {
    out: W,
    key: &'a SealKey,
    head: Head,
    index: u64,
    chunk: Secret,
}

impl<'a, W: Write> Sealer<'a, W> {
    /// Writes the head.
    pub(super) fn new(mut out: W, head: Head, key: &'a SealKey) -> Result<Self> {
        out.write_all(&head.bytes()).map_err(file)?;
        Ok(Self { out, key, head, index: 0, chunk: Secret::default() })
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            // A full one is kept until more comes: it may be the last.
            if self.chunk.len() == CHUNK_LEN {
                self.flush(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_LEN - self.chunk.len()));
            self.chunk.append(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals what is left as the last chunk.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush(true)?;
        self.out.flush().map_err(file)
    }

    fn flush(&mut self, is_last: bool) -> Result<()> {
        let aad = self.head.aad(self.index, is_last);
        let sealed = self.key.seal(&mut SystemRandom::new(), &aad, self.chunk.expose());
        self.out.write_all(&sealed.map_err(|_| crate::Error::Internal)?).map_err(file)?;
        self.chunk.truncate(0);
        self.index += 1;
        Ok(())
    }
}

/// Reads chunks.
pub(super) struct Opener<'a, R> {
    from: R,
    key: &'a SealKey,
    head: Head,
    index: u64,
    chunk: Secret,
    /// So much of the chunk was taken.
    taken: usize,
    is_last: bool,
}

impl<'a, R: BufRead> Opener<'a, R> {
    /// Reads on after the head.
    pub(super) fn new(from: R, head: Head, key: &'a SealKey) -> Self {
        Self { from, key, head, index: 0, chunk: Secret::default(), taken: 0, is_last: false }
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<Secret> {
        let mut bytes = Secret::default();
        while bytes.len() < len {
            if self.taken == self.chunk.len() {
                self.next_chunk()?;
            }
            let rest = self.chunk.expose().get(self.taken..).unwrap_or_default();
            let now = rest.get(..rest.len().min(len - bytes.len())).unwrap_or_default();
            bytes.append(now);
            self.taken += now.len();
        }
        Ok(bytes)
    }

    /// The next `N` bytes, which are no secret.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.expose().try_into().map_err(|_| Error::Altered)
    }

    /// How many bytes of the file were read, the head included.
    pub(super) fn position(&self) -> u64 {
        (HEAD_LEN as u64).saturating_add(self.index.saturating_mul((CHUNK_LEN + OVERHEAD) as u64))
    }

    /// Refuses unless the last chunk is read and used up.
    pub(super) fn finish(self) -> Result<()> {
        if self.is_last && self.taken == self.chunk.len() { Ok(()) } else { Err(Error::Altered) }
    }

    fn next_chunk(&mut self) -> Result<()> {
        if self.is_last {
            return Err(Error::Altered);
        }
        let mut sealed = Vec::with_capacity(CHUNK_LEN + OVERHEAD);
        let read = self.from.by_ref().take((CHUNK_LEN + OVERHEAD) as u64).read_to_end(&mut sealed);
        read.map_err(file)?;
        self.is_last = self.from.fill_buf().map_err(file)?.is_empty();
        let opened = self.key.open(&self.head.aad(self.index, self.is_last), &sealed);
        self.chunk = opened.map_err(|_| match self.index {
            0 if self.head.has_passphrase() => Error::PassphraseWrong,
            _ => Error::Altered,
        })?;
        (self.taken, self.index) = (0, self.index + 1);
        // An empty chunk can only be the only one, and there is always something in a backup.
        if self.chunk.is_empty() { Err(Error::Altered) } else { Ok(()) }
    }
}

fn file(error: std::io::Error) -> Error {
    Error::File(error.into())
}
