//! Which images of one moment are looked at. With n pending changes there are 2^n, and more with a torn one: all where n is
//! small; else every combination of the newest with the older ones all there, all lost or at random, and some that
//! reorder: each change alone, each one missing, each file as if it alone had been written.

use fastrand::Rng;

use crate::disk::{Choice, Disk};

/// Up to so many changes are combined in every way.
const EXHAUSTIVE: usize = 7;
/// So many changes are lost alone, or are there alone.
const SINGLES: usize = 12;

/// The images of a moment when no change has just been made: any combination.
pub(crate) fn of_rest(disk: &Disk, dice: &mut Rng) -> Vec<Choice> {
    let pending = disk.pending();
    let mut choices = combinations(&pending, dice);
    choices.extend(reordered(disk, &pending));
    choices.into_iter().map(|kept| Choice { kept, torn: None }).collect()
}

/// The images of the moment after a change: those in which it is there, whole or torn. Those without it were there before.
pub(crate) fn of_change(disk: &Disk, dice: &mut Rng) -> Vec<Choice> {
    let mut older = disk.pending();
    let Some(newest) = older.pop() else { return Vec::new() };
    let with = |mut kept: Vec<usize>| {
        kept.push(newest);
        kept
    };
    let mut choices = combinations(&older, dice);
    choices.extend(reordered(disk, &older));
    let mut images: Vec<_> = choices.into_iter().map(|kept| Choice { kept: with(kept), torn: None }).collect();
    for tear in disk.tears() {
        let some: Vec<_> = older.iter().copied().filter(|_| dice.bool()).collect();
        for kept in [older.clone(), Vec::new(), some] {
            images.push(Choice { kept: with(kept), torn: Some(tear) });
        }
    }
    images
}

/// Some images of a disk that keeps nothing for certain: enough to show that it loses things.
pub(crate) fn of_lying(disk: &Disk, dice: &mut Rng) -> Vec<Choice> {
    let pending = disk.pending();
    let random = pending.iter().copied().filter(|_| dice.bool()).collect();
    [Vec::new(), random, pending.clone()].into_iter().map(|kept| Choice { kept, torn: None }).collect()
}

fn combinations(pending: &[usize], dice: &mut Rng) -> Vec<Vec<usize>> {
    let (old, new) = pending.split_at(pending.len().saturating_sub(EXHAUSTIVE));
    let mut olds = vec![Vec::new()];
    if !old.is_empty() {
        olds.push(old.to_vec());
        olds.push(old.iter().copied().filter(|_| dice.bool()).collect());
    }
    let masks = 0_u32..1 << new.len();
    let subset =
        |mask: u32| new.iter().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1).map(|(_, number)| *number);
    masks.flat_map(|mask| olds.iter().map(move |old| old.iter().copied().chain(subset(mask)).collect())).collect()
}

/// Images that need many changes to be reordered.
fn reordered(disk: &Disk, pending: &[usize]) -> Vec<Vec<usize>> {
    if pending.len() <= EXHAUSTIVE {
        return Vec::new();
    }
    let newest = || pending.iter().rev().take(SINGLES);
    let mut choices: Vec<Vec<usize>> = newest().map(|number| vec![*number]).collect();
    choices.extend(newest().map(|lost| pending.iter().copied().filter(|number| number != lost).collect()));
    let about: Vec<_> =
        disk.pending().into_iter().zip(disk.about()).filter(|(number, _)| pending.contains(number)).collect();
    let mut files: Vec<_> = about.iter().map(|(_, node)| *node).collect();
    files.sort_unstable();
    files.dedup();
    for file in files {
        choices.push(about.iter().filter(|(_, node)| *node == file).map(|(number, _)| *number).collect());
        choices.push(about.iter().filter(|(_, node)| *node != file).map(|(number, _)| *number).collect());
    }
    choices
}
