//! The catalogue: a row for each attack with the rules that stop it and the codes that a refusal may have.
//!
//! A row ends in the ways of the attack. `refused` rows must be refused where the rules bind; in a `kept` row a way may
//! also go through and gain nothing.

use cryptoki_sys::*;

use super::{
    Attack, attributes, curve, derivation, dictionary, insiders, modes, oracles, platform, quality, separation,
    sessions, state, substitution, trust, users, weaker,
};

macro_rules! attacks {
    ($($id:ident $star:tt $name:literal, $rules:literal, $end:ident [$($rv:ident)*], $ways:path;)*) => {
        &[$(Attack {
            id: stringify!($id), name: $name, starred: attacks!(@ $star), rules: $rules,
            may_be_harmless: attacks!(@ $end), refusals: &[$($rv),*], ways: $ways,
        }),*]
    };
    (@ *) => { true };
    (@ -) => { false };
    (@ kept) => { true };
    (@ refused) => { false };
}

/// Every attack, in the order of the catalogue.
pub const ATTACKS: &[Attack] = attacks! {
    A1  * "wrap, then decrypt", "R1",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::WRAP_DECRYPT;
    A2  * "wrap under a public key, then decrypt", "R1 R7",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::ASYMMETRIC_WRAP_DECRYPT;
    A3  * "flip from wrap to decrypt", "R1 R4",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_ACTION_PROHIBITED], separation::FLIP;
    A4  * "encrypt a known key, unwrap it, wrap under it", "R1 R8 R4",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::ENCRYPT_UNWRAP;
    A5  * "wrap a key under itself", "R4 R1",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::SELF_WRAP;
    A6  * "unwrap garbage, in two roles", "R10 R8 R1",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_PARAM_INVALID], separation::CONJURE;
    A7  * "import one blob twice, in two roles", "R1 R8",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], separation::IMPORT_TWICE;
    A8  * "unwrap as readable", "R1 R5",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_TEMPLATE_INCONSISTENT], separation::UNWRAP_READABLE;
    A9  - "steal an extractable trusted key", "R4 R12",
        refused [CKR_TEMPLATE_INCONSISTENT CKR_KEY_UNEXTRACTABLE], trust::STEAL_TRUSTED;
    A10 - "the SO trusts a bad key", "R6",
        refused [CKR_ATTRIBUTE_READ_ONLY CKR_OBJECT_HANDLE_INVALID], trust::TRUST_BAD_KEY;
    A11 - "retire, then unwrap without protection", "R5 R9",
        refused [CKR_TEMPLATE_INCONSISTENT CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_KEY_FUNCTION_NOT_PERMITTED],
        trust::RETIRE_THEN_UNWRAP;
    A12 - "mint trust in a template", "R5 R6 R8",
        refused [CKR_ATTRIBUTE_READ_ONLY CKR_TEMPLATE_INCONSISTENT], attributes::MINT_TRUST;
    A13 - "read a protected value, undo its protection", "R2",
        refused [CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE], attributes::READ_AND_UNSTICK;
    A14 - "weaken in a copy", "R2 R13",
        refused [CKR_ATTRIBUTE_READ_ONLY CKR_TEMPLATE_INCONSISTENT CKR_ACTION_PROHIBITED], attributes::COPY_WEAKER;
    A15 - "change a shared key", "R12",
        refused [CKR_ACTION_PROHIBITED CKR_KEY_UNEXTRACTABLE CKR_ATTRIBUTE_READ_ONLY], trust::SHAREE_CHANGES;
    A16 - "forge the history of a key", "R2 R8",
        refused [CKR_ATTRIBUTE_READ_ONLY], attributes::FORGE_HISTORY;
    A17 * "wrap under the attacker's own key", "R1 R6",
        refused [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], quality::TROJAN_WRAPPING_KEY;
    A18 - "use a smuggled key as if token-made", "R8",
        kept [CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_ATTRIBUTE_READ_ONLY CKR_OBJECT_HANDLE_INVALID],
        quality::TROJAN_WRAPPED_KEY;
    A19 - "swap the blob of a key", "R5 R8", kept [CKR_WRAPPED_KEY_INVALID], substitution::SWAP_BLOB;
    A20 * "weaker wrapping key, cut blocks, small keys", "R7 R10 R11 R14",
        refused [
            CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_PARAM_INVALID CKR_TEMPLATE_INCONSISTENT
            CKR_WRAPPED_KEY_INVALID CKR_WRAPPED_KEY_LEN_RANGE
        ], weaker::WEAKER_KEY;
    A21 * "launder WRAP_WITH_TRUSTED in a derivation", "R15",
        refused [CKR_MECHANISM_INVALID CKR_TEMPLATE_INCONSISTENT CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        derivation::LAUNDER;
    A22 * "extract byte after byte", "R15 R14",
        refused [CKR_MECHANISM_INVALID], derivation::BYTE_BY_BYTE;
    A23 - "related keys", "R15", refused [CKR_MECHANISM_INVALID], derivation::RELATED_KEYS;
    A24 * "derive as encrypt: the keystream of a blob", "R4 R15",
        refused [
            CKR_MECHANISM_INVALID CKR_TEMPLATE_INCONSISTENT CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE
            CKR_KEY_FUNCTION_NOT_PERMITTED
        ], derivation::KEYSTREAM;
    A25 - "derive a weaker key", "R15", refused [CKR_TEMPLATE_INCONSISTENT], derivation::WEAKER_CHILD;
    A26 - "smuggle a second key into the parameters", "R15",
        refused [CKR_KEY_HANDLE_INVALID CKR_KEY_FUNCTION_NOT_PERMITTED CKR_MECHANISM_INVALID CKR_TEMPLATE_INCONSISTENT],
        derivation::SECOND_HANDLE;
    A27 - "points that are not on the curve", "ECDH",
        kept [CKR_MECHANISM_PARAM_INVALID CKR_PUBLIC_KEY_INVALID], curve::INVALID_POINTS;
    A28 - "a public key out of a private one", "R8 R15",
        kept [CKR_MECHANISM_INVALID CKR_TEMPLATE_INCONSISTENT], curve::PUBLIC_FROM_PRIVATE;
    A29 - "padding oracle of PKCS#1 v1.5", "R10",
        kept [CKR_MECHANISM_INVALID CKR_KEY_NOT_WRAPPABLE], oracles::PKCS1_PADDING;
    A30 - "padding oracle of CBC_PAD", "R10",
        refused [CKR_MECHANISM_INVALID CKR_MECHANISM_PARAM_INVALID CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE],
        oracles::CBC_PADDING;
    A31 - "one IV twice under a trusted key", "R10",
        kept [CKR_MECHANISM_PARAM_INVALID CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], modes::ONE_IV_TWICE;
    A32 - "an initial value of another mechanism", "R10",
        refused [CKR_MECHANISM_PARAM_INVALID CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], modes::INITIAL_VALUE;
    A33 - "check values and searches as oracles", "R16",
        kept [
            CKR_ATTRIBUTE_TYPE_INVALID CKR_ATTRIBUTE_SENSITIVE CKR_TEMPLATE_INCONSISTENT CKR_ATTRIBUTE_VALUE_INVALID
        ], dictionary::CHECK_VALUES;
    A34 - "the digest of a key as a dictionary", "R16",
        refused [CKR_KEY_INDIGESTIBLE CKR_KEY_SIZE_RANGE], dictionary::DIGEST_KEY;
    A35 - "the state of an operation", "R16",
        kept [CKR_STATE_UNSAVEABLE CKR_SAVED_STATE_INVALID CKR_KEY_INDIGESTIBLE CKR_FUNCTION_NOT_SUPPORTED],
        state::OPERATION_STATE;
    A36 - "without a login", "R17",
        kept [CKR_USER_NOT_LOGGED_IN CKR_KEY_HANDLE_INVALID CKR_OBJECT_HANDLE_INVALID CKR_SESSION_READ_ONLY],
        sessions::PUBLIC_SESSION;
    A37 - "stale handles, read-only sessions", "R17",
        kept [
            CKR_KEY_HANDLE_INVALID CKR_OBJECT_HANDLE_INVALID CKR_USER_NOT_LOGGED_IN CKR_OPERATION_NOT_INITIALIZED
            CKR_SESSION_READ_ONLY CKR_ATTRIBUTE_READ_ONLY CKR_TEMPLATE_INCONSISTENT
        ], sessions::TRICKS;
    A38 - "past ALWAYS_AUTHENTICATE", "R2",
        refused [CKR_ATTRIBUTE_VALUE_INVALID CKR_TEMPLATE_INCONSISTENT CKR_USER_NOT_LOGGED_IN CKR_ATTRIBUTE_READ_ONLY],
        sessions::ALWAYS_AUTHENTICATE;
    A39 - "another key behind a label", "R12",
        kept [CKR_ACTION_PROHIBITED CKR_ATTRIBUTE_READ_ONLY CKR_KEY_NOT_WRAPPABLE], substitution::SWAP_LABEL;
    A40 - "hostile arguments", "C ABI", kept [], platform::MARSHALLING;
    A41 - "tamper with the store", "R18", kept [], platform::STORE;
    A42 - "insiders: key manager and officers", "R4 R5 R6",
        refused [
            CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_KEY_HANDLE_INVALID CKR_TEMPLATE_INCONSISTENT
            CKR_ATTRIBUTE_READ_ONLY CKR_OBJECT_HANDLE_INVALID CKR_KEY_FUNCTION_NOT_PERMITTED CKR_USER_NOT_LOGGED_IN
            CKR_MECHANISM_PARAM_INVALID CKR_ACTION_PROHIBITED CKR_ATTRIBUTE_SENSITIVE
            CKR_WRAPPING_KEY_HANDLE_INVALID CKR_UNWRAPPING_KEY_HANDLE_INVALID
        ], insiders::INSIDERS;
    A43 * "short tags and another type", "R10 R11",
        refused [CKR_MECHANISM_PARAM_INVALID CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE], modes::SHORT_TAG;
    A44 - "a trusted key from before tightening", "section 2",
        refused [
            CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_ATTRIBUTE_READ_ONLY CKR_OBJECT_HANDLE_INVALID
            CKR_KEY_FUNCTION_NOT_PERMITTED
        ], users::TIGHTENED;
    A45 - "a user of the same name", "R3 R12",
        kept [
            CKR_OBJECT_HANDLE_INVALID CKR_KEY_HANDLE_INVALID CKR_ATTRIBUTE_READ_ONLY CKR_WRAPPING_KEY_HANDLE_INVALID
            CKR_KEY_NOT_WRAPPABLE CKR_PIN_INCORRECT CKR_USER_NOT_LOGGED_IN
        ], users::SAME_NAME;
    A46 - "one SO makes up the quorum", "quorum", refused [CKR_ACTION_PROHIBITED], users::STUFFING;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_of_the_catalogue_stands_in_its_place_and_has_a_way() {
        for (number, attack) in (1..).zip(ATTACKS) {
            assert_eq!(attack.id, format!("A{number}"));
            assert!(!attack.ways.is_empty(), "{} has no way", attack.id);
            assert!(attack.may_be_harmless || !attack.refusals.is_empty(), "{} can only end badly", attack.id);
        }
        assert_eq!(ATTACKS.len(), 46);
    }

    #[test]
    fn the_stars_are_those_of_the_catalogue() {
        let starred: Vec<_> = ATTACKS.iter().filter(|attack| attack.starred).map(|attack| attack.id).collect();
        let catalogue = "A1 A2 A3 A4 A5 A6 A7 A8 A17 A20 A21 A22 A24 A43";
        assert_eq!(starred.join(" "), catalogue);
    }
}
