//! One application: a process that uses the token as its orders say (`order`). It is killed without notice.

use std::io::Write as _;
use std::time::Instant;

use claviger_conformance::attrs;
use claviger_conformance::fixture;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::Token;
use cryptoki_sys::*;

use crate::order::{Answer, Class, Failure, Kind, Order, Outcome, Seen};

/// What is signed.
const DATA: [u8; 32] = [7; 32];

/// Carries out orders until there are no more.
pub(crate) fn obey() -> Result<(), String> {
    let mut session = None;
    for line in std::io::stdin().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let order: Order = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let outcome = match (&order, session) {
            (Order::Start { pin }, _) => {
                start(pin.as_deref()).map(|opened| session = Some(opened)).map(|()| Outcome::Done)
            }
            (order, Some(session)) => carry_out(session, order),
            (_, None) => Err(Failure { call: "no session".to_owned(), rv: CKR_SESSION_HANDLE_INVALID }),
        };
        let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        say(&Answer { outcome, elapsed_us })?;
    }
    let Some(session) = session else { return Ok(()) };
    session.module.finalize().map_err(|rv| format!("C_Finalize: {rv}"))
}

/// One write for the whole line: the pipe takes it at once or, of a killed process, not at all.
fn say(answer: &Answer) -> Result<(), String> {
    let mut line = serde_json::to_string(answer).map_err(|error| error.to_string())?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes()).map_err(|error| error.to_string())
}

/// Names the call of a refusal.
trait Named<T> {
    fn named(self, call: &str) -> Result<T, Failure>;
}

impl<T> Named<T> for Result<T, Rv> {
    fn named(self, call: &str) -> Result<T, Failure> {
        self.map_err(|Rv(rv)| Failure { call: call.to_owned(), rv })
    }
}

fn start(pin: Option<&str>) -> Result<Session<'static>, Failure> {
    let module = fixture::module().and_then(|path| Module::load(&path));
    let module = module.map_err(|call| Failure { call, rv: CKR_LIBRARY_LOAD_FAILED })?;
    module.initialize_null().named("C_Initialize")?;
    let Token { module, slot, .. } = Token::with(module);
    let module: &Module = Box::leak(Box::new(module));
    let session = module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).named("C_OpenSession")?;
    match pin {
        Some(pin) => session.login(CKU_USER, pin).named("C_Login").map(|()| session),
        None => Ok(session),
    }
}

fn carry_out(session: Session<'_>, order: &Order) -> Result<Outcome, Failure> {
    let done = |()| Outcome::Done;
    match order {
        Order::Start { .. } => Err(Failure { call: "C_Initialize".to_owned(), rv: CKR_CRYPTOKI_ALREADY_INITIALIZED }),
        Order::Login { pin } => login(session, pin).map(done),
        Order::Make { kind: Kind::Pair, label } => make_pair(session, label).map(Outcome::Made),
        Order::Make { kind: Kind::Secret, label } => make_secret(session, label).map(Outcome::Made),
        Order::Find { wanted } => {
            let counts = wanted.iter().map(|(class, label)| find(session, *class, label).map(|found| found.len()));
            counts.collect::<Result<_, _>>().map(Outcome::Found)
        }
        Order::Use { private, public } => sign_and_verify(session, private, public).map(done),
        Order::Relabel { class, from, to, whole } => {
            let template = if *whole { attrs![CKA_LABEL => to, CKA_ID => to] } else { attrs![CKA_LABEL => to] };
            let object = the_one(session, *class, from)?;
            session.set_attribute_value(object, &template).named("C_SetAttributeValue").map(done)
        }
        Order::Destroy { class, label } => {
            let object = the_one(session, *class, label)?;
            session.destroy_object(object).named("C_DestroyObject").map(done)
        }
        Order::Survey { thorough } => survey(session, *thorough).map(Outcome::Seen),
    }
}

fn login(session: Session<'_>, pin: &str) -> Result<(), Failure> {
    match session.logout() {
        Ok(()) | Err(Rv(CKR_USER_NOT_LOGGED_IN)) => session.login(CKU_USER, pin).named("C_Login"),
        Err(rv) => Err(rv).named("C_Logout"),
    }
}

fn make_pair(session: Session<'_>, label: &str) -> Result<Vec<Option<String>>, Failure> {
    let public = attrs![
        CKA_TOKEN => true, CKA_EC_PARAMS => P256, CKA_VERIFY => true, CKA_LABEL => label, CKA_ID => label,
    ];
    let private = attrs![CKA_TOKEN => true, CKA_SIGN => true, CKA_LABEL => label, CKA_ID => label];
    let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let (public, _) = session.generate_key_pair(&generation, &public, &private).named("C_GenerateKeyPair")?;
    Ok(vec![print(session, Class::Public, public)?, None])
}

fn make_secret(session: Session<'_>, label: &str) -> Result<Vec<Option<String>>, Failure> {
    let template = attrs![
        CKA_TOKEN => true, CKA_VALUE_LEN => 32, CKA_SIGN => true, CKA_VERIFY => true, CKA_LABEL => label,
        CKA_ID => label,
    ];
    let key = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template).named("C_GenerateKey")?;
    Ok(vec![print(session, Class::Secret, key)?])
}

/// What tells the value of a key.
fn print(session: Session<'_>, class: Class, object: Object) -> Result<Option<String>, Failure> {
    let bytes = match class {
        Class::Public => session.attribute(object, CKA_EC_POINT).named("C_GetAttributeValue(CKA_EC_POINT)")?,
        Class::Secret => session.sign(&Mechanism::plain(CKM_AES_CMAC), object, &DATA).named("C_Sign(CKM_AES_CMAC)")?,
        Class::Private => return Ok(None),
    };
    Ok(Some(hex::encode(bytes)))
}

fn find(session: Session<'_>, class: Class, label: &str) -> Result<Vec<Object>, Failure> {
    session.find(&attrs![CKA_CLASS => class.code(), CKA_TOKEN => true, CKA_LABEL => label]).named("C_FindObjects")
}

fn the_one(session: Session<'_>, class: Class, label: &str) -> Result<Object, Failure> {
    match find(session, class, label)?.as_slice() {
        [object] => Ok(*object),
        // No function returns this here: it says that the search gave none, or several.
        others => Err(Failure {
            call: format!("C_FindObjects({label}) gave {}", others.len()),
            rv: CKR_OBJECT_HANDLE_INVALID,
        }),
    }
}

fn sign_and_verify(session: Session<'_>, private: &str, public: &str) -> Result<(), Failure> {
    let private = the_one(session, Class::Private, private)?;
    let public = the_one(session, Class::Public, public)?;
    verify(session, public, &sign(session, private)?)
}

fn sign(session: Session<'_>, private: Object) -> Result<Vec<u8>, Failure> {
    session.sign(&Mechanism::plain(CKM_ECDSA), private, &DATA).named("C_Sign")
}

fn verify(session: Session<'_>, public: Object, signature: &[u8]) -> Result<(), Failure> {
    session.verify(&Mechanism::plain(CKM_ECDSA), public, &DATA, signature).named("C_Verify")
}

/// The attributes that the token keeps of each class, beside CKA_LABEL and CKA_ID.
const READ: [(&[Class], &[CK_ATTRIBUTE_TYPE]); 4] = [
    (
        &[Class::Public, Class::Private, Class::Secret],
        &[
            CKA_CLASS,
            CKA_TOKEN,
            CKA_PRIVATE,
            CKA_MODIFIABLE,
            CKA_COPYABLE,
            CKA_DESTROYABLE,
            CKA_UNIQUE_ID,
            CKA_KEY_TYPE,
            CKA_START_DATE,
            CKA_END_DATE,
            CKA_DERIVE,
            CKA_LOCAL,
            CKA_KEY_GEN_MECHANISM,
        ],
    ),
    (&[Class::Public], &[CKA_SUBJECT, CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP, CKA_TRUSTED, CKA_EC_PARAMS, CKA_EC_POINT]),
    (
        &[Class::Private, Class::Secret],
        &[
            CKA_SENSITIVE,
            CKA_EXTRACTABLE,
            CKA_ALWAYS_SENSITIVE,
            CKA_NEVER_EXTRACTABLE,
            CKA_WRAP_WITH_TRUSTED,
            CKA_SIGN,
            CKA_DECRYPT,
            CKA_UNWRAP,
        ],
    ),
    (&[Class::Secret], &[CKA_VALUE_LEN, CKA_CHECK_VALUE, CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP, CKA_TRUSTED]),
];

/// What there is. An object that is destroyed meanwhile is left out: whether it may be is the parent's to say.
fn survey(session: Session<'_>, thorough: bool) -> Result<Vec<Seen>, Failure> {
    let objects = session.find(&attrs![CKA_TOKEN => true]).named("C_FindObjects")?;
    let mut seen: Vec<(Object, Seen)> = Vec::new();
    for object in objects {
        match look(session, object) {
            Ok(found) => seen.push((object, found)),
            Err(failure) if failure.rv == CKR_OBJECT_HANDLE_INVALID => {}
            Err(failure) => return Err(failure),
        }
    }
    if thorough {
        let publics: Vec<_> = seen.iter().filter(|(_, seen)| seen.class == Class::Public).cloned().collect();
        let blamed: Vec<_> =
            seen.iter_mut().filter_map(|(object, seen)| examine(session, *object, seen, &publics)).collect();
        for (public, failure) in blamed {
            let other = seen.iter_mut().find(|(object, _)| *object == public);
            other.into_iter().for_each(|(_, seen)| seen.faults.push(failure.clone()));
        }
    }
    Ok(seen.into_iter().map(|(_, seen)| seen).collect())
}

fn look(session: Session<'_>, object: Object) -> Result<Seen, Failure> {
    let text = |kind, call| {
        let bytes = session.attribute(object, kind).named(call)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let class = session.number(object, CKA_CLASS).named("C_GetAttributeValue(CKA_CLASS)")?;
    let class =
        Class::of(class).ok_or(Failure { call: format!("CKA_CLASS {class}"), rv: CKR_ATTRIBUTE_VALUE_INVALID })?;
    let (label, id) =
        (text(CKA_LABEL, "C_GetAttributeValue(CKA_LABEL)")?, text(CKA_ID, "C_GetAttributeValue(CKA_ID)")?);
    Ok(Seen { class, label, id, print: None, faults: Vec::new() })
}

/// Reads every attribute and uses the key. What the public half of a private key fails at is not the private key's fault.
fn examine(
    session: Session<'_>,
    object: Object,
    seen: &mut Seen,
    publics: &[(Object, Seen)],
) -> Option<(Object, Failure)> {
    let lists = READ.iter().filter(|(classes, _)| classes.contains(&seen.class));
    for kind in lists.flat_map(|(_, kinds)| *kinds) {
        let read = session.attribute(object, *kind).named(&format!("C_GetAttributeValue({kind:#x})"));
        seen.faults.extend(read.err());
    }
    match print(session, seen.class, object) {
        Ok(print) => seen.print = print,
        Err(failure) => seen.faults.push(failure),
    }
    if seen.class != Class::Private {
        return None;
    }
    let signature = sign(session, object).map_err(|failure| seen.faults.push(failure)).ok()?;
    let number = |label: &str| label.split('.').next().map(str::to_owned);
    let (public, _) = publics.iter().find(|(_, other)| number(&other.label) == number(&seen.label))?;
    verify(session, *public, &signature).err().map(|failure| (*public, failure))
}
