//! Operations with real keys: one shot and in parts, sizes, errors, and what ends them. The life of an operation cell
//! by cell is tested beside its table.

use std::sync::Arc;

use claviger_crypto::GcmParams;
use claviger_rules::attribute::Value;
use claviger_rules::mechanism::Usage;
use claviger_rules::{AttributeType as A, Error, MechanismType as M, Mode, Parameter, Template};
use claviger_session::{MechanismCall, ObjectHandle, Result, Room, Session, UserType, flag};

use crate::world::{SO_PIN, World, aes, refused, template};

const MESSAGE: &[u8] = b"forty-two bytes of text, and not one more.";

fn cbc_pad() -> MechanismCall {
    MechanismCall::with(M::AES_CBC_PAD, Parameter::Iv([7; 16]))
}

fn gcm() -> MechanismCall {
    let params = GcmParams { iv: vec![9; 12], aad: b"aad".to_vec(), tag_bits: 128 };
    MechanismCall::with(M::AES_GCM, Parameter::Gcm(params))
}

/// The output of a call, asked for as most callers do: its length first.
fn output(mut call: impl FnMut(&mut Room<'_>) -> Result<()>) -> Result<Vec<u8>> {
    let mut query = Room::query();
    call(&mut query)?;
    let mut buffer = vec![0; query.reported()];
    let mut room = Room::bytes(&mut buffer);
    call(&mut room)?;
    let len = room.reported();
    buffer.truncate(len);
    Ok(buffer)
}

/// What a call says to a buffer of `len` bytes: its answer and the length it reports.
fn into(len: usize, call: impl FnOnce(&mut Room<'_>) -> Result<()>) -> (Option<Error>, usize) {
    let mut buffer = vec![0; len];
    let mut room = Room::bytes(&mut buffer);
    let told = refused(call(&mut room));
    (told, room.reported())
}

struct Setting {
    world: World,
    session: Arc<Session>,
    key: ObjectHandle,
}

/// `app` with an AES key for everything.
fn setting() -> Setting {
    let world = World::with_users();
    let session = world.login("app");
    let key = aes(&session, &[A::ENCRYPT, A::DECRYPT, A::SIGN, A::VERIFY]);
    Setting { world, session, key }
}

/// A key pair of the session's user: public, private.
fn pair(session: &Session, mechanism: M, public: Template) -> (ObjectHandle, ObjectHandle) {
    session.generate_key_pair(MechanismCall::plain(mechanism), public, Template::new()).unwrap()
}

fn rsa(session: &Session) -> (ObjectHandle, ObjectHandle) {
    pair(session, M::RSA_PKCS_KEY_PAIR_GEN, template([(A::MODULUS_BITS, Value::Ulong(2048))]))
}

fn ec(session: &Session) -> (ObjectHandle, ObjectHandle) {
    let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    pair(session, M::EC_KEY_PAIR_GEN, template([(A::EC_PARAMS, Value::bytes(p256))]))
}

// --- encryption and decryption ------------------------------------------------------------------

#[test]
fn one_shot_and_parts_agree() {
    let Setting { session, key, .. } = setting();
    for call in [cbc_pad as fn() -> MechanismCall, gcm] {
        session.encrypt_init(call(), key).unwrap();
        let whole = output(|room| session.encrypt(MESSAGE, room)).unwrap();
        session.encrypt_init(call(), key).unwrap();
        let mut parts = Vec::new();
        for part in MESSAGE.chunks(11) {
            parts.extend(output(|room| session.encrypt_update(part, room)).unwrap());
        }
        parts.extend(output(|room| session.encrypt_final(room)).unwrap());
        assert_eq!(whole, parts);

        session.decrypt_init(call(), key).unwrap();
        assert_eq!(output(|room| session.decrypt(&whole, room)).unwrap(), MESSAGE);
        session.decrypt_init(call(), key).unwrap();
        let mut plain = Vec::new();
        for part in whole.chunks(17) {
            plain.extend(output(|room| session.decrypt_update(part, room)).unwrap());
        }
        plain.extend(output(|room| session.decrypt_final(room)).unwrap());
        assert_eq!(plain, MESSAGE);
    }
}

#[test]
fn a_buffer_that_holds_the_plaintext_is_large_enough() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    let ciphertext = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    session.decrypt_init(cbc_pad(), key).unwrap();
    // The bound is 48 bytes, the plaintext is 42.
    assert_eq!(into(41, |room| session.decrypt(&ciphertext, room)), (Some(Error::BufferTooSmall), 42));
    assert_eq!(into(42, |room| session.decrypt(&ciphertext, room)), (None, 42));
    assert_eq!(into(48, |room| session.decrypt(&ciphertext, room)), (Some(Error::OperationNotInitialized), 0));
}

#[test]
fn a_last_part_that_did_not_fit_is_kept() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    let ciphertext = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    session.decrypt_init(cbc_pad(), key).unwrap();
    let mut plain = output(|room| session.decrypt_update(&ciphertext, room)).unwrap();
    let rest = MESSAGE.len() - plain.len();
    assert_eq!(into(0, |room| session.decrypt_final(room)), (Some(Error::BufferTooSmall), rest));
    assert_eq!(into(rest - 1, |room| session.decrypt_final(room)), (Some(Error::BufferTooSmall), rest));
    assert_eq!(refused(session.decrypt_init(cbc_pad(), key)), Some(Error::OperationActive));
    plain.extend(output(|room| session.decrypt_final(room)).unwrap());
    assert_eq!(plain, MESSAGE);
    assert_eq!(into(64, |room| session.decrypt_final(room)).0, Some(Error::OperationNotInitialized));
}

#[test]
fn a_part_that_did_not_fit_was_not_processed() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    let whole = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    session.encrypt_init(cbc_pad(), key).unwrap();
    assert_eq!(into(31, |room| session.encrypt_update(MESSAGE, room)), (Some(Error::BufferTooSmall), 32));
    let mut parts = output(|room| session.encrypt_update(MESSAGE, room)).unwrap();
    assert_eq!(into(15, |room| session.encrypt_final(room)), (Some(Error::BufferTooSmall), 16));
    parts.extend(output(|room| session.encrypt_final(room)).unwrap());
    assert_eq!(parts, whole);
}

#[test]
fn a_size_query_does_not_begin_a_multi_part_operation() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    session.encrypt_update(MESSAGE, &mut Room::query()).unwrap();
    output(|room| session.encrypt(MESSAGE, room)).unwrap();
}

#[test]
fn a_one_shot_call_does_not_end_a_multi_part_operation() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    let mut parts = output(|room| session.encrypt_update(b"sixteen bytes ..", room)).unwrap();
    assert_eq!(into(64, |room| session.encrypt(MESSAGE, room)).0, Some(Error::OperationActive));
    parts.extend(output(|room| session.encrypt_final(room)).unwrap());
    assert_eq!(parts.len(), 32);
}

#[test]
fn ciphertext_that_is_wrong_is_told_and_ends_the_operation() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(gcm(), key).unwrap();
    let mut ciphertext = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    ciphertext[0] ^= 1;
    let check = |call: fn() -> MechanismCall, ciphertext: &[u8], expected: Error| {
        session.decrypt_init(call(), key).unwrap();
        assert_eq!(into(64, |room| session.decrypt(ciphertext, room)).0, Some(expected));
        assert_eq!(into(64, |room| session.decrypt(ciphertext, room)).0, Some(Error::OperationNotInitialized));
    };
    check(gcm, &ciphertext, Error::EncryptedDataInvalid);
    check(gcm, b"short", Error::EncryptedDataLenRange);
    check(cbc_pad, &ciphertext, Error::EncryptedDataLenRange);
    // The last byte of the block before the last one turns the padding's length into more than a block.
    session.encrypt_init(cbc_pad(), key).unwrap();
    let mut padded = output(|room| session.encrypt(&[7; 20], room)).unwrap();
    padded[15] ^= 0x80;
    check(cbc_pad, &padded, Error::EncryptedDataInvalid);
}

#[test]
fn data_of_a_wrong_length_is_told() {
    let Setting { session, key, .. } = setting();
    let ecb = || MechanismCall::plain(M::AES_ECB);
    session.encrypt_init(ecb(), key).unwrap();
    assert_eq!(into(64, |room| session.encrypt(b"15 bytes of dat", room)).0, Some(Error::DataLenRange));
    session.encrypt_init(ecb(), key).unwrap();
    output(|room| session.encrypt_update(b"15 bytes of dat", room)).unwrap();
    assert_eq!(into(64, |room| session.encrypt_final(room)).0, Some(Error::DataLenRange));
}

#[test]
fn a_public_key_encrypts_for_its_private_key() {
    let Setting { session, .. } = setting();
    let (public, private) = rsa(&session);
    let pkcs = || MechanismCall::plain(M::RSA_PKCS);
    session.encrypt_init(pkcs(), public).unwrap();
    let ciphertext = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    assert_eq!(ciphertext.len(), 256);
    session.decrypt_init(pkcs(), private).unwrap();
    let mut query = Room::query();
    session.decrypt(&ciphertext, &mut query).unwrap();
    assert!(query.reported() >= MESSAGE.len());
    assert_eq!(into(42, |room| session.decrypt(&ciphertext, room)), (None, 42));
}

#[test]
fn a_single_part_mechanism_takes_no_parts_and_the_try_ends_it() {
    let Setting { session, .. } = setting();
    let (public, private) = rsa(&session);
    let pkcs = || MechanismCall::plain(M::RSA_PKCS);
    session.encrypt_init(pkcs(), public).unwrap();
    assert_eq!(into(256, |room| session.encrypt_update(MESSAGE, room)).0, Some(Error::FunctionNotSupported));
    assert_eq!(into(256, |room| session.encrypt(MESSAGE, room)).0, Some(Error::OperationNotInitialized));
    session.sign_init(pkcs(), private).unwrap();
    assert_eq!(into(256, |room| session.sign_final(room)).0, Some(Error::FunctionNotSupported));
    assert_eq!(into(256, |room| session.sign(MESSAGE, room)).0, Some(Error::OperationNotInitialized));
}

// --- signatures and MACs ------------------------------------------------------------------------

#[test]
fn what_a_private_key_signs_its_public_key_verifies() {
    let Setting { session, .. } = setting();
    for ((public, private), mechanism, len) in
        [(rsa(&session), M::SHA256_RSA_PKCS, 256), (ec(&session), M::ECDSA_SHA256, 64)]
    {
        let call = || MechanismCall::plain(mechanism);
        session.sign_init(call(), private).unwrap();
        assert_eq!(into(len - 1, |room| session.sign(MESSAGE, room)), (Some(Error::BufferTooSmall), len));
        let signature = output(|room| session.sign(MESSAGE, room)).unwrap();

        session.sign_init(call(), private).unwrap();
        MESSAGE.chunks(5).for_each(|part| session.sign_update(part).unwrap());
        assert_eq!(into(64, |room| session.sign(MESSAGE, room)).0, Some(Error::OperationActive));
        let in_parts = output(|room| session.sign_final(room)).unwrap();

        for signature in [&signature, &in_parts] {
            session.verify_init(call(), public).unwrap();
            session.verify(MESSAGE, signature).unwrap();
            session.verify_init(call(), public).unwrap();
            MESSAGE.chunks(9).for_each(|part| session.verify_update(part).unwrap());
            session.verify_final(signature).unwrap();
        }
        session.verify_init(call(), public).unwrap();
        assert_eq!(refused(session.verify(b"another message", &signature)), Some(Error::SignatureInvalid));
        assert_eq!(refused(session.verify(MESSAGE, &signature)), Some(Error::OperationNotInitialized));
        session.verify_init(call(), public).unwrap();
        assert_eq!(refused(session.verify(MESSAGE, &signature[1..])), Some(Error::SignatureLenRange));
    }
}

#[test]
fn a_mac_is_made_and_checked_with_one_key() {
    let Setting { session, key, .. } = setting();
    let cmac = || MechanismCall::plain(M::AES_CMAC);
    session.sign_init(cmac(), key).unwrap();
    let mac = output(|room| session.sign(MESSAGE, room)).unwrap();
    assert_eq!(mac.len(), 16);
    session.verify_init(cmac(), key).unwrap();
    session.verify(MESSAGE, &mac).unwrap();
    session.verify_init(cmac(), key).unwrap();
    session.verify_update(b"something else").unwrap();
    assert_eq!(refused(session.verify_final(&mac)), Some(Error::SignatureInvalid));
    assert_eq!(refused(session.verify_final(&mac)), Some(Error::OperationNotInitialized));
}

// --- digests ------------------------------------------------------------------------------------

#[test]
fn a_digest_needs_no_login() {
    let world = World::with_token();
    let session = world.open(false);
    let sha256 = || MechanismCall::plain(M::SHA256);
    session.digest_init(sha256()).unwrap();
    let whole = output(|room| session.digest(b"abc", room)).unwrap();
    assert_eq!(whole[..4], [0xba, 0x78, 0x16, 0xbf]);
    session.digest_init(sha256()).unwrap();
    session.digest_update(b"a").unwrap();
    assert_eq!(into(32, |room| session.digest(b"abc", room)).0, Some(Error::OperationActive));
    assert_eq!(into(31, |room| session.digest_final(room)), (Some(Error::BufferTooSmall), 32));
    session.digest_update(b"bc").unwrap();
    assert_eq!(output(|room| session.digest_final(room)).unwrap(), whole);
    session.digest_init(sha256()).unwrap();
    assert_eq!(output(|room| session.digest_final(room)).unwrap()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
}

#[test]
fn a_key_in_a_digest_is_its_value() {
    let world = World::in_mode(Mode::Standard);
    world.as_officer(|officer| officer.init_pin(b"1234")).unwrap();
    let session = world.login("user");
    let readable = template([
        (A::CLASS, Value::Ulong(4)),
        (A::KEY_TYPE, Value::Ulong(0x10)),
        (A::VALUE, Value::bytes(*b"abc")),
        (A::SENSITIVE, Value::Bool(false)),
    ]);
    let key = session.create_object(readable).unwrap();
    session.digest_init(MechanismCall::plain(M::SHA256)).unwrap();
    session.digest_key(key).unwrap();
    assert_eq!(output(|room| session.digest_final(room)).unwrap()[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn a_key_that_is_refused_leaves_the_digest_as_it_was() {
    let Setting { session, key, .. } = setting();
    assert_eq!(refused(session.digest_key(key)), Some(Error::OperationNotInitialized));
    session.digest_init(MechanismCall::plain(M::SHA256)).unwrap();
    session.digest_update(b"abc").unwrap();
    assert_eq!(refused(session.digest_key(key)), Some(Error::KeyIndigestible));
    assert_eq!(refused(session.digest_key(ObjectHandle(0))), Some(Error::KeyHandleInvalid));
    assert_eq!(output(|room| session.digest_final(room)).unwrap()[..4], [0xba, 0x78, 0x16, 0xbf]);
}

// --- how operations begin and end ---------------------------------------------------------------

#[test]
fn kinds_of_operation_do_not_disturb_each_other() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    session.decrypt_init(cbc_pad(), key).unwrap();
    session.digest_init(MechanismCall::plain(M::SHA256)).unwrap();
    session.sign_init(MechanismCall::plain(M::AES_CMAC), key).unwrap();
    session.verify_init(MechanismCall::plain(M::AES_CMAC), key).unwrap();
    session.find_init(Template::new()).unwrap();
    assert_eq!(refused(session.encrypt_init(cbc_pad(), key)), Some(Error::OperationActive));
    output(|room| session.encrypt(MESSAGE, room)).unwrap();
    output(|room| session.digest(MESSAGE, room)).unwrap();
}

#[test]
fn cancelling_ends_what_is_named_and_nothing_else() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    session.digest_init(MechanismCall::plain(M::SHA256)).unwrap();
    session.find_init(Template::new()).unwrap();
    session.session_cancel(0).unwrap();
    session.session_cancel(flag::DECRYPT | flag::FIND_OBJECTS | 1 << 40).unwrap();
    session.cancel(Usage::Digest).unwrap();
    session.cancel(Usage::Digest).unwrap();
    assert_eq!(refused(session.find_final()), Some(Error::OperationNotInitialized));
    assert_eq!(into(32, |room| session.digest(MESSAGE, room)).0, Some(Error::OperationNotInitialized));
    output(|room| session.encrypt(MESSAGE, room)).unwrap();
}

#[test]
fn secret_operations_die_at_logout_and_public_ones_live() {
    let Setting { world, session, key } = setting();
    let (public, private) = ec(&session);
    let ecdsa = || MechanismCall::plain(M::ECDSA_SHA256);
    session.sign_init(ecdsa(), private).unwrap();
    let signature = output(|room| session.sign(MESSAGE, room)).unwrap();

    let elsewhere = world.session();
    elsewhere.sign_init(ecdsa(), private).unwrap();
    elsewhere.find_init(Template::new()).unwrap();
    session.encrypt_init(cbc_pad(), key).unwrap();
    output(|room| session.encrypt_update(MESSAGE, room)).unwrap();
    session.digest_init(MechanismCall::plain(M::SHA256)).unwrap();
    session.verify_init(ecdsa(), public).unwrap();
    session.logout().unwrap();

    assert_eq!(into(64, |room| session.encrypt_final(room)).0, Some(Error::OperationNotInitialized));
    assert_eq!(into(64, |room| elsewhere.sign(MESSAGE, room)).0, Some(Error::OperationNotInitialized));
    assert_eq!(refused(elsewhere.find(1)), Some(Error::OperationNotInitialized));
    session.verify(MESSAGE, &signature).unwrap();
    output(|room| session.digest(MESSAGE, room)).unwrap();
}

#[test]
fn an_operation_outlives_its_object() {
    let Setting { session, key, .. } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    session.destroy_object(key).unwrap();
    output(|room| session.encrypt(MESSAGE, room)).unwrap();
    assert_eq!(refused(session.encrypt_init(cbc_pad(), key)), Some(Error::KeyHandleInvalid));
}

#[test]
fn what_is_wrong_is_told_in_the_order_of_precedence() {
    let world = World::with_users();
    let session = world.login("kim");
    let managed = aes(&session, &[A::ENCRYPT]);
    session.logout().unwrap();
    session.login(UserType::User, b"app:1234").unwrap();
    let [encrypts, signs] = [aes(&session, &[A::ENCRYPT]), aes(&session, &[A::SIGN])];
    let wrong = || MechanismCall { id: M::AES_CBC_PAD, parameter: Err(Error::MechanismParamInvalid.into()) };
    let unknown = || MechanismCall::plain(M(0x8000_0001));
    let hmac = || MechanismCall::plain(M::SHA256_HMAC);
    let told = |call: MechanismCall, key| {
        let told = refused(session.encrypt_init(call, key));
        session.cancel(Usage::Encrypt).unwrap();
        told
    };
    // Another's key and none at all look alike, whatever the mechanism; then the usage; then the mechanism.
    for call in [cbc_pad as fn() -> MechanismCall, wrong, unknown, hmac] {
        assert_eq!(told(call(), managed), Some(Error::KeyHandleInvalid));
        assert_eq!(told(call(), ObjectHandle(0)), Some(Error::KeyHandleInvalid));
        assert_eq!(told(call(), signs), Some(Error::KeyFunctionNotPermitted));
    }
    assert_eq!(told(unknown(), encrypts), Some(Error::MechanismInvalid));
    assert_eq!(told(hmac(), encrypts), Some(Error::MechanismInvalid));
    assert_eq!(told(MechanismCall::plain(M::RSA_PKCS), encrypts), Some(Error::KeyTypeInconsistent));
    assert_eq!(told(wrong(), encrypts), Some(Error::MechanismParamInvalid));
    assert_eq!(told(MechanismCall::plain(M::AES_CBC_PAD), encrypts), Some(Error::MechanismParamInvalid));
    assert_eq!(told(cbc_pad(), encrypts), None);
    session.encrypt_init(cbc_pad(), encrypts).unwrap();
    assert_eq!(refused(session.encrypt_init(unknown(), ObjectHandle(0))), Some(Error::OperationActive));
}

#[test]
fn a_refused_beginning_begins_nothing() {
    let Setting { session, key, .. } = setting();
    assert!(session.sign_init(MechanismCall::plain(M::SHA256_RSA_PKCS), key).is_err());
    assert_eq!(into(64, |room| session.sign(MESSAGE, room)).0, Some(Error::OperationNotInitialized));
    assert_eq!(refused(session.digest_init(MechanismCall::plain(M::AES_ECB))), Some(Error::MechanismInvalid));
    let strange = MechanismCall::with(M::SHA256, Parameter::Iv([0; 16]));
    assert_eq!(refused(session.digest_init(strange)), Some(Error::MechanismParamInvalid));
    assert_eq!(refused(session.digest_update(b"abc")), Some(Error::OperationNotInitialized));
}

#[test]
fn a_key_manager_and_an_officer_use_no_key_on_data() {
    let world = World::with_users();
    let session = world.login("kim");
    let key = aes(&session, &[A::ENCRYPT]);
    assert_eq!(refused(session.encrypt_init(cbc_pad(), key)), Some(Error::KeyFunctionNotPermitted));
    session.logout().unwrap();
    session.login(UserType::So, SO_PIN).unwrap();
    assert!(session.encrypt_init(cbc_pad(), key).is_err());
}

#[test]
fn threads_use_sessions_of_their_own_at_once() {
    let Setting { world, session, key } = setting();
    session.encrypt_init(cbc_pad(), key).unwrap();
    let expected = output(|room| session.encrypt(MESSAGE, room)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = world.session();
                for _ in 0..50 {
                    session.encrypt_init(cbc_pad(), key).unwrap();
                    assert_eq!(output(|room| session.encrypt(MESSAGE, room)).unwrap(), expected);
                }
            });
        }
    });
}
