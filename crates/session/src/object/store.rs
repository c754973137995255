//! Writing a token's objects down.

use std::sync::Arc;

use claviger_store::{Author, Change, Committed, Object as Stored};

use claviger_rules::{Error, Object, Refusal, UserId};

use super::codec;
use crate::session::Caller;
use crate::token::LoggedIn;
use crate::{Result, Token, fault};

impl Token {
    /// Makes `changes` in one durable transaction, in the name of `login`. None is no transaction.
    ///
    /// # Errors
    /// `Conflict` when another process changed one of the objects first, upon which the caller looks again; the others
    /// are for `fault::store`.
    pub(crate) fn commit(&self, login: Option<&LoggedIn>, changes: &[Change]) -> claviger_store::Result<Committed> {
        if changes.is_empty() {
            return Ok(Committed { generation: 0, ids: Vec::new() });
        }
        let author = self.author(login).ok_or(claviger_store::Error::Uninitialized)?;
        self.store().commit(author, changes)
    }

    /// Whether `login`, taken when the call began, still stands.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(crate) fn check_same(&self, login: Option<&Arc<LoggedIn>>) -> Result<()> {
        let same = match (login, &self.login_state()) {
            (Some(then), Some(now)) => Arc::ptr_eq(then, now),
            (None, None) => true,
            _ => false,
        };
        if same { Ok(()) } else { Err(LOGGED_OUT) }
    }

    /// In whose name the store is read and written; `None` while the token is uninitialised.
    pub(crate) fn author<'a>(&self, login: Option<&'a LoggedIn>) -> Option<Author<'a>> {
        match login {
            Some(login) => Some(Author::User(&login.keys)),
            None => self.header().ok().map(|header| Author::Public(header.token)),
        }
    }
}

impl Caller<'_> {
    /// The caller's login, to be held to the end of the call.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN when it has ended since the call began.
    pub(crate) fn login(&self) -> Result<Option<Arc<LoggedIn>>> {
        let login = self.session.token().login_state();
        let is_same = login.as_ref().map(|login| login.user) == self.subject.user;
        if is_same { Ok(login) } else { Err(LOGGED_OUT) }
    }
}

const LOGGED_OUT: Refusal = Refusal::standard(Error::UserNotLoggedIn, "the user logged out during the call");

/// What a user leaves behind.
pub(crate) struct Belongings {
    /// How many objects it owns.
    pub(crate) owns: usize,
    /// The generation by which this is known.
    pub(crate) seen: u64,
    /// What takes it off the lists of those whose keys are shared with it.
    pub(crate) changes: Vec<Change>,
}

/// What the user `user` leaves behind, as far as `officer`'s keys open it: everything.
///
/// # Errors
/// Those of the store.
pub(crate) fn belongings(token: &Token, officer: &LoggedIn, user: UserId) -> Result<Belongings> {
    let mut belongings = Belongings { owns: 0, seen: 0, changes: Vec::new() };
    belongings.seen = each(token, officer, &mut |stored, mut object| {
        belongings.owns += usize::from(object.owner == Some(user));
        if object.shared_with.contains(&user) {
            object.shared_with.retain(|sharee| *sharee != user);
            belongings.changes.push(codec::replace(stored.id, stored.version, &object)?);
        }
        Ok(())
    })?;
    Ok(belongings)
}

/// Gives every object that `officer`'s keys open to `take`: all but damaged ones, which nobody can use either. The
/// generation by which that is known.
///
/// # Errors
/// Those of the store; the first of `take`.
pub(crate) fn each(
    token: &Token,
    officer: &LoggedIn,
    take: &mut dyn FnMut(&Stored, Object) -> Result<()>,
) -> Result<u64> {
    let mut failed = Ok(());
    let walked = token.store().each(Author::User(&officer.keys), &mut |stored| {
        if failed.is_ok() {
            failed = codec::decode(stored.body.expose()).and_then(|object| take(&stored, object));
        }
    });
    failed?;
    Ok(walked.map_err(fault::store)?.generation)
}
