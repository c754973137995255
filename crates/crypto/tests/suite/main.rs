//! The crate against published vectors, second implementations and hostile input, through its traits.
//!
//! * [`wycheproof`]: Project Wycheproof's vectors.
//! * [`known_answers`]: NIST and RFC examples where Wycheproof has none.
//! * [`cross_check`]: random inputs against another implementation.
//! * [`refusals`]: what must be refused, and how.
//! * [`any_input`]: any length of anything never panics; streams equal one shot.
//! * [`keys`]: keys, their parts and their encodings.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod any_input;
mod cross_check;
mod keys;
mod known_answers;
mod refusals;
mod support;
mod wycheproof;
