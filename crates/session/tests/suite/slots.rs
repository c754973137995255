//! Slots that do not open at C_Initialize, and what they are when the cause has passed.

use std::fs;
use std::path::{Path, PathBuf};

use claviger_rules::Error;
use claviger_session::{Library, SlotId, UserType, flag};

use crate::world::{PIN, SLOT, SO_PIN, World, refused};

/// A token whose directory no application has open, and its database.
fn closed_token() -> (World, PathBuf) {
    let mut world = World::with_users();
    // The world's own application looks elsewhere.
    drop(std::mem::replace(&mut world.library, World::new().library));
    let database = world.data().join("slot-0").join("store.db");
    (world, database)
}

/// The slot is there, and every call that needs its token says what is wrong.
fn is_there_and_refused(library: &Library, error: Error) {
    assert_eq!(library.slots(), [SlotId(0), SlotId(1)]);
    assert_eq!(library.slot_info(SLOT).unwrap().flags, flag::TOKEN_PRESENT);
    assert_eq!(library.slot_info(SLOT).unwrap().description, "Claviger slot 0");
    assert_eq!(refused(library.token_info(SLOT)), Some(error));
    assert_eq!(refused(library.mechanisms(SLOT)), Some(error));
    assert_eq!(refused(library.open_session(SLOT, true)), Some(error));
    assert_eq!(refused(library.init_token(SLOT, SO_PIN, b"over it")), Some(error));
    assert_eq!(refused(library.close_all_sessions(SLOT)), Some(error));
}

/// The token is the old one, and a user logs in.
fn is_as_before(library: &Library) {
    assert_eq!(library.token_info(SLOT).unwrap().label, "test");
    let session = library.open_session(SLOT, true).unwrap();
    library.session(session).unwrap().login(UserType::User, PIN).unwrap();
}

/// Breaks the database before an application starts and mends it under that.
fn breaks_and_is_mended(error: Error, break_it: impl FnOnce(&Path), mend: impl FnOnce(&Path)) {
    let (world, database) = closed_token();
    break_it(&database);
    let library = world.another_process();
    is_there_and_refused(&library, error);
    library.init_token(SlotId(1), SO_PIN, b"the other").unwrap();
    mend(&database);
    is_as_before(&library);
    assert_eq!(library.token_info(SlotId(1)).unwrap().label, "the other");
}

#[test]
fn a_directory_in_the_place_of_the_database_is_forgotten_once_it_is_gone() {
    let aside = |database: &Path| database.with_extension("aside");
    breaks_and_is_mended(
        Error::DeviceError,
        |database| {
            fs::rename(database, aside(database)).unwrap();
            fs::create_dir(database).unwrap();
        },
        |database| {
            fs::remove_dir(database).unwrap();
            fs::rename(aside(database), database).unwrap();
        },
    );
}

#[test]
fn a_database_cut_short_is_forgotten_once_it_is_put_back() {
    let aside = |database: &Path| database.with_extension("aside");
    breaks_and_is_mended(
        Error::DeviceError,
        |database| {
            fs::copy(database, aside(database)).unwrap();
            fs::OpenOptions::new().write(true).open(database).unwrap().set_len(1000).unwrap();
        },
        |database| fs::rename(aside(database), database).unwrap(),
    );
}

#[test]
fn a_slot_that_is_no_directory_is_forgotten_once_it_is_one() {
    let aside = |database: &Path| database.parent().unwrap().with_extension("aside");
    breaks_and_is_mended(
        Error::DeviceError,
        |database| {
            fs::rename(database.parent().unwrap(), aside(database)).unwrap();
            fs::write(database.parent().unwrap(), b"").unwrap();
        },
        |database| {
            fs::remove_file(database.parent().unwrap()).unwrap();
            fs::rename(aside(database), database.parent().unwrap()).unwrap();
        },
    );
}

#[test]
fn threads_that_find_a_slot_mended_at_once_share_one_token() {
    let (world, database) = closed_token();
    let aside = database.with_extension("aside");
    fs::rename(&database, &aside).unwrap();
    fs::create_dir(&database).unwrap();
    let library = world.another_process();
    assert_eq!(refused(library.open_session(SLOT, true)), Some(Error::DeviceError));
    fs::remove_dir(&database).unwrap();
    fs::rename(&aside, &database).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| library.open_session(SLOT, true).unwrap());
        }
    });
    assert_eq!(library.token_info(SLOT).unwrap().sessions, 8);
}

#[test]
fn only_a_number_that_is_no_slot_is_no_slot() {
    let library = World::new().library;
    assert_eq!(refused(library.slot_info(SlotId(2))), Some(Error::SlotIdInvalid));
    assert_eq!(refused(library.token_info(SlotId(2))), Some(Error::SlotIdInvalid));
}
