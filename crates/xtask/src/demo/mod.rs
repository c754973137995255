//! `cargo xtask demo`: what the project is for, on a screen. Users are made with the command; everything else goes
//! through the built library by dlopen, as any program would use it.
//!
//! The library finds its token through the environment, and a program cannot safely change its own: so the part that
//! loads the library is a child, `xtask walk`, of the same release build.

mod attacks;
mod flow;
mod stage;
mod throughput;

use std::path::{Path, PathBuf};

use self::stage::Stage;
use crate::screen;
use crate::workspace::{Outcome, Workspace, output, run};

/// The directory of the demo's token, within the workspace.
const PLACE: &str = "token-data/demo";

/// Tells the child where the library is.
const LIBRARY: &str = "CLAVIGER_DEMO_LIBRARY";

/// The library's log of refusals, from which the demo quotes the rules.
const LOG: &str = "refusals.log";

/// The slots of the demo: the rules bind in one, the other is plain PKCS#11.
const SLOTS: [(u64, &str); 2] = [(0, "enforce"), (1, "standard")];

/// Users of the demo with their roles and PINs; `so` is made by init.
const USERS: [(&str, &str, &str); 3] =
    [("kim", "km", "kim-pin"), ("app1", "nu", "app1-pin"), ("app2", "nu", "app2-pin")];
const SO_PIN: &str = "12345678";

/// Builds, makes the token and runs the child.
pub(crate) fn show(workspace: &Workspace) -> Outcome {
    screen::heading("Building the library and the command");
    workspace.build()?;
    let place = workspace.root.join(PLACE);
    make_room(&place)?;
    screen::heading("A token with named users in three roles");
    for (slot, policy) in SLOTS {
        make_token(workspace, &place, slot, policy)?;
    }
    let mut child = workspace.command(workspace.release("xtask"));
    child.arg("walk").env(LIBRARY, workspace.library());
    run(child.env("CLAVIGER_TOKEN_DATA", &place).env("CLAVIGER_LOG", format!("info:{}", log(&place).display())))
}

/// The part that loads the library.
pub(crate) fn walk() -> Outcome {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or(format!("{name} is not set."));
    let mut stage = Stage::open(&from(LIBRARY)?, &log(&from("CLAVIGER_TOKEN_DATA")?))?;
    flow::show(&stage)?;
    attacks::show(&mut stage)?;
    throughput::show(&stage)?;
    screen::success("Done. The token of this demo is in token-data/demo.");
    Ok(())
}

fn log(place: &Path) -> PathBuf {
    place.join(LOG)
}

fn make_room(place: &Path) -> Outcome {
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}.", place.display())),
        _ => Ok(()),
    }
}

/// Makes a token by the command: of the first one every line is shown.
fn make_token(workspace: &Workspace, place: &Path, slot: u64, policy: &str) -> Outcome {
    let number = slot.to_string();
    let quiet = slot != 0;
    if quiet {
        screen::say(&format!("The same in slot {slot} with policy {policy}, for comparison."));
    }
    let claviger = |arguments: &[&str]| -> Outcome {
        let mut command = workspace.command(workspace.claviger());
        command.args(arguments);
        if quiet {
            command.args(["--slot", &number]);
        }
        command.env("CLAVIGER_TOKEN_DATA", place).env("CLAVIGER_PIN", format!("so:{SO_PIN}"));
        let said = output(&mut command)?;
        if !quiet {
            screen::typed(&crate::workspace::line(&command));
            screen::aside(said.trim_end());
        }
        Ok(())
    };
    claviger(&["init", "--label", "demo", "--so-pin", SO_PIN, "--policy", policy])?;
    for (name, role, pin) in USERS {
        claviger(&["user", "create", "--username", name, "--role", role, "--password", pin])?;
    }
    Ok(())
}
