//! `attacks`: runs every attack against a PKCS#11 library and prints what became of each.
//!
//! Of Claviger it makes a token in `enforce` and one in `standard`, and judges: in `enforce` nothing succeeds, in
//! `standard` what is marked * does. Of any other library it reports. Each attack runs in a process of its own, so
//! a crash is one line of the table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};
use claviger_conformance::attacks::{ATTACKS, Attack};
use claviger_conformance::fixture::{self, Policy, SO_PIN, Users};
use claviger_conformance::token::Token;

/// Runs the known attacks on the PKCS#11 interface against a library.
#[derive(Parser)]
struct Arguments {
    /// The library [default: Claviger from the target directory]
    #[arg(long)]
    module: Option<PathBuf>,
    /// PIN of the normal user of a token that is there already; without it a fresh token is made
    #[arg(long)]
    pin: Option<String>,
    /// Slot of that token
    #[arg(long, requires = "pin")]
    slot: Option<u64>,
    /// The policy to make the token with and to judge by [default: of Claviger both, of others none]
    #[arg(long)]
    policy: Option<Mode>,
    /// Only these attacks, as A1,A2
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs one attack in this process
    #[arg(long, hide = true)]
    inside: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Enforce,
    Standard,
}

impl From<Mode> for Policy {
    fn from(mode: Mode) -> Policy {
        match mode {
            Mode::Enforce => Policy::Enforce,
            Mode::Standard => Policy::Standard,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(id) = &arguments.inside {
        return inside(id, arguments.policy.map(Policy::from));
    }
    match outside(&arguments) {
        Ok(counts) => {
            println!("{}", counts.line());
            ExitCode::from(u8::from(counts.faults > 0))
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// In the child: runs one attack and prints outcome, fault and details, a line each.
fn inside(id: &str, policy: Option<Policy>) -> ExitCode {
    let Some(attack) = Attack::find(id) else {
        eprintln!("no attack {id}");
        return ExitCode::FAILURE;
    };
    let token = Token::for_attack();
    let outcome = attack.run(&token);
    let fault = attack.fault(&outcome, policy, token.users.named.is_some());
    println!("{outcome}\n{}", fault.unwrap_or_default());
    for detail in outcome.details() {
        println!("{detail}");
    }
    ExitCode::SUCCESS
}

fn outside(arguments: &Arguments) -> Result<Counts, String> {
    let module = match &arguments.module {
        Some(module) => module.clone(),
        None => fixture::module()?,
    };
    let chosen = chosen(&arguments.only)?;
    let mut counts = Counts::default();
    for policy in policies(arguments, &module) {
        let scene = Scene::make(arguments, &module, policy)?;
        println!("{}", scene.title());
        println!("{:<7} {:<46} {:<14} {:<8} what happened", "attack", "name", "outcome", "rules");
        for attack in &chosen {
            let report = scene.run(attack)?;
            counts.add(&report);
            report.print(attack);
        }
        println!();
    }
    Ok(counts)
}

fn chosen(only: &[String]) -> Result<Vec<&'static Attack>, String> {
    if only.is_empty() {
        return Ok(ATTACKS.iter().collect());
    }
    only.iter().map(|id| Attack::find(id).ok_or_else(|| format!("no attack {id}"))).collect()
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

/// A token, and the environment in which a child finds it.
struct Scene {
    module: PathBuf,
    policy: Option<Policy>,
    environment: Vec<(OsString, OsString)>,
    /// Keeps the token's directory.
    _fixture: Box<dyn fixture::Fixture>,
}

impl Scene {
    fn make(arguments: &Arguments, module: &Path, policy: Option<Policy>) -> Result<Scene, String> {
        let fixture = fixture::for_module(module)?;
        let mut pairs = Vec::new();
        if let Some(pin) = &arguments.pin {
            let users = Users { so: SO_PIN.to_owned(), user: pin.clone(), named: None };
            pairs.extend(Token::environment(&users));
            pairs.extend(arguments.slot.map(Token::slot_variable));
        } else if fixture::is_claviger(module) {
            pairs.extend(Token::environment(&fixture.provision(policy.unwrap_or(Policy::Enforce))?));
        }
        let mut environment: Vec<(OsString, OsString)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        if arguments.pin.is_none() {
            environment.extend(fixture.environment().into_iter().map(|(name, value)| (name.into(), value)));
        }
        let absolute = std::path::absolute(module).map_err(|error| error.to_string())?;
        environment.push(("CLAVIGER_MODULE".into(), absolute.into()));
        Ok(Scene { module: module.to_owned(), policy, environment, _fixture: fixture })
    }

    fn title(&self) -> String {
        let name = self.module.file_name().unwrap_or_default().to_string_lossy();
        match self.policy {
            Some(policy) => format!("{name}, policy {}", policy.word()),
            None => format!("{name}, reported without a policy to judge by"),
        }
    }

    fn run(&self, attack: &Attack) -> Result<Report, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["--inside", attack.id]).envs(self.environment.iter().cloned());
        if let Some(policy) = self.policy {
            command.args(["--policy", policy.word()]);
        }
        let output = command.output().map_err(|error| error.to_string())?;
        Ok(Report::read(&output, self.policy.is_some()))
    }
}

/// What a child said of one attack.
struct Report {
    outcome: String,
    fault: String,
    details: Vec<String>,
}

impl Report {
    fn read(output: &std::process::Output, judged: bool) -> Report {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            let mut lines = said.lines().map(str::to_owned);
            let (outcome, fault) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            return Report { outcome, fault, details: lines.collect() };
        }
        let fault = if judged { "could not be tried".to_owned() } else { String::new() };
        let errors = String::from_utf8_lossy(&output.stderr);
        let details = std::iter::once(output.status.to_string()).chain(errors.lines().take(4).map(str::to_owned));
        Report { outcome: "CRASHED".to_owned(), fault, details: details.collect() }
    }

    fn print(&self, attack: &Attack) {
        let id = format!("{}{}", attack.id, if attack.starred { " *" } else { "" });
        let mut details = self.details.clone();
        if !self.fault.is_empty() {
            details.push(format!("FAULT: {}", self.fault));
        }
        let mut details = details.iter();
        let first = details.next().map(String::as_str).unwrap_or_default();
        println!("{id:<7} {:<46} {:<14} {:<8} {first}", attack.name, self.outcome, attack.rules);
        for detail in details {
            println!("{:79}{detail}", "");
        }
    }
}

#[derive(Default)]
struct Counts {
    attacks: u32,
    succeeded: u32,
    refused: u32,
    not_applicable: u32,
    other: u32,
    faults: u32,
}

impl Counts {
    fn add(&mut self, report: &Report) {
        self.attacks += 1;
        *match report.outcome.as_str() {
            "SUCCEEDED" => &mut self.succeeded,
            "refused" => &mut self.refused,
            "not applicable" => &mut self.not_applicable,
            _ => &mut self.other,
        } += 1;
        self.faults += u32::from(!report.fault.is_empty());
    }

    fn line(&self) -> String {
        format!(
            "{} attacks: {} succeeded, {} refused, {} not applicable, {} otherwise; {} faults",
            self.attacks, self.succeeded, self.refused, self.not_applicable, self.other, self.faults
        )
    }
}
