//! Where an attack takes place: a session, the users, the victim key kS and, where there are roles, a trusted key.

use std::cell::Cell;

use cryptoki_sys::*;

use super::{Evidence, Stop, outside, scene};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::{Object, Session};
use crate::template::{Attribute, with};
use crate::token::Token;
use crate::vendor::CKA_CLAVIGER_SHARED_WITH;

/// The mechanism most attacks wrap with: every library has it, and it can be opened by hand.
pub(super) const KEY_WRAP: CK_MECHANISM_TYPE = CKM_AES_KEY_WRAP;

/// The scene of one attack.
pub struct Arena<'t> {
    token: &'t Token,
    /// The session that all calls go through.
    pub(super) session: Session<'t>,
    id: &'static str,
    labels: Cell<u32>,
}

/// A user of the scene.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The normal user that the attacker has taken over.
    Attacker,
    /// The key manager.
    Kim,
    /// The security officer.
    So,
}

/// The victim key kS: AES-256, sensitive and extractable, with one block encrypted at birth as the proof.
pub(super) struct Victim {
    /// kS.
    pub(super) key: Object,
    proof: Vec<u8>,
}

const KNOWN_BLOCK: [u8; 16] = *b"a block everyone";

impl<'t> Arena<'t> {
    /// Opens a session and logs the attacker in.
    pub(super) fn open(token: &'t Token, id: &'static str) -> Result<Self, Stop> {
        let session = token.module.open_session(token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session = scene("C_OpenSession", session)?;
        let arena = Arena { token, session, id, labels: Cell::new(0) };
        scene("C_Login(attacker)", session.login(CKU_USER, &token.users.user))?;
        Ok(arena)
    }

    /// Logs out whoever is there and logs `user` in.
    pub(super) fn become_user(&self, user: User) -> Result<(), Stop> {
        let (kind, pin, name) = match user {
            User::Attacker => (CKU_USER, &self.token.users.user, "C_Login(attacker)"),
            User::Kim => (CKU_USER, self.kim()?, "C_Login(kim)"),
            User::So => (CKU_SO, &self.token.users.so, "C_Login(so)"),
        };
        scene("C_Logout", self.session.logout())?;
        scene(name, self.session.login(kind, pin))
    }

    /// Stops the attack unless the library has named users.
    pub(super) fn needs_roles(&self) -> Result<(), Stop> {
        self.kim().map(|_| ())
    }

    fn kim(&self) -> Result<&String, Stop> {
        let named = self.token.users.named.as_ref();
        named.map(|named| &named.kim).ok_or_else(|| Stop::NotApplicable("no named users".to_owned()))
    }

    /// Stops a way of the attack where the library lacks the mechanism it needs.
    pub(super) fn needs(&self, kind: CK_MECHANISM_TYPE, name: &str) -> Result<(), Stop> {
        let offered = self.token.module.mechanism_info(self.token.slot, kind);
        offered.map(|_| ()).map_err(|rv| Stop::NotApplicable(format!("{name} is not offered ({rv})")))
    }

    /// A label that no other object has.
    pub(super) fn label(&self, role: &str) -> String {
        self.labels.set(self.labels.get() + 1);
        format!("{}-{}-{}-{role}", self.id, std::process::id(), self.labels.get())
    }

    /// C_GenerateKey of an AES-256 session key with these attributes.
    pub(super) fn aes_key(&self, template: Vec<Attribute>) -> Result<Object, Rv> {
        let template = with(attrs![CKA_TOKEN => false, CKA_VALUE_LEN => 32], template);
        self.session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
    }

    /// Makes kS as the attacker's user, in plain PKCS#11 words.
    pub(super) fn victim(&self) -> Result<Victim, Stop> {
        let key = scene("C_GenerateKey(kS)", self.aes_key(victim_template()))?;
        let proof = self.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &KNOWN_BLOCK);
        Ok(Victim { key, proof: scene("C_Encrypt(kS, known block)", proof)? })
    }

    /// A trusted AES-256 key of kim's, shared with the attacker, and the attacker logged in: its handle.
    pub(super) fn trusted_key(&self) -> Result<Object, Stop> {
        self.needs_roles()?;
        let label = self.label("kT");
        self.become_user(User::Kim)?;
        self.candidate(&label)?;
        self.set_trusted(&label, true)?;
        self.become_user(User::Attacker)?;
        self.find(&label)
    }

    /// As kim: a candidate, shared with the attacker.
    pub(super) fn candidate(&self, label: &str) -> Result<Object, Stop> {
        let template = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_WRAP => true, CKA_UNWRAP => true];
        let key = scene("C_GenerateKey(candidate)", self.aes_key(template))?;
        let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1"];
        scene("C_SetAttributeValue(SHARED_WITH)", self.session.set_attribute_value(key, &share))?;
        Ok(key)
    }

    /// As the SO: sets TRUSTED of the key with this label.
    pub(super) fn set_trusted(&self, label: &str, trusted: bool) -> Result<(), Stop> {
        self.become_user(User::So)?;
        let seen = scene("C_FindObjects(LABEL)", self.session.find(&attrs![CKA_LABEL => label]))?;
        let unseen = || Stop::NotApplicable("the SO does not see the key, so there is no trust to attack".to_owned());
        let key = seen.first().copied().ok_or_else(unseen)?;
        let template = attrs![CKA_TRUSTED => trusted];
        scene("C_SetAttributeValue(TRUSTED)", self.session.set_attribute_value(key, &template))
    }

    /// The one object with this label.
    pub(super) fn find(&self, label: &str) -> Result<Object, Stop> {
        let found = scene("C_FindObjects(LABEL)", self.session.find(&attrs![CKA_LABEL => label]))?;
        scene("C_FindObjects(LABEL)", found.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID)))
    }
}

/// What a program that knows nothing of trusted keys asks for: sensitive, and extractable for its backup.
fn victim_template() -> Vec<Attribute> {
    attrs![
        CKA_SENSITIVE => true,
        CKA_EXTRACTABLE => true,
        CKA_ENCRYPT => true,
        CKA_DECRYPT => true,
    ]
}

impl Victim {
    /// The evidence, if `value` is the value of kS: it encrypts the known block as kS did.
    pub(super) fn recovered(&self, value: &[u8]) -> Result<Evidence, Stop> {
        match <&[u8; 32]>::try_from(value) {
            Ok(value) if outside::encrypt_block(value, KNOWN_BLOCK).as_slice() == self.proof => {
                Ok(Evidence("the value of kS: encrypts outside as kS does in the token".to_owned()))
            }
            _ => Err(Stop::Harmless("every call went through, but what came out is not kS".to_owned())),
        }
    }
}
