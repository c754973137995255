//! PKCS#11 3.2, sections 5.1 to 5.20, from a hostile caller: every function of the 3.0 list is called with null,
//! short, misaligned and overlapping memory, with zero, absurd and stale handles and with lying lengths, one bad
//! argument at a time. Each answer must be one that the standard lists for the function (`spec/returns.tsv`), and
//! nothing may crash, hang, or touch a byte past the end of a buffer: buffers end at a page that nobody may touch.
//!
//! Pointers to nowhere and lengths that lie by less than all of memory are not sent: no library can see through them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod functions;
mod scene;

use std::collections::HashMap;

use claviger_conformance::isolated;
use claviger_conformance::raw::RawCalls;
use claviger_conformance::rv::Rv;
use claviger_conformance::token::Token;
use cryptoki_sys::*;

use cases::{Case, Expect};
use functions::{AGAIN, FUNCTIONS, Function, Shape};
use scene::Scene;

const NAME: &str = "every_function_answers_a_hostile_caller_as_the_standard_says";
const WHICH: &str = "CONFORMANCE_HOSTILE";

#[test]
fn every_function_answers_a_hostile_caller_as_the_standard_says() {
    let rows: Vec<&Function> = FUNCTIONS.iter().chain(AGAIN).collect();
    if let Ok(which) = std::env::var(WHICH) {
        return in_child(rows[which.parse::<usize>().unwrap()]);
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let total = std::sync::Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(row) = rows.get(index) else { break };
                    let tally = Tally::of_child(row, index);
                    total.lock().unwrap().add(tally);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!("{} functions, {} cases, {} faults", FUNCTIONS.len(), total.cases, total.faults.len());
    assert!(total.faults.is_empty(), "{}", total.faults.join("\n"));
}

#[test]
fn the_table_has_every_function_of_the_list_in_its_order() {
    let allowed = allowed();
    assert_eq!(FUNCTIONS.len(), 92);
    for function in FUNCTIONS {
        assert!(allowed.contains_key(function.name), "{} has no return values", function.name);
    }
    let standard: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).take(5).collect();
    assert_eq!(standard, ["C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList"]);
    assert_eq!(FUNCTIONS[67].name, "C_WaitForSlotEvent");
}

/// What the children found.
#[derive(Default)]
struct Tally {
    cases: usize,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.faults.extend(other.faults);
    }

    /// Runs the cases of one function in a process of its own. A crash is a fault of the case that was running, and
    /// the cases after it run in the next process.
    fn of_child(function: &Function, index: usize) -> Tally {
        let mut tally = Tally::default();
        let mut skip = 0;
        loop {
            let finished = isolated::with_fresh_fixture(
                NAME,
                &[(WHICH.to_owned(), index.to_string()), ("CONFORMANCE_SKIP".to_owned(), skip.to_string())],
            );
            let lines = |mark: &'static str| finished.output.lines().filter_map(move |line| line.strip_prefix(mark));
            let begun: Vec<&str> = lines("CASE ").collect();
            tally.cases += begun.len();
            tally.faults.extend(lines("FAULT ").map(str::to_owned));
            if finished.output.lines().any(|line| line == "DONE") {
                return tally;
            }
            let ended = finished.status.map_or("hung".to_owned(), |status| status.to_string());
            let Some(last) = begun.last() else {
                let why = finished.output.lines().filter(|line| line.contains(": CKR_") || line.contains("panicked"));
                let why: Vec<&str> = why.take(3).collect();
                tally.faults.push(format!("{}: not one case could be run: {ended} {}", function.name, why.join(" ")));
                return tally;
            };
            tally.faults.push(format!("{last}: {ended}"));
            skip += begun.len();
        }
    }
}

/// One function, all its cases, a line before each and a line for each fault.
fn in_child(function: &Function) {
    // The test runner has begun a line.
    println!();
    let token = Token::with_default_user();
    let calls = RawCalls::of(&token.module);
    let place = FUNCTIONS.iter().position(|row| row.name == function.name).unwrap();
    if place >= calls.count() {
        return println!("DONE");
    }
    let skip: usize = std::env::var("CONFORMANCE_SKIP").unwrap().parse().unwrap();
    let judge = Judge { function, allowed: allowed()[function.name].clone(), strict: token.is_claviger };
    for (number, which) in judge.plan(&token).into_iter().enumerate() {
        if number < skip {
            continue;
        }
        judge.run(&token, &calls, place, which);
    }
    println!("DONE");
}

/// Which case: none for the good call, else the argument and the number of its case.
type Which = Option<(usize, usize)>;

struct Judge<'f> {
    function: &'f Function,
    allowed: Vec<CK_RV>,
    /// Whether CKR_GENERAL_ERROR is a fault although the standard grants it to all.
    strict: bool,
}

impl Judge<'_> {
    fn plan(&self, token: &Token) -> Vec<Which> {
        let mut plan = vec![None];
        for argument in 0..self.function.arguments.len() {
            let mut scene = Scene::set(token, functions::Before::User);
            plan.extend((0..self.bad(argument, &mut scene).len()).map(|number| Some((argument, number))));
        }
        plan
    }

    /// The bad forms of an argument; of an input that an output follows, also those in which the two overlap.
    fn bad(&self, argument: usize, scene: &mut Scene<'_>) -> Vec<Case> {
        let arguments = self.function.arguments;
        let mut all = cases::bad(arguments[argument], scene);
        if let (Shape::In(input), Some(Shape::Out)) = (arguments[argument], arguments.get(argument + 1)) {
            all.extend(cases::overlapping(input, scene));
        }
        all
    }

    fn run(&self, token: &Token, calls: &RawCalls, place: usize, which: Which) {
        let mut scene = Scene::set(token, self.function.before);
        let (mut words, mut name, mut expect) = (Vec::new(), "as it should be", Expect::Any);
        for (argument, shape) in self.function.arguments.iter().enumerate() {
            match which {
                Some((bad, number)) if bad == argument => {
                    let case = self.bad(argument, &mut scene).swap_remove(number);
                    (name, expect) = (case.name, case.expect);
                    words.push(case.words);
                }
                _ => words.push(cases::good(*shape, &mut scene)),
            }
        }
        let words = self.joined(words);
        scene.leave(self.function.before);
        let title = self.title(which, name);
        println!("CASE {title}");
        match calls.call(place, &words) {
            None => println!("FAULT {title}: null pointer in the function list"),
            Some(rv) => self.judge(&title, rv, which, expect),
        }
    }

    /// An overlapping input brings the words of the output along.
    fn joined(&self, words: Vec<Vec<u64>>) -> Vec<u64> {
        let mut joined = Vec::new();
        let mut brought = false;
        for (shape, words) in self.function.arguments.iter().zip(words) {
            if !brought {
                joined.extend(&words);
            }
            brought = matches!(shape, Shape::In(_)) && words.len() == 4;
        }
        joined
    }

    fn title(&self, which: Which, name: &str) -> String {
        match which {
            Some((argument, _)) => format!("{} argument {}: {name}", self.function.name, argument + 1),
            None => format!("{} {name}", self.function.name),
        }
    }

    fn judge(&self, title: &str, rv: Rv, which: Which, expect: Expect) {
        if rv == CKR_FUNCTION_NOT_SUPPORTED {
            return;
        }
        let listed = self.allowed.contains(&rv.0) && !(self.strict && rv == CKR_GENERAL_ERROR);
        let expected = match expect {
            Expect::Any => true,
            Expect::Refusal => rv != CKR_OK,
            Expect::Only(only) => rv == only,
        };
        if !listed {
            println!("FAULT {title}: {rv} is not among the return values of {}", self.function.name);
        } else if !expected {
            println!("FAULT {title}: {rv}");
        } else if which.is_none() && self.strict && !self.may_be_idle() && rv != CKR_OK {
            println!("FAULT {title}: {rv}, so the bad calls prove nothing");
        }
    }

    /// Functions that a correct library may refuse even when called well.
    fn may_be_idle(&self) -> bool {
        let name = self.function.name;
        name.contains("Recover")
            || name.contains("Message")
            || name.contains("State")
            || name.contains("Status")
            || name == "C_CancelFunction"
            || name == "C_WaitForSlotEvent"
            || name == "C_LoginUser"
            || matches!(name, "C_Verify" | "C_VerifyFinal" | "C_SeedRandom")
            || matches!(
                self.function.before,
                functions::Before::DigestingEncrypting
                    | functions::Before::DecryptingDigesting
                    | functions::Before::SigningEncrypting
                    | functions::Before::DecryptingVerifying
            )
            || AGAIN.iter().any(|row| std::ptr::eq(row, self.function))
    }
}

/// Return values by function: those of the table, and those that sections 5.1.1 to 5.1.3 grant to all.
fn allowed() -> HashMap<&'static str, Vec<CK_RV>> {
    let table = include_str!("../../spec/returns.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    rows.map(|(name, codes)| {
        let codes =
            codes.split(' ').map(|code| Rv::from_name(&format!("CKR_{code}")).unwrap_or_else(|| panic!("{code}")));
        (name, codes.map(|rv| rv.0).chain(UNIVERSAL).chain(RECORDED).collect())
    })
    .collect()
}

const UNIVERSAL: [CK_RV; 11] = [
    CKR_OK,
    CKR_GENERAL_ERROR,
    CKR_HOST_MEMORY,
    CKR_FUNCTION_FAILED,
    CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_SESSION_HANDLE_INVALID,
    CKR_DEVICE_REMOVED,
    CKR_DEVICE_MEMORY,
    CKR_DEVICE_ERROR,
    CKR_TOKEN_NOT_PRESENT,
    CKR_TOKEN_NOT_INITIALIZED,
];

/// Everybody returns it where a usage attribute is false, though some lists lack it.
const RECORDED: [CK_RV; 1] = [CKR_KEY_FUNCTION_NOT_PERMITTED];
