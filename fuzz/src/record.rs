//! Any bytes as a record of the store. Nothing opens that was not sealed; and what is sealed around any bytes at all is
//! a header, an act, a change-log entry, or an error. The first byte of the input chooses.
#![no_main]

#[path = "../../crates/store/src/record.rs"]
#[allow(dead_code, reason = "the store uses all of it")]
mod record;

use claviger_crypto::Secret;
use claviger_crypto::seal::SealKey;
use claviger_store::{Act, Header, Parts, storage};
pub(crate) use claviger_store::{Error, Result};
use libfuzzer_sys::fuzz_target;
use record::{Frame, Place, TokenId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::Table;

fuzz_target!(|bytes: &[u8]| {
    let [choice, bytes @ ..] = bytes else { return };
    let key = SealKey::new(&Secret::copy_of(&[9; 32])).expect("32 bytes");
    let place = Place { token: TokenId([7; 16]), table: Table::Objects, key: &[*choice] };
    assert!(record::open(&key, &place, bytes).is_err(), "an unsealed record opened");
    let sealed = record::seal(&key, &place, Frame::new(1, false), bytes).expect("any bytes can be sealed");
    match choice % 3 {
        0 => decoded::<Header>(&key, &place, &sealed),
        1 => decoded::<Act>(&key, &place, &sealed),
        _ => decoded::<Parts>(&key, &place, &sealed),
    }
});

/// What comes out is what goes in again.
fn decoded<T: Serialize + DeserializeOwned>(key: &SealKey, place: &Place<'_>, sealed: &[u8]) {
    match record::open_value::<T>(key, place, sealed) {
        Ok(value) => {
            let once = postcard::to_stdvec(&value).expect("what was decoded can be encoded");
            let again: T = postcard::from_bytes(&once).expect("what was encoded can be decoded");
            assert_eq!(postcard::to_stdvec(&again).expect("as before"), once);
        }
        Err(error) => assert_eq!(error, Error::Damaged),
    }
}
