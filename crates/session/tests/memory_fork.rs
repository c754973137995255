//! A token in memory, and a program that forks: the child's own library begins with nothing, and the parent's goes on.
//!
//! This file is a process of its own.
#![allow(unsafe_code, reason = "fork and waitpid")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claviger_session::{Config, Cost, Initialize, Library, SlotId};

const SLOT: SlotId = SlotId(0);

fn open() -> Library {
    let mut config = Config::new("memory:");
    config.pin_cost = Cost::Quick;
    Library::open(config).unwrap()
}

#[test]
fn a_child_of_fork_begins_with_nothing_and_the_parent_goes_on() {
    let library = open();
    let new = Initialize { label: "parent", so_pin: b"12345678", mode: None, pin_cost: None, reset: None };
    library.initialize(SLOT, &new).unwrap();
    // SAFETY: this thread forks and the child leaves by `_exit`, running nothing of the parent's.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let is_cut_off = library.token_info(SLOT).is_err();
        let begins_anew = open().token_info(SLOT).is_ok_and(|info| info.label.is_empty() && info.mode.is_none());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if is_cut_off && begins_anew { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child was made above, and `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
    assert_eq!(library.token_info(SLOT).unwrap().label, "parent");
}
