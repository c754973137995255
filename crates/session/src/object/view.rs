//! The application's view of a token's objects: which handles there are, and what stands under them.
//!
//! Token objects are read from the store once and again when another process changed them; session objects live here
//! alone. A handle is never used again, and means nothing in another application (rule R17).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use claviger_crypto::Key;
use claviger_rules::{AttributeType, Error, Object, Refusal, UserId};
use claviger_store::{Changes, Loaded, ObjectId, What};

use super::codec;
use super::entry::{Entry, Place};
use crate::token::LoggedIn;
use crate::{ObjectHandle, Result, Session, SessionHandle, Token, fault};

/// How often everything is read again when commits of this process keep coming between.
const ATTEMPTS: usize = 8;

/// The objects of one token as this application sees them.
pub(crate) struct View(RwLock<State>);

#[derive(Default)]
struct State {
    entries: HashMap<ObjectHandle, Arc<Entry>>,
    by_id: HashMap<ObjectId, ObjectHandle>,
    last_handle: u64,
    /// What has been read from the store.
    seen: Seen,
    /// The newest generation that was read from the store: what changed up to it is known.
    read: u64,
    /// The newest generation that this process wrote, and has put here: what was read before it is not taken in.
    written: u64,
}

/// Which of the store's objects have been read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// None so far.
    #[default]
    Nothing,
    /// Those that are not private.
    Public,
    /// All, for a login by this user.
    All(UserId),
}

impl Seen {
    const fn of(login: Option<&LoggedIn>) -> Self {
        match login {
            None => Self::Public,
            Some(login) => Self::All(login.user),
        }
    }
}

impl View {
    pub(crate) fn new() -> Self {
        Self(RwLock::default())
    }

    /// Takes over what other processes changed. Before the first use there is nothing to take over into.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn refresh(&self, token: &Token, changes: &Changes) -> Result<()> {
        let seen = self.read().seen;
        if seen == Seen::Nothing {
            return Ok(());
        }
        let login = token.login_state();
        if seen != Seen::of(login.as_deref()) {
            // Read for another login: what changed is lost on it, so it reads everything before its next use.
            self.write().seen = Seen::Nothing;
            return Ok(());
        }
        let Some(author) = token.author(login.as_deref()) else { return Ok(()) };
        let (loaded, only) = match &changes.what {
            What::Everything => (token.store().load(author), None),
            What::Parts(parts) if parts.objects.is_empty() => return Ok(()),
            What::Parts(parts) => (token.store().read(author, &parts.objects), Some(parts.objects.as_slice())),
        };
        let covers = only.map(|_| changes.generation);
        if !self.take(seen, seen, loaded.map_err(fault::store)?, only, covers) {
            self.write().seen = Seen::Nothing;
        }
        Ok(())
    }

    /// Makes sure that what the user may see has been read: all of it, the first time after a login.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn ready(&self, token: &Token) -> Result<()> {
        let login = token.login_state();
        let (seen, wanted) = (self.read().seen, Seen::of(login.as_deref()));
        if seen == wanted {
            return Ok(());
        }
        let Some(author) = token.author(login.as_deref()) else { return Ok(()) };
        // A commit of this process may come between reading and taking; then it is read again.
        for _ in 0..ATTEMPTS {
            let loaded = token.store().load(author).map_err(fault::store)?;
            if self.take(seen, wanted, loaded, None, None) {
                break;
            }
        }
        Ok(())
    }

    /// Takes in what was read: everything, or `only` these. What was asked for and is not there is gone.
    /// False when it is older than what the view has.
    fn take(&self, seen: Seen, now: Seen, loaded: Loaded, only: Option<&[ObjectId]>, covers: Option<u64>) -> bool {
        let mut state = self.write();
        if state.seen != seen {
            return true;
        }
        if loaded.generation < state.read.max(state.written) {
            return false;
        }
        // Reading only some objects says nothing of what was made after it was known which to read.
        state.read = state.read.max(covers.unwrap_or(loaded.generation));
        let present: HashSet<ObjectId> = loaded.objects.iter().map(|stored| stored.id).collect();
        let gone: Vec<ObjectId> = match only {
            Some(ids) => ids.iter().copied().filter(|id| !present.contains(id)).collect(),
            None => state.by_id.keys().copied().filter(|id| !present.contains(id)).collect(),
        };
        gone.into_iter().for_each(|id| state.remove_id(id));
        for stored in loaded.objects {
            if let Ok(object) = codec::decode(stored.body.expose()) {
                state.put_token(stored.id, stored.version, object, None);
            }
        }
        state.seen = now;
        true
    }

    /// What stands under `handle`.
    pub(crate) fn get(&self, handle: ObjectHandle) -> Option<Arc<Entry>> {
        self.read().entries.get(&handle).cloned()
    }

    /// The handle of a token object, if the application sees it.
    pub(crate) fn handle_of(&self, id: ObjectId) -> Option<ObjectHandle> {
        self.read().by_id.get(&id).copied()
    }

    /// Everything, oldest handle first.
    pub(crate) fn list(&self) -> Vec<Arc<Entry>> {
        let mut list: Vec<_> = self.read().entries.values().cloned().collect();
        list.sort_unstable_by_key(|entry| entry.handle.0);
        list
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
        if object.flag(AttributeType::PRIVATE) {
            session.token().check_same(login)?;
        }
        let handle = state.next_handle();
        let place = Place::Session(session.handle());
        state.entries.insert(handle, Arc::new(Entry::new(handle, place, object, key)));
        Ok(handle)
    }

    /// Takes in a token object that this process just stored as of `generation`. If another process has destroyed it
    /// since, and the view knows of that, the handle stands for nothing.
    pub(crate) fn put_token(
        &self,
        id: ObjectId,
        generation: u64,
        object: Object,
        key: Option<Arc<Key>>,
    ) -> ObjectHandle {
        let mut state = self.write();
        if state.read >= generation && !state.by_id.contains_key(&id) {
            return state.next_handle();
        }
        state.written = state.written.max(generation);
        state.put_token(id, generation, object, key)
    }

    /// Puts a changed session object in the place of `old`. False when another thread was there first.
    pub(crate) fn replace(&self, old: &Arc<Entry>, entry: Entry) -> bool {
        let mut state = self.write();
        let Some(present) = state.entries.get_mut(&entry.handle).filter(|present| Arc::ptr_eq(present, old)) else {
            return false;
        };
        *present = Arc::new(entry);
        true
    }

    /// Lets a session object go. False when it was gone already.
    pub(crate) fn remove_session(&self, entry: &Entry) -> bool {
        self.write().entries.remove(&entry.handle).is_some()
    }

    /// Lets a token object go that this process destroyed in `generation`.
    pub(crate) fn remove_token(&self, id: ObjectId, generation: u64) {
        let mut state = self.write();
        state.written = state.written.max(generation);
        state.remove_id(id);
    }

    /// Drops the private objects, those of sessions too: what a logout does.
    pub(crate) fn forget_private(&self) {
        let mut state = self.write();
        state.retain(|entry| !entry.object.flag(AttributeType::PRIVATE));
        if state.seen != Seen::Nothing {
            state.seen = Seen::Public;
        }
    }

    /// Drops the session objects of `session`.
    pub(crate) fn forget_session(&self, session: SessionHandle) {
        self.write().retain(|entry| entry.place != Place::Session(session));
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let mut state = self.write();
        state.retain(|_| false);
        (state.seen, state.read, state.written) = (Seen::Nothing, 0, 0);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_handle(&mut self) -> ObjectHandle {
        self.last_handle += 1;
        ObjectHandle(self.last_handle)
    }

    fn put_token(&mut self, id: ObjectId, version: u64, object: Object, key: Option<Arc<Key>>) -> ObjectHandle {
        let known = self.by_id.get(&id).and_then(|handle| self.entries.get(handle));
        let place = Place::Token { id, version };
        let entry = match known {
            Some(entry) if matches!(entry.place, Place::Token { version: seen, .. } if seen >= version) => {
                return entry.handle;
            }
            Some(entry) => entry.changed(place, object),
            None => {
                let handle = self.next_handle();
                Entry::new(handle, place, object, key)
            }
        };
        let handle = entry.handle;
        self.by_id.insert(id, handle);
        self.entries.insert(handle, Arc::new(entry));
        handle
    }

    fn remove_id(&mut self, id: ObjectId) {
        if let Some(handle) = self.by_id.remove(&id) {
            self.entries.remove(&handle);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
        let entries = &self.entries;
        self.by_id.retain(|_, handle| entries.contains_key(handle));
    }
}

/// What a caller sees of an unreadable store.
pub(crate) const UNREADABLE: Refusal =
    Refusal::standard(Error::DeviceError, "the stored object cannot be read; run `claviger token info`");
