//! The application under test: performs calls of the workload through the built library.

use std::path::PathBuf;
use std::process::Command;

use claviger_conformance::attrs;
use claviger_conformance::fixture;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Module;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use cryptoki_sys::*;

use crate::workload::{Call, KIM_PIN, NEW_PIN, SO_PIN, State, USER_PIN, WRONG_PIN, Who};

/// The slot of the token.
const SLOT: CK_SLOT_ID = 0;
const READ_WRITE: CK_FLAGS = CKF_SERIAL_SESSION | CKF_RW_SESSION;

/// The loaded library and its session.
pub(crate) struct World {
    module: Module,
    session: Option<CK_SESSION_HANDLE>,
    /// What a command of the workload finds in its environment besides.
    pub(crate) for_commands: Vec<(&'static str, &'static str)>,
}

impl World {
    /// Loads the library; calls nothing.
    pub(crate) fn load() -> Result<Self, String> {
        Ok(Self { module: Module::load(&fixture::module()?)?, session: None, for_commands: Vec::new() })
    }

    /// The library.
    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The session.
    pub(crate) fn session(&self) -> Result<Session<'_>, Rv> {
        let handle = self.session.ok_or(Rv(CKR_SESSION_HANDLE_INVALID))?;
        Ok(Session { module: &self.module, handle })
    }

    /// Brings a fresh application to that state.
    pub(crate) fn reach(&mut self, state: State) -> Result<(), Rv> {
        if state == State::Closed {
            return Ok(());
        }
        self.perform(Call::Initialize)?;
        if state == State::Out {
            return Ok(());
        }
        self.perform(Call::OpenSession)?;
        match state {
            State::In(who) => self.login(who),
            _ => Ok(()),
        }
    }

    /// Performs a call.
    pub(crate) fn perform(&mut self, call: Call) -> Result<(), Rv> {
        match call {
            Call::Initialize => self.module.initialize_null(),
            Call::Finalize => {
                self.session = None;
                self.module.finalize()
            }
            Call::InitToken(label) => self.module.init_token(SLOT, SO_PIN, label),
            Call::Command(arguments) => self.command(arguments),
            Call::OpenSession => {
                self.session = Some(self.module.open_session(SLOT, READ_WRITE)?.handle);
                Ok(())
            }
            Call::CloseSession => {
                let closed = self.session()?.close();
                self.session = None;
                closed
            }
            Call::Login(who) => self.login(who),
            Call::WrongPin => self.session()?.login(CKU_USER, WRONG_PIN),
            Call::Logout => self.session()?.logout(),
            Call::InitPin => self.session()?.init_pin(USER_PIN),
            Call::SetPin => self.session()?.set_pin(USER_PIN, NEW_PIN),
            about_objects => self.change(about_objects),
        }
    }

    /// C_Login.
    pub(crate) fn login(&self, who: Who) -> Result<(), Rv> {
        let session = self.session()?;
        match who {
            Who::So => session.login(CKU_SO, SO_PIN),
            Who::User => session.login(CKU_USER, USER_PIN),
            Who::Renewed => session.login(CKU_USER, NEW_PIN),
            Who::Kim => session.login(CKU_USER, &format!("kim:{KIM_PIN}")),
        }
    }

    fn change(&self, call: Call) -> Result<(), Rv> {
        let session = self.session()?;
        match call {
            Call::GenerateKey(label) => generate(&session, label).map(drop),
            Call::GenerateKeyPair(label) => {
                let public = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_EC_PARAMS => P256, CKA_VERIFY => true];
                let private = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_SIGN => true];
                session.generate_key_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private).map(drop)
            }
            Call::CreateData(label, length) => create_data(&session, label, length).map(drop),
            Call::Candidate(label) => {
                let template = attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32, CKA_WRAP => true, CKA_UNWRAP => true];
                session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template).map(drop)
            }
            Call::Relabel(from, to) => session.set_attribute_value(one(&session, from)?, &attrs![CKA_LABEL => to]),
            Call::Rewrite(label, times) => {
                let object = one(&session, label)?;
                (0..times).try_for_each(|_| session.set_attribute_value(object, &attrs![CKA_LABEL => label]))
            }
            Call::Destroy(label) => session.destroy_object(one(&session, label)?),
            Call::Trust(label, trusted) => {
                session.set_attribute_value(one(&session, label)?, &attrs![CKA_TRUSTED => trusted])
            }
            _ => Err(Rv(CKR_FUNCTION_NOT_SUPPORTED)),
        }
    }

    /// A command that fails says why on its standard error; what it answers is not a return value of the standard.
    fn command(&self, arguments: &[&str]) -> Result<(), Rv> {
        let command: PathBuf = fixture::command().map_err(|_| Rv(CKR_FUNCTION_NOT_SUPPORTED))?;
        let output = Command::new(command)
            .args(arguments)
            .env("CLAVIGER_PIN", format!("so:{SO_PIN}"))
            .envs(self.for_commands.iter().copied())
            .output()
            .map_err(|_| Rv(CKR_HOST_MEMORY))?;
        if output.status.success() {
            return Ok(());
        }
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        // Who dies of a signal has no code: that is no answer.
        Err(Rv(if output.status.code() == Some(101) || output.status.code().is_none() {
            CKR_VENDOR_DEFINED
        } else {
            CKR_FUNCTION_FAILED
        }))
    }
}

/// An AES key on the token that encrypts.
pub(crate) fn generate(session: &Session<'_>, label: &str) -> Result<Object, Rv> {
    let template =
        attrs![CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32, CKA_ENCRYPT => true, CKA_DECRYPT => true];
    session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
}

/// A public data object on the token.
pub(crate) fn create_data(session: &Session<'_>, label: &str, length: usize) -> Result<Object, Rv> {
    let value: Vec<u8> = (0..length).map(|position| (position % 251) as u8).collect();
    session.create_object(&attrs![
        CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false, CKA_LABEL => label, CKA_VALUE => value,
    ])
}

/// The first object of that label.
pub(crate) fn one(session: &Session<'_>, label: &str) -> Result<Object, Rv> {
    let found = session.find(&attrs![CKA_LABEL => label])?;
    found.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID))
}
