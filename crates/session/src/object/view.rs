//! The application's view of a token's objects: which handles there are, and what stands under them.
//!
//! A token object is read from the store when it is first used, and again when another process changed it; a search
//! opens what it looks at and keeps what the names in its template led to. So a token with many objects costs no more
//! to begin with than one with few. Session objects live here alone. A handle is never used again, and means nothing in
//! another application (rule R17).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use claviger_crypto::Key;
use claviger_rules::{AttributeType, Error, Object, Refusal};
use claviger_store::{Changes, Object as Stored, ObjectId, What};

use super::codec;
use super::entry::{Entry, Place};
use crate::token::LoggedIn;
use crate::{ObjectHandle, Result, Session, SessionHandle, Token, fault};

/// The objects of one token as this application sees them.
pub(crate) struct View(RwLock<State>);

#[derive(Default)]
struct State {
    held: HashMap<ObjectHandle, Held>,
    by_id: HashMap<ObjectId, ObjectHandle>,
    /// Which of the handles are session objects, oldest first: a search passes by all others.
    of_sessions: BTreeSet<ObjectHandle>,
    last_handle: u64,
    /// The generation that the view stands at: what was read before it may have been changed since.
    newest: u64,
}

/// What stands under a handle.
struct Held {
    /// Of a token object.
    id: Option<ObjectId>,
    private: bool,
    /// As it was last read; nothing yet for what a search passed by.
    entry: Option<Arc<Entry>>,
    /// Whether nobody has changed it since it was read.
    current: bool,
}

impl View {
    pub(crate) fn new() -> Self {
        Self(RwLock::default())
    }

    /// Takes note of what other processes changed.
    pub(crate) fn refresh(&self, changes: &Changes) {
        let mut state = self.write();
        state.newest = state.newest.max(changes.generation);
        match &changes.what {
            What::Everything => state.held.values_mut().filter(|held| held.id.is_some()).for_each(Held::doubt),
            What::Parts(parts) => parts.objects.iter().for_each(|id| state.doubt(*id)),
        }
    }

    /// What stands under `handle`, if it is there and the login opens it.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for a damaged object; those of the store.
    pub(crate) fn get(&self, token: &Token, handle: ObjectHandle) -> Result<Option<Arc<Entry>>> {
        let id = match self.read().held.get(&handle) {
            Some(held) if held.current => return Ok(held.entry.clone()),
            Some(Held { id: Some(id), .. }) => *id,
            _ => return Ok(None),
        };
        Ok(self.fetch(token, id)?.filter(|entry| entry.handle == handle))
    }

    /// A token object, if it is there and the login opens it.
    ///
    /// # Errors
    /// As [`View::get`].
    pub(crate) fn token_object(&self, token: &Token, id: ObjectId) -> Result<Option<Arc<Entry>>> {
        let handle = self.read().by_id.get(&id).copied();
        match handle {
            Some(handle) => self.get(token, handle),
            None => self.fetch(token, id),
        }
    }

    /// What was last known to stand under `handle`. For the log: no decision rests on it.
    pub(crate) fn held(&self, handle: ObjectHandle) -> Option<Arc<Entry>> {
        self.read().held.get(&handle)?.entry.clone()
    }

    /// The session objects that `accept` takes, oldest first.
    pub(crate) fn session_objects(&self, accept: &dyn Fn(&Object) -> bool) -> Vec<ObjectHandle> {
        let state = self.read();
        let entry = |handle: &ObjectHandle| state.held.get(handle)?.entry.as_ref();
        state
            .of_sessions
            .iter()
            .filter_map(entry)
            .filter(|entry| accept(&entry.object))
            .map(|entry| entry.handle)
            .collect()
    }

    /// The token objects that `accept` takes, oldest first. Where `terms` lead to few, only those are looked at.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the only ones with these names are damaged; those of the store.
    pub(crate) fn search(
        &self,
        token: &Token,
        terms: &[Vec<u8>],
        accept: &dyn Fn(&Object) -> bool,
    ) -> Result<Vec<ObjectHandle>> {
        let login = token.login_state();
        let Some(author) = token.author(login.as_deref()) else { return Ok(Vec::new()) };
        if !terms.is_empty()
            && let Some(loaded) = token.store().find(author, terms).map_err(fault::store)?
        {
            let mut found = Vec::new();
            for stored in loaded.objects {
                let object = codec::decode(stored.body.expose())?;
                if accept(&object) {
                    found.push(self.take_in(token, login.as_ref(), &stored, object, loaded.generation)?.handle);
                }
            }
            let hidden = found.is_empty() && !loaded.damaged.is_empty();
            return if hidden { Err(UNREADABLE) } else { Ok(found) };
        }
        let mut found = Vec::new();
        let walk = &mut |stored: Stored| {
            if codec::decode(stored.body.expose()).is_ok_and(|object| accept(&object)) {
                found.push((stored.id, stored.private));
            }
        };
        token.store().each(author, walk).map_err(fault::store)?;
        let mut state = self.write();
        if found.iter().any(|(_, private)| *private) {
            token.check_same(login.as_ref())?;
        }
        Ok(found.into_iter().map(|(id, private)| state.handle_of(id, private)).collect())
    }

    fn fetch(&self, token: &Token, id: ObjectId) -> Result<Option<Arc<Entry>>> {
        let login = token.login_state();
        let Some(author) = token.author(login.as_deref()) else { return Ok(None) };
        let loaded = token.store().read(author, &[id]).map_err(fault::store)?;
        if let Some(stored) = loaded.objects.first() {
            let object = codec::decode(stored.body.expose())?;
            return self.take_in(token, login.as_ref(), stored, object, loaded.generation).map(Some);
        }
        if loaded.damaged.is_empty() {
            self.write().remove_id(id);
            return Ok(None);
        }
        Err(UNREADABLE)
    }

    /// Takes in an object as it was at `generation`, read in the name of `login`. What has come between is for a later
    /// call to see.
    fn take_in(
        &self,
        token: &Token,
        login: Option<&Arc<LoggedIn>>,
        stored: &Stored,
        object: Object,
        generation: u64,
    ) -> Result<Arc<Entry>> {
        let mut state = self.write();
        if stored.private {
            // A login ends before the view drops what it opened.
            token.check_same(login)?;
        }
        let place = Place::Token { id: stored.id, version: stored.version };
        if generation < state.newest {
            let handle = state.handle_of(stored.id, stored.private);
            return Ok(Arc::new(Entry::new(handle, place, object, None)));
        }
        Ok(state.put(stored.id, stored.version, object, None))
    }

    /// Takes a new session object in, unless the session or the login that made it has ended meanwhile (rule R17).
    ///
    /// Both end before they take the lock of the view to drop their objects, so whoever holds it and still finds
    /// them may add one.
    ///
    /// # Errors
    /// CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN.
    pub(crate) fn add_session(
        &self,
        session: &Session,
        login: Option<&Arc<LoggedIn>>,
        object: Object,
        key: Option<Arc<Key>>,
    ) -> Result<ObjectHandle> {
        let mut state = self.write();
        if session.is_closed() {
            return Err(Refusal::standard(Error::SessionClosed, "the session was closed during the call"));
        }
        let private = object.flag(AttributeType::PRIVATE);
        if private {
            session.token().check_same(login)?;
        }
        let handle = state.next_handle();
        let entry = Arc::new(Entry::new(handle, Place::Session(session.handle()), object, key));
        state.held.insert(handle, Held { id: None, private, entry: Some(entry), current: true });
        state.of_sessions.insert(handle);
        Ok(handle)
    }

    /// Takes in a token object that this process just stored as of `generation`.
    pub(crate) fn put_token(
        &self,
        id: ObjectId,
        generation: u64,
        object: Object,
        key: Option<Arc<Key>>,
    ) -> ObjectHandle {
        let mut state = self.write();
        if generation < state.newest {
            // Others have committed since, perhaps to this very object: it is read when it is used.
            let handle = state.handle_of(id, object.flag(AttributeType::PRIVATE));
            state.doubt(id);
            return handle;
        }
        state.newest = generation;
        state.put(id, generation, object, key).handle
    }

    /// Puts a changed session object in the place of `old`. False when another thread was there first.
    pub(crate) fn replace(&self, old: &Arc<Entry>, entry: Entry) -> bool {
        let mut state = self.write();
        let present = state.held.get_mut(&entry.handle).and_then(|held| held.entry.as_mut());
        let Some(present) = present.filter(|present| Arc::ptr_eq(present, old)) else { return false };
        *present = Arc::new(entry);
        true
    }

    /// Lets a session object go. False when it was gone already.
    pub(crate) fn remove_session(&self, entry: &Entry) -> bool {
        let mut state = self.write();
        state.of_sessions.remove(&entry.handle);
        state.held.remove(&entry.handle).is_some()
    }

    /// Lets a token object go that this process destroyed in `generation`.
    pub(crate) fn remove_token(&self, id: ObjectId, generation: u64) {
        let mut state = self.write();
        state.newest = state.newest.max(generation);
        state.remove_id(id);
    }

    /// Drops the private objects, those of sessions too: what a logout does.
    pub(crate) fn forget_private(&self) {
        self.write().retain(|held| !held.private);
    }

    /// Drops the session objects of `session`.
    pub(crate) fn forget_session(&self, session: SessionHandle) {
        let State { held, of_sessions, .. } = &mut *self.write();
        let is_its = |held: &Held| held.entry.as_ref().is_some_and(|entry| entry.place == Place::Session(session));
        of_sessions.retain(|handle| {
            let goes = held.get(handle).is_some_and(is_its);
            if goes {
                held.remove(handle);
            }
            !goes
        });
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let mut state = self.write();
        state.retain(|_| false);
        state.newest = 0;
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn doubt(&mut self) {
        self.current = false;
    }
}

impl State {
    fn next_handle(&mut self) -> ObjectHandle {
        self.last_handle += 1;
        ObjectHandle(self.last_handle)
    }

    /// The handle of a token object, which may not have been read.
    fn handle_of(&mut self, id: ObjectId, private: bool) -> ObjectHandle {
        if let Some(handle) = self.by_id.get(&id) {
            return *handle;
        }
        let handle = self.next_handle();
        self.by_id.insert(id, handle);
        self.held.insert(handle, Held { id: Some(id), private, entry: None, current: false });
        handle
    }

    fn doubt(&mut self, id: ObjectId) {
        if let Some(held) = self.by_id.get(&id).and_then(|handle| self.held.get_mut(handle)) {
            held.doubt();
        }
    }

    /// Puts a token object in its place. The value of an object never changes, so a key parsed before is kept.
    fn put(&mut self, id: ObjectId, version: u64, object: Object, key: Option<Arc<Key>>) -> Arc<Entry> {
        let (place, private) = (Place::Token { id, version }, object.flag(AttributeType::PRIVATE));
        let handle = self.handle_of(id, private);
        let known = self.held.get(&handle).and_then(|held| held.entry.as_ref());
        let entry = match known {
            Some(entry) if entry.place == place => Arc::clone(entry),
            Some(entry) => Arc::new(entry.changed(place, object)),
            None => Arc::new(Entry::new(handle, place, object, key)),
        };
        self.held.insert(handle, Held { id: Some(id), private, entry: Some(Arc::clone(&entry)), current: true });
        entry
    }

    fn remove_id(&mut self, id: ObjectId) {
        if let Some(handle) = self.by_id.remove(&id) {
            self.held.remove(&handle);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Held) -> bool) {
        self.held.retain(|_, held| keep(held));
        let held = &self.held;
        self.by_id.retain(|_, handle| held.contains_key(handle));
        self.of_sessions.retain(|handle| held.contains_key(handle));
    }
}

/// What a caller sees of an object that cannot be read.
pub(crate) const UNREADABLE: Refusal =
    Refusal::standard(Error::DeviceError, "the stored object is damaged; `claviger doctor` names it");
