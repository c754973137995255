//! Attributes on the command line: `name=value` by the rows of the attribute table, and back into JSON.
//!
//! A name is the standard's in lower case without `CKA_`, with `-` or `_`; five attributes also go by the names
//! that cloud HSM users know. Not here: which attribute an object may have, which is the token's to say.

use claviger_crypto::{Curve, encoding};
use claviger_rules::attribute::{ATTRIBUTES, Attribute, Kind, Shown};
use claviger_rules::mechanism::MECHANISMS;
use claviger_rules::{AttributeType, KeyType, MechanismType, ObjectClass, Value};
use serde_json::json;

use crate::problem::Problem;

/// Other names of attributes, as AWS CloudHSM's command line has them.
const ALIASES: [(&str, AttributeType); 5] = [
    ("key-length-bytes", AttributeType::VALUE_LEN),
    ("modulus-size-bits", AttributeType::MODULUS_BITS),
    ("curve", AttributeType::EC_PARAMS),
    ("owner", AttributeType::CLAVIGER_OWNER),
    ("shared-with", AttributeType::CLAVIGER_SHARED_WITH),
];

/// Byte attributes that hold text (RFC 2279 strings in the standard).
const TEXTS: [AttributeType; 6] = [
    AttributeType::LABEL,
    AttributeType::UNIQUE_ID,
    AttributeType::APPLICATION,
    AttributeType::URL,
    AttributeType::CLAVIGER_OWNER,
    AttributeType::CLAVIGER_SHARED_WITH,
];

/// `name=value` from the command line, typed.
#[derive(Clone)]
pub(crate) struct Assignment {
    /// The attribute's row.
    pub(crate) row: &'static Attribute,
    /// The value; nothing for an attribute that holds a key's value, so that it is nowhere repeated.
    value: Option<Value>,
}

impl Assignment {
    /// For clap: reads `name=value`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("an attribute is given as name=value")?;
        Self::of(find(name)?, value)
    }

    /// Reads the value of the attribute `row`.
    pub(crate) fn of(row: &'static Attribute, text: &str) -> Result<Self, String> {
        let value = if row.shown == Shown::Hidden { None } else { Some(read(row, text)?) };
        Ok(Self { row, value })
    }

    /// The pair for a template.
    pub(crate) fn pair(&self) -> Result<(AttributeType, Value), Problem> {
        match &self.value {
            Some(value) => Ok((self.row.id, value.clone())),
            None => Err(Problem::new(format!(
                "The attribute {} holds a key's value, which is never typed on a command line. Unwrap the key instead.",
                name_of(self.row)
            ))),
        }
    }
}

/// The row of the attribute of that name.
pub(crate) fn find(name: &str) -> Result<&'static Attribute, String> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("cka-").unwrap_or(&name);
    if let Some((_, id)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return id.row().ok_or_else(|| unknown(name));
    }
    ATTRIBUTES.iter().find(|row| plain(row.name) == name).ok_or_else(|| unknown(name))
}

/// The name of an attribute in the command line's output.
pub(crate) fn name_of(row: &Attribute) -> String {
    match ALIASES.iter().find(|(_, id)| *id == row.id) {
        Some((alias, _)) => (*alias).to_owned(),
        None => plain(row.name),
    }
}

/// The standard's name of a value in lower case with hyphens: `CKO_SECRET_KEY` is `secret-key`.
pub(crate) fn plain(name: &str) -> String {
    let name = name.strip_prefix("CKO_").or_else(|| name.strip_prefix("CKK_")).unwrap_or(name);
    name.to_ascii_lowercase().replace('_', "-")
}

fn unknown(name: &str) -> String {
    format!("there is no attribute {name:?}; `claviger table attributes` lists them")
}

fn read(row: &Attribute, text: &str) -> Result<Value, String> {
    let value = match row.kind {
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Ulong => read_number(row.id, text).map(Value::Ulong),
        Kind::Bytes => read_bytes(row.id, text),
        Kind::Date => <[u8; 8]>::try_from(text.as_bytes())
            .ok()
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))
            .map(|digits| Value::Date(Some(digits))),
        Kind::Mechanisms => text.split(',').map(mechanism).collect::<Option<Vec<_>>>().map(Value::Mechanisms),
        Kind::Template => None,
    };
    value.ok_or_else(|| format!("{} is given as {}", name_of(row), form(row)))
}

fn read_number(attribute: AttributeType, text: &str) -> Option<u64> {
    number_named(attribute, &text.to_ascii_lowercase()).or_else(|| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    })
}

/// The number behind one of the standard's names, where an attribute's numbers have names.
fn number_named(attribute: AttributeType, name: &str) -> Option<u64> {
    match attribute {
        AttributeType::CLASS => {
            ObjectClass::ALL.iter().find(|class| plain(class.name()) == name).map(|class| class.id())
        }
        AttributeType::KEY_TYPE => KeyType::ALL.iter().find(|kind| plain(kind.name()) == name).map(|kind| kind.id()),
        AttributeType::KEY_GEN_MECHANISM => mechanism(name),
        _ => None,
    }
}

/// The standard's name of a number, where an attribute's numbers have names.
fn name_of_number(attribute: AttributeType, number: u64) -> Option<&'static str> {
    match attribute {
        AttributeType::CLASS => ObjectClass::from_id(number).map(ObjectClass::name),
        AttributeType::KEY_TYPE => KeyType::from_id(number).map(KeyType::name),
        AttributeType::KEY_GEN_MECHANISM => MechanismType(number).row().map(|row| row.name),
        _ => None,
    }
}

fn read_bytes(attribute: AttributeType, text: &str) -> Option<Value> {
    if TEXTS.contains(&attribute) {
        return Some(Value::bytes(text));
    }
    if attribute == AttributeType::EC_PARAMS {
        return curve(text).and_then(|curve| encoding::ec_params(curve).ok()).map(Value::bytes);
    }
    let digits = text.strip_prefix("0x")?;
    let padded = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    hex::decode(padded).ok().map(Value::bytes)
}

fn mechanism(name: &str) -> Option<u64> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("ckm-").unwrap_or(&name);
    MECHANISMS.iter().find(|row| plain(row.name) == name).map(|row| row.id.0)
}

/// How the value of an attribute is written.
fn form(row: &Attribute) -> &'static str {
    match row.kind {
        Kind::Bool => "true or false",
        Kind::Ulong => "a number or one of the standard's names",
        Kind::Bytes if row.id == AttributeType::EC_PARAMS => "a curve, P-256 or P-384",
        Kind::Bytes => "hexadecimal digits after 0x",
        Kind::Date => "YYYYMMDD",
        Kind::Mechanisms => "names of mechanisms with commas between",
        Kind::Template => "a template, which only the C interface takes",
    }
}

/// The name of a curve as SP 800-186 writes it.
fn curve_name(curve: Curve) -> String {
    format!("P-{}", curve.bits())
}

/// The curve of that name, by its size: `P-256`, `p256`.
pub(crate) fn curve(text: &str) -> Option<Curve> {
    let digits = text.trim_start_matches(['P', 'p', '-']);
    Curve::ALL.into_iter().find(|curve| curve.bits().to_string() == digits)
}

/// The value in JSON: flags and numbers as such, names where the standard has them, other bytes as `0x…`.
pub(crate) fn show(attribute: AttributeType, value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(flag) => json!(flag),
        Value::Ulong(number) => match name_of_number(attribute, *number) {
            Some(name) => json!(plain(name)),
            None => json!(number),
        },
        Value::Bytes(bytes) => show_bytes(attribute, bytes),
        Value::Date(date) => {
            json!(date.map(|digits| String::from_utf8_lossy(&digits).into_owned()).unwrap_or_default())
        }
        Value::Mechanisms(list) => {
            json!(list.iter().map(|id| show(AttributeType::KEY_GEN_MECHANISM, &Value::Ulong(*id))).collect::<Vec<_>>())
        }
        Value::Template(template) => template
            .iter()
            .filter_map(|(id, value)| Some((name_of(id.row()?), show(id, value))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn show_bytes(attribute: AttributeType, bytes: &[u8]) -> serde_json::Value {
    if attribute == AttributeType::CLAVIGER_SHARED_WITH {
        return json!(names(bytes));
    }
    if TEXTS.contains(&attribute) {
        return json!(String::from_utf8_lossy(bytes));
    }
    match encoding::read_ec_params(bytes) {
        Ok(curve) if attribute == AttributeType::EC_PARAMS => json!(curve_name(curve)),
        _ => json!(format!("0x{}", hex::encode(bytes))),
    }
}

/// The user names inside CKA_CLAVIGER_SHARED_WITH.
pub(crate) fn names(bytes: &[u8]) -> Vec<String> {
    let texts = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    texts.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> (AttributeType, Value) {
        Assignment::parse(text).unwrap().pair().unwrap()
    }

    #[test]
    fn every_row_of_the_table_is_found_by_its_own_name() {
        for row in ATTRIBUTES {
            assert_eq!(find(&name_of(row)).unwrap().id, row.id, "{}", row.name);
            assert_eq!(find(row.name).unwrap().id, row.id, "{}", row.name);
        }
    }

    #[test]
    fn hyphens_and_underscores_are_the_same() {
        assert!(pair("wrap-with-trusted=true") == pair("wrap_with_trusted=true"));
        assert!(pair("cka_label=x") == pair("label=x"));
    }

    #[test]
    fn values_are_typed_by_the_table() {
        assert!(pair("id=0x11") == (AttributeType::ID, Value::bytes([0x11])));
        assert!(pair("id=0x123") == (AttributeType::ID, Value::bytes([0x01, 0x23])));
        assert!(pair("label=0x11") == (AttributeType::LABEL, Value::bytes("0x11")));
        assert!(pair("sensitive=true") == (AttributeType::SENSITIVE, Value::Bool(true)));
        assert!(pair("key-length-bytes=32") == (AttributeType::VALUE_LEN, Value::Ulong(32)));
        assert!(pair("class=secret-key") == (AttributeType::CLASS, Value::Ulong(4)));
        assert!(pair("key-type=aes") == (AttributeType::KEY_TYPE, Value::Ulong(0x1f)));
        assert!(pair("start-date=20260101") == (AttributeType::START_DATE, Value::Date(Some(*b"20260101"))));
        assert!(
            pair("allowed-mechanisms=aes-gcm,aes-key-wrap")
                == (AttributeType::ALLOWED_MECHANISMS, Value::Mechanisms(vec![0x1087, 0x2109]))
        );
    }

    #[test]
    fn a_value_of_the_wrong_form_is_refused() {
        for text in ["sensitive", "sensitive=yes", "id=11", "id=0xgg", "colour=blue", "start-date=today", "curve=P-1"] {
            assert!(Assignment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for text in ["id=0x11", "label=a b", "sensitive=true", "class=secret-key", "curve=P-384", "key-type=ec"] {
            let (id, value) = pair(text);
            let shown = show(id, &value);
            let shown = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
            assert!(pair(&format!("{}={shown}", name_of(id.row().unwrap()))) == (id, value), "{text}");
        }
    }

    #[test]
    fn the_value_of_a_key_is_not_taken_and_not_repeated() {
        let problem = Assignment::parse("value=0x5ec4e7").unwrap().pair().err().unwrap();
        assert!(!problem.to_string().contains("5ec4e7"));
    }
}
