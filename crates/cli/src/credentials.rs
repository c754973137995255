//! Who runs the command: `CLAVIGER_PIN=name:pin`, or an answer typed on the terminal without echo.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::problem::Problem;

/// Holds `name:pin`.
const VARIABLE: &str = "CLAVIGER_PIN";

/// A PIN: wiped when the last of its holders drops it, never printed.
#[derive(Clone)]
pub(crate) struct Pin(Arc<Zeroizing<String>>);

impl Pin {
    fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// For clap: a PIN from the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text.to_owned()))
    }

    /// The PIN's bytes.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A user's name and PIN.
pub(crate) struct Credentials {
    /// The user's name.
    pub(crate) name: String,
    /// The user's PIN.
    pub(crate) pin: Pin,
}

impl Credentials {
    /// From the environment, otherwise from the terminal.
    pub(crate) fn read() -> Result<Self, Problem> {
        match Self::from_environment()? {
            Some(credentials) => Ok(credentials),
            None => Self::ask(),
        }
    }

    /// Whether the environment names a user.
    pub(crate) fn are_given() -> bool {
        std::env::var_os(VARIABLE).is_some()
    }

    /// `name:pin`, as a login takes it.
    pub(crate) fn joined(&self) -> Zeroizing<Vec<u8>> {
        let mut joined = Zeroizing::new(Vec::with_capacity(self.name.len() + 1 + self.pin.expose().len()));
        joined.extend_from_slice(self.name.as_bytes());
        joined.push(b':');
        joined.extend_from_slice(self.pin.expose());
        joined
    }

    pub(crate) fn from_environment() -> Result<Option<Self>, Problem> {
        let Some(value) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let value = value.into_string().map(Zeroizing::new);
        match value.as_ref().ok().and_then(|text| text.split_once(':')) {
            Some((name, pin)) if !name.is_empty() => {
                Ok(Some(Self { name: name.to_owned(), pin: Pin::new(pin.to_owned()) }))
            }
            _ => Err(Problem::new(format!("{VARIABLE} has no user name in it. Set it to name:pin."))),
        }
    }

    fn ask() -> Result<Self, Problem> {
        must_be_terminal("No user is given", &format!("set {VARIABLE}=name:pin"))?;
        eprint!("User: ");
        let mut name = String::new();
        let asked = std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut name));
        asked.map_err(|error| Problem::new(format!("The user name could not be read: {error}.")))?;
        let name = name.trim().to_owned();
        let pin = hidden(&format!("PIN of {name}: "))?;
        Ok(Self { name, pin })
    }
}

/// The PIN given for `name`, otherwise one typed twice.
pub(crate) fn new_pin(given: Option<&Pin>, option: &str, name: &str) -> Result<Pin, Problem> {
    if let Some(pin) = given {
        return Ok(pin.clone());
    }
    must_be_terminal("No new PIN is given", &format!("give it with {option}"))?;
    let pin = hidden(&format!("New PIN of {name}: "))?;
    if pin.expose() == hidden("Again: ")?.expose() {
        return Ok(pin);
    }
    Err(Problem::new("The two PINs differ. Nothing was changed; try again."))
}

/// Refuses to ask where nobody can answer.
pub(crate) fn must_be_terminal(what: &str, instead: &str) -> Result<(), Problem> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Problem::new(format!("{what}: {instead}, or run the command on a terminal to be asked.")))
}

/// Asks on the terminal, without echo.
pub(crate) fn hidden(prompt: &str) -> Result<Pin, Problem> {
    let typed = rpassword::prompt_password(prompt);
    typed.map(Pin::new).map_err(|error| Problem::new(format!("The PIN could not be read: {error}.")))
}
