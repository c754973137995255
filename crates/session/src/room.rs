//! The two-call convention of section 5.2 of the standard: where output goes, and which length is reported.
//! Not the caller's pointers: the border makes a slice of them first.

use claviger_rules::{Error, Refusal};

use crate::Result;

/// The caller's buffer for one output, or the question how large it must be.
///
/// After the call the border writes [`Room::reported`] to `*pulLen` when the call returned CKR_OK or
/// CKR_BUFFER_TOO_SMALL, and nothing otherwise.
pub struct Room<'a> {
    buffer: Option<&'a mut [u8]>,
    reported: usize,
}

impl<'a> Room<'a> {
    /// The caller asks for the length (`pBuf` NULL).
    pub const fn query() -> Self {
        Self { buffer: None, reported: 0 }
    }

    /// The caller offers these bytes.
    pub const fn bytes(buffer: &'a mut [u8]) -> Self {
        Self { buffer: Some(buffer), reported: 0 }
    }

    /// Whether the caller only asks for the length.
    pub const fn is_query(&self) -> bool {
        self.buffer.is_none()
    }

    /// Whether `len` bytes of output can be written.
    pub fn holds(&self, len: usize) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| buffer.len() >= len)
    }

    /// Reports `len` and gives that many bytes to write to; `None` for a size query.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL when the buffer is shorter; `len` is reported all the same.
    pub fn claim(&mut self, len: usize) -> Result<Option<&mut [u8]>> {
        self.reported = len;
        match &mut self.buffer {
            None => Ok(None),
            Some(buffer) => match buffer.get_mut(..len) {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(Refusal::standard(Error::BufferTooSmall, "the output is longer than the buffer")),
            },
        }
    }

    /// Reports fewer bytes than were claimed: those that were written.
    pub fn wrote(&mut self, len: usize) {
        self.reported = self.reported.min(len);
    }

    /// Copies finished output out. Says whether it was taken: a size query does not take it.
    ///
    /// # Errors
    /// As [`Room::claim`].
    pub fn put(&mut self, output: &[u8]) -> Result<bool> {
        let Some(bytes) = self.claim(output.len())? else { return Ok(false) };
        bytes.copy_from_slice(output);
        Ok(true)
    }

    /// The length for `*pulLen`.
    pub const fn reported(&self) -> usize {
        self.reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reports_the_length_and_takes_nothing() {
        let mut room = Room::query();
        assert_eq!(room.put(&[1, 2, 3]), Ok(false));
        assert_eq!(room.reported(), 3);
    }

    #[test]
    fn a_short_buffer_is_left_alone_and_told_the_length() {
        let mut buffer = [9; 2];
        let mut room = Room::bytes(&mut buffer);
        assert_eq!(room.put(&[1, 2, 3]).map_err(|refusal| refusal.error), Err(Error::BufferTooSmall));
        assert_eq!(room.reported(), 3);
        assert_eq!(buffer, [9; 2]);
    }

    #[test]
    fn a_long_buffer_gets_the_output_and_its_exact_length() {
        let mut buffer = [9; 4];
        let mut room = Room::bytes(&mut buffer);
        assert_eq!(room.put(&[1, 2, 3]), Ok(true));
        assert_eq!(room.reported(), 3);
        assert_eq!(buffer, [1, 2, 3, 9]);
    }

    #[test]
    fn no_output_at_all_fits_into_no_bytes_at_all() {
        let mut room = Room::bytes(&mut []);
        assert_eq!(room.put(&[]), Ok(true));
        assert_eq!(room.reported(), 0);
    }
}
