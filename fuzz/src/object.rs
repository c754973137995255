//! Any bytes as the plaintext of an object's record, taken apart as the session layer does. What is no object is refused
//! with an error, and what is one comes out of its own encoding again.
#![no_main]

use claviger_rules::Object;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = postcard::from_bytes::<Object>(bytes) else { return };
    let once = postcard::to_stdvec(&object).expect("what was decoded can be encoded");
    let again: Object = postcard::from_bytes(&once).expect("what was encoded can be decoded");
    assert_eq!(postcard::to_stdvec(&again).expect("as before"), once);
});
