//! Transcripts: what a person types and reads, kept as files. `TRYCMD=overwrite cargo test -p claviger` writes what
//! changed into them. The README is one of them, so that its commands are always true.

use std::path::Path;

use trycmd::TestCases;

use crate::desk::Desk;

/// Runs one transcript with a token directory of its own.
fn check(desk: &Desk, transcript: &Path) {
    TestCases::new()
        .case(transcript)
        .env("CLAVIGER_TOKEN_DATA", desk.token_data().to_str().unwrap())
        .env("CLAVIGER_CONFIG", desk.configuration().to_str().unwrap());
}

fn kept(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/transcripts").join(name)
}

#[test]
fn users() {
    check(&Desk::empty(), &kept("users.md"));
}

#[test]
fn keys() {
    check(&Desk::empty(), &kept("keys.md"));
}

#[test]
fn quorum() {
    check(&Desk::empty(), &kept("quorum.md"));
}

#[test]
fn policy() {
    check(&Desk::empty(), &kept("policy.md"));
}

#[test]
fn audit() {
    let desk = Desk::empty();
    let copy = desk.path("audit.md");
    std::fs::copy(kept("audit.md"), &copy).unwrap();
    // As below: a sandbox, for the blob.
    std::fs::create_dir(desk.path("audit.out")).unwrap();
    check(&desk, &copy);
}

#[test]
fn usage() {
    check(&Desk::empty(), &kept("usage.md"));
}

#[test]
fn the_readme() {
    let desk = Desk::empty();
    let copy = desk.path("README.md");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md"), &copy).unwrap();
    // With a directory of this name the commands run in a sandbox and may write files.
    std::fs::create_dir(desk.path("README.out")).unwrap();
    check(&desk, &copy);
}
