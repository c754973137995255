//! The store of one slot: its header and its objects. Users and logins are in [`crate::login`] and
//! [`crate::users`], on the same type.

use std::sync::Arc;

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;
use claviger_rules::Mode;

use crate::header::{Counters, Header, Settings};
use crate::index::{Index, Mark, Marker};
use crate::keys::{self, KEY_LEN};
use crate::log::{self, Changes, Parts, What};
use crate::object::{self, Author, Change, Committed, Loaded, Object, ObjectId, Walked};
use crate::quorum::Quorum;
use crate::record::{self, Frame, TokenId};
use crate::storage::{self, Scan, Storage, Table, Transaction, View};
use crate::tree::Tree;
use crate::turn::Turn;
use crate::user::{Name, PinLock, Record};
use crate::{Error, Result};

/// One slot. All methods take `&self` and may be called from any thread; each that changes something is
/// one transaction, durable when it returns.
pub struct Store {
    pub(crate) storage: Tree,
    pub(crate) device: Arc<SealKey>,
    /// Logins take turns, see [`crate::login`]; alone in the process they need none.
    pub(crate) logins: Option<Arc<Turn>>,
}

/// What a new token begins with.
pub struct NewToken<'a> {
    /// The token this one replaces; `None` when the slot must be uninitialised.
    pub replaces: Option<TokenId>,
    /// 32 bytes of UTF-8, padded with blanks.
    pub label: [u8; 32],
    /// How strictly the token applies the rules.
    pub mode: Mode,
    /// What can be set.
    pub settings: Settings,
    /// The first security officer's name; `so` by custom.
    pub so_name: &'a str,
    /// The first security officer's PIN.
    pub so_pin: &'a [u8],
}

impl Store {
    /// The header, or `None` while the slot is uninitialised.
    ///
    /// # Errors
    /// `NewerFormat`, `Damaged`; those of the engine.
    pub fn header(&self) -> Result<Option<Header>> {
        storage::read(&self.storage, |view| Header::find(view, &self.device))
    }

    /// The newest generation. Every change by any process raises it. One atomic load as a rule.
    ///
    /// # Errors
    /// `Forked`; those of the engine.
    pub fn generation(&self) -> Result<u64> {
        self.storage.generation()
    }

    /// What changed after generation `since`, in the token `token`.
    ///
    /// # Errors
    /// Those of the engine. A damaged log is no error: [`What::Everything`].
    pub fn changes_since(&self, token: TokenId, since: u64) -> Result<Changes> {
        storage::read(&self.storage, |view| {
            let generation = view.generation();
            let what = log::since(view, &self.device, token, since, generation)?;
            Ok(Changes { generation, what })
        })
    }

    /// Makes a new token with one security officer. Whatever the slot held is gone.
    ///
    /// # Errors
    /// `TokenChanged` when the slot does not hold what the caller wants replaced, `PinLength`,
    /// `NameInvalid`, `NewerFormat`, `Damaged` (take the slot's directory away by hand).
    pub fn initialize(&self, new: &NewToken<'_>) -> Result<Header> {
        let name = Name::parse(new.so_name)?;
        let token = TokenId(keys::random_array()?);
        let fresh_serial = hex(keys::random_array()?);
        let id = claviger_rules::UserId(Counters::FIRST.next_user);
        let lock = PinLock::close(new.so_pin, new.settings.cost, &keys::random(KEY_LEN)?, token, id)?;
        storage::write(&self.storage, |change| {
            let old = Header::find(change, &self.device)?;
            if old.map(|old| old.token) != new.replaces {
                return Err(Error::TokenChanged);
            }
            Table::ALL.iter().try_for_each(|table| change.clear(*table))?;
            let serial = old.map_or(fresh_serial, |old| old.serial);
            let NewToken { label, mode, settings, .. } = *new;
            // One officer is all there is, whatever the old token's quorum was.
            let header = Header { token, label, serial, mode, settings, quorum: Quorum::ALONE };
            header.put(change, &self.device)?;
            Counters { next_user: id.0 + 1, ..Counters::FIRST }.put(change, &self.device, token)?;
            Record::decoy(&new.settings)?.put(change, &self.device, token, Record::DECOY)?;
            let born = change.generation();
            let role = claviger_rules::Role::SecurityOfficer;
            let officer = Record { name, role, failures: 0, born, reset: born, lock };
            officer.put(change, &self.device, token, id)?;
            log::note(change, &self.device, token, &Parts { header: true, users: true, objects: Vec::new() })?;
            Ok(header)
        })
    }

    /// Makes the changes in one transaction: all of them or none.
    ///
    /// # Errors
    /// `Conflict` when an object is not at the expected version; `KeysNeeded` for a private object without
    /// a login; `UserGone`, `TokenChanged` when the author is no more.
    pub fn commit(&self, author: Author<'_>, changes: &[Change]) -> Result<Committed> {
        storage::write(&self.storage, |change| {
            let header = self.admit(change, author)?;
            let ids = self.apply(change, author, changes)?;
            let parts = Parts { objects: ids.clone(), ..Parts::default() };
            log::note(change, &self.device, header.token, &parts)?;
            Ok(Committed { generation: change.generation(), ids })
        })
    }

    /// Every object the author can open.
    ///
    /// # Errors
    /// `UserGone`, `TokenChanged`; those of the engine. Damaged objects are named in the result.
    pub fn load(&self, author: Author<'_>) -> Result<Loaded> {
        let mut objects = Vec::new();
        let walked = self.each(author, &mut |object| objects.push(object))?;
        Ok(Loaded { generation: walked.generation, objects, damaged: walked.damaged })
    }

    /// Gives every object the author can open to `take`, by rising id, one at a time.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn each(&self, author: Author<'_>, take: &mut dyn FnMut(Object)) -> Result<Walked> {
        storage::read(&self.storage, |view| {
            self.admit(view, author)?;
            let mut damaged = Vec::new();
            view.scan(Table::Objects, &[], &mut |key, record| {
                self.open_into(&mut damaged, take, author, key, record)?;
                Ok(Scan::More)
            })?;
            Ok(Walked { generation: view.generation(), damaged })
        })
    }

    /// Those of `ids` that are there and that the author can open.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn read(&self, author: Author<'_>, ids: &[ObjectId]) -> Result<Loaded> {
        storage::read(&self.storage, |view| {
            self.admit(view, author)?;
            self.pick(view, author, ids.to_vec())
        })
    }

    /// Objects among which are all that the author can open and that have every one of `terms`. `None` when no term
    /// leads to few enough: look at each.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn find(&self, author: Author<'_>, terms: &[Vec<u8>]) -> Result<Option<Loaded>> {
        storage::read(&self.storage, |view| {
            self.admit(view, author)?;
            let mut shortest: Option<Vec<ObjectId>> = None;
            for term in terms {
                match self.holders(view, author, term) {
                    Ok(Some(ids)) if shortest.as_ref().is_none_or(|best| ids.len() < best.len()) => {
                        shortest = Some(ids)
                    }
                    // A damaged part of the index leads nowhere.
                    Ok(_) | Err(Error::Damaged) => {}
                    Err(error) => return Err(error),
                }
            }
            shortest.map(|ids| self.pick(view, author, ids)).transpose()
        })
    }

    /// Who has the term, public and private.
    fn holders(&self, view: &dyn View, author: Author<'_>, term: &[u8]) -> Result<Option<Vec<ObjectId>>> {
        let token = author.token();
        let public = Index::new(token, false, &self.device).find(view, Marker::public(token)?.mark(term))?;
        let Some(keys) = author.keys() else { return Ok(public) };
        let private = Index::new(token, true, &keys.seal).find(view, keys.marker.mark(term))?;
        Ok(public.zip(private).map(|(public, private)| [public, private].concat()))
    }

    fn pick(&self, view: &dyn View, author: Author<'_>, mut ids: Vec<ObjectId>) -> Result<Loaded> {
        ids.sort_unstable();
        ids.dedup();
        let mut loaded = Loaded { generation: view.generation(), objects: Vec::new(), damaged: Vec::new() };
        for key in ids.iter().map(|id| id.0.to_be_bytes()) {
            if let Some(record) = view.get(Table::Objects, &key)? {
                let objects = &mut loaded.objects;
                self.open_into(&mut loaded.damaged, &mut |object| objects.push(object), author, &key, &record)?;
            }
        }
        Ok(loaded)
    }

    /// The header, if the author still belongs to it.
    pub(crate) fn admit(&self, view: &(impl View + ?Sized), author: Author<'_>) -> Result<Header> {
        let header = Header::get(view, &self.device)?;
        if header.token != author.token() {
            return Err(Error::TokenChanged);
        }
        let Some(keys) = author.keys() else { return Ok(header) };
        match Record::get(view, &self.device, header.token, keys.user) {
            Ok(user) if user.reset == keys.reset => Ok(header),
            Ok(_) | Err(Error::UserUnknown) => Err(Error::UserGone),
            Err(error) => Err(error),
        }
    }

    /// Refuses when an object was changed after generation `seen`.
    pub(crate) fn unchanged_since(&self, change: &dyn Transaction, token: TokenId, seen: u64) -> Result<()> {
        let committed = change.generation().saturating_sub(1);
        match log::since(change, &self.device, token, seen, committed)? {
            What::Parts(parts) if parts.objects.is_empty() => Ok(()),
            What::Parts(_) | What::Everything => Err(Error::Conflict),
        }
    }

    /// Makes the changes; gives the ids.
    pub(crate) fn apply(
        &self,
        change: &mut dyn Transaction,
        author: Author<'_>,
        changes: &[Change],
    ) -> Result<Vec<ObjectId>> {
        changes
            .iter()
            .map(|one| match one {
                Change::Create { private, body, terms } => {
                    let id = self.next_id(change, author.token())?;
                    self.put_object(change, author, id, (*private, &[]), (body, terms))?;
                    Ok(id)
                }
                Change::Replace { id, expected, body, terms } => {
                    let (private, before) = self.marks(change, author, *id, *expected)?;
                    self.put_object(change, author, *id, (private, &before), (body, terms))?;
                    Ok(*id)
                }
                Change::Delete { id, expected } => {
                    let (private, before) = self.marks(change, author, *id, *expected)?;
                    Index::new(author.token(), private, self.sealer(author, private)?).change(
                        change,
                        *id,
                        &before,
                        &[],
                    )?;
                    change.delete(Table::Objects, &id.0.to_be_bytes())?;
                    Ok(*id)
                }
            })
            .collect()
    }

    fn next_id(&self, change: &mut dyn Transaction, token: TokenId) -> Result<ObjectId> {
        let mut counters = Counters::get(change, &self.device, token)?;
        let id = ObjectId(counters.next_object);
        counters.next_object = counters.next_object.checked_add(1).ok_or(Error::Full)?;
        counters.put(change, &self.device, token)?;
        Ok(id)
    }

    /// Writes an object that was as private, and found by these marks, before.
    fn put_object(
        &self,
        change: &mut dyn Transaction,
        author: Author<'_>,
        id: ObjectId,
        (private, before): (bool, &[Mark]),
        (body, terms): (&Secret, &[Vec<u8>]),
    ) -> Result<()> {
        let (sealer, token) = (self.sealer(author, private)?, author.token());
        let marks = match author.keys().filter(|_| private) {
            Some(keys) => keys.marker.marks(terms),
            None => Marker::public(token)?.marks(terms),
        };
        let (key, plaintext) = (id.0.to_be_bytes(), object::plaintext(&marks, body.expose())?);
        let frame = Frame::new(change.generation(), private);
        let record = record::seal(sealer, &object::place(token, &key), frame, plaintext.expose())?;
        Index::new(token, private, sealer).change(change, id, before, &marks)?;
        change.put(Table::Objects, &key, &record)
    }

    /// Whether the object is private, and its marks, if it is at the expected version.
    fn marks(&self, view: &dyn View, author: Author<'_>, id: ObjectId, expected: u64) -> Result<(bool, Vec<Mark>)> {
        let (frame, record) = expect(view, id, expected)?;
        let sealer = self.sealer(author, frame.is_private())?;
        let (_, plaintext) = record::open(sealer, &object::place(author.token(), &id.0.to_be_bytes()), &record)?;
        Ok((frame.is_private(), object::parts(&plaintext)?.0))
    }

    /// The key that seals such an object.
    fn sealer<'a>(&'a self, author: Author<'a>, private: bool) -> Result<&'a SealKey> {
        match (private, author.keys()) {
            (false, _) => Ok(&self.device),
            (true, Some(keys)) => Ok(&keys.seal),
            (true, None) => Err(Error::KeysNeeded),
        }
    }

    /// Opens one record for `take`, unless the author lacks the key for it.
    fn open_into(
        &self,
        damaged: &mut Vec<ObjectId>,
        take: &mut dyn FnMut(Object),
        author: Author<'_>,
        key: &[u8],
        record: &[u8],
    ) -> Result<()> {
        let id = object::id_of(key)?;
        let private = Frame::parse(record).is_ok_and(|(frame, _)| frame.is_private());
        let Ok(sealer) = self.sealer(author, private) else { return Ok(()) };
        let opened = record::open(sealer, &object::place(author.token(), key), record);
        match opened.and_then(|(frame, plaintext)| Ok((frame, object::parts(&plaintext)?.1))) {
            Ok((frame, body)) => take(Object { id, version: frame.version, private, body }),
            Err(_) => damaged.push(id),
        }
        Ok(())
    }
}

/// The object's frame and record, if it is at the expected version.
pub(crate) fn expect(view: &(impl View + ?Sized), id: ObjectId, expected: u64) -> Result<(Frame, Vec<u8>)> {
    let record = view.get(Table::Objects, &id.0.to_be_bytes())?.ok_or(Error::Conflict)?;
    let (frame, _) = Frame::parse(&record)?;
    if frame.version == expected { Ok((frame, record)) } else { Err(Error::Conflict) }
}

/// Eight bytes as 16 hexadecimal characters.
fn hex(bytes: [u8; 8]) -> [u8; 16] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    text
}
