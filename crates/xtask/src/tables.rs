//! docs/tables: the output of `claviger table …` and of `attacks --table`, kept in the tree so that a change of a row shows in a diff.

use std::path::PathBuf;

use crate::workspace::{Outcome, Workspace, output};

/// The tables, by the verb that prints each.
const TABLES: [&str; 5] = ["policy", "attributes", "mechanisms", "functions", "audit-events"];

/// The table that the attack suite prints instead.
const ATTACKS: &str = "attacks";

/// Writes every table anew.
pub(crate) fn write(workspace: &Workspace) -> Outcome {
    for name in TABLES.into_iter().chain([ATTACKS]) {
        let path = path(workspace, name);
        let parent = path.parent().unwrap_or(&workspace.root);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text(workspace, name)?.as_bytes()))
            .map_err(|error| format!("{}: {error}.", path.display()))?;
    }
    Ok(())
}

/// Whether every table in the tree is what the command prints.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    for name in TABLES.into_iter().chain([ATTACKS]) {
        let kept = std::fs::read_to_string(path(workspace, name)).unwrap_or_default();
        if kept != text(workspace, name).map_err(|error| error.to_string())? {
            return Err(format!("docs/tables/{name}.md is not what the code says. Run `cargo xtask tables`."));
        }
    }
    Ok(())
}

fn path(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("docs/tables").join(format!("{name}.md"))
}

fn text(workspace: &Workspace, name: &str) -> std::io::Result<String> {
    let mut cargo = match name {
        ATTACKS => workspace.cargo(&["run", "--quiet", "--package", "claviger-conformance", "--", "--table"]),
        _ => workspace.cargo(&["run", "--quiet", "--package", "claviger", "--", "table", name]),
    };
    let body = output(&mut cargo).map_err(std::io::Error::other)?;
    Ok(format!("# Table: {name}\n\nWritten by `cargo xtask tables`. Do not edit.\n\n{body}"))
}
