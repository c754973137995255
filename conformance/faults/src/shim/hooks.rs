//! The shadowed functions of the C library. Each asks what is to become of it, makes the system call and writes it down.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};

use crate::frame::Kind;
use crate::kernel::{self, word};
use crate::settings::{Fate, Room, Settings, settings};

/// From each row the function of that name: arguments as in C on the left, one safe function of this file on the right.
macro_rules! hooks {
    ($($name:ident ( $($argument:ident : $kind:ty),* ) -> $result:ty = $body:expr;)*) => { $(
        #[doc = concat!("`", stringify!($name), "`, as in the C library.\n\n# Safety\nAs there.")]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
            $body as $result
        }
    )* };
}

hooks! {
    open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at("open", libc::AT_FDCWD, path, flags, mode);
    open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at("open", libc::AT_FDCWD, path, flags, mode);
    openat(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at("open", at, path, flags, mode);
    openat64(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at("open", at, path, flags, mode);
    creat(path: *const c_char, mode: mode_t) -> c_int = open_at("open", libc::AT_FDCWD, path, CREAT, mode);
    creat64(path: *const c_char, mode: mode_t) -> c_int = open_at("open", libc::AT_FDCWD, path, CREAT, mode);
    read(fd: c_int, buffer: *mut c_void, count: size_t) -> ssize_t =
        read_from(fd, libc::SYS_read, [fd.into(), word(buffer), count as c_long, 0]);
    pread(fd: c_int, buffer: *mut c_void, count: size_t, offset: off_t) -> ssize_t =
        read_from(fd, libc::SYS_pread64, [fd.into(), word(buffer), count as c_long, offset]);
    pread64(fd: c_int, buffer: *mut c_void, count: size_t, offset: off_t) -> ssize_t =
        read_from(fd, libc::SYS_pread64, [fd.into(), word(buffer), count as c_long, offset]);
    write(fd: c_int, buffer: *const c_void, count: size_t) -> ssize_t = write_to(fd, buffer, count, None);
    pwrite(fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t = write_to(fd, buffer, count, Some(offset));
    pwrite64(fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t = write_to(fd, buffer, count, Some(offset));
    writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t = write_parts(fd, parts, count, None);
    pwritev(fd: c_int, parts: *const iovec, count: c_int, offset: off_t) -> ssize_t = write_parts(fd, parts, count, Some(offset));
    pwritev64(fd: c_int, parts: *const iovec, count: c_int, offset: off_t) -> ssize_t = write_parts(fd, parts, count, Some(offset));
    ftruncate(fd: c_int, length: off_t) -> c_int = truncate_to(fd, length);
    ftruncate64(fd: c_int, length: off_t) -> c_int = truncate_to(fd, length);
    fallocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int = allocate(fd, mode, offset, length);
    fallocate64(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int = allocate(fd, mode, offset, length);
    fsync(fd: c_int) -> c_int = sync(fd, "fsync", libc::SYS_fsync);
    fdatasync(fd: c_int) -> c_int = sync(fd, "fdatasync", libc::SYS_fdatasync);
    rename(old: *const c_char, new: *const c_char) -> c_int = rename_at(libc::AT_FDCWD, old, libc::AT_FDCWD, new, 0);
    renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int = rename_at(from, old, to, new, 0);
    renameat2(from: c_int, old: *const c_char, to: c_int, new: *const c_char, flags: u32) -> c_int =
        rename_at(from, old, to, new, flags);
    unlink(path: *const c_char) -> c_int = unlink_at(libc::AT_FDCWD, path, 0);
    unlinkat(at: c_int, path: *const c_char, flags: c_int) -> c_int = unlink_at(at, path, flags);
    rmdir(path: *const c_char) -> c_int = unlink_at(libc::AT_FDCWD, path, libc::AT_REMOVEDIR);
    mkdir(path: *const c_char, mode: mode_t) -> c_int = make_directory(libc::AT_FDCWD, path, mode);
    mkdirat(at: c_int, path: *const c_char, mode: mode_t) -> c_int = make_directory(at, path, mode);
}

/// creat(2): what `open` must be told for the same.
const CREAT: c_int = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;

/// A watched path.
struct Named {
    settings: &'static Settings,
    path: &'static CStr,
}

/// A watched open file.
struct Opened {
    settings: &'static Settings,
    node: u64,
}

/// The mode is rubbish unless the flags ask for one, and then the kernel does not look at it.
fn open_at(name: &str, at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_long {
    let open = || kernel::call(libc::SYS_openat, [at.into(), word(path), flags.into(), mode.into()]);
    if settings().is_some_and(|settings| settings.steer(text(path).to_bytes())) {
        return kernel::fail(libc::ENOENT);
    }
    let Some(named) = watched_path(path) else { return open() };
    let makes = flags & libc::O_CREAT != 0 && !kernel::exists(named.path);
    let called = if makes { "open to create" } else { name };
    let room = if makes { Room::Needed } else { Room::Free };
    if let Fate::Fails(errno) = named.settings.fate(called, room) {
        return kernel::fail(errno);
    }
    let opened = open();
    if opened >= 0 {
        named.opened(opened, makes, flags & libc::O_TRUNC != 0);
    }
    opened
}

fn read_from(fd: c_int, number: c_long, words: [c_long; 4]) -> c_long {
    if let Some(file) = watched_file(fd)
        && let Fate::Fails(errno) = file.settings.fate("read", Room::Free)
    {
        return kernel::fail(errno);
    }
    kernel::call(number, words)
}

fn write_to(fd: c_int, buffer: *const c_void, count: size_t, offset: Option<off_t>) -> c_long {
    let write = |count: size_t| match offset {
        None => kernel::call(libc::SYS_write, [fd.into(), word(buffer), count as c_long, 0]),
        Some(offset) => kernel::call(libc::SYS_pwrite64, [fd.into(), word(buffer), count as c_long, offset]),
    };
    let Some(file) = watched_file(fd) else { return write(count) };
    let written = match file.settings.fate("write", Room::Needed) {
        Fate::Done => write(count),
        Fate::Half => write(count.div_ceil(2)),
        Fate::Fails(errno) => return kernel::fail(errno),
        Fate::Lies => return count as c_long,
    };
    if let Ok(length) = usize::try_from(written) {
        let start = offset.and_then(|offset| u64::try_from(offset).ok());
        let start = start.unwrap_or_else(|| kernel::position(fd).saturating_sub(length as u64));
        // SAFETY: the kernel has just read these bytes.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), length) };
        file.settings.note(Kind::Write, file.node, start, bytes);
    }
    written
}

/// As one write after another: the kernel may cut a gathered write short anywhere, too.
fn write_parts(fd: c_int, parts: *const iovec, count: c_int, offset: Option<off_t>) -> c_long {
    // SAFETY: the caller hands `count` parts (writev(2)).
    let parts = unsafe { core::slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0)) };
    let mut written: c_long = 0;
    for part in parts.iter().filter(|part| part.iov_len > 0) {
        let once = write_to(fd, part.iov_base, part.iov_len, offset.map(|offset| offset + written));
        if once < 0 {
            return if written == 0 { once } else { written };
        }
        written += once;
        if once as size_t != part.iov_len {
            break;
        }
    }
    written
}

fn truncate_to(fd: c_int, length: off_t) -> c_long {
    let truncate = || kernel::call(libc::SYS_ftruncate, [fd.into(), length, 0, 0]);
    let Some(file) = watched_file(fd) else { return truncate() };
    match file.settings.fate("ftruncate", Room::Needed) {
        Fate::Fails(errno) => return kernel::fail(errno),
        Fate::Lies => return 0,
        Fate::Done | Fate::Half => {}
    }
    let done = truncate();
    if done == 0 {
        file.settings.note(Kind::Truncate, file.node, u64::try_from(length).unwrap_or(0), &[]);
    }
    done
}

/// Room is taken at a file's end only (mode 0), so what is seen of it is a longer file.
fn allocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_long {
    let Some(file) = watched_file(fd) else {
        return kernel::call(libc::SYS_fallocate, [fd.into(), mode.into(), offset, length]);
    };
    if mode != 0 {
        return kernel::fail(libc::EOPNOTSUPP);
    }
    if let Fate::Fails(errno) = file.settings.fate("fallocate", Room::Needed) {
        return kernel::fail(errno);
    }
    kernel::fail(libc::EOPNOTSUPP)
}

fn sync(fd: c_int, name: &str, number: c_long) -> c_long {
    let sync = || kernel::call(number, [fd.into(), 0, 0, 0]);
    let Some(file) = watched_file(fd) else { return sync() };
    match file.settings.fate(name, Room::Needed) {
        Fate::Fails(errno) => return kernel::fail(errno),
        Fate::Lies => return 0,
        Fate::Done | Fate::Half => {}
    }
    let done = sync();
    if done == 0 {
        file.settings.note(Kind::Sync, file.node, 0, name.as_bytes());
    }
    done
}

fn rename_at(from: c_int, old: *const c_char, to: c_int, new: *const c_char, flags: u32) -> c_long {
    let rename = || {
        // SAFETY: as `kernel::call`, with a fifth word.
        unsafe { libc::syscall(libc::SYS_renameat2, from, old, to, new, flags) }
    };
    let Some(named) = watched_path(new) else { return rename() };
    if let Fate::Fails(errno) = named.settings.fate("rename", Room::Needed) {
        return kernel::fail(errno);
    }
    let done = rename();
    if done == 0 {
        let paths = [text(old).to_bytes(), b"\0", named.path.to_bytes()].concat();
        named.settings.note(Kind::Rename, kernel::node_at(named.path).unwrap_or(0), 0, &paths);
    }
    done
}

fn unlink_at(at: c_int, path: *const c_char, flags: c_int) -> c_long {
    let unlink = || kernel::call(libc::SYS_unlinkat, [at.into(), word(path), flags.into(), 0]);
    let Some(named) = watched_path(path) else { return unlink() };
    if let Fate::Fails(errno) = named.settings.fate("unlink", Room::Free) {
        return kernel::fail(errno);
    }
    let done = unlink();
    if done == 0 {
        named.settings.note(Kind::Unlink, 0, 0, named.path.to_bytes());
    }
    done
}

fn make_directory(at: c_int, path: *const c_char, mode: mode_t) -> c_long {
    let make = || kernel::call(libc::SYS_mkdirat, [at.into(), word(path), mode.into(), 0]);
    let Some(named) = watched_path(path) else { return make() };
    if let Fate::Fails(errno) = named.settings.fate("mkdir", Room::Needed) {
        return kernel::fail(errno);
    }
    let done = make();
    if done == 0 {
        named.settings.note(Kind::Mkdir, kernel::node_at(named.path).unwrap_or(0), 0, named.path.to_bytes());
    }
    done
}

impl Named {
    /// Writes down what an open has done.
    fn opened(&self, descriptor: c_long, made: bool, emptied: bool) {
        let Some((_, node)) = c_int::try_from(descriptor).ok().and_then(kernel::behind) else { return };
        if made {
            self.settings.note(Kind::Create, node, 0, self.path.to_bytes());
        } else if emptied {
            self.settings.note(Kind::Truncate, node, 0, &[]);
        }
    }
}

fn watched_path(path: *const c_char) -> Option<Named> {
    let settings = settings()?;
    let path = text(path);
    settings.watches(path.to_bytes()).then_some(Named { settings, path })
}

/// A file that has lost its name is watched no more: nothing of it survives the process.
fn watched_file(descriptor: c_int) -> Option<Opened> {
    let settings = settings()?;
    let (path, node) = kernel::behind(descriptor)?;
    (settings.watches(&path) && !path.ends_with(b" (deleted)")).then_some(Opened { settings, node })
}

/// A path as the caller gave it; good for as long as the call.
fn text(path: *const c_char) -> &'static CStr {
    if path.is_null() {
        return c"";
    }
    // SAFETY: every function here takes a text that ends in NUL (open(2)) and lives through the call; no one keeps it longer.
    unsafe { CStr::from_ptr(path) }
}
