//! The rule that a token is judged by: each call has happened wholly or not at all, and what was acknowledged is there.

use crate::observe::{LOCKED, Observation, wrong_pins_of};
use crate::workload::Call;

/// When the cut or the fault was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// The call had begun, and had not answered or has answered an error.
    During,
    /// The call had returned.
    After,
}

/// On which side of the call the token is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Side {
    Before,
    /// The call changes nothing that can be seen, so there is only one side.
    Same,
    /// As before, but that the PIN which the call tries is counted as wrong: not yet taken back.
    Counted,
    After,
}

/// On which side of `call` the token `seen` is, when it was `before` and would be `after`.
///
/// # Errors
/// What is neither, or what was acknowledged and is gone.
pub(crate) fn judge(
    call: Call,
    when: When,
    seen: &Observation,
    before: &Observation,
    after: &Observation,
) -> Result<Side, String> {
    if seen == after {
        return Ok(if before == after { Side::Same } else { Side::After });
    }
    if when == When::After {
        return Err(format!("{call} had returned, and the token is not as it left it:{}", differences(seen, after)));
    }
    if seen == before {
        return Ok(Side::Before);
    }
    if is_counted(call, seen, before) {
        return Ok(Side::Counted);
    }
    let (to_before, to_after) = (differences(seen, before), differences(seen, after));
    Err(format!("during {call}, and the token is neither as before:{to_before}\n  nor as after:{to_after}"))
}

fn is_counted(call: Call, seen: &Observation, before: &Observation) -> bool {
    let Some(name) = call.tries().and_then(wrong_pins_of) else { return false };
    let count = |of: &Observation| of.get(name).and_then(|count| count.parse::<u32>().ok());
    if count(seen) != count(before).map(|count| count + 1) {
        return false;
    }
    let locked = count(seen) == Some(LOCKED);
    // Of who is locked nothing more can be seen, here only `user`: a try that was not taken back was the last one.
    let comparable = |of: &Observation| {
        let mut of = of.clone();
        of.retain(|field, _| {
            field != name && !(locked && (field.starts_with("user sees") || field.starts_with("login")))
        });
        of
    };
    comparable(seen) == comparable(before)
}

fn differences(seen: &Observation, wanted: &Observation) -> String {
    let mut lines = String::new();
    for (name, value) in wanted {
        match seen.get(name) {
            None => lines += &format!("\n    missing: {name} = {value}"),
            Some(other) if other != value => lines += &format!("\n    {name} = {other}, not {value}"),
            Some(_) => {}
        }
    }
    for (name, value) in seen.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        lines += &format!("\n    unexpected: {name} = {value}");
    }
    lines
}
