//! Keeping up with other processes. Whatever a call decides, it decides by the generation that it read when it
//! entered.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use claviger_store::{Changes, Header, Parts, User, What};

use super::{Known, Token};
use crate::{Result, fault};

impl Token {
    /// Brings what is known up to the store. Cheap when nothing changed: as a rule one atomic load.
    ///
    /// # Errors
    /// Those of the store, as `fault` says them.
    pub(crate) fn refresh(&self) -> Result<()> {
        if self.store.generation().map_err(fault::store)? == self.seen() {
            return Ok(());
        }
        let _alone = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up()
    }

    /// Tells that a commit of ours made `generation` and that the view of objects has it already, so that the next call
    /// need not read it again.
    pub(crate) fn committed(&self, generation: u64) {
        let before = generation.saturating_sub(1);
        // Somebody else's commit came between: the next call catches up.
        let _ = self.seen.compare_exchange(before, generation, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn catch_up(&self) -> Result<()> {
        let old = self.known().header;
        let since = self.seen();
        let Some(old) = old else { return self.read_everything(None) };
        let changes = self.store.changes_since(old.token, since).map_err(fault::store)?;
        let What::Parts(parts) = &changes.what else { return self.read_everything(Some(old)) };
        if parts.header || parts.users {
            self.read_users(parts)?;
        }
        self.objects.refresh(&changes);
        self.seen.store(changes.generation, Ordering::Release);
        Ok(())
    }

    fn read_users(&self, parts: &Parts) -> Result<()> {
        let header = if parts.header { self.store.header().map_err(fault::store)? } else { self.known().header };
        let users = self.store.users().map_err(fault::store)?;
        self.known.store(Arc::new(Known { header, users }));
        self.check_login();
        Ok(())
    }

    fn read_everything(&self, old: Option<Header>) -> Result<()> {
        // Read first: what is committed from here on makes the next call catch up again.
        let generation = self.store.generation().map_err(fault::store)?;
        let header = self.store.header().map_err(fault::store)?;
        let users = if header.is_some() { self.store.users().map_err(fault::store)? } else { Vec::new() };
        let is_another = old.is_some() && old.map(|old| old.token) != header.map(|header| header.token);
        self.known.store(Arc::new(Known { header, users }));
        if is_another {
            self.forget_everybody();
        } else {
            self.check_login();
        }
        self.objects.refresh(&Changes { generation, what: What::Everything });
        self.seen.store(generation, Ordering::Release);
        Ok(())
    }

    /// Ends the login of a user who was deleted, or whose PIN somebody else has set.
    fn check_login(&self) {
        let Some(login) = self.login_state() else { return };
        let stands = |user: &User| user.id == login.user && user.reset == login.reset;
        if !self.known().users.iter().any(stands) {
            self.end_login(&login);
        }
    }
}
