//! The way to the token: the library of the chosen directory, its slot, a session with a user logged in.

use std::sync::Arc;

use claviger_rules::Refusal;
use claviger_session::{Config, Library, Session, SlotId, UserType};

use crate::arguments::Options;
use crate::credentials::Credentials;
use crate::problem::Problem;

/// What `--token-data` stands for.
const DIRECTORY: &str = "CLAVIGER_TOKEN_DATA";

const IN_MEMORY: &str = "A token in memory ends with its process, so a command has nothing to do with it. Set \
                         CLAVIGER_TOKEN_DATA or --token-data to a directory.";

/// An open library and the slot that the command is about.
pub(crate) struct Connection {
    /// The library.
    pub(crate) library: Library,
    /// The slot.
    pub(crate) slot: SlotId,
}

/// A session and who is logged in to it.
pub(crate) struct Login {
    /// The session, read and write.
    pub(crate) session: Arc<Session>,
    /// Name and PIN of the user.
    pub(crate) credentials: Credentials,
}

impl Connection {
    /// Opens the token directory that the options name.
    pub(crate) fn open(options: &Options) -> Result<Self, Problem> {
        Self::to(configuration(options)?, options.slot).map_err(Problem::from)
    }

    /// Opens the token directory of a configuration.
    pub(crate) fn to(config: Config, slot: SlotId) -> Result<Self, Refusal> {
        Ok(Self { library: Library::open_and_tell(config, |sentence| eprintln!("{sentence}"))?, slot })
    }

    /// A session without login.
    pub(crate) fn session(&self) -> Result<Arc<Session>, Problem> {
        let handle = self.library.open_session(self.slot, true)?;
        Ok(self.library.session(handle)?)
    }

    /// A session of the user that the environment or the terminal names. The role is found from the name.
    pub(crate) fn login(&self) -> Result<Login, Problem> {
        let session = self.session()?;
        let credentials = Credentials::read()?;
        let role = self.library.user_role(self.slot, credentials.name.as_bytes())?;
        let user_type = if role.is_some_and(claviger_rules::Role::is_so) { UserType::So } else { UserType::User };
        session
            .login_user(user_type, credentials.pin.expose(), credentials.name.as_bytes())
            .map_err(Problem::refused(format!("Could not log in user {:?}", credentials.name)))?;
        Ok(Login { session, credentials })
    }
}

/// The configuration that the options and the environment make.
pub(crate) fn configuration(options: &Options) -> Result<Config, Problem> {
    let chosen = options.token_data.as_ref().map(|directory| directory.clone().into_os_string());
    let variable = |name: &str| chosen.clone().filter(|_| name == DIRECTORY).or_else(|| std::env::var_os(name));
    let config = Config::from_environment(&variable)
        .map_err(|error| Problem::new(format!("The configuration does not say where the token is: {error}.")))?;
    if config.is_in_memory() {
        return Err(Problem::new(IN_MEMORY));
    }
    Ok(config)
}
