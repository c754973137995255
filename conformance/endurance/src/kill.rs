//! `endurance kill`: writers that are killed (SIGKILL) at random moments, while they start, log in and write, and while
//! others go on. After each kill a fresh process looks: what was acknowledged is there, what was under way has happened
//! wholly or not at all, everything can be read and used.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::application::{Application, PATIENCE, Place, Silence};
use crate::book::{Book, Fault, Wrong, label};
use crate::deed::{Act, Deed, choose};
use crate::order::{Answer, Class, Kind, Order, Outcome};
use crate::tally::Tally;
use crate::{lock, officer, seconds};

/// Writers at once, beside the officer.
const WRITERS: usize = 3;
/// Of so many kills one is of a command that administers users.
const OFFICERS_SHARE: u32 = 4;
/// One in so many is killed while it starts, the others after they have logged in.
const EARLY: u32 = 4;
/// The longest that it is let live, from the start or from the login.
const START: Duration = Duration::from_millis(60);
const WORK: Duration = Duration::from_millis(200);
/// What a call takes, until one of its kind was seen.
const TYPICAL: Duration = Duration::from_millis(8);

const MIX: [(Act, u32); 6] =
    [(Act::Login, 2), (Act::MakePair, 8), (Act::MakeSecret, 5), (Act::Sign, 2), (Act::Relabel, 8), (Act::Destroy, 5)];
/// So many objects are enough: each is read and used after each kill.
const ENOUGH: usize = 40;

/// What all writers share.
pub(crate) struct Scene<'a> {
    /// The token.
    pub(crate) place: &'a Place,
    book: Mutex<Book>,
    /// Acts acknowledged so far.
    acknowledged: AtomicU32,
}

/// When a writer was killed.
enum Cut {
    /// Before it had logged in.
    Starting,
    /// The answer to this did not come through.
    During(Deed),
    /// Its last answer had just come through.
    Between,
}

/// What became of the calls that kills cut off: how many had happened and how many not.
#[derive(Default)]
pub(crate) struct Cuts(BTreeMap<&'static str, [u32; 2]>);

/// One part of the run: its counts, and what its kills cut off.
#[derive(Default)]
pub(crate) struct Part {
    /// The counts.
    pub(crate) tally: Tally,
    /// The kills.
    pub(crate) cuts: Cuts,
    /// Of the inspections, how many saw other writers acknowledge something since the kill.
    went_on: u32,
}

impl Cuts {
    /// A kill during `what`, which had happened or not.
    pub(crate) fn count(&mut self, what: &'static str, happened: bool) {
        let [after, before] = self.0.entry(what).or_default();
        *(if happened { after } else { before }) += 1;
    }

    fn total(&self) -> u32 {
        self.0.values().flatten().sum()
    }
}

impl Part {
    fn and(mut self, other: Self) -> Self {
        for (what, [after, before]) in other.cuts.0 {
            let counts = self.cuts.0.entry(what).or_default();
            counts[0] += after;
            counts[1] += before;
        }
        Self { tally: self.tally.and(other.tally), cuts: self.cuts, went_on: self.went_on + other.went_on }
    }
}

/// The whole run.
pub(crate) fn run(count: u32, seed: u64) -> Result<(), String> {
    println!("seed {seed}");
    Place::with_token(|place| run_on(place, count, seed))
}

fn run_on(place: &Place, count: u32, seed: u64) -> Result<(), String> {
    let begun = Instant::now();
    let scene = Scene { place, book: Mutex::new(Book::default()), acknowledged: AtomicU32::new(0) };
    let officers = count / OFFICERS_SHARE;
    let left = AtomicU32::new(count - officers);
    let (scene_ref, left) = (&scene, &left);
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let officer = scope.spawn(move || officer::run(scene_ref, officers, Rng::with_seed(seed)));
        let writers: Vec<_> = (1..=WRITERS as u64)
            .map(|at| scope.spawn(move || writer(scene_ref, left, Rng::with_seed(seed ^ (at << 32)))))
            .collect();
        let threads = writers.into_iter().chain([officer]);
        threads.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let part = parts.into_iter().fold(Part::default(), Part::and);
    report(&part, begun);
    part.tally.verdict()?;
    if part.cuts.total() != count {
        return Err(format!("{} processes were killed, not {count}.", part.cuts.total()));
    }
    afterwards(&scene)
}

fn report(part: &Part, begun: Instant) {
    let Part { tally, cuts, went_on } = part;
    println!("kill: {} processes killed among {} writers; {:.1} s", cuts.total(), WRITERS + 1, seconds(begun));
    println!("  acknowledged: {tally}");
    println!(
        "  {} times an object was read and used after a kill; others had gone on by then {went_on} times",
        tally.looks
    );
    for (what, [after, before]) in &cuts.0 {
        println!("  killed while {what}: {} ({after} happened, {before} did not)", after + before);
    }
}

/// Lives one life after the other until enough have been ended.
fn writer(scene: &Scene<'_>, left: &AtomicU32, mut rng: Rng) -> Part {
    let mut part = Part::default();
    let take = |left: u32| left.checked_sub(1);
    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
        if let Err(sentence) = live(scene, &mut rng, &mut part) {
            part.tally.failures.push(sentence);
            break;
        }
    }
    part
}

/// A process from its start to its kill, and what is there afterwards.
fn live(scene: &Scene<'_>, rng: &mut Rng, part: &mut Part) -> Result<(), String> {
    let pin = scene.place.pin("app1");
    let mut application = Application::spawn(scene.place)?;
    let cut = match start(&mut application, &pin, rng)? {
        None => work(scene, rng, &mut application, &pin, part)?,
        Some(cut) => cut,
    };
    let seen = scene.acknowledged.load(Ordering::SeqCst);
    inspect(scene, cut, part)?;
    part.went_on += u32::from(scene.acknowledged.load(Ordering::SeqCst) > seen);
    Ok(())
}

fn at_random(rng: &mut Rng, most: Duration) -> Duration {
    Duration::from_micros(rng.u64(0..=u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
}

/// Loads the library and logs in, if it is not killed before it has.
fn start(application: &mut Application, pin: &str, rng: &mut Rng) -> Result<Option<Cut>, String> {
    let is_early = rng.u32(0..EARLY) == 0;
    let life = if is_early { at_random(rng, START) } else { PATIENCE };
    match application.ask_until(&Order::Start { pin: Some(pin.to_owned()) }, Instant::now() + life) {
        Ok(Answer { outcome: Err(failure), .. }) => Err(format!("{failure} at the start")),
        Ok(_) if application.killed => Ok(Some(Cut::Starting)),
        Ok(_) => Ok(None),
        Err(Silence::Killed) if is_early => Ok(Some(Cut::Starting)),
        Err(silence) => Err(format!("{silence:?} at the start")),
    }
}

/// Writes until it is killed. Once its time is up,
/// the kill comes at a random moment of a call, from before it to a little after its end.
fn work(
    scene: &Scene<'_>,
    rng: &mut Rng,
    application: &mut Application,
    pin: &str,
    part: &mut Part,
) -> Result<Cut, String> {
    let end = Instant::now() + at_random(rng, WORK);
    let mut typical: BTreeMap<Act, Duration> = BTreeMap::new();
    while !application.killed {
        let deed = choose(&mut lock(&scene.book), rng, &MIX, ENOUGH, pin);
        let begun = Instant::now();
        let takes = typical.get(&deed.act).copied().unwrap_or(TYPICAL);
        let until = begun + if begun < end { PATIENCE } else { at_random(rng, takes + takes / 4) };
        match application.ask_until(&deed.order, until) {
            Ok(answer) => {
                typical.insert(deed.act, begun.elapsed());
                part.tally.count(deed.act, answer.elapsed_us);
                part.tally.faults.extend(deed.settle(&mut lock(&scene.book), answer)?);
                scene.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(Silence::Killed) if begun >= end => return Ok(Cut::During(deed)),
            Err(Silence::Killed) => return Err(format!("hang: no answer within {PATIENCE:?} to {:?}", deed.order)),
            Err(Silence::Ended) => return Err(format!("crash: a writer ended at {:?}", deed.order)),
        }
    }
    Ok(Cut::Between)
}

/// What a fresh process finds, which then writes itself.
fn inspect(scene: &Scene<'_>, cut: Cut, part: &mut Part) -> Result<(), String> {
    let mut application = Application::start(scene.place, Some(scene.place.pin("app1")))?;
    let since = lock(&scene.book).now();
    let Outcome::Seen(seen) = application.must(&Order::Survey { thorough: true })? else {
        return Err("A survey gave something else.".to_owned());
    };
    part.tally.looks += seen.len();
    let mut book = lock(&scene.book);
    match cut {
        Cut::Starting => part.cuts.count("it started", false),
        Cut::Between => part.cuts.count("it had just answered", true),
        Cut::During(Deed { act, change: None, .. }) => part.cuts.count(during(act), false),
        Cut::During(Deed { act, change: Some(change), .. }) => match book.resolve(&change, &seen) {
            Ok(happened) => part.cuts.count(during(act), happened),
            Err(fault) => {
                part.cuts.count(during(act), false);
                part.tally.faults.push(fault);
            }
        },
    }
    part.tally.faults.extend(book.judge_survey(since, &seen));
    drop(book);
    writes(&mut application, &scene.book)?;
    application.finish()
}

/// Makes a key and destroys it: a writer gets its turn whatever the one before it died of.
fn writes(application: &mut Application, book: &Mutex<Book>) -> Result<(), String> {
    let (making, name, label) = lock(book).begin_making_one();
    let made = application.must(&Order::Make { kind: Kind::Secret, label: label.clone() })?;
    let prints = if let Outcome::Made(prints) = made { prints } else { vec![] };
    let destroying = {
        let mut book = lock(book);
        book.settle(&making, true, prints);
        book.begin_destroying(name)
    };
    application.must(&Order::Destroy { class: name.class, label })?;
    lock(book).settle(&destroying, true, vec![]);
    Ok(())
}

/// What it was doing when it was killed.
const fn during(act: Act) -> &'static str {
    match act {
        Act::Login => "C_Login ran",
        Act::MakePair => "C_GenerateKeyPair ran",
        Act::MakeSecret => "C_GenerateKey ran",
        Act::Find => "C_FindObjects ran",
        Act::Sign => "C_Sign or C_Verify ran",
        Act::Relabel => "C_SetAttributeValue ran",
        Act::Destroy => "C_DestroyObject ran",
    }
}

/// With nobody else at work: everything is exactly as the book says, the log is whole, and the checks can fail.
fn afterwards(scene: &Scene<'_>) -> Result<(), String> {
    let mut application = Application::start(scene.place, Some(scene.place.pin("app1")))?;
    let mut survey = || match application.must(&Order::Survey { thorough: true })? {
        Outcome::Seen(seen) => Ok(seen),
        other => Err(format!("a survey gave {other:?}")),
    };
    let book = &mut *lock(&scene.book);
    let seen = survey()?;
    let tally = Tally { faults: book.judge_survey(book.now(), &seen), ..Tally::default() };
    tally.verdict()?;
    println!("  at the end: {} objects, all as acknowledged", seen.len());
    scene.place.audit_is_whole()?;
    println!("  audit log: whole");
    behind_the_back(&mut application, book)?;
    application.finish()
}

/// Checks that the checks can fail: a key destroyed behind the book's back, one whose CKA_ID alone is old, and a pair
/// of which a kill would have left half.
fn behind_the_back(application: &mut Application, book: &mut Book) -> Result<(), String> {
    let mut survey = |order: &Order| {
        application.must(order)?;
        match application.must(&Order::Survey { thorough: true })? {
            Outcome::Seen(seen) => Ok::<_, String>(seen),
            other => Err(format!("a survey gave {other:?}")),
        }
    };
    let mut some = book.idle().filter(|(name, _)| name.class != Class::Secret);
    let (Some(first), Some(second)) = (some.next(), some.nth(1)) else {
        return Err("The scene left too few keys to try the checks with.".to_owned());
    };
    drop(some);
    let named = |(name, revision): (crate::book::Name, u32)| (name.class, label(name, revision));
    let (class, from) = (first.0.class, named(first).1);
    let half = Order::Relabel { class, from, to: label(first.0, first.1 + 1), whole: false };
    let change = book.begin_relabelling(first.0, first.1).0;
    let seen = survey(&half)?;
    let mut told = vec![];
    book.settle(&change, true, vec![]);
    told.extend(book.judge_survey(book.now(), &seen));
    let (class, label) = named(second);
    told.extend(book.judge_survey(book.now(), &survey(&Order::Destroy { class, label })?));
    let (change, label) = book.begin_making(Kind::Pair);
    survey(&Order::Make { kind: Kind::Pair, label: label.clone() })?;
    let seen = survey(&Order::Destroy { class: Class::Public, label })?;
    told.extend(book.resolve(&change, &seen).err());
    let told: Vec<_> = told.iter().map(|Fault(wrong, _)| *wrong).collect();
    // The first stays half while the second is lost.
    if told != [Wrong::Half, Wrong::Half, Wrong::Lost, Wrong::Half] {
        return Err(format!("Of what was done behind the book's back the checks say {told:?}."));
    }
    println!("  the checks can fail: half a change, a key destroyed behind the book's back and half a pair are told");
    Ok(())
}
