//! Sharing: whose names CKA_CLAVIGER_SHARED_WITH may hold.

use claviger_rules::{AttributeType, Error, Object, ObjectClass, Refusal, UserId, Value};

use crate::Result;
use crate::session::Caller;

impl Caller<'_> {
    /// The users that `value` names, separated by NUL. Everyone named must exist and log in as CKU_USER.
    pub(super) fn sharees(&self, object: &Object, value: &Value) -> Result<Vec<UserId>> {
        if !object.class().is_some_and(ObjectClass::has_secret) || !object.flag(AttributeType::TOKEN) {
            return Err(Refusal::standard(
                Error::TemplateInconsistent,
                "only secret and private token keys are shared",
            ));
        }
        let bytes = value.as_bytes().ok_or(Error::AttributeValueInvalid)?;
        let names = core::str::from_utf8(bytes).map_err(|_| UNKNOWN)?;
        let mut sharees = Vec::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let user = self.session.token().user_named(name).ok_or(UNKNOWN)?;
            if user.role.is_so() {
                return Err(Refusal::standard(Error::AttributeValueInvalid, "a security officer never uses keys"));
            }
            if Some(user.id) != self.subject.user && !sharees.contains(&user.id) {
                sharees.push(user.id);
            }
        }
        Ok(sharees)
    }
}

const UNKNOWN: Refusal =
    Refusal::standard(Error::AttributeValueInvalid, "CLAVIGER_SHARED_WITH names a user that does not exist");
