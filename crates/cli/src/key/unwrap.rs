//! `claviger key unwrap`: C_UnwrapKey. What comes out is a token object.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use claviger_crypto::GcmParams;
use claviger_rules::{AttributeType, KeyType, ObjectClass, Parameter, Value};
use claviger_session::{MechanismCall, Session};
use serde_json::json;

use super::generate::token_object;
use super::record::Record;
use super::{GCM_IV_BYTES, GCM_TAG_BITS, Method};
use crate::answer::Report;
use crate::attribute::Assignment;
use crate::filter::{Filter, single};
use crate::problem::Problem;

/// `claviger key unwrap`.
#[derive(Args)]
pub(crate) struct Unwrap {
    #[arg(value_enum)]
    method: Method,
    /// The key to unwrap with: attr.NAME=VALUE, key-reference=0x…; all must match.
    #[arg(long, required = true, num_args = 1.., value_parser = Filter::parse, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// What the blob holds.
    #[arg(long, value_enum)]
    key_type_class: KeyTypeClass,
    /// Label of the new key.
    #[arg(long)]
    label: String,
    #[command(flatten)]
    source: Source,
    /// More attributes of the new key.
    #[arg(long, num_args = 1.., value_parser = Assignment::parse, value_name = "NAME=VALUE")]
    attributes: Vec<Assignment>,
}

/// Where the blob is: exactly one of the two.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// File with the blob.
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
    /// The blob in base64.
    #[arg(long, value_name = "BASE64")]
    data: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KeyTypeClass {
    /// An AES key.
    Aes,
    /// A generic secret.
    GenericSecret,
    /// An RSA private key.
    RsaPrivate,
    /// A private key on an elliptic curve.
    EcPrivate,
}

impl KeyTypeClass {
    const fn class_and_type(self) -> (ObjectClass, KeyType) {
        match self {
            Self::Aes => (ObjectClass::SecretKey, KeyType::Aes),
            Self::GenericSecret => (ObjectClass::SecretKey, KeyType::GenericSecret),
            Self::RsaPrivate => (ObjectClass::PrivateKey, KeyType::Rsa),
            Self::EcPrivate => (ObjectClass::PrivateKey, KeyType::Ec),
        }
    }
}

impl Unwrap {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let blob = self.source.read()?;
        let unwrapping_key = single(session, "--filter", &self.filter)?;
        let (class, key_type) = self.key_type_class.class_and_type();
        let mut pairs = self.attributes.iter().map(Assignment::pair).collect::<Result<Vec<_>, _>>()?;
        pairs.push((AttributeType::CLASS, Value::Ulong(class.id())));
        pairs.push((AttributeType::KEY_TYPE, Value::Ulong(key_type.id())));
        let template = token_object(&self.label, pairs)?;
        let (mechanism, wrapped) = call(self.method, &blob)?;
        let key = session
            .unwrap_key(mechanism, unwrapping_key, wrapped, template)
            .map_err(Problem::refused(format!("Could not unwrap key {:?}", self.label)))?;
        let record = Record::read(session, key)?;
        let text = format!("Unwrapped {}, reference {}.", record.name(), record.reference());
        Ok(Report::new(json!({"key": record.json(true)}), text))
    }
}

impl Source {
    fn read(&self) -> Result<Vec<u8>, Problem> {
        match (&self.path, &self.data) {
            (Some(path), _) => std::fs::read(path).map_err(Problem::file("read", path)),
            (None, Some(data)) => STANDARD
                .decode(data.trim())
                .map_err(|_| Problem::new("What --data holds is not base64. Give it as `key wrap` printed it.")),
            (None, None) => Err(Problem::new("Give the blob with --path or --data.")),
        }
    }
}

/// The mechanism, and the blob without the IV that AES-GCM takes as its parameter.
fn call(method: Method, blob: &[u8]) -> Result<(MechanismCall, &[u8]), Problem> {
    let Method::Gcm = method else { return Ok((MechanismCall::plain(method.mechanism()), blob)) };
    let (iv, wrapped) = blob
        .split_at_checked(GCM_IV_BYTES)
        .ok_or_else(|| Problem::new("The blob is shorter than an IV: it was not made by `key wrap aes-gcm`."))?;
    let gcm = GcmParams { iv: iv.to_vec(), aad: Vec::new(), tag_bits: GCM_TAG_BITS };
    Ok((MechanismCall::with(method.mechanism(), Parameter::Gcm(gcm)), wrapped))
}
