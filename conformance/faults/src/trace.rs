//! The trace of a run, read back.

use std::io::Write as _;
use std::path::Path;

use crate::frame::{self, HEADER_LEN, Kind};

/// One call, as the shim or the player wrote it down.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) node: u64,
    pub(crate) value: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    /// The bytes as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// All frames of the trace.
///
/// # Errors
/// A sentence when the file cannot be read or ends within a frame.
pub(crate) fn read(path: &Path) -> Result<Vec<Frame>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}.", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (frame, after) = split(rest).ok_or("The trace ends within a frame: the disk is full?")?;
        frames.push(frame);
        rest = after;
    }
    Ok(frames)
}

fn split(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER_LEN)?;
    let (kind, header) = header.split_first()?;
    let (node, header) = header.split_first_chunk::<8>()?;
    let (value, length) = header.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length.first_chunk::<4>()?) as usize;
    let (data, rest) = rest.split_at_checked(length)?;
    let kind = Kind::of(*kind)?;
    let frame =
        Frame { kind, node: u64::from_le_bytes(*node), value: u64::from_le_bytes(*value), bytes: data.to_vec() };
    Some((frame, rest))
}

/// The player's own frame: a call begins (value 0) or has returned (value 1); the node is the call's number.
///
/// # Errors
/// A sentence.
pub(crate) fn mark(path: &Path, number: usize, returned: bool) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}.", path.display());
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(fault)?;
    file.write_all(&frame::encode(Kind::Mark, number as u64, returned.into(), &[])).map_err(fault)
}
