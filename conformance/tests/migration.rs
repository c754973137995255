//! A rehearsal: a plain 2.40 application runs on a token in `audit`, which lets it do everything and notes what
//! `enforce` would refuse. The report must name exactly the calls that `enforce` does refuse, and once its advice is
//! followed the same application runs there. Libraries without policy modes are not asked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use claviger_conformance::attrs;
use claviger_conformance::fixture::{self, SO_PIN, USER_PIN};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::rv::Rv;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::{Attribute, with};
use claviger_conformance::token::{load_from_environment, must};
use cryptoki_sys::*;
use serde_json::Value;
use tempfile::TempDir;

/// Which application the child of a test is.
const PART: &str = "CONFORMANCE_PART";

/// The application, before and after it followed the report's advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Old,
    New,
}

/// A call of the application that failed: its name and what it returned.
type Refused = (String, String);

#[test]
fn what_the_report_names_is_what_enforce_refuses_and_its_advice_helps() {
    if let Some(part) = std::env::var_os(PART) {
        return application(if part == "old" { Version::Old } else { Version::New });
    }
    if !fixture::is_claviger(&fixture::module().unwrap()) {
        println!("not applicable: the library has no policy modes");
        return;
    }
    let (audit, enforce) = (Site::new("audit"), Site::new("enforce"));
    enforce.prepares_a_trusted_key();
    assert_eq!(audit.run(Version::Old), [], "a token in `audit` refuses nothing that the standard allows");
    let reported = audit.reported();
    let refused: BTreeSet<Refused> = enforce.run(Version::Old).into_iter().collect();
    assert_eq!(reported, refused, "the report names the calls that `enforce` refuses");
    assert_eq!(refused.len(), 6, "{refused:?}");
    assert_eq!(enforce.run(Version::New), [], "the advice was followed");
}

/// A token with the application's user, `user`, and a key manager.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new(policy: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(site.path("claviger.toml"), "[pin]\ncost = \"quick\"\n").unwrap();
        let so = format!("so:{SO_PIN}");
        site.claviger(&so, &["init", "--label", "rehearsal", "--so-pin", SO_PIN, "--policy", policy]);
        site.claviger(&so, &["user", "create", "--username", "kim", "--role", "km", "--password", "kim-pin-1"]);
        site.claviger(&so, &["user", "create", "--username", "user", "--role", "nu", "--password", USER_PIN]);
        site
    }

    /// What a team does beside the application itself: a plain token has no such keys.
    fn prepares_a_trusted_key(&self) {
        let kim = "kim:kim-pin-1";
        self.claviger(kim, &["key", "generate-symmetric", "aes", "--label", "kek", "--candidate"]);
        self.claviger(kim, &["key", "share", "--filter", "attr.label=kek", "--username", "user"]);
        let trust = ["key", "set-attribute", "--filter", "attr.label=kek", "--name", "trusted", "--value", "true"];
        self.claviger(&format!("so:{SO_PIN}"), &trust);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn done(&self, mut command: Command) -> Output {
        let places = [("CLAVIGER_TOKEN_DATA", "token-data"), ("CLAVIGER_CONFIG", "claviger.toml")];
        let output = command.envs(places.map(|(name, file)| (name, self.path(file)))).output().unwrap();
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
        output
    }

    fn claviger(&self, credentials: &str, arguments: &[&str]) -> Value {
        let mut command = Command::new(fixture::command().unwrap());
        command.args(arguments).arg("--json").env("CLAVIGER_PIN", credentials);
        serde_json::from_slice(&self.done(command).stdout).unwrap()
    }

    /// Runs the application as a process of its own; gives the calls that were refused.
    fn run(&self, version: Version) -> Vec<Refused> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = "what_the_report_names_is_what_enforce_refuses_and_its_advice_helps";
        command.args(["--exact", test, "--nocapture"]).env("CLAVIGER_APPLICATION", "payments");
        command.env(PART, if version == Version::Old { "old" } else { "new" });
        let said = String::from_utf8(self.done(command).stdout).unwrap();
        let call = |line: &str| {
            let (call, answer) = line.strip_prefix("refused: ")?.split_once(' ')?;
            Some((call.to_owned(), answer.to_owned()))
        };
        said.lines().filter_map(call).collect()
    }

    /// What `claviger audit report` says of the application.
    fn reported(&self) -> BTreeSet<Refused> {
        let report = self.claviger(&format!("so:{SO_PIN}"), &["audit", "report"]);
        let findings = report["data"]["findings"].as_array().unwrap().clone();
        let ours = findings.iter().filter(|finding| finding["application"] == "payments");
        ours.map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap().to_owned();
            assert!(text("advice").len() > 10 && text("rule").starts_with('R'), "{finding}");
            (text("call"), text("error"))
        })
        .collect()
    }
}

/// The application: one thing after another, none of which needs the one before.
fn application(version: Version) {
    let module = load_from_environment();
    must("C_Initialize", module.initialize_null());
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let session = must("C_OpenSession", module.open_session(0, flags));
    must("C_Login", session.login(CKU_USER, USER_PIN));
    let app = Application { session, version };
    app.told("C_GenerateKey", app.makes_a_key());
    app.told("C_WrapKey", app.exports_a_key());
    app.told("C_DigestKey", app.compares_a_key());
    app.told("C_CreateObject", app.imports_a_key());
    app.told("C_DeriveKey", app.derives_a_key());
    app.told("C_UnwrapKey", app.receives_a_key());
    must("C_Finalize", module.finalize());
}

struct Application<'m> {
    session: Session<'m>,
    version: Version,
}

impl Application<'_> {
    fn told<T>(&self, call: &str, outcome: Result<T, Rv>) {
        // On a line of its own, whatever the test runner has printed.
        let _ = outcome.map_err(|rv| println!("\nrefused: {call} {rv}"));
    }

    /// The old application's way, or the new one's.
    fn choose<T>(&self, old: T, new: T) -> T {
        if self.version == Version::Old { old } else { new }
    }

    /// R1: `do not ask for WRAP_WITH_TRUSTED=false`.
    fn makes_a_key(&self) -> Result<Object, Rv> {
        let asked = self.choose(attrs![CKA_WRAP_WITH_TRUSTED => false], attrs![]);
        self.aes(with(attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true], asked))
    }

    /// R1: `wrap the key under a key that a security officer marked TRUSTED`.
    fn exports_a_key(&self) -> Result<Vec<u8>, Rv> {
        let key = must("the key", self.aes(attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true]));
        let wrapping = match self.version {
            Version::Old => must("its own wrapping key", self.aes(attrs![CKA_WRAP => true])),
            Version::New => self.session.find(&attrs![CKA_LABEL => "kek"])?[0],
        };
        self.session.wrap_key(&Mechanism::plain(CKM_AES_KEY_WRAP_KWP), wrapping, key)
    }

    /// R16: `digest only keys that are readable`.
    fn compares_a_key(&self) -> Result<(), Rv> {
        let readable = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
        let key = must("the key", self.aes(self.choose(attrs![CKA_SENSITIVE => true], readable)));
        must("C_DigestInit", self.session.digest_init(&Mechanism::plain(CKM_SHA256)));
        self.session.digest_key(key)
    }

    /// R14: `use a longer key`.
    fn imports_a_key(&self) -> Result<Object, Rv> {
        let value = self.choose(vec![7; 8], vec![7; 32]);
        self.session.create_object(&attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_SENSITIVE => true, CKA_SIGN => true,
            CKA_VALUE => value.as_slice(),
        ])
    }

    /// R15: `leave SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED out of the derived key's template`.
    fn derives_a_key(&self) -> Result<Object, Rv> {
        let base = attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_HKDF, CKA_VALUE_LEN => 32, CKA_SENSITIVE => true,
            CKA_DERIVE => true,
        ];
        let base = must("the base key", self.session.generate_key(&Mechanism::plain(CKM_HKDF_KEY_GEN), &base));
        let derived = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32];
        let weaker = self.choose(attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true], attrs![]);
        let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, b"salt", b"info");
        self.session.derive_key(&hkdf, base, &with(derived, weaker))
    }

    /// R10: `instead of RSA PKCS#1 v1.5 use OAEP`.
    fn receives_a_key(&self) -> Result<Object, Rv> {
        let pair = self.session.generate_key_pair(
            &Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &attrs![CKA_MODULUS_BITS => 2048, CKA_ENCRYPT => true, CKA_WRAP => true],
            &attrs![CKA_SENSITIVE => true, CKA_UNWRAP => true],
        );
        let (public, private) = must("the pair", pair);
        let oaep = Mechanism::rsa_oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        let mechanism = self.choose(Mechanism::plain(CKM_RSA_PKCS), oaep);
        let blob = must("what the sender encrypted", self.session.encrypt(&mechanism, public, &[9; 32]));
        let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_ENCRYPT => true];
        self.session.unwrap_key(&mechanism, private, &blob, &template)
    }

    fn aes(&self, more: Vec<Attribute>) -> Result<Object, Rv> {
        let template = with(attrs![CKA_VALUE_LEN => 32], more);
        self.session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
    }
}
