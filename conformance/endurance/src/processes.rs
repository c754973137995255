//! `endurance processes`: many processes at one token. None fails, nothing acknowledged is lost, nothing destroyed comes
//! back, and each sees what the others changed at its next call.

use std::sync::Mutex;
use std::time::Instant;

use fastrand::Rng;

use crate::application::{Application, Place};
use crate::book::{Book, Fault, Wrong};
use crate::deed::{Act, choose, judge};
use crate::order::{Class, Kind, Order, Outcome};
use crate::tally::{Round, Shares, Tally};
use crate::{lock, pins, seconds};

/// Processes of the mixed scene.
const MIXED: usize = 8;
/// Processes that log in.
const LOGINS: usize = 4;
/// After each round of the mixed scene every process must see exactly what there is.
const ROUNDS: u32 = 5;

/// How often each act is chosen in the mixed scene.
const MIX: [(Act, u32); 7] = [
    (Act::Login, 4),
    (Act::MakePair, 6),
    (Act::MakeSecret, 4),
    (Act::Find, 6),
    (Act::Sign, 6),
    (Act::Relabel, 3),
    (Act::Destroy, 6),
];
/// So many objects are enough.
const ENOUGH: usize = 400;

/// All scenes.
pub(crate) fn run(count: u32, logins: u32, seed: u64) -> Result<(), String> {
    println!("seed {seed}");
    Place::with_token(|place| {
        mixed(place, count, seed)?;
        log_in(place, logins)?;
        pins::run(place)?;
        place.audit_is_whole()?;
        println!("audit log: whole");
        Ok(())
    })
}

/// Works on all items at once.
pub(crate) fn together<T: Send, R: Send>(items: &mut [T], work: impl Fn(usize, &mut T) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let begun = items.iter_mut().enumerate().map(|(at, item)| scope.spawn(move || work(at, item)));
        let begun: Vec<_> = begun.collect();
        begun.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// A process of the mixed scene.
struct Player {
    application: Application,
    rng: Rng,
    pin: String,
    /// The moment of the book up to which it was told what changed.
    told: u64,
}

fn mixed(place: &Place, count: u32, seed: u64) -> Result<(), String> {
    let begun = Instant::now();
    let mut players = (0..MIXED).map(|at| player(place, seed ^ at as u64)).collect::<Result<Vec<_>, _>>()?;
    let book = Mutex::new(Book::default());
    let (mut tally, mut shares) = (Tally::default(), Shares::new(MIXED));
    for round in 0..ROUNDS {
        let part = count * (round + 1) / ROUNDS - count * round / ROUNDS;
        let turns = Round::new(MIXED, part);
        let parts = together(&mut players, |at, player| player.play(&book, part, || turns.step(at)));
        tally = parts.into_iter().fold(tally, Tally::and);
        shares.add(turns);
        let parts = together(&mut players, |_, player| player.sees_all(&book));
        tally = parts.into_iter().fold(tally, Tally::and);
    }
    tally.failures.extend(shares.starved());
    println!("mixed: {MIXED} processes x {count} calls, {tally}; {:.1} s", seconds(begun));
    println!(
        "  {} objects at the end, {} times one was looked at after a change or a round",
        lock(&book).present(),
        tally.looks
    );
    println!("  turns: {}; {shares}", tally.longest());
    tally.verdict()?;
    behind_the_back(&mut players, &lock(&book))?;
    players.into_iter().try_for_each(|player| player.application.finish())
}

fn player(place: &Place, seed: u64) -> Result<Player, String> {
    let pin = place.pin("app1");
    let application = Application::start(place, Some(pin.clone()))?;
    Ok(Player { application, rng: Rng::with_seed(seed), pin, told: 0 })
}

impl Player {
    /// So many calls, each after a look at what the others had changed since the last.
    fn play(&mut self, book: &Mutex<Book>, count: u32, step: impl Fn()) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..count {
            if let Err(sentence) = self.turn(book, &mut tally) {
                tally.failures.push(sentence);
                return tally;
            }
            step();
        }
        tally
    }

    fn turn(&mut self, book: &Mutex<Book>, tally: &mut Tally) -> Result<(), String> {
        let (since, news) = {
            let book = lock(book);
            (book.now(), book.news(self.told))
        };
        self.told = since;
        let wanted = news.iter().map(|(name, revision)| (name.class, crate::book::label(*name, *revision))).collect();
        if let Outcome::Found(counts) = self.application.must(&Order::Find { wanted })? {
            tally.looks += counts.len();
            tally.faults.extend(judge(&lock(book), since, &news, &counts));
        }
        let deed = choose(&mut lock(book), &mut self.rng, &MIX, ENOUGH, &self.pin);
        let answer = self.application.ask(&deed.order)?;
        tally.count(deed.act, answer.elapsed_us);
        tally.faults.extend(deed.settle(&mut lock(book), answer)?);
        Ok(())
    }

    /// While nobody changes anything: all that is there and nothing else.
    fn sees_all(&mut self, book: &Mutex<Book>) -> Tally {
        let mut tally = Tally::default();
        match survey(&mut self.application, &lock(book)) {
            Ok((looks, faults)) => (tally.looks, tally.faults) = (looks, faults),
            Err(sentence) => tally.failures.push(sentence),
        }
        tally
    }
}

/// A survey while nobody changes anything.
fn survey(application: &mut Application, book: &Book) -> Result<(usize, Vec<Fault>), String> {
    match application.must(&Order::Survey { thorough: false })? {
        Outcome::Seen(seen) => Ok((seen.len(), book.judge_survey(book.now(), &seen))),
        other => Err(format!("a survey gave {other:?}")),
    }
}

/// Checks that the checks can fail: what one process does and the book does not know of, another must report.
fn behind_the_back(players: &mut [Player], book: &Book) -> Result<(), String> {
    let [one, other, ..] = players else { return Err("one process sees no other".to_owned()) };
    let secret = book.idle().find(|(name, _)| name.class == Class::Secret);
    let (name, revision) = secret.ok_or("The scene left no secret key to try the checks with.")?;
    let label = crate::book::label(name, revision);
    one.application.must(&Order::Destroy { class: name.class, label: label.clone() })?;
    let searched = other.application.must(&Order::Find { wanted: vec![(name.class, label)] })?;
    let Outcome::Found(counts) = searched else { return Err(format!("a search gave {searched:?}")) };
    let search = judge(book, book.now(), &[(name, revision)], &counts);
    let lost = survey(&mut other.application, book)?.1;
    one.application.must(&Order::Make { kind: Kind::Secret, label: "0.0".to_owned() })?;
    let both = survey(&mut other.application, book)?.1;
    let wrongs = |faults: &[Fault]| faults.iter().map(|fault| fault.0).collect::<Vec<_>>();
    let told = [wrongs(&search), wrongs(&lost), wrongs(&both)];
    if told != [vec![Wrong::Lost], vec![Wrong::Lost], vec![Wrong::Stranger, Wrong::Lost]] {
        return Err(format!("Of a key destroyed and one made behind the book's back the checks say {told:?}."));
    }
    println!("  the checks can fail: a key destroyed behind the book's back is lost, one made is a stranger");
    Ok(())
}

/// Many logins at once, of several users and of one user twice.
fn log_in(place: &Place, count: u32) -> Result<(), String> {
    let begun = Instant::now();
    let users = ["app1", "app1", "app2", "kim"];
    let mut applications = (0..LOGINS).map(|_| Application::start(place, None)).collect::<Result<Vec<_>, _>>()?;
    let (turns, mut shares) = (Round::new(LOGINS, count), Shares::new(LOGINS));
    let parts = together(&mut applications, |at, application| {
        let pin = users.get(at).map(|user| place.pin(user)).unwrap_or_default();
        let mut tally = Tally::default();
        for _ in 0..count {
            match application.ask(&Order::Login { pin: pin.clone() }) {
                Ok(answer) => {
                    tally.count(Act::Login, answer.elapsed_us);
                    tally.failures.extend(answer.outcome.err().map(|failure| failure.to_string()));
                }
                Err(sentence) => tally.failures.push(sentence),
            }
            turns.step(at);
        }
        tally
    });
    let mut tally = parts.into_iter().fold(Tally::default(), Tally::and);
    shares.add(turns);
    tally.failures.extend(shares.starved());
    let rate = f64::from(tally.total()) / seconds(begun);
    println!("logins: {LOGINS} processes x {count}, {tally}; {:.1} s, {rate:.0} a second", seconds(begun));
    println!("  turns: {}; {shares}", tally.longest());
    tally.verdict()?;
    pins::failures_are(place, "app1", 0)?;
    applications.into_iter().try_for_each(Application::finish)
}
