//! The application's view of a token's objects.

use crate::SessionHandle;

/// The objects of one token as this application sees them.
pub(crate) struct View;

#[allow(dead_code, reason = "the token calls them")]
impl View {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// Drops the private objects, those of sessions too.
    pub(crate) fn forget_private(&self) {}

    /// Drops the session objects of `session`.
    pub(crate) fn forget_session(&self, _session: SessionHandle) {}

    /// Drops everything.
    pub(crate) fn clear(&self) {}
}
