//! C_WrapKey and C_UnwrapKey, sections 5.18.3 and 5.18.4.

use claviger_rules::birth::{Birth, Newborn, Origin};
use claviger_rules::mechanism::Usage;
use claviger_rules::policy::{Action, Under};
use claviger_rules::{AttributeType, Clause, Error, KeyType, Lifecycle, Object, ObjectClass, Template, Value};

use super::births::{check_key, takes_len};
use super::objects::use_facts;
use super::terms::Opened;
use super::{Answer, Effect, Held, MAX_SECRET_LEN, State, Term};
use crate::call::Name;
use crate::way::{BLOCK_LEN, Iv, Way};

impl State {
    pub(super) fn wrap(&mut self, blob: Name, way: Way, under: Name, key: Name) -> Answer {
        let wrapper = self.wrapping_key(Action::WrapUnder, under, way)?;
        let trusted = wrapper.object.is_trusted(self.rules);
        let payload = self.permitted(Action::WrapOut, key, |object, facts| {
            facts.under = Under { trusted, template_matches: matches_template(&wrapper.object, object) };
        })?;
        let row = way.row().ok_or(Error::MechanismInvalid)?;
        let bits = self.key_bits(&wrapper);
        check_key(row, &wrapper, bits, Error::WrappingKeyTypeInconsistent, Error::WrappingKeySizeRange)?;
        let content = payload.value.ok_or(Error::KeyNotWrappable)?;
        let content = self.filled(way, content)?;
        // The token makes the IV where it is asked to, and under a wrapping key made for trust in any case.
        let makes_iv = matches!(way, Way::Gcm(Iv::Asked, _)) || made_for_trust(&wrapper);
        let is_random = makes_iv || way == Way::Oaep;
        let seals = wrapper.seals.ok_or(Error::WrappingKeyTypeInconsistent)?;
        let sealed = self.terms.seal(way, seals, content, is_random.then_some(blob));
        let sealed = sealed.map_err(|_| Error::KeySizeRange)?;
        self.strings.insert(blob, sealed);
        Ok(Effect { given: Some(blob), ..Effect::default() })
    }

    /// Rule R11: ECB and CBC wrap whole blocks; without it they fill up with zeros.
    fn filled(&mut self, way: Way, content: Term) -> Answer<Term> {
        let fills = matches!(way, Way::Ecb | Way::Cbc) && !self.terms.len(content).is_multiple_of(BLOCK_LEN);
        match fills {
            true if self.rules.binds(Clause::ExactFit) => Err(Error::KeySizeRange.into()),
            true => Ok(self.terms.fill(content)),
            false => Ok(content),
        }
    }

    /// The key that wraps or unwraps, with what rule R10 says of the mechanism.
    fn wrapping_key(&self, action: Action, name: Name, way: Way) -> Answer<std::rc::Rc<Held>> {
        let oracle = way.row().is_some_and(|row| row.bar(Usage::Unwrap).is_some());
        self.permitted(action, name, |object, facts| {
            use_facts(action, object, facts);
            facts.strict_mechanism = is_strict(action, way);
            facts.oracle = oracle;
        })
    }

    pub(super) fn unwrap(&mut self, key: Name, way: Way, under: Name, blob: Name, template: &Template) -> Answer {
        let unknown = Origin { birth: Birth::Unwrap, class: None, key_type: None, mechanism: None, parents: &[] };
        self.may_make(&unknown, template)?;
        let wrapper = self.wrapping_key(Action::UnwrapUnder, under, way)?;
        let newborn = self.conceive(&Origin { parents: &[&wrapper.object], ..unknown }, template)?;
        if !newborn.class.has_secret() {
            return Err(Error::TemplateInconsistent.into());
        }
        let row = way.row().ok_or(Error::MechanismInvalid)?;
        let bits = self.key_bits(&wrapper);
        check_key(row, &wrapper, bits, Error::UnwrappingKeyTypeInconsistent, Error::UnwrappingKeySizeRange)?;
        let uniform = made_for_trust(&wrapper);
        let wrong_length = if uniform { Error::WrappedKeyInvalid } else { Error::WrappedKeyLenRange };
        let bytes = self.strings.get(&blob).copied();
        let (value, bytes) = wrapper.value.zip(bytes).ok_or(Error::UnwrappingKeyTypeInconsistent)?;
        let content = match self.terms.open(way, value, bytes) {
            Opened::Bytes(content) => content,
            Opened::Length => return Err(wrong_length.into()),
            Opened::Invalid | Opened::Doubtful => return Err(Error::WrappedKeyInvalid.into()),
        };
        if newborn.class == ObjectClass::PrivateKey {
            return self.unwrap_private(key, newborn, content);
        }
        let asked = newborn.attributes.ulong(AttributeType::VALUE_LEN).and_then(|len| usize::try_from(len).ok());
        // In `standard` ECB and CBC truncate to CKA_VALUE_LEN, as sections 6.13.4 and 6.13.5 say.
        let truncates = matches!(way, Way::Ecb | Way::Cbc) && !self.rules.binds(Clause::ExactFit);
        let content = match asked {
            Some(len) if truncates => self.terms.cut(content, len),
            _ => content,
        };
        let len = self.terms.len(content);
        if asked.is_some_and(|asked| asked != len) {
            return Err(wrong_length.into());
        }
        // Rule R11: the bytes of a private key come back as nothing else.
        if self.rules.binds(Clause::ExactFit) && self.private_type(content).is_some() {
            return Err(Error::WrappedKeyInvalid.into());
        }
        if !takes_len(newborn.key_type.unwrap_or(KeyType::GenericSecret), len) {
            return Err(wrong_length.into());
        }
        let object = self.complete(newborn, Birth::Unwrap, 8 * len)?;
        let born = [(key, self.secret(object, content))];
        Ok(self.place(born))
    }

    /// What is no PKCS#8 of a key of this type is not unwrapped as one.
    fn unwrap_private(&mut self, key: Name, newborn: Newborn, content: Term) -> Answer {
        let content = self.terms.unfilled(content);
        let (held, bits) = self.private_type(content).ok_or(Error::WrappedKeyInvalid)?;
        if Some(held) != newborn.key_type {
            return Err(Error::WrappedKeyInvalid.into());
        }
        let object = self.complete(newborn, Birth::Unwrap, bits)?;
        let born = [(key, self.secret(object, content))];
        Ok(self.place(born))
    }

    /// The type and size of the key whose PKCS#8 message this is. No other value of a sequence is as long as one.
    fn private_type(&self, content: Term) -> Option<(KeyType, usize)> {
        match self.terms.len(content) {
            _ if !self.is_fresh(content) => None,
            0..64 => None,
            64..=MAX_SECRET_LEN => Some((KeyType::Ec, 256)),
            _ => Some((KeyType::Rsa, 2048)),
        }
    }

    /// Whether nobody can say what opening these bytes gives: a padding may happen to be right.
    pub(crate) fn is_doubtful(&self, way: Way, under: Name, blob: Name) -> bool {
        let value = self.object(under).and_then(|held| held.value);
        let Some((value, bytes)) = value.zip(self.strings.get(&blob).copied()) else { return false };
        matches!(self.terms.clone().open(way, value, bytes), Opened::Doubtful)
    }
}

/// Rule R10: KW and KWP, or GCM with an IV left to the token (on unwrap: of twelve bytes) and a tag of 128 bits.
const fn is_strict(action: Action, way: Way) -> bool {
    match way {
        Way::Kw | Way::Kwp => true,
        Way::Gcm(iv, tag_bits) => (matches!(action, Action::UnwrapUnder) || !matches!(iv, Iv::Own)) && tag_bits == 128,
        Way::Cbc | Way::CbcPad | Way::Ecb | Way::Oaep => false,
    }
}

fn made_for_trust(wrapper: &Held) -> bool {
    wrapper.object.lifecycle() != Lifecycle::Data
}

/// WRAP_TEMPLATE, section 4.10.
fn matches_template(wrapper: &Object, payload: &Object) -> bool {
    match wrapper.attributes.get(AttributeType::WRAP_TEMPLATE) {
        Some(Value::Template(template)) => template.is_within(&payload.attributes),
        _ => true,
    }
}
