//! Byte strings in and out, and the two-call convention of section 5.2 of the standard on the caller's side of it: what
//! is reported and when is [`Room`]'s.

use core::marker::PhantomData;
use core::slice;

use claviger_rules::Error;
use claviger_session::Room;
use cryptoki_sys::{CK_BYTE_PTR, CK_ULONG, CK_ULONG_PTR};
use zeroize::Zeroizing;

use super::{bad, copy, extent, ulong, view};
use crate::Result;
use crate::call::Call;

/// Bytes that a call reads, where the call writes nowhere.
pub(crate) struct In<'a> {
    start: *const u8,
    len: CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> In<'a> {
    /// # Safety
    /// `start` is null or valid for reads of `len` bytes during the call, and the call writes to no pointer.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_BYTE_PTR, len: CK_ULONG) -> Self {
        Self { start, len, call: PhantomData }
    }

    /// The bytes; null with length 0 is empty.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(crate) fn bytes(&self) -> Result<&'a [u8]> {
        // SAFETY: the contract of `new`.
        unsafe { view(self.start, self.len) }
    }

    /// The bytes, where null has another meaning than empty: a PIN that the token is to ask for itself, which ours
    /// cannot.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(crate) fn given(&self) -> Result<&'a [u8]> {
        if self.start.is_null() { Err(bad("a pointer is null")) } else { self.bytes() }
    }
}

/// Bytes that a call reads before it writes elsewhere, so they are copied.
pub(crate) struct Copied<'a>(In<'a>);

impl<'a> Copied<'a> {
    /// # Safety
    /// `start` is null or valid for reads of `len` bytes during the call.
    pub(crate) unsafe fn new(call: &'a Call, start: CK_BYTE_PTR, len: CK_ULONG) -> Self {
        // SAFETY: what `In` asks beyond our contract concerns a borrow that does not leave `bytes`.
        Self(unsafe { In::new(call, start, len) })
    }

    /// A copy of the bytes.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_HOST_MEMORY.
    pub(crate) fn bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        copy(self.0.bytes()?)
    }
}

/// Where a call puts output of a length that only it knows.
pub(crate) struct Out<'a> {
    start: *mut u8,
    len: *mut CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> Out<'a> {
    /// # Safety
    /// `len` is null or valid for reads and writes; `start` is null or valid for writes of `*len` bytes; both during
    /// the call.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_BYTE_PTR, len: CK_ULONG_PTR) -> Self {
        Self { start, len, call: PhantomData }
    }

    /// Looks at the pointers.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD: no place for the length, or an absurd length.
    pub(crate) fn ready(self) -> Result<Buffer<'a>> {
        if self.len.is_null() {
            return Err(bad("the pointer to the output's length is null"));
        }
        // SAFETY: not null, and readable by the contract of `new`.
        let offered = unsafe { self.len.read_unaligned() };
        let room = if self.start.is_null() { None } else { Some(extent(self.start, offered)?) };
        Ok(Buffer { out: self, room })
    }
}

/// An [`Out`] that has been looked at.
pub(crate) struct Buffer<'a> {
    out: Out<'a>,
    /// `None` is a size query.
    room: Option<usize>,
}

impl Buffer<'_> {
    /// Lets `body` write, and reports the length if the call returns CKR_OK or CKR_BUFFER_TOO_SMALL.
    ///
    /// # Errors
    /// Those of `body`.
    pub(crate) fn fill(self, body: impl FnOnce(&mut Room<'_>) -> Result<()>) -> Result<()> {
        let mut room = match self.room {
            None => Room::query(),
            // SAFETY: not null, not longer than `isize::MAX`, writable by the contract of `Out::new`; whoever reads
            // caller memory in `body` has made sure that it lies elsewhere (`InOut`) or has copied it.
            Some(len) => Room::bytes(unsafe { slice::from_raw_parts_mut(self.out.start, len) }),
        };
        let outcome = body(&mut room);
        let reported = ulong(room.reported());
        let reports = match &outcome {
            Ok(()) => true,
            Err(refusal) => refusal.error == Error::BufferTooSmall,
        };
        if reports {
            // SAFETY: not null, and writable by the contract of `Out::new`.
            unsafe { self.out.len.write_unaligned(reported) };
        }
        outcome
    }

    fn overlaps(&self, input: &[u8]) -> bool {
        let out = self.out.start.addr();
        let input_start = input.as_ptr().addr();
        self.room.is_some_and(|room| input_start < out + room && out < input_start + input.len())
    }
}

/// Input with its output, which may be the same place or overlap.
pub(crate) struct InOut<'a> {
    input: In<'a>,
    out: Out<'a>,
}

impl<'a> InOut<'a> {
    /// # Safety
    /// `start` is null or valid for reads of `len` bytes; `out` and `out_len` are as [`Out::new`] wants them.
    pub(crate) unsafe fn new(
        call: &'a Call,
        start: CK_BYTE_PTR,
        len: CK_ULONG,
        out: CK_BYTE_PTR,
        out_len: CK_ULONG_PTR,
    ) -> Self {
        // SAFETY: readable by contract; that nothing is written while it is borrowed is what `ready` sees to.
        let input = unsafe { In::new(call, start, len) };
        // SAFETY: the same contract.
        let out = unsafe { Out::new(call, out, out_len) };
        Self { input, out }
    }

    /// Looks at the pointers, and copies the input if the output would overwrite it.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_HOST_MEMORY.
    pub(crate) fn ready(self) -> Result<Transfer<'a>> {
        let out = self.out.ready()?;
        let bytes = self.input.bytes()?;
        let copied = if out.overlaps(bytes) { Some(copy(bytes)?) } else { None };
        Ok(Transfer { input: self.input, copied, out })
    }
}

/// An [`InOut`] that has been looked at.
pub(crate) struct Transfer<'a> {
    input: In<'a>,
    copied: Option<Zeroizing<Vec<u8>>>,
    out: Buffer<'a>,
}

impl Transfer<'_> {
    /// Lets `body` read the input and write the output.
    ///
    /// # Errors
    /// Those of `body`.
    pub(crate) fn run(self, body: impl FnOnce(&[u8], &mut Room<'_>) -> Result<()>) -> Result<()> {
        let Self { input, copied, out } = self;
        match copied {
            Some(copy) => out.fill(|room| body(&copy, room)),
            None => {
                let input = input.bytes()?;
                out.fill(|room| body(input, room))
            }
        }
    }
}

/// Bytes that a call fills completely.
pub(crate) struct Fill<'a> {
    start: *mut u8,
    len: CK_ULONG,
    call: PhantomData<&'a Call>,
}

impl<'a> Fill<'a> {
    /// # Safety
    /// `start` is null or valid for writes of `len` bytes during the call, which uses no other pointer.
    pub(crate) unsafe fn new(_call: &'a Call, start: CK_BYTE_PTR, len: CK_ULONG) -> Self {
        Self { start, len, call: PhantomData }
    }

    /// The bytes; null with length 0 is empty.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(crate) fn bytes(self) -> Result<&'a mut [u8]> {
        match extent(self.start, self.len)? {
            0 => Ok(&mut []),
            // SAFETY: not null, not longer than `isize::MAX`, writable by the contract of `new`, and taken once.
            len => Ok(unsafe { slice::from_raw_parts_mut(self.start, len) }),
        }
    }
}
