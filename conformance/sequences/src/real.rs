//! The other side of the comparison: the same calls as C calls to the built library, their return values, and every
//! boolean attribute read back.
//!
//! Each user is an application of its own, which stays logged in: a PIN costs more than all other calls of a sequence
//! together. What one does the others must notice.

use std::collections::HashMap;

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::rv::Rv;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::{Attribute, RawAnswers, Value as Sent};
use claviger_conformance::token::Token;
use claviger_rules::attribute::{ATTRIBUTES, Kind};
use claviger_rules::{AttributeType, Template, Value};
use cryptoki_sys::*;

use crate::call::{Call, Name, Pair, User};
use crate::model::State;
use crate::oracle::{Oracle, PROBE, Proof};
use crate::outside::{self, Block, Blocks};
use crate::way::Way;

/// One application: a copy of the library of its own, so with a login, handles and session objects of its own.
pub(crate) struct Application {
    /// The library, and who may log in.
    token: Token,
    /// Whom it logs in at the start.
    user: User,
}

impl Application {
    /// The application of `user`, with a library of its own.
    pub(crate) const fn new(token: Token, user: User) -> Self {
        Self { token, user }
    }

    /// As it is when a sequence begins: one read/write session, the user logged in.
    fn ready(&self) -> Result<Session<'_>, Rv> {
        self.token.module.close_all_sessions(self.token.slot)?;
        let session = self.open(true)?;
        session.login(self.user.kind(), &self.pin(self.user)).map(|()| session)
    }

    fn open(&self, writable: bool) -> Result<Session<'_>, Rv> {
        let flags = if writable { CKF_SERIAL_SESSION | CKF_RW_SESSION } else { CKF_SERIAL_SESSION };
        self.token.module.open_session(self.token.slot, flags)
    }

    fn pin(&self, user: User) -> String {
        let named = self.token.named();
        match user {
            User::App1 => named.app1.clone(),
            User::App2 => named.app2.clone(),
            User::Kim => named.kim.clone(),
            User::So => self.token.users.so.clone(),
        }
    }
}

/// The applications at the token.
pub(crate) struct Real<'t> {
    applications: &'t [Application; 4],
    /// The session of each application.
    sessions: [Session<'t>; 4],
    /// Whose turn it is.
    turn: User,
    /// The last handle of each object in each application.
    handles: HashMap<(User, Name), Object>,
    /// What token objects are found by after a login and in other applications.
    ids: HashMap<Vec<u8>, Name>,
    /// The byte strings under a name.
    strings: HashMap<Name, Bytes>,
    /// What listens.
    pub(crate) oracle: Oracle,
}

/// What a call gave.
#[derive(Default)]
pub(crate) struct Given {
    /// Handles of objects, by name.
    objects: Vec<(Name, Object)>,
    /// A byte string.
    bytes: Option<Bytes>,
    /// The name of the byte string, if the sequence may use it again.
    name: Option<Name>,
}

/// A byte string that came out of the token.
#[derive(Clone)]
struct Bytes {
    bytes: Vec<u8>,
    /// The IV that it was sealed with, for AES-GCM.
    iv: Option<Vec<u8>>,
}

impl<'t> Real<'t> {
    /// A session for each application.
    pub(crate) fn new(applications: &'t [Application; 4]) -> Result<Self, Rv> {
        let [one, two, three, four] = applications;
        let sessions = [one.ready()?, two.ready()?, three.ready()?, four.ready()?];
        let (handles, ids, strings) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { applications, sessions, turn: User::App1, handles, ids, strings, oracle: Oracle::default() })
    }

    /// The session of the application whose turn it is.
    fn session(&self) -> Session<'t> {
        *of(&self.sessions, self.turn)
    }

    /// Leaves nothing behind for the next sequence. `as_begun` are the applications that are as they were.
    pub(crate) fn clear(&mut self, as_begun: impl Fn(User) -> bool) -> Result<(), Rv> {
        for user in User::ALL.into_iter().filter(|user| !as_begun(*user)) {
            destroy_all(*of(&self.sessions, user));
            *of_mut(&mut self.sessions, user) = of(self.applications, user).ready()?;
        }
        self.sessions.iter().for_each(|session| destroy_all(*session));
        // What is left are public session objects of somebody else who was logged in there once.
        for user in User::ALL {
            if !of(&self.sessions, user).find(&[])?.is_empty() {
                *of_mut(&mut self.sessions, user) = of(self.applications, user).ready()?;
            }
        }
        self.handles.clear();
        self.ids.clear();
        self.strings.clear();
        (self.turn, self.oracle) = (User::App1, Oracle::default());
        Ok(())
    }

    /// Makes the call, and hands the oracle all that comes of it.
    pub(crate) fn make(&mut self, call: &Call, model: &State) -> Result<(), Rv> {
        let given = self.call(call, model)?;
        if let Some(bytes) = given.bytes {
            self.oracle.collect(bytes.bytes.clone(), bytes.iv.clone());
            if let Some(name) = given.name {
                self.strings.insert(name, bytes);
            }
        }
        for (name, handle) in given.objects {
            self.handles.insert((self.turn, name), handle);
        }
        Ok(())
    }

    /// The handle that the object had last.
    fn handle(&self, name: Name) -> Object {
        self.handles.get(&(self.turn, name)).copied().unwrap_or(CK_INVALID_HANDLE)
    }

    fn string(&self, name: Name) -> (&[u8], Option<&[u8]>) {
        self.strings.get(&name).map_or((&[], None), |Bytes { bytes, iv }| (bytes, iv.as_deref()))
    }

    fn call(&mut self, call: &Call, model: &State) -> Result<Given, Rv> {
        let session = self.session();
        match call {
            Call::Turn(user) => {
                self.turn = *user;
                self.find_again()?;
            }
            Call::Login(user) => {
                session.login(user.kind(), &of(self.applications, self.turn).pin(*user))?;
                self.find_again()?;
            }
            Call::Logout => session.logout()?,
            Call::Reopen { writable } => {
                session.close()?;
                *of_mut(&mut self.sessions, self.turn) = of(self.applications, self.turn).open(*writable)?;
                self.find_again()?;
            }
            Call::Generate { key, template } => {
                let made = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &sent(template))?;
                return Ok(Given::objects(vec![(*key, made)]));
            }
            Call::Pair { public, private, pair, templates } => {
                let mechanism = match pair {
                    Pair::Ec => CKM_EC_KEY_PAIR_GEN,
                    Pair::Rsa => CKM_RSA_PKCS_KEY_PAIR_GEN,
                };
                let (one, other) = (sent(&templates.0), sent(&templates.1));
                let made = session.generate_key_pair(&Mechanism::plain(mechanism), &one, &other)?;
                return Ok(Given::objects(vec![(*public, made.0), (*private, made.1)]));
            }
            Call::Create { key, template } => {
                let made = session.create_object(&sent(template))?;
                return Ok(Given::objects(vec![(*key, made)]));
            }
            Call::Copy { copy, source, template } => {
                let made = session.copy_object(self.handle(*source), &sent(template))?;
                return Ok(Given::objects(vec![(*copy, made)]));
            }
            Call::Set { object, template } => session.set_attribute_value(self.handle(*object), &sent(template))?,
            Call::Destroy { object } => session.destroy_object(self.handle(*object))?,
            Call::Find { value } => {
                if !session.find(&attrs![CKA_VALUE => value.bytes()])?.is_empty() {
                    return Err(Rv(CKR_GENERAL_ERROR));
                }
            }
            Call::Read { object } => {
                let value = session.attribute(self.handle(*object), CKA_VALUE)?;
                return Ok(Given::bytes(None, value, None));
            }
            Call::Unwrap { key, way, under, blob, template } => {
                let (bytes, iv) = self.string(*blob);
                let under = self.handle(*under);
                let made = session.unwrap_key(&way.mechanism(iv), under, bytes, &sent(template))?;
                return Ok(Given::objects(vec![(*key, made)]));
            }
            Call::Derive { key, base, salt, template } => {
                let mechanism = match salt {
                    Some(salt) => Mechanism::hkdf_salted_with(CKM_SHA256, self.handle(*salt), b"sequence"),
                    None => Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"sequence"),
                };
                let made = session.derive_key(&mechanism, self.handle(*base), &sent(template))?;
                return Ok(Given::objects(vec![(*key, made)]));
            }
            Call::Wrap { .. }
            | Call::Encrypt { .. }
            | Call::Decrypt { .. }
            | Call::Peel { .. }
            | Call::Digest { .. } => {
                return self.give(call, model);
            }
        }
        Ok(Given::default())
    }

    /// The calls that give bytes out.
    fn give(&self, call: &Call, model: &State) -> Result<Given, Rv> {
        let session = self.session();
        match call {
            Call::Wrap { blob, way, under, key } => {
                let mechanism = way.mechanism(None);
                let bytes = session.wrap_key(&mechanism, self.handle(*under), self.handle(*key))?;
                Ok(Given::bytes(Some(*blob), bytes, iv_of(*way, &mechanism)))
            }
            Call::Encrypt { blob, way, key, data } => {
                let mechanism = way.mechanism(None);
                let bytes = session.encrypt(&mechanism, self.handle(*key), &data.bytes())?;
                Ok(Given::bytes(Some(*blob), bytes, iv_of(*way, &mechanism)))
            }
            Call::Decrypt { plain, way, key, blob } => {
                let (bytes, iv) = self.string(*blob);
                let plaintext = session.decrypt(&way.mechanism(iv), self.handle(*key), bytes)?;
                Ok(Given::bytes(Some(*plain), plaintext, None))
            }
            Call::Peel { key, blob } => {
                let (bytes, iv) = self.string(*blob);
                let way = model.sealed_by(*blob).unwrap_or(Way::Ecb);
                let mut calls = OneBlock { session, key: self.handle(*key), refused: None };
                // One block in any case, even if the bytes are not as many.
                let _ = if model.is_keystream(*blob) { calls.encrypt(PROBE) } else { calls.decrypt(PROBE) };
                match calls.refused {
                    Some(rv) => Err(rv),
                    None => {
                        let opened = outside::peel(way, &mut calls, bytes, iv);
                        Ok(Given::bytes(None, opened.unwrap_or_default(), None))
                    }
                }
            }
            Call::Digest { key } => {
                session.digest_init(&Mechanism::plain(CKM_SHA256))?;
                let keyed = session.digest_key(self.handle(*key));
                // A refused key leaves the operation as it is.
                let digest = session.digest_final();
                keyed?;
                Ok(Given::bytes(None, digest?, None))
            }
            _ => Ok(Given::default()),
        }
    }

    /// After a login handles are others, and in another application anyway: what is found says what it is by its
    /// CKA_UNIQUE_ID.
    fn find_again(&mut self) -> Result<(), Rv> {
        let session = self.session();
        for handle in session.find(&[])? {
            if let Some(name) = self.ids.get(&session.attribute(handle, CKA_UNIQUE_ID)?) {
                self.handles.insert((self.turn, *name), handle);
            }
        }
        Ok(())
    }

    /// Compares every boolean attribute of an object with the model's.
    pub(crate) fn compare(&mut self, name: Name, model: &State) -> Result<(), String> {
        let Some(held) = model.object(name).filter(|held| model.sees(held)) else { return Ok(()) };
        let flags: Vec<_> = ATTRIBUTES.iter().filter(|row| row.kind == Kind::Bool).collect();
        let asked = flags.iter().map(|row| (row.id.0, Some(1)));
        let mut answers = RawAnswers::asking(&asked.chain([(CKA_UNIQUE_ID, Some(64))]).collect::<Vec<_>>());
        match self.session().attribute_values_into(self.handle(name), &mut answers) {
            // Some that the object does not have.
            Ok(()) | Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID)) => {}
            Err(rv) => return Err(format!("C_GetAttributeValue({name}): {rv}, the model sees the object")),
        }
        let values = answers.values();
        for (row, value) in flags.iter().zip(&values) {
            let real = value.as_deref().map(|bytes| bytes == [CK_TRUE]);
            let expected = held.object.attributes.flag_given(row.id);
            if real != expected {
                let (name, real) = (row.name, said(real));
                return Err(format!("CKA_{name} is {real}, in the model {}", said(expected)));
            }
        }
        if let Some(Some(unique)) = values.last() {
            self.ids.insert(unique.clone(), name);
        }
        Ok(())
    }

    /// The bytes that the token gave out under a name are as many as the model says.
    pub(crate) fn compare_len(&self, name: Name, model: &State) -> Result<(), String> {
        match (self.string(name).0.len(), model.string_len(name)) {
            (real, Some(expected)) if real != expected => {
                Err(format!("{name} has {real} bytes, in the model {expected}"))
            }
            _ => Ok(()),
        }
    }

    /// What is found is what the model says the user sees.
    pub(crate) fn compare_sight(&self, model: &State) -> Result<(), String> {
        let found = self.session().find(&[]).map_err(|rv| format!("C_FindObjects: {rv}"))?;
        let expected = model.objects().filter(|(_, held)| model.sees(held)).count();
        if found.len() == expected {
            return Ok(());
        }
        Err(format!("{} objects are found, the model sees {expected}", found.len()))
    }

    /// Takes what tells the value of a key that was just born; says which sort of proof that was.
    pub(crate) fn prove(&mut self, name: Name, model: &State, is_protected: bool) -> Option<Proof> {
        let held = model.object(name)?;
        let handle = self.handle(name);
        let proof = match held.object.attributes.ulong(AttributeType::KEY_TYPE) {
            Some(CKK_AES) => self.encrypted(handle).or_else(|| self.check_value(handle)),
            Some(CKK_RSA) if held.value.is_some() => {
                self.session().attribute(handle, CKA_MODULUS).ok().map(Proof::Modulus)
            }
            Some(CKK_EC) if held.value.is_some() => self.point(handle),
            _ => None,
        }?;
        self.oracle.prove(name, proof.clone(), is_protected);
        Some(proof)
    }

    /// The probe encrypted under the key, or under a session copy that may encrypt.
    fn encrypted(&self, key: Object) -> Option<Proof> {
        let ecb = Mechanism::plain(CKM_AES_ECB);
        let encrypt = |key| self.session().encrypt(&ecb, key, &PROBE).ok();
        let block = encrypt(key).or_else(|| {
            let copy = self.session().copy_object(key, &attrs![CKA_TOKEN => false, CKA_ENCRYPT => true]).ok()?;
            let block = encrypt(copy);
            self.session().destroy_object(copy).ok()?;
            block
        })?;
        Some(Proof::Block(block.try_into().ok()?))
    }

    fn check_value(&self, key: Object) -> Option<Proof> {
        let check = self.session().attribute(key, CKA_CHECK_VALUE).ok()?;
        Some(Proof::Check(check.try_into().ok()?))
    }

    /// The public point stands at the end of CKA_PUBLIC_KEY_INFO.
    fn point(&self, key: Object) -> Option<Proof> {
        let info = self.session().attribute(key, CKA_PUBLIC_KEY_INFO).ok()?;
        Some(Proof::Point(info.get(info.len().checked_sub(65)?..)?.to_vec()))
    }

    /// The bytes under a name, as a proof of the key that made them.
    pub(crate) fn blob_proof(&self, blob: Name) -> Proof {
        Proof::Blob(self.string(blob).0.to_vec())
    }
}

/// Destroys what the user may destroy.
fn destroy_all(session: Session<'_>) {
    for object in session.find(&[]).unwrap_or_default() {
        // What somebody else owns is refused, and goes when its owner is here.
        let _ = session.destroy_object(object);
    }
}

impl Given {
    fn bytes(name: Option<Name>, bytes: Vec<u8>, iv: Option<Vec<u8>>) -> Self {
        Self { objects: Vec::new(), bytes: Some(Bytes { bytes, iv }), name }
    }

    const fn objects(objects: Vec<(Name, Object)>) -> Self {
        Self { objects, bytes: None, name: None }
    }
}

/// C_Encrypt and C_Decrypt(CKM_AES_ECB) of single blocks.
struct OneBlock<'t> {
    session: Session<'t>,
    key: Object,
    /// What the first refused call said.
    refused: Option<Rv>,
}

impl OneBlock<'_> {
    fn note(&mut self, outcome: Result<Vec<u8>, Rv>) -> Option<Block> {
        match outcome {
            Ok(bytes) => bytes.try_into().ok(),
            Err(rv) => {
                self.refused.get_or_insert(rv);
                None
            }
        }
    }
}

impl Blocks for OneBlock<'_> {
    fn encrypt(&mut self, block: Block) -> Option<Block> {
        let outcome = self.session.encrypt(&Mechanism::plain(CKM_AES_ECB), self.key, &block);
        self.note(outcome)
    }

    fn decrypt(&mut self, block: Block) -> Option<Block> {
        let outcome = self.session.decrypt(&Mechanism::plain(CKM_AES_ECB), self.key, &block);
        self.note(outcome)
    }
}

/// The user's own of four.
const fn of<T>(list: &[T; 4], user: User) -> &T {
    let [app1, app2, kim, so] = list;
    match user {
        User::App1 => app1,
        User::App2 => app2,
        User::Kim => kim,
        User::So => so,
    }
}

const fn of_mut<T>(list: &mut [T; 4], user: User) -> &mut T {
    let [app1, app2, kim, so] = list;
    match user {
        User::App1 => app1,
        User::App2 => app2,
        User::Kim => kim,
        User::So => so,
    }
}

fn iv_of(way: Way, mechanism: &Mechanism) -> Option<Vec<u8>> {
    matches!(way, Way::Gcm(..)).then(|| mechanism.iv())
}

/// A template as the harness sends it.
fn sent(template: &Template) -> Vec<Attribute> {
    let value = |value: &Value| match value {
        Value::Template(nested) => Sent::Template(sent(nested)),
        flat => Sent::Bytes(flat.encode().map(|bytes| bytes.to_vec()).unwrap_or_default()),
    };
    template.iter().map(|(attribute, given)| Attribute { kind: attribute.0, value: value(given) }).collect()
}

const fn said(flag: Option<bool>) -> &'static str {
    match flag {
        None => "absent",
        Some(false) => "false",
        Some(true) => "true",
    }
}
