//! What a newborn of a token in `audit` would be like in `enforce`.

use super::{Newborn, Origin, bear, is_candidate};
use crate::policy::Subject;
use crate::{Calling, Refusal, Shadow, Template};

/// The shadow of `newborn`, which `subject` made from `template`, and what `enforce` would have refused of it.
///
/// `origin` names the parents as they would be in `enforce`.
pub fn shadow(
    subject: &Subject,
    origin: &Origin<'_>,
    template: Template,
    newborn: &Newborn,
) -> (Shadow, Option<Refusal>) {
    let subject = subject.under_enforce();
    let calling = if is_candidate(&subject, origin, &template) { Calling::Wrapping } else { Calling::Data };
    match bear(&subject, origin, template) {
        Ok(Newborn { attributes, calling, .. }) => (Shadow::of(&attributes, calling), None),
        Err(refusal) => (Shadow::of(&newborn.attributes, calling), Some(refusal)),
    }
}
