//! The trace's bytes, as the shim writes them and the driver reads them: one frame for each call, one `write` for each frame.
//! All calls of one thread stand in their order; calls of several threads at once may not, so the workload has one.
//!
//! ```text
//!  0      1      9       17       21
//!  | kind | node | value | length | bytes |     numbers little-endian; length counts the bytes
//! ```

/// How long a frame is before its bytes.
#[allow(dead_code, reason = "the shim only writes")]
pub(crate) const HEADER_LEN: usize = 21;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        /// What a frame tells of.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(crate) enum Kind { $($(#[$doc])* $name = $number),* }

        impl Kind {
            /// The kind of that number.
            #[allow(dead_code, reason = "the shim only writes")]
            pub(crate) const fn of(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A file was made. Bytes: its path.
    Create = 1;
    /// A directory was made. Bytes: its path.
    Mkdir = 2;
    /// Bytes were written at offset `value`.
    Write = 3;
    /// The file has `value` bytes from now on.
    Truncate = 4;
    /// fsync or fdatasync of a file, fsync of a directory.
    Sync = 5;
    /// Bytes: the old path, NUL, the new path. The node is what moved.
    Rename = 6;
    /// A name of a file, or an empty directory, was taken away. Bytes: its path.
    Unlink = 7;
    /// The driver's own: a call begins or has returned.
    Mark = 8;
    /// A call that can be made to fail is the `value`-th since the shim was armed. Bytes: its name.
    Called = 9;
    /// That call was made to fail. Value: the error number. Bytes: its name.
    Injected = 10;
}

/// One frame.
pub(crate) fn encode(kind: Kind, node: u64, value: u64, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let kept = bytes.get(..length as usize).unwrap_or(bytes);
    [&[kind as u8][..], &node.to_le_bytes(), &value.to_le_bytes(), &length.to_le_bytes(), kept].concat()
}
