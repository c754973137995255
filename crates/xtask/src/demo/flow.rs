//! The trusted-key flow: a candidate is made, shared, trusted; a key leaves under it and comes back.

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::session::Session;
use claviger_conformance::vendor::CKA_CLAVIGER_SHARED_WITH;
use cryptoki_sys::*;

use super::stage::{Actor, Stage, done};
use crate::screen;

/// Labels of the two keys.
const KEK: &str = "kek";
const DATA: &str = "data";

/// What app1 keeps secret.
const MESSAGE: &[u8] = b"The keys are under the mat.";

/// Shows the flow.
pub(super) fn show(stage: &Stage) -> Result<(), String> {
    screen::heading("1. The key manager makes a wrapping key and shares it");
    stage.act(Actor::Named("kim"), make_candidate)?;
    screen::heading("2. The application cannot use it yet");
    let ciphertext = stage.act(Actor::Named("app1"), |session| before_trust(stage, session))?;
    screen::heading("3. The security officer marks it trusted");
    stage.act(Actor::So, trust)?;
    screen::heading("4. The application's key leaves under it, and comes back");
    stage.act(Actor::Named("app1"), |session| out_and_back(session, &ciphertext))?;
    screen::heading("5. Under no other key, and for nobody else");
    stage.act(Actor::Named("app1"), |session| under_own_key(stage, session))?;
    stage.act(Actor::Named("app2"), sees_nothing)?;
    stage.act(Actor::Named("kim"), sees_nothing)
}

fn make_candidate(session: &Session<'_>) -> Result<(), String> {
    let template =
        attrs![CKA_LABEL => KEK, CKA_TOKEN => true, CKA_WRAP => true, CKA_UNWRAP => true, CKA_VALUE_LEN => 32];
    let key = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
    let key = done("C_GenerateKey(AES_KEY_GEN, kek{WRAP,UNWRAP})", key)?;
    screen::aside("A candidate: it never leaves the token and does nothing but wrap and unwrap, for ever.");
    let sharing = session.set_attribute_value(key, &attrs![CKA_CLAVIGER_SHARED_WITH => "app1"]);
    done("C_SetAttributeValue(kek, SHARED_WITH=app1)", sharing)
}

fn before_trust(stage: &Stage, session: &Session<'_>) -> Result<Vec<u8>, String> {
    let template = attrs![
        CKA_LABEL => DATA, CKA_TOKEN => true, CKA_VALUE_LEN => 32, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true,
        CKA_ENCRYPT => true, CKA_DECRYPT => true
    ];
    let data = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
    let data = done("C_GenerateKey(AES_KEY_GEN, data{SENSITIVE,EXTRACTABLE})", data)?;
    let ciphertext = done("C_Encrypt(AES_CBC_PAD, data, message)", session.encrypt(&cipher(), data, MESSAGE))?;
    let blob = session.wrap_key(&kwp(), find(session, KEK)?, data);
    stage.refused("C_WrapKey(AES_KEY_WRAP_KWP, kek, data)", blob, CKR_KEY_FUNCTION_NOT_PERMITTED)?;
    Ok(ciphertext)
}

fn trust(session: &Session<'_>) -> Result<(), String> {
    let key = find(session, KEK)?;
    done("C_SetAttributeValue(kek, TRUSTED=1)", session.set_attribute_value(key, &attrs![CKA_TRUSTED => true]))
}

fn out_and_back(session: &Session<'_>, ciphertext: &[u8]) -> Result<(), String> {
    let (kek, data) = (find(session, KEK)?, find(session, DATA)?);
    let blob = done("C_WrapKey(AES_KEY_WRAP_KWP, kek, data)", session.wrap_key(&kwp(), kek, data))?;
    screen::aside(&format!("A blob of {} bytes.", blob.len()));
    done("C_DestroyObject(data)", session.destroy_object(data))?;
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_LABEL => DATA, CKA_TOKEN => true,
        CKA_ENCRYPT => true, CKA_DECRYPT => true
    ];
    let back = done("C_UnwrapKey(AES_KEY_WRAP_KWP, kek, blob)", session.unwrap_key(&kwp(), kek, &blob, &template))?;
    let message = done("C_Decrypt(AES_CBC_PAD, data, ciphertext)", session.decrypt(&cipher(), back, ciphertext))?;
    if message != MESSAGE {
        return Err("What was decrypted is not what was encrypted.".to_owned());
    }
    screen::aside(&format!("{:?}", String::from_utf8_lossy(&message)));
    Ok(())
}

fn under_own_key(stage: &Stage, session: &Session<'_>) -> Result<(), String> {
    let template = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_VALUE_LEN => 32];
    let own = session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
    let own = done("C_GenerateKey(AES_KEY_GEN, own{WRAP,UNWRAP})", own)?;
    let (kek, data) = (find(session, KEK)?, find(session, DATA)?);
    let blob = session.wrap_key(&kwp(), own, data);
    stage.refused("C_WrapKey(AES_KEY_WRAP_KWP, own, data)", blob, CKR_KEY_NOT_WRAPPABLE)?;
    let blob = session.wrap_key(&kwp(), own, kek);
    stage.refused("C_WrapKey(AES_KEY_WRAP_KWP, own, kek)", blob, CKR_KEY_UNEXTRACTABLE)
}

fn sees_nothing(session: &Session<'_>) -> Result<(), String> {
    let found = done("C_FindObjects(LABEL=data)", session.find(&attrs![CKA_LABEL => DATA]))?;
    screen::aside(&format!("Found {}.", found.len()));
    if found.is_empty() { Ok(()) } else { Err("Another user's key is visible.".to_owned()) }
}

/// The one key of that label.
fn find(session: &Session<'_>, label: &str) -> Result<CK_OBJECT_HANDLE, String> {
    let found = session.find(&attrs![CKA_LABEL => label]).map_err(|rv| format!("C_FindObjects: {rv}."))?;
    found.first().copied().ok_or_else(|| format!("The key {label} is not to be found."))
}

fn kwp() -> Mechanism {
    Mechanism::plain(CKM_AES_KEY_WRAP_KWP)
}

fn cipher() -> Mechanism {
    Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0x24; 16])
}
