//! C_SetAttributeValue and C_DestroyObject, sections 5.7.6 and 5.7.3.

use std::sync::Arc;

use claviger_rules::birth::check_size_after;
use claviger_rules::change::{Occasion, apply};
use claviger_rules::policy::{Action, Subject};
use claviger_rules::{AttributeType, Calling, Error, Mode, Object, Template, Value};
use claviger_store::Change;
use claviger_store::Error::Conflict;

use super::codec;
use super::entry::{Entry, Place};
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
            let subject = self.subject()?;
            if template.is_empty() {
                return self.permitted(&subject, Action::Read, handle).map(drop);
            }
            let login = self.login_of(&subject)?;
            let (entry, changed) = self.changed(&subject, handle, template.clone())?;
            match self.replace(login.as_deref(), &entry, changed)? {
                Race::Lost => self.token().refresh()?,
                Race::Won => return Ok(()),
            }
        }
        Err(fault::store(Conflict))
    }

    /// The object as `template` would have it.
    fn changed(&self, subject: &Subject, handle: ObjectHandle, mut template: Template) -> Result<(Arc<Entry>, Object)> {
        let trust = template.remove(AttributeType::TRUSTED);
        let share = template.remove(AttributeType::CLAVIGER_SHARED_WITH);
        let (entry, _permit) = self.permitted(subject, Action::Read, handle)?;
        let mut object = entry.object.clone();
        if let Some(value) = trust {
            self.trust(subject, handle, &mut object, &value)?;
        }
        if let Some(value) = share {
            self.permitted(subject, Action::Share, handle)?;
            object.shared_with = self.sharees(subject, &object, &value)?;
        }
        if !template.is_empty() {
            self.permitted(subject, Action::Change, handle)?;
            apply(subject.mode, Occasion::Set, &mut object.attributes, &template)?;
            check_size_after(subject.mode, &object)?;
        }
        Ok((entry, object))
    }

    /// Marks a candidate trusted, or retires a trusted key (rules R6 and R9). Setting what is already so changes nothing.
    fn trust(&self, subject: &Subject, handle: ObjectHandle, object: &mut Object, value: &Value) -> Result<()> {
        let trusted = value.as_bool().ok_or(Error::AttributeValueInvalid)?;
        let action = if trusted { Action::Trust } else { Action::Retire };
        self.permitted(subject, action, handle)?;
        if object.attributes.get(AttributeType::TRUSTED).is_none() {
            return Err(Error::TemplateInconsistent.into());
        }
        if !trusted && object.calling == Calling::Wrapping && subject.mode == Mode::Enforce {
            object.calling = Calling::Retired;
        }
        object.attributes.set(AttributeType::TRUSTED, Value::Bool(trusted));
        Ok(())
    }

    fn replace(&self, login: Option<&LoggedIn>, entry: &Arc<Entry>, object: Object) -> Result<Race> {
        let token = self.token();
        match entry.place {
            Place::Session(_) => {
                let won = token.objects.replace(entry, entry.changed(entry.place, object));
                return Ok(if won { Race::Won } else { Race::Lost });
            }
            Place::Token { id, version } => {
                let change = Change::Replace { id, expected: version, body: codec::encode(&object)? };
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
            let subject = self.subject()?;
            let login = self.login_of(&subject)?;
            let (entry, _permit) = self.permitted(&subject, Action::Destroy, handle)?;
            let token = self.token();
            let Place::Token { id, version } = entry.place else {
                let was_there = token.objects.remove_session(&entry);
                return if was_there { Ok(()) } else { Err(Error::ObjectHandleInvalid.into()) };
            };
            match token.commit(login.as_deref(), &[Change::Delete { id, expected: version }]) {
                Err(Conflict) => token.refresh()?,
                outcome => {
                    let stored = outcome.map_err(fault::store)?;
                    token.objects.remove_token(id, stored.generation);
                    token.committed(stored.generation);
                    return Ok(());
                }
            }
        }
        Err(fault::store(Conflict))
    }
}
