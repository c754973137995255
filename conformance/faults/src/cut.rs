//! Power cuts: records the workload, rebuilds what a cut could leave, opens it.
//!
//! What the token is before and after each call is not written down anywhere: it is seen, by the same eyes, on a copy of the files
//! between the calls while the process is alive. A copy in which a call that answered CKR_OK has changed nothing that can be
//! seen, though it should have, would be found by the workload's own calls, which build on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use claviger_conformance::fixture;
use fastrand::Rng;

use crate::disk::{Choice, Did, Disk, is_hint};
use crate::frame::Kind;
use crate::observe::{self, Observation};
use crate::place::{Files, Place, told};
use crate::rule::{self, Side, When};
use crate::trace::{self, Frame};
use crate::workload::WORKLOAD;
use crate::{Cut, child, choose, imports};

/// What the workload did, and what the token was.
pub(crate) struct Record {
    pub(crate) frames: Vec<Frame>,
    root: PathBuf,
    root_node: u64,
    /// The files before the first call and after each.
    pub(crate) copies: Vec<Files>,
    /// What the token was then.
    pub(crate) seen: Vec<Observation>,
}

/// An image to be opened.
struct Image {
    /// Which frame of the trace was the last before the cut.
    frame: usize,
    call: usize,
    when: When,
    choice: Choice,
}

/// The same with its files.
struct Built {
    image: Image,
    files: Files,
    /// What the audit log had acknowledged for good, and has lost.
    lost_events: usize,
}

/// What became of the images.
#[derive(Default)]
struct Tally {
    sides: BTreeMap<(bool, Side), usize>,
    violations: Vec<String>,
}

/// Runs it.
pub(crate) fn run(arguments: &Cut) -> Result<(), String> {
    imports::check(&fixture::module()?, &[])?;
    imports::check(
        &fixture::command()?,
        &["linkat", "symlink", "symlinkat", "link", "sendfile64", "splice", "copy_file_range"],
    )?;
    let record = record()?;
    record.print();
    let found = open_images(&record, arguments, false)?;
    let lying = Cut { images: arguments.images.min(LYING_IMAGES), seed: arguments.seed };
    println!("\nThe same on a disk whose fsync of files does nothing (as if only sync_file_range were called):");
    let must_find = open_images(&record, &lying, true)?;
    if must_find.violations.is_empty() {
        return Err("A disk that does not sync lost nothing: these checks see nothing.".to_owned());
    }
    println!("It lost what was acknowledged, as it must: {} violations.", must_find.violations.len());
    match found.violations.len() {
        0 => Ok(()),
        count => Err(format!("{count} images are neither as before nor as after, or have lost what was acknowledged.")),
    }
}

/// How many images show that the checks can fail.
const LYING_IMAGES: usize = 60;
/// How many violations are printed.
const SHOWN: usize = 12;

/// Plays the workload over the shim, and looks at a copy after each call.
pub(crate) fn record() -> Result<Record, String> {
    let (place, glass) = (Place::new()?, Place::new()?);
    let root_node = std::fs::metadata(place.watched()).map_err(told)?.ino();
    let mut player = place.again(&["play"])?;
    place.watch(&mut player)?;
    let mut player = player.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(told)?;
    let (mut turns, said) = (player.stdin.take().ok_or("no pipe")?, player.stdout.take().ok_or("no pipe")?);
    let said = BufReader::new(said).lines();
    let mut copies = vec![Files::new()];
    for line in said {
        line.map_err(told)?;
        copies.push(place.files()?);
        turns.write_all(b"\n").map_err(told)?;
    }
    let status = player.wait().map_err(told)?;
    if !status.success() || copies.len() != WORKLOAD.len() + 1 {
        return Err(format!("The workload did not get to its end: {status}, {} calls.", copies.len() - 1));
    }
    let seen = copies.iter().map(|files| look(&glass, files)).collect::<Result<_, _>>()?;
    Ok(Record { frames: trace::read(&place.trace())?, root: place.watched(), root_node, copies, seen })
}

/// What the token of these files is.
pub(crate) fn look(glass: &Place, files: &Files) -> Result<Observation, String> {
    glass.put(files)?;
    let ended = child::run(&mut glass.again(&["observe"])?)?;
    if let Some(fault) = ended.fault() {
        return Err(format!("the process that opens it {fault}"));
    }
    if !ended.success() {
        return Err(format!("it does not open, or cannot be used: {}", ended.complained.trim()));
    }
    Ok(observe::parse(&ended.said))
}

impl Record {
    fn print(&self) {
        let count = |kind| self.frames.iter().filter(|frame| frame.kind == kind).count();
        let written: usize =
            self.frames.iter().filter(|frame| frame.kind == Kind::Write).map(|frame| frame.bytes.len()).sum();
        println!(
            "Recorded: {} calls of the workload, {} writes ({written} bytes), {} truncations, {} names made, {} renamed, {} taken away, {} syncs.",
            WORKLOAD.len(),
            count(Kind::Write),
            count(Kind::Truncate),
            count(Kind::Create) + count(Kind::Mkdir),
            count(Kind::Rename),
            count(Kind::Unlink),
            count(Kind::Sync),
        );
    }

    /// What the audit log must hold: what it held when the last call returned, but for what the next one drops with an old file.
    fn events(&self, image: &Image) -> BTreeSet<String> {
        let held = |number: usize| self.copies.get(number).map(acknowledged).unwrap_or_default();
        let after = held(image.call + 1);
        if image.when == When::After { after } else { held(image.call).intersection(&after).cloned().collect() }
    }

    fn disk(&self) -> Disk {
        Disk::new(self.root.clone(), self.root_node)
    }

    /// Every image that differs from all others, or from all others of the same call.
    fn images(&self, arguments: &Cut, lying: bool) -> Result<Found, String> {
        let (mut disk, mut dice) = (self.disk(), Rng::with_seed(arguments.seed));
        let most = (arguments.images / IMAGES_OF_A_POINT).clamp(LEAST_POINTS, MOST_POINTS);
        let (mut found, mut known, lengths) = (Found::default(), BTreeSet::new(), self.lengths());
        let (mut call, mut when) = (0, When::During);
        for (frame, entry) in self.frames.iter().enumerate() {
            let did = disk.apply(entry, lying)?;
            if entry.kind == Kind::Mark {
                (call, when) = (entry.node as usize, if entry.value == 1 { When::After } else { When::During });
            }
            let choices = match (did, entry.kind) {
                (Did::Change, _) if !lying => choose::of_change(&disk, &mut dice),
                (_, Kind::Mark) if when == When::After && lying => choose::of_lying(&disk, &mut dice),
                (_, Kind::Mark) if when == When::After => choose::of_rest(&disk, &mut dice),
                _ => continue,
            };
            found.points += 1;
            let length = lengths.get(&call).copied().unwrap_or(0);
            if did == Did::Change && dice.usize(..length.max(1)) >= most {
                continue;
            }
            found.tried += 1;
            let urn = found.urns.entry((call, when == When::After)).or_default();
            for choice in choices {
                if known.insert((call, when == When::After, disk.identity(&choice))) {
                    urn.put(Image { frame, call, when, choice }, &mut dice);
                }
            }
        }
        found.differ = known.len();
        Ok(found)
    }

    /// How many frames each call has.
    fn lengths(&self) -> BTreeMap<usize, usize> {
        let (mut call, mut lengths) = (0, BTreeMap::new());
        for frame in &self.frames {
            if frame.kind == Kind::Mark {
                call = frame.node as usize;
            }
            *lengths.entry(call).or_default() += 1;
        }
        lengths
    }
}

/// A call with more cut points than that is tried at about so many of them: fewer where few images are wanted.
const MOST_POINTS: usize = 200;
const LEAST_POINTS: usize = 25;
const IMAGES_OF_A_POINT: usize = 20;

/// The images there are.
#[derive(Default)]
struct Found {
    /// The cut points of the trace.
    points: usize,
    /// Those whose images were made out.
    tried: usize,
    /// How many images differ.
    differ: usize,
    urns: Urns,
}

/// The images of each call, during it and after.
type Urns = BTreeMap<(usize, bool), Urn>;

/// A fair sample of many images (reservoir sampling, Vitter 1985).
#[derive(Default)]
struct Urn {
    images: Vec<Image>,
    put: usize,
}

impl Urn {
    const ROOM: usize = 2000;

    fn put(&mut self, image: Image, dice: &mut Rng) {
        self.put += 1;
        if self.images.len() < Self::ROOM {
            self.images.push(image);
        } else if let Some(place) = self.images.get_mut(dice.usize(..self.put)) {
            *place = image;
        }
    }
}

fn open_images(record: &Record, arguments: &Cut, lying: bool) -> Result<Tally, String> {
    let Found { points, tried, differ, urns } = record.images(arguments, lying)?;
    let images = sample(urns, arguments);
    let opened = images.len();
    let started = Instant::now();
    let tally = open_all(record, images, arguments.seed, lying)?;
    println!(
        "Cut points: {points}, tried {tried}. Images that differ there: {differ}; opened {opened} of them ({}), seed {}, in {:.0} s.",
        if opened == differ { "all" } else { "a seeded sample" },
        arguments.seed,
        started.elapsed().as_secs_f64()
    );
    for ((returned, side), count) in &tally.sides {
        let moment = if *returned { "after the call" } else { "during the call" };
        println!("  cut {moment}, token as {side:?}: {count}");
    }
    println!("  violations: {}", tally.violations.len());
    for violation in tally.violations.iter().take(if lying { 1 } else { SHOWN }) {
        println!("  {violation}");
    }
    Ok(tally)
}

/// As many of them as are wanted, of each call as many as of the others while there are so many, in the order of the trace.
fn sample(urns: Urns, arguments: &Cut) -> Vec<Image> {
    let mut dice = Rng::with_seed(arguments.seed);
    let mut ranked = Vec::new();
    for mut urn in urns.into_values() {
        dice.shuffle(&mut urn.images);
        ranked.extend(urn.images.into_iter().enumerate());
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut images: Vec<_> = ranked.into_iter().map(|(_, image)| image).take(arguments.images).collect();
    images.sort_by_key(|image| image.frame);
    images
}

/// Builds the images in the order of the trace while others open them.
fn open_all(record: &Record, images: Vec<Image>, seed: u64, lying: bool) -> Result<Tally, String> {
    let (sender, receiver) = mpsc::sync_channel::<Built>(4);
    let (receiver, tally) = (Arc::new(Mutex::new(receiver)), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let openers: Vec<_> = (0..cores).map(|_| scope.spawn(|| open_some(record, &receiver, &tally))).collect();
        let built = build(record, images, seed, lying, &sender);
        drop(sender);
        for opener in openers {
            opener.join().map_err(|_| "A thread that opens images died.".to_owned())??;
        }
        built
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn build(
    record: &Record,
    images: Vec<Image>,
    seed: u64,
    lying: bool,
    to: &mpsc::SyncSender<Built>,
) -> Result<(), String> {
    let (mut disk, mut dice, mut images) = (record.disk(), Rng::with_seed(seed), images.into_iter().peekable());
    for (number, frame) in record.frames.iter().enumerate() {
        disk.apply(frame, lying)?;
        while let Some(image) = images.next_if(|image| image.frame == number) {
            let mut files = disk.image(&image.choice);
            scatter_hints(&mut files, record, image.call, &mut dice);
            let has = audit_lines(&files);
            let lost_events = record.events(&image).iter().filter(|line| !has.contains(*line)).count();
            if to.send(Built { image, files, lost_events }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Of the files that are hints any state will do: as the calls left them, as they were before the call, or none.
fn scatter_hints(files: &mut Files, record: &Record, call: usize, dice: &mut Rng) {
    let before = record.copies.get(call).into_iter().flatten().filter(|(path, _)| is_hint(path));
    for (path, bytes) in before {
        if dice.bool() && path.parent().is_some_and(|directory| files.contains_key(directory)) {
            files.insert(path.clone(), bytes.clone());
        }
    }
    files.retain(|path, _| !is_hint(path) || dice.u8(..3) > 0);
}

fn open_some(record: &Record, images: &Mutex<mpsc::Receiver<Built>>, tally: &Mutex<Tally>) -> Result<(), String> {
    let glass = Place::new()?;
    loop {
        let next = images.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(built) = next else { return Ok(()) };
        let verdict = judge(record, &glass, &built);
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match verdict {
            Ok(side) => *tally.sides.entry((built.image.when == When::After, side)).or_default() += 1,
            Err(violation) => tally.violations.push(violation),
        }
    }
}

fn judge(record: &Record, glass: &Place, built: &Built) -> Result<Side, String> {
    let Image { frame, call: number, when, choice } = &built.image;
    let told = |what: String| {
        let call = WORKLOAD.get(*number).map(ToString::to_string).unwrap_or_default();
        format!("Cut after frame {frame}, {when:?} call {number} ({call}), with {choice:?}: {what}")
    };
    let missing = || told("the trace is longer than the workload".to_owned());
    let call = WORKLOAD.get(*number).copied().ok_or_else(missing)?;
    let (before, after) = (record.seen.get(*number), record.seen.get(number + 1));
    let (before, after) = before.zip(after).ok_or_else(missing)?;
    if built.lost_events > 0 {
        return Err(told(format!("{} events that the audit log had on the disk are gone", built.lost_events)));
    }
    let seen = look(glass, &built.files).map_err(told)?;
    rule::judge(call, *when, &seen, before, after).map_err(told)
}

/// The lines of administrative acts: those are on the disk when their call returns (docs/decisions/0003-audit-log.md).
fn acknowledged(files: &Files) -> BTreeSet<String> {
    const DURABLE: [&str; 6] =
        ["token-initialized", "pin-changed", "pin-reset", "user-created", "key-trusted", "key-retired"];
    let is_durable = |line: &String| DURABLE.iter().any(|kind| line.contains(&format!("\"{kind}\"")));
    audit_lines(files).into_iter().filter(is_durable).collect()
}

fn audit_lines(files: &Files) -> BTreeSet<String> {
    let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "jsonl");
    let logs = files.iter().filter(|(path, _)| is_log(path)).filter_map(|(_, bytes)| bytes.as_deref());
    logs.flat_map(|bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}
