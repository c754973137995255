//! The log on disk, as an enemy, a crash and many processes meet it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod processes;
mod rotation;
mod tamper;
mod world;
