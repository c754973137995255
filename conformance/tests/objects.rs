//! PKCS#11 3.2, section 5.7 (object management) over chapter 4 (objects).

use claviger_conformance::attrs;
use claviger_conformance::fixture::{SO_PIN, USER_PIN};
use claviger_conformance::isolated::with_token;
use claviger_conformance::samples::{aes_key, import, known_key, try_aes_key};
use claviger_conformance::session::Session;
use claviger_conformance::template::{Attribute, RawAnswers, with};
use claviger_conformance::token::{must, refused, slot_of};
use cryptoki_sys::*;

fn data(label: &str) -> Vec<Attribute> {
    attrs![
        CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => label, CKA_APPLICATION => "conformance",
        CKA_VALUE => b"some bytes",
    ]
}

fn count(session: &Session<'_>, template: &[Attribute]) -> usize {
    must("C_FindObjects", session.find(template)).len()
}

#[test]
fn a_data_object_is_created_read_changed_and_destroyed() {
    with_token(|token| {
        let session = token.user_session();
        let object = must("C_CreateObject", session.create_object(&data("first")));
        assert_ne!(object, CK_INVALID_HANDLE);
        assert_eq!(must("C_GetAttributeValue", session.attribute(object, CKA_VALUE)), b"some bytes");
        assert_eq!(must("C_GetAttributeValue", session.number(object, CKA_CLASS)), CKO_DATA);
        must("C_SetAttributeValue", session.set_attribute_value(object, &attrs![CKA_LABEL => "second"]));
        assert_eq!(must("C_GetAttributeValue", session.attribute(object, CKA_LABEL)), b"second");
        must("C_DestroyObject", session.destroy_object(object));
        refused("C_DestroyObject again", session.destroy_object(object), &[CKR_OBJECT_HANDLE_INVALID]);
        refused("C_GetAttributeValue", session.attribute(object, CKA_VALUE), &[CKR_OBJECT_HANDLE_INVALID]);
        assert_eq!(count(&session, &attrs![CKA_CLASS => CKO_DATA]), 0);
    });
}

#[test]
fn a_certificate_keeps_what_it_was_given() {
    with_token(|token| {
        let session = token.user_session();
        let certificate = must("C_CreateObject", session.create_object(&attrs![
            CKA_CLASS => CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => CKC_X_509, CKA_TOKEN => true, CKA_PRIVATE => false,
            CKA_LABEL => "a certificate", CKA_SUBJECT => &[0x30, 0x00], CKA_ID => &[1, 2, 3],
            CKA_VALUE => &[0x30, 0x03, 0x02, 0x01, 0x05],
        ]));
        assert_eq!(must("SUBJECT", session.attribute(certificate, CKA_SUBJECT)), [0x30, 0x00]);
        assert_eq!(must("VALUE", session.attribute(certificate, CKA_VALUE)), [0x30, 0x03, 0x02, 0x01, 0x05]);
        must("C_Logout", session.logout());
        assert_eq!(count(&session, &attrs![CKA_CLASS => CKO_CERTIFICATE, CKA_ID => &[1, 2, 3]]), 1);
    });
}

#[test]
fn token_objects_outlive_the_library() {
    with_token(|token| {
        let session = token.user_session();
        must("C_CreateObject", session.create_object(&data("kept")));
        aes_key(&session, attrs![CKA_TOKEN => true, CKA_LABEL => "kept key", CKA_ID => b"7"]);
        must("C_Finalize", token.module.finalize());
        must("C_Initialize", token.module.initialize_null());
        let slot = slot_of(&token.module, "conformance");
        let session = must("C_OpenSession", token.module.open_session(slot, CKF_SERIAL_SESSION));
        must("C_Login", session.login(CKU_USER, USER_PIN));
        assert_eq!(count(&session, &attrs![CKA_LABEL => "kept"]), 1);
        assert_eq!(count(&session, &attrs![CKA_LABEL => "kept key", CKA_ID => b"7"]), 1);
    });
}

/// Section 5.7.1: "Only session objects can be created during a read-only session."
#[test]
fn a_read_only_session_makes_and_changes_session_objects_only() {
    with_token(|token| {
        let writer = token.user_session();
        let stored = must("C_CreateObject", writer.create_object(&data("stored")));
        let session = token.read_only_session();
        let read_only = &[CKR_SESSION_READ_ONLY];
        refused("C_CreateObject(token)", session.create_object(&data("x")), read_only);
        refused("C_GenerateKey(token)", try_aes_key(&session, attrs![CKA_TOKEN => true]), read_only);
        let change = attrs![CKA_LABEL => "x"];
        refused("C_SetAttributeValue(token)", session.set_attribute_value(stored, &change), read_only);
        refused("C_DestroyObject(token)", session.destroy_object(stored), read_only);
        refused("C_CopyObject(token)", session.copy_object(stored, &change), read_only);
        let own = must("C_CreateObject(session)", session.create_object(&with(data("y"), attrs![CKA_TOKEN => false])));
        must("C_SetAttributeValue(session)", session.set_attribute_value(own, &change));
        must("C_DestroyObject(session)", session.destroy_object(own));
    });
}

/// Section 5.7.1: "Only public objects can be created unless the normal user is logged in."
#[test]
fn without_login_nothing_private_is_made_or_seen() {
    with_token(|token| {
        let session = token.user_session();
        must("C_CreateObject", session.create_object(&with(data("private"), attrs![CKA_PRIVATE => true])));
        must("C_CreateObject", session.create_object(&with(data("public"), attrs![CKA_PRIVATE => false])));
        must("C_Logout", session.logout());
        assert_eq!(count(&session, &attrs![CKA_LABEL => "private"]), 0);
        assert_eq!(count(&session, &attrs![CKA_LABEL => "public"]), 1);
        let private = with(data("x"), attrs![CKA_PRIVATE => true]);
        refused("C_CreateObject(private)", session.create_object(&private), &[CKR_USER_NOT_LOGGED_IN]);
        refused("C_GenerateKey", try_aes_key(&session, attrs![CKA_PRIVATE => true]), &[CKR_USER_NOT_LOGGED_IN]);
    });
}

#[test]
fn the_so_sees_and_makes_no_private_object() {
    with_token(|token| {
        let session = token.user_session();
        must("C_CreateObject", session.create_object(&with(data("private"), attrs![CKA_PRIVATE => true])));
        aes_key(&session, attrs![CKA_TOKEN => true, CKA_LABEL => "a key"]);
        must("C_Logout", session.logout());
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        assert_eq!(count(&session, &[]), 0);
        let private = with(data("x"), attrs![CKA_PRIVATE => true]);
        refused("C_CreateObject(private)", session.create_object(&private), &[CKR_USER_NOT_LOGGED_IN]);
    });
}

/// Section 4.1.1: what a template lacks, has too much, or has wrong.
#[test]
fn faulty_templates_make_no_object() {
    with_token(|token| {
        let session = token.user_session();
        let value = [7u8; 32];
        let cases: [(&str, Vec<Attribute>, &[CK_RV]); 9] = [
            ("no class", attrs![CKA_LABEL => "x"], &[CKR_TEMPLATE_INCOMPLETE]),
            ("empty", attrs![], &[CKR_TEMPLATE_INCOMPLETE]),
            (
                "a key without type",
                attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_VALUE => &value],
                &[CKR_TEMPLATE_INCOMPLETE],
            ),
            (
                "a key without value",
                attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES],
                &[CKR_TEMPLATE_INCOMPLETE],
            ),
            (
                "an attribute of another class",
                with(data("x"), attrs![CKA_MODULUS => &value]),
                &[CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT],
            ),
            (
                "an attribute that is none",
                with(data("x"), attrs![0x7777_7777u64 => true]),
                &[CKR_ATTRIBUTE_TYPE_INVALID],
            ),
            ("a flag of two bytes", with(data("x"), attrs![CKA_TOKEN => &[1, 1]]), &[CKR_ATTRIBUTE_VALUE_INVALID]),
            (
                "a class that is none",
                attrs![CKA_CLASS => 0x7777u64],
                &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT],
            ),
            (
                "an AES key of 17 bytes",
                known_key(CKK_AES, &[7; 17], attrs![]),
                &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE],
            ),
        ];
        for (name, template, allowed) in cases {
            refused(name, session.create_object(&template), allowed);
        }
        assert_eq!(count(&session, &[]), 0);
    });
}

#[test]
fn an_attribute_named_twice_with_two_values_is_inconsistent() {
    with_token(|token| {
        let session = token.user_session();
        let twice = [data("one"), attrs![CKA_LABEL => "two"]].concat();
        refused("C_CreateObject", session.create_object(&twice), &[CKR_TEMPLATE_INCONSISTENT]);
    });
}

/// Section 4.1.2 and the footnotes of section 4.8: computed attributes are nobody's to give.
#[test]
fn computed_attributes_are_read_only_in_templates_and_changes() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_ENCRYPT => true]);
        for (name, change) in [
            ("CLASS", attrs![CKA_CLASS => CKO_DATA]),
            ("KEY_TYPE", attrs![CKA_KEY_TYPE => CKK_GENERIC_SECRET]),
            ("LOCAL", attrs![CKA_LOCAL => false]),
            ("ALWAYS_SENSITIVE", attrs![CKA_ALWAYS_SENSITIVE => true]),
            ("NEVER_EXTRACTABLE", attrs![CKA_NEVER_EXTRACTABLE => true]),
            ("KEY_GEN_MECHANISM", attrs![CKA_KEY_GEN_MECHANISM => CKM_AES_KEY_GEN]),
            ("VALUE", attrs![CKA_VALUE => &[1u8; 32]]),
            ("VALUE_LEN", attrs![CKA_VALUE_LEN => 16]),
            ("TOKEN", attrs![CKA_TOKEN => true]),
            ("PRIVATE", attrs![CKA_PRIVATE => false]),
        ] {
            refused(name, session.set_attribute_value(key, &change), &[CKR_ATTRIBUTE_READ_ONLY]);
        }
    });
}

/// Section 4.4.1: unique, made by the token, never to be set.
#[test]
fn every_object_has_a_unique_id_of_the_tokens_making() {
    with_token(|token| {
        if !token.module.has_version_3() {
            return println!("not applicable: CKA_UNIQUE_ID is of version 3.0");
        }
        let session = token.user_session();
        let first = must("C_CreateObject", session.create_object(&data("a")));
        let second = must("C_CopyObject", session.copy_object(first, &attrs![CKA_LABEL => "b"]));
        let ids = [first, second].map(|object| must("UNIQUE_ID", session.attribute(object, CKA_UNIQUE_ID)));
        assert!(!ids[0].is_empty());
        assert_ne!(ids[0], ids[1]);
        let set = session.set_attribute_value(first, &attrs![CKA_UNIQUE_ID => "mine"]);
        refused("C_SetAttributeValue(UNIQUE_ID)", set, &[CKR_ATTRIBUTE_READ_ONLY]);
        assert_eq!(must("C_FindObjects", session.find(&attrs![CKA_UNIQUE_ID => &ids[1]])), [second]);
    });
}

#[test]
fn sensitive_only_rises_and_extractable_only_falls() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
        must("SENSITIVE=1", session.set_attribute_value(key, &attrs![CKA_SENSITIVE => true]));
        let lowered = session.set_attribute_value(key, &attrs![CKA_SENSITIVE => false]);
        refused("SENSITIVE=0", lowered, &[CKR_ATTRIBUTE_READ_ONLY]);
        must("EXTRACTABLE=0", session.set_attribute_value(key, &attrs![CKA_EXTRACTABLE => false]));
        let raised = session.set_attribute_value(key, &attrs![CKA_EXTRACTABLE => true]);
        refused("EXTRACTABLE=1", raised, &[CKR_ATTRIBUTE_READ_ONLY]);
        assert!(!must("ALWAYS_SENSITIVE", session.flag(key, CKA_ALWAYS_SENSITIVE)));
        assert!(!must("NEVER_EXTRACTABLE", session.flag(key, CKA_NEVER_EXTRACTABLE)));
    });
}

/// Section 5.7.5, cases 1 to 5: the code names the fault, the faulty rows hold CK_UNAVAILABLE_INFORMATION, and every
/// other row is filled all the same.
#[test]
fn one_attribute_that_cannot_be_had_does_not_keep_the_others() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => true, CKA_LABEL => "a label"]);
        for (kind, room, wanted) in [
            (CKA_VALUE, Some(32), CKR_ATTRIBUTE_SENSITIVE),
            (CKA_MODULUS, Some(256), CKR_ATTRIBUTE_TYPE_INVALID),
            (CKA_ID, None, CKR_OK),
            (CKA_KEY_TYPE, Some(3), CKR_BUFFER_TOO_SMALL),
        ] {
            let mut answers = RawAnswers::asking(&[(CKA_LABEL, Some(64)), (kind, room), (CKA_VALUE_LEN, Some(8))]);
            let result = session.attribute_values_into(key, &mut answers);
            if wanted == CKR_OK {
                must("C_GetAttributeValue", result);
            } else {
                refused("C_GetAttributeValue", result, &[wanted]);
                assert_eq!(answers.lengths()[1], CK_UNAVAILABLE_INFORMATION, "attribute {kind:#x}");
            }
            let values = answers.values();
            assert_eq!(values[0].as_deref(), Some(b"a label".as_slice()));
            assert_eq!(values[2].as_deref(), Some(32u64.to_ne_bytes().as_slice()));
        }
    });
}

/// Section 5.7.5, case 3: a null pValue asks for the exact length; a sensitive value does not tell even that.
#[test]
fn lengths_can_be_asked_for_but_not_of_a_sensitive_value() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => true, CKA_LABEL => "seven.."]);
        let mut answers = RawAnswers::asking(&[(CKA_LABEL, None), (CKA_VALUE, None), (CKA_CLASS, None)]);
        refused("C_GetAttributeValue", session.attribute_values_into(key, &mut answers), &[CKR_ATTRIBUTE_SENSITIVE]);
        assert_eq!(answers.lengths(), [7, CK_UNAVAILABLE_INFORMATION, 8]);
    });
}

#[test]
fn a_value_that_is_not_sensitive_is_read() {
    with_token(|token| {
        let session = token.user_session();
        let key = import(&session, CKK_AES, &[9; 32], attrs![CKA_ENCRYPT => true]);
        assert_eq!(must("VALUE", session.attribute(key, CKA_VALUE)), [9; 32]);
        must("EXTRACTABLE=0", session.set_attribute_value(key, &attrs![CKA_EXTRACTABLE => false]));
        refused("VALUE, not extractable", session.attribute(key, CKA_VALUE), &[CKR_ATTRIBUTE_SENSITIVE]);
    });
}

#[test]
fn an_object_has_a_size_or_keeps_it_to_itself() {
    with_token(|token| {
        let session = token.user_session();
        let object = must("C_CreateObject", session.create_object(&data("x")));
        match session.object_size(object) {
            Ok(size) => assert!(size == CK_UNAVAILABLE_INFORMATION || size >= 10, "{size} bytes"),
            refusal => refused("C_GetObjectSize", refusal, &[CKR_INFORMATION_SENSITIVE, CKR_FUNCTION_NOT_SUPPORTED]),
        }
        refused("C_GetObjectSize(0)", session.object_size(0), &[CKR_OBJECT_HANDLE_INVALID]);
    });
}

#[test]
fn a_search_matches_all_of_its_template_and_an_empty_one_all_objects() {
    with_token(|token| {
        let session = token.user_session();
        for index in 0..20 {
            let label = format!("data {}", index % 4);
            must("C_CreateObject", session.create_object(&data(&label)));
        }
        aes_key(&session, attrs![CKA_LABEL => "data 1"]);
        assert_eq!(count(&session, &[]), 21);
        assert_eq!(count(&session, &attrs![CKA_LABEL => "data 1"]), 6);
        assert_eq!(count(&session, &attrs![CKA_LABEL => "data 1", CKA_CLASS => CKO_DATA]), 5);
        assert_eq!(count(&session, &attrs![CKA_LABEL => "data"]), 0);
        assert_eq!(count(&session, &attrs![CKA_TOKEN => false]), 1);
        assert_eq!(count(&session, &attrs![CKA_MODULUS => b"x"]), 0);
    });
}

/// Section 5.7.8: each call hands out the next handles; none is left when it hands out zero.
#[test]
fn a_search_hands_out_each_object_once_in_pieces() {
    with_token(|token| {
        let session = token.user_session();
        for index in 0..7 {
            must("C_CreateObject", session.create_object(&data(&format!("{index}"))));
        }
        must("C_FindObjectsInit", session.find_objects_init(&attrs![CKA_CLASS => CKO_DATA]));
        let mut found = Vec::new();
        for wanted in [3, 3, 1, 0, 0] {
            let piece = must("C_FindObjects", session.find_objects(3));
            assert_eq!(piece.len(), wanted);
            found.extend(piece);
        }
        must("C_FindObjectsFinal", session.find_objects_final());
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 7);
    });
}

#[test]
fn a_search_is_one_operation_with_a_beginning_and_an_end() {
    with_token(|token| {
        let session = token.user_session();
        refused("C_FindObjects", session.find_objects(1), &[CKR_OPERATION_NOT_INITIALIZED]);
        refused("C_FindObjectsFinal", session.find_objects_final(), &[CKR_OPERATION_NOT_INITIALIZED]);
        must("C_FindObjectsInit", session.find_objects_init(&[]));
        refused("C_FindObjectsInit", session.find_objects_init(&[]), &[CKR_OPERATION_ACTIVE]);
        must("C_FindObjectsFinal", session.find_objects_final());
        refused("C_FindObjectsFinal", session.find_objects_final(), &[CKR_OPERATION_NOT_INITIALIZED]);
    });
}

/// R16: what is secret is matched by no search.
#[test]
fn a_search_is_no_oracle_for_a_sensitive_value() {
    with_token(|token| {
        let session = token.user_session();
        let known = with(known_key(CKK_AES, &[9; 32], attrs![]), attrs![CKA_SENSITIVE => true, CKA_LABEL => "k"]);
        must("C_CreateObject", session.create_object(&with(known, attrs![CKA_EXTRACTABLE => false])));
        assert_eq!(count(&session, &attrs![CKA_LABEL => "k"]), 1);
        match session.find(&attrs![CKA_LABEL => "k", CKA_VALUE => &[9; 32]]) {
            Ok(found) => assert!(found.is_empty(), "the right guess finds the key"),
            refusal => refused("C_FindObjectsInit", refusal, &[CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_VALUE_INVALID]),
        }
    });
}

#[test]
fn a_copy_is_another_object_with_the_changes_asked_for() {
    with_token(|token| {
        let session = token.user_session();
        let source = must("C_CreateObject", session.create_object(&with(data("source"), attrs![CKA_TOKEN => false])));
        let copy = session.copy_object(source, &attrs![CKA_LABEL => "copy", CKA_TOKEN => true]);
        let copy = must("C_CopyObject", copy);
        assert_ne!(copy, source);
        assert_eq!(must("LABEL", session.attribute(copy, CKA_LABEL)), b"copy");
        assert_eq!(must("VALUE", session.attribute(copy, CKA_VALUE)), b"some bytes");
        assert!(must("TOKEN", session.flag(copy, CKA_TOKEN)));
        must("C_DestroyObject", session.destroy_object(source));
        must("C_GetAttributeValue", session.attribute(copy, CKA_LABEL));
        refused("C_CopyObject(0)", session.copy_object(0, &[]), &[CKR_OBJECT_HANDLE_INVALID]);
        let other_class = session.copy_object(copy, &attrs![CKA_CLASS => CKO_CERTIFICATE]);
        refused("C_CopyObject(CLASS)", other_class, &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
    });
}

#[test]
fn a_copy_of_a_key_is_as_protected_or_more() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_COPYABLE => true]);
        let stronger = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
        let copy = must("C_CopyObject(stronger)", session.copy_object(key, &stronger));
        assert!(must("SENSITIVE", session.flag(copy, CKA_SENSITIVE)));
        assert!(!must("NEVER_EXTRACTABLE", session.flag(copy, CKA_NEVER_EXTRACTABLE)));
        let allowed = &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT];
        refused("SENSITIVE=0", session.copy_object(copy, &attrs![CKA_SENSITIVE => false]), allowed);
        refused("EXTRACTABLE=1", session.copy_object(copy, &attrs![CKA_EXTRACTABLE => true]), allowed);
    });
}

/// Sections 5.7.2, 5.7.3 and 5.7.6: COPYABLE, DESTROYABLE and MODIFIABLE each prohibit one action.
#[test]
fn what_an_object_forbids_is_prohibited() {
    with_token(|token| {
        let session = token.user_session();
        let fixed = attrs![CKA_COPYABLE => false, CKA_MODIFIABLE => false, CKA_DESTROYABLE => false];
        let object = must("C_CreateObject", session.create_object(&with(data("x"), fixed)));
        let prohibited = &[CKR_ACTION_PROHIBITED];
        refused("C_CopyObject", session.copy_object(object, &[]), prohibited);
        refused("C_SetAttributeValue", session.set_attribute_value(object, &attrs![CKA_LABEL => "y"]), prohibited);
        refused("C_DestroyObject", session.destroy_object(object), prohibited);
        assert_eq!(must("LABEL", session.attribute(object, CKA_LABEL)), b"x");
    });
}

/// Section 5.7.6: a template is set whole or not at all.
#[test]
fn a_change_that_is_refused_changes_nothing() {
    with_token(|token| {
        let session = token.user_session();
        let key = aes_key(&session, attrs![CKA_LABEL => "before"]);
        let change = attrs![CKA_LABEL => "after", CKA_LOCAL => false];
        refused("C_SetAttributeValue", session.set_attribute_value(key, &change), &[CKR_ATTRIBUTE_READ_ONLY]);
        assert_eq!(must("LABEL", session.attribute(key, CKA_LABEL)), b"before");
        let unknown = session.set_attribute_value(key, &attrs![0x7777_7777u64 => true]);
        refused("an attribute that is none", unknown, &[CKR_ATTRIBUTE_TYPE_INVALID]);
    });
}

#[test]
fn handles_that_name_nothing_are_invalid() {
    with_token(|token| {
        let session = token.user_session();
        for handle in [0, 1 << 40, CK_ULONG::MAX] {
            let invalid = &[CKR_OBJECT_HANDLE_INVALID];
            refused("C_DestroyObject", session.destroy_object(handle), invalid);
            refused("C_GetAttributeValue", session.attribute(handle, CKA_CLASS), invalid);
            refused("C_SetAttributeValue", session.set_attribute_value(handle, &attrs![CKA_LABEL => "x"]), invalid);
            refused("C_CopyObject", session.copy_object(handle, &[]), invalid);
        }
    });
}
