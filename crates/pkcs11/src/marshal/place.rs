//! Values of a fixed type in and out: structures, handles, lists of numbers, fixed texts.

use core::ffi::CStr;
use core::marker::PhantomData;
use core::{mem, ptr};

use claviger_rules::{Error, Refusal};
use claviger_session::ObjectHandle;
use cryptoki_sys::{
    CK_C_INITIALIZE_ARGS, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE_PTR, CK_ULONG, CK_ULONG_PTR, CK_UTF8CHAR_PTR, CK_VOID_PTR,
};

use super::{bad, extent, ulong};
use crate::Result;
use crate::call::Call;

/// Where a call puts one value.
pub(crate) struct Place<'a, T> {
    start: *mut T,
    call: PhantomData<&'a Call>,
}

impl<'a, T: Copy> Place<'a, T> {
    /// # Safety
    /// `start` is null or valid for writes during the call; it need not be aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: *mut T) -> Self {
        Self { start, call: PhantomData }
    }

    /// Looks at the pointer, before the call does what could not be undone if there were no place for its result.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when it is null.
    pub(crate) fn ready(self) -> Result<Ready<'a, T>> {
        if self.start.is_null() { Err(bad("the pointer to the result is null")) } else { Ok(Ready(self)) }
    }
}

/// A [`Place`] that has been looked at.
pub(crate) struct Ready<'a, T>(Place<'a, T>);

impl<T: Copy> Ready<'_, T> {
    /// Writes the value.
    pub(crate) fn put(self, value: T) {
        // SAFETY: not null, and writable by the contract of `Place::new`.
        unsafe { self.0.start.write_unaligned(value) };
    }
}

/// Where a call puts a list, in two calls if need be; the count is of entries.
pub(crate) struct List<'a, T> {
    start: *mut T,
    count: *mut CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a, T: Copy> List<'a, T> {
    /// # Safety
    /// `count` is null or valid for reads and writes; `start` is null or valid for writes of `*count` entries; both
    /// during the call, and neither need be aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: *mut T, count: CK_ULONG_PTR) -> Self {
        Self { start, count, call: PhantomData }
    }

    /// Writes the count, and the entries where there is room.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL (the count is written all the same).
    pub(crate) fn put(self, entries: &[T]) -> Result<()> {
        if self.count.is_null() {
            return Err(bad("the pointer to the list's count is null"));
        }
        // SAFETY: not null, and readable by the contract of `new`.
        let offered = unsafe { self.count.read_unaligned() };
        // SAFETY: not null, and writable by the contract of `new`.
        unsafe { self.count.write_unaligned(ulong(entries.len())) };
        if self.start.is_null() {
            return Ok(());
        }
        if offered < ulong(entries.len()) {
            return Err(Refusal::standard(Error::BufferTooSmall, "the list is longer than the buffer"));
        }
        // SAFETY: there is room for as many entries by the contract of `new`.
        unsafe { write_entries(self.start, entries) };
        Ok(())
    }
}

/// Where C_FindObjects puts what it found.
pub(crate) struct Found<'a> {
    start: *mut CK_OBJECT_HANDLE,
    max: CK_ULONG,
    count: *mut CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> Found<'a> {
    /// # Safety
    /// `count` is null or valid for writes; `start` is null or valid for writes of `max` handles; both during the call,
    /// and neither need be aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_OBJECT_HANDLE_PTR, max: CK_ULONG, count: CK_ULONG_PTR) -> Self {
        Self { start, max, count, call: PhantomData }
    }

    /// How many handles there is room for.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(crate) fn max(&self) -> Result<usize> {
        let bytes = self.max.checked_mul(ulong(size_of::<CK_OBJECT_HANDLE>())).ok_or(bad("the count is absurd"))?;
        extent(self.start.cast(), bytes)?;
        if self.count.is_null() {
            return Err(bad("the pointer to the number of objects is null"));
        }
        usize::try_from(self.max).map_err(|_| bad("the count is absurd"))
    }

    /// Writes the handles, at most [`Found::max`].
    ///
    /// # Errors
    /// As [`Found::max`].
    pub(crate) fn put(self, objects: &[ObjectHandle]) -> Result<()> {
        let handles: Vec<_> = objects.iter().take(self.max()?).map(|object| object.0).collect();
        // SAFETY: not more than `max`, for which there is room by the contract of `new`.
        unsafe { write_entries(self.start, &handles) };
        // SAFETY: not null, and writable by the contract of `new`.
        unsafe { self.count.write_unaligned(ulong(handles.len())) };
        Ok(())
    }
}

/// A structure that a call reads, or null.
pub(crate) struct Given<'a, T> {
    start: *const T,
    call: PhantomData<&'a Call>,
}

impl<'a, T: Copy> Given<'a, T> {
    /// # Safety
    /// `start` is null or points to a `T` during the call; it need not be aligned.
    pub(crate) unsafe fn new(_call: &'a Call, start: *const T) -> Self {
        Self { start, call: PhantomData }
    }

    /// The value, unless the pointer is null.
    pub(crate) fn get(&self) -> Option<T> {
        // SAFETY: not null, and a `T` by the contract of `new`.
        (!self.start.is_null()).then(|| unsafe { self.start.read_unaligned() })
    }
}

/// CK_C_INITIALIZE_ARGS, which C_Initialize takes as a pointer to anything.
pub(crate) struct InitializeArgs<'a>(Given<'a, CK_C_INITIALIZE_ARGS>);

impl<'a> InitializeArgs<'a> {
    /// # Safety
    /// `start` is null or points to a CK_C_INITIALIZE_ARGS during the call; it need not be aligned.
    pub(crate) unsafe fn new(call: &'a Call, start: CK_VOID_PTR) -> Self {
        // SAFETY: the same contract.
        Self(unsafe { Given::new(call, start.cast_const().cast()) })
    }

    /// The structure, unless the pointer is null.
    pub(crate) fn get(&self) -> Option<CK_C_INITIALIZE_ARGS> {
        self.0.get()
    }
}

/// The label of C_InitToken: 32 bytes without a length.
pub(crate) struct Label<'a>(Given<'a, [u8; 32]>);

impl<'a> Label<'a> {
    /// # Safety
    /// `start` is null or valid for reads of 32 bytes during the call.
    pub(crate) unsafe fn new(call: &'a Call, start: CK_UTF8CHAR_PTR) -> Self {
        // SAFETY: the same contract.
        Self(unsafe { Given::new(call, start.cast_const().cast()) })
    }

    /// The label with its padding.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when the pointer is null.
    pub(crate) fn padded(&self) -> Result<[u8; 32]> {
        self.0.get().ok_or(bad("the pointer to the label is null"))
    }
}

/// A null-terminated name, or null.
pub(crate) struct Name<'a> {
    start: *const u8,
    call: PhantomData<&'a Call>,
}

impl<'a> Name<'a> {
    /// # Safety
    /// `start` is null or points to a null-terminated string during the call.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_UTF8CHAR_PTR) -> Self {
        Self { start, call: PhantomData }
    }

    /// Whether no name was given, or this one.
    pub(crate) fn is(&self, name: &CStr) -> bool {
        let matches = |(index, byte): (usize, &u8)| {
            // SAFETY: all bytes before this one matched and were not NUL, so the string goes on to here.
            *byte == unsafe { self.start.wrapping_add(index).read() }
        };
        self.start.is_null() || name.to_bytes_with_nul().iter().enumerate().all(matches)
    }
}

/// Copies `entries` to `start`.
///
/// # Safety
/// `start` is valid for writes of as many entries; it may be null when there are none, and need not be aligned.
unsafe fn write_entries<T: Copy>(start: *mut T, entries: &[T]) {
    if !entries.is_empty() {
        // SAFETY: valid for as many bytes by contract; bytes have no alignment; `entries` is memory of our own.
        unsafe {
            ptr::copy_nonoverlapping(entries.as_ptr().cast::<u8>(), start.cast::<u8>(), mem::size_of_val(entries));
        }
    }
}
