//! The run over a library: the parent makes the tokens and counts, a child runs each attack.

mod report;
mod scene;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claviger_conformance::attacks::{ATTACKS, Attack};
use claviger_conformance::fixture::{self, Policy};
use claviger_conformance::token::Token;
use serde_json::{Value, json};

use crate::Arguments;
use report::{Counts, Report};
use scene::Scene;

/// What `--inside` takes besides the id of an attack.
const LOOK: &str = "look";

/// In the child: runs one attack, or looks whether the token can be used, and prints a line of JSON.
pub(crate) fn inside(id: &str, policy: Option<Policy>) -> ExitCode {
    if id == LOOK {
        return match Token::can_be_used() {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                eprintln!("{sentence}");
                ExitCode::FAILURE
            }
        };
    }
    let Some(attack) = Attack::find(id) else {
        eprintln!("no attack {id}");
        return ExitCode::FAILURE;
    };
    let token = Token::for_attack();
    let outcome = attack.run(&token);
    let fault = attack.fault(&outcome, policy, token.users.named.is_some());
    let report = Report {
        outcome: outcome.to_string(),
        fault: fault.unwrap_or_default(),
        left_out: outcome.left_out() as u64,
        details: outcome.details(),
    };
    println!("{}", report.to_json());
    ExitCode::SUCCESS
}

/// In the parent: runs the chosen attacks under each policy and prints what became of them. The number of faults.
pub(crate) fn outside(arguments: &Arguments) -> Result<u32, String> {
    let module = module(arguments)?;
    let chosen = chosen(&arguments.only)?;
    let mut total = Counts::default();
    let mut runs = Vec::new();
    for policy in policies(arguments, &module) {
        let scene = Scene::new(arguments, &module, policy);
        scene.look()?;
        let mut counts = Counts::default();
        let mut rows = Vec::new();
        if !arguments.json {
            println!("{}", scene.title());
            Report::print_head();
        }
        for attack in &chosen {
            let report = scene.run(attack)?;
            counts.add(&report);
            match arguments.json {
                true => rows.push(report.row(attack)),
                false => report.print(attack),
            }
        }
        if !arguments.json {
            println!();
        }
        total.add_all(&counts);
        runs.push((scene, rows, counts));
    }
    if arguments.json {
        println!("{}", as_json(&module, &runs, &total));
    } else {
        print_counts(&runs, &total);
    }
    Ok(total.faults)
}

/// A line for each run where there is more than one, and always the last line: everything together.
fn print_counts(runs: &[(Scene, Vec<Value>, Counts)], total: &Counts) {
    if runs.len() > 1 {
        for (scene, _, counts) in runs {
            println!("{}: {counts}", scene.policy_word());
        }
    }
    println!("{total}");
}

fn as_json(module: &Path, runs: &[(Scene, Vec<Value>, Counts)], total: &Counts) -> Value {
    let runs: Vec<Value> = runs
        .iter()
        .map(|(scene, rows, counts)| {
            json!({ "policy": scene.policy_word(), "attacks": rows, "counts": counts.to_json() })
        })
        .collect();
    json!({ "module": module.display().to_string(), "runs": runs, "counts": total.to_json() })
}

fn module(arguments: &Arguments) -> Result<PathBuf, String> {
    let module = match &arguments.module {
        Some(module) => module.clone(),
        None => fixture::module()?,
    };
    if module.is_file() {
        return Ok(module);
    }
    Err(format!(
        "There is no library {}. Give the path of a PKCS#11 library with --module, as --module /usr/lib/softhsm/libsofthsm2.so.",
        module.display()
    ))
}

fn chosen(only: &[String]) -> Result<Vec<&'static Attack>, String> {
    if only.is_empty() {
        return Ok(ATTACKS.iter().collect());
    }
    let unknown = |id: &String| format!("There is no attack {id}: they are A1 to A{}.", ATTACKS.len());
    only.iter().map(|id| Attack::find(id).ok_or_else(|| unknown(id))).collect()
}

fn policies(arguments: &Arguments, module: &Path) -> Vec<Option<Policy>> {
    match arguments.policy {
        Some(mode) => vec![Some(mode.into())],
        None if arguments.pin.is_none() && fixture::is_claviger(module) => {
            vec![Some(Policy::Enforce), Some(Policy::Standard)]
        }
        None => vec![None],
    }
}
