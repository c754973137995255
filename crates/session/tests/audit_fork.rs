//! A program that writes to the audit log from several threads forks; its children write too, at once.
//!
//! This file is a process of its own, and the test its only thread besides those it starts.
#![allow(unsafe_code, reason = "fork and waitpid")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use claviger_audit::{Kind, verify};
use claviger_session::{Config, Cost, Library, Session, SlotId, UserType};

const SLOT: SlotId = SlotId(0);
const SO_PIN: &[u8] = b"12345678";
const FORKS: u32 = 30;
/// Less than a lock left behind by a fork would cost.
const AT_ONCE: Duration = Duration::from_millis(1500);

fn open(directory: &Path) -> Library {
    let mut config = Config::new(directory);
    config.pin_cost = Cost::Quick;
    Library::open(config).unwrap()
}

fn with_session<T>(library: &Library, act: impl FnOnce(&Session) -> T) -> T {
    let handle = library.open_session(SLOT, true).unwrap();
    act(&library.session(handle).unwrap())
}

/// Refused and told, twice: nobody is logged in, and the default user does not exist.
fn be_refused(session: &Session) {
    let _ = session.unlock_user("nobody");
    let _ = session.login(UserType::User, b"1234");
}

#[test]
fn forks_amid_events_leave_no_lock_behind_and_the_chain_whole() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(directory.path());
    library.init_token(SLOT, SO_PIN, b"test").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // A library of its own has a count of its own, so every event is written.
                    with_session(&open(directory.path()), be_refused);
                }
            });
        }
        for _ in 0..FORKS {
            // SAFETY: the child opens a library of its own and leaves by `_exit`; it never returns into the test.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let own = open(directory.path());
                let started = Instant::now();
                with_session(&own, be_refused);
                let slow = started.elapsed() > AT_ONCE;
                // SAFETY: ends this process.
                unsafe { libc::_exit(i32::from(slow)) };
            }
            let mut status = 1;
            // SAFETY: the child is ours and the status is a number of our own.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        stop.store(true, Ordering::Relaxed);
    });
    with_session(&library, |so| {
        so.login(UserType::So, SO_PIN).unwrap();
        let lost = so
            .audit_log()
            .unwrap()
            .filter(|item| item.as_ref().is_ok_and(|entry| entry.kind() == Some(Kind::AuditLost)));
        assert_eq!(lost.count(), 0);
        let verdict = verify(so.audit_log().unwrap());
        assert!(verdict.is_whole(), "{:?}", verdict.faults);
        assert!(verdict.events > u64::from(2 * FORKS));
    });
}
