//! Keys: generated, wrapped, unwrapped, derived (PKCS#11 3.2 section 5.18).

mod derive;
mod generate;
mod unwrap;
mod wrap;

use claviger_crypto::Params;
use claviger_rules::mechanism::{Mechanism, Usage};
use claviger_rules::{Error, Mode, Parameter, Refusal, Rule};

use crate::session::Caller;
use crate::{MechanismCall, Result};

impl Caller<'_> {
    /// The row of the mechanism that `call` names, if it is good for `usage` on this token.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub(crate) fn mechanism(&self, call: &MechanismCall, usage: Usage) -> Result<&'static Mechanism> {
        let row = call.id.row().filter(|row| row.usages_in(self.rules().mode()).has(usage)).ok_or(
            Refusal::standard(Error::MechanismInvalid, "the token does not have this mechanism for this function"),
        )?;
        if self.shadow().is_some() && !row.usages_in(Mode::Enforce).has(usage) {
            let rule = if usage == Usage::Derive { Rule::R15 } else { Rule::R10 };
            self.note(Some(Refusal::new(
                Error::MechanismInvalid,
                rule,
                "this mechanism exists only outside `enforce`",
            )));
        }
        Ok(row)
    }
}

/// The parameters of a mechanism that takes no key handle in them.
pub(crate) fn params(parameter: &Parameter) -> Params {
    match parameter {
        Parameter::None | Parameter::Hkdf(_) => Params::None,
        Parameter::Iv(iv) => Params::Iv(*iv),
        Parameter::Gcm(gcm) => Params::Gcm(gcm.clone()),
        Parameter::Pss(pss) => Params::Pss(*pss),
        Parameter::Oaep(oaep) => Params::Oaep(oaep.clone()),
        Parameter::KeyWrapIv(iv) => Params::KeyWrapIv(iv.clone()),
    }
}
