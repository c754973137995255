//! `claviger token export-public`: public keys and certificates as PEM (RFC 7468). Never a secret: a private key shows its
//! CKA_PUBLIC_KEY_INFO, which is the public half.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use claviger_rules::{AttributeType, ObjectClass, Template, Value};
use claviger_session::{Answer, ObjectHandle, Session};
use pem_rfc7468::LineEnding;
use serde_json::json;

use crate::answer::Report;
use crate::connection::Connection;
use crate::credentials::Credentials;
use crate::filter;
use crate::problem::Problem;

/// `claviger token export-public`.
#[derive(Args)]
pub(crate) struct ExportPublic {
    /// Directory for one file each, made if it is missing; otherwise all is printed.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// The classes that have a public part: the attribute that holds it, and its label in PEM.
const CLASSES: [(ObjectClass, AttributeType, &str, &str); 3] = [
    (ObjectClass::PublicKey, AttributeType::PUBLIC_KEY_INFO, "PUBLIC KEY", "pub"),
    (ObjectClass::PrivateKey, AttributeType::PUBLIC_KEY_INFO, "PUBLIC KEY", "pub"),
    (ObjectClass::Certificate, AttributeType::VALUE, "CERTIFICATE", "crt"),
];

/// A public part.
struct Part {
    label: String,
    id: String,
    suffix: &'static str,
    pem: String,
}

impl ExportPublic {
    pub(super) fn run(&self, connection: &Connection) -> Result<Report, Problem> {
        let session = if Credentials::are_given() { connection.login()?.session } else { connection.session()? };
        let parts = parts(&session)?;
        match &self.directory {
            None => Ok(printed(&parts)),
            Some(directory) => written(&parts, directory),
        }
    }
}

/// What the user sees, each once: the halves of a pair have the same.
fn parts(session: &Session) -> Result<Vec<Part>, Problem> {
    let (mut seen, mut parts) = (BTreeSet::new(), Vec::new());
    for (class, attribute, tag, suffix) in CLASSES {
        let of_class = Template::from_list([(AttributeType::CLASS, Value::Ulong(class.id()))])?;
        for object in filter::found(session, of_class)? {
            let [der, label, id] = read(session, object, [attribute, AttributeType::LABEL, AttributeType::ID])?;
            if der.is_empty() || !seen.insert((tag, der.clone())) {
                continue;
            }
            let pem = pem_rfc7468::encode_string(tag, LineEnding::LF, &der)
                .map_err(|error| Problem::new(format!("Could not encode an object as PEM: {error}.")))?;
            parts.push(Part { label: String::from_utf8_lossy(&label).into_owned(), id: hex::encode(id), suffix, pem });
        }
    }
    Ok(parts)
}

/// The bytes of the attributes; of one that is not there, none.
fn read<const N: usize>(
    session: &Session,
    object: ObjectHandle,
    attributes: [AttributeType; N],
) -> Result<[Vec<u8>; N], Problem> {
    let mut answers = session.attributes(object, &attributes)?.into_iter();
    Ok(attributes.map(|_| match answers.next() {
        Some(Answer::Value(value)) => value.as_bytes().unwrap_or_default().to_vec(),
        _ => Vec::new(),
    }))
}

fn printed(parts: &[Part]) -> Report {
    let data: Vec<_> = parts.iter().map(|part| json!({"label": part.label, "id": part.id, "pem": part.pem})).collect();
    let text = match parts {
        [] => {
            "No public keys and no certificates. Set CLAVIGER_PIN=name:pin to see those of private keys too.".to_owned()
        }
        parts => parts.iter().map(|part| part.pem.trim_end()).collect::<Vec<_>>().join("\n"),
    };
    Report::new(json!({"parts": data}), text)
}

/// All or none: no file of the names may be there.
fn written(parts: &[Part], directory: &Path) -> Result<Report, Problem> {
    let mut names = BTreeSet::new();
    let paths: Vec<_> = parts.iter().map(|part| directory.join(part.free_name(&mut names))).collect();
    if let Some(path) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Problem::new(format!(
            "{} is there already, and nothing is overwritten. Choose another directory; no file was written.",
            path.display()
        )));
    }
    std::fs::create_dir_all(directory).map_err(Problem::file("make", directory))?;
    for (part, path) in parts.iter().zip(&paths) {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        made.and_then(|mut file| file.write_all(part.pem.as_bytes())).map_err(Problem::file("write", path))?;
    }
    let listed: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let text = format!("Files written: {}.\n{}", listed.len(), listed.join("\n"));
    Ok(Report::new(json!({"files": listed}), text.trim_end()))
}

impl Part {
    /// A file name of label and id that is not among `names`, and that every file system takes.
    fn free_name(&self, names: &mut BTreeSet<String>) -> String {
        let plain = |text: &str| -> String {
            text.chars()
                .map(|letter| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '_' })
                .take(64)
                .collect()
        };
        let named = [plain(&self.label), plain(&self.id)].into_iter().filter(|text| !text.is_empty());
        let stem = named.collect::<Vec<_>>().join("-");
        let stem = if stem.is_empty() { "object".to_owned() } else { stem };
        let mut name = format!("{stem}.{}.pem", self.suffix);
        let mut number = 2;
        while !names.insert(name.clone()) {
            name = format!("{stem}-{number}.{}.pem", self.suffix);
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_comes_of_label_and_id_and_leads_nowhere_else() {
        let part =
            |label: &str, id: &str| Part { label: label.into(), id: id.into(), suffix: "pub", pem: String::new() };
        let mut names = BTreeSet::new();
        assert_eq!(part("tls", "01ff").free_name(&mut names), "tls-01ff.pub.pem");
        assert_eq!(part("tls", "01ff").free_name(&mut names), "tls-01ff-2.pub.pem");
        assert_eq!(part("../../etc/x y", "").free_name(&mut names), "______etc_x_y.pub.pem");
        assert_eq!(part("", "").free_name(&mut names), "object.pub.pem");
    }
}
