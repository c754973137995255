//! Keys: generated, wrapped, unwrapped, derived (PKCS#11 3.2 section 5.18).

mod derive;
mod generate;
mod unwrap;
mod wrap;

use claviger_crypto::Params;
use claviger_rules::mechanism::{Mechanism, Usage};
use claviger_rules::{Error, Parameter, Refusal};

use crate::session::Caller;
use crate::{MechanismCall, Result};

impl Caller<'_> {
    /// The row of the mechanism that `call` names, if it is good for `usage` on this token.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub(crate) fn mechanism(&self, call: &MechanismCall, usage: Usage) -> Result<&'static Mechanism> {
        let row = call.id.row().filter(|row| row.usages.has(usage)).ok_or(Refusal::standard(
            Error::MechanismInvalid,
            "the token does not have this mechanism for this function",
        ))?;
        let refusal = row.bar(usage).map(|clause| Refusal::new(Error::MechanismInvalid, clause.rule(), clause.says()));
        match refusal {
            Some(refusal) if !row.usages_under(self.rules()).has(usage) => return Err(refusal),
            Some(_) if self.shadow().is_some() => self.barred.set(refusal),
            _ => {}
        }
        Ok(row)
    }
}

/// The parameters of a mechanism that takes no key handle in them.
pub(crate) fn params(parameter: &Parameter) -> Params {
    match parameter {
        Parameter::None | Parameter::Hkdf(_) | Parameter::Key(_) => Params::None,
        Parameter::Iv(iv) => Params::Iv(*iv),
        Parameter::Gcm(gcm) => Params::Gcm(gcm.clone()),
        Parameter::Pss(pss) => Params::Pss(*pss),
        Parameter::Oaep(oaep) => Params::Oaep(oaep.clone()),
        Parameter::KeyWrapIv(iv) => Params::KeyWrapIv(iv.clone()),
        Parameter::Ecdh(ecdh) => Params::Ecdh(ecdh.clone()),
        Parameter::Data(data) => Params::Data(data.clone()),
        Parameter::CbcData(data) => Params::CbcData(data.clone()),
        Parameter::FirstBit(bit) => Params::FirstBit(*bit),
    }
}
