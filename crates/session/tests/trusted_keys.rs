//! The trusted-key flow through the safe API: candidate, trust, share, wrap, destroy, unwrap, use; and what is refused
//! on the way. The same flow by C calls stands in `conformance`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::sync::Arc;

use claviger_crypto::{Curve, GcmParams, encoding};
use claviger_rules::{
    AttributeType as A, Error, KeyType, MechanismType as M, Mode, ObjectClass, Parameter, Role, Template, Value,
};
use claviger_session::{
    Answer, Config, Initialize, Library, MechanismCall, ObjectHandle, Room, Session, SessionHandle, SlotId, UserType,
};
use claviger_store::Cost;
use tempfile::TempDir;

/// A token with a security officer, a key manager `kim` and two normal users, and one application.
struct World {
    library: Library,
    session: SessionHandle,
    directory: TempDir,
}

impl World {
    fn new(mode: Mode) -> Self {
        let directory = TempDir::new().unwrap();
        let library = Library::open(Config::new(directory.path())).unwrap();
        let new = Initialize {
            label: "test",
            so_pin: b"12345678",
            mode: Some(mode),
            pin_cost: Some(Cost::Quick),
            reset: None,
        };
        library.initialize(SlotId(0), &new).unwrap();
        let session = library.open_session(SlotId(0), true).unwrap();
        let world = Self { library, session, directory };
        world.as_user(UserType::So, "so:12345678", |so| {
            so.create_user("kim", Role::KeyManager, b"kims").unwrap();
            so.create_user("app1", Role::NormalUser, b"app1").unwrap();
            so.create_user("app2", Role::NormalUser, b"app2").unwrap();
        });
        world
    }

    fn session(&self) -> Arc<Session> {
        self.library.session(self.session).unwrap()
    }

    fn as_user<T>(&self, kind: UserType, pin: &str, act: impl FnOnce(&Session) -> T) -> T {
        let session = self.session();
        session.login(kind, pin.as_bytes()).unwrap();
        let result = act(&session);
        self.session().logout().unwrap();
        result
    }

    fn so<T>(&self, act: impl FnOnce(&Session) -> T) -> T {
        self.as_user(UserType::So, "so:12345678", act)
    }

    fn kim<T>(&self, act: impl FnOnce(&Session) -> T) -> T {
        self.as_user(UserType::User, "kim:kims", act)
    }

    fn app1<T>(&self, act: impl FnOnce(&Session) -> T) -> T {
        self.as_user(UserType::User, "app1:app1", act)
    }

    fn app2<T>(&self, act: impl FnOnce(&Session) -> T) -> T {
        self.as_user(UserType::User, "app2:app2", act)
    }

    /// The same token in a new process, as far as one process can show it.
    fn reopened(self) -> Self {
        let Self { library, directory, .. } = self;
        drop(library);
        let library = Library::open(Config::new(directory.path())).unwrap();
        let session = library.open_session(SlotId(0), true).unwrap();
        Self { library, session, directory }
    }

    /// A candidate of kim's, shared with app1.
    fn with_shared_candidate(self) -> Self {
        self.kim(|kim| {
            let key = generate(kim, &[(A::WRAP, true), (A::UNWRAP, true)], "kt");
            share(kim, key, "app1").unwrap();
        });
        self
    }

    fn with_trusted_key(self) -> Self {
        let world = self.with_shared_candidate();
        world.so(|so| set(so, find(so, "kt"), A::TRUSTED, true).unwrap());
        world
    }
}

fn template(flags: &[(A, bool)], label: &str) -> Template {
    let flags = flags.iter().map(|(attribute, flag)| (*attribute, Value::Bool(*flag)));
    Template::from_list(flags.chain([(A::LABEL, Value::bytes(label))])).unwrap()
}

fn generate(session: &Session, flags: &[(A, bool)], label: &str) -> ObjectHandle {
    let mut wanted = template(flags, label);
    wanted.set(A::VALUE_LEN, Value::Ulong(32));
    session.generate_key(MechanismCall::plain(M::AES_KEY_GEN), wanted).unwrap()
}

/// A key as applications make them: sensitive, extractable, for data.
fn data_key(session: &Session, label: &str) -> ObjectHandle {
    let flags =
        [(A::SENSITIVE, true), (A::EXTRACTABLE, true), (A::TOKEN, true), (A::ENCRYPT, true), (A::DECRYPT, true)];
    generate(session, &flags, label)
}

fn all(session: &Session, label: &str) -> Vec<ObjectHandle> {
    session.find_init(Template::from_list([(A::LABEL, Value::bytes(label))]).unwrap()).unwrap();
    let found = session.find(100).unwrap();
    session.find_final().unwrap();
    found
}

fn find(session: &Session, label: &str) -> ObjectHandle {
    *all(session, label).first().expect("the object is there and visible")
}

fn set(session: &Session, key: ObjectHandle, attribute: A, flag: bool) -> Result<(), Error> {
    let template = Template::from_list([(attribute, Value::Bool(flag))]).unwrap();
    session.set_attributes(key, template).map_err(|refusal| refusal.error)
}

fn share(session: &Session, key: ObjectHandle, names: &str) -> Result<(), Error> {
    let template = Template::from_list([(A::CLAVIGER_SHARED_WITH, Value::bytes(names))]).unwrap();
    session.set_attributes(key, template).map_err(|refusal| refusal.error)
}

fn wrap_by(
    session: &Session,
    mut call: MechanismCall,
    under: ObjectHandle,
    key: ObjectHandle,
) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; 4096];
    let mut room = Room::bytes(&mut buffer);
    session.wrap_key(&mut call, under, key, &mut room).map_err(|refusal| refusal.error)?;
    let len = room.reported();
    buffer.truncate(len);
    Ok(buffer)
}

fn wrap(session: &Session, under: ObjectHandle, key: ObjectHandle) -> Result<Vec<u8>, Error> {
    wrap_by(session, MechanismCall::plain(M::AES_KEY_WRAP_KWP), under, key)
}

fn unwrap(session: &Session, under: ObjectHandle, blob: &[u8], flags: &[(A, bool)]) -> Result<ObjectHandle, Error> {
    let mut wanted = template(flags, "unwrapped");
    wanted.set(A::CLASS, Value::Ulong(ObjectClass::SecretKey.id()));
    wanted.set(A::KEY_TYPE, Value::Ulong(KeyType::Aes.id()));
    let call = MechanismCall::plain(M::AES_KEY_WRAP_KWP);
    session.unwrap_key(call, under, blob, wanted).map_err(|refusal| refusal.error)
}

fn crypt(session: &Session, key: ObjectHandle, encrypt: bool, data: &[u8]) -> Vec<u8> {
    let call = MechanismCall::with(M::AES_CBC_PAD, Parameter::Iv([7; 16]));
    let mut buffer = vec![0; data.len() + 16];
    let mut room = Room::bytes(&mut buffer);
    if encrypt {
        session.encrypt_init(call, key).unwrap();
        session.encrypt(data, &mut room).unwrap();
    } else {
        session.decrypt_init(call, key).unwrap();
        session.decrypt(data, &mut room).unwrap();
    }
    let len = room.reported();
    buffer.truncate(len);
    buffer
}

fn flag(session: &Session, key: ObjectHandle, attribute: A) -> Option<bool> {
    match session.attributes(key, &[attribute]).unwrap().first() {
        Some(Answer::Value(value)) => value.as_bool(),
        _ => None,
    }
}

#[test]
fn the_whole_flow_and_a_second_process() {
    let world = World::new(Mode::Enforce).with_shared_candidate();
    world.app1(|app| {
        let key = data_key(app, "ks");
        assert_eq!(wrap(app, find(app, "kt"), key), Err(Error::KeyFunctionNotPermitted), "a candidate does nothing");
    });
    world.so(|so| set(so, find(so, "kt"), A::TRUSTED, true).unwrap());

    let world = world.reopened();
    let (ciphertext, blob) = world.app1(|app| {
        let key = find(app, "ks");
        let ciphertext = crypt(app, key, true, b"said before");
        let blob = wrap(app, find(app, "kt"), key).unwrap();
        app.destroy_object(key).unwrap();
        assert!(all(app, "ks").is_empty());
        (ciphertext, blob)
    });

    let world = world.reopened();
    world.app1(|app| {
        let back = unwrap(app, find(app, "kt"), &blob, &[(A::DECRYPT, true), (A::TOKEN, true)]).unwrap();
        assert_eq!(crypt(app, back, false, &ciphertext), b"said before");
        for (attribute, expected) in
            [(A::WRAP_WITH_TRUSTED, true), (A::SENSITIVE, true), (A::TRUSTED, false), (A::LOCAL, false)]
        {
            assert_eq!(flag(app, back, attribute), Some(expected));
        }
        let own = generate(app, &[(A::WRAP, true)], "own");
        assert_eq!(wrap(app, own, back), Err(Error::KeyNotWrappable), "not under a key of one's own");
    });
    world.app2(|app| {
        assert!(all(app, "kt").is_empty(), "app2 does not see the wrapping key");
        assert!(all(app, "unwrapped").is_empty(), "nor what app1 unwrapped");
    });
}

#[test]
fn gcm_under_a_trusted_key_takes_its_iv_from_the_token() {
    let world = World::new(Mode::Enforce).with_trusted_key();
    world.app1(|app| {
        let (under, key) = (find(app, "kt"), data_key(app, "ks"));
        let gcm = |iv: [u8; 12], tag_bits| {
            let params = GcmParams { iv: iv.to_vec(), aad: Vec::new(), tag_bits };
            MechanismCall::with(M::AES_GCM, Parameter::Gcm(params))
        };
        assert_eq!(wrap_by(app, gcm([1; 12], 128), under, key), Err(Error::MechanismParamInvalid));
        assert_eq!(wrap_by(app, gcm([0; 12], 96), under, key), Err(Error::MechanismParamInvalid));
        let cbc = MechanismCall::with(M::AES_CBC, Parameter::Iv([0; 16]));
        assert_eq!(wrap_by(app, cbc, under, key), Err(Error::MechanismParamInvalid));

        let mut ivs = Vec::new();
        for asked in [vec![0; 12], Vec::new()] {
            let params = GcmParams { iv: asked, aad: Vec::new(), tag_bits: 128 };
            let mut call = MechanismCall::with(M::AES_GCM, Parameter::Gcm(params));
            let mut buffer = vec![0; 64];
            app.wrap_key(&mut call, under, key, &mut Room::bytes(&mut buffer)).unwrap();
            let Ok(Parameter::Gcm(made)) = call.parameter else { panic!("the IV is written back") };
            ivs.push(made.iv);
        }
        assert_ne!(ivs[0], ivs[1]);
        assert!(ivs.iter().all(|iv| iv.len() == 12 && iv != &[0; 12]));
    });
}

#[test]
fn a_retired_key_opens_old_blobs_and_never_wraps_again() {
    let world = World::new(Mode::Enforce).with_trusted_key();
    let blob = world.app1(|app| wrap(app, find(app, "kt"), data_key(app, "ks")).unwrap());
    world.so(|so| {
        set(so, find(so, "kt"), A::TRUSTED, false).unwrap();
        assert_eq!(set(so, find(so, "kt"), A::TRUSTED, true), Err(Error::AttributeReadOnly), "retiring is final");
    });
    world.app1(|app| {
        let under = find(app, "kt");
        assert_eq!(wrap(app, under, find(app, "ks")), Err(Error::KeyFunctionNotPermitted));
        let back = unwrap(app, under, &blob, &[]).unwrap();
        assert_eq!(flag(app, back, A::WRAP_WITH_TRUSTED), Some(true), "finding 1: the carried template still binds");
        assert_eq!(unwrap(app, under, &blob, &[(A::WRAP_WITH_TRUSTED, false)]), Err(Error::TemplateInconsistent));
    });
}

#[test]
fn a_sharee_uses_a_key_and_does_nothing_else_with_it() {
    let world = World::new(Mode::Enforce).with_trusted_key();
    world.kim(|kim| {
        let data = generate(kim, &[(A::ENCRYPT, true), (A::EXTRACTABLE, true), (A::TOKEN, true)], "data");
        share(kim, data, "app1").unwrap();
    });
    world.app1(|app| {
        let (trusted, data) = (find(app, "kt"), find(app, "data"));
        assert_eq!(wrap(app, trusted, data), Err(Error::KeyUnextractable), "only its owner wraps it out");
        assert_eq!(set(app, data, A::DECRYPT, true), Err(Error::ActionProhibited));
        assert_eq!(share(app, data, "app2"), Err(Error::AttributeReadOnly));
        assert_eq!(app.destroy_object(data).map_err(|refusal| refusal.error), Err(Error::ActionProhibited));
        let copied = app.copy_object(data, Template::new()).map_err(|refusal| refusal.error);
        assert_eq!(copied, Err(Error::ActionProhibited));
        assert!(!crypt(app, data, true, b"may be used").is_empty());
    });
    world.kim(|kim| {
        let data = find(kim, "data");
        let refused = kim.encrypt_init(MechanismCall::with(M::AES_CBC_PAD, Parameter::Iv([0; 16])), data);
        assert_eq!(
            refused.map_err(|refusal| refusal.error),
            Err(Error::KeyFunctionNotPermitted),
            "a key manager uses no key"
        );
        share(kim, data, "").unwrap();
    });
    world.app1(|app| assert!(all(app, "data").is_empty(), "unshared is unseen"));
}

#[test]
fn a_security_officer_sees_wrapping_keys_and_nothing_else_and_touches_no_value() {
    let world = World::new(Mode::Enforce).with_shared_candidate();
    world.app1(|app| data_key(app, "ks"));
    world.so(|so| {
        assert!(all(so, "ks").is_empty());
        let candidate = find(so, "kt");
        assert_eq!(so.destroy_object(candidate).map_err(|refusal| refusal.error), Err(Error::ActionProhibited));
        assert!(matches!(so.attributes(candidate, &[A::VALUE]).unwrap()[0], Answer::Sensitive));
        let made = so.generate_key(MechanismCall::plain(M::AES_KEY_GEN), template(&[(A::TOKEN, true)], "so"));
        assert_eq!(made.map_err(|refusal| refusal.error), Err(Error::UserNotLoggedIn));
    });
}

#[test]
fn nobody_but_a_security_officer_marks_a_key_trusted() {
    let world = World::new(Mode::Enforce).with_shared_candidate();
    world.kim(|kim| assert_eq!(set(kim, find(kim, "kt"), A::TRUSTED, true), Err(Error::AttributeReadOnly)));
    world.app1(|app| assert_eq!(set(app, find(app, "kt"), A::TRUSTED, true), Err(Error::AttributeReadOnly)));
}

#[test]
fn a_plain_token_lets_a_sensitive_key_leave_under_any_key() {
    let world = World::new(Mode::Standard);
    world.app1(|app| {
        let key = data_key(app, "ks");
        let own = generate(app, &[(A::WRAP, true), (A::DECRYPT, true)], "own");
        assert!(wrap(app, own, key).is_ok(), "which is why `enforce` exists");
    });
}

#[test]
fn a_deleted_and_made_again_user_inherits_nothing() {
    let world = World::new(Mode::Enforce).with_trusted_key();
    world.so(|so| {
        so.delete_user("app1").unwrap();
        so.create_user("app1", Role::NormalUser, b"app1").unwrap();
        assert_eq!(
            so.delete_user("kim").map_err(|refusal| refusal.error),
            Err(Error::ActionProhibited),
            "kim owns keys"
        );
    });
    world.app1(|app| assert!(all(app, "kt").is_empty()));
}

/// Rule R11: any bytes would do for a secret key, but those of a private key are no secret one.
#[test]
fn r11_a_private_key_does_not_come_back_as_a_secret_one() {
    let unwrap_as = |app: &Session, under: ObjectHandle, class: ObjectClass, key_type: KeyType| {
        let mut wanted = Template::new();
        wanted.set(A::CLASS, Value::Ulong(class.id()));
        wanted.set(A::KEY_TYPE, Value::Ulong(key_type.id()));
        let blob = wrap(app, under, find(app, "pair")).unwrap();
        let unwrapped = app.unwrap_key(MechanismCall::plain(M::AES_KEY_WRAP_KWP), under, &blob, wanted);
        unwrapped.map(drop).map_err(|refusal| refusal.error)
    };
    let make_pair = |app: &Session| {
        let mut curve = Template::new();
        curve.set(A::EC_PARAMS, Value::bytes(encoding::ec_params(Curve::P256).unwrap()));
        let leaves = template(&[(A::EXTRACTABLE, true)], "pair");
        app.generate_key_pair(MechanismCall::plain(M::EC_KEY_PAIR_GEN), curve, leaves).unwrap();
    };
    World::new(Mode::Enforce).with_trusted_key().app1(|app| {
        make_pair(app);
        let under = find(app, "kt");
        for key_type in [KeyType::GenericSecret, KeyType::Sha256Hmac, KeyType::Hkdf] {
            assert_eq!(unwrap_as(app, under, ObjectClass::SecretKey, key_type), Err(Error::WrappedKeyInvalid));
        }
        assert_eq!(unwrap_as(app, under, ObjectClass::PrivateKey, KeyType::Rsa), Err(Error::WrappedKeyInvalid));
        assert_eq!(unwrap_as(app, under, ObjectClass::PrivateKey, KeyType::Ec), Ok(()));
    });
    World::new(Mode::Standard).app1(|app| {
        make_pair(app);
        let under = generate(app, &[(A::WRAP, true), (A::UNWRAP, true)], "own");
        assert_eq!(unwrap_as(app, under, ObjectClass::SecretKey, KeyType::GenericSecret), Ok(()));
    });
}
