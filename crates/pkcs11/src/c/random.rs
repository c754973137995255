//! Random number generation functions (section 5.19).

use cryptoki_sys::CK_SESSION_HANDLE;

use crate::marshal::{Fill, In};
use crate::{Result, library};

/// C_SeedRandom.
pub(crate) fn seed(session: CK_SESSION_HANDLE, seed: In<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.seed_random(seed.bytes()?)
}

/// C_GenerateRandom.
pub(crate) fn generate(session: CK_SESSION_HANDLE, random: Fill<'_>) -> Result<()> {
    let session = library::session(session)?;
    session.generate_random(random.bytes()?)
}
