//! The token that is changed: of everything that a token can hold, one at least, and of what a rollback could bring back,
//! the state before as well. Made through the library and the command, as a user would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_conformance::attrs;
use claviger_conformance::fixture;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::Attribute;
use claviger_conformance::token::load_from_environment;
use claviger_conformance::vendor::CKA_CLAVIGER_SHARED_WITH;
use cryptoki_sys::*;

use crate::image::Image;

/// The slot of the token.
pub(crate) const SLOT: CK_SLOT_ID = 0;

/// A try to log in.
pub(crate) struct Who {
    pub(crate) kind: CK_USER_TYPE,
    pub(crate) name: &'static str,
    pub(crate) pin: &'static str,
}

impl Who {
    /// The fact that the login succeeds.
    pub(crate) fn login(&self) -> String {
        format!("login {} {}", self.name, self.pin)
    }
}

/// The second security officer.
pub(crate) const SO2: &str = "so2";
/// Its PIN.
pub(crate) const SO2_PIN: &str = "so2-pin-1";

const KIM: Who = Who { kind: CKU_USER, name: "kim", pin: "kim-pin-1" };
const APP1: Who = Who { kind: CKU_USER, name: "app1", pin: "app1-pin-1" };
const SO: Who = Who { kind: CKU_SO, name: "so", pin: fixture::SO_PIN };
/// Its PIN was reset: this one is the old one.
const APP3_BEFORE: Who = Who { kind: CKU_USER, name: "app3", pin: "app3-pin-1" };
const APP3: Who = Who { kind: CKU_USER, name: "app3", pin: "app3-pin-2" };
/// Its wrong PINs are counted, and it never logs in.
const APP2: &str = "app2";

/// The logins that a full look tries.
pub(crate) const LOGINS: [Who; 5] = [APP1, KIM, SO, APP3_BEFORE, APP3];

/// The states that are kept, in the order of their making, by the names of their directories.
pub(crate) const STAGES: [&str; 5] = ["audit", "trusted", "before", "open", "final"];
/// The state in which the last program was killed: the newest changes are in the database's log alone.
pub(crate) const OPEN: &str = "open";
/// The state in which every program has ended.
pub(crate) const FINAL: &str = "final";

struct Maker {
    module: Module,
    /// Where the token is.
    token: PathBuf,
    /// Where the stages go.
    stages: PathBuf,
}

type Made<T> = Result<T, String>;

/// Makes the token in the directory of the environment and a copy of each stage below `stages`. In a process of its own.
///
/// # Errors
/// A sentence that says which step failed.
pub(crate) fn make(stages: &Path) -> Made<()> {
    let token = std::env::var_os("CLAVIGER_TOKEN_DATA").ok_or("CLAVIGER_TOKEN_DATA is not set.")?.into();
    let maker = Maker { module: load_from_environment(), token, stages: stages.to_owned() };
    maker.users()?;
    maker.keep("audit")?;
    maker.command("so", &["token", "tighten", "--policy", "enforce"])?;
    maker.in_library(|maker| maker.keys())?;
    maker.keep("trusted")?;
    maker.in_library(|maker| maker.retire())?;
    maker.keep("before")?;
    maker.command("so", &["quorum", "set", "2"])?;
    maker.in_library(|maker| {
        maker.last_changes()?;
        maker.keep(OPEN)
    })?;
    maker.keep(FINAL)
}

impl Maker {
    fn users(&self) -> Made<()> {
        self.command("so", &["init", "--label", "flip", "--so-pin", fixture::SO_PIN, "--policy", "audit"])?;
        for (name, role) in [("kim", "km"), ("app1", "nu"), (APP2, "nu"), ("app3", "nu"), (SO2, "so")] {
            let pin = format!("{name}-pin-1");
            self.command("so", &["user", "create", "--username", name, "--role", role, "--password", &pin])?;
        }
        Ok(())
    }

    fn keys(&self) -> Made<()> {
        self.act(&KIM, |session| {
            ["trusted", "retired", "candidate", "pending"].iter().try_for_each(|label| candidate(session, label))
        })?;
        self.act(&SO, |session| ["trusted", "retired"].iter().try_for_each(|label| trust(session, label, true)))?;
        self.act(&APP1, |session| {
            secrets(session)?;
            pairs(session)?;
            public_objects(session)
        })
    }

    fn retire(&self) -> Made<()> {
        self.act(&SO, |session| trust(session, "retired", false))
    }

    /// Everything that a rollback would like to undo, and a pending act.
    fn last_changes(&self) -> Made<()> {
        self.act(&APP1, |session| {
            session.destroy_object(one(session, "doomed")?)?;
            session.set_attribute_value(one(session, "first name")?, &attrs![CKA_LABEL => "last name"])
        })?;
        self.command("so", &["user", "change-password", "--username", "app3", "--password", APP3.pin])?;
        for _ in 0..2 {
            let session = self.session()?;
            let tried = session.login_user(CKU_USER, "wrong", APP2);
            session.close().map_err(|rv| rv.to_string())?;
            if tried != Err(Rv(CKR_PIN_INCORRECT)) {
                return Err(format!("a wrong PIN: {tried:?}"));
            }
        }
        self.act(&SO, |session| match trust(session, "pending", true) {
            Err(Rv(CKR_ACTION_PROHIBITED)) => Ok(()),
            other => other.and(Err(Rv(CKR_GENERAL_ERROR))),
        })
    }

    fn in_library(&self, work: impl FnOnce(&Self) -> Made<()>) -> Made<()> {
        self.module.initialize_null().map_err(|rv| format!("C_Initialize: {rv}"))?;
        work(self)?;
        self.module.finalize().map_err(|rv| format!("C_Finalize: {rv}"))
    }

    fn act(&self, who: &Who, work: impl FnOnce(&Session<'_>) -> Result<(), Rv>) -> Made<()> {
        let session = self.session()?;
        let outcome = session.login_user(who.kind, who.pin, who.name).and_then(|()| work(&session));
        outcome.and_then(|()| session.close()).map_err(|rv| format!("making the token, as {}: {rv}", who.name))
    }

    fn session(&self) -> Made<Session<'_>> {
        let session = self.module.open_session(SLOT, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        session.map_err(|rv| format!("C_OpenSession: {rv}"))
    }

    fn command(&self, who: &str, arguments: &[&str]) -> Made<()> {
        let mut command = Command::new(fixture::command()?);
        command.args(arguments).env("CLAVIGER_PIN", format!("{who}:{}", fixture::SO_PIN));
        let output = command.output().map_err(|error| format!("claviger: {error}"))?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("claviger {}: {}", arguments.join(" "), said())) }
    }

    fn keep(&self, stage: &str) -> Made<()> {
        let place = self.stages.join(stage);
        fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        Image::of(&self.token)?.put(&place)
    }
}

fn one(session: &Session<'_>, label: &str) -> Result<Object, Rv> {
    session.find(&attrs![CKA_LABEL => label])?.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID))
}

fn trust(session: &Session<'_>, label: &str, trusted: bool) -> Result<(), Rv> {
    session.set_attribute_value(one(session, label)?, &attrs![CKA_TRUSTED => trusted])
}

fn candidate(session: &Session<'_>, label: &str) -> Result<(), Rv> {
    let template = attrs![
        CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32, CKA_WRAP => true, CKA_UNWRAP => true,
    ];
    let key = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)?;
    session.set_attribute_value(key, &attrs![CKA_CLAVIGER_SHARED_WITH => "app1"])
}

/// Keys that leave under a trusted key, never, or freely.
fn secrets(session: &Session<'_>) -> Result<(), Rv> {
    let kinds: [(&str, Vec<Attribute>); 5] = [
        ("wrap with trusted", attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true]),
        ("never leaves", attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false]),
        ("leaves freely", attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]),
        ("first name", attrs![CKA_MODIFIABLE => true]),
        ("doomed", attrs![CKA_SENSITIVE => true]),
    ];
    for (label, more) in kinds {
        let common = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32, CKA_ENCRYPT => true];
        session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &[common, more].concat())?;
    }
    let hmac = attrs![CKA_TOKEN => true, CKA_LABEL => "hmac", CKA_VALUE_LEN => 32, CKA_SIGN => true, CKA_ID => b"\x05"];
    session.generate_key(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &hmac).map(drop)
}

fn pairs(session: &Session<'_>) -> Result<(), Rv> {
    let rsa = attrs![CKA_TOKEN => true, CKA_LABEL => "rsa", CKA_MODULUS_BITS => 2048, CKA_VERIFY => true];
    let ec = attrs![CKA_TOKEN => true, CKA_LABEL => "ec", CKA_EC_PARAMS => P256, CKA_VERIFY => true];
    for (mechanism, public, label) in [(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa, "rsa"), (CKM_EC_KEY_PAIR_GEN, ec, "ec")] {
        let private = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_SIGN => true];
        session.generate_key_pair(&Mechanism::plain(mechanism), &public, &private)?;
    }
    Ok(())
}

/// Data for all, data for the owner, and a certificate.
fn public_objects(session: &Session<'_>) -> Result<(), Rv> {
    for (label, private) in [("note", false), ("diary", true)] {
        session.create_object(&attrs![
            CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => label, CKA_PRIVATE => private,
            CKA_APPLICATION => "flip", CKA_VALUE => "what was written",
        ])?;
    }
    let name: &[u8] = b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04flip";
    let certificate = attrs![
        CKA_CLASS => CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => CKC_X_509, CKA_TOKEN => true, CKA_LABEL => "certificate",
        CKA_PRIVATE => false, CKA_SUBJECT => name, CKA_VALUE => b"\x30\x00",
    ];
    session.create_object(&certificate).map(drop)
}
