//! What a token is: its header and its counters, the two records of the table `meta`.

use claviger_crypto::seal::SealKey;
use claviger_rules::Mode;
use serde::{Deserialize, Serialize};

use crate::pin::Cost;
use crate::quorum::Quorum;
use crate::record::{self, Place, TokenId};
use crate::storage::{Table, Transaction, View};
use crate::{Error, Result};

/// What can be set for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// After so many wrong PINs in a row a user is locked; 0: never.
    pub max_pin_failures: u32,
    /// The cost of the PINs set from now on.
    pub cost: Cost,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_pin_failures: 10, cost: Cost::Standard }
    }
}

/// A token's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Made anew by every initialisation.
    pub token: TokenId,
    /// The label as C_InitToken got it: 32 bytes of UTF-8, padded with blanks by the caller.
    pub label: [u8; 32],
    /// 16 hexadecimal characters. Kept when the token is initialised anew.
    pub serial: [u8; 16],
    /// How strictly the token applies the rules.
    pub mode: Mode,
    /// What can be set.
    pub settings: Settings,
    /// How many security officers an act takes.
    pub quorum: Quorum,
}

/// What to change in a header; `None` leaves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderChange {
    /// A stricter mode.
    pub mode: Option<Mode>,
    /// [`Settings::max_pin_failures`].
    pub max_pin_failures: Option<u32>,
    /// [`Settings::cost`].
    pub cost: Option<Cost>,
}

impl Header {
    pub(crate) const KEY: &[u8] = &[1];
    const PLACE: Place<'static> = Place { token: TokenId::UNKNOWN, table: Table::Meta, key: Self::KEY };

    /// The header, if the slot holds a token.
    pub(crate) fn find(view: &(impl View + ?Sized), device: &SealKey) -> Result<Option<Self>> {
        let record = view.get(Table::Meta, Self::KEY)?;
        record.map(|record| record::open_value(device, &Self::PLACE, &record)).transpose()
    }

    /// The header of a slot that must hold a token.
    pub(crate) fn get(view: &(impl View + ?Sized), device: &SealKey) -> Result<Self> {
        Self::find(view, device)?.ok_or(Error::Uninitialized)
    }

    pub(crate) fn put(&self, change: &mut (impl Transaction + ?Sized), device: &SealKey) -> Result<()> {
        let record = record::seal_value(device, &Self::PLACE, change.generation(), self)?;
        change.put(Table::Meta, Self::KEY, &record)
    }

    /// The header with `change` made.
    ///
    /// # Errors
    /// [`Error::ModeLoosened`].
    pub(crate) fn changed(mut self, change: &HeaderChange) -> Result<Self> {
        let mode = change.mode.unwrap_or(self.mode);
        if mode < self.mode {
            return Err(Error::ModeLoosened);
        }
        let Settings { max_pin_failures, cost } = self.settings;
        self.mode = mode;
        self.settings = Settings {
            max_pin_failures: change.max_pin_failures.unwrap_or(max_pin_failures),
            cost: change.cost.unwrap_or(cost),
        };
        Ok(self)
    }
}

/// The ids that come next. None is ever given twice within a token.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) next_user: u32,
    pub(crate) next_object: u64,
    pub(crate) next_act: u64,
}

impl Counters {
    const KEY: &[u8] = &[2];

    /// Of a new token. User 0 is the decoy, object 0 and act 0 are nothing.
    pub(crate) const FIRST: Self = Self { next_user: 1, next_object: 1, next_act: 1 };

    const fn place(token: TokenId) -> Place<'static> {
        Place { token, table: Table::Meta, key: Self::KEY }
    }

    pub(crate) fn get(view: &(impl View + ?Sized), device: &SealKey, token: TokenId) -> Result<Self> {
        let record = view.get(Table::Meta, Self::KEY)?.ok_or(Error::Damaged)?;
        record::open_value(device, &Self::place(token), &record)
    }

    pub(crate) fn put(&self, change: &mut (impl Transaction + ?Sized), device: &SealKey, token: TokenId) -> Result<()> {
        let record = record::seal_value(device, &Self::place(token), change.generation(), self)?;
        change.put(Table::Meta, Self::KEY, &record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_of_docs_format_md_never_change() {
        let settings = Settings { max_pin_failures: 300, cost: Cost::Strong };
        let (token, quorum) = (TokenId([1; 16]), Quorum::new(3, 300).unwrap());
        let header = Header { token, label: [2; 32], serial: [3; 16], mode: Mode::Enforce, settings, quorum };
        let expected = [&[1; 16][..], &[2; 32], &[3; 16], &[2], &[0xac, 0x02], &[2], &[3, 0xac, 0x02]].concat();
        assert_eq!(postcard::to_stdvec(&header).unwrap(), expected);
        let counters = Counters { next_user: 5, next_object: 300, next_act: 6 };
        assert_eq!(postcard::to_stdvec(&counters).unwrap(), [5, 0xac, 0x02, 6]);
    }
}
