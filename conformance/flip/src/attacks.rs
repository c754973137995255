//! Changes that somebody makes who knows the format and has no key: rows of the database through SQL, and whole files.
//! What is put back is from an earlier state of the same token, before a key was retired, a wrong PIN counted, a PIN reset,
//! a key destroyed, a label changed, the quorum raised and the policy made stricter.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::image::Image;
use crate::make::{FINAL, OPEN, STAGES};
use crate::observer::Seen;
use crate::portrait::Look;
use crate::scene::{Scene, WORKERS};
use crate::sql::{Desk, Row, Tables, delete, is_database, put};
use crate::tally::{Tally, kind_of};
use crate::verdict::{Verdict, silent};

/// A changed token.
struct Attack {
    kind: String,
    what: String,
    image: Image,
}

impl Attack {
    /// Whether a row of the newest state is another one or gone, or there is one too many.
    fn is_of_rows(&self) -> bool {
        self.kind.starts_with("row")
    }
}

/// Of the pairs of rows in a table so many are exchanged.
const PAIRS: usize = 60;

/// Tries every attack, or about one in `every`; gives the number of violations.
///
/// # Errors
/// A sentence when the run itself fails.
pub(crate) fn run(scene: &Scene, every: usize, seed: u64) -> Result<usize, String> {
    let begun = Instant::now();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut attacks = Plan::new(scene, &mut random)?.attacks;
    attacks.retain(|attack| !SAMPLED.iter().any(|kind| attack.kind.starts_with(kind)) || random.usize(..every) == 0);
    let (truth, _) = scene.truth(FINAL)?;
    let count = attacks.len();
    let (left, tally, unsaid) = (Mutex::new(attacks), Mutex::new(Tally::default()), Mutex::new(0usize));
    let work = |worker: usize| -> Result<(), String> {
        let mut observer = scene.observer(&format!("attack-{worker}"), &truth);
        let doctor = scene.doctor(&format!("doctor-{worker}"))?;
        loop {
            let Some(attack) = left.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return Ok(()) };
            let diagnosis = doctor.look(&attack.image)?;
            attack.image.put(observer.directory())?;
            let seen = observer.look(look_at(&attack))?;
            if matches!(&seen, Seen::Differences(facts) if silent(facts)) {
                *unsaid.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
            let verdict = Verdict::on(&seen, &[]).with(&diagnosis, attack.is_of_rows());
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(&attack.kind, || attack.what.clone(), &verdict, &diagnosis);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("A worker ended badly.".to_owned())))
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("attacks: {count} without a key, {:.0} s", begun.elapsed().as_secs_f64());
    tally.print("attacks");
    let unsaid = unsaid.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("  not shown, and no call but `claviger doctor` said why: {unsaid}");
    Ok(tally.violations())
}

/// Of these kinds a short run tries some; of the others, all.
const SAMPLED: [&str; 4] = ["row taken out", "rows exchanged", "row doubled", "file cut"];

/// No row of the change log says anything of its own, so one user looks there; elsewhere all do.
fn look_at(attack: &Attack) -> Look {
    if attack.kind.ends_with(": log") { Look::User(0) } else { Look::Full }
}

struct Plan<'a> {
    scene: &'a Scene,
    desk: Desk,
    pristine: Image,
    tables: Tables,
    attacks: Vec<Attack>,
}

impl<'a> Plan<'a> {
    fn new(scene: &'a Scene, random: &mut fastrand::Rng) -> Result<Self, String> {
        let desk = Desk::new(&scene.directory("desk"))?;
        let pristine = scene.stage(FINAL)?;
        let tables = desk.tables(&pristine)?;
        let mut plan = Self { scene, desk, pristine, tables, attacks: Vec::new() };
        plan.rows(random)?;
        plan.older()?;
        plan.files();
        Ok(plan)
    }

    fn add(&mut self, kind: impl Into<String>, what: impl Into<String>, image: Image) {
        self.attacks.push(Attack { kind: kind.into(), what: what.into(), image });
    }

    /// Each row taken out and put under other keys, and rows exchanged.
    fn rows(&mut self, random: &mut fastrand::Rng) -> Result<(), String> {
        for (table, rows) in self.tables.clone() {
            for (key, value) in &rows {
                let what = format!("{table} {key}");
                let without = self.desk.edit(&self.pristine, |db| delete(db, &table, *key))?;
                self.add(format!("row taken out: {table}"), &what, without);
                for other in other_keys(*key, &rows, random) {
                    let doubled = self.desk.edit(&self.pristine, |db| put(db, &table, (other, value)))?;
                    self.add(format!("row doubled: {table}"), format!("{what} at {other}"), doubled);
                }
            }
            for (one, two) in pairs(&rows, random) {
                let exchanged = self.desk.edit(&self.pristine, |db| {
                    put(db, &table, (one.0, &two.1))?;
                    put(db, &table, (two.0, &one.1))
                })?;
                let what = format!("{table} {} and {}", one.0, two.0);
                self.add(format!("rows exchanged: {table}"), what, exchanged);
            }
        }
        Ok(())
    }

    /// Rows, tables and files from earlier states.
    fn older(&mut self) -> Result<(), String> {
        for stage in STAGES.into_iter().filter(|stage| ![FINAL, OPEN].contains(stage)) {
            let old = self.scene.stage(stage)?;
            for (table, rows) in self.desk.tables(&old)? {
                self.older_rows(stage, &table, &rows)?;
                let back = self.desk.edit(&self.pristine, |db| {
                    db.execute(&format!("DELETE FROM {table}"), [])?;
                    rows.iter().try_for_each(|(key, value)| put(db, &table, (*key, value)))
                })?;
                self.add(format!("table put back: {table}"), stage, back);
            }
            self.older_files(stage, &old)?;
        }
        Ok(())
    }

    fn older_rows(&mut self, stage: &str, table: &str, rows: &[Row]) -> Result<(), String> {
        let present =
            self.tables.iter().find(|(name, _)| name == table).map(|(_, rows)| rows.clone()).unwrap_or_default();
        for row in rows.iter().filter(|row| !present.contains(row)) {
            let back = self.desk.edit(&self.pristine, |db| put(db, table, (row.0, &row.1)))?;
            self.add(format!("row put back: {table}"), format!("{table} {} from {stage}", row.0), back);
        }
        Ok(())
    }

    fn older_files(&mut self, stage: &str, old: &Image) -> Result<(), String> {
        let database = old.0.iter().filter(|(path, _)| is_database(path));
        let mut back = self.pristine.clone();
        back.0.retain(|path, _| !is_database(path));
        back.0.extend(database.map(|(path, bytes)| (path.clone(), bytes.clone())));
        self.add("database put back", stage, back.clone());
        let newest = generation(&self.desk, &self.pristine)?;
        let aged = self.desk.edit(&back, |db| db.execute("UPDATE generation SET value = ?1", [newest]).map(drop))?;
        self.add("database put back", format!("{stage}, with the newest generation"), aged);
        for (path, bytes) in old.0.iter().filter(|(path, _)| !is_database(path)) {
            if self.pristine.0.get(path) != Some(bytes) {
                let mut back = self.pristine.clone();
                back.0.insert(path.clone(), bytes.clone());
                self.add(format!("file put back: {}", kind_of(path)), stage, back);
            }
        }
        Ok(())
    }

    /// Files removed and cut.
    fn files(&mut self) {
        let files: Vec<(PathBuf, Vec<u8>)> = self.pristine.0.iter().map(|(p, b)| (p.clone(), b.clone())).collect();
        for (path, bytes) in files {
            let mut without = self.pristine.clone();
            without.0.remove(&path);
            self.add(format!("file removed: {}", kind_of(&path)), path.display().to_string(), without);
            for length in cuts(bytes.len()) {
                let mut cut = self.pristine.clone();
                cut.0.insert(path.clone(), bytes.iter().take(length).copied().collect());
                self.add(format!("file cut: {}", kind_of(&path)), format!("{} to {length}", path.display()), cut);
            }
        }
    }
}

fn generation(desk: &Desk, image: &Image) -> Result<i64, String> {
    let mut found = 0;
    desk.edit(image, |db| {
        found = db.query_row("SELECT value FROM generation", [], |row| row.get(0))?;
        Ok(())
    })?;
    Ok(found)
}

/// A key that is free, and that of another row.
fn other_keys(key: i64, rows: &[Row], random: &mut fastrand::Rng) -> Vec<i64> {
    let free = rows.iter().map(|(taken, _)| taken + 100).max();
    let taken = random.choice(rows).map(|(other, _)| *other);
    free.into_iter().chain(taken.filter(|other| *other != key)).collect()
}

fn pairs<'a>(rows: &'a [Row], random: &mut fastrand::Rng) -> Vec<(&'a Row, &'a Row)> {
    let mut pairs: Vec<_> =
        rows.iter().enumerate().flat_map(|(at, one)| rows.iter().skip(at + 1).map(move |two| (one, two))).collect();
    random.shuffle(&mut pairs);
    pairs.truncate(PAIRS);
    pairs
}

/// Where a file is cut: at its ends, in its middle, and at and beside the borders of pages.
fn cuts(length: usize) -> Vec<usize> {
    let borders = (0..length).step_by(4096).flat_map(|border| [border, border + 1, (border + 4096).saturating_sub(1)]);
    let mut cuts: Vec<_> = borders.chain([1, length / 2, length.saturating_sub(1)]).filter(|at| *at < length).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}
