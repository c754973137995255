//! The state before a call and the memory its arguments lie in.

use claviger_conformance::attrs;
use claviger_conformance::fixture::{SO_PIN, USER_PIN};
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::raw::Guarded;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::{aes_key, import, unwrapped};
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{Token, must};
use cryptoki_sys::*;

use crate::functions::{Before, Made};

/// Everything one call needs. Dropped after it.
pub(crate) struct Scene<'t> {
    pub(crate) token: &'t Token,
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) session: Session<'t>,
    memory: Vec<Guarded>,
}

impl<'t> Scene<'t> {
    /// Puts the library into the state of `before`, whatever state the last case left. A login costs a PIN, so it
    /// is kept where it will do: sessions stay open until a case ends them.
    pub(crate) fn set(token: &'t Token, before: Before) -> Self {
        let _ = token.module.initialize_null();
        let slot = slot_of_the_token(token);
        let wanted = match before {
            Before::Down | Before::NoSession | Before::Public => CKS_RW_PUBLIC_SESSION,
            Before::So => CKS_RW_SO_FUNCTIONS,
            _ => CKS_RW_USER_FUNCTIONS,
        };
        let session = must("C_OpenSession", token.module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
        let scene = Scene { token, slot, session, memory: Vec::new() };
        if must("C_GetSessionInfo", session.info()).state != wanted {
            let _ = session.logout();
            scene.log_in(wanted);
        }
        scene.start(before);
        scene
    }

    fn log_in(&self, wanted: CK_STATE) {
        match wanted {
            CKS_RW_SO_FUNCTIONS => must("C_Login(CKU_SO)", self.session.login(CKU_SO, SO_PIN)),
            CKS_RW_USER_FUNCTIONS => self.log_user_in(),
            _ => {}
        }
    }

    /// Just before the call: what the arguments were made of needed a session, the call may need that there is none.
    pub(crate) fn leave(&self, before: Before) {
        match before {
            Before::Down => must("C_Finalize", self.token.module.finalize()),
            Before::NoSession => must("C_CloseAllSessions", self.token.module.close_all_sessions(self.slot)),
            _ => {}
        }
    }

    /// C_InitToken and C_InitPIN with hostile arguments may have left the user without the usual PIN.
    fn log_user_in(&self) {
        match self.session.login(CKU_USER, USER_PIN) {
            Err(Rv(CKR_USER_PIN_NOT_INITIALIZED | CKR_PIN_INCORRECT)) => {
                must("C_Login(CKU_SO)", self.session.login(CKU_SO, SO_PIN));
                must("C_InitPIN", self.session.init_pin(USER_PIN));
                must("C_Logout", self.session.logout());
                must("C_Login(CKU_USER)", self.session.login(CKU_USER, USER_PIN));
            }
            result => must("C_Login(CKU_USER)", result),
        }
    }

    /// Operations that a library does not combine are left out: the call then finds none.
    fn start(&self, before: Before) {
        let session = &self.session;
        let cbc = Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]);
        let (sha256, hmac) = (Mechanism::plain(CKM_SHA256), Mechanism::plain(CKM_SHA256_HMAC));
        if matches!(before, Before::Encrypting | Before::DigestingEncrypting | Before::SigningEncrypting) {
            must("C_EncryptInit", session.encrypt_init(&cbc, self.key(Made::Cipher)));
        }
        if matches!(before, Before::Decrypting | Before::DecryptingDigesting | Before::DecryptingVerifying) {
            must("C_DecryptInit", session.decrypt_init(&cbc, self.key(Made::Cipher)));
        }
        let alone = matches!(before, Before::Digesting | Before::Signing | Before::Verifying);
        let started = match before {
            Before::Digesting | Before::DigestingEncrypting | Before::DecryptingDigesting => {
                session.digest_init(&sha256)
            }
            Before::Signing | Before::SigningEncrypting => session.sign_init(&hmac, self.key(Made::Mac)),
            Before::Verifying | Before::DecryptingVerifying => session.verify_init(&hmac, self.key(Made::Mac)),
            Before::Finding => session.find_objects_init(&[]),
            _ => Ok(()),
        };
        if alone {
            must("starting the operation", started);
        }
    }

    pub(crate) fn key(&self, made: Made) -> Object {
        let session = &self.session;
        let value = [0x42; 32];
        match made {
            Made::Cipher => aes_key(session, attrs![CKA_ENCRYPT => true, CKA_DECRYPT => true]),
            Made::Mac => import(session, CKK_GENERIC_SECRET, &value, attrs![CKA_SIGN => true, CKA_VERIFY => true]),
            Made::Wrapping => import(session, CKK_AES, &value, attrs![CKA_WRAP => true, CKA_UNWRAP => true]),
            Made::Open => import(session, CKK_AES, &value, attrs![CKA_ENCRYPT => true]),
            Made::Base => import(session, CKK_GENERIC_SECRET, &value, attrs![CKA_DERIVE => true]),
        }
    }

    pub(crate) fn data_object(&self) -> Object {
        let template = attrs![CKA_CLASS => CKO_DATA, CKA_TOKEN => false, CKA_LABEL => "x", CKA_VALUE => b"y"];
        must("C_CreateObject", self.session.create_object(&template))
    }

    /// A handle that was an object's.
    pub(crate) fn stale_object(&self) -> Object {
        let object = self.data_object();
        must("C_DestroyObject", self.session.destroy_object(object));
        object
    }

    /// A handle that was a session's.
    pub(crate) fn stale_session(&self) -> CK_SESSION_HANDLE {
        let session = self.token.module.open_session(self.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session = must("C_OpenSession", session);
        must("C_CloseSession", session.close());
        session.handle
    }

    /// A blob of the wrapping key, by AES key wrap.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let (wrapping, open) = (self.key(Made::Wrapping), self.key(Made::Open));
        let blob = self.session.wrap_key(&Mechanism::plain(CKM_AES_KEY_WRAP), wrapping, open);
        let blob = must("C_WrapKey", blob);
        let back = self.session.unwrap_key(
            &Mechanism::plain(CKM_AES_KEY_WRAP),
            wrapping,
            &blob,
            &unwrapped(attrs![CKA_ENCRYPT => true]),
        );
        must("C_UnwrapKey", back);
        blob
    }

    /// The address of a copy of these bytes, `slack` bytes before a page that nobody may touch.
    pub(crate) fn place(&mut self, bytes: &[u8], slack: usize) -> u64 {
        let memory = Guarded::new(bytes, slack);
        let address = memory.address();
        self.memory.push(memory);
        address
    }

    /// The address of these words.
    pub(crate) fn words(&mut self, words: &[u64], slack: usize) -> u64 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.place(&bytes, slack)
    }
}

/// Libraries may move a token to another slot, and the hostile calls relabel it.
fn slot_of_the_token(token: &Token) -> CK_SLOT_ID {
    let slots = must("C_GetSlotList", token.module.slot_list(true));
    let initialised =
        |slot: &&CK_SLOT_ID| token.module.token_info(**slot).is_ok_and(|info| info.flags & CKF_TOKEN_INITIALIZED != 0);
    slots.iter().find(initialised).copied().unwrap_or(token.slot)
}
