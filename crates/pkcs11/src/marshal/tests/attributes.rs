//! Templates, and C_GetAttributeValue's way of answering (section 5.7.5).

use core::ptr;

use claviger_rules::{AttributeType, Template, Value};
use claviger_session::{Answer, UNAVAILABLE};
use cryptoki_sys::*;

use super::*;
use crate::marshal::{Attributes, Wanted, ulong};

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
