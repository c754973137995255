//! `cargo xtask fuzz`: the fuzz targets in `fuzz/`, guided by coverage, for a while each.
//!
//! They are built as cargo-fuzz would without a sanitizer: the counters that libFuzzer follows are an ordinary pass of the
//! compiler, so the toolchain of the workspace does, and nothing is installed but a C++ compiler for libFuzzer itself.
//! Inputs that made the decoders go new ways stay in `target/fuzz` and are where the next run begins.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::workspace::{Outcome, Workspace, output, run};
use crate::{screen, tools};

/// The targets: what each is fed to.
const TARGETS: [(&str, &str); 2] = [("record", "the store's records"), ("object", "the session's objects")];

/// What libFuzzer needs of the compiler.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Longer inputs say nothing new, and a record of this size is long.
const MAX_LEN: u32 = 8192;

/// Runs every target for so many seconds. One that finds nothing new at all is not guided, and fails.
pub(crate) fn all(workspace: &Workspace, seconds: u32) -> Outcome {
    if output(workspace.command("c++").arg("--version")).is_err() {
        tools::provide_packages(workspace, &["g++"])?;
    }
    let built = build(workspace)?;
    for (target, about) in TARGETS {
        screen::heading(&format!("{target}: any bytes as {about}, {seconds} s"));
        let place = built.join("corpus").join(target);
        std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}.", place.display()))?;
        let mut fuzz = workspace.command(built.join("release").join(target));
        fuzz.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_LEN}"));
        fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
        fuzz.arg(format!("-artifact_prefix={}/{target}-", built.display())).arg(&place);
        run(&mut fuzz).map_err(|error| format!("{error} The input is in {}.", built.display()))?;
        let inputs = std::fs::read_dir(&place).map_or(0, Iterator::count);
        if inputs < 2 {
            return Err(format!("{target}: nothing new was found: the run was not guided."));
        }
        screen::say(&format!("{inputs} inputs that each go a way of their own; none did harm"));
    }
    Ok(())
}

/// Builds the targets, and gives the directory with `release` in it.
fn build(workspace: &Workspace) -> Result<PathBuf, String> {
    let version = output(workspace.command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host.")?;
    let directory = workspace.root.join("target").join("fuzz");
    let mut build: Command = workspace.cargo(&["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    // With a target named, the flags are for it alone, and build scripts stay as they are.
    build.args(["--target", host, "--target-dir"]).arg(&directory).env("RUSTFLAGS", COVERAGE);
    run(build.stdout(Stdio::null()))?;
    Ok(directory.join(host))
}
