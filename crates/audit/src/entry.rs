//! One line of the log: a flat JSON object whose last member is `chain`. docs/FORMAT.md draws it.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::chain::{AuditKey, LINK_LEN, Link};
use crate::{Event, Kind, Origin};

/// The most characters of any text.
const MAX_TEXT: usize = 256;

/// No line of ours is longer, chain and end included: eight texts of [`MAX_TEXT`] characters, each at most 6 bytes in JSON.
pub(crate) const MAX_LINE: usize = 32 * 1024;

/// `,"chain":"`, the digits, `"}`.
const CHAIN_KEY: &str = ",\"chain\":\"";
const CHAIN_END: &str = "\"}";

/// What a line says. What does not apply is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; the first is 1. Never given twice.
    pub seq: u64,
    /// When, by the clock of the machine (RFC 3339, UTC, milliseconds).
    pub time: String,
    /// The kind's name.
    pub event: String,
    /// The C function or the command that caused it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call: String,
    /// Who was logged in, or tried to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The program, by the name it gives itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// The program's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The user it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// CKA_UNIQUE_ID of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// CKA_LABEL of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The object's class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The return value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The rule that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of events that repeat: the how-manieth of its like in this process. Else how many events are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// On a file's first line: the file's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u64>,
    /// On a file's first line: the oldest file that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// On a file's first line: the last chain of the file before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Of a torn line: its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl Entry {
    /// What is written of an event. Its number comes when it is.
    pub(crate) fn of(event: &Event<'_>, origin: &Origin, now: SystemTime) -> Self {
        let object = event.object.as_ref();
        let reason = event.detail.or_else(|| Some(event.refusal?.reason).filter(|reason| !reason.is_empty()));
        Self {
            call: clipped(event.call),
            user: event.user.map(|(name, _)| clipped(name)),
            role: event.user.map(|(_, role)| role.name().to_owned()),
            target: event.target.map(clipped),
            object: object.map(|object| clipped(object.id)),
            label: object.and_then(|object| object.label).map(clipped),
            class: object.and_then(|object| object.class).map(clipped),
            error: event.refusal.map(|refusal| refusal.error.name().to_owned()),
            rule: event.refusal.map(|refusal| refusal.rule.name().to_owned()),
            reason: reason.map(clipped),
            ..Self::about_log(event.kind, origin, now)
        }
    }

    /// An event of the log itself.
    pub(crate) fn about_log(kind: Kind, origin: &Origin, now: SystemTime) -> Self {
        Self {
            seq: 0,
            time: rfc3339(now),
            event: kind.name().to_owned(),
            call: String::new(),
            user: None,
            role: None,
            application: clipped(&origin.application),
            pid: Some(origin.pid),
            target: None,
            object: None,
            label: None,
            class: None,
            error: None,
            rule: None,
            reason: None,
            times: None,
            file: None,
            oldest: None,
            previous: None,
            bytes: None,
        }
    }

    /// The kind, unless a later version wrote it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_name(&self.event)
    }

    /// The line with its end, and its chain.
    pub(crate) fn line(&self, key: &AuditKey, before: &Link) -> (Vec<u8>, Link) {
        // The fields are texts and numbers, of which serde_json can write every one.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.pop();
        let link = key.link(before, &line);
        line.extend_from_slice(CHAIN_KEY.as_bytes());
        line.extend_from_slice(hex::encode(link).as_bytes());
        line.extend_from_slice(CHAIN_END.as_bytes());
        line.push(b'\n');
        (line, link)
    }

    /// The first line's chain of the file before.
    pub(crate) fn previous_link(&self) -> Option<Link> {
        link_of(self.previous.as_deref()?)
    }
}

/// A line taken apart: what is chained, and the chain. Without the line's end.
pub(crate) struct Parts<'a> {
    body: &'a [u8],
    pub(crate) chain: Link,
}

impl<'a> Parts<'a> {
    /// `None` for what cannot be a line of ours.
    pub(crate) fn of(line: &'a [u8]) -> Option<Self> {
        let tail = CHAIN_KEY.len() + 2 * LINK_LEN + CHAIN_END.len();
        let (body, tail) = line.split_at_checked(line.len().checked_sub(tail)?)?;
        let digits = tail.strip_prefix(CHAIN_KEY.as_bytes())?.strip_suffix(CHAIN_END.as_bytes())?;
        Some(Self { body, chain: link_of(core::str::from_utf8(digits).ok()?)? })
    }

    /// Whether the line follows from the chain before it.
    pub(crate) fn follows(&self, key: &AuditKey, before: &Link) -> bool {
        key.follows(before, self.body, &self.chain)
    }

    /// What the line says. Of a line that has not been found to follow it proves nothing.
    pub(crate) fn entry(&self) -> Option<Entry> {
        let text = [self.body, b"}".as_slice()].concat();
        serde_json::from_slice(&text).ok()
    }
}

fn link_of(digits: &str) -> Option<Link> {
    let mut link = [0; LINK_LEN];
    hex::decode_to_slice(digits, &mut link).ok()?;
    Some(link)
}

/// The first characters of a text that may be of any length.
fn clipped(text: &str) -> String {
    let cut = match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    };
    cut.into_owned()
}

/// RFC 3339 in UTC. A clock before 1970 reads 1970.
fn rfc3339(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let t = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = t.to_calendar_date();
    let (hour, minute, second) = t.to_hms();
    let millis = since.subsec_millis();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use claviger_crypto::Secret;
    use claviger_rules::Role;

    use super::*;
    use crate::Object;

    fn key() -> AuditKey {
        AuditKey::new(&Secret::copy_of(&[7; 32])).unwrap()
    }

    fn entry() -> Entry {
        let object = Object { id: "01ab", label: Some("a \"label\"\n\u{202e}"), class: Some("secret-key") };
        let event = Event::new(Kind::KeyCreated, "C_GenerateKey").by("app1", Role::NormalUser).on(object);
        let now = UNIX_EPOCH + Duration::from_millis(1_709_251_199_042);
        Entry { seq: 9, ..Entry::of(&event, &Origin { application: "payments".to_owned(), pid: 4 }, now) }
    }

    #[test]
    fn the_line_of_docs_format_md_never_changes() {
        let (line, link) = entry().line(&key(), &[1; 32]);
        let expected = format!(
            "{}{}{}{}\"}}\n",
            r#"{"seq":9,"time":"2024-02-29T23:59:59.042Z","event":"key-created","call":"C_GenerateKey","user":"app1","#,
            "\"role\":\"nu\",\"application\":\"payments\",\"pid\":4,\"object\":\"01ab\",\"label\":\"a \\\"label\\\"\\n\u{202e}\",",
            r#""class":"secret-key","chain":""#,
            hex::encode(link)
        );
        assert_eq!(String::from_utf8(line).unwrap(), expected);
        assert_eq!(hex::encode(link), "a9697eccbf6da00026a7bc58d479ec1159de7f0d5cc391e0e3b1d39f7550d2f0");
    }

    #[test]
    fn a_line_reads_as_it_was_written_and_follows_from_its_chain_alone() {
        let (line, link) = entry().line(&key(), &[1; 32]);
        let parts = Parts::of(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!((parts.chain, parts.entry().unwrap()), (link, entry()));
        assert!(parts.follows(&key(), &[1; 32]));
        assert!(!parts.follows(&key(), &[2; 32]));
        assert!(!parts.follows(&AuditKey::new(&Secret::copy_of(&[8; 32])).unwrap(), &[1; 32]));
    }

    #[test]
    fn no_text_makes_a_line_too_long() {
        let long = "\u{1}".repeat(100_000);
        let object = Object { id: &long, label: Some(&long), class: Some(&long) };
        let event = Event::new(Kind::Refused, &long).by(&long, Role::NormalUser).to(&long).on(object).detail(&long);
        let entry = Entry::of(&event, &Origin::new(long.as_str()), UNIX_EPOCH);
        assert!(entry.line(&key(), &[1; 32]).0.len() < MAX_LINE);
    }

    #[test]
    fn what_is_no_line_is_none() {
        for text in ["", "{}", "{\"seq\":1}", &format!("{{\"seq\":1,\"chain\":\"{}\"}}", "g".repeat(64))] {
            assert!(Parts::of(text.as_bytes()).is_none(), "{text}");
        }
    }
}
