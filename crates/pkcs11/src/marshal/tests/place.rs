//! Results, lists, names and labels.

use core::ptr;

use claviger_session::ObjectHandle;

use super::*;
use crate::marshal::{Found, Label, List, Name, Place};

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
