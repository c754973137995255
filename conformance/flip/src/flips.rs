//! A byte at a time: inverted whole, or in one bit at random.
//!
//! After each change the token is looked at twice: without a login, which must leave every file that lasts as it is, and
//! then by each user. Then the byte is put back, and the token must be whole again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::image::Image;
use crate::observer::{Observer, Seen};
use crate::portrait::Look;
use crate::scene::{Scene, WORKERS};
use crate::tally::{Tally, kind_of};
use crate::verdict::Verdict;

/// One change.
struct Flip {
    path: PathBuf,
    offset: usize,
    change: u8,
}

/// Logins are noted in the audit log, so it goes on.
const GROWS: &str = "calm audit";

/// After so many flips the token is looked at again as the users left it, with the byte put back.
const SAMPLE: usize = 16;

/// Who looks at the flips, in turn. A login is dear, most keys are the first user's, and the record that a byte is of is
/// hundreds of bytes long: so one user looks at each, and at some of them all.
const LOOKS: [Look; 8] = [
    Look::User(0),
    Look::User(1),
    Look::User(0),
    Look::User(2),
    Look::User(0),
    Look::User(1),
    Look::User(0),
    Look::Full,
];

/// Flips every `every`-th byte of every file of a stage; gives the number of violations.
///
/// # Errors
/// A sentence when the run itself fails.
pub(crate) fn run(scene: &Scene, stage: &str, every: usize, seed: u64) -> Result<usize, String> {
    let begun = Instant::now();
    let pristine = scene.stage(stage)?;
    let (truth, facts) = scene.truth(stage)?;
    let flips = flips_of(&pristine, every, seed);
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = |worker: usize| -> Result<(), String> {
        let mut observer = scene.observer(&format!("flip-{worker}"), &truth);
        while let Some((number, flip)) = take(&next, &flips) {
            let verdict = judge(&mut observer, &pristine, flip, number)?;
            let what = || format!("{} at {} ^ {:#04x}", flip.path.display(), flip.offset, flip.change);
            tally.lock().unwrap_or_else(PoisonError::into_inner).count(&kind_of(&flip.path), what, &verdict);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("A worker ended badly.".to_owned())))
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let bytes: usize = pristine.0.values().map(Vec::len).sum();
    println!(
        "{stage}: {} files of {bytes} bytes, {facts} facts, {} flips, {:.0} s",
        pristine.0.len(),
        flips.len(),
        begun.elapsed().as_secs_f64()
    );
    tally.print("flips");
    Ok(tally.violations())
}

fn take<'a>(next: &AtomicUsize, flips: &'a [Flip]) -> Option<(usize, &'a Flip)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    flips.get(number).map(|flip| (number, flip))
}

/// The bytes, each inverted, and every other one in one bit. A run that leaves bytes out takes one at random of each
/// stretch, so that all regions are hit; small files are done whole.
fn flips_of(image: &Image, every: usize, seed: u64) -> Vec<Flip> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut flips = Vec::new();
    for (path, bytes) in &image.0 {
        let stretch = if bytes.len() <= SMALL { every.min(SMALL_EVERY) } else { every };
        for start in (0..bytes.len()).step_by(stretch) {
            let offset = start + random.usize(..stretch.min(bytes.len() - start));
            flips.push(Flip { path: path.clone(), offset, change: 0xff });
            if every == 1 || random.bool() {
                flips.push(Flip { path: path.clone(), offset, change: 1 << random.u8(..8) });
            }
        }
    }
    random.shuffle(&mut flips);
    flips
}

/// A file of so many bytes is small,
const SMALL: usize = 128;
/// and of so many bytes of it one is changed at least.
const SMALL_EVERY: usize = 8;

fn judge(observer: &mut Observer, pristine: &Image, flip: &Flip, number: usize) -> Result<Verdict, String> {
    let look = LOOKS.get(number % LOOKS.len()).copied().unwrap_or(Look::Full);
    let flipped = pristine.with_byte(&flip.path, flip.offset, flip.change);
    flipped.put(observer.directory())?;
    let calm = Verdict::on(&observer.look(Look::Calm)?, &[]);
    let after = Image::of(observer.directory())?;
    // What is as it was but for the byte is whole when the byte is put back, without another look.
    let whole =
        if after.lasts_as(&flipped) { Verdict::Unmoved } else { undone(observer, pristine, &after, (flip, look))? };
    let mut verdict = calm.worse(whole);
    if matches!(verdict, Verdict::Unmoved | Verdict::PartRefused) {
        flipped.put(observer.directory())?;
        verdict = verdict.worse(Verdict::on(&observer.look(look)?, &[]));
        if number.is_multiple_of(SAMPLE) {
            let after = Image::of(observer.directory())?;
            verdict = verdict.worse(undone(observer, pristine, &after, (flip, look))?);
        }
    }
    Ok(verdict)
}

/// Puts the byte back and looks whether the token is whole. Where the page that holds it was written anew since, there is
/// nothing to put back.
fn undone(
    observer: &mut Observer,
    pristine: &Image,
    after: &Image,
    (flip, look): (&Flip, Look),
) -> Result<Verdict, String> {
    let before = pristine.with_byte(&flip.path, flip.offset, flip.change);
    let page = |image: &Image| {
        let start = flip.offset - flip.offset % PAGE;
        image.0.get(&flip.path).map(|bytes| bytes.iter().skip(start).take(PAGE).copied().collect::<Vec<_>>())
    };
    let mut image = after.clone();
    if page(after) == page(&before) {
        image = image.with_byte(&flip.path, flip.offset, flip.change);
    } else if page(after) != page(pristine) && after.0.contains_key(&flip.path) && !flip.path.ends_with("store.db-wal")
    {
        return Ok(Verdict::Unmoved);
    }
    image.put(observer.directory())?;
    Ok(match observer.look(look)? {
        Seen::Broken(how) => Verdict::Violated(format!("after it was undone: {how}")),
        Seen::Differences(mut facts) => {
            facts.0.remove(GROWS);
            match facts.0.into_iter().next() {
                None => Verdict::Unmoved,
                Some((name, value)) => Verdict::Violated(format!("not whole after it was undone: {name}: {value:?}")),
            }
        }
    })
}

/// SQLite's page.
const PAGE: usize = 4096;
