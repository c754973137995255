//! C_DeriveKey, mechanism by mechanism (PKCS#11 3.2 sections 5.18.5, 6.3, 6.43 and 6.17), and rule R15.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use claviger_crypto::{CbcDataParams, Curve, DataParams, EcdhParams, Hash, Key, Secret, encoding};
use claviger_rules::{AttributeType as A, Error, KeyType, MechanismType as M, Mode, ObjectClass, Parameter, Rule};
use claviger_rules::{Refusal, Role, Template, Value};
use claviger_session::{
    Answer, Config, Cost, Initialize, Library, MechanismCall, ObjectHandle, Session, SlotId, UserType,
};
use tempfile::TempDir;

/// Runs `test` in the session of the normal user `app` on a token of `mode`.
fn with_app(mode: Mode, test: impl FnOnce(&Library, &Session)) {
    let directory = TempDir::new().unwrap();
    let library = Library::open(Config::new(directory.path())).unwrap();
    let new =
        Initialize { label: "test", so_pin: b"12345678", mode: Some(mode), pin_cost: Some(Cost::Quick), reset: None };
    library.initialize(SlotId(0), &new).unwrap();
    let session = library.session(library.open_session(SlotId(0), true).unwrap()).unwrap();
    session.login(UserType::So, b"12345678").unwrap();
    session.create_user("app", Role::NormalUser, b"apps").unwrap();
    session.logout().unwrap();
    session.login(UserType::User, b"app:apps").unwrap();
    test(&library, &session);
}

fn flags(list: &[(A, bool)]) -> Template {
    Template::from_list(list.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)))).unwrap()
}

fn with(mut template: Template, more: &[(A, Value)]) -> Template {
    for (attribute, value) in more {
        template.set(*attribute, value.clone());
    }
    template
}

fn len(len: u64) -> (A, Value) {
    (A::VALUE_LEN, Value::Ulong(len))
}

fn of_type(key_type: KeyType) -> (A, Value) {
    (A::KEY_TYPE, Value::Ulong(key_type.id()))
}

fn readable() -> Template {
    flags(&[(A::SENSITIVE, false), (A::EXTRACTABLE, true)])
}

fn import(session: &Session, key_type: KeyType, value: &[u8], list: &[(A, bool)]) -> ObjectHandle {
    let class = (A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
    let value = (A::VALUE, Value::bytes(value));
    let base = with(flags(&[(A::DERIVE, true), (A::SENSITIVE, false), (A::EXTRACTABLE, true)]), &[class, value]);
    let own: Vec<_> = list.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag))).collect();
    session.create_object(with(with(base, &[of_type(key_type)]), &own)).unwrap()
}

fn data(id: M, bytes: &[u8]) -> MechanismCall {
    MechanismCall::with(id, Parameter::Data(DataParams { data: Secret::copy_of(bytes) }))
}

fn ecdh(kdf: Option<Hash>, public: &[u8]) -> MechanismCall {
    let params = EcdhParams { kdf, shared_info: Vec::new(), public: public.to_vec() };
    MechanismCall::with(M::ECDH1_DERIVE, Parameter::Ecdh(params))
}

fn value(session: &Session, key: ObjectHandle) -> Vec<u8> {
    match session.attributes(key, &[A::VALUE]).unwrap().remove(0) {
        Answer::Value(value) => value.as_bytes().unwrap().to_vec(),
        _ => panic!("the value is open"),
    }
}

fn is(session: &Session, key: ObjectHandle, attribute: A) -> bool {
    match session.attributes(key, &[attribute]).unwrap().remove(0) {
        Answer::Value(value) => value.as_bool().unwrap(),
        _ => panic!("a flag is open"),
    }
}

fn code<T>(outcome: Result<T, Refusal>) -> Result<T, Error> {
    outcome.map_err(|refusal| refusal.error)
}

/// Every derivation that exists outside `enforce` alone, with a base key and a parameter that suit it.
fn one_way_breakers(session: &Session) -> Vec<(M, ObjectHandle, MechanismCall)> {
    let base = import(session, KeyType::GenericSecret, &[0x11; 32], &[]);
    let aes = import(session, KeyType::Aes, &[0x22; 32], &[]);
    let cbc = Parameter::CbcData(CbcDataParams { iv: [3; 16], data: vec![4; 32] });
    let with_data = [M::CONCATENATE_BASE_AND_DATA, M::CONCATENATE_DATA_AND_BASE, M::XOR_BASE_AND_DATA];
    let mut all: Vec<_> = with_data.into_iter().map(|id| (id, base, data(id, &[5; 32]))).collect();
    all.push((
        M::CONCATENATE_BASE_AND_KEY,
        base,
        MechanismCall::with(M::CONCATENATE_BASE_AND_KEY, Parameter::Key(aes.0)),
    ));
    all.push((M::EXTRACT_KEY_FROM_KEY, base, MechanismCall::with(M::EXTRACT_KEY_FROM_KEY, Parameter::FirstBit(0))));
    all.push((M::AES_ECB_ENCRYPT_DATA, aes, data(M::AES_ECB_ENCRYPT_DATA, &[5; 32])));
    all.push((M::AES_CBC_ENCRYPT_DATA, aes, MechanismCall::with(M::AES_CBC_ENCRYPT_DATA, cbc)));
    all
}

#[test]
fn r15_derivations_that_give_their_base_away_exist_outside_enforce_alone() {
    for mode in Mode::ALL {
        with_app(mode, |library, app| {
            let offered = library.mechanisms(SlotId(0)).unwrap();
            for (id, base, call) in one_way_breakers(app) {
                let derived = app.derive_key(call, base, with(readable(), &[len(16)]));
                let flags = code(library.mechanism_info(SlotId(0), id)).map(|info| info.flags);
                if mode == Mode::Enforce {
                    let refusal = derived.err().unwrap();
                    assert_eq!((refusal.error, refusal.rule), (Error::MechanismInvalid, Rule::R15), "{id:?}");
                    assert_eq!(flags, Err(Error::MechanismInvalid), "{id:?}");
                } else {
                    assert_eq!(value(app, derived.unwrap()).len(), 16, "{id:?}");
                    assert_eq!(flags, Ok(0x0008_0000), "{id:?}");
                }
                assert_eq!(offered.contains(&id), mode != Mode::Enforce, "{id:?}");
            }
            assert!(offered.contains(&M::ECDH1_DERIVE) && offered.contains(&M::HKDF_DERIVE));
        });
    }
}

#[test]
fn the_second_key_of_a_concatenation_is_checked_like_the_base_key() {
    with_app(Mode::Standard, |_, app| {
        let base = import(app, KeyType::GenericSecret, &[1; 4], &[]);
        let no_derive = import(app, KeyType::GenericSecret, &[2; 4], &[(A::DERIVE, false), (A::SIGN, true)]);
        let kept = import(app, KeyType::Aes, &[3; 16], &[(A::SENSITIVE, true), (A::EXTRACTABLE, false)]);
        let join = |base, other: u64, template| {
            let call = MechanismCall::with(M::CONCATENATE_BASE_AND_KEY, Parameter::Key(other));
            code(app.derive_key(call, base, template))
        };
        assert_eq!(join(base, no_derive.0, readable()), Err(Error::KeyFunctionNotPermitted));
        assert_eq!(join(no_derive, base.0, readable()), Err(Error::KeyFunctionNotPermitted));
        assert_eq!(join(base, 999_999, readable()), Err(Error::KeyHandleInvalid));
        assert_eq!(join(base, kept.0, readable()), Err(Error::TemplateInconsistent));
        assert_eq!(join(kept, base.0, readable()), Err(Error::TemplateInconsistent));
        let child = join(base, kept.0, flags(&[])).unwrap();
        assert!(is(app, child, A::SENSITIVE) && !is(app, child, A::EXTRACTABLE));
        let named = Value::Mechanisms(vec![M::HKDF_DERIVE.0]);
        let for_hkdf = with(readable(), &[(A::ALLOWED_MECHANISMS, named), (A::DERIVE, Value::Bool(true)), len(16)]);
        let for_hkdf = app.generate_key(MechanismCall::plain(M::GENERIC_SECRET_KEY_GEN), for_hkdf).unwrap();
        assert_eq!(join(base, for_hkdf.0, readable()), Err(Error::MechanismInvalid));
        let both = join(base, base.0, readable()).unwrap();
        assert_eq!(value(app, both), [1; 8]);
    });
}

#[test]
fn a_length_is_the_template_s_or_the_mechanism_s() {
    with_app(Mode::Standard, |_, app| {
        let base = import(app, KeyType::GenericSecret, &[1; 16], &[]);
        let join = |more: &[(A, Value)]| {
            let call = data(M::CONCATENATE_BASE_AND_DATA, &[2; 16]);
            code(app.derive_key(call, base, with(readable(), more))).map(|key| value(app, key).len())
        };
        assert_eq!(join(&[]), Ok(32));
        assert_eq!(join(&[of_type(KeyType::GenericSecret)]), Ok(32));
        assert_eq!(join(&[len(7)]), Ok(7));
        assert_eq!(join(&[of_type(KeyType::Aes), len(24)]), Ok(24));
        assert_eq!(join(&[of_type(KeyType::Aes)]), Err(Error::TemplateIncomplete), "AES has three lengths");
        assert_eq!(join(&[of_type(KeyType::Aes), len(20)]), Err(Error::AttributeValueInvalid));
        assert_eq!(join(&[of_type(KeyType::Rsa), len(16)]), Err(Error::TemplateInconsistent));
        assert_eq!(join(&[len(33)]), Err(Error::KeySizeRange));
        assert_eq!(join(&[len(u64::MAX)]), Err(Error::AttributeValueInvalid));
        let cut = |bit, more: &[(A, Value)]| {
            let call = MechanismCall::with(M::EXTRACT_KEY_FROM_KEY, Parameter::FirstBit(bit));
            code(app.derive_key(call, base, with(readable(), more))).map(|key| value(app, key).len())
        };
        assert_eq!(cut(0, &[]), Err(Error::TemplateIncomplete));
        assert_eq!(cut(127, &[len(16)]), Ok(16));
        assert_eq!(cut(0, &[len(17)]), Err(Error::KeySizeRange));
        assert_eq!(cut(128, &[len(1)]), Err(Error::MechanismParamInvalid));
        let long = code(app.derive_key(data(M::CONCATENATE_BASE_AND_DATA, &[0; 497]), base, readable()));
        assert_eq!(long, Err(Error::KeySizeRange), "longer than any secret key");
        let nothing = code(app.derive_key(data(M::XOR_BASE_AND_DATA, &[]), base, readable()));
        assert_eq!(nothing, Err(Error::KeySizeRange));
    });
}

#[test]
fn encrypted_data_is_whole_blocks_long_enough_and_under_an_aes_key() {
    with_app(Mode::Standard, |_, app| {
        let aes = import(app, KeyType::Aes, &[1; 16], &[(A::SENSITIVE, true), (A::EXTRACTABLE, false)]);
        let generic = import(app, KeyType::GenericSecret, &[1; 16], &[]);
        let encrypt = |base, bytes: &[u8], more: &[(A, Value)]| {
            code(app.derive_key(data(M::AES_ECB_ENCRYPT_DATA, bytes), base, with(readable(), more)))
        };
        let key = encrypt(aes, &[0; 32], &[]).unwrap();
        assert_eq!(value(app, key).len(), 32);
        assert!(!is(app, key, A::ALWAYS_SENSITIVE) && !is(app, key, A::NEVER_EXTRACTABLE) && !is(app, key, A::LOCAL));
        assert_eq!(encrypt(aes, &[0; 31], &[len(16)]), Err(Error::MechanismParamInvalid));
        assert_eq!(encrypt(aes, &[0; 16], &[len(17)]), Err(Error::DataLenRange));
        assert_eq!(encrypt(aes, &[], &[]), Err(Error::DataLenRange));
        assert_eq!(encrypt(generic, &[0; 16], &[]), Err(Error::KeyTypeInconsistent));
    });
}

/// A private key on `curve` of the given protection, and another side's key.
fn pair(app: &Session, curve: Curve, private: &[(A, bool)]) -> (ObjectHandle, ObjectHandle) {
    let public = with(flags(&[]), &[(A::EC_PARAMS, Value::bytes(encoding::ec_params(curve).unwrap()))]);
    let derives = with(flags(&[(A::DERIVE, true)]), &[]);
    let own: Vec<_> = private.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag))).collect();
    app.generate_key_pair(MechanismCall::plain(M::EC_KEY_PAIR_GEN), public, with(derives, &own)).unwrap()
}

fn point_of(app: &Session, public: ObjectHandle) -> Vec<u8> {
    match app.attributes(public, &[A::EC_POINT]).unwrap().remove(0) {
        Answer::Value(point) => point.as_bytes().unwrap().to_vec(),
        _ => panic!("a point is open"),
    }
}

#[test]
fn two_sides_agree_on_a_secret_in_every_mode() {
    const OPEN: &[(A, bool)] = &[(A::SENSITIVE, false), (A::EXTRACTABLE, true)];
    for mode in Mode::ALL {
        with_app(mode, |_, app| {
            for curve in Curve::ALL {
                let ((public, private), (peer_public, peer)) = (pair(app, curve, OPEN), pair(app, curve, OPEN));
                let (ours, theirs) = (point_of(app, peer_public), point_of(app, public));
                for kdf in [None, Some(Hash::Sha1), Some(Hash::Sha512)] {
                    let derive = |key, point: &[u8]| {
                        let derived = app.derive_key(ecdh(kdf, point), key, with(readable(), &[len(32)]));
                        value(app, derived.unwrap())
                    };
                    assert_eq!(derive(private, &ours), derive(peer, &theirs), "{curve:?} {kdf:?}");
                }
                let whole = app.derive_key(ecdh(None, &ours), private, readable()).unwrap();
                let cut = app.derive_key(ecdh(None, &ours), private, with(readable(), &[len(16)])).unwrap();
                assert_eq!(value(app, whole).len(), curve.field_len());
                assert!(value(app, whole).ends_with(&value(app, cut)), "the leading end is cut off");
            }
        });
    }
}

#[test]
fn r15_what_is_agreed_on_is_as_protected_as_the_private_key() {
    let foreign = Key::ec_private(Curve::P256, Secret::copy_of(&[9; 32])).unwrap();
    let point = foreign.point().unwrap();
    with_app(Mode::Enforce, |_, app| {
        let (_, kept) = pair(app, Curve::P256, &[]);
        let (_, leaves) = pair(app, Curve::P256, &[(A::SENSITIVE, true), (A::EXTRACTABLE, true)]);
        let derive = |base, list: &[(A, bool)]| code(app.derive_key(ecdh(None, point), base, flags(list)));
        for weak in [&[(A::SENSITIVE, false)][..], &[(A::EXTRACTABLE, true)]] {
            assert_eq!(derive(kept, weak), Err(Error::TemplateInconsistent), "{weak:?}");
        }
        assert_eq!(derive(leaves, &[(A::WRAP_WITH_TRUSTED, false)]), Err(Error::TemplateInconsistent));
        let child = derive(kept, &[]).unwrap();
        assert!(is(app, child, A::SENSITIVE) && !is(app, child, A::EXTRACTABLE));
        assert!(is(app, child, A::ALWAYS_SENSITIVE) && is(app, child, A::NEVER_EXTRACTABLE));
        let child = derive(leaves, &[(A::EXTRACTABLE, true)]).unwrap();
        assert!(is(app, child, A::SENSITIVE) && is(app, child, A::WRAP_WITH_TRUSTED));
        let short = code(app.derive_key(ecdh(None, point), kept, with(flags(&[]), &[len(15)])));
        assert_eq!(short, Err(Error::KeySizeRange), "rule R14");
    });
    with_app(Mode::Standard, |_, app| {
        let (_, kept) = pair(app, Curve::P256, &[]);
        let child = app.derive_key(ecdh(None, point), kept, readable()).unwrap();
        assert_eq!(value(app, child).len(), 32, "the standard lets the template say");
        assert!(!is(app, child, A::ALWAYS_SENSITIVE) && !is(app, child, A::NEVER_EXTRACTABLE));
    });
}

#[test]
fn ecdh_refuses_foreign_keys_and_points() {
    with_app(Mode::Enforce, |_, app| {
        let (public, private) = pair(app, Curve::P256, &[]);
        let (other_curve, _) = pair(app, Curve::P384, &[]);
        let point = point_of(app, public);
        let secret = import(app, KeyType::GenericSecret, &[1; 32], &[]);
        let derive = |base, point: &[u8]| code(app.derive_key(ecdh(None, point), base, flags(&[])));
        assert!(derive(private, &point).is_ok());
        assert_eq!(derive(secret, &point), Err(Error::KeyTypeInconsistent));
        for bad in [Vec::new(), vec![0], vec![4; 65], point_of(app, other_curve), point[..66].to_vec()] {
            assert_eq!(derive(private, &bad), Err(Error::MechanismParamInvalid), "{bad:02x?}");
        }
        let long = code(app.derive_key(ecdh(None, &point), private, with(flags(&[]), &[len(33)])));
        assert_eq!(long, Err(Error::KeySizeRange));
        let unsaid = code(app.derive_key(ecdh(Some(Hash::Sha256), &point), private, flags(&[])));
        assert_eq!(unsaid, Err(Error::TemplateIncomplete), "a key derivation function gives any length");
    });
}
