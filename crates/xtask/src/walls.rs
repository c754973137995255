//! Walls that the compiler does not keep: `unsafe` stands only in a few named files, only the checker switches rules off,
//! and the crates depend on each other in one direction.

use std::path::Path;

use serde_json::Value;

use crate::workspace::{Outcome, Workspace, output};

/// Where `unsafe` may stand: the C interface, the mapping and the locks that processes share, the handlers of fork, the
/// harness that speaks C, and the shim that shadows the C library's file calls.
const UNSAFE: [&str; 8] = [
    "crates/pkcs11/src/functions",
    "crates/pkcs11/src/marshal",
    "crates/store/src/counter.rs",
    "crates/store/src/fork.rs",
    "crates/store/src/ticket.rs",
    "conformance/src/module",
    "conformance/src/raw",
    "conformance/faults/src/shim",
];

/// Where rules may be switched off: where the switch is, and in the checker.
const SWITCH: [&str; 2] = ["crates/rules/src/rulebook.rs", "crates/prove"];

/// Tests may fork or call C by hand: they are compiled into nothing. Nor does what follows `#[cfg(test)]` count.
const TESTS: [&str; 2] = ["/tests/", "/examples/"];

/// What each crate may depend on within the workspace, from the bottom up.
const DIRECTION: [(&str, &[&str]); 16] = [
    ("claviger-crypto", &[]),
    ("claviger-rules", &["claviger-crypto"]),
    ("claviger-prove", &["claviger-rules"]),
    ("claviger-store", &["claviger-crypto", "claviger-rules"]),
    ("claviger-audit", &["claviger-crypto", "claviger-rules"]),
    ("claviger-session", &["claviger-crypto", "claviger-rules", "claviger-store", "claviger-audit"]),
    ("claviger-pkcs11", &["claviger-crypto", "claviger-rules", "claviger-store", "claviger-session"]),
    ("claviger", &["claviger-crypto", "claviger-rules", "claviger-audit", "claviger-session"]),
    ("claviger-conformance", &[]),
    ("claviger-endurance", &["claviger-conformance"]),
    ("claviger-flip", &["claviger-audit", "claviger-conformance", "claviger-session", "claviger-store"]),
    ("claviger-scale", &["claviger-conformance"]),
    ("claviger-sequences", &["claviger-conformance", "claviger-crypto", "claviger-rules"]),
    ("claviger-faults", &["claviger-conformance"]),
    ("claviger-benches", &["claviger-conformance", "claviger-crypto", "claviger-rules", "claviger-session"]),
    ("xtask", &["claviger-conformance", "claviger-crypto"]),
];

/// Something that stands only behind a wall.
struct Wall {
    /// The files behind it, by the beginning of their names.
    files: &'static [&'static str],
    /// Whether a line of code holds it.
    holds: fn(&str) -> bool,
}

/// No `unsafe` outside the wall.
pub(crate) fn no_stray_unsafe(workspace: &Workspace) -> Outcome {
    keep(workspace, "`unsafe`", &Wall { files: &UNSAFE, holds: holds_unsafe })
}

/// No rule is switched off but by the checker.
pub(crate) fn no_rule_switched_off(workspace: &Workspace) -> Outcome {
    keep(workspace, "A switch for rules", &Wall { files: &SWITCH, holds: switches_off })
}

fn keep(workspace: &Workspace, what: &str, wall: &Wall) -> Outcome {
    let mut strays = Vec::new();
    for top in ["crates", "conformance", "benches"] {
        search(wall, &workspace.root, &workspace.root.join(top), &mut strays)
            .map_err(|error| format!("The sources could not be read: {error}."))?;
    }
    if strays.is_empty() {
        return Ok(());
    }
    Err(format!("{what} stands outside the wall:\n  {}\nMove it behind one of {:?}.", strays.join("\n  "), wall.files))
}

fn search(wall: &Wall, root: &Path, directory: &Path, strays: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            search(wall, root, &path, strays)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let walled = wall.files.iter().any(|wall| name.starts_with(wall));
            if walled || TESTS.iter().any(|place| name.contains(place)) {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            let shipped = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
            let lines = shipped.enumerate().filter(|(_, line)| (wall.holds)(line));
            strays.extend(lines.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())));
        }
    }
    Ok(())
}

/// Whether a line of code opens `unsafe` or lifts the lint against it.
fn holds_unsafe(line: &str) -> bool {
    let code = code_of(line);
    let words: Vec<_> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    words.contains(&"unsafe") || code.contains("allow(unsafe_code")
}

/// Whether a line of code names what switches a rule off.
fn switches_off(line: &str) -> bool {
    code_of(line).contains("Off::")
}

/// A line without its comment and its texts.
fn code_of(line: &str) -> String {
    line.split("//").next().unwrap_or_default().split('"').step_by(2).collect()
}

/// No crate depends on one above or beside it.
pub(crate) fn one_direction(workspace: &Workspace) -> Outcome {
    let text = output(&mut workspace.cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}."))?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("cargo metadata names no packages.")?;
    let wrong: Vec<_> = packages.iter().flat_map(wrong_edges).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("Dependencies against the direction:\n  {}", wrong.join("\n  ")))
    }
}

/// The package's dependencies within the workspace that the direction does not allow. Of tests nothing is asked.
fn wrong_edges(package: &Value) -> Vec<String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text(package, "name");
    let Some((_, allowed)) = DIRECTION.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name} has no place in the direction (crates/xtask/src/walls.rs)")];
    };
    let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    dependencies
        .filter(|dependency| dependency.get("path").is_some() && text(dependency, "kind") != "dev")
        .map(|dependency| text(dependency, "name"))
        .filter(|dependency| !allowed.contains(&dependency.as_str()))
        .map(|dependency| format!("{name} -> {dependency}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_is_seen_and_words_about_it_are_not() {
        for line in
            ["    unsafe { call() }", "unsafe impl Send for X {}", "#![allow(unsafe_code)]", "#[unsafe(no_mangle)]"]
        {
            assert!(holds_unsafe(line), "{line}");
        }
        for line in ["// unsafe { }", "#![forbid(unsafe_code)]", "let text = \"unsafe { }\";", "    /// unsafe fn"] {
            assert!(!holds_unsafe(line), "{line}");
        }
    }

    #[test]
    fn a_switch_for_rules_is_seen() {
        assert!(switches_off("    let rules = Rulebook::of(mode).without(Off::Rule(Rule::R5));"));
        assert!(switches_off("    judge(Off::Rule(Rule::R5))"));
        assert!(!switches_off("    // Off::Rule is the checker's"));
        assert!(!switches_off("    pub use rulebook::{Clause, Off, Rulebook};"));
    }

    #[test]
    fn an_edge_against_the_direction_is_named() {
        let package = serde_json::json!({"name": "claviger-rules", "dependencies": [
            {"name": "claviger-store", "path": "x", "kind": null},
            {"name": "claviger-crypto", "path": "x", "kind": null},
            {"name": "claviger-session", "path": "x", "kind": "dev"},
            {"name": "serde", "kind": null},
        ]});
        assert_eq!(wrong_edges(&package), ["claviger-rules -> claviger-store"]);
    }
}
