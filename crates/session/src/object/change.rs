//! C_SetAttributeValue and C_DestroyObject, sections 5.7.6 and 5.7.3.

use std::sync::Arc;

use claviger_audit::Kind;
use claviger_rules::birth::check_size_after;
use claviger_rules::change::{Occasion, apply, set_trust};
use claviger_rules::policy::{Action, authorize};
use claviger_rules::{AttributeType, Error, Mode, Object, Rulebook, Shadow, Template, Value};
use claviger_store::Change;
use claviger_store::Error::Conflict;

use super::codec;
use super::entry::{Entry, Place};
use crate::audit::Described;
use crate::session::Caller;
use crate::token::LoggedIn;
use crate::{ObjectHandle, Result, Session, fault};

/// How often a change is tried again when another thread or process changed the same object first. Each time somebody
/// else came forward, so the bound is only against what cannot be.
const ATTEMPTS: usize = 1000;

/// Whether another process changed the object first.
enum Race {
    Won,
    Lost,
}

impl Session {
    /// C_SetAttributeValue: all of `template` or nothing.
    ///
    /// TRUSTED is a security officer's act and CLAVIGER_SHARED_WITH the owner's; the rest changes as the attribute
    /// table says.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT.
    pub fn set_attributes(&self, handle: ObjectHandle, template: Template) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let outcome = self.call("C_SetAttributeValue", |caller| {
                if template.is_empty() {
                    return caller.permitted(Action::Read, handle).map(|_| Race::Won);
                }
                let login = caller.login()?;
                let (entry, changed) = caller.changed(handle, template.clone())?;
                let after = matches!(entry.place, Place::Token { .. }).then(|| changed.clone());
                let race = match trust_changes(&entry.object, &changed) {
                    Some(trusted) => {
                        if template.iter().any(|(attribute, _)| attribute != AttributeType::TRUSTED) {
                            self.token()
                                .alone("with a quorum TRUSTED is set alone: who approves must see what changes")?;
                        }
                        caller.decide_trust(login, &entry, changed, trusted)?
                    }
                    None => self.replace(login.as_deref(), &entry, changed)?,
                };
                if let (Race::Won, Some(after)) = (&race, &after) {
                    caller.tell_changed(&entry.object, after, &template);
                }
                Ok(race)
            });
            match outcome? {
                Race::Lost => self.token().refresh()?,
                Race::Won => return Ok(()),
            }
        }
        Err(fault::store(Conflict))
    }

    fn replace(&self, login: Option<&LoggedIn>, entry: &Arc<Entry>, object: Object) -> Result<Race> {
        let token = self.token();
        match entry.place {
            Place::Session(_) => {
                let won = token.objects.replace(entry, entry.changed(entry.place, object));
                return Ok(if won { Race::Won } else { Race::Lost });
            }
            Place::Token { id, version } => {
                let change = codec::replace(id, version, &object)?;
                let stored = match token.commit(login, &[change]) {
                    Err(Conflict) => return Ok(Race::Lost),
                    outcome => outcome.map_err(fault::store)?,
                };
                token.objects.put_token(id, stored.generation, object, None);
                token.committed(stored.generation);
            }
        }
        Ok(Race::Won)
    }

    /// C_DestroyObject.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, CKR_SESSION_READ_ONLY, CKR_ACTION_PROHIBITED.
    pub fn destroy_object(&self, handle: ObjectHandle) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.call("C_DestroyObject", |caller| caller.destroy(handle))? {
                Race::Lost => self.token().refresh()?,
                Race::Won => return Ok(()),
            }
        }
        Err(fault::store(Conflict))
    }
}

/// Which way TRUSTED changes, if it does.
fn trust_changes(before: &Object, after: &Object) -> Option<bool> {
    let trusted = after.flag(AttributeType::TRUSTED);
    (trusted != before.flag(AttributeType::TRUSTED)).then_some(trusted)
}

impl Caller<'_> {
    /// What changes TRUSTED is an act of the quorum.
    fn decide_trust(
        &self,
        login: Option<Arc<LoggedIn>>,
        entry: &Arc<Entry>,
        changed: Object,
        trusted: bool,
    ) -> Result<Race> {
        let token = self.session.token();
        let officer = login.ok_or_else(|| fault::store(claviger_store::Error::UserGone))?;
        let Place::Token { id, version } = entry.place else {
            token.alone("with a quorum only token objects are marked trusted")?;
            return self.session.replace(Some(&officer), entry, changed);
        };
        let change = codec::replace(id, version, &changed)?;
        let won = token.decide_trust(self, &officer, (id, version), change, trusted)?;
        Ok(if won { Race::Won } else { Race::Lost })
    }

    /// The object as `template` would have it.
    pub(crate) fn changed(&self, handle: ObjectHandle, mut template: Template) -> Result<(Arc<Entry>, Object)> {
        let trust = template.remove(AttributeType::TRUSTED);
        let share = template.remove(AttributeType::CLAVIGER_SHARED_WITH);
        let (entry, _permit) = self.permitted(Action::Read, handle)?;
        let mut object = entry.object.clone();
        if let Some(value) = trust {
            self.trust(handle, &mut object, &value)?;
        }
        if let Some(value) = share {
            self.permitted(Action::Share, handle)?;
            object.shared_with = self.sharees(&object, &value)?;
        }
        if !template.is_empty() {
            self.permitted(Action::Change, handle)?;
            self.reshape(&mut object, Occasion::Set, &template)?;
        }
        Ok((entry, object))
    }

    /// Changes attributes as the attribute table says.
    pub(super) fn reshape(&self, object: &mut Object, occasion: Occasion, template: &Template) -> Result<()> {
        let before = self.shadow().map(|world| (world, object.clone()));
        apply(self.rules(), occasion, &mut object.attributes, template)?;
        check_size_after(self.rules(), object, &object.attributes)?;
        if let Some((world, before)) = before {
            let (shadow, refused) = claviger_rules::change::shadow(&before, &object.attributes, occasion, template);
            self.note(refused);
            self.note(check_size_after(world.subject.rules, object, &shadow.attributes).err());
            object.shadow = Some(Box::new(shadow));
        }
        Ok(())
    }

    /// Marks a candidate trusted, or retires a trusted key (rules R6 and R9). Setting what is already so changes nothing.
    fn trust(&self, handle: ObjectHandle, object: &mut Object, value: &Value) -> Result<()> {
        let trusted = value.as_bool().ok_or(Error::AttributeValueInvalid)?;
        let action = if trusted { Action::Trust } else { Action::Retire };
        self.permitted(action, handle)?;
        if object.attributes.get(AttributeType::TRUSTED).is_none() {
            return Err(Error::TemplateInconsistent.into());
        }
        if let Some(world) = self.shadow() {
            let mut enforced = object.under_enforce();
            if authorize(&world.subject, action, &enforced.facts(&world.subject, handle.0)).is_ok() {
                set_trust(Rulebook::of(Mode::Enforce), &mut enforced.attributes, &mut enforced.calling, trusted);
            }
            object.shadow = Some(Box::new(Shadow { attributes: enforced.attributes, calling: enforced.calling }));
        }
        set_trust(self.rules(), &mut object.attributes, &mut object.calling, trusted);
        Ok(())
    }

    fn destroy(&self, handle: ObjectHandle) -> Result<Race> {
        let login = self.login()?;
        let (entry, _permit) = self.permitted(Action::Destroy, handle)?;
        let token = self.session.token();
        let Place::Token { id, version } = entry.place else {
            let was_there = token.objects.remove_session(&entry);
            return if was_there { Ok(Race::Won) } else { Err(Error::ObjectHandleInvalid.into()) };
        };
        let stored = match token.commit(login.as_deref(), &[Change::Delete { id, expected: version }]) {
            Err(Conflict) => return Ok(Race::Lost),
            outcome => outcome.map_err(fault::store)?,
        };
        token.objects.remove_token(id, stored.generation);
        token.committed(stored.generation);
        if let Some(key) = Described::of_token_key(&entry.object) {
            self.tell(Kind::KeyDestroyed, Some(&key), |event| event);
        }
        Ok(Race::Won)
    }
}
