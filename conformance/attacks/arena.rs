//! Where an attack takes place: a session, the users, the victim key kS and, where there are roles, a trusted key.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use cryptoki_sys::*;

use super::outside::ec::P256;
use super::outside::{aes, hash};
use super::{Ended, Refusal, Stop, evidence, harmless, not_applicable, scene};
use crate::attrs;
use crate::fixture::{self, NamedUsers};
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
    /// The library and the slot.
    pub(super) token: &'t Token,
    /// The session that all calls go through.
    pub(super) session: Session<'t>,
    id: &'static str,
}

/// A user of the scene.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The normal user that the attacker has taken over.
    Attacker,
    /// Another normal user.
    Other,
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
        let arena = Arena { token, session, id };
        scene("C_Login(attacker)", session.login(CKU_USER, &token.users.user))?;
        Ok(arena)
    }

    /// Logs out whoever is there and logs `user` in.
    pub(super) fn become_user(&self, user: User) -> Result<(), Stop> {
        let (kind, pin, name) = match user {
            User::Attacker => (CKU_USER, &self.token.users.user, "C_Login(attacker)"),
            User::Other => (CKU_USER, &self.named()?.app2, "C_Login(app2)"),
            User::Kim => (CKU_USER, &self.named()?.kim, "C_Login(kim)"),
            User::So => (CKU_SO, &self.token.users.so, "C_Login(so)"),
        };
        self.log_out()?;
        scene(name, self.session.login(kind, pin))
    }

    /// The same attack on the token of another slot, nobody logged in.
    pub(super) fn in_slot(&self, slot: CK_SLOT_ID) -> Result<Arena<'t>, Stop> {
        let session = self.token.module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session = scene(format_args!("C_OpenSession({slot})"), session)?;
        Ok(Arena { token: self.token, session, id: self.id })
    }

    /// Logs out whoever is there.
    pub(super) fn log_out(&self) -> Result<(), Stop> {
        match self.session.logout() {
            Err(Rv(CKR_USER_NOT_LOGGED_IN)) => Ok(()),
            other => scene("C_Logout", other),
        }
    }

    /// What `act` does as `user`, and the attacker back afterwards. Session objects do not outlive the change.
    pub(super) fn as_user<T>(&self, user: User, act: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
        self.become_user(user)?;
        let done = act();
        self.become_user(User::Attacker)?;
        done
    }

    /// The attack.
    pub(super) fn id(&self) -> &'static str {
        self.id
    }

    /// Runs the command line of the library under test on the token's directory, as a process of its own, with this
    /// `name:pin`: what it printed, or what it said when it refused.
    pub(super) fn command(&self, pin: &str, arguments: &[&str]) -> Result<Result<String, String>, Stop> {
        self.needs_roles()?;
        let program = match fixture::command() {
            Ok(program) => program,
            Err(sentence) => return not_applicable(sentence),
        };
        let output = Command::new(program).args(arguments).env("CLAVIGER_PIN", pin).stdin(Stdio::null()).output();
        let line = format!("claviger {}", arguments.join(" "));
        let output = scene(&line, output.map_err(|_| Rv(CKR_FUNCTION_FAILED)))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
    }

    /// The same for a step of an attack: the refusal's CKR_… is what it is judged by.
    pub(super) fn command_step(&self, pin: &str, arguments: &[&str]) -> Result<String, Stop> {
        self.command(pin, arguments)?.map_err(|said| {
            let names = said.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
            let rv = names.into_iter().find_map(Rv::from_name).unwrap_or(Rv(CKR_FUNCTION_FAILED));
            Stop::Refused(Refusal { step: format!("claviger {}", arguments.join(" ")), rv })
        })
    }

    /// The same for a step that prepares the scene, by the first officer.
    pub(super) fn prepare(&self, arguments: &[&str]) -> Result<String, Stop> {
        let pin = format!("so:{}", self.token.users.so);
        self.command(&pin, arguments)?.map_err(|said| {
            let step = format!("claviger {}: {said}", arguments.join(" "));
            Stop::Broken(Refusal { step, rv: Rv(CKR_FUNCTION_FAILED) })
        })
    }

    /// Stops the way unless the library has named users.
    pub(super) fn needs_roles(&self) -> Result<(), Stop> {
        self.named().map(|_| ())
    }

    fn named(&self) -> Result<&NamedUsers, Stop> {
        match &self.token.users.named {
            Some(named) => Ok(named),
            None => not_applicable("no named users"),
        }
    }

    /// Stops the way where the library lacks the mechanism it needs. Claviger is asked in any case: a mechanism that
    /// its rules forbid must be refused by the call itself.
    pub(super) fn needs(&self, kind: CK_MECHANISM_TYPE, name: &str) -> Result<(), Stop> {
        match self.token.module.mechanism_info(self.token.slot, kind) {
            Err(rv) if !self.token.is_claviger => not_applicable(format_args!("{name} is not offered ({rv})")),
            _ => Ok(()),
        }
    }

    /// A label that no other object has.
    pub(super) fn label(&self, role: &str) -> String {
        static LABELS: AtomicU32 = AtomicU32::new(1);
        format!("{}-{}-{}-{role}", self.id, std::process::id(), LABELS.fetch_add(1, Ordering::Relaxed))
    }

    /// C_GenerateKey of an AES-256 session key with these attributes.
    pub(super) fn aes_key(&self, template: Vec<Attribute>) -> Result<Object, Rv> {
        let template = with(attrs![CKA_TOKEN => false, CKA_VALUE_LEN => 32], template);
        self.session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
    }

    /// C_GenerateKey of a generic secret, a session key, of `bytes` bytes with these attributes.
    pub(super) fn generic_key(&self, bytes: usize, template: Vec<Attribute>) -> Result<Object, Rv> {
        let template = with(attrs![CKA_TOKEN => false, CKA_VALUE_LEN => bytes as CK_ULONG], template);
        self.session.generate_key(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template)
    }

    /// C_CreateObject of an AES-256 session key of the attacker's choice, not protected.
    pub(super) fn known_key(&self, value: &[u8; 32], usage: Vec<Attribute>) -> Result<Object, Rv> {
        let template = attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false, CKA_VALUE => value,
            CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
        ];
        self.session.create_object(&with(template, usage))
    }

    /// Makes kS as the user who is there, in plain PKCS#11 words.
    pub(super) fn victim(&self) -> Result<Victim, Stop> {
        self.victim_with(Vec::new())
    }

    /// kS with more attributes.
    pub(super) fn victim_with(&self, more: Vec<Attribute>) -> Result<Victim, Stop> {
        let key = scene("C_GenerateKey(kS)", self.aes_key(with(victim_template(), more)))?;
        let proof = self.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &KNOWN_BLOCK);
        Ok(Victim { key, proof: scene("C_Encrypt(kS, known block)", proof)? })
    }

    /// A generic secret kS: sensitive and extractable, signs and derives.
    pub(super) fn secret_victim(&self, more: Vec<Attribute>) -> Result<SecretVictim, Stop> {
        let template = attrs![
            CKA_SENSITIVE => true, CKA_EXTRACTABLE => true, CKA_SIGN => true, CKA_DERIVE => true,
        ];
        let key = scene("C_GenerateKey(kS)", self.generic_key(SecretVictim::BYTES, with(template, more)))?;
        let proof = self.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, hash::MESSAGE);
        Ok(SecretVictim { key, proof: scene("C_Sign(kS, known message)", proof)? })
    }

    /// A P-256 pair that derives, its private half sensitive.
    pub(super) fn agreement_pair(&self, more: Vec<Attribute>) -> Result<(Object, Object), Stop> {
        let public = attrs![CKA_TOKEN => false, CKA_EC_PARAMS => P256];
        let private = attrs![CKA_TOKEN => false, CKA_DERIVE => true, CKA_SENSITIVE => true];
        let generation = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let pair = self.session.generate_key_pair(&generation, &public, &with(private, more));
        scene("C_GenerateKeyPair(EC{DERIVE})", pair)
    }

    /// A trusted AES-256 key of kim's, shared with the normal users, and the attacker logged in: its handle.
    pub(super) fn trusted_key(&self) -> Result<Object, Stop> {
        let label = self.label("kT");
        self.trusted_key_named(&label)
    }

    /// The same, with this label.
    pub(super) fn trusted_key_named(&self, label: &str) -> Result<Object, Stop> {
        self.needs_roles()?;
        self.become_user(User::Kim)?;
        self.candidate(label)?;
        self.set_trusted(label, true)?;
        self.become_user(User::Attacker)?;
        self.find(label)
    }

    /// As kim: a candidate, shared with both normal users.
    pub(super) fn candidate(&self, label: &str) -> Result<Object, Stop> {
        // Without roles an officer sees, and can trust, public objects alone; where there are roles a key is private
        // whatever the template says.
        let template = attrs![
            CKA_TOKEN => true, CKA_LABEL => label, CKA_WRAP => true, CKA_UNWRAP => true, CKA_PRIVATE => false,
        ];
        let key = scene("C_GenerateKey(candidate)", self.aes_key(template))?;
        let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1\0app2"];
        scene("C_SetAttributeValue(SHARED_WITH)", self.session.set_attribute_value(key, &share))?;
        Ok(key)
    }

    /// As the SO: sets TRUSTED of the key with this label.
    pub(super) fn set_trusted(&self, label: &str, trusted: bool) -> Result<(), Stop> {
        self.become_user(User::So)?;
        let seen = scene("C_FindObjects(LABEL)", self.session.find(&attrs![CKA_LABEL => label]))?;
        let Some(key) = seen.first().copied() else {
            return not_applicable("the SO does not see the key, so there is no trust to attack");
        };
        let template = attrs![CKA_TRUSTED => trusted];
        scene("C_SetAttributeValue(TRUSTED)", self.session.set_attribute_value(key, &template))
    }

    /// The one object with this label.
    pub(super) fn find(&self, label: &str) -> Result<Object, Stop> {
        let found = scene("C_FindObjects(LABEL)", self.session.find(&attrs![CKA_LABEL => label]))?;
        scene("C_FindObjects(LABEL)", found.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID)))
    }
}

/// A generic secret kS that signs and derives, with an HMAC made at birth as the proof.
pub(super) struct SecretVictim {
    /// kS.
    pub(super) key: Object,
    proof: Vec<u8>,
}

impl SecretVictim {
    /// Its length.
    pub(super) const BYTES: usize = 32;

    /// The evidence, if `value` is the value of kS: it makes the HMAC that kS made.
    pub(super) fn recovered(&self, value: &[u8]) -> Ended {
        match hash::mac(value) == self.proof {
            true => evidence("the value of kS: makes outside the HMAC that kS makes in the token"),
            false => harmless("every call went through, but what came out is not kS"),
        }
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
    /// The evidence, if `value` is the value of kS.
    pub(super) fn recovered(&self, value: &[u8]) -> Ended {
        match self.is(value) {
            true => evidence("the value of kS: encrypts outside as kS does in the token"),
            false => harmless("every call went through, but what came out is not kS"),
        }
    }

    /// Whether `value` is the value of kS: it encrypts the known block as kS did.
    pub(super) fn is(&self, value: &[u8]) -> bool {
        let value = <&[u8; 32]>::try_from(value);
        value.is_ok_and(|value| aes::encrypt_block(value, KNOWN_BLOCK).as_slice() == self.proof)
    }

    /// Whether this key of the token is kS, by the same proof.
    pub(super) fn is_also(&self, arena: &Arena<'_>, key: Object) -> Result<bool, Rv> {
        let block = arena.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &KNOWN_BLOCK)?;
        Ok(block == self.proof)
    }
}

/// A template for an AES key that comes out of C_UnwrapKey into this session.
pub(super) fn imported(usage: Vec<Attribute>) -> Vec<Attribute> {
    with(attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => false], usage)
}

/// A template for a generic secret of `bytes` bytes that signs, to be unwrapped or derived into this session.
pub(super) fn signing_secret(bytes: usize) -> Vec<Attribute> {
    attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false, CKA_SIGN => true,
        CKA_VALUE_LEN => bytes as CK_ULONG,
    ]
}
