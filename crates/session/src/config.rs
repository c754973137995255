//! Where the token is and how it is set up.

use std::path::PathBuf;

use claviger_rules::Mode;

use crate::{Result, SlotId};

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of the tokens.
    pub token_data: PathBuf,
    /// The slots.
    pub slots: Vec<SlotId>,
    /// The mode that a token made by C_InitToken is born in.
    pub default_mode: Mode,
}

impl Config {
    /// Slots 0 and 1 in `token_data`.
    pub fn new(token_data: impl Into<PathBuf>) -> Self {
        Self { token_data: token_data.into(), slots: vec![SlotId(0), SlotId(1)], default_mode: Mode::Enforce }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// Not yet.
    pub fn load() -> Result<Self> {
        Ok(Self::new("token-data"))
    }
}
