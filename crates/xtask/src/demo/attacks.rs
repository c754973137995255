//! Three classic attacks of the conformance suite, on the token where the rules bind and on plain PKCS#11.

use claviger_conformance::attacks::{Attack, Outcome, Verdict};

use super::SLOTS;
use super::stage::Stage;
use crate::screen;

/// The attacks that are shown.
const SHOWN: [&str; 3] = ["A1", "A7", "A8"];

/// Shows each attack on both tokens.
pub(super) fn show(stage: &mut Stage) -> Result<(), String> {
    screen::heading("6. Three classic attacks by the application, on a sensitive key kS");
    for id in SHOWN {
        let attack = Attack::find(id).ok_or_else(|| format!("There is no attack {id}."))?;
        screen::say(&format!("{id}: {} (stopped by {})", attack.name, attack.rules));
        for (slot, policy) in SLOTS {
            let token = stage.in_slot(slot);
            let outcome = attack.run(token);
            // An attack leaves its user logged in.
            token.module.close_all_sessions(slot).map_err(|rv| format!("C_CloseAllSessions: {rv}."))?;
            report(stage, policy, &outcome)?;
        }
    }
    let [(enforced, _), _] = SLOTS;
    stage.in_slot(enforced);
    Ok(())
}

/// In `enforce` the attack must be refused; in `standard` it must work, or its refusal would prove nothing.
fn report(stage: &Stage, policy: &str, outcome: &Outcome) -> Result<(), String> {
    match (policy, outcome.verdict(), outcome.evidence()) {
        ("enforce", Verdict::Refused, _) => {
            for refusal in outcome.refusals() {
                screen::call(&format!("{policy}: {}", refusal.step), &refusal.rv.to_string(), true);
                if let Some(reason) = stage.reason(refusal.rv) {
                    screen::aside(&reason);
                }
            }
            Ok(())
        }
        ("standard", Verdict::Succeeded, Some(evidence)) => {
            screen::aside(&format!("With policy standard, which is plain PKCS#11, it succeeds: {evidence}."));
            Ok(())
        }
        (policy, ..) => {
            Err(format!("In {policy} the attack ended otherwise: {outcome}: {}.", outcome.details().join("; ")))
        }
    }
}
