//! What `enforce` would have refused, grouped: the list that a team works through before it tightens a token.

use std::collections::{BTreeMap, HashMap};

use crate::{Entry, Kind};

/// Calls of one kind by one application that one rule stands against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The program.
    pub application: String,
    /// The C function.
    pub call: String,
    /// The rule's name.
    pub rule: String,
    /// What `enforce` would return.
    pub error: String,
    /// Why.
    pub reason: String,
    /// How often. At least so often: of equal calls the log has each power of ten.
    pub times: u64,
    /// The users who did it, in the order of the log.
    pub users: Vec<String>,
    /// The labels of the objects it was done with, the first ten; the unique id of one that has no label.
    pub objects: Vec<String>,
    /// When first.
    pub first: String,
    /// When last.
    pub last: String,
}

/// How many objects a finding names.
const NAMED: usize = 10;

/// What is the same in all calls of a finding.
type Group = (String, String, String, String, String);

/// What is the same in all events that are counted together: the group, the process, the user and the object.
type Like = (Group, Option<u32>, Option<String>, Option<String>);

/// Groups events of the kind `would-refuse` by application, call, rule and answer, the most frequent first.
pub fn findings(events: impl IntoIterator<Item = Entry>) -> Vec<Finding> {
    let mut groups: BTreeMap<Group, Finding> = BTreeMap::new();
    let mut counted = HashMap::new();
    for entry in events.into_iter().filter(|entry| entry.kind() == Some(Kind::WouldRefuse)) {
        let more = more_than_before(&mut counted, &entry);
        let finding = groups.entry(group(&entry)).or_insert_with(|| Finding::new(&entry));
        finding.times += more;
        finding.add(entry);
    }
    let mut findings: Vec<_> = groups.into_values().collect();
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.times));
    findings
}

fn group(entry: &Entry) -> Group {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let Entry { application, call, rule, error, reason, .. } = entry;
    (application.clone(), call.clone(), text(rule), text(error), text(reason))
}

/// An event says the how-manieth of its like in its process it is. A count that does not rise is another process's that
/// was given the same number.
fn more_than_before(counted: &mut HashMap<Like, u64>, entry: &Entry) -> u64 {
    let like = (group(entry), entry.pid, entry.user.clone(), entry.object.clone());
    let times = entry.times.unwrap_or(1);
    let before = counted.insert(like, times).filter(|before| *before < times);
    times - before.unwrap_or(0)
}

impl Finding {
    fn new(entry: &Entry) -> Self {
        let (application, call, rule, error, reason) = group(entry);
        let first = entry.time.clone();
        let last = first.clone();
        Self { application, call, rule, error, reason, times: 0, users: Vec::new(), objects: Vec::new(), first, last }
    }

    fn add(&mut self, entry: Entry) {
        self.last = entry.time;
        self.users.extend(entry.user.filter(|user| !self.users.contains(user)));
        let object = entry.label.filter(|label| !label.is_empty()).or(entry.object);
        self.objects.extend(object.filter(|object| self.objects.len() < NAMED && !self.objects.contains(object)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use claviger_rules::{Error, Refusal, Role, Rule};

    use super::*;
    use crate::{Event, Log, Object, Origin};

    const R1: Refusal = Refusal::new(Error::KeyNotWrappable, Rule::R1, "why");

    fn call(log: &Log, call: &str, user: &str, label: &str) {
        let object = Object { id: label, label: Some(label), class: None };
        let event = Event::new(Kind::WouldRefuse, call).by(user, Role::NormalUser).on(object).refused(R1);
        log.append(&event, SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn calls_are_grouped_by_application_call_and_rule_and_counted() {
        let logs = ["payments", "mail"].map(|name| Log::in_memory(Origin::new(name)));
        for _ in 0..25 {
            call(&logs[0], "C_WrapKey", "app1", "master");
        }
        call(&logs[0], "C_WrapKey", "app2", "other");
        call(&logs[0], "C_DeriveKey", "app1", "master");
        call(&logs[1], "C_WrapKey", "app1", "master");
        let entries = logs.iter().flat_map(|log| log.read().unwrap().map(Result::unwrap));
        let found = findings(entries);
        let told: Vec<_> = found.iter().map(|found| (&*found.application, &*found.call, found.times)).collect();
        assert_eq!(told, [("payments", "C_WrapKey", 11), ("mail", "C_WrapKey", 1), ("payments", "C_DeriveKey", 1)]);
        let first = found.first().unwrap();
        assert_eq!((&*first.rule, &*first.error, &*first.reason), ("R1", "CKR_KEY_NOT_WRAPPABLE", "why"));
        assert_eq!((first.users.join(" "), first.objects.join(" ")), ("app1 app2".into(), "master other".into()));
    }

    #[test]
    fn a_process_number_that_comes_again_is_counted_again() {
        let entries = || {
            let log = Log::in_memory(Origin::new("payments"));
            (0..10).for_each(|_| call(&log, "C_WrapKey", "app1", "master"));
            log.read().unwrap().map(Result::unwrap).collect::<Vec<_>>()
        };
        let found = findings([entries(), entries()].concat());
        assert_eq!(found.iter().map(|found| found.times).collect::<Vec<_>>(), [20]);
    }
}
