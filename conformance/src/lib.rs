//! A black-box harness for any PKCS#11 library: it loads the library, speaks C to it, and judges the answers by the
//! standard. It depends on no other crate of the workspace, so it can disagree with all of them.
//!
//! * `module`, `raw`: the two walls to the C interface, and the only files with `unsafe`.
//! * `session`, `template`, `mechanism`, `rv`: safe calls and values, in the standard's words.
//! * `fixture`, `isolated`, `token`: a fresh token for each test, in a process of its own.
//! * `attacks` (in the directory `attacks`): the attacks on the interface, a row each.
#![deny(unsafe_code)]

#[path = "../attacks/mod.rs"]
pub mod attacks;
pub mod fixture;
pub mod isolated;
pub mod mechanism;
pub mod module;
pub mod raw;
pub mod rv;
pub mod samples;
pub mod session;
pub mod template;
pub mod token;
pub mod vendor;
