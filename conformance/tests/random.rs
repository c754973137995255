//! PKCS#11 3.2, section 5.19: random numbers.

use claviger_conformance::isolated::with_token;
use claviger_conformance::token::{must, refused};
use cryptoki_sys::*;

#[test]
fn random_bytes_fill_the_buffer_and_never_repeat() {
    with_token(|token| {
        let session = token.session();
        for length in [1, 16, 32, 1000, 100_000] {
            let first = must("C_GenerateRandom", session.generate_random(length));
            assert_eq!(first.len(), length);
            if length >= 16 {
                assert_ne!(first, must("C_GenerateRandom", session.generate_random(length)));
                assert!(first.iter().rev().take(16).any(|byte| *byte != 0), "the end is filled, too");
            }
        }
    });
}

#[test]
fn no_bytes_are_no_error() {
    with_token(|token| match token.session().generate_random(0) {
        Ok(bytes) => assert!(bytes.is_empty()),
        refusal => refused("C_GenerateRandom(0)", refusal, &[CKR_ARGUMENTS_BAD]),
    });
}

#[test]
fn a_seed_is_taken_or_declined() {
    with_token(|token| {
        if let Err(rv) = token.session().seed_random(b"some entropy") {
            refused("C_SeedRandom", Err::<(), _>(rv), &[CKR_RANDOM_SEED_NOT_SUPPORTED, CKR_FUNCTION_NOT_SUPPORTED]);
        }
    });
}
