//! `claviger key generate-symmetric` and `claviger key generate-asymmetric-pair`. What is made is a token object.

use clap::{Args, Subcommand};
use claviger_crypto::{Curve, encoding};
use claviger_rules::{AttributeType, KeyType, MechanismType, ObjectClass, Template, Value};
use claviger_session::{MechanismCall, Session};
use serde_json::json;

use super::record::Record;
use crate::answer::Report;
use crate::attribute::{Assignment, curve, name_of};
use crate::problem::Problem;

/// `claviger key generate-symmetric …`.
#[derive(Subcommand)]
pub(crate) enum Symmetric {
    /// An AES key of 16, 24 or 32 bytes.
    Aes(Aes),
    /// Random bytes, for HMAC and derivation.
    GenericSecret(GenericSecret),
}

#[derive(Args)]
pub(crate) struct Aes {
    #[command(flatten)]
    common: Common,
    /// Length of the key in bytes.
    #[arg(long, value_name = "N", default_value_t = 32)]
    key_length_bytes: u64,
    /// A key that may become trusted: a key manager's, for wrapping and unwrapping alone.
    #[arg(long)]
    candidate: bool,
}

#[derive(Args)]
pub(crate) struct GenericSecret {
    #[command(flatten)]
    common: Common,
    /// Length of the key in bytes.
    #[arg(long, value_name = "N")]
    key_length_bytes: u64,
}

/// `claviger key generate-asymmetric-pair …`.
#[derive(Subcommand)]
pub(crate) enum Pair {
    /// An RSA pair of 2048 to 4096 bits.
    Rsa(Rsa),
    /// A pair on an elliptic curve.
    Ec(Ec),
}

#[derive(Args)]
pub(crate) struct Rsa {
    #[command(flatten)]
    common: Common,
    /// Size of the modulus in bits.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    modulus_size_bits: u64,
}

#[derive(Args)]
pub(crate) struct Ec {
    #[command(flatten)]
    common: Common,
    /// The curve: P-256 or P-384.
    #[arg(long, value_parser = named_curve, default_value = "P-256")]
    curve: Curve,
}

#[derive(Args)]
struct Common {
    /// Label of the key, or of both halves of the pair.
    #[arg(long)]
    label: String,
    /// More attributes; of a pair each half takes those that it can have.
    #[arg(long, num_args = 1.., value_parser = Assignment::parse, value_name = "NAME=VALUE")]
    attributes: Vec<Assignment>,
}

impl Symmetric {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let (common, mechanism, length) = match self {
            Self::Aes(aes) => (&aes.common, MechanismType::AES_KEY_GEN, aes.key_length_bytes),
            Self::GenericSecret(secret) => {
                (&secret.common, MechanismType::GENERIC_SECRET_KEY_GEN, secret.key_length_bytes)
            }
        };
        let mut pairs = common.attributes.iter().map(Assignment::pair).collect::<Result<Vec<_>, _>>()?;
        pairs.push((AttributeType::VALUE_LEN, Value::Ulong(length)));
        if matches!(self, Self::Aes(aes) if aes.candidate) {
            pairs.extend([AttributeType::WRAP, AttributeType::UNWRAP].map(|usage| (usage, Value::Bool(true))));
        }
        let template = token_object(&common.label, pairs)?;
        let key = session
            .generate_key(MechanismCall::plain(mechanism), template)
            .map_err(Problem::refused(format!("Could not generate key {:?}", common.label)))?;
        let record = Record::read(session, key)?;
        let text = format!("Generated {}, reference {}.", record.name(), record.reference());
        Ok(Report::new(json!({"key": record.json(true)}), text))
    }
}

impl Pair {
    pub(super) fn run(&self, session: &Session) -> Result<Report, Problem> {
        let (common, mechanism, key_type, size) = match self {
            Self::Rsa(rsa) => {
                let size = (AttributeType::MODULUS_BITS, Value::Ulong(rsa.modulus_size_bits));
                (&rsa.common, MechanismType::RSA_PKCS_KEY_PAIR_GEN, KeyType::Rsa, size)
            }
            Self::Ec(ec) => {
                let params = encoding::ec_params(ec.curve)
                    .map_err(|_| Problem::new("The curve could not be encoded. Choose P-256 or P-384."))?;
                let size = (AttributeType::EC_PARAMS, Value::bytes(params));
                (&ec.common, MechanismType::EC_KEY_PAIR_GEN, KeyType::Ec, size)
            }
        };
        let mut public = half(common, ObjectClass::PublicKey, key_type)?;
        public.push(size);
        let private = half(common, ObjectClass::PrivateKey, key_type)?;
        reject_strays(common, key_type)?;
        let (public, private) = (token_object(&common.label, public)?, token_object(&common.label, private)?);
        let (public, private) = session
            .generate_key_pair(MechanismCall::plain(mechanism), public, private)
            .map_err(Problem::refused(format!("Could not generate key pair {:?}", common.label)))?;
        let (public, private) = (Record::read(session, public)?, Record::read(session, private)?);
        let text = format!(
            "Generated key pair {:?}, references {} (public) and {} (private).",
            common.label,
            public.reference(),
            private.reference()
        );
        Ok(Report::new(json!({"public_key": public.json(true), "private_key": private.json(true)}), text))
    }
}

/// The given attributes that this half of a pair can have.
fn half(common: &Common, class: ObjectClass, key_type: KeyType) -> Result<Vec<(AttributeType, Value)>, Problem> {
    let fits = |assignment: &&Assignment| assignment.row.of.includes(class, Some(key_type));
    common.attributes.iter().filter(fits).map(Assignment::pair).collect()
}

/// An attribute that neither half can have is a mistake, not something to pass over.
fn reject_strays(common: &Common, key_type: KeyType) -> Result<(), Problem> {
    let halves = [ObjectClass::PublicKey, ObjectClass::PrivateKey];
    let stray = common
        .attributes
        .iter()
        .find(|assignment| !halves.iter().any(|class| assignment.row.of.includes(*class, Some(key_type))));
    match stray {
        None => Ok(()),
        Some(stray) => Err(Problem::new(format!(
            "No half of the pair has the attribute {}. Leave it out; `claviger table attributes` shows who has what.",
            name_of(stray.row)
        ))),
    }
}

/// A template of a token object with that label.
pub(super) fn token_object(label: &str, pairs: Vec<(AttributeType, Value)>) -> Result<Template, Problem> {
    let mut template = Template::from_list(pairs)?;
    template.set_default(AttributeType::TOKEN, Value::Bool(true));
    template.set_default(AttributeType::LABEL, Value::bytes(label));
    Ok(template)
}

fn named_curve(text: &str) -> Result<Curve, String> {
    curve(text).ok_or_else(|| "the curves are P-256 and P-384".to_owned())
}
