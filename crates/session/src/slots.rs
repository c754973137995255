//! The slots of an application and how their tokens come to be open. Not what a token does.
//!
//! A slot whose files cannot be used does not take the others along, nor is it lost until C_Finalize: the cause may pass
//! (a full disk, a file put back, a lock, a restore), so each call that needs the token tries again. The slot itself is
//! there all the while: it is not removable, so CKF_TOKEN_PRESENT is always set (PKCS#11 3.2 section 3.2), C_GetSlotList
//! names it whatever `tokenPresent` is, C_GetSlotInfo describes it, and C_GetTokenInfo says what is wrong.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use claviger_rules::{Error, Refusal};
use claviger_store::{Root, Store};

use crate::audit::{Audit, Tell};
use crate::session::table::Sessions;
use crate::{Config, Result, SlotId, Token, fault};

/// The slots, by rising number. They never change.
pub(crate) struct Slots {
    config: Config,
    /// `None` for tokens in memory.
    root: Option<Root>,
    tell: Tell,
    sessions: Weak<Sessions>,
    all: Vec<Slot>,
}

struct Slot {
    number: u32,
    token: OnceLock<Arc<Token>>,
    /// Of several calls that find it not open, one at a time tries.
    opening: Mutex<()>,
}

impl Slots {
    /// Opens the directory and every slot that opens.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR and the like when the directory cannot be used.
    pub(crate) fn open(config: Config, tell: Tell, sessions: Weak<Sessions>) -> Result<Self> {
        let root =
            if config.is_in_memory() { None } else { Some(Root::open(&config.token_data).map_err(fault::store)?) };
        let slot = |number: &u32| Slot { number: *number, token: OnceLock::new(), opening: Mutex::new(()) };
        let all = config.slots.iter().map(slot).collect();
        let slots = Self { config, root, tell, sessions, all };
        // What is wrong with one is told by the calls that need it.
        for slot in &slots.all {
            let _ = slots.opened(slot);
        }
        Ok(slots)
    }

    /// What they were configured with.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> Vec<SlotId> {
        self.all.iter().map(Slot::id).collect()
    }

    /// The number, if there is such a slot.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(crate) fn check(&self, id: SlotId) -> Result<SlotId> {
        self.find(id).map(Slot::id)
    }

    /// The token in the slot, opened now if it is not open yet.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; what keeps the token from being opened.
    pub(crate) fn token(&self, id: SlotId) -> Result<&Arc<Token>> {
        self.opened(self.find(id)?)
    }

    fn find(&self, id: SlotId) -> Result<&Slot> {
        let slot = self.all.iter().find(|slot| slot.id() == id);
        slot.ok_or(Refusal::standard(Error::SlotIdInvalid, "no slot has that number"))
    }

    fn opened<'a>(&self, slot: &'a Slot) -> Result<&'a Arc<Token>> {
        if let Some(token) = slot.token.get() {
            return Ok(token);
        }
        let _opening = slot.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = slot.token.get() {
            return Ok(token);
        }
        let (store, audit) = self.files(slot.number)?;
        let token = Token::new(slot.id(), store, audit, self.config.defaults(), Weak::clone(&self.sessions));
        Ok(slot.token.get_or_init(|| Arc::new(token)))
    }

    /// Store and audit log of a slot.
    fn files(&self, number: u32) -> Result<(Store, Audit)> {
        let Some(root) = &self.root else {
            return Ok((Store::in_memory().map_err(fault::store)?, Audit::in_memory(&self.config, self.tell)));
        };
        let store = root.slot(number).map_err(fault::store)?;
        let place = root.audit(number).map_err(fault::store)?;
        Ok((store, Audit::new(place, &self.config, self.tell)?))
    }
}

impl Slot {
    fn id(&self) -> SlotId {
        SlotId(u64::from(self.number))
    }
}
