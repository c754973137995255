//! `cargo xtask prove`: shows what the rules guarantee, with the bounds of what was shown, and that each rule is needed.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use claviger_prove::alphabet::Alphabet;
use claviger_prove::universe::Universe;
use claviger_prove::{OUTSIDE, invariants, mutants, saturation, search, table};
use claviger_rules::{Mode, Off, Rule, Rulebook};

/// How many moments a search looks at before it gives up.
const LIMIT: usize = 6_000_000;

/// Shows what the rules guarantee.
#[derive(Parser)]
struct Arguments {
    /// Switch a rule, a clause or a requirement off, by its name: the proof must fail.
    #[arg(long, value_name = "NAME")]
    without: Option<String>,
    /// Do not try what happens without each rule.
    #[arg(long)]
    no_mutants: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let off = match arguments.without.as_deref().map(find) {
        None => None,
        Some(Some(off)) => Some(off),
        Some(None) => {
            let names: Vec<_> = mutants::all().into_iter().map(mutants::name).collect();
            eprintln!("There is nothing of that name to switch off. The names are: {}.", names.join(", "));
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let rules = |mode| off.map_or(Rulebook::of(mode), |off| Rulebook::of(mode).without(off));
    let mut sound = cells(rules);
    sound &= states(rules(Mode::Enforce));
    if off.is_none() && !arguments.no_mutants {
        sound &= without_each();
    }
    println!("\nNot in this model, and tried by the attacks and tests instead: {OUTSIDE}.");
    let verdict = if sound { "Shown" } else { "NOT shown" };
    println!("{verdict}, in {:.0} s.", begun.elapsed().as_secs_f64());
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn find(name: &str) -> Option<Off> {
    mutants::all().into_iter().find(|off| mutants::name(*off).eq_ignore_ascii_case(name))
}

/// (a) The table.
fn cells(rules: impl Fn(Mode) -> Rulebook) -> bool {
    let begun = Instant::now();
    let cells = table::enumerate(rules);
    println!(
        "(a) the policy table, every cell: {} subjects x actions x facts, {:.1} s",
        cells.asked,
        begun.elapsed().as_secs_f64()
    );
    println!("    each answered by the first requirement that fails and is demanded; {} permitted", cells.permitted);
    for (name, wrong) in [
        ("answered otherwise", cells.wrong),
        ("I4   a protected key leaves under an untrusted key", cells.leaks),
        ("I12  somebody else's object is changed, copied, shared, destroyed or wrapped out", cells.strangers),
        ("I7 I16  a key made for trust is used before or after, or with another mechanism", cells.loose),
    ] {
        if wrong > 0 {
            println!("    BROKEN: {name}: {wrong} cells");
        }
    }
    cells.is_sound()
}

/// (b) and (c): states, invariants, saturation, search.
fn states(rules: Rulebook) -> bool {
    let begun = Instant::now();
    let universe = Universe::new(rules, Alphabet::full());
    let edges: usize = universe.states.iter().map(|state| state.edges.len()).sum();
    println!(
        "\n(b) {} templates; {} states that an object can reach, {edges} steps between them; policy functions asked {} times",
        universe.alphabet.births.len(),
        universe.states.len(),
        universe.asked
    );
    let mut sound = true;
    for shown in invariants::check(&universe) {
        let verdict = shown.broken.as_ref().map_or("holds", |_| "BROKEN");
        println!("    {verdict:<6} {:<4} {} ({})", shown.name, shown.says, shown.asked);
        for line in shown.broken.iter().flatten() {
            println!("             {line}");
        }
        sound &= shown.broken.is_none();
    }
    let universe = universe.merged();
    println!("    {} states once those that behave alike are one", universe.states.len());
    sound &= saturate(&universe, begun);
    sound & walk(rules)
}

fn saturate(universe: &Universe, begun: Instant) -> bool {
    let closure = saturation::close(universe);
    let safe = closure.lost.is_empty() && closure.lost_trusted == 0;
    println!(
        "    {} I1 I2 I3 I19  attacker with NU, KM and SO: {} facts in {} rounds, {:.1} s",
        if safe { "holds " } else { "BROKEN" },
        closure.facts,
        closure.rounds,
        begun.elapsed().as_secs_f64()
    );
    println!(
        "           {} classes of values, {} protected, {} data keys given to the attacker; any number of keys, handles and calls",
        closure.classes, closure.protected, closure.leaked
    );
    if !safe {
        println!(
            "           {} protected classes and {} values of keys made for trust become known",
            closure.lost.len(),
            closure.lost_trusted
        );
    }
    safe
}

fn walk(rules: Rulebook) -> bool {
    let universe = Arc::new(Universe::new(rules, Alphabet::small()).merged());
    println!(
        "\n(c) breadth-first search: kS and at most {} more values made, {} templates",
        search::VALUES - 2,
        universe.alphabet.births.len()
    );
    (2..=mutants::HANDLES).all(|handles| search_with(&universe, handles))
}

fn search_with(universe: &Arc<Universe>, handles: usize) -> bool {
    let begun = Instant::now();
    let searched = search::search(universe, handles, LIMIT);
    let (moments, depth, took) = (searched.moments, searched.depth, begun.elapsed().as_secs_f64());
    let bound = if searched.exhausted { "all there are" } else { "then the search's own bound" };
    println!(
        "    {handles} handles at a time: {moments} moments ({bound}), at most {depth} calls that make or change, {took:.1} s"
    );
    let Some(trace) = searched.trace else {
        println!("    no attack");
        return true;
    };
    println!("    ATTACK, the shortest:");
    trace.iter().for_each(|line| println!("      {line}"));
    false
}

/// (d) The mutants.
fn without_each() -> bool {
    let begun = Instant::now();
    println!("\n(d) each rule, clause and requirement switched off in turn");
    let mut missed_rules: Vec<Rule> = Vec::new();
    let mut silent: Vec<Off> = Vec::new();
    for verdict in mutants::judge_all(LIMIT) {
        let off = verdict.off;
        if !verdict.is_missed() {
            silent.push(off);
            continue;
        }
        if !missed_rules.contains(&verdict.rule) {
            missed_rules.push(verdict.rule);
        }
        report(&verdict);
    }
    let names: Vec<_> = silent.iter().map(|off| mutants::name(*off)).collect();
    println!(
        "    no effect in this model (another rule covers it, or it is about what the model leaves out): {}",
        names.join(", ")
    );
    let needed: Vec<_> = Rule::ALL.iter().filter(|rule| IN_MODEL.contains(rule)).collect();
    let unnoticed: Vec<_> = needed.iter().filter(|rule| !missed_rules.contains(rule)).map(|rule| rule.name()).collect();
    println!(
        "    {} of {} rules with an effect in the model are missed, {:.0} s",
        needed.len() - unnoticed.len(),
        needed.len(),
        begun.elapsed().as_secs_f64()
    );
    if !unnoticed.is_empty() {
        println!("    NOT missed: {}", unnoticed.join(", "));
    }
    unnoticed.is_empty() && findings()
}

fn report(verdict: &mutants::Verdict) {
    println!("  without {} ({}):", mutants::name(verdict.off), verdict.rule.name());
    for (name, way) in &verdict.broken {
        println!("      breaks {name}:");
        way.iter().for_each(|line| println!("        {line}"));
    }
    if verdict.lost > 0 {
        println!("      reveals protected values, {} classes of them:", verdict.lost);
    }
    for line in verdict.trace.iter().flatten() {
        println!("        {line}");
    }
}

/// The rules whose effect the model has. R3 is a user's role, which no function changes; R11 is about lengths; R18 is the
/// backup's.
const IN_MODEL: &[Rule] = &[
    Rule::R1,
    Rule::R2,
    Rule::R4,
    Rule::R5,
    Rule::R6,
    Rule::R7,
    Rule::R8,
    Rule::R9,
    Rule::R10,
    Rule::R12,
    Rule::R13,
    Rule::R14,
    Rule::R15,
    Rule::R16,
    Rule::R17,
    Rule::Role,
];

/// The two findings about the published model must be found again.
fn findings() -> bool {
    use claviger_rules::Clause;
    let mut found = true;
    for (name, clause) in [
        (
            "an unwrap under a key that is not trusted at the moment takes the caller's template",
            Clause::UnwrapTemplateAlways,
        ),
        ("what is unwrapped under a trusted key is not forced to be WRAP_WITH_TRUSTED", Clause::UnwrapTemplate),
    ] {
        let verdict = mutants::judge(Off::Clause(clause), LIMIT);
        let attack = verdict.trace.is_some();
        println!("    finding {}: {name}", if attack { "reproduced" } else { "NOT reproduced" });
        found &= attack;
    }
    found
}
