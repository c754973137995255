//! Whether the log is whole.

use crate::Fault;
use crate::reader::Reader;

/// How many faults are told; of more only the number.
const TOLD: usize = 100;

/// What a check of the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many events were read and hold.
    pub events: u64,
    /// The files that are kept.
    pub files: u64,
    /// Number and time of the oldest event.
    pub first: Option<(u64, String)>,
    /// Number and time of the newest event.
    pub last: Option<(u64, String)>,
    /// Lines that a crash or a full disk cut in two. They are no faults.
    pub torn: u64,
    /// What is wrong, in the order of the log: the first hundred.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub count: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub const fn is_whole(&self) -> bool {
        self.count == 0
    }
}

/// Reads the whole log.
pub fn verify(mut reader: Reader<'_>) -> Verdict {
    let mut verdict =
        Verdict { events: 0, files: reader.files(), first: None, last: None, torn: 0, faults: Vec::new(), count: 0 };
    for item in reader.by_ref() {
        match item {
            Ok(entry) => {
                verdict.events += 1;
                let place = (entry.seq, entry.time);
                verdict.first.get_or_insert_with(|| place.clone());
                verdict.last = Some(place);
            }
            Err(fault) => {
                verdict.count += 1;
                if verdict.faults.len() < TOLD {
                    verdict.faults.push(fault);
                }
            }
        }
    }
    verdict.torn = reader.torn();
    verdict
}
