//! A full file gives way to a new one, and the oldest is dropped.

use std::fs;

use claviger_audit::{Kind, What};

use crate::world::{SMALL, World, login};

/// A log that has dropped files.
fn rotated() -> World {
    let world = World::new();
    let log = world.log(SMALL);
    (0..100).for_each(|n| login(&log, n));
    world
}

#[test]
fn a_rotated_log_is_whole_bounded_and_says_what_it_dropped() {
    let world = rotated();
    let verdict = world.verdict();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    let files = world.files();
    assert_eq!((verdict.files, files.len()), (3, 3));
    assert!(files[0] > 1);
    let sizes: u64 = files.iter().map(|file| fs::metadata(world.file(*file)).unwrap().len()).sum();
    assert!(sizes < 3 * (SMALL.file_bytes + 500), "{sizes}");
    let (events, _) = world.read();
    let newest = events.iter().rfind(|entry| entry.kind() == Some(Kind::AuditRotated)).unwrap();
    assert_eq!((newest.file, newest.oldest), (files.last().copied(), files.first().copied()));
}

#[test]
fn every_process_rotates_the_same_log() {
    let world = World::new();
    let logs = [world.log(SMALL), world.log(SMALL), world.log(SMALL)];
    (0..150).for_each(|n| login(&logs[n as usize % 3], n));
    assert!(world.verdict().is_whole(), "{:?}", world.faults());
    let calls: Vec<_> = world.read().0.iter().filter_map(|entry| entry.call.parse::<u64>().ok()).collect();
    assert!(calls.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    assert_eq!(calls.last(), Some(&149));
}

#[test]
fn an_old_file_taken_away_is_noticed() {
    let world = rotated();
    let files = world.files();
    fs::remove_file(world.file(files[0])).unwrap();
    assert_eq!(world.verdict().faults.iter().map(|fault| fault.what).collect::<Vec<_>>(), [What::FilesGone]);
}

#[test]
fn a_file_in_the_middle_taken_away_is_noticed() {
    let world = rotated();
    fs::remove_file(world.file(world.files()[1])).unwrap();
    assert_eq!(world.verdict().faults.iter().map(|fault| fault.what).collect::<Vec<_>>(), [What::Broken]);
}

#[test]
fn a_file_cut_before_its_end_is_noticed_by_the_next_one() {
    let world = rotated();
    let path = world.file(world.files()[1]);
    let text = fs::read_to_string(&path).unwrap();
    let end = text.trim_end().rfind('\n').unwrap();
    fs::write(&path, &text[..=end]).unwrap();
    assert_eq!(world.verdict().faults.iter().map(|fault| fault.what).collect::<Vec<_>>(), [What::Broken]);
}

#[test]
fn files_swapped_are_noticed() {
    let world = rotated();
    let files = world.files();
    let [one, two] = [files[0], files[1]].map(|file| fs::read(world.file(file)).unwrap());
    fs::write(world.file(files[0]), two).unwrap();
    fs::write(world.file(files[1]), one).unwrap();
    assert!(!world.verdict().is_whole());
}

#[test]
fn a_reader_sees_the_log_as_it_was_though_files_are_dropped_meanwhile() {
    let world = World::new();
    let log = world.log(SMALL);
    (0..30).for_each(|n| login(&log, n));
    let reader = log.read().unwrap();
    (30..200).for_each(|n| login(&log, n));
    let calls: Vec<_> = reader.filter_map(|item| item.unwrap().call.parse::<u64>().ok()).collect();
    assert_eq!(calls.last(), Some(&29));
}
