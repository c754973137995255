//! The command as a user meets it: a process per command, a token directory per test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod backup;
mod desk;
mod doctor;
mod flow;
mod quorum;
mod transcripts;
mod verbs;
