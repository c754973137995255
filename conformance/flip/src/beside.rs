//! The facts that PKCS#11 has no words for: users, mode, quorum, pending acts, the audit log. They are read the way the
//! command line reads them.

use claviger_audit::{AuditKey, Limits, Log, Origin};
use claviger_session::{Config, Library, SlotId, UserType};
use claviger_store::Root;

use crate::make::{SO2, SO2_PIN};
use crate::portrait::Facts;

const SLOT: u32 = 0;

/// Users, mode and quorum, and the audit log. Nobody logs in and nothing is written.
pub(crate) fn calm(facts: &mut Facts, config: &Config) {
    let library = match Library::open(config.clone()) {
        Ok(library) => library,
        Err(refusal) => return facts.refuse("calm library", refusal.error),
    };
    let slot = SlotId(u64::from(SLOT));
    match library.token_info(slot) {
        Ok(info) => {
            facts.note("calm mode", format!("{:?}", info.mode));
            facts.note("calm quorum", format!("{:?}", info.quorum));
        }
        Err(refusal) => facts.refuse("calm mode", refusal.error),
    }
    match library.users(slot) {
        Ok(users) => {
            facts.note("calm users", "CKR_OK");
            users.iter().for_each(|user| facts.note(format!("calm user {}", user.name), format!("{user:?}")));
        }
        Err(refusal) => facts.refuse("calm users", refusal.error),
    }
    drop(library);
    audit_log(facts, config);
}

/// The events, as far as the log says that it is whole.
fn audit_log(facts: &mut Facts, config: &Config) {
    let place = match Root::open(&config.token_data).and_then(|root| root.audit(SLOT)) {
        Ok(place) => place,
        Err(error) => return facts.refuse("calm audit", error),
    };
    let key = match AuditKey::new(&place.key) {
        Ok(key) => key,
        Err(error) => return facts.refuse("calm audit", format!("{error:?}")),
    };
    let log = Log::open(place.directory, key, Limits::default(), Origin::new("flip"));
    let entries = log.read().map(Iterator::collect::<Result<Vec<_>, _>>);
    match entries {
        Ok(Ok(entries)) => facts.note("calm audit", format!("{entries:?}")),
        Ok(Err(fault)) => facts.refuse("calm audit", fault),
        Err(error) => facts.refuse("calm audit", format!("{error:?}")),
    }
}

/// The acts that wait for approvals, as a security officer sees them.
pub(crate) fn pending(facts: &mut Facts, config: Config) {
    let acts = Library::open(config).and_then(|library| {
        let session = library.session(library.open_session(SlotId(u64::from(SLOT)), true)?)?;
        session.login_user(UserType::So, SO2_PIN.as_bytes(), SO2.as_bytes())?;
        session.pending_acts()
    });
    match acts {
        Ok(pending) => {
            facts.note("pending", "CKR_OK");
            for act in &pending.acts {
                let terms = (act.name, &act.filed_by, act.filed_at_s, act.expires_at_s, &act.approved_by, act.needed);
                facts.note(format!("pending {}", act.id), format!("{terms:?}"));
                // An object that cannot be read has no label to be told.
                let does = format!("pending {} does", act.id);
                if act.does.contains("an object that cannot be read") {
                    facts.refuse(&does, &act.does)
                } else {
                    facts.note(does, &act.does)
                }
            }
            pending.damaged.iter().for_each(|act| facts.refuse(&format!("pending {act}"), "damaged"));
        }
        Err(refusal) => facts.refuse("pending", refusal.error),
    }
}
