//! Tickets: the order in which processes come to their turn. Not what keeps them apart: that is the `flock` of
//! `turn.rs`, and nothing worse than a wrong order can come of a ticket.
//!
//! A ticket is a byte of the file, locked by an open file description lock (`fcntl_locking(2)`, F_OFD_SETLK): whoever
//! comes takes the byte behind the last that is locked, and waits for those before it. The file stays empty; the kernel
//! frees the byte when its holder dies, wherever in the queue it is. Whoever comes while others wait is behind them, so
//! nobody is passed, as waiters of a mere `flock` are: the kernel wakes them one after the other, but frees the lock
//! before the woken one runs, and who unlocks and locks again at once is quicker.
#![allow(unsafe_code)]

use core::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use crate::turn::PAUSE;
use crate::{Error, Result};

/// A place in the queue until this drops. One at a time on an open file.
pub(crate) struct Ticket<'a> {
    file: &'a File,
    number: libc::off_t,
}

impl<'a> Ticket<'a> {
    /// The last place.
    pub(crate) fn take(file: &'a File) -> Result<Self> {
        let mut number = last(file, None)?.map_or(Ok(0), after)?;
        // Of several who saw the same last one, one has this number and the others those behind it.
        while !set(file, libc::F_OFD_SETLK, libc::F_WRLCK, number)? {
            number = after(number)?;
        }
        Ok(Self { file, number })
    }

    /// Waits until nobody is before it; `Busy` when that took longer than `until`.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Result<()> {
        while let Some(before) = last(self.file, Some(self.number))? {
            match until {
                // No lock of ours may stay there. It is one for reading, so that those who wait for the same share it.
                None => {
                    set(self.file, libc::F_OFD_SETLKW, libc::F_RDLCK, before)?;
                    set(self.file, libc::F_OFD_SETLK, libc::F_UNLCK, before)?;
                }
                Some(until) if Instant::now() >= until => return Err(Error::Busy),
                Some(_) => std::thread::sleep(PAUSE),
            }
        }
        Ok(())
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // It cannot fail on a lock that we hold; if it did, those behind would wait until we exit.
        let _ = set(self.file, libc::F_OFD_SETLK, libc::F_UNLCK, self.number);
    }
}

fn after(number: libc::off_t) -> Result<libc::off_t> {
    number.checked_add(1).ok_or(Error::Busy)
}

/// The highest number that somebody else has, of those below `limit`.
fn last(file: &File, limit: Option<libc::off_t>) -> Result<Option<libc::off_t>> {
    let (mut from, mut found) = (0, None);
    while limit.is_none_or(|limit| from < limit) {
        // A length of 0 is all that follows.
        let mut lock = lock_of(libc::F_WRLCK, from, limit.map_or(0, |limit| limit - from));
        fcntl(file, libc::F_OFD_GETLK, &mut lock)?;
        if lock.l_type == kind(libc::F_UNLCK) {
            break;
        }
        // A lock on all that follows is none of ours, and leaves no place.
        let length = Some(lock.l_len).filter(|length| *length > 0);
        from = length.and_then(|length| lock.l_start.checked_add(length)).ok_or(Error::Busy)?;
        found = Some(from - 1);
    }
    Ok(found)
}

/// Whether the byte was free, for F_OFD_SETLK; F_OFD_SETLKW waits until it is.
fn set(file: &File, command: c_int, type_: c_int, number: libc::off_t) -> Result<bool> {
    match fcntl(file, command, &mut lock_of(type_, number, 1)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn lock_of(type_: c_int, start: libc::off_t, length: libc::off_t) -> libc::flock {
    // SAFETY: integers all; Linux wants `l_pid` to be 0 here.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    (lock.l_type, lock.l_whence) = (kind(type_), kind(libc::SEEK_SET));
    (lock.l_start, lock.l_len) = (start, length);
    lock
}

#[expect(clippy::cast_possible_truncation, reason = "F_RDLCK, F_WRLCK, F_UNLCK and SEEK_SET are 0 to 2")]
const fn kind(constant: c_int) -> libc::c_short {
    constant as libc::c_short
}

fn fcntl(file: &File, command: c_int, lock: &mut libc::flock) -> io::Result<()> {
    loop {
        // SAFETY: the file is open; `lock` is a `struct flock`, which these commands read and write (fcntl_locking(2)).
        if unsafe { libc::fcntl(file.as_raw_fd(), command, core::ptr::from_mut(lock)) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_ticket_is_behind_all_others_and_waits_for_each_that_is_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = [(); 4].map(|()| crate::files::open_or_create(&dir.path().join("turn")).unwrap());
        let [one, two, three, four] = files.each_ref().map(|file| Ticket::take(file).unwrap());
        assert_eq!([one.number, two.number, three.number, four.number], [0, 1, 2, 3]);
        let waits = |ticket: &Ticket<'_>| match ticket.wait(Some(Instant::now() + Duration::from_millis(3))) {
            Ok(()) => false,
            Err(error) => error == Error::Busy,
        };
        assert_eq!([&one, &two, &three, &four].map(waits), [false, true, true, true]);
        drop(two);
        assert_eq!([&one, &three, &four].map(waits), [false, true, true]);
        // As when its process dies: the kernel closes the file.
        drop((one, four));
        assert!(!waits(&three));
        let last = Ticket::take(&files[0]).unwrap();
        assert_eq!((last.number, waits(&last)), (3, true));
        drop(three);
        assert!(!waits(&last));
    }

    #[test]
    fn who_waits_without_a_limit_wakes_when_the_last_before_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let files = [(); 3].map(|()| crate::files::open_or_create(&dir.path().join("turn")).unwrap());
        let [one, two, three] = files.each_ref().map(|file| Ticket::take(file).unwrap());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(move || three.wait(None));
            drop(two);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiter.is_finished());
            drop(one);
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        assert_eq!(Ticket::take(&files[0]).unwrap().number, 0);
    }
}
