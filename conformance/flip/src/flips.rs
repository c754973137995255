//! A byte at a time: inverted whole, or in one bit at random.
//!
//! After each change the token is looked at three times: by `claviger doctor`, which must name what others then miss; without
//! a login, which must leave every file that lasts as it is; and by users. Then the byte is put back, and the token must be
//! whole again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::doctor::{Diagnosis, Doctor};
use crate::image::Image;
use crate::make::FINAL;
use crate::observer::{Observer, Seen};
use crate::portrait::Look;
use crate::regions::{self, Hits, Region};
use crate::scene::{Scene, WORKERS};
use crate::tally::{Tally, kind_of};
use crate::verdict::Verdict;

/// One change.
struct Flip {
    path: PathBuf,
    offset: usize,
    change: u8,
    /// The byte is of a row that the token has now.
    of_record: bool,
}

/// Which bytes are changed.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// One in each stretch of so many bytes,
    pub(crate) every: usize,
    /// and one in each region that is left; or, when this is set, one in each kind of region.
    pub(crate) thin: bool,
    /// What the choices follow from.
    pub(crate) seed: u64,
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

/// Flips a sample of the bytes of every file of a stage; gives the number of violations.
///
/// # Errors
/// A sentence when the run itself fails.
pub(crate) fn run(scene: &Scene, stage: &str, sample: Sample) -> Result<usize, String> {
    let begun = Instant::now();
    let pristine = scene.stage(stage)?;
    let (truth, facts) = scene.truth(stage)?;
    let (flips, hits) = flips_of(&pristine, sample, stage == FINAL);
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = |worker: usize| -> Result<(), String> {
        let mut observer = scene.observer(&format!("flip-{worker}"), &truth);
        let doctor = scene.doctor(&format!("doctor-{worker}"))?;
        while let Some((number, flip)) = take(&next, &flips) {
            let (verdict, diagnosis) = judge(&mut observer, &doctor, &pristine, flip, number)?;
            let what = || format!("{} at {} ^ {:#04x}", flip.path.display(), flip.offset, flip.change);
            tally.lock().unwrap_or_else(PoisonError::into_inner).count(
                &kind_of(&flip.path),
                what,
                &verdict,
                &diagnosis,
            );
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
    hits.print();
    Ok(tally.violations())
}

fn take<'a>(next: &AtomicUsize, flips: &'a [Flip]) -> Option<(usize, &'a Flip)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    flips.get(number).map(|flip| (number, flip))
}

/// Some bytes, each inverted or in one bit; when all are wanted, both.
fn flips_of(image: &Image, sample: Sample, newest: bool) -> (Vec<Flip>, Hits) {
    let mut random = fastrand::Rng::with_seed(sample.seed);
    let (mut flips, mut hits) = (Vec::new(), Hits::default());
    for (path, bytes) in &image.0 {
        let regions = regions::of_file(path, bytes);
        hits.expect(path, &regions);
        for offset in offsets(&regions, bytes.len(), sample, &mut random) {
            let at = regions.partition_point(|region| region.bytes.end <= offset);
            let Some(region) = regions.get(at) else { continue };
            let changes = if sample.every == 1 { [true, true] } else { [true, false] };
            let changes = if random.bool() { changes } else { [changes[1], changes[0]] };
            for (wanted, change) in changes.into_iter().zip([0xff, 1 << random.u8(..8)]) {
                if wanted {
                    hits.count(path, region);
                    let of_record = newest && region.is_of_record();
                    flips.push(Flip { path: path.clone(), offset, change, of_record });
                }
            }
        }
    }
    random.shuffle(&mut flips);
    (flips, hits)
}

/// Of each stretch one byte, and of each region, or each kind of region, that is then left, one.
fn offsets(regions: &[Region], length: usize, sample: Sample, random: &mut fastrand::Rng) -> Vec<usize> {
    let stretch = |start: usize| start..(start + sample.every).min(length);
    let mut offsets: Vec<_> = (0..length).step_by(sample.every).map(|start| random.usize(stretch(start))).collect();
    let mut left: BTreeMap<(&str, usize), Vec<&Region>> = BTreeMap::new();
    for region in regions {
        let group = if sample.thin { 0 } else { region.group };
        left.entry((region.kind, group)).or_default().push(region);
    }
    left.retain(|_, regions| {
        !regions.iter().any(|region| {
            let first = offsets.partition_point(|offset| *offset < region.bytes.start);
            offsets.get(first).is_some_and(|offset| region.bytes.contains(offset))
        })
    });
    for regions in left.values() {
        offsets.extend(random.choice(regions).map(|region| random.usize(region.bytes.clone())));
    }
    offsets
}

fn judge(
    observer: &mut Observer,
    doctor: &Doctor,
    pristine: &Image,
    flip: &Flip,
    number: usize,
) -> Result<(Verdict, Diagnosis), String> {
    let look = LOOKS.get(number % LOOKS.len()).copied().unwrap_or(Look::Full);
    let flipped = pristine.with_byte(&flip.path, flip.offset, flip.change);
    let diagnosis = doctor.look(&flipped)?;
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
    Ok((verdict.with(&diagnosis, flip.of_record), diagnosis))
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
