//! The system's random generator, behind the trait that everything takes its randomness through.
//!
//! Two ways in. [`SystemRandom::fill`] reports a failure as [`Error::Random`]; keys, nonces and
//! `C_GenerateRandom` come from it. The [`rand_core`] traits cannot report one (`CryptoRng` is
//! infallible) and a library must not panic, so there a failed draw is drawn again until it
//! succeeds, with a short pause: the caller waits, as `getrandom` itself does early at boot, and
//! never gets a predictable byte. On Linux the call fails only where a sandbox forbids it, which
//! one `fill` at the start of the program finds out.

use std::convert::Infallible;
use std::thread::sleep;
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use ring::rand::SecureRandom as _;

use crate::{Error, Result};

/// The pause between two draws when the first failed.
const PAUSE_MS: u64 = 10;

/// The operating system's generator (`getrandom`), through ring. Safe across forks and threads:
/// it keeps no state in the process.
#[derive(Clone)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// A handle on the generator; costs nothing.
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }

    /// Fills `out`, or reports [`Error::Random`]; `out` is then not to be used.
    pub fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.0.fill(out).map_err(|_| Error::Random)
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> core::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> core::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> core::result::Result<(), Infallible> {
        insist(out, |out| self.fill(out));
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}

/// Draws until a draw succeeds.
fn insist(out: &mut [u8], mut draw: impl FnMut(&mut [u8]) -> Result<()>) {
    while draw(out).is_err() {
        sleep(Duration::from_millis(PAUSE_MS));
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;

    use super::*;

    #[test]
    fn a_failed_draw_is_drawn_again() {
        let mut failures = 3;
        let mut out = [0; 4];
        insist(&mut out, |out| {
            if failures > 0 {
                failures -= 1;
                return Err(Error::Random);
            }
            out.fill(7);
            Ok(())
        });
        assert_eq!((out, failures), ([7; 4], 0));
    }

    #[test]
    fn two_draws_differ() {
        let mut random = SystemRandom::new();
        let (mut a, mut b) = ([0; 32], [0; 32]);
        random.fill(&mut a).unwrap();
        random.fill_bytes(&mut b);
        assert_ne!(a, b);
        assert_ne!(random.next_u64(), random.next_u64());
    }
}
