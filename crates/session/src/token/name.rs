//! Who a PIN speaks for, and which PINs a user may have. Not how PINs are tried: that is the store.
//!
//! C_Login has no user name, so `name:pin` names one. Nothing may be ambiguous: the PIN of a default user never looks
//! like `name:…`, and no PIN begins with its own user's name and a colon.

use claviger_rules::{Error, Refusal};

use crate::Result;

/// The security officer that C_InitToken makes, and the default for CKU_SO.
pub(super) const DEFAULT_SO: &str = "so";
/// The normal user that C_InitPIN makes, and the default for CKU_USER.
pub(super) const DEFAULT_USER: &str = "user";

/// Whom a PIN is for.
pub(super) struct Who<'a> {
    /// The user's name.
    pub(super) name: &'a str,
    /// What is left of the PIN.
    pub(super) pin: &'a [u8],
    /// Whether it is the default user of the type.
    pub(super) is_default: bool,
}

impl<'a> Who<'a> {
    /// Reads a PIN as C_Login gets it: `name:pin`, or the default user's.
    pub(super) fn in_pin(pin: &'a [u8], is_so: bool) -> Self {
        let default = if is_so { DEFAULT_SO } else { DEFAULT_USER };
        let (name, pin) = split(pin).unwrap_or((default, pin));
        Self { name, pin, is_default: name.eq_ignore_ascii_case(default) }
    }
}

/// The user name before the first colon, and the rest; `None` when no user can have such a name.
fn split(pin: &[u8]) -> Option<(&str, &[u8])> {
    let colon = pin.iter().position(|byte| *byte == b':')?;
    let (name, rest) = pin.split_at_checked(colon)?;
    let name = core::str::from_utf8(name).ok().filter(|name| is_user_name(name))?;
    Some((name, rest.get(1..)?))
}

/// What is left of `pin` when it begins with `name` and a colon.
pub(super) fn without_own_name<'a>(name: &str, pin: &'a [u8]) -> &'a [u8] {
    match split(pin) {
        Some((own, rest)) if own.eq_ignore_ascii_case(name) => rest,
        _ => pin,
    }
}

/// Refuses a new PIN that C_Login would read otherwise. Its length is the store's business.
///
/// # Errors
/// CKR_PIN_INVALID.
pub(super) fn check_new_pin(name: &str, pin: &[u8]) -> Result<()> {
    let is_default = [DEFAULT_SO, DEFAULT_USER].iter().any(|default| name.eq_ignore_ascii_case(default));
    match split(pin) {
        Some((other, _)) if is_default || other.eq_ignore_ascii_case(name) => {
            Err(Refusal::standard(Error::PinInvalid, "C_Login would read the text before the colon as a user's name"))
        }
        _ => Ok(()),
    }
}

/// C_InitToken's list has CKR_PIN_INCORRECT for every PIN that will not do, and none of the finer ones.
pub(super) fn in_init_token(refusal: Refusal) -> Refusal {
    match refusal.error {
        Error::PinInvalid | Error::PinLenRange => Refusal { error: Error::PinIncorrect, ..refusal },
        _ => refusal,
    }
}

/// Whether a user can be named so.
fn is_user_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    starts_well && name.len() <= 31 && name.chars().all(allowed) && !name.eq_ignore_ascii_case("env")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_before_the_first_colon_names_a_user_if_it_can() {
        #[rustfmt::skip]
        let cases: &[(&[u8], &str, &[u8], bool)] = &[
            (b"1234",          "user", b"1234",      true),
            (b"app1:1234",     "app1", b"1234",      false),
            (b"app1:12:34",    "app1", b"12:34",     false),
            (b"user:1234",     "user", b"1234",      true),
            (b"USER:1234",     "USER", b"1234",      true),
            (b":1234",         "user", b":1234",     true),
            (b"two words:12",  "user", b"two words:12", true),
            (b"env:PIN",       "user", b"env:PIN",   true),
            (b"\xff:1234",     "user", b"\xff:1234", true),
            (b"app1:",         "app1", b"",          false),
        ];
        for (given, name, pin, is_default) in cases {
            let who = Who::in_pin(given, false);
            assert_eq!((who.name, who.pin, who.is_default), (*name, *pin, *is_default));
        }
    }

    #[test]
    fn no_new_pin_is_ambiguous() {
        let invalid = |name, pin: &[u8]| check_new_pin(name, pin).map_err(|refusal| refusal.error);
        assert_eq!(invalid("user", b"app1:1234"), Err(Error::PinInvalid));
        assert_eq!(invalid("so", b"x:1234"), Err(Error::PinInvalid));
        assert_eq!(invalid("app1", b"App1:1234"), Err(Error::PinInvalid));
        assert_eq!(invalid("app1", b"app2:1234"), Ok(()));
        assert_eq!(invalid("user", b"two words:1234"), Ok(()));
    }
}
