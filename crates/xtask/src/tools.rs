//! Programs from outside that the client scripts need. Each script names its own in `# apt:` and `# pip:` lines; as
//! root they are installed, otherwise the sentence says how. Nothing is ever left out because it is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::workspace::{Outcome, Workspace, output, run};

/// What the scripts ask for.
#[derive(Default, Debug, PartialEq, Eq)]
struct Needs {
    apt: BTreeSet<String>,
    pip: BTreeSet<String>,
}

/// Makes sure that everything the scripts name is there. Gives the directory that belongs first on PATH, where
/// Python packages are asked for.
pub(crate) fn provide(workspace: &Workspace, scripts: &[PathBuf]) -> Result<Option<PathBuf>, String> {
    let mut needs = Needs::default();
    for script in scripts {
        let text = std::fs::read_to_string(script).map_err(|error| format!("{}: {error}.", script.display()))?;
        needs.read(&text);
    }
    packages(workspace, &needs.apt)?;
    if needs.pip.is_empty() { Ok(None) } else { python(workspace, &needs.pip).map(Some) }
}

impl Needs {
    fn read(&mut self, script: &str) {
        let words = |line: &str, mark: &str| -> Vec<String> {
            line.strip_prefix(mark).map(|rest| rest.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
        };
        for line in script.lines() {
            self.apt.extend(words(line, "# apt:"));
            self.pip.extend(words(line, "# pip:"));
        }
        if !self.pip.is_empty() {
            self.apt.insert("python3-venv".to_owned());
        }
    }
}

fn packages(workspace: &Workspace, wanted: &BTreeSet<String>) -> Outcome {
    let missing: Vec<_> = wanted.iter().filter(|package| !installed(workspace, package)).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get install --yes {}", missing.join(" "));
    if output(workspace.command("id").arg("-u"))?.trim() != "0" {
        return Err(format!("Programs are missing. Install them with `sudo {by_hand}` and run this again."));
    }
    let mut install = workspace.command("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(workspace.command("apt-get").arg("update"))?;
    run(&mut install).map_err(|error| format!("{error} Try `{by_hand}`."))
}

fn installed(workspace: &Workspace, package: &str) -> bool {
    let mut query = workspace.command("dpkg-query");
    query.args(["--show", "--showformat=${Status}", package]);
    output(&mut query).is_ok_and(|status| status.ends_with("install ok installed"))
}

/// A virtual environment under target/, so that nothing of the machine's own Python is touched.
fn python(workspace: &Workspace, wanted: &BTreeSet<String>) -> Result<PathBuf, String> {
    let home = workspace.root.join("target/clients-venv");
    if !home.join("bin/pip").exists() {
        run(workspace.command("/usr/bin/python3").args(["-m", "venv"]).arg(&home))?;
    }
    let bin = home.join("bin");
    run(pip(workspace, &bin).args(["install", "--quiet", "--disable-pip-version-check"]).args(wanted))?;
    Ok(bin)
}

fn pip(workspace: &Workspace, bin: &Path) -> std::process::Command {
    workspace.command(bin.join("pip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_what_it_needs() {
        let mut needs = Needs::default();
        needs.read("#!/bin/bash\n# apt: opensc gnutls-bin\n# pip: python-pkcs11==0.9.3\necho '# apt: no'\n");
        let of = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        assert_eq!(of(&needs.apt), ["gnutls-bin", "opensc", "python3-venv"]);
        assert_eq!(of(&needs.pip), ["python-pkcs11==0.9.3"]);
    }
}
