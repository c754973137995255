//! C_GenerateKey, C_GenerateKeyPair, C_CreateObject, C_DeriveKey: what is born, and what the session layer asks before
//! and after.

use std::rc::Rc;

use claviger_rules::birth::{Birth, Newborn, Origin, bear, check_size};
use claviger_rules::mechanism::Mechanism;
use claviger_rules::policy::{Action, Facts, authorize};
use claviger_rules::{AttributeType, Error, KeyType, MechanismType, Object, ObjectClass, Refusal, Template, Value};

use super::objects::use_facts;
use super::{Answer, Effect, Held, Source, State, Term};
use crate::call::{Name, Pair, User};

/// The length of P-256's scalar, and of the PKCS#8 message with it, in bytes.
const SCALAR_LEN: usize = 32;
const EC_INFO_LEN: usize = 138;
/// The length of an RSA-2048 modulus, in bytes; and more or less of PKCS#8, which is never compared.
const MODULUS_LEN: usize = 256;
const RSA_INFO_LEN: usize = 1218;

impl State {
    /// C_GenerateKey(CKM_AES_KEY_GEN), section 5.18.1.
    pub(super) fn generate(&mut self, key: Name, template: &Template) -> Answer {
        let origin = generation(Birth::Generate, ObjectClass::SecretKey, MechanismType::AES_KEY_GEN, KeyType::Aes);
        let newborn = self.conceive(&origin, template)?;
        let len = newborn.attributes.ulong(AttributeType::VALUE_LEN);
        let len = len.ok_or(Refusal::from(Error::TemplateIncomplete))?;
        let len = usize::try_from(len).ok().filter(|len| takes_len(KeyType::Aes, *len));
        let len = len.ok_or(Refusal::from(Error::AttributeValueInvalid))?;
        let value = self.terms.intern(Source::Fresh(key), len);
        let object = self.complete(newborn, Birth::Generate, 8 * len)?;
        let born = [(key, self.secret(object, value))];
        Ok(self.place(born))
    }

    /// C_GenerateKeyPair, section 5.18.2. The private template is judged first.
    pub(super) fn generate_pair(
        &mut self,
        public: Name,
        private: Name,
        pair: Pair,
        templates: &(Template, Template),
    ) -> Answer {
        let (mechanism, key_type, bits, info_len) = match pair {
            Pair::Ec => (MechanismType::EC_KEY_PAIR_GEN, KeyType::Ec, 8 * SCALAR_LEN, EC_INFO_LEN),
            Pair::Rsa => (MechanismType::RSA_PKCS_KEY_PAIR_GEN, KeyType::Rsa, 8 * MODULUS_LEN, RSA_INFO_LEN),
        };
        let origin = |class| generation(Birth::Pair, class, mechanism, key_type);
        let secret = self.conceive(&origin(ObjectClass::PrivateKey), &templates.1)?;
        let open = self.conceive(&origin(ObjectClass::PublicKey), &templates.0)?;
        let open = self.complete(open, Birth::Pair, bits)?;
        let secret = self.complete(secret, Birth::Pair, bits)?;
        let value = self.terms.intern(Source::Fresh(private), info_len);
        let born = [(public, self.public(open, value)), (private, self.secret(secret, value))];
        Ok(self.place(born))
    }

    /// C_CreateObject, section 5.7.1, of known values.
    pub(super) fn create(&mut self, key: Name, template: &Template) -> Answer {
        let origin = Origin { birth: Birth::Create, class: None, key_type: None, mechanism: None, parents: &[] };
        let newborn = self.conceive(&origin, template)?;
        if newborn.class == ObjectClass::PublicKey {
            let object = self.complete(newborn, Birth::Create, 8 * MODULUS_LEN)?;
            let attackers = self.terms.intern(Source::Attackers, RSA_INFO_LEN);
            let born = [(key, self.public(object, attackers))];
            return Ok(self.place(born));
        }
        let bytes = newborn.attributes.bytes(AttributeType::VALUE).unwrap_or_default();
        let known = (0..crate::call::Known::COUNT).map(crate::call::Known).find(|known| known.bytes() == bytes);
        let (known, len) = (known.ok_or(Refusal::from(Error::TemplateIncomplete))?, bytes.len());
        if !takes_len(newborn.key_type.unwrap_or(KeyType::GenericSecret), len) {
            return Err(Error::AttributeValueInvalid.into());
        }
        let value = self.terms.intern(Source::Known(known), len);
        let object = self.complete(newborn, Birth::Create, 8 * len)?;
        let born = [(key, self.secret(object, value))];
        Ok(self.place(born))
    }

    /// C_DeriveKey(CKM_HKDF_DERIVE) with both steps, section 5.18.5. A key as the salt is checked like the base key.
    pub(super) fn derive(&mut self, key: Name, base: Name, salt: Option<Name>, template: &Template) -> Answer {
        let mechanism = MechanismType::HKDF_DERIVE;
        let row = mechanism.row().ok_or(Refusal::from(Error::MechanismInvalid))?;
        let class = Some(ObjectClass::SecretKey);
        let unknown = Origin { birth: Birth::Derive, class, key_type: None, mechanism: Some(mechanism), parents: &[] };
        self.may_make(&unknown, template)?;
        let base = self.parent(base, row)?;
        let salt = salt.map(|salt| self.parent(salt, row)).transpose()?;
        let parents: Vec<&Object> = core::iter::once(&base).chain(&salt).map(|held| &held.object).collect();
        let key_type = derived_type(template, &base.object)?;
        let newborn = self.conceive(&Origin { key_type: Some(key_type), parents: &parents, ..unknown }, template)?;
        let len = newborn.attributes.ulong(AttributeType::VALUE_LEN);
        let len = len.ok_or(Refusal::from(Error::TemplateIncomplete))?;
        let len = usize::try_from(len).ok().filter(|len| takes_len(key_type, *len));
        let len = len.ok_or(Refusal::from(Error::AttributeValueInvalid))?;
        let base = base.value.ok_or(Refusal::from(Error::KeyTypeInconsistent))?;
        let value = self.terms.intern(Source::Derived(base, salt.and_then(|salt| salt.value)), len);
        let object = self.complete(newborn, Birth::Derive, 8 * len)?;
        let born = [(key, self.secret(object, value))];
        Ok(self.place(born))
    }

    fn parent(&self, name: Name, row: &Mechanism) -> Answer<Rc<Held>> {
        let held = self.permitted(Action::Derive, name, |object, facts| use_facts(Action::Derive, object, facts))?;
        check_key(row, &held, self.key_bits(&held), Error::KeyTypeInconsistent, Error::KeySizeRange)?;
        Ok(held)
    }

    /// The size of a key, for the mechanism's limits.
    pub(super) fn key_bits(&self, held: &Held) -> u64 {
        match held.object.key_type() {
            Some(KeyType::Rsa) => 8 * MODULUS_LEN as u64,
            Some(KeyType::Ec) => 8 * SCALAR_LEN as u64,
            _ => 8 * held.value.map_or(0, |value| self.terms.len(value) as u64),
        }
    }

    /// The session's errors of session and login go before those of the template: what is known of an object before
    /// its template has been looked into.
    pub(super) fn may_make(&self, origin: &Origin<'_>, template: &Template) -> Answer<()> {
        let facts = Facts::of_birth(origin.class, template);
        authorize(&self.subject(), Action::Make, &facts).map(drop)
    }

    /// Whether the user may make what the template describes, and what its attributes will be.
    pub(super) fn conceive(&self, origin: &Origin<'_>, template: &Template) -> Answer<Newborn> {
        self.may_make(origin, template)?;
        let newborn = bear(&self.subject(), origin, template.clone())?;
        let facts = Facts::of_birth(Some(newborn.class), &newborn.attributes);
        authorize(&self.subject(), Action::Make, &facts)?;
        Ok(newborn)
    }

    /// The object, once its key has been made: rule R14, and in place of the value something as long, for the sizes that
    /// later changes look at.
    pub(super) fn complete(&self, newborn: Newborn, birth: Birth, bits: usize) -> Answer<Object> {
        let Newborn { mut attributes, class, key_type, calling } = newborn;
        if let Some(key_type) = key_type.filter(|_| class.has_secret()) {
            check_size(self.rules, birth, key_type, bits as u64, &attributes)?;
            let filling = |len: usize| Value::bytes(vec![0; len]);
            match key_type {
                KeyType::Rsa => attributes.set(AttributeType::MODULUS, filling(MODULUS_LEN)),
                KeyType::Ec => attributes.set(AttributeType::VALUE, filling(SCALAR_LEN)),
                _ => {
                    attributes.set(AttributeType::VALUE, filling(bits / 8));
                    attributes.set(AttributeType::VALUE_LEN, Value::Ulong(bits as u64 / 8));
                }
            }
        }
        let owner = self.seat().login.map(User::id);
        Ok(Object { attributes, owner, shared_with: Vec::new(), born: self.rules.mode(), calling, shadow: None })
    }

    /// A secret or private key of that value.
    pub(super) const fn secret(&self, object: Object, value: Term) -> Held {
        Held { object, value: Some(value), seals: Some(value), seat: self.turn }
    }

    /// The public half of the key of value `private`.
    const fn public(&self, object: Object, private: Term) -> Held {
        Held { object, value: None, seals: Some(private), seat: self.turn }
    }

    /// Puts objects under their names.
    pub(super) fn place(&mut self, objects: impl IntoIterator<Item = (Name, Held)>) -> Effect {
        let mut born = Vec::new();
        for (name, held) in objects {
            born.push(name);
            self.ever.insert(name);
            self.objects.insert(name, Rc::new(held));
        }
        Effect { born, ..Effect::default() }
    }
}

/// Whether the key's type and size are the mechanism's.
pub(super) fn check_key(row: &Mechanism, held: &Held, bits: u64, of_type: Error, of_size: Error) -> Answer<()> {
    if !held.object.key_type().is_some_and(|key_type| row.takes(key_type)) {
        return Err(of_type.into());
    }
    if row.takes_size(bits) { Ok(()) } else { Err(of_size.into()) }
}

/// The lengths of keys, in bytes.
pub(super) const fn takes_len(key_type: KeyType, len: usize) -> bool {
    match key_type {
        KeyType::Aes => matches!(len, 16 | 24 | 32),
        _ => 1 <= len && len <= 512,
    }
}

fn generation(birth: Birth, class: ObjectClass, mechanism: MechanismType, key_type: KeyType) -> Origin<'static> {
    Origin { birth, class: Some(class), key_type: Some(key_type), mechanism: Some(mechanism), parents: &[] }
}

/// A generic secret when neither the template nor the base key's DERIVE_TEMPLATE names another type.
fn derived_type(template: &Template, base: &Object) -> Answer<KeyType> {
    let carried = match base.attributes.get(AttributeType::DERIVE_TEMPLATE) {
        Some(Value::Template(carried)) => carried.ulong(AttributeType::KEY_TYPE),
        _ => None,
    };
    match template.ulong(AttributeType::KEY_TYPE).or(carried) {
        None => Ok(KeyType::GenericSecret),
        Some(id) => KeyType::from_id(id).filter(|key| key.is_secret()).ok_or(Error::TemplateInconsistent.into()),
    }
}
