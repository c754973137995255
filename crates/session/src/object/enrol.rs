//! Taking a newborn object in: sizes, identity, and a place in the store or in the session.

use std::sync::Arc;

use claviger_crypto::{Key, Secret, SystemRandom};
use claviger_rules::birth::{Birth, Newborn, Origin, bear, check_size, shadow};
use claviger_rules::change::Occasion;
use claviger_rules::policy::{Action, Facts};
use claviger_rules::{AttributeType, Error, Mode, Object, Refusal, Rulebook, Shadow, Template, Value};

use super::{codec, material};
use crate::audit::Described;
use crate::session::Caller;
use crate::token::LoggedIn;
use crate::{ObjectHandle, Result, Session, fault};

/// An object whose attributes are decided and whose value is still to come.
pub(crate) struct Unborn {
    pub(crate) newborn: Newborn,
    birth: Birth,
    /// Who was logged in when the call began: nobody else gets the object.
    login: Option<Arc<LoggedIn>>,
    /// On a token in `audit`: what it would be like in `enforce`.
    shadow: Option<Shadow>,
}

impl Session {
    /// C_CreateObject, section 5.7.1.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_SESSION_READ_ONLY, the template's errors, CKR_KEY_SIZE_RANGE (rule R14).
    pub fn create_object(&self, template: Template) -> Result<ObjectHandle> {
        self.call("C_CreateObject", |caller| {
            let origin = Origin { birth: Birth::Create, class: None, key_type: None, mechanism: None, parents: &[] };
            let unborn = caller.conceive(&origin, template)?;
            let key = match unborn.newborn.key_type {
                None => None,
                Some(key_type) => Some(material::read(unborn.newborn.class, key_type, &unborn.newborn.attributes)?),
            };
            caller.enrol_one(unborn, key)
        })
    }

    /// Stores token objects, keeps session objects.
    fn place(
        &self,
        login: Option<&Arc<LoggedIn>>,
        objects: Vec<(Object, Option<Arc<Key>>)>,
    ) -> Result<Vec<ObjectHandle>> {
        let token = self.token();
        let mut changes = Vec::new();
        for (object, _) in objects.iter().filter(|(object, _)| object.flag(AttributeType::TOKEN)) {
            changes.push(codec::create(object)?);
        }
        token.check_same(login)?;
        let stored = token.commit(login.map(Arc::as_ref), &changes).map_err(fault::store)?;
        let mut ids = stored.ids.into_iter();
        let mut handles = Vec::with_capacity(objects.len());
        for (object, key) in objects {
            handles.push(if object.flag(AttributeType::TOKEN) {
                let id = ids.next().ok_or(Error::GeneralError)?;
                token.objects.put_token(id, stored.generation, object, key)
            } else {
                token.objects.add_session(self, login, object, key)?
            });
        }
        token.committed(stored.generation);
        Ok(handles)
    }

    /// C_CopyObject, section 5.7.2; rule R13.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT.
    pub fn copy_object(&self, source: ObjectHandle, template: Template) -> Result<ObjectHandle> {
        self.call("C_CopyObject", |caller| {
            let login = caller.login()?;
            caller.ask(Action::Store, |_| Facts { token: template.flag(AttributeType::TOKEN), ..Facts::NONE })?;
            let (entry, permit) = caller.permitted(Action::Copy, source)?;
            let mut object = entry.object.clone();
            caller.reshape(&mut object, Occasion::Copy, &template)?;
            caller.ask(Action::Make, |world| world.object(&object).facts(&world.subject, 0))?;
            let key = if object.key_type().is_some() { Some(entry.key(&permit)?) } else { None };
            object.attributes.set(AttributeType::UNIQUE_ID, Value::bytes(unique_id()?));
            let copy = object.copied(caller.subject.user);
            caller.place(login.as_ref(), vec![(copy, key)]).map(|handles| handle(&handles, 0))
        })
    }
}

impl Caller<'_> {
    /// Errors of session and login, before anything else is looked into.
    pub(crate) fn may_make(&self, origin: &Origin<'_>, template: &Template) -> Result<()> {
        self.ask(Action::Make, |_| Facts::of_birth(origin.class, template)).map(drop)
    }

    /// Decides whether the caller may make what `template` describes, and what its attributes will be.
    pub(crate) fn conceive(&self, origin: &Origin<'_>, template: Template) -> Result<Unborn> {
        let login = self.login()?;
        self.may_make(origin, &template)?;
        let asked = self.shadow().map(|_| template.clone());
        let newborn = bear(&self.subject, origin, template)?;
        let shadow = asked.map(|template| self.foreshadow(origin, template, &newborn));
        self.ask(Action::Make, |world| {
            Facts::of_birth(Some(newborn.class), world.newborn(&newborn.attributes, shadow.as_ref()))
        })?;
        Ok(Unborn { newborn, birth: origin.birth, login, shadow })
    }

    /// What the newborn would be like in `enforce`.
    fn foreshadow(&self, origin: &Origin<'_>, template: Template, newborn: &Newborn) -> Shadow {
        let parents: Vec<Object> = origin.parents.iter().map(|parent| parent.under_enforce()).collect();
        let parents: Vec<&Object> = parents.iter().collect();
        let (shadow, refused) = shadow(&self.subject, &Origin { parents: &parents, ..*origin }, template, newborn);
        self.note(refused);
        shadow
    }

    /// Gives every newborn its value and its place. Token objects of one call are one transaction.
    pub(crate) fn enrol(&self, newborns: Vec<(Unborn, Option<Key>)>) -> Result<Vec<ObjectHandle>> {
        let mut objects = Vec::with_capacity(newborns.len());
        let login = newborns.first().and_then(|(unborn, _)| unborn.login.clone());
        for (unborn, key) in newborns {
            objects.push(self.complete(unborn, key)?);
        }
        self.place(login.as_ref(), objects)
    }

    /// The same for one.
    pub(crate) fn enrol_one(&self, unborn: Unborn, key: Option<Key>) -> Result<ObjectHandle> {
        self.enrol(vec![(unborn, key)]).map(|handles| handle(&handles, 0))
    }

    /// Places what was made, and tells of the keys among it.
    fn place(
        &self,
        login: Option<&Arc<LoggedIn>>,
        objects: Vec<(Object, Option<Arc<Key>>)>,
    ) -> Result<Vec<ObjectHandle>> {
        let made: Vec<_> = objects.iter().filter_map(|(object, _)| Described::of_token_key(object)).collect();
        let handles = self.session.place(login, objects)?;
        self.tell_created(&made);
        Ok(handles)
    }

    fn complete(&self, unborn: Unborn, key: Option<Key>) -> Result<(Object, Option<Arc<Key>>)> {
        let Unborn { newborn: Newborn { mut attributes, class, key_type, calling }, birth, shadow, .. } = unborn;
        if let (Some(key), Some(key_type)) = (&key, key_type) {
            if class.has_secret() {
                let size = |rules, attributes| check_size(rules, birth, key_type, key.bits() as u64, attributes);
                size(self.rules(), &attributes)?;
                self.note(
                    shadow.as_ref().and_then(|shadow| size(Rulebook::of(Mode::Enforce), &shadow.attributes).err()),
                );
            }
            material::write(class, key, &mut attributes)?;
        }
        attributes.set(AttributeType::UNIQUE_ID, Value::bytes(unique_id()?));
        let (owner, born) = (self.subject.user, self.rules().mode());
        let shadow = shadow.map(Box::new);
        let object = Object { attributes, owner, shared_with: Vec::new(), born, calling, shadow };
        Ok((object, key.map(Arc::new)))
    }
}

/// UNIQUE_ID: 16 random bytes in hexadecimal (section 4.4.1).
fn unique_id() -> Result<Vec<u8>> {
    let mut random = Secret::zeroed(16);
    SystemRandom::new()
        .fill(random.expose_mut())
        .map_err(|_| Refusal::standard(Error::DeviceError, "the system's random generator failed"))?;
    Ok(random.expose().iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect())
}

/// The handle of what was enrolled at that place.
pub(crate) fn handle(handles: &[ObjectHandle], index: usize) -> ObjectHandle {
    handles.get(index).copied().unwrap_or(ObjectHandle(0))
}
