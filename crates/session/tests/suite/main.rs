//! The token as the C border and the command line see it: tests by subject, each with a world of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod audit;
mod golden;
mod logins;
mod operations;
mod pins;
mod policy;
mod processes;
mod quorum;
mod sessions;
mod slots;
mod tokens;
mod world;
