//! `claviger key`: the verbs about keys. Each verb's own file holds it.

mod change;
mod generate;
mod list;
mod record;
mod share;
mod unwrap;
mod wrap;

use clap::{Args, Subcommand, ValueEnum};
use claviger_rules::MechanismType;

use crate::answer::Report;
use crate::arguments::Options;
use crate::connection::Connection;
use crate::filter::Filter;
use crate::problem::Problem;

/// `claviger key …`.
#[derive(Subcommand)]
pub(crate) enum Key {
    /// Generate an AES key or a generic secret.
    #[command(subcommand)]
    GenerateSymmetric(generate::Symmetric),
    /// Generate a key pair.
    #[command(subcommand)]
    GenerateAsymmetricPair(generate::Pair),
    /// List the keys that one owns, that are shared with one, and public keys.
    List(list::List),
    /// Delete a key.
    Delete(Chosen),
    /// Change an attribute of a key.
    SetAttribute(change::SetAttribute),
    /// Mark a candidate trusted: keys may leave under it; a security officer does.
    Trust(Chosen),
    /// Retire a trusted key: it unwraps what was wrapped under it and never wraps again; a security officer does.
    Retire(Chosen),
    /// Let another user use a key.
    Share(share::Share),
    /// Take back what `share` gave.
    Unshare(share::Share),
    /// Wrap a key under another.
    Wrap(wrap::Wrap),
    /// Unwrap a key.
    Unwrap(unwrap::Unwrap),
}

/// The choice of one key.
#[derive(Args)]
pub(crate) struct Chosen {
    /// The key: attr.NAME=VALUE, key-reference=0x…; all must match.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    filter: Vec<Filter>,
}

/// The ways of wrapping.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// AES key wrap, RFC 3394.
    #[value(name = "aes-kw")]
    Kw,
    /// AES key wrap with padding, RFC 5649.
    #[value(name = "aes-kwp")]
    Kwp,
    /// AES-GCM; the blob is IV, ciphertext, tag.
    #[value(name = "aes-gcm")]
    Gcm,
}

impl Method {
    const fn mechanism(self) -> MechanismType {
        match self {
            Self::Kw => MechanismType::AES_KEY_WRAP,
            Self::Kwp => MechanismType::AES_KEY_WRAP_KWP,
            Self::Gcm => MechanismType::AES_GCM,
        }
    }
}

/// The IV of AES-GCM that rule R10 asks for.
const GCM_IV_BYTES: usize = 12;
/// And its tag.
const GCM_TAG_BITS: u32 = 128;

impl Key {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let login = Connection::open(options)?.login()?;
        let session = &login.session;
        match self {
            Self::GenerateSymmetric(verb) => verb.run(session),
            Self::GenerateAsymmetricPair(verb) => verb.run(session),
            Self::List(verb) => verb.run(session),
            Self::Delete(chosen) => change::delete(session, &chosen.filter),
            Self::SetAttribute(verb) => verb.run(session),
            Self::Trust(chosen) => change::trust(session, &chosen.filter),
            Self::Retire(chosen) => change::retire(session, &chosen.filter),
            Self::Share(verb) => verb.run(session, share::Direction::Share),
            Self::Unshare(verb) => verb.run(session, share::Direction::Unshare),
            Self::Wrap(verb) => verb.run(session),
            Self::Unwrap(verb) => verb.run(session),
        }
    }
}
