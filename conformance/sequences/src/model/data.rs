//! C_Encrypt, C_Decrypt and C_DigestKey.

use claviger_rules::policy::Action;
use claviger_rules::{Error, KeyType};

use super::objects::use_facts;
use super::terms::Opened;
use super::{Answer, Effect, Source, State, Term};
use crate::call::{Known, Name};
use crate::way::Way;

impl State {
    pub(super) fn encrypt(&mut self, blob: Name, way: Way, key: Name, data: Known) -> Answer {
        let key = self.data_key(Action::Encrypt, way, key)?;
        let plain = self.terms.intern(Source::Known(data), data.bytes().len());
        let sealed =
            self.terms.seal(way, key, plain, (way == Way::Oaep).then_some(blob)).map_err(|_| Error::DataLenRange)?;
        self.strings.insert(blob, sealed);
        Ok(Effect { given: Some(blob), ..Effect::default() })
    }

    pub(super) fn decrypt(&mut self, plain: Name, way: Way, key: Name, blob: Name) -> Answer {
        let key = self.data_key(Action::Decrypt, way, key)?;
        let bytes = self.strings.get(&blob).copied().ok_or(Error::ArgumentsBad)?;
        let opened = match self.terms.open(way, key, bytes) {
            Opened::Bytes(content) => content,
            Opened::Length => return Err(Error::EncryptedDataLenRange.into()),
            Opened::Invalid | Opened::Doubtful => return Err(Error::EncryptedDataInvalid.into()),
        };
        self.strings.insert(plain, opened);
        Ok(Effect { given: Some(plain), ..Effect::default() })
    }

    /// The value of a key used on data: the policy first, then the key's type, then its size.
    fn data_key(&self, action: Action, way: Way, name: Name) -> Answer<Term> {
        let held = self.permitted(action, name, |object, facts| use_facts(action, object, facts))?;
        let row = way.row().ok_or(Error::MechanismInvalid)?;
        super::births::check_key(row, &held, self.key_bits(&held), Error::KeyTypeInconsistent, Error::KeySizeRange)?;
        held.seals.ok_or(Error::KeyTypeInconsistent.into())
    }

    /// Only single blocks: how a blob was sealed says in which direction its blocks are needed.
    pub(super) fn peel(&self, key: Name, blob: Name) -> Answer {
        let action = if self.is_keystream(blob) { Action::Encrypt } else { Action::Decrypt };
        self.data_key(action, Way::Ecb, key).map(|_| Effect::default())
    }

    /// Whether a byte string is opened with a keystream.
    pub(crate) fn is_keystream(&self, blob: Name) -> bool {
        matches!(self.sealed_by(blob), Some(Way::Gcm(..)))
    }

    /// C_DigestKey, section 5.12.4. Private keys have no value to digest.
    pub(super) fn digest(&self, key: Name) -> Answer {
        let held = self.permitted(Action::DigestKey, key, |_, _| {})?;
        let is_secret = held.object.key_type().is_some_and(KeyType::is_secret);
        if is_secret { Ok(Effect::default()) } else { Err(Error::KeyIndigestible.into()) }
    }
}
