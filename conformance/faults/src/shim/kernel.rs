//! The kernel's calls themselves, without the C library's functions that the shim shadows. `libc::syscall` sets errno as those
//! do (syscall(2)).

use core::ffi::{CStr, c_int, c_long, c_void};

/// One system call of up to four words.
pub(crate) fn call(number: c_long, words: [c_long; 4]) -> c_long {
    let [a, b, c, d] = words;
    // SAFETY: the words come from a call of the same meaning by the program, or from live values of this file; the kernel
    // checks every address (EFAULT).
    unsafe { libc::syscall(number, a, b, c, d) }
}

/// An address as a word.
pub(crate) fn word<T>(pointer: *const T) -> c_long {
    pointer as c_long
}

/// Sets errno and gives what a failed call gives.
pub(crate) fn fail(errno: c_int) -> c_long {
    // SAFETY: the address of this thread's errno is always good (errno(3)).
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.write(errno) };
    -1
}

/// Opens the trace.
pub(crate) fn open_to_append(path: &[u8]) -> Option<c_int> {
    let path = [path, b"\0"].concat();
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    let opened = call(libc::SYS_openat, [libc::AT_FDCWD.into(), word(path.as_ptr()), flags.into(), 0o600]);
    c_int::try_from(opened).ok().filter(|descriptor| *descriptor >= 0)
}

/// Appends to the trace. Nothing can be done when that fails: the driver notices that the trace ends early.
pub(crate) fn append(trace: c_int, bytes: &[u8]) {
    let length = c_long::try_from(bytes.len()).unwrap_or(0);
    let _ = call(libc::SYS_write, [trace.into(), word(bytes.as_ptr()), length, 0]);
}

/// Whether something has that path.
pub(crate) fn exists(path: &CStr) -> bool {
    let errno = errno();
    let there = call(libc::SYS_faccessat, [libc::AT_FDCWD.into(), word(path.as_ptr()), libc::F_OK.into(), 0]) == 0;
    fail(errno);
    there
}

/// The path of what is open under a descriptor, and its inode's number.
pub(crate) fn behind(descriptor: c_int) -> Option<(Vec<u8>, u64)> {
    let errno = errno();
    let link = [b"/proc/self/fd/", descriptor.to_string().as_bytes(), b"\0"].concat();
    let mut path = vec![0u8; 4096];
    let arguments = [libc::AT_FDCWD.into(), word(link.as_ptr()), word(path.as_mut_ptr()), 4096];
    let length = usize::try_from(call(libc::SYS_readlinkat, arguments)).ok();
    let node = length.and_then(|_| node_of(descriptor));
    fail(errno);
    path.truncate(length?);
    Some((path, node?))
}

/// The inode's number of what has that path.
pub(crate) fn node_at(path: &CStr) -> Option<u64> {
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let arguments = [libc::AT_FDCWD.into(), word(path.as_ptr()), word(status.as_mut_ptr()), 0];
    let found = call(libc::SYS_newfstatat, arguments) == 0;
    // SAFETY: all bits zero is a `stat`, and the kernel filled it.
    found.then(|| unsafe { status.assume_init() }.st_ino)
}

/// Where the next byte of an open file is read or written.
pub(crate) fn position(descriptor: c_int) -> u64 {
    u64::try_from(call(libc::SYS_lseek, [descriptor.into(), 0, libc::SEEK_CUR.into(), 0])).unwrap_or(0)
}

fn node_of(descriptor: c_int) -> Option<u64> {
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let found = call(libc::SYS_fstat, [descriptor.into(), word(status.as_mut_ptr()), 0, 0]) == 0;
    // SAFETY: all bits zero is a `stat`, and the kernel filled it.
    found.then(|| unsafe { status.assume_init() }.st_ino)
}

fn errno() -> c_int {
    // SAFETY: the address of this thread's errno is always good (errno(3)).
    let place: *mut c_void = unsafe { libc::__errno_location() }.cast();
    // SAFETY: as above.
    unsafe { place.cast::<c_int>().read() }
}
