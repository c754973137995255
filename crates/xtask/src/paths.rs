//! The documents' map of the code: every file that one names must be there.

use std::path::Path;

use crate::workspace::{Outcome, Workspace};

/// The documents at the root; those under docs/ are found.
const DOCUMENTS: [&str; 2] = ["README.md", "ARCHITECTURE.md"];

/// A word in backticks that begins so is a path from the root.
const TOPS: [&str; 5] = ["crates/", "conformance/", "benches/", "docs/", ".ci/"];

/// Checks every link and every path in backticks.
pub(crate) fn exist(workspace: &Workspace) -> Outcome {
    let mut missing = Vec::new();
    for document in documents(&workspace.root).map_err(|error| format!("docs: {error}."))? {
        let path = workspace.root.join(&document);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{document}: {error}."))?;
        let here = path.parent().unwrap_or(&workspace.root);
        let links = links(&text).map(|link| (link, here.join(link)));
        let paths = paths(&text).map(|path| (path, workspace.root.join(path)));
        let gone = links.chain(paths).filter(|(_, target)| !target.exists());
        missing.extend(gone.map(|(name, _)| format!("{document}: {name}")));
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("Not there:\n  {}", missing.join("\n  "))) }
}

fn documents(root: &Path) -> std::io::Result<Vec<String>> {
    let mut all: Vec<_> = DOCUMENTS.map(str::to_owned).into();
    for directory in ["docs", "docs/decisions"] {
        for entry in std::fs::read_dir(root.join(directory))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                all.push(format!("{directory}/{name}"));
            }
        }
    }
    Ok(all)
}

/// The targets of links within the tree.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://")).map(|target| target.split('#').next().unwrap_or_default())
}

/// The paths in backticks.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let words = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    words.filter(|word| TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['*', ' ', '<', '…']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_are_found_and_addresses_and_code_are_not() {
        let text = "[a](docs/A.md#part), [b](https://b) and `crates/c/src`, `let x` or `docs/*.md`\n";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/A.md"]);
        assert_eq!(paths(text).collect::<Vec<_>>(), ["crates/c/src"]);
    }
}
