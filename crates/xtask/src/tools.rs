//! Programs from outside that the client scripts need. Each script names its own in `# apt:` lines; as root they are
//! installed, otherwise the sentence says how. Nothing is ever left out because it is missing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::workspace::{Outcome, Workspace, output, run};

/// Makes sure that every package the scripts name is there.
pub(crate) fn provide(workspace: &Workspace, scripts: &[PathBuf]) -> Outcome {
    let mut wanted = BTreeSet::new();
    for script in scripts {
        let text = std::fs::read_to_string(script).map_err(|error| format!("{}: {error}.", script.display()))?;
        wanted.extend(packages(&text).map(str::to_owned));
    }
    provide_packages(workspace, &wanted.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Makes sure that these packages are there.
pub(crate) fn provide_packages(workspace: &Workspace, wanted: &[&str]) -> Outcome {
    let missing: Vec<_> = wanted.iter().copied().filter(|package| !installed(workspace, package)).collect();
    if missing.is_empty() { Ok(()) } else { install(workspace, &missing) }
}

/// The packages that a script names.
fn packages(script: &str) -> impl Iterator<Item = &str> {
    script.lines().filter_map(|line| line.strip_prefix("# apt:")).flat_map(str::split_whitespace)
}

fn installed(workspace: &Workspace, package: &str) -> bool {
    let mut query = workspace.command("dpkg-query");
    query.args(["--show", "--showformat=${Status}", package]);
    output(&mut query).is_ok_and(|status| status.ends_with("install ok installed"))
}

fn install(workspace: &Workspace, missing: &[&str]) -> Outcome {
    let by_hand = format!("apt-get install --yes {}", missing.join(" "));
    if output(workspace.command("id").arg("-u"))?.trim() != "0" {
        return Err(format!("Programs are missing. Install them with `sudo {by_hand}` and run this again."));
    }
    run(workspace.command("apt-get").arg("update"))?;
    let mut install = workspace.command("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(missing);
    run(install.env("DEBIAN_FRONTEND", "noninteractive")).map_err(|error| format!("{error} Try `{by_hand}`."))
}

#[cfg(test)]
mod tests {
    use super::packages;

    #[test]
    fn a_script_names_what_it_needs() {
        let script = "#!/bin/bash\n# apt: opensc gnutls-bin\n# apt: openssl\necho '# apt: no'\n";
        assert_eq!(packages(script).collect::<Vec<_>>(), ["opensc", "gnutls-bin", "openssl"]);
    }
}
