//! Tokens that each released format has written, in `token-data/golden/`, open for ever and say what they said.

use std::fs;
use std::path::Path;

use claviger_rules::attribute::Value;
use claviger_rules::{AttributeType as A, MechanismType as M, Mode, Parameter};
use claviger_session::{Answer, MechanismCall, ObjectHandle, Room, Session, flag};

use crate::world::{SLOT, World, as_officer, template};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { fs::copy(entry.path(), to).map(|_| ()).unwrap() }
    }
}

/// A copy of the golden token, as the newest version finds it.
fn golden(format: &str) -> World {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../token-data/golden").join(format);
    World::with(|config| copy(&golden, &config.token_data))
}

fn find(session: &Session, label: &str) -> Vec<ObjectHandle> {
    session.find_init(template([(A::LABEL, Value::bytes(label.as_bytes().to_vec()))])).unwrap();
    let found = session.find(10).unwrap();
    session.find_final().unwrap();
    found
}

fn flag_of(session: &Session, key: ObjectHandle, attribute: A) -> bool {
    let answers = session.attributes(key, &[attribute]).unwrap();
    matches!(answers.as_slice(), [Answer::Value(Value::Bool(true))])
}

#[test]
fn a_token_of_format_1_says_what_it_said() {
    let world = golden("v1");
    let info = world.library.token_info(SLOT).unwrap();
    assert_eq!(
        (info.label.as_str(), info.mode, info.flags & flag::TOKEN_INITIALIZED != 0),
        ("golden", Some(Mode::Enforce), true)
    );
    let users = world.library.users(SLOT).unwrap();
    let told: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.role.is_so(), user.failures)).collect();
    let expected = [("so", true, 0), ("app", false, 0), ("kim", false, 0), ("eve", false, 1), ("so2", true, 0)];
    assert_eq!(told, expected);

    let session = world.login("app");
    let [retired, trusted] = ["kek", "kek2"].map(|label| find(&session, label)[0]);
    assert!(!flag_of(&session, retired, A::TRUSTED) && flag_of(&session, trusted, A::TRUSTED));
    let secret = find(&session, "secret")[0];
    assert!(flag_of(&session, secret, A::SENSITIVE) && !flag_of(&session, secret, A::EXTRACTABLE));
    session.encrypt_init(MechanismCall::with(M::AES_CBC_PAD, Parameter::Iv([7; 16])), secret).unwrap();
    let mut sealed = [0; 32];
    session.encrypt(b"sixteen and more", &mut Room::bytes(&mut sealed)).unwrap();
    assert_eq!(
        sealed.map(|byte| format!("{byte:02x}")).concat(),
        "57a7fdf0f52531feaed698920c05ff82f1fca08e4ca1b56688e5fa9395c9da45"
    );
    assert_eq!(find(&session, "big").len(), 2);
    session.logout().unwrap();

    as_officer(&world.library, |officer| assert_eq!(officer.pending_acts().unwrap().acts.len(), 1));
    assert_eq!(world.library.examine(SLOT).unwrap().findings, []);
}
