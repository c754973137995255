//! What is counted over all sequences.

use std::collections::BTreeMap;
use std::fmt;

use claviger_rules::Rule;

use crate::call::Call;
use crate::model::Answer;
use crate::oracle::Proof;
use crate::play::is_whole;

/// The counts.
#[derive(Default)]
pub(crate) struct Tally {
    /// Sequences.
    pub(crate) sequences: u64,
    /// Sequences in which a protected key was revealed.
    pub(crate) leaking: u64,
    /// Protected keys revealed.
    pub(crate) revealed: u64,
    permitted: u64,
    refused: u64,
    by_rule: BTreeMap<&'static str, u64>,
    by_code: BTreeMap<&'static str, u64>,
    succeeded: BTreeMap<String, u64>,
    proven: [u64; 3],
}

impl Tally {
    /// A call and what it must answer.
    pub(crate) fn count(&mut self, call: &Call, answer: &Answer) {
        match answer {
            Ok(_) => {
                self.permitted += 1;
                let line = call.to_string();
                let name: String = line.chars().skip_while(|c| *c != 'C').take_while(|c| *c != '(').collect();
                *self.succeeded.entry(name).or_default() += 1;
            }
            Err(refusal) => {
                self.refused += 1;
                *self.by_rule.entry(refusal.rule.name()).or_default() += 1;
                *self.by_code.entry(refusal.error.name()).or_default() += 1;
            }
        }
    }

    /// A protected key was made, with what tells its value.
    pub(crate) fn prove(&mut self, proof: Option<&Proof>) {
        let [whole, check, none] = &mut self.proven;
        match proof {
            Some(proof) if is_whole(proof) => *whole += 1,
            Some(_) => *check += 1,
            None => *none += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, permitted, refused, proven: [whole, check, none], .. } = self;
        let calls = permitted + refused;
        writeln!(f, "  {sequences} sequences, {calls} calls: {permitted} permitted, {refused} refused")?;
        writeln!(f, "  permitted: {}", Counts(&self.succeeded))?;
        let rules = Rule::ALL.iter().filter_map(|rule| Some((rule.name(), *self.by_rule.get(rule.name())?)));
        let rules: Vec<String> = rules.map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "  refused, by rule: {}", rules.join(", "))?;
        writeln!(f, "  refused, by return value: {}", Counts(&self.by_code))?;
        writeln!(
            f,
            "  protected keys made: {}; told by a block or the public half {whole}, by CHECK_VALUE alone {check}, only by the blobs they make, if any, {none}",
            whole + check + none
        )
    }
}

struct Counts<'a, K>(&'a BTreeMap<K, u64>);

impl<K: fmt::Display + Ord> fmt::Display for Counts<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<_> = self.0.iter().collect();
        counts.sort_by_key(|(_, count)| core::cmp::Reverse(**count));
        let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&words.join(", "))
    }
}
