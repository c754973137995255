//! Hostile memory at the border, shape by shape, and C_GetAttributeValue's way of answering.

use core::mem::size_of;
use core::ptr;

use claviger_crypto::engine::Hash;
use claviger_rules::mechanism::{HkdfSalt, Usage};
use claviger_rules::{AttributeType, Error, MechanismType, Parameter, Template, Value};
use claviger_session::{Answer, ObjectHandle, Room, UNAVAILABLE};
use cryptoki_sys::*;

use super::*;
use crate::call::Call;

fn call() -> Call {
    Call { mechanism: core::cell::Cell::new(None) }
}

fn error<T>(outcome: Result<T>) -> Option<Error> {
    outcome.err().map(|refusal| refusal.error)
}

/// Lengths that nothing in memory has.
const ABSURD: [CK_ULONG; 3] = [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 7];

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

mod places {
    use super::*;

    #[test]
    fn a_result_needs_a_place_which_may_be_unaligned() {
        let call = call();
        // SAFETY: refused before it is written.
        let none = unsafe { Place::<CK_ULONG>::new(&call, ptr::null_mut()) };
        assert_eq!(error(none.ready()), Some(Error::ArgumentsBad));
        let mut memory = [0_u8; 9];
        // SAFETY: eight bytes within `memory`.
        let place = unsafe { Place::new(&call, memory.as_mut_ptr().wrapping_add(1).cast::<CK_ULONG>()) };
        place.ready().expect("a place").put(5);
        assert_eq!(memory[1..], 5_u64.to_ne_bytes());
    }

    fn list(start: *mut CK_ULONG, count: *mut CK_ULONG) -> Option<Error> {
        let call = call();
        // SAFETY: the test gives good memory, or what is refused before it is touched.
        error(unsafe { List::new(&call, start, count) }.put(&[7, 8, 9]))
    }

    #[test]
    fn a_list_reports_its_count_and_goes_only_where_there_is_room() {
        let mut entries = [0; 3];
        let mut count = CK_ULONG::MAX;
        assert_eq!(list(ptr::null_mut(), &raw mut count), None);
        assert_eq!(count, 3);
        count = 2;
        assert_eq!(list(entries.as_mut_ptr(), &raw mut count), Some(Error::BufferTooSmall));
        assert_eq!((count, entries), (3, [0; 3]));
        assert_eq!(list(entries.as_mut_ptr(), &raw mut count), None);
        assert_eq!((count, entries), (3, [7, 8, 9]));
        assert_eq!(list(entries.as_mut_ptr(), ptr::null_mut()), Some(Error::ArgumentsBad));
    }

    #[test]
    fn an_unaligned_list_is_written_all_the_same() {
        let mut memory = [0_u8; 25];
        let mut count = 3;
        assert_eq!(list(memory.as_mut_ptr().wrapping_add(1).cast(), &raw mut count), None);
        assert_eq!(memory[1..9], 7_u64.to_ne_bytes());
        assert_eq!(memory[17..], 9_u64.to_ne_bytes());
    }

    #[test]
    fn found_objects_need_a_place_and_a_believable_maximum() {
        let call = call();
        let mut handles = [0; 2];
        let mut count = 9;
        let max = |start, max, count| {
            // SAFETY: refused before it is touched.
            error(unsafe { Found::new(&call, start, max, count) }.max())
        };
        assert_eq!(max(ptr::null_mut(), 2, &raw mut count), Some(Error::ArgumentsBad));
        assert_eq!(max(handles.as_mut_ptr(), 2, ptr::null_mut()), Some(Error::ArgumentsBad));
        assert_eq!(max(handles.as_mut_ptr(), CK_ULONG::MAX, &raw mut count), Some(Error::ArgumentsBad));
        assert_eq!(max(handles.as_mut_ptr(), CK_ULONG::MAX / 8, &raw mut count), Some(Error::ArgumentsBad));
        assert_eq!(max(ptr::null_mut(), 0, &raw mut count), None);
        // SAFETY: room for two handles and the count.
        let found = unsafe { Found::new(&call, handles.as_mut_ptr(), 2, &raw mut count) };
        assert_eq!(found.put(&[ObjectHandle(4), ObjectHandle(5), ObjectHandle(6)]), Ok(()));
        assert_eq!((count, handles), (2, [4, 5]));
    }

    #[test]
    fn a_name_is_read_no_further_than_it_matches() {
        let call = call();
        let is = |text: &[u8]| {
            // SAFETY: whoever stops matching is not read beyond that byte.
            unsafe { Name::new(&call, text.as_ptr().cast_mut()) }.is(c"PKCS 11")
        };
        assert!(is(b"PKCS 11\0"));
        assert!(!is(b"PKCS 11 "));
        assert!(!is(b"Q"));
        assert!(!is(b"\0"));
    }

    #[test]
    fn a_label_is_32_bytes_and_must_be_there() {
        let call = call();
        let mut label = *b"token                           ";
        // SAFETY: 32 bytes.
        assert_eq!(unsafe { Label::new(&call, label.as_mut_ptr()) }.padded(), Ok(label));
        // SAFETY: refused before it is read.
        assert_eq!(error(unsafe { Label::new(&call, ptr::null_mut()) }.padded()), Some(Error::ArgumentsBad));
    }
}

/// A row of a template over any memory.
fn row(type_: CK_ATTRIBUTE_TYPE, start: *const u8, len: CK_ULONG) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_, pValue: start.cast_mut().cast(), ulValueLen: len }
}

/// A row of a template over a good value.
fn good(type_: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    row(type_, value.as_ptr(), ulong(value.len()))
}

mod templates {
    use super::*;

    fn template(start: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template> {
        let call = call();
        // SAFETY: the tests below give good memory, or what is refused before it is read.
        unsafe { Attributes::new(&call, start.cast_mut(), count) }.template()
    }

    fn parse(rows: &[CK_ATTRIBUTE]) -> Result<Template> {
        template(rows.as_ptr(), ulong(rows.len()))
    }

    #[test]
    fn values_are_parsed_by_the_type_of_their_attribute() {
        let class = CKO_SECRET_KEY.to_ne_bytes();
        let parsed = parse(&[
            good(CKA_CLASS, &class),
            good(CKA_TOKEN, &[1]),
            good(CKA_LABEL, b"label"),
            row(CKA_ID, ptr::null(), 0),
            good(CKA_START_DATE, b"20260101"),
        ])
        .expect("a good template");
        assert_eq!(parsed.ulong(AttributeType::CLASS), Some(CKO_SECRET_KEY));
        assert_eq!(parsed.flag_given(AttributeType::TOKEN), Some(true));
        assert_eq!(parsed.bytes(AttributeType::LABEL), Some(&b"label"[..]));
        assert_eq!(parsed.bytes(AttributeType::ID), Some(&b""[..]));
        assert!(parsed.get(AttributeType::START_DATE) == Some(&Value::Date(Some(*b"20260101"))));
    }

    #[test]
    fn an_unknown_type_and_an_ill_typed_value_have_their_own_errors() {
        let word = 1_u32.to_ne_bytes();
        for (row, expected) in [
            (good(0x8000_0000, &[1]), Error::AttributeTypeInvalid),
            (good(CKA_HW_FEATURE_TYPE, &word), Error::AttributeTypeInvalid),
            (good(CKA_TOKEN, &[2]), Error::AttributeValueInvalid),
            (good(CKA_TOKEN, &[]), Error::AttributeValueInvalid),
            (good(CKA_TOKEN, &word), Error::AttributeValueInvalid),
            (good(CKA_CLASS, &word), Error::AttributeValueInvalid),
            (good(CKA_START_DATE, b"2026"), Error::AttributeValueInvalid),
            (good(CKA_ALLOWED_MECHANISMS, &word), Error::AttributeValueInvalid),
            (row(CKA_LABEL, ptr::null(), 4), Error::AttributeValueInvalid),
            (row(CKA_LABEL, word.as_ptr(), CK_ULONG::MAX), Error::AttributeValueInvalid),
            (row(CKA_VALUE, word.as_ptr(), 1 << 40), Error::AttributeValueInvalid),
        ] {
            assert_eq!(error(parse(&[row])), Some(expected), "{:#x}", row.type_);
        }
    }

    #[test]
    fn null_and_absurd_arrays_are_bad() {
        let rows = [good(CKA_TOKEN, &[1])];
        assert_eq!(error(template(ptr::null(), 1)), Some(Error::ArgumentsBad));
        assert!(template(ptr::null(), 0).expect("an empty template").is_empty());
        for count in [CK_ULONG::MAX, CK_ULONG::MAX / 24 + 2, 1 << 40, 1 << 20] {
            assert_eq!(error(template(rows.as_ptr(), count)), Some(Error::ArgumentsBad), "{count:#x}");
        }
    }

    #[test]
    fn an_unaligned_array_is_read_all_the_same() {
        let mut memory = [0_u8; 1 + size_of::<CK_ATTRIBUTE>()];
        let start = memory.as_mut_ptr().wrapping_add(1).cast::<CK_ATTRIBUTE>();
        let label = *b"x";
        // SAFETY: within `memory`.
        unsafe { start.write_unaligned(good(CKA_LABEL, &label)) };
        assert_eq!(template(start, 1).expect("a template").bytes(AttributeType::LABEL), Some(&b"x"[..]));
    }

    #[test]
    fn one_attribute_with_two_values_is_inconsistent() {
        let twice = |first: &'static [u8], second: &'static [u8]| {
            error(parse(&[good(CKA_LABEL, first), good(CKA_LABEL, second)]))
        };
        assert_eq!(twice(b"a", b"b"), Some(Error::TemplateInconsistent));
        assert_eq!(twice(b"a", b"a"), None);
    }

    fn array(type_: CK_ATTRIBUTE_TYPE, rows: &[CK_ATTRIBUTE]) -> CK_ATTRIBUTE {
        row(type_, rows.as_ptr().cast(), ulong(size_of_val(rows)))
    }

    #[test]
    fn a_template_holds_templates_but_these_hold_none() {
        let inner = [good(CKA_SENSITIVE, &[1]), good(CKA_LABEL, b"in")];
        let parsed = parse(&[array(CKA_UNWRAP_TEMPLATE, &inner)]).expect("a template with a template");
        let Some(Value::Template(unwrap)) = parsed.get(AttributeType::UNWRAP_TEMPLATE) else {
            panic!("no template inside");
        };
        assert_eq!(unwrap.flag_given(AttributeType::SENSITIVE), Some(true));
        assert_eq!(unwrap.bytes(AttributeType::LABEL), Some(&b"in"[..]));

        let deeper = [array(CKA_WRAP_TEMPLATE, &inner)];
        assert_eq!(error(parse(&[array(CKA_UNWRAP_TEMPLATE, &deeper)])), Some(Error::AttributeValueInvalid));
        let mut crooked = array(CKA_UNWRAP_TEMPLATE, &inner);
        crooked.ulValueLen -= 1;
        assert_eq!(error(parse(&[crooked])), Some(Error::AttributeValueInvalid));
        assert_eq!(error(parse(&[row(CKA_UNWRAP_TEMPLATE, ptr::null(), 24)])), Some(Error::AttributeValueInvalid));
        assert_eq!(error(parse(&[row(CKA_UNWRAP_TEMPLATE, ptr::null(), 0)])), None);
    }
}

mod get_attribute_value {
    use super::*;

    fn answer(rows: &mut [CK_ATTRIBUTE], answers: &[Answer]) -> Option<Error> {
        let call = call();
        // SAFETY: the tests below give rows over good memory.
        let wanted = unsafe { Wanted::new(&call, rows.as_mut_ptr(), ulong(rows.len())) };
        let asked = wanted.ready().expect("good memory");
        assert_eq!(asked.types().len(), answers.len());
        error(asked.answer(answers))
    }

    fn label() -> Answer {
        Answer::Value(Value::bytes("label"))
    }

    #[test]
    fn each_row_is_answered_by_its_own_case_of_the_algorithm() {
        // (answer, room or None for null, expected error, expected length, whether the value is written)
        let table = [
            (Answer::Sensitive, Some(8), Some(Error::AttributeSensitive), UNAVAILABLE, false),
            (Answer::Sensitive, None, Some(Error::AttributeSensitive), UNAVAILABLE, false),
            (Answer::Unavailable, Some(8), Some(Error::AttributeTypeInvalid), UNAVAILABLE, false),
            (Answer::Unavailable, None, Some(Error::AttributeTypeInvalid), UNAVAILABLE, false),
            (label(), None, None, 5, false),
            (label(), Some(8), None, 5, true),
            (label(), Some(5), None, 5, true),
            (label(), Some(4), Some(Error::BufferTooSmall), UNAVAILABLE, false),
            (label(), Some(0), Some(Error::BufferTooSmall), UNAVAILABLE, false),
            (label(), Some(UNAVAILABLE), Some(Error::BufferTooSmall), UNAVAILABLE, false),
            (Answer::Value(Value::bytes("")), None, None, 0, false),
            (Answer::Value(Value::bytes("")), Some(0), None, 0, false),
        ];
        for (number, (given, room, expected, len, written)) in table.into_iter().enumerate() {
            let mut buffer = *b"........";
            let start = if room.is_some() { buffer.as_mut_ptr() } else { ptr::null_mut() };
            let mut rows = [row(CKA_LABEL, start, room.unwrap_or(77))];
            assert_eq!(answer(&mut rows, &[given]), expected, "case {number}");
            assert_eq!(rows[0].ulValueLen, len, "case {number}");
            assert_eq!(&buffer, if written { b"label..." } else { b"........" }, "case {number}");
        }
    }

    #[test]
    fn every_row_is_answered_whatever_becomes_of_the_others() {
        let mut buffers = [[0_u8; 8]; 4];
        let [first, second, third, fourth] = &mut buffers;
        let mut rows = [
            row(CKA_VALUE, first.as_mut_ptr(), 8),
            row(CKA_MODULUS, second.as_mut_ptr(), 8),
            row(CKA_ID, third.as_mut_ptr(), 1),
            row(CKA_LABEL, fourth.as_mut_ptr(), 8),
        ];
        let id = || Answer::Value(Value::bytes([1, 2]));
        let answers = [Answer::Sensitive, Answer::Unavailable, id(), label()];
        assert_eq!(answer(&mut rows, &answers), Some(Error::AttributeSensitive));
        assert_eq!(rows.map(|row| row.ulValueLen), [UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, 5]);
        assert_eq!(&buffers[3][..5], b"label");
    }

    #[test]
    fn sensitive_goes_before_absent_goes_before_short() {
        let mut byte = 0_u8;
        let mut rows = || [row(CKA_VALUE, ptr::null(), 0), row(CKA_LABEL, &raw mut byte, 1)];
        assert_eq!(answer(&mut rows(), &[Answer::Unavailable, label()]), Some(Error::AttributeTypeInvalid));
        assert_eq!(answer(&mut rows(), &[Answer::Sensitive, label()]), Some(Error::AttributeSensitive));
        let both = [Answer::Unavailable, Answer::Sensitive];
        assert_eq!(answer(&mut rows(), &both), Some(Error::AttributeSensitive));
    }

    #[test]
    fn null_and_absurd_arrays_are_bad() {
        let call = call();
        let mut rows = [row(CKA_LABEL, ptr::null(), 0)];
        // SAFETY: refused before it is read.
        let ready = |start, count| error(unsafe { Wanted::new(&call, start, count) }.ready());
        assert_eq!(ready(ptr::null_mut(), 1), Some(Error::ArgumentsBad));
        assert_eq!(ready(rows.as_mut_ptr(), CK_ULONG::MAX), Some(Error::ArgumentsBad));
        assert_eq!(ready(ptr::null_mut(), 0), None);
    }

    fn nested() -> Answer {
        let inner = Template::from_list([
            (AttributeType::LABEL, Value::bytes("label")),
            (AttributeType::SENSITIVE, Value::Bool(true)),
        ]);
        Answer::Value(Value::Template(inner.expect("a template")))
    }

    const TWO_ROWS: CK_ULONG = 2 * size_of::<CK_ATTRIBUTE>() as CK_ULONG;

    #[test]
    fn an_array_attribute_is_told_types_and_lengths_then_filled() {
        let mut outer = [row(CKA_UNWRAP_TEMPLATE, ptr::null(), 0)];
        assert_eq!(answer(&mut outer, &[nested()]), None);
        assert_eq!(outer[0].ulValueLen, TWO_ROWS);

        let mut inner = [row(0, ptr::null(), 0); 2];
        outer[0].pValue = inner.as_mut_ptr().cast();
        assert_eq!(answer(&mut outer, &[nested()]), None);
        assert_eq!(inner.map(|row| row.type_), [CKA_LABEL, CKA_SENSITIVE]);
        assert_eq!(inner.map(|row| row.ulValueLen), [5, 1]);

        let (mut text, mut flag) = ([0_u8; 5], 7_u8);
        inner[0].pValue = text.as_mut_ptr().cast();
        inner[1].pValue = (&raw mut flag).cast();
        outer[0].pValue = inner.as_mut_ptr().cast();
        assert_eq!(answer(&mut outer, &[nested()]), None);
        assert_eq!((&text, flag), (b"label", 1));
    }

    #[test]
    fn a_short_place_inside_or_outside_an_array_is_too_small() {
        let (mut text, mut flag) = ([0_u8; 4], 7_u8);
        let mut inner = [row(0, text.as_mut_ptr(), 4), row(0, &raw mut flag, 1)];
        let start = inner.as_mut_ptr().cast();
        let mut outer = [row(CKA_UNWRAP_TEMPLATE, start, TWO_ROWS)];
        assert_eq!(answer(&mut outer, &[nested()]), Some(Error::BufferTooSmall));
        assert_eq!(outer[0].ulValueLen, TWO_ROWS);
        assert_eq!(inner.map(|row| row.ulValueLen), [UNAVAILABLE, 1]);
        assert_eq!((text, flag), ([0; 4], 1));

        outer[0].ulValueLen = TWO_ROWS - 1;
        assert_eq!(answer(&mut outer, &[nested()]), Some(Error::BufferTooSmall));
        assert_eq!(outer[0].ulValueLen, UNAVAILABLE);
    }
}

mod mechanisms {
    use super::*;

    fn parse_at(start: *const CK_MECHANISM, usage: Usage) -> Result<Parameter> {
        let call = call();
        // SAFETY: the tests below give good memory, or what is refused before it is read.
        unsafe { Mechanism::new(&call, start.cast_mut()) }.parse(usage)?.parameter
    }

    fn mechanism<T>(mechanism: CK_MECHANISM_TYPE, parameter: &T) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism,
            pParameter: ptr::from_ref(parameter).cast_mut().cast(),
            ulParameterLen: ulong(size_of::<T>()),
        }
    }

    fn parse<T>(id: CK_MECHANISM_TYPE, parameter: &T) -> Result<Parameter> {
        parse_at(&mechanism(id, parameter), Usage::Encrypt)
    }

    fn invalid<T>(id: CK_MECHANISM_TYPE, parameter: &T) {
        assert_eq!(error(parse(id, parameter)), Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn the_mechanism_itself_must_be_there_and_be_known() {
        assert_eq!(error(parse_at(ptr::null(), Usage::Encrypt)), Some(Error::ArgumentsBad));
        assert_eq!(error(parse(0x7fff_0000, &())), Some(Error::MechanismInvalid));
    }

    #[test]
    fn an_unaligned_mechanism_with_an_unaligned_parameter_is_read_all_the_same() {
        let mut memory = [0_u8; 1 + size_of::<CK_MECHANISM>()];
        let mut params = [0_u8; 1 + size_of::<CK_RSA_PKCS_PSS_PARAMS>()];
        let pss = params.as_mut_ptr().wrapping_add(1).cast::<CK_RSA_PKCS_PSS_PARAMS>();
        // SAFETY: within `params`.
        unsafe { pss.write_unaligned(PSS) };
        let start = memory.as_mut_ptr().wrapping_add(1).cast::<CK_MECHANISM>();
        let own = CK_MECHANISM { mechanism: CKM_RSA_PKCS_PSS, pParameter: pss.cast(), ulParameterLen: 24 };
        // SAFETY: within `memory`.
        unsafe { start.write_unaligned(own) };
        let parsed = parse_at(start, Usage::Sign);
        assert!(matches!(parsed, Ok(Parameter::Pss(pss)) if pss.salt_len == 32));
    }

    #[test]
    fn a_parameter_where_none_belongs_is_invalid_unless_it_is_empty() {
        assert!(matches!(parse(CKM_AES_ECB, &()), Ok(Parameter::None)));
        invalid(CKM_AES_ECB, &0_u8);
        let null = CK_MECHANISM { mechanism: CKM_AES_ECB, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        assert!(matches!(parse_at(&null, Usage::Encrypt), Ok(Parameter::None)));
    }

    #[test]
    fn an_iv_has_exactly_16_bytes() {
        assert!(matches!(parse(CKM_AES_CBC, &[7_u8; 16]), Ok(Parameter::Iv(iv)) if iv == [7; 16]));
        invalid(CKM_AES_CBC, &[7_u8; 15]);
        invalid(CKM_AES_CBC, &[7_u8; 17]);
        let null = CK_MECHANISM { mechanism: CKM_AES_CBC, pParameter: ptr::null_mut(), ulParameterLen: 16 };
        assert_eq!(error(parse_at(&null, Usage::Encrypt)), Some(Error::MechanismParamInvalid));
        let mut long = mechanism(CKM_AES_CBC, &[7_u8; 16]);
        long.ulParameterLen = CK_ULONG::MAX;
        assert_eq!(error(parse_at(&long, Usage::Encrypt)), Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn a_key_wrap_takes_no_value_or_one_of_its_own_length() {
        assert!(matches!(parse(CKM_AES_KEY_WRAP, &()), Ok(Parameter::None)));
        assert!(matches!(parse(CKM_AES_KEY_WRAP, &[6_u8; 8]), Ok(Parameter::KeyWrapIv(iv)) if iv == [6; 8]));
        invalid(CKM_AES_KEY_WRAP, &[6_u8; 4]);
        assert!(matches!(parse(CKM_AES_KEY_WRAP_KWP, &[6_u8; 4]), Ok(Parameter::KeyWrapIv(iv)) if iv == [6; 4]));
        invalid(CKM_AES_KEY_WRAP_KWP, &[6_u8; 8]);
    }

    const PSS: CK_RSA_PKCS_PSS_PARAMS = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA384, sLen: 32 };

    #[test]
    fn pss_names_its_hashes_by_number() {
        let parsed = parse(CKM_RSA_PKCS_PSS, &PSS);
        assert!(matches!(parsed, Ok(Parameter::Pss(pss)) if (pss.hash, pss.mgf) == (Hash::Sha256, Hash::Sha384)));
        invalid(CKM_RSA_PKCS_PSS, &CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256_HMAC, ..PSS });
        invalid(CKM_RSA_PKCS_PSS, &CK_RSA_PKCS_PSS_PARAMS { mgf: 0, ..PSS });
        invalid(CKM_RSA_PKCS_PSS, &[0_u8; 23]);
        invalid(CKM_RSA_PKCS_PSS, &[0_u8; 25]);
    }

    fn oaep(label: &mut [u8]) -> CK_RSA_PKCS_OAEP_PARAMS {
        CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA_1,
            mgf: CKG_MGF1_SHA1,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: label.as_mut_ptr().cast(),
            ulSourceDataLen: ulong(label.len()),
        }
    }

    #[test]
    fn oaep_takes_its_label_from_the_parameter_alone() {
        let mut label = *b"label";
        let good = oaep(&mut label);
        assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &good), Ok(Parameter::Oaep(oaep)) if oaep.label == b"label"));
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..good });
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { source: 2, ..good });
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { hashAlg: CKM_MD5, ..good });
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { mgf: CKG_MGF1_SHA3_256, ..good });
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { pSourceData: ptr::null_mut(), ..good });
        invalid(CKM_RSA_PKCS_OAEP, &CK_RSA_PKCS_OAEP_PARAMS { ulSourceDataLen: CK_ULONG::MAX, ..good });
        let empty = CK_RSA_PKCS_OAEP_PARAMS { pSourceData: ptr::null_mut(), ulSourceDataLen: 0, ..good };
        assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &empty), Ok(Parameter::Oaep(oaep)) if oaep.label.is_empty()));
        let libp11 = CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..empty };
        assert!(matches!(parse(CKM_RSA_PKCS_OAEP, &libp11), Ok(Parameter::Oaep(_))));
    }

    fn gcm(iv: &mut [u8], aad: &mut [u8]) -> CK_GCM_PARAMS {
        CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: ulong(iv.len()),
            ulIvBits: 0,
            pAAD: aad.as_mut_ptr(),
            ulAADLen: ulong(aad.len()),
            ulTagBits: 128,
        }
    }

    fn is_gcm(parsed: &Result<Parameter>) -> bool {
        matches!(parsed, Ok(Parameter::Gcm(gcm)) if gcm.iv == [5; 12] && gcm.aad == b"aad" && gcm.tag_bits == 128)
    }

    #[test]
    fn gcm_is_taken_with_and_without_the_length_of_the_iv_in_bits() {
        let (mut iv, mut aad) = ([5_u8; 12], *b"aad");
        let params = gcm(&mut iv, &mut aad);
        assert!(is_gcm(&parse(CKM_AES_GCM, &params)));
        assert!(is_gcm(&parse(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvBits: 96, ..params })));
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvBits: 95, ..params });
        let short = [params.pIv.addr(), 12, params.pAAD.addr(), 3, 128];
        params.pIv.expose_provenance();
        params.pAAD.expose_provenance();
        assert!(is_gcm(&parse(CKM_AES_GCM, &short)));
    }

    #[test]
    fn gcm_lengths_are_not_believed_beyond_reason() {
        let (mut iv, mut aad) = ([5_u8; 12], *b"aad");
        let params = gcm(&mut iv, &mut aad);
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: 0, ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: 257, ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulIvLen: CK_ULONG::MAX / 8 + 1, ulIvBits: 0, ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { pIv: ptr::null_mut(), ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { pAAD: ptr::null_mut(), ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulAADLen: CK_ULONG::MAX, ..params });
        invalid(CKM_AES_GCM, &CK_GCM_PARAMS { ulTagBits: 1 << 40, ..params });
        let no_aad = CK_GCM_PARAMS { pAAD: ptr::null_mut(), ulAADLen: 0, ..params };
        assert!(matches!(parse(CKM_AES_GCM, &no_aad), Ok(Parameter::Gcm(gcm)) if gcm.aad.is_empty()));
    }

    fn gcm_wrap(iv: &mut [u8], generator: CK_GENERATOR_FUNCTION) -> CK_GCM_WRAP_PARAMS {
        CK_GCM_WRAP_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: ulong(iv.len()),
            ulIvFixedBits: 0,
            ivGenerator: generator,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        }
    }

    fn iv_of(parsed: Result<Parameter>) -> Result<Vec<u8>> {
        let Parameter::Gcm(gcm) = parsed? else { panic!("not GCM") };
        Ok(gcm.iv)
    }

    #[test]
    fn gcm_wrap_parameters_ask_the_token_for_a_random_iv_or_bring_their_own() {
        let mut iv = [5_u8; 12];
        let wrap = |params: &CK_GCM_WRAP_PARAMS, usage| iv_of(parse_at(&mechanism(CKM_AES_GCM, params), usage));
        for generator in [CKG_GENERATE, CKG_GENERATE_RANDOM] {
            assert_eq!(wrap(&gcm_wrap(&mut iv, generator), Usage::Wrap), Ok(Vec::new()));
        }
        assert_eq!(wrap(&gcm_wrap(&mut iv, CKG_NO_GENERATE), Usage::Wrap), Ok(vec![5; 12]));
        for usage in [Usage::Unwrap, Usage::Wrap] {
            let fixed = CK_GCM_WRAP_PARAMS { ulIvFixedBits: 32, ..gcm_wrap(&mut iv, CKG_GENERATE) };
            let expected = if usage == Usage::Unwrap { None } else { Some(Error::MechanismParamInvalid) };
            assert_eq!(error(wrap(&fixed, usage)), expected);
        }
        for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR, 99] {
            let refused = wrap(&gcm_wrap(&mut iv, generator), Usage::Wrap);
            assert_eq!(error(refused), Some(Error::MechanismParamInvalid));
        }
        let long = wrap(&gcm_wrap(&mut [0; 16], CKG_GENERATE), Usage::Wrap);
        assert_eq!(error(long), Some(Error::MechanismParamInvalid));
        let encrypts = wrap(&gcm_wrap(&mut iv, CKG_GENERATE), Usage::Encrypt);
        assert_eq!(error(encrypts), Some(Error::MechanismParamInvalid));
    }

    #[test]
    fn an_iv_that_the_token_made_goes_back_to_the_caller_of_a_wrap_alone() {
        for (usage, expected) in [(Usage::Wrap, [9; 12]), (Usage::Unwrap, [0; 12]), (Usage::Encrypt, [0; 12])] {
            let mut iv = [0_u8; 12];
            let params = gcm(&mut iv, &mut []);
            let own = mechanism(CKM_AES_GCM, &params);
            let call = call();
            // SAFETY: a mechanism with its parameter.
            let mechanism = unsafe { Mechanism::new(&call, (&raw const own).cast_mut()) };
            let mut parsed = mechanism.parse(usage).expect("a mechanism");
            if let Ok(Parameter::Gcm(gcm)) = &mut parsed.parameter {
                gcm.iv = vec![9; 12];
            }
            mechanism.write_back(&parsed);
            assert_eq!(iv, expected, "{usage:?}");
        }
    }

    #[test]
    fn the_trace_hears_of_the_mechanism() {
        let call = call();
        let own = mechanism(MechanismType::AES_ECB.0, &());
        // SAFETY: a mechanism without parameter.
        let mechanism = unsafe { Mechanism::new(&call, (&raw const own).cast_mut()) };
        assert!(mechanism.parse(Usage::Encrypt).is_ok());
        assert_eq!(call.mechanism.get(), Some(CKM_AES_ECB));
    }

    const HKDF: CK_HKDF_PARAMS = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_NULL,
        pSalt: ptr::null_mut(),
        ulSaltLen: 0,
        hSaltKey: 0,
        pInfo: ptr::null_mut(),
        ulInfoLen: 0,
    };

    fn salt(params: CK_HKDF_PARAMS) -> Result<HkdfSalt> {
        let Parameter::Hkdf(hkdf) = parse(CKM_HKDF_DERIVE, &params)? else { panic!("not HKDF") };
        Ok(hkdf.salt)
    }

    #[test]
    fn hkdf_takes_its_salt_from_nowhere_from_data_or_from_a_key() {
        let mut text = *b"salt";
        let data = CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_DATA, pSalt: text.as_mut_ptr(), ulSaltLen: 4, ..HKDF };
        let key = CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_KEY, hSaltKey: 7, ..HKDF };
        assert!(matches!(salt(HKDF), Ok(HkdfSalt::Null)));
        assert!(matches!(salt(data), Ok(HkdfSalt::Data(salt)) if salt == b"salt"));
        assert!(matches!(salt(key), Ok(HkdfSalt::Key(7))));
        assert!(matches!(salt(CK_HKDF_PARAMS { bExtract: CK_FALSE, ..key }), Ok(HkdfSalt::Null)));
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { ulSaltType: 3, ..HKDF });
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { pSalt: ptr::null_mut(), ..data });
    }

    #[test]
    fn hkdf_needs_a_step_a_hash_and_true_booleans() {
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { bExtract: CK_FALSE, bExpand: CK_FALSE, ..HKDF });
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { bExtract: 2, ..HKDF });
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { prfHashMechanism: CKM_SHA256_HMAC, ..HKDF });
        invalid(CKM_HKDF_DERIVE, &CK_HKDF_PARAMS { ulInfoLen: 1, ..HKDF });
        let mut info = *b"info";
        let with_info = CK_HKDF_PARAMS { pInfo: info.as_mut_ptr(), ulInfoLen: 4, ..HKDF };
        assert!(matches!(parse(CKM_HKDF_DERIVE, &with_info), Ok(Parameter::Hkdf(hkdf)) if hkdf.info == b"info"));
        let extract = CK_HKDF_PARAMS { bExpand: CK_FALSE, ..with_info };
        assert!(matches!(parse(CKM_HKDF_DERIVE, &extract), Ok(Parameter::Hkdf(hkdf)) if hkdf.info.is_empty()));
    }
}
