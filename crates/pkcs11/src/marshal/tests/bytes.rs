//! Byte strings, and the two-call convention.

use core::ptr;

use claviger_session::Room;

use super::*;
use crate::marshal::{Fill, In, InOut, Out, ulong};

mod strings {
    use super::*;

    fn read(start: *const u8, len: CK_ULONG) -> Result<Vec<u8>> {
        let call = call();
        // SAFETY: the tests below give good bytes, or what is refused before it is read.
        unsafe { In::new(&call, start.cast_mut(), len) }.bytes().map(<[u8]>::to_vec)
    }

    #[test]
    fn null_is_empty_with_length_0_and_bad_with_any_other() {
        assert_eq!(read(ptr::null(), 0), Ok(Vec::new()));
        assert_eq!(error(read(ptr::null(), 1)), Some(Error::ArgumentsBad));
    }

    #[test]
    fn absurd_lengths_are_bad() {
        let byte = 7_u8;
        for len in ABSURD {
            assert_eq!(error(read(&raw const byte, len)), Some(Error::ArgumentsBad), "{len:#x}");
        }
        let end = ptr::without_provenance::<u8>(usize::MAX - 1);
        assert_eq!(error(read(end, 16)), Some(Error::ArgumentsBad), "beyond the end of memory");
    }

    #[test]
    fn a_pin_must_be_given_even_if_empty() {
        let call = call();
        let mut empty = [];
        // SAFETY: no bytes are read.
        assert_eq!(error(unsafe { In::new(&call, ptr::null_mut(), 0) }.given()), Some(Error::ArgumentsBad));
        // SAFETY: no bytes are read.
        assert_eq!(unsafe { In::new(&call, empty.as_mut_ptr(), 0) }.given(), Ok(&[][..]));
    }

    #[test]
    fn random_bytes_go_exactly_where_they_were_wanted() {
        let call = call();
        let mut memory = [0_u8; 4];
        // SAFETY: two bytes within `memory`.
        let fill = unsafe { Fill::new(&call, memory.as_mut_ptr().wrapping_add(1), 2) };
        fill.bytes().expect("good memory").fill(9);
        assert_eq!(memory, [0, 9, 9, 0]);
        // SAFETY: refused before it is written.
        assert_eq!(error(unsafe { Fill::new(&call, ptr::null_mut(), 2) }.bytes()), Some(Error::ArgumentsBad));
        for len in ABSURD {
            // SAFETY: refused before it is written.
            let fill = unsafe { Fill::new(&call, memory.as_mut_ptr(), len) };
            assert_eq!(error(fill.bytes()), Some(Error::ArgumentsBad));
        }
    }
}

mod two_calls {
    use super::*;

    const OUTPUT: &[u8] = b"output";

    fn put(start: *mut u8, len: *mut CK_ULONG, body: impl FnOnce(&mut Room<'_>) -> Result<()>) -> Result<()> {
        let call = call();
        // SAFETY: the tests below give good memory, or what is refused before it is touched.
        unsafe { Out::new(&call, start, len) }.ready()?.fill(body)
    }

    fn output(room: &mut Room<'_>) -> Result<()> {
        room.put(OUTPUT).map(drop)
    }

    #[test]
    fn a_null_buffer_asks_for_the_length_whatever_length_it_says() {
        for offered in [0, 3, CK_ULONG::MAX] {
            let mut len = offered;
            assert_eq!(put(ptr::null_mut(), &raw mut len, output), Ok(()));
            assert_eq!(len, 6);
        }
    }

    #[test]
    fn a_short_buffer_is_told_the_length_and_left_alone() {
        let mut buffer = [1_u8; 5];
        let mut len = 5;
        assert_eq!(error(put(buffer.as_mut_ptr(), &raw mut len, output)), Some(Error::BufferTooSmall));
        assert_eq!((len, buffer), (6, [1; 5]));
        len = 0;
        assert_eq!(error(put(buffer.as_mut_ptr(), &raw mut len, output)), Some(Error::BufferTooSmall));
        assert_eq!((len, buffer), (6, [1; 5]));
    }

    #[test]
    fn a_long_buffer_gets_the_output_and_nothing_behind_it() {
        let mut buffer = [1_u8; 8];
        let mut len = 8;
        assert_eq!(put(buffer.as_mut_ptr(), &raw mut len, output), Ok(()));
        assert_eq!((len, &buffer), (6, b"output\x01\x01"));
    }

    #[test]
    fn null_and_absurd_lengths_are_bad_and_nothing_is_done() {
        let done = |_: &mut Room<'_>| -> Result<()> { panic!("the operation went on") };
        let mut buffer = [1_u8; 4];
        assert_eq!(error(put(buffer.as_mut_ptr(), ptr::null_mut(), done)), Some(Error::ArgumentsBad));
        for absurd in ABSURD {
            let mut len = absurd;
            assert_eq!(error(put(buffer.as_mut_ptr(), &raw mut len, done)), Some(Error::ArgumentsBad));
            assert_eq!(len, absurd);
        }
    }

    #[test]
    fn other_errors_report_no_length() {
        let mut len = 8;
        let failing = |room: &mut Room<'_>| {
            room.put(OUTPUT)?;
            Err(Error::EncryptedDataInvalid.into())
        };
        assert_eq!(error(put(ptr::null_mut(), &raw mut len, failing)), Some(Error::EncryptedDataInvalid));
        assert_eq!(len, 8);
    }

    #[test]
    fn the_length_may_be_unaligned() {
        let mut memory = [0_u8; 9];
        let len = memory.as_mut_ptr().wrapping_add(1).cast::<CK_ULONG>();
        assert_eq!(put(ptr::null_mut(), len, output), Ok(()));
        assert_eq!(memory[1..], 6_u64.to_ne_bytes());
    }

    /// Moves input to output byte by byte, as a stream cipher would, reading each after the one before is written.
    fn shift(memory: &mut [u8], input: usize, out: usize, len: usize) {
        let call = call();
        let mut out_len = ulong(len);
        let start = memory.as_mut_ptr();
        // SAFETY: both lie within `memory`.
        let both = unsafe {
            InOut::new(&call, start.wrapping_add(input), ulong(len), start.wrapping_add(out), &raw mut out_len)
        };
        let run = both.ready().expect("good memory").run(|input, room| {
            let output = room.claim(input.len())?.expect("there is a buffer");
            for (to, from) in output.iter_mut().zip(input) {
                *to = *from;
            }
            Ok(())
        });
        assert_eq!((run, out_len), (Ok(()), ulong(len)));
    }

    #[test]
    fn an_input_survives_the_output_that_overwrites_it() {
        for (input, out) in [(0, 0), (0, 1), (0, 3), (3, 0), (2, 4), (4, 4), (0, 4), (4, 0)] {
            let mut memory = *b"abcdefgh";
            let expected = memory[input..input + 4].to_vec();
            shift(&mut memory, input, out, 4);
            assert_eq!(memory[out..out + 4], expected, "from {input} to {out}");
        }
    }

    #[test]
    fn a_length_inside_the_output_does_no_harm() {
        let mut memory = [0xff_u8; 16];
        memory[..8].copy_from_slice(&16_u64.to_ne_bytes());
        let start = memory.as_mut_ptr();
        assert_eq!(put(start, start.cast(), |room| room.put(&[3; 16]).map(drop)), Ok(()));
        assert_eq!(memory[..8], 16_u64.to_ne_bytes());
        assert_eq!(memory[8..], [3; 8]);
    }
}
