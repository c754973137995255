//! C_SetAttributeValue, C_CopyObject, C_DestroyObject, C_GetAttributeValue.

use std::rc::Rc;

use claviger_rules::birth::check_size_after;
use claviger_rules::change::{Occasion, apply, set_trust};
use claviger_rules::policy::{Action, Facts, authorize};
use claviger_rules::{AttributeType, Error, Object, ObjectClass, Template, UserId, Value};

use super::{Answer, Effect, Held, State};
use crate::call::{Name, User};

impl State {
    /// C_SetAttributeValue, section 5.7.6: TRUSTED first, then shares, then the rest; all or nothing.
    pub(super) fn set(&mut self, name: Name, template: &Template) -> Answer {
        let mut template = template.clone();
        let held = self.permitted(Action::Read, name, |_, _| {})?;
        if template.is_empty() {
            return Ok(Effect::default());
        }
        let trust = template.remove(AttributeType::TRUSTED);
        let shares = template.remove(AttributeType::CLAVIGER_SHARED_WITH);
        let mut object = held.object.clone();
        if let Some(trusted) = trust.as_ref().and_then(Value::as_bool) {
            let action = if trusted { Action::Trust } else { Action::Retire };
            self.permitted(action, name, |_, _| {})?;
            if object.attributes.get(AttributeType::TRUSTED).is_none() {
                return Err(Error::TemplateInconsistent.into());
            }
            set_trust(self.rules, &mut object.attributes, &mut object.calling, trusted);
        }
        if let Some(names) = shares.as_ref().and_then(Value::as_bytes) {
            self.permitted(Action::Share, name, |_, _| {})?;
            object.shared_with = self.sharees(&object, names)?;
        }
        if !template.is_empty() {
            self.permitted(Action::Change, name, |_, _| {})?;
            self.reshape(&mut object, Occasion::Set, &template)?;
        }
        self.objects.insert(name, Rc::new(Held { object, value: held.value, seals: held.seals, seat: held.seat }));
        Ok(Effect { changed: Some(name), ..Effect::default() })
    }

    /// Only secret and private token keys are shared, and not with a security officer; with oneself it says nothing.
    fn sharees(&self, object: &Object, names: &[u8]) -> Answer<Vec<UserId>> {
        if !object.class().is_some_and(ObjectClass::has_secret) || !super::is_token(object) {
            return Err(Error::TemplateInconsistent.into());
        }
        let mut sharees = Vec::new();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let user = User::ALL.into_iter().find(|user| user.name().as_bytes() == name);
            let user = user.filter(|user| !user.role().is_so()).ok_or(Error::AttributeValueInvalid)?;
            if Some(user) != self.seat().login && !sharees.contains(&user.id()) {
                sharees.push(user.id());
            }
        }
        Ok(sharees)
    }

    fn reshape(&self, object: &mut Object, occasion: Occasion, template: &Template) -> Answer<()> {
        apply(self.rules, occasion, &mut object.attributes, template)?;
        check_size_after(self.rules, object, &object.attributes)
    }

    /// C_CopyObject, section 5.7.2. A copy takes over neither owner nor shares nor trust.
    pub(super) fn copy(&mut self, copy: Name, source: Name, template: &Template) -> Answer {
        let stored = Facts { token: template.flag(AttributeType::TOKEN), ..Facts::NONE };
        authorize(&self.subject(), Action::Store, &stored)?;
        let held = self.permitted(Action::Copy, source, |_, _| {})?;
        let mut object = held.object.clone();
        self.reshape(&mut object, Occasion::Copy, template)?;
        let subject = self.subject();
        authorize(&subject, Action::Make, &object.facts(&subject, 0))?;
        let object = object.copied(self.seat().login.map(User::id));
        Ok(self.place([(copy, Held { object, value: held.value, seals: held.seals, seat: self.turn })]))
    }

    /// C_DestroyObject, section 5.7.3.
    pub(super) fn destroy(&mut self, name: Name) -> Answer {
        self.permitted(Action::Destroy, name, |_, _| {})?;
        self.objects.remove(&name);
        Ok(Effect::default())
    }

    /// C_GetAttributeValue(CKA_VALUE), section 5.7.5.
    pub(super) fn read_value(&self, name: Name) -> Answer {
        let held = self.permitted(Action::Read, name, |_, _| {})?;
        let has = |class, key_type| AttributeType::VALUE.row().is_some_and(|row| row.of.includes(class, key_type));
        let has_value = held.object.class().is_some_and(|class| has(class, held.object.key_type()));
        match self.permitted(Action::ReadValue, name, |_, _| {}) {
            _ if !has_value => Err(Error::AttributeTypeInvalid.into()),
            // A public key has no CKA_VALUE; the policy is about secrets.
            Ok(_) if held.value.is_none() => Err(Error::AttributeTypeInvalid.into()),
            Ok(_) => Ok(Effect::default()),
            Err(refusal) => Err(refusal),
        }
    }
}

/// What using a key adds to the facts: its usage attribute. No key here has ALLOWED_MECHANISMS.
pub(super) fn use_facts(action: Action, object: &Object, facts: &mut Facts) {
    facts.usage = action.usage().is_none_or(|usage| object.flag(usage));
}
