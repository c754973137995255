//! Sessions: handles, counts, limits, random numbers.

use std::collections::HashSet;

use claviger_rules::Error;
use claviger_session::{SessionHandle, SlotId, flag};

use crate::world::{SLOT, SO_PIN, World, refused};

#[test]
fn a_handle_is_never_given_twice() {
    let world = World::with_token();
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let handle = world.library.open_session(SLOT, true).unwrap();
        assert!(handle != SessionHandle(0) && seen.insert(handle));
        world.library.close_session(handle).unwrap();
        assert_eq!(refused(world.library.session(handle)), Some(Error::SessionHandleInvalid));
    }
}

#[test]
fn a_closed_session_or_none_at_all_is_no_handle() {
    let world = World::with_token();
    let session = world.session();
    world.close(&session).unwrap();
    assert_eq!(refused(world.close(&session)), Some(Error::SessionHandleInvalid));
    for handle in [0, u64::MAX, 12345] {
        assert_eq!(refused(world.library.session(SessionHandle(handle))), Some(Error::SessionHandleInvalid));
    }
}

#[test]
fn the_counts_are_true() {
    let world = World::with_token();
    let counts = || {
        let info = world.library.token_info(SLOT).unwrap();
        (info.sessions, info.rw_sessions)
    };
    let (one, _two, reader) = (world.session(), world.session(), world.open(false));
    assert_eq!(counts(), (3, 2));
    world.close(&reader).unwrap();
    world.close(&one).unwrap();
    assert_eq!(counts(), (1, 1));
    world.library.close_all_sessions(SLOT).unwrap();
    assert_eq!(counts(), (0, 0));
}

#[test]
fn closing_all_sessions_leaves_those_of_other_slots() {
    let world = World::with_token();
    world.library.init_token(SlotId(1), SO_PIN, b"other").unwrap();
    let other = world.library.open_session(SlotId(1), true).unwrap();
    let session = world.session();
    world.library.close_all_sessions(SLOT).unwrap();
    assert_eq!(refused(world.again(&session)), Some(Error::SessionHandleInvalid));
    assert!(world.library.session(other).is_ok());
}

#[test]
fn the_configured_limits_hold() {
    let world = World::with(|config| (config.max_sessions, config.max_rw_sessions) = (3, 1));
    world.library.init_token(SLOT, SO_PIN, b"test").unwrap();
    let writer = world.session();
    assert_eq!(refused(world.library.open_session(SLOT, true)), Some(Error::SessionCount));
    world.open(false);
    world.open(false);
    assert_eq!(refused(world.library.open_session(SLOT, false)), Some(Error::SessionCount));
    world.close(&writer).unwrap();
    world.open(true);
}

#[test]
fn a_session_tells_what_it_is() {
    let world = World::with_token();
    let (writer, reader) = (world.session().info().unwrap(), world.open(false).info().unwrap());
    assert_eq!((writer.slot, writer.state, writer.device_error), (SLOT, flag::RW_PUBLIC_SESSION, 0));
    assert_eq!(writer.flags, flag::SERIAL_SESSION | flag::RW_SESSION);
    assert_eq!((reader.state, reader.flags), (flag::RO_PUBLIC_SESSION, flag::SERIAL_SESSION));
}

#[test]
fn many_threads_open_and_close_at_once() {
    let world = World::with_token();
    let handles: Vec<_> = std::thread::scope(|scope| {
        let open = || (0..50).map(|_| world.library.open_session(SLOT, true).unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(handles.iter().collect::<HashSet<_>>().len(), 200);
    assert_eq!(world.library.token_info(SLOT).unwrap().sessions, 200);
    std::thread::scope(|scope| {
        for part in handles.chunks(50) {
            scope.spawn(|| part.iter().for_each(|handle| world.library.close_session(*handle).unwrap()));
        }
    });
    assert_eq!(world.library.token_info(SLOT).unwrap().sessions, 0);
}

#[test]
fn random_bytes_need_no_login_and_take_no_seed() {
    let world = World::with_token();
    let session = world.open(false);
    let (mut one, mut two) = ([0; 32], [0; 32]);
    session.generate_random(&mut one).unwrap();
    session.generate_random(&mut two).unwrap();
    assert_ne!(one, two);
    assert_eq!(refused(session.seed_random(b"seed")), Some(Error::RandomSeedNotSupported));
}
