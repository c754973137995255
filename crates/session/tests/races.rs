//! Calls that overlap in threads: what one has ended, another does not bring back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::sync::Barrier;
use std::thread;

use claviger_rules::{AttributeType as A, Error, MechanismType as M, Mode, Template, Value};
use claviger_session::{
    Answer, Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Session, SlotId, UserType,
};
use tempfile::TempDir;

const PIN: &[u8] = b"1234";

fn with_user(test: impl FnOnce(&Library, &Session)) {
    let directory = TempDir::new().unwrap();
    let library = Library::open(Config::new(directory.path())).unwrap();
    let new = Initialize {
        label: "test",
        so_pin: b"12345678",
        mode: Some(Mode::Enforce),
        pin_cost: Some(Cost::Quick),
        reset: None,
    };
    library.initialize(SlotId(0), &new).unwrap();
    let session = library.open_session(SlotId(0), true).unwrap();
    let session = library.session(session).unwrap();
    session.login(UserType::So, b"12345678").unwrap();
    session.init_pin(PIN).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, PIN).unwrap();
    test(&library, &session);
}

fn template(flags: &[(A, bool)]) -> Template {
    Template::from_list(flags.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap()
}

fn generate(session: &Session, flags: &[(A, bool)]) -> Result<ObjectHandle, Error> {
    let mut wanted = template(flags);
    wanted.set(A::VALUE_LEN, Value::Ulong(32));
    session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wanted).map_err(|refusal| refusal.error)
}

fn count(session: &Session) -> usize {
    session.find_init(Template::new()).unwrap();
    let found = session.find(1000).unwrap().len();
    session.find_final().unwrap();
    found
}

#[test]
fn two_threads_that_set_attributes_of_one_session_key_lose_neither_change() {
    with_user(|_, session| {
        for _ in 0..50 {
            let key = generate(session, &[(A::SENSITIVE, false)]).unwrap();
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    session.set_attributes(key, template(&[(A::SENSITIVE, true)])).unwrap();
                });
                start.wait();
                for turn in 0..20u8 {
                    let label = Template::from_list([(A::LABEL, Value::bytes([turn]))]).unwrap();
                    session.set_attributes(key, label).unwrap();
                }
            });
            let answer = session.attributes(key, &[A::SENSITIVE]).unwrap().remove(0);
            assert!(matches!(answer, Answer::Value(Value::Bool(true))), "SENSITIVE went back to false");
            session.destroy_object(key).unwrap();
        }
    });
}

#[test]
fn a_destroyed_session_key_stays_destroyed_whatever_another_thread_sets() {
    with_user(|_, session| {
        for _ in 0..50 {
            let key = generate(session, &[]).unwrap();
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    for turn in 0..20u8 {
                        let label = Template::from_list([(A::LABEL, Value::bytes([turn]))]).unwrap();
                        let _ = session.set_attributes(key, label);
                    }
                });
                start.wait();
                session.destroy_object(key).unwrap();
            });
            let gone = session.attributes(key, &[A::LABEL]).map(drop).map_err(|refusal| refusal.error);
            assert_eq!(gone, Err(Error::ObjectHandleInvalid));
        }
    });
}

#[test]
fn no_private_session_key_outlives_a_logout_that_overlaps_its_making() {
    with_user(|_, session| {
        for _ in 0..50 {
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        let _ = generate(session, &[]);
                    }
                });
                start.wait();
                session.logout().unwrap();
            });
            session.login(UserType::User, PIN).unwrap();
            assert_eq!(count(session), 0, "rule R17");
        }
    });
}

#[test]
fn keys_made_while_the_view_is_first_read_are_all_there() {
    with_user(|_, session| {
        let mut made = 0;
        for _ in 0..5 {
            session.logout().unwrap();
            session.login(UserType::User, PIN).unwrap();
            let makers = 3;
            thread::scope(|scope| {
                for _ in 0..makers {
                    scope.spawn(|| {
                        let key = generate(session, &[(A::TOKEN, true)]).unwrap();
                        assert!(session.attributes(key, &[A::LABEL]).is_ok(), "a key just made is there");
                    });
                }
            });
            made += makers;
            assert_eq!(count(session), made);
        }
    });
}

#[test]
fn a_token_key_has_a_live_handle_while_other_threads_make_and_destroy_theirs() {
    with_user(|_, session| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let key = generate(session, &[(A::TOKEN, true)]).unwrap();
                        assert!(session.attributes(key, &[A::LABEL]).is_ok(), "a key just made is there");
                        session.destroy_object(key).unwrap();
                    }
                });
            }
        });
        assert_eq!(count(session), 0);
    });
}

#[test]
fn a_closed_session_gets_no_more_objects() {
    with_user(|library, session| {
        library.open_session(SlotId(0), true).unwrap();
        library.close_session(session.handle()).unwrap();
        assert_eq!(generate(session, &[]), Err(Error::SessionClosed));
    });
}
