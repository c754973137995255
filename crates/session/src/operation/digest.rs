//! Digests: C_Digest* (PKCS#11 3.2 section 5.12).

use claviger_crypto::{Digest, DigestStream};
use claviger_rules::mechanism::{Mechanism, Usage};
use claviger_rules::policy::Action;
use claviger_rules::{Error, Parameter, Refusal};

use super::slot::{Came, Event, Private};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

impl Session {
    /// C_DigestInit. Needs no login.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub fn digest_init(&self, call: MechanismCall) -> Result<()> {
        self.operations().digest.init(|| self.call("C_DigestInit", |caller| Ready::new(caller, call)))
    }

    /// C_Digest.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE after parts; CKR_BUFFER_TOO_SMALL.
    pub fn digest(&self, message: &[u8], room: &mut Room<'_>) -> Result<()> {
        self.operations().digest.one_shot(|ready| ready.run(message, room))
    }

    /// C_DigestUpdate.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn digest_update(&self, part: &[u8]) -> Result<()> {
        self.operations().digest.update(Ready::open, |stream| stream.update(part))
    }

    /// C_DigestKey. A refused key leaves the operation as it is: the standard ends it for C_DigestUpdate alone.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED; what is wrong with login and key; CKR_KEY_INDIGESTIBLE for what is no secret
    /// key and, in `enforce`, for a protected one (rule R16).
    pub fn digest_key(&self, key: ObjectHandle) -> Result<()> {
        let mut operations = self.operations();
        operations.digest.admit(Event::Update)?;
        let Some(row) = operations.digest.look(|ready| ready.row, |stream| stream.row) else {
            return Err(Error::OperationNotInitialized.into());
        };
        let (_, key) = self.call("C_DigestKey", |caller| caller.use_key(Action::DigestKey, key, Some(row)))?;
        let value = key.value().ok_or(INDIGESTIBLE)?;
        operations.digest.update(Ready::open, |stream| {
            stream.keyed = true;
            stream.update(value.expose())
        })
    }

    /// C_DigestFinal.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_BUFFER_TOO_SMALL.
    pub fn digest_final(&self, room: &mut Room<'_>) -> Result<()> {
        self.operations().digest.finish(Ready::open, |stream| stream.finish(room))
    }
}

const INDIGESTIBLE: Refusal =
    Refusal::standard(Error::KeyIndigestible, "only the value of a secret key can be digested");

/// An initialised digest.
pub(crate) struct Ready {
    row: &'static Mechanism,
    engine: &'static dyn Digest,
}

impl Ready {
    fn new(caller: &Caller<'_>, call: MechanismCall) -> Result<Self> {
        let row = caller.mechanism(&call, Usage::Digest)?;
        let engine = row.engine.digest.ok_or(Error::MechanismInvalid)?;
        match call.parameter? {
            Parameter::None => Ok(Self { row, engine }),
            _ => Err(Error::MechanismParamInvalid.into()),
        }
    }

    fn run(&self, message: &[u8], room: &mut Room<'_>) -> Result<Came> {
        let Some(out) = room.claim(self.engine.len())? else { return Ok(Came::Length) };
        self.engine.digest(message, out);
        Ok(Came::Output)
    }

    fn open(&mut self) -> Result<Stream> {
        Ok(Stream { row: self.row, len: self.engine.len(), inner: self.engine.stream(), keyed: false })
    }
}

impl Private for Ready {
    fn is_private(&self) -> bool {
        false
    }
}

/// A multi-part digest.
pub(crate) struct Stream {
    row: &'static Mechanism,
    len: usize,
    inner: Box<dyn DigestStream>,
    /// Whether a key is in it.
    keyed: bool,
}

impl Stream {
    fn update(&mut self, part: &[u8]) -> Result<Came> {
        self.inner.update(part);
        Ok(Came::Output)
    }

    fn finish(&mut self, room: &mut Room<'_>) -> Result<Came> {
        let Some(out) = room.claim(self.len)? else { return Ok(Came::Length) };
        self.inner.finish(out);
        Ok(Came::Output)
    }
}

impl Private for Stream {
    fn is_private(&self) -> bool {
        self.keyed
    }
}
