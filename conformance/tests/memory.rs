//! `CLAVIGER_TOKEN_DATA=memory:`: a token that ends with C_Finalize, and no file is touched.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use claviger_conformance::attrs;
use claviger_conformance::fixture::{SO_PIN, USER_PIN, is_claviger, module};
use claviger_conformance::isolated::{second_process, with_module};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::samples::{P256, aes_key, ec_pair};
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

/// Set in the process whose token is in memory.
const IN_MEMORY: &str = "CONFORMANCE_IN_MEMORY";
const DONE: &str = "nothing was kept";

/// Every file below, with the time of its last change: that of a directory tells of files that came and went.
fn listing(directory: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::from([(directory.to_owned(), fs::metadata(directory).unwrap().modified().unwrap())]);
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.insert(path.clone(), fs::symlink_metadata(&path).unwrap().modified().unwrap());
        }
    }
    found
}

/// What this process has open.
fn open_files() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let mut files: Vec<_> = targets.filter(|target| target.is_file()).collect();
    files.sort();
    files
}

/// A whole flow: C_InitToken, C_InitPIN, keys on the token, use.
fn flow(module: &Module, slot: CK_SLOT_ID) {
    must("C_InitToken", module.init_token(slot, SO_PIN, "memory"));
    let session = must("C_OpenSession", module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
    must("C_Login(SO)", session.login(CKU_SO, SO_PIN));
    must("C_InitPIN", session.init_pin(USER_PIN));
    must("C_Logout", session.logout());
    refused("C_Login", session.login(CKU_USER, "wrong"), &[CKR_PIN_INCORRECT]);
    must("C_Login(USER)", session.login(CKU_USER, USER_PIN));
    let key = aes_key(&session, attrs![CKA_TOKEN => true, CKA_LABEL => "kept", CKA_ENCRYPT => true]);
    must("C_Encrypt", session.encrypt(&Mechanism::aes_gcm(&[9; 12], b"", 128), key, b"plain"));
    let (_, private) = ec_pair(&session, P256);
    must("C_Sign", session.sign(&Mechanism::plain(CKM_ECDSA_SHA256), private, b"message"));
    let other = must("C_OpenSession", module.open_session(slot, CKF_SERIAL_SESSION));
    assert_eq!(must("C_FindObjects", other.find(&attrs![CKA_LABEL => "kept"])).len(), 1);
    must("C_CloseAllSessions", module.close_all_sessions(slot));
}

fn in_memory(module: &Module) {
    let before = open_files();
    for _ in 0..2 {
        must("C_Initialize", module.initialize_null());
        let slots = must("C_GetSlotList", module.slot_list(true));
        assert_eq!(slots, [0, 1], "the slots are those of the configuration");
        for slot in slots {
            let flags = must("C_GetTokenInfo", module.token_info(slot)).flags;
            assert_eq!(flags & CKF_TOKEN_INITIALIZED, 0, "each C_Initialize begins anew");
            flow(module, slot);
        }
        assert_eq!(open_files(), before);
        must("C_Finalize", module.finalize());
    }
    println!("{DONE}");
}

#[test]
fn a_token_in_memory_touches_no_file_and_begins_anew() {
    with_module(|module_under_test| {
        if std::env::var_os(IN_MEMORY).is_some() {
            return in_memory(module_under_test);
        }
        if !module().is_ok_and(|path| is_claviger(&path)) {
            return println!("not applicable: a place of Claviger's own");
        }
        let home = tempfile::tempdir().unwrap();
        for name in ["data", "config", "tmp"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        let place = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let here = std::env::current_dir().unwrap();
        let before = listing(home.path());
        let variables = [
            (IN_MEMORY, "yes".to_owned()),
            ("CLAVIGER_TOKEN_DATA", "memory:".to_owned()),
            ("HOME", place("")),
            ("XDG_DATA_HOME", place("data")),
            ("XDG_CONFIG_HOME", place("config")),
        ];
        let finished = second_process(&variables.map(|(name, value)| (name.to_owned(), value)));
        assert!(finished.output.contains(DONE), "{}", finished.output);
        assert_eq!(listing(home.path()), before);
        assert!(!here.join("memory:").exists());
    });
}
