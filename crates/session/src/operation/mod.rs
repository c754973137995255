//! Running operations of one session: encryption, decryption, signature, verification, digest, search.
//!
//! Each kind has one [`slot::Slot`]; the files beside this one say what runs in it. An operation holds its own key
//! and parameters: the key may be destroyed or the object's attributes change, and it goes on (PKCS#11 3.2
//! section 5.8 to 5.15). It ends at logout when its key is secret or private (rule R17). Not here: who may use
//! which key; that is `Caller::use_key`.

mod cipher;
mod digest;
mod search;
mod sign;
pub(crate) mod slot;
mod verify;

use std::sync::Arc;

use claviger_crypto::{Key, KeyKind, Params};
use claviger_rules::mechanism::{Mechanism, Usage};
use claviger_rules::policy::Action;
use claviger_rules::{AttributeType, Error, Refusal};

pub(crate) use self::search::Search;
use self::slot::Slot;
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Session, flag, keys};

/// The operations of one session.
pub(crate) struct Operations {
    pub(crate) encrypt: Slot<cipher::Ready, cipher::Stream>,
    pub(crate) decrypt: Slot<cipher::Ready, cipher::Stream>,
    pub(crate) sign: Slot<sign::Ready, sign::Stream>,
    pub(crate) verify: Slot<sign::Ready, sign::Stream>,
    pub(crate) digest: Slot<digest::Ready, digest::Stream>,
    pub(crate) search: Slot<Search, Search>,
    /// Of two operations that wait for a PIN, the one that C_Login(CKU_CONTEXT_SPECIFIC) means: "immediately after a
    /// cryptographic operation using the key has been initiated" (section 4.10).
    decrypts_last: bool,
}

/// Applies one method to every slot, or to those whose CKF_ bit is in a set.
macro_rules! each {
    ($operations:ident . $method:ident () $(, if $flags:ident)?) => {
        each!(@ $operations $method ($($flags)?)
            encrypt ENCRYPT, decrypt DECRYPT, sign SIGN, verify VERIFY, digest DIGEST, search FIND_OBJECTS)
    };
    (@ $operations:ident $method:ident () $($slot:ident $bit:ident),*) => { $( $operations.$slot.$method(); )* };
    (@ $operations:ident $method:ident ($flags:ident) $($slot:ident $bit:ident),*) => {
        $( if $flags & flag::$bit != 0 { $operations.$slot.$method(); } )*
    };
}

impl Operations {
    /// None.
    pub(crate) const fn new() -> Self {
        Self {
            encrypt: Slot::idle(),
            decrypt: Slot::idle(),
            sign: Slot::idle(),
            verify: Slot::idle(),
            digest: Slot::idle(),
            search: Slot::idle(),
            decrypts_last: false,
        }
    }

    /// The operation that waits for its user to prove the PIN.
    pub(crate) fn waiting(&mut self) -> Option<&mut Keyed> {
        let sign = self.sign.ready_mut().map(sign::Ready::keyed).filter(|keyed| keyed.awaits_pin);
        let decrypt = self.decrypt.ready_mut().map(cipher::Ready::keyed).filter(|keyed| keyed.awaits_pin);
        if self.decrypts_last { decrypt.or(sign) } else { sign.or(decrypt) }
    }

    /// Ends those that the CKF_ bits in `flags` name; others are ignored.
    fn cancel(&mut self, flags: u64) {
        each!(self.cancel(), if flags);
    }

    /// Ends those that use what only the user may use, at logout.
    pub(crate) fn end_private(&mut self) {
        each!(self.end_private());
    }

    /// Ends all, when the session closes.
    pub(crate) fn end(&mut self) {
        each!(self.cancel());
    }
}

impl Session {
    /// C_*Init without a mechanism: ends the operation of that kind, if there is one.
    ///
    /// # Errors
    /// None so far.
    pub fn cancel(&self, usage: Usage) -> Result<()> {
        self.session_cancel(usage as u64)
    }

    /// C_SessionCancel. `flags` are CKF_ bits; those that name no running operation are ignored.
    ///
    /// # Errors
    /// None so far.
    pub fn session_cancel(&self, flags: u64) -> Result<()> {
        self.operations().cancel(flags);
        Ok(())
    }
}

/// What every operation with a key is made of.
pub(crate) struct Keyed {
    row: &'static Mechanism,
    key: Arc<Key>,
    params: Params,
    /// The key has ALWAYS_AUTHENTICATE, and its user has not proven the PIN for this use yet.
    awaits_pin: bool,
}

impl Keyed {
    /// Asks for the key, and for the mechanism only then: what is wrong with login, key and policy goes first.
    fn new(caller: &Caller<'_>, usage: Usage, action: Action, call: MechanismCall, key: ObjectHandle) -> Result<Self> {
        let row = caller.mechanism(&call, usage);
        let (entry, key) = caller.use_key(action, key, row.as_ref().ok().copied())?;
        let awaits_pin = entry.object.flag(AttributeType::ALWAYS_AUTHENTICATE);
        Ok(Self { row: row?, key, params: keys::params(&call.parameter?), awaits_pin })
    }

    /// The user has proven the PIN: the operation goes on to its end.
    pub(crate) const fn admit(&mut self) {
        self.awaits_pin = false;
    }

    /// Whether the key may be used now; to ask for a length is no use.
    fn may_go_on(&self, is_query: bool) -> Result<()> {
        if self.awaits_pin && !is_query { Err(PIN_AWAITED) } else { Ok(()) }
    }

    /// Whether only its user may use the key (rule R17: secret and private keys are always private).
    fn is_private(&self) -> bool {
        !matches!(self.key.kind(), KeyKind::RsaPublic | KeyKind::EcPublic)
    }
}

/// An error like any other, so it ends the operation (section 5.13.2, "always terminates"): the proof comes before.
const PIN_AWAITED: Refusal = Refusal::standard(
    Error::UserNotLoggedIn,
    "the key has ALWAYS_AUTHENTICATE: after each Init, prove the PIN with C_Login(CKU_CONTEXT_SPECIFIC)",
);

/// Algorithms that are single-part only take no parts. The lists of C_*Update have no code for this; OpenSC's
/// `pkcs11-tool --test` takes CKR_FUNCTION_NOT_SUPPORTED as the honest answer and counts every other as an error.
/// SoftHSM and NSS return CKR_OPERATION_NOT_INITIALIZED. The operation ends, as at every error.
const SINGLE_PART: Refusal = Refusal::standard(
    Error::FunctionNotSupported,
    "the mechanism is single-part only: use C_Encrypt, C_Decrypt, C_Sign or C_Verify",
);
