//! C_WrapKey, section 5.18.3; rules R1, R9, R10 and R12.

use std::sync::Arc;

use claviger_crypto::{Direction, GcmParams, Key, Secret, SystemRandom, encoding};
use claviger_rules::mechanism::{Mechanism, Usage};
use claviger_rules::policy::{Action, Permit, Under};
use claviger_rules::{
    AttributeType, Clause, Error, Lifecycle, ObjectClass, Parameter, Refusal, Rule, Rulebook, Template, Value,
};

use super::params;
use super::unwrap::{BLOCK_LEN, FILLING};
use crate::fault::{self, Function};
use crate::object::{Entry, use_facts};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

impl Session {
    /// C_WrapKey. Under a trusted key the token makes the IV of AES-GCM itself and leaves it in `call.parameter`.
    ///
    /// # Errors
    /// CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_UNEXTRACTABLE,
    /// CKR_KEY_NOT_WRAPPABLE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    /// CKR_KEY_SIZE_RANGE, CKR_BUFFER_TOO_SMALL.
    pub fn wrap_key(
        &self,
        call: &mut MechanismCall,
        wrapping: ObjectHandle,
        key: ObjectHandle,
        room: &mut Room<'_>,
    ) -> Result<()> {
        self.call("C_WrapKey", |caller| caller.wrap(call, wrapping, key, room))
    }
}

impl Caller<'_> {
    fn wrap(
        &self,
        call: &mut MechanismCall,
        wrapping: ObjectHandle,
        key: ObjectHandle,
        room: &mut Room<'_>,
    ) -> Result<()> {
        let row = self.mechanism(call, Usage::Wrap);
        let (wrapper, permit) = self.wrapping_key(Action::WrapUnder, wrapping, call)?;
        let (payload, leave) = self.leaving_key(key, &wrapper)?;
        let row = row?;
        let makes_iv = made_for_trust(&wrapper) || asks_for_iv(call);
        let under = call.parameter.as_mut().map_err(|refusal| *refusal)?;
        if makes_iv {
            put_iv(under, vec![0; IV_LEN]);
        }
        let engine = row.engine.wrap.ok_or(Error::MechanismInvalid)?;
        let wrapping = wrapper.key(&permit)?;
        check_key(row, &wrapper, &wrapping, Function::Wrap)?;
        engine.check(Direction::Encrypt, &wrapping, &params(under)).map_err(told)?;
        let value = payload_of(&payload, &leave)?;
        check_filling(self.rules(), row, &value)?;
        if let Some(world) = self.shadow() {
            self.note(check_filling(world.subject.rules, row, &value).err());
        }
        let len = engine.wrapped_len(&wrapping, &params(under), value.len()).map_err(told)?;
        let Some(out) = room.claim(len)? else { return Ok(()) };
        if makes_iv {
            put_iv(under, fresh_iv()?);
        }
        engine.wrap(&wrapping, &params(under), value.expose(), out, &mut SystemRandom::new()).map_err(told)?;
        self.tell_wrapped(&payload.object, &wrapper.object);
        Ok(())
    }

    /// The key that wraps or unwraps.
    pub(super) fn wrapping_key(
        &self,
        action: Action,
        handle: ObjectHandle,
        call: &MechanismCall,
    ) -> Result<(Arc<Entry>, Permit)> {
        let row = call.id.row();
        self.permitted_with(action, handle, |_, object, facts| {
            use_facts(action, row, object, facts);
            facts.strict_mechanism = is_strict(action, call);
            facts.oracle = row.is_some_and(|row| row.bar(Usage::Unwrap).is_some());
        })
    }

    fn leaving_key(&self, handle: ObjectHandle, wrapper: &Entry) -> Result<(Arc<Entry>, Permit)> {
        self.permitted_with(Action::WrapOut, handle, |world, object, facts| {
            facts.under = Under {
                trusted: world.object(&wrapper.object).is_trusted(world.subject.rules),
                template_matches: matches_template(&wrapper.object.attributes, &object.attributes),
            };
        })
    }
}

/// Whether the key's type and size are the mechanism's.
pub(super) fn check_key(row: &Mechanism, entry: &Entry, key: &Key, function: Function) -> Result<()> {
    use claviger_crypto::Error::{KeySize, KeyType};
    if !entry.object.key_type().is_some_and(|key_type| row.takes(key_type)) {
        return Err(fault::crypto(function, KeyType));
    }
    if row.takes_size(key.bits() as u64) { Ok(()) } else { Err(fault::crypto(function, KeySize)) }
}

/// Rule R11: what a block mode would fill up with zeros could not be unwrapped to exactly what it was.
fn check_filling(rules: Rulebook, row: &Mechanism, payload: &Secret) -> Result<()> {
    let fills = FILLING.contains(&row.id) && !payload.len().is_multiple_of(BLOCK_LEN);
    if !fills || !rules.binds(Clause::ExactFit) {
        return Ok(());
    }
    let reason = "AES-ECB and AES-CBC wrap whole blocks only; use KWP or GCM";
    Err(Refusal::new(Error::KeySizeRange, Rule::R11, reason))
}

/// What the caller learns of an engine's error.
const fn told(error: claviger_crypto::Error) -> Refusal {
    fault::crypto(Function::Wrap, error)
}

/// Whether the rules of wrapping keys made for trust apply: IVs of the token alone, one answer for all failures.
pub(super) fn made_for_trust(entry: &Entry) -> bool {
    entry.object.lifecycle() != Lifecycle::Data
}

/// Rule R10: KW and KWP with the default initial value; GCM with an IV left to the token, or 12 zeros for it to fill in
/// (on unwrap: the IV that it made), and a tag of exactly 128 bits.
fn is_strict(action: Action, call: &MechanismCall) -> bool {
    let Some(row) = call.id.row() else { return true };
    match (&call.parameter, row.id) {
        (Ok(Parameter::None), id) => id == KW || id == KWP,
        (Ok(Parameter::KeyWrapIv(iv)), id) => (id == KW && *iv == KW_DEFAULT) || (id == KWP && *iv == KWP_DEFAULT),
        (Ok(Parameter::Gcm(gcm)), _) => {
            let made_by_token = match action {
                Action::UnwrapUnder => gcm.iv.len() == IV_LEN,
                _ => gcm.iv.is_empty() || gcm.iv == [0; IV_LEN],
            };
            made_by_token && gcm.tag_bits == 128
        }
        _ => false,
    }
}

const KW: claviger_rules::MechanismType = claviger_rules::MechanismType::AES_KEY_WRAP;
const KWP: claviger_rules::MechanismType = claviger_rules::MechanismType::AES_KEY_WRAP_KWP;
const IV_LEN: usize = 12;
/// The default initial value of RFC 3394, section 2.2.3.1.
const KW_DEFAULT: [u8; 8] = [0xa6; 8];
/// The constant half of the initial value of RFC 5649, section 3.
const KWP_DEFAULT: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

/// Whether the caller left the IV of AES-GCM to the token under any key (CK_GCM_WRAP_PARAMS).
fn asks_for_iv(call: &MechanismCall) -> bool {
    matches!(&call.parameter, Ok(Parameter::Gcm(gcm)) if gcm.iv.is_empty())
}

fn put_iv(parameter: &mut Parameter, made: Vec<u8>) {
    if let Parameter::Gcm(GcmParams { iv, .. }) = parameter {
        *iv = made;
    }
}

/// A wholly random IV for AES-GCM (NIST SP 800-38D section 8.2.2).
fn fresh_iv() -> Result<Vec<u8>> {
    let mut iv = vec![0; IV_LEN];
    SystemRandom::new().fill(&mut iv).map_err(|_| Error::DeviceError)?;
    Ok(iv)
}

/// WRAP_TEMPLATE (section 4.10): every attribute of it must stand in the payload with the same value.
fn matches_template(wrapping: &Template, payload: &Template) -> bool {
    match wrapping.get(AttributeType::WRAP_TEMPLATE) {
        Some(Value::Template(template)) => template.is_within(payload),
        _ => true,
    }
}

/// What is wrapped: the value of a secret key, PKCS#8 of a private key (section 6.7 of the standard).
fn payload_of(entry: &Entry, permit: &Permit) -> Result<Secret> {
    let key: Arc<Key> = entry.key(permit)?;
    match entry.object.class() {
        Some(ObjectClass::SecretKey) => key.value().map(Secret::duplicate).ok_or(Error::KeyNotWrappable.into()),
        Some(ObjectClass::PrivateKey) => encoding::private_key_info(&key).map_err(|_| Error::KeyNotWrappable.into()),
        _ => Err(Refusal::standard(Error::KeyNotWrappable, "only secret and private keys are wrapped")),
    }
}
