//! Signatures and MACs: C_Sign* (PKCS#11 3.2 section 5.13), and what C_Verify* shares with it.

use claviger_crypto::{Sign, SignStream, SystemRandom};
use claviger_rules::Error;
use claviger_rules::mechanism::Usage;
use claviger_rules::policy::Action;

use super::slot::{Came, Private};
use super::{Keyed, SINGLE_PART};
use crate::fault::{self, Function};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

impl Session {
    /// C_SignInit.
    ///
    /// # Errors
    /// As [`Session::encrypt_init`].
    pub fn sign_init(&self, call: MechanismCall, key: ObjectHandle) -> Result<()> {
        let mut operations = self.operations();
        let make = || self.call("C_SignInit", |caller| Ready::new(caller, Usage::Sign, Action::Sign, call, key));
        operations.sign.init(make)?;
        operations.decrypts_last = false;
        Ok(())
    }

    /// C_Sign.
    ///
    /// # Errors
    /// As [`Session::encrypt`].
    pub fn sign(&self, message: &[u8], room: &mut Room<'_>) -> Result<()> {
        self.operations().sign.one_shot(|ready| ready.sign(message, room))
    }

    /// C_SignUpdate.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, also for a single-part mechanism; the table of `fault`.
    pub fn sign_update(&self, part: &[u8]) -> Result<()> {
        self.operations().sign.update(|ready| ready.go_on(false), |stream| stream.update(part))
    }

    /// C_SignFinal.
    ///
    /// # Errors
    /// As [`Session::encrypt_final`].
    pub fn sign_final(&self, room: &mut Room<'_>) -> Result<()> {
        let is_query = room.is_query();
        self.operations().sign.finish(|ready| ready.go_on(is_query), |stream| stream.sign(room))
    }
}

/// An initialised signature, MAC or verification.
pub(crate) struct Ready {
    keyed: Keyed,
    engine: &'static dyn Sign,
}

impl Ready {
    pub(super) fn new(
        caller: &Caller<'_>,
        usage: Usage,
        action: Action,
        call: MechanismCall,
        key: ObjectHandle,
    ) -> Result<Self> {
        let keyed = Keyed::new(caller, usage, action, call, key)?;
        let engine = keyed.row.engine.sign.ok_or(Error::MechanismInvalid)?;
        engine.check(&keyed.key, &keyed.params).map_err(|error| fault::crypto(Function::Init, error))?;
        Ok(Self { keyed, engine })
    }

    pub(super) const fn keyed(&mut self) -> &mut Keyed {
        &mut self.keyed
    }

    fn sign(&self, message: &[u8], room: &mut Room<'_>) -> Result<Came> {
        self.keyed.may_go_on(room.is_query())?;
        let Keyed { key, params, .. } = &self.keyed;
        let fault = |error| fault::crypto(Function::Sign, error);
        let len = self.engine.signature_len(key, params).map_err(fault)?;
        let Some(out) = room.claim(len)? else { return Ok(Came::Length) };
        let len = self.engine.sign(key, params, message, out, &mut SystemRandom::new()).map_err(fault)?;
        room.wrote(len);
        Ok(Came::Output)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<Came> {
        let Keyed { key, params, .. } = &self.keyed;
        let verified = self.engine.verify(key, params, message, signature);
        verified.map_err(|error| fault::crypto(Function::Verify, error))?;
        Ok(Came::Output)
    }

    fn go_on(&mut self, is_query: bool) -> Result<Stream> {
        self.keyed.may_go_on(is_query)?;
        self.open(Function::Sign)
    }

    pub(super) fn open(&mut self, function: Function) -> Result<Stream> {
        let stream = self.engine.stream(&self.keyed.key, &self.keyed.params);
        Ok(Stream {
            inner: stream.map_err(|error| fault::crypto(Function::Init, error))?.ok_or(SINGLE_PART)?,
            function,
            private: self.keyed.is_private(),
        })
    }
}

impl Private for Ready {
    fn is_private(&self) -> bool {
        self.keyed.is_private()
    }
}

/// A multi-part signature, MAC or verification.
pub(crate) struct Stream {
    inner: Box<dyn SignStream>,
    function: Function,
    private: bool,
}

impl Stream {
    pub(super) fn update(&mut self, part: &[u8]) -> Result<Came> {
        self.inner.update(part).map_err(|error| fault::crypto(self.function, error))?;
        Ok(Came::Output)
    }

    fn sign(&mut self, room: &mut Room<'_>) -> Result<Came> {
        let Some(out) = room.claim(self.inner.signature_len())? else { return Ok(Came::Length) };
        let len = self.inner.sign(out, &mut SystemRandom::new());
        room.wrote(len.map_err(|error| fault::crypto(self.function, error))?);
        Ok(Came::Output)
    }

    pub(super) fn verify(&mut self, signature: &[u8]) -> Result<Came> {
        self.inner.verify(signature).map_err(|error| fault::crypto(self.function, error))?;
        Ok(Came::Output)
    }
}

impl Private for Stream {
    fn is_private(&self) -> bool {
        self.private
    }
}
