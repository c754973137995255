//! The raw call layer of the hostile tests: C functions called with arbitrary words, memory that ends at a page
//! which nobody may touch, and fork. Everything a well-behaved caller does is in `module` and `session`.
//!
//! Calls with lying lengths and null pointers are what PKCS#11 2.x and 3.x callers have been seen to send. They are
//! sound only as far as the library under test is; that is what is tested, and why each runs in a child process.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::time::{Duration, Instant};

use cryptoki_sys::CK_RV;

use crate::module::Module;
use crate::rv::Rv;

/// The entry points of a library, called with words instead of typed arguments.
pub struct RawCalls {
    entries: Vec<Option<unsafe extern "C" fn()>>,
}

macro_rules! call_with_words {
    ($entry:ident, $words:ident, $($count:literal => ($($index:literal)*)),*) => {
        match $words.len() {
            $($count => {
                type Function = unsafe extern "C" fn($(call_with_words!(@ $index)),*) -> CK_RV;
                // SAFETY: every parameter of every C function is an integer or a pointer of at most one word, and
                // in the C ABI of 64-bit Linux each of those travels as one word.
                let function = unsafe { std::mem::transmute::<unsafe extern "C" fn(), Function>($entry) };
                // SAFETY: none can be given for hostile words; see the head of this file.
                Some(unsafe { function($($words[$index]),*) })
            })*
            _ => None,
        }
    };
    (@ $index:literal) => { u64 };
}

impl RawCalls {
    /// The functions of the 3.0 list, or of the 2.40 list where the library has no other.
    pub fn of(module: &Module) -> Self {
        RawCalls { entries: module.entry_points() }
    }

    /// How many functions the list has.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Calls the function at this place of the list; `None` when the list has no such place or a null pointer there.
    pub fn call(&self, place: usize, words: &[u64]) -> Option<Rv> {
        let entry = (*self.entries.get(place)?)?;
        call_with_words!(entry, words,
            1 => (0), 2 => (0 1), 3 => (0 1 2), 4 => (0 1 2 3), 5 => (0 1 2 3 4), 6 => (0 1 2 3 4 5),
            7 => (0 1 2 3 4 5 6), 8 => (0 1 2 3 4 5 6 7), 9 => (0 1 2 3 4 5 6 7 8), 10 => (0 1 2 3 4 5 6 7 8 9)
        )
        .map(Rv)
    }
}

/// Bytes that end where a forbidden page begins: who reads or writes on past the end, crashes.
pub struct Guarded {
    base: *mut u8,
    mapped: usize,
    start: usize,
    length: usize,
}

const PAGE: usize = 4096;

impl Guarded {
    /// A copy of `bytes`, ending at the forbidden page, or `slack` bytes before it. With a slack of one, what is
    /// a multiple of eight bytes long lies at an odd address.
    pub fn new(bytes: &[u8], slack: usize) -> Guarded {
        let usable = (bytes.len() + slack).div_ceil(PAGE).max(1) * PAGE;
        let mapped = usable + PAGE;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), mapped, protection, flags, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED, "no memory for a buffer of {mapped} bytes");
        let base = base.cast::<u8>();
        // SAFETY: the last page of the mapping just made.
        let closed = unsafe { libc::mprotect(base.wrapping_add(usable).cast::<c_void>(), PAGE, libc::PROT_NONE) };
        assert_eq!(closed, 0, "the guard page cannot be closed");
        let start = usable - bytes.len() - slack;
        // SAFETY: `start + bytes.len()` is within the usable part of the mapping.
        unsafe { base.wrapping_add(start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Guarded { base, mapped, start, length: bytes.len() }
    }

    /// Where the bytes are.
    pub fn address(&self) -> u64 {
        self.base.wrapping_add(self.start) as u64
    }

    /// What they are now.
    pub fn read(&self) -> Vec<u8> {
        // SAFETY: the bytes lie within the mapping, which lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base.wrapping_add(self.start), self.length) }.to_vec()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, of which no borrow is left.
        unsafe { libc::munmap(self.base.cast(), self.mapped) };
    }
}

/// A forked child.
pub struct Forked {
    pid: libc::pid_t,
}

/// Forks. The child runs `body` and leaves through `exit`, as programs do, with what `body` returned.
pub fn fork(body: impl FnOnce() -> i32) -> std::io::Result<Forked> {
    // SAFETY: the child of a threaded process may use only what its libraries keep usable; that is what is tested.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: no contract but to be called once; runs what is registered with atexit.
            unsafe { libc::exit(status) }
        }
        pid => Ok(Forked { pid }),
    }
}

impl Forked {
    /// The exit status, or a negative signal number; `None` when it had to be killed after `patience`.
    pub fn wait(self, patience: Duration) -> Option<i32> {
        let start = Instant::now();
        let mut status = 0;
        loop {
            // SAFETY: `status` is a place for an int.
            if unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } == self.pid {
                let exited = libc::WIFEXITED(status);
                return Some(if exited { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) });
            }
            if start.elapsed() > patience {
                self.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn kill(&self) {
        // SAFETY: the pid of a child not yet waited for.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // SAFETY: null is allowed where the status is of no interest.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
    }
}
