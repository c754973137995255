//! The command as a user meets it: a process per command, a token directory per test.

mod desk;
mod flow;
mod transcripts;
mod verbs;
