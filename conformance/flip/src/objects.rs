//! The facts that the C interface gives: the token, and for nobody and for each user the objects that are seen, every
//! attribute of each, and what each key computes.

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::template::RawAnswers;
use claviger_conformance::vendor::{CKA_CLAVIGER_OWNER, CKA_CLAVIGER_SHARED_WITH};
use cryptoki_sys::*;

use crate::make::{SLOT, Who};
use crate::portrait::{CALM, Facts, Look};

macro_rules! named {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

/// Every attribute that an object here may have.
const ATTRIBUTES: &[(&str, CK_ATTRIBUTE_TYPE)] = named! {
    CKA_CLASS CKA_TOKEN CKA_PRIVATE CKA_LABEL CKA_UNIQUE_ID CKA_APPLICATION CKA_VALUE CKA_OBJECT_ID CKA_CERTIFICATE_TYPE
    CKA_ISSUER CKA_SERIAL_NUMBER CKA_SUBJECT CKA_TRUSTED CKA_CERTIFICATE_CATEGORY CKA_CHECK_VALUE CKA_KEY_TYPE CKA_ID
    CKA_SENSITIVE CKA_ENCRYPT CKA_DECRYPT CKA_WRAP CKA_UNWRAP CKA_SIGN CKA_SIGN_RECOVER CKA_VERIFY CKA_VERIFY_RECOVER
    CKA_DERIVE CKA_START_DATE CKA_END_DATE CKA_MODULUS CKA_MODULUS_BITS CKA_PUBLIC_EXPONENT CKA_PUBLIC_KEY_INFO
    CKA_VALUE_LEN CKA_EXTRACTABLE CKA_LOCAL CKA_NEVER_EXTRACTABLE CKA_ALWAYS_SENSITIVE CKA_KEY_GEN_MECHANISM
    CKA_MODIFIABLE CKA_COPYABLE CKA_DESTROYABLE CKA_EC_PARAMS CKA_EC_POINT CKA_ALWAYS_AUTHENTICATE
    CKA_WRAP_WITH_TRUSTED CKA_ALLOWED_MECHANISMS CKA_CLAVIGER_OWNER CKA_CLAVIGER_SHARED_WITH
};

/// Longer than any of their values here.
const ROOM: usize = 1024;

/// A whole number of blocks.
const DATA: [u8; 32] = [0x5a; 32];

/// Notes what the C interface shows, from C_Initialize to C_Finalize.
pub(crate) fn through_c(facts: &mut Facts, module: &Module, look: Look) {
    if facts.try_note("calm C_Initialize", module.initialize_null()).is_none() {
        return;
    }
    match module.token_info(SLOT) {
        Ok(info) => {
            facts.note("calm C_GetTokenInfo", format!("{:?} {:?}", info.label, info.serialNumber));
            // A flag that speaks of users who cannot be read is left out; none may be there that was not.
            let flags = (0..CK_FLAGS::BITS).filter(|bit| info.flags >> bit & 1 == 1);
            flags.for_each(|bit| facts.note(format!("calm flag {bit}"), "set"));
        }
        Err(rv) => facts.refuse("calm C_GetTokenInfo", rv),
    }
    let session = module.open_session(SLOT, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    if let Some(session) = facts.try_note("calm C_OpenSession", session) {
        objects(facts, &session, CALM);
        look.logins().iter().for_each(|who| as_user(facts, &session, who));
    }
    facts.try_note("calm C_Finalize", module.finalize());
}

fn as_user(facts: &mut Facts, session: &Session<'_>, who: &Who) {
    let login = session.login_user(who.kind, who.pin, who.name);
    if facts.try_note(&who.login(), login).is_some() {
        objects(facts, session, &format!("{} ", who.name));
        facts.try_note(&format!("{} C_Logout", who.name), session.logout());
    }
}

fn objects(facts: &mut Facts, session: &Session<'_>, whose: &str) {
    let Some(found) = facts.try_note(&format!("{whose}C_FindObjects"), session.find(&[])) else { return };
    for object in found {
        let name = match name_of(session, object) {
            Ok(name) => format!("{whose}{name}"),
            Err(rv) => {
                facts.refuse(&format!("{whose}object {object}"), rv);
                continue;
            }
        };
        if facts.0.contains_key(&name) {
            facts.note(format!("{name} twice"), "yes");
        }
        match attributes(session, object) {
            Ok(values) => {
                facts.note(&name, "CKR_OK");
                values.into_iter().for_each(|(attribute, value)| facts.note(format!("{name} {attribute}"), value));
            }
            Err(rv) => facts.refuse(&name, rv),
        }
        match computes(session, object) {
            Ok(Some(text)) => facts.note(format!("{name} computes"), text),
            Ok(None) => {}
            Err(rv) => facts.refuse(&format!("{name} computes"), rv),
        }
    }
}

fn name_of(session: &Session<'_>, object: Object) -> Result<String, Rv> {
    let label = session.attribute(object, CKA_LABEL)?;
    Ok(format!("{:?} of class {}", String::from_utf8_lossy(&label), session.number(object, CKA_CLASS)?))
}

/// Every attribute, in one call. A user whose record is damaged has no name that could be told: then an owner is empty.
fn attributes(session: &Session<'_>, object: Object) -> Result<Vec<(&'static str, String)>, Rv> {
    let asked: Vec<_> = ATTRIBUTES.iter().map(|(_, kind)| (*kind, Some(ROOM))).collect();
    let mut answers = RawAnswers::asking(&asked);
    match session.attribute_values_into(object, &mut answers) {
        Ok(()) | Err(Rv(CKR_ATTRIBUTE_SENSITIVE | CKR_ATTRIBUTE_TYPE_INVALID)) => {}
        Err(rv) => return Err(rv),
    }
    let told = ATTRIBUTES.iter().zip(answers.values()).filter_map(|((name, kind), value)| {
        let value = value.filter(|value| !NAMES.contains(kind) || !value.is_empty())?;
        Some((*name, hex::encode(value)))
    });
    Ok(told.collect())
}

/// The attributes that are names of users.
const NAMES: [CK_ATTRIBUTE_TYPE; 2] = [CKA_CLAVIGER_OWNER, CKA_CLAVIGER_SHARED_WITH];

/// What the key's value makes of known data: the same for the same key. `None` where nothing can be asked of it.
fn computes(session: &Session<'_>, object: Object) -> Result<Option<String>, Rv> {
    let usable = |kind| session.flag(object, kind).unwrap_or(false);
    let class = session.number(object, CKA_CLASS)?;
    if class != CKO_SECRET_KEY && class != CKO_PRIVATE_KEY || session.info()?.state != CKS_RW_USER_FUNCTIONS {
        return Ok(None);
    }
    let output = match session.number(object, CKA_KEY_TYPE)? {
        CKK_AES if usable(CKA_ENCRYPT) => session.encrypt(&Mechanism::aes_gcm(&[7; 12], b"", 128), object, &DATA)?,
        CKK_AES if usable(CKA_WRAP) || usable(CKA_UNWRAP) => return wraps(session, object).map(Some),
        CKK_GENERIC_SECRET if usable(CKA_SIGN) => session.sign(&Mechanism::plain(CKM_SHA256_HMAC), object, &DATA)?,
        CKK_RSA if usable(CKA_SIGN) => session.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), object, &DATA)?,
        CKK_EC if usable(CKA_SIGN) => return agrees(session, object).map(Some),
        _ => return Ok(None),
    };
    Ok(Some(hex::encode(output)))
}

/// A wrapping key's value shows in the blob of a key of known value; what it may not do is a fact as well.
fn wraps(session: &Session<'_>, object: Object) -> Result<String, Rv> {
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false, CKA_VALUE => &DATA,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_LABEL => "probe",
    ];
    let probe = session.create_object(&template)?;
    let blob = session.wrap_key(&Mechanism::plain(CKM_AES_KEY_WRAP_KWP), object, probe);
    session.destroy_object(probe)?;
    Ok(match blob {
        Ok(blob) => hex::encode(blob),
        Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)) => "not permitted".to_owned(),
        Err(rv) => return Err(rv),
    })
}

/// ECDSA takes a random number, so the other half says whether it is the same key.
fn agrees(session: &Session<'_>, private: Object) -> Result<String, Rv> {
    let label = session.attribute(private, CKA_LABEL)?;
    let public = session.find(&attrs![CKA_CLASS => CKO_PUBLIC_KEY, CKA_LABEL => label])?;
    let public = *public.first().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID))?;
    let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
    let signature = session.sign(&mechanism, private, &DATA)?;
    session.verify(&mechanism, public, &DATA, &signature).map(|()| "what its public half verifies".to_owned())
}
