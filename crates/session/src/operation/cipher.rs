//! Encryption and decryption: C_Encrypt*, C_Decrypt* (PKCS#11 3.2 sections 5.8 and 5.10).
//!
//! A one-shot call writes straight into the caller's buffer and allocates nothing when the buffer has room for what
//! the engine may write. When the exact length is known only after decryption (padding, RSA), a size query gives
//! the upper bound, and a buffer below the bound still serves if the output fits.

use claviger_crypto::{Cipher, CipherStream, Direction, Secret, SystemRandom};
use claviger_rules::mechanism::Usage;
use claviger_rules::policy::Action;
use claviger_rules::{Error, Refusal};

use super::slot::{Came, Private};
use super::{Keyed, SINGLE_PART};
use crate::fault::{self, Function};
use crate::session::Caller;
use crate::{MechanismCall, ObjectHandle, Result, Room, Session};

impl Session {
    /// C_EncryptInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE; what is wrong with login, key, policy, mechanism and parameter, in this order.
    pub fn encrypt_init(&self, call: MechanismCall, key: ObjectHandle) -> Result<()> {
        self.operations()
            .encrypt
            .init(|| self.call("C_EncryptInit", |caller| Ready::new(caller, Direction::Encrypt, call, key)))
    }

    /// C_Encrypt.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE after parts; CKR_BUFFER_TOO_SMALL; the table of `fault`.
    pub fn encrypt(&self, plaintext: &[u8], room: &mut Room<'_>) -> Result<()> {
        self.operations().encrypt.one_shot(|ready| ready.run(plaintext, room))
    }

    /// C_EncryptUpdate.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, also for a single-part mechanism; CKR_BUFFER_TOO_SMALL; the table of `fault`.
    pub fn encrypt_update(&self, part: &[u8], room: &mut Room<'_>) -> Result<()> {
        let is_query = room.is_query();
        self.operations().encrypt.update(|ready| ready.open(is_query), |stream| stream.update(part, room))
    }

    /// C_EncryptFinal.
    ///
    /// # Errors
    /// As [`Session::encrypt_update`].
    pub fn encrypt_final(&self, room: &mut Room<'_>) -> Result<()> {
        let is_query = room.is_query();
        self.operations().encrypt.finish(|ready| ready.open(is_query), |stream| stream.finish(room))
    }

    /// C_DecryptInit.
    ///
    /// # Errors
    /// As [`Session::encrypt_init`].
    pub fn decrypt_init(&self, call: MechanismCall, key: ObjectHandle) -> Result<()> {
        let mut operations = self.operations();
        let make = || self.call("C_DecryptInit", |caller| Ready::new(caller, Direction::Decrypt, call, key));
        operations.decrypt.init(make)?;
        operations.decrypts_last = true;
        Ok(())
    }

    /// C_Decrypt.
    ///
    /// # Errors
    /// As [`Session::encrypt`].
    pub fn decrypt(&self, ciphertext: &[u8], room: &mut Room<'_>) -> Result<()> {
        self.operations().decrypt.one_shot(|ready| ready.run(ciphertext, room))
    }

    /// C_DecryptUpdate.
    ///
    /// # Errors
    /// As [`Session::encrypt_update`].
    pub fn decrypt_update(&self, part: &[u8], room: &mut Room<'_>) -> Result<()> {
        let is_query = room.is_query();
        self.operations().decrypt.update(|ready| ready.open(is_query), |stream| stream.update(part, room))
    }

    /// C_DecryptFinal.
    ///
    /// # Errors
    /// As [`Session::encrypt_update`].
    pub fn decrypt_final(&self, room: &mut Room<'_>) -> Result<()> {
        let is_query = room.is_query();
        self.operations().decrypt.finish(|ready| ready.open(is_query), |stream| stream.finish(room))
    }
}

const fn usage(direction: Direction) -> (Usage, Action, Function) {
    match direction {
        Direction::Encrypt => (Usage::Encrypt, Action::Encrypt, Function::Encrypt),
        Direction::Decrypt => (Usage::Decrypt, Action::Decrypt, Function::Decrypt),
    }
}

/// An initialised encryption or decryption.
pub(crate) struct Ready {
    keyed: Keyed,
    engine: &'static dyn Cipher,
    direction: Direction,
}

impl Ready {
    fn new(caller: &Caller<'_>, direction: Direction, call: MechanismCall, key: ObjectHandle) -> Result<Self> {
        let (usage, action, _) = usage(direction);
        let keyed = Keyed::new(caller, usage, action, call, key)?;
        let engine = keyed.row.engine.cipher.ok_or(Error::MechanismInvalid)?;
        engine.check(direction, &keyed.key, &keyed.params).map_err(|error| fault::crypto(Function::Init, error))?;
        Ok(Self { keyed, engine, direction })
    }

    pub(super) const fn keyed(&mut self) -> &mut Keyed {
        &mut self.keyed
    }

    fn run(&self, input: &[u8], room: &mut Room<'_>) -> Result<Came> {
        self.keyed.may_go_on(room.is_query())?;
        let Keyed { key, params, .. } = &self.keyed;
        let (_, _, function) = usage(self.direction);
        let bound = self.engine.output_len(self.direction, key, params, input.len());
        let bound = bound.map_err(|error| fault::crypto(function, error))?;
        let write = |out: &mut [u8]| match self.direction {
            Direction::Encrypt => self.engine.encrypt(key, params, input, out, &mut SystemRandom::new()),
            Direction::Decrypt => self.engine.decrypt(key, params, input, out),
        };
        let delivery = deliver(room, bound, self.engine.exact(self.direction), |out| {
            write(out).map_err(|error| fault::crypto(function, error))
        })?;
        match delivery {
            Delivery::Came(came) => Ok(came),
            Delivery::TooLong(_) => Err(TOO_LONG),
        }
    }

    fn open(&mut self, is_query: bool) -> Result<Stream> {
        self.keyed.may_go_on(is_query)?;
        let stream = self.engine.stream(self.direction, &self.keyed.key, &self.keyed.params);
        Ok(Stream {
            inner: stream.map_err(|error| fault::crypto(Function::Init, error))?.ok_or(SINGLE_PART)?,
            function: usage(self.direction).2,
            exact: self.engine.exact(self.direction),
            private: self.keyed.is_private(),
            held: None,
        })
    }
}

impl Private for Ready {
    fn is_private(&self) -> bool {
        self.keyed.is_private()
    }
}

/// A multi-part encryption or decryption.
pub(crate) struct Stream {
    inner: Box<dyn CipherStream>,
    function: Function,
    /// Whether the length of the last output is known before it is made.
    exact: bool,
    private: bool,
    /// The last output, when it was made and the caller's buffer was too small.
    held: Option<Secret>,
}

impl Stream {
    fn update(&mut self, part: &[u8], room: &mut Room<'_>) -> Result<Came> {
        let Some(out) = room.claim(self.inner.update_len(part.len()))? else { return Ok(Came::Length) };
        let len = self.inner.update(part, out).map_err(|error| fault::crypto(self.function, error))?;
        room.wrote(len);
        Ok(Came::Output)
    }

    fn finish(&mut self, room: &mut Room<'_>) -> Result<Came> {
        if let Some(held) = &self.held {
            return Ok(if room.put(held.expose())? { Came::Output } else { Came::Length });
        }
        let (inner, function) = (&mut self.inner, self.function);
        let delivery = deliver(room, inner.finish_len(), self.exact, |out| {
            inner.finish(out).map_err(|error| fault::crypto(function, error))
        })?;
        match delivery {
            Delivery::Came(came) => Ok(came),
            Delivery::TooLong(output) => {
                self.held = Some(output);
                Ok(Came::Held)
            }
        }
    }
}

impl Private for Stream {
    fn is_private(&self) -> bool {
        self.private
    }
}

/// Where an output went.
enum Delivery {
    /// To the caller, or the caller only asked.
    Came(Came),
    /// Nowhere: it is longer than the caller's buffer. Its length is reported.
    TooLong(Secret),
}

const TOO_LONG: Refusal = Refusal::standard(Error::BufferTooSmall, "the output is longer than the buffer");

/// Has `write` make an output of at most `bound` bytes (of `bound` bytes when `exact`), in the caller's buffer if
/// that is large enough for whatever comes.
fn deliver(
    room: &mut Room<'_>,
    bound: usize,
    exact: bool,
    write: impl FnOnce(&mut [u8]) -> Result<usize>,
) -> Result<Delivery> {
    if exact || room.is_query() || room.holds(bound) {
        let Some(out) = room.claim(bound)? else { return Ok(Delivery::Came(Came::Length)) };
        let len = write(out)?;
        room.wrote(len);
        return Ok(Delivery::Came(Came::Output));
    }
    let mut output = Secret::zeroed(bound);
    let len = write(output.expose_mut())?;
    output.truncate(len);
    match room.put(output.expose()) {
        Ok(_) => Ok(Delivery::Came(Came::Output)),
        Err(_) => Ok(Delivery::TooLong(output)),
    }
}
