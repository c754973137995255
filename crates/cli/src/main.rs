//! `claviger`: the command line of the token. It speaks to the same safe API as the PKCS#11 library, so it can do
//! nothing that the rules refuse. Not here: any rule, any cryptography, any C.
#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod attribute;
mod audit;
mod backup;
mod connection;
mod credentials;
mod doctor;
mod export;
mod filter;
mod init;
mod key;
mod problem;
mod quorum;
mod table;
mod token;
mod user;

use std::process::ExitCode;

use clap::Parser as _;

use crate::answer::Answer;
use crate::arguments::Arguments;

fn main() -> ExitCode {
    // Looked for by hand, because a usage error must be answered in JSON too.
    let json = std::env::args_os().skip(1).any(|argument| argument == "--json");
    let answer = match Arguments::try_parse() {
        Ok(arguments) => Answer::from(arguments.run()),
        Err(usage) => Answer::from(usage),
    };
    answer.print(json)
}
