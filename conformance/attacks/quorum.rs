//! A46. The quorum of security officers.

use super::Way;

/// A46. One officer makes, unlocks or resets as many others as it takes to approve alone.
pub(super) const STUFFING: &[Way] = &[];
