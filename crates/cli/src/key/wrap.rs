//! `claviger key wrap`: C_WrapKey, the blob to a file or as base64.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use claviger_crypto::GcmParams;
use claviger_rules::Parameter;
use claviger_session::{MechanismCall, ObjectHandle, Room, Session};
use serde_json::json;

use super::record::Record;
use super::{GCM_TAG_BITS, Method};
use crate::answer::Report;
use crate::filter::{Filter, single};
use crate::problem::Problem;

/// `claviger key wrap`.
#[derive(Args)]
pub(crate) struct Wrap {
    #[arg(value_enum)]
    method: Method,
    /// The key that leaves: attr.NAME=VALUE, key-reference=0x…; all must match.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    payload_filter: Vec<Filter>,
    /// The key that it is wrapped under.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    wrapping_filter: Vec<Filter>,
    /// File for the blob (mode 0600); otherwise it is printed in base64.
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
}

impl Wrap {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let payload_key = single(session, "--payload-filter", &self.payload_filter)?;
        let wrapping_key = single(session, "--wrapping-filter", &self.wrapping_filter)?;
        let payload = Record::read(session, payload_key)?;
        let wrapping = Record::read(session, wrapping_key)?;
        let act = format!("Could not wrap {} under {}", payload.name(), wrapping.name());
        let blob = wrapped(session, self.method, wrapping_key, payload_key).map_err(Problem::refused(act))?;
        let mut data = json!({
            "payload_key_reference": payload.reference(),
            "wrapping_key_reference": wrapping.reference(),
        });
        let text = match &self.path {
            Some(path) => {
                write_private(path, &blob).map_err(Problem::file("write", path))?;
                data["path"] = json!(path.display().to_string());
                format!("Wrapped {} under {} into {}.", payload.name(), wrapping.name(), path.display())
            }
            None => {
                let encoded = STANDARD.encode(&blob);
                data["wrapped_key_data"] = json!(encoded);
                encoded
            }
        };
        Ok(Report::new(data, text))
    }
}

/// The blob. Of AES-GCM it starts with the IV.
fn wrapped(
    session: &Session,
    method: Method,
    wrapping: ObjectHandle,
    payload: ObjectHandle,
) -> claviger_session::Result<Vec<u8>> {
    let mut query = Room::query();
    session.wrap_key(&mut call(method), wrapping, payload, &mut query)?;
    let mut blob = vec![0; query.reported()];
    let mut mechanism = call(method);
    let mut room = Room::bytes(&mut blob);
    session.wrap_key(&mut mechanism, wrapping, payload, &mut room)?;
    let written = room.reported();
    blob.truncate(written);
    match mechanism.parameter {
        Ok(Parameter::Gcm(gcm)) => Ok([gcm.iv, blob].concat()),
        _ => Ok(blob),
    }
}

/// The mechanism with its parameter. An empty IV asks the token to make one.
fn call(method: Method) -> MechanismCall {
    match method {
        Method::Kw | Method::Kwp => MechanismCall::plain(method.mechanism()),
        Method::Gcm => {
            let gcm = GcmParams { iv: Vec::new(), aad: Vec::new(), tag_bits: GCM_TAG_BITS };
            MechanismCall::with(method.mechanism(), Parameter::Gcm(gcm))
        }
    }
}

/// Writes a file that only its owner can read; an old one of that name is replaced.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
