//! Writers that die at every point, and disks that are full.

use std::fs;

use claviger_audit::{Kind, Limits};

use crate::processes::start;
use crate::world::{World, login};

/// A log, and how it looked before its last event.
struct Before {
    world: World,
    head: Vec<u8>,
    text: Vec<u8>,
}

impl Before {
    fn with(events: u64) -> Self {
        let world = World::with(events);
        let (head, text) = (fs::read(world.head()).unwrap(), fs::read(world.file(1)).unwrap());
        Self { world, head, text }
    }
}

#[test]
fn a_writer_killed_anywhere_in_its_line_costs_that_line_alone() {
    let whole = Before::with(5);
    whole.world.write(1);
    let after = fs::read(whole.world.file(1)).unwrap();
    for length in whole.text.len()..after.len() {
        fs::write(whole.world.file(1), &after[..length]).unwrap();
        fs::write(whole.world.head(), &whole.head).unwrap();
        // A line that lacks nothing but its end is a line.
        let whole_line = u64::from(length == after.len() - 1);
        let torn = u64::from(length > whole.text.len()) - whole_line;
        let verdict = whole.world.verdict();
        let found = (verdict.count, verdict.torn, verdict.events);
        assert_eq!(found, (0, torn, 6 + whole_line), "{length} {:?}", verdict.faults);
        whole.world.write(1);
        let verdict = whole.world.verdict();
        let found = (verdict.count, verdict.torn, verdict.events);
        assert_eq!(found, (0, torn, 7 + torn + whole_line), "{length} {:?}", verdict.faults);
        assert_eq!(whole.world.kinds().contains(&Kind::AuditTorn), torn == 1);
    }
}

#[test]
fn a_writer_killed_before_it_wrote_head_costs_nothing() {
    let before = Before::with(5);
    before.world.write(1);
    fs::write(before.world.head(), &before.head).unwrap();
    assert!(before.world.verdict().is_whole());
    before.world.write(1);
    let verdict = before.world.verdict();
    assert_eq!((verdict.count, verdict.torn, verdict.events), (0, 0, 8));
}

#[test]
fn a_writer_killed_while_it_began_a_file_costs_nothing() {
    let limits = Limits { file_bytes: 900, files: 8 };
    let world = World::new();
    let log = world.log(limits);
    let mut n = 0;
    loop {
        login(&log, n);
        n += 1;
        if fs::metadata(world.file(1)).unwrap().len() >= limits.file_bytes {
            break;
        }
    }
    let head = fs::read(world.head()).unwrap();
    login(&log, n);
    let second = fs::read(world.file(2)).unwrap();
    for length in [0, 1, 40, second.len() / 2, second.len() - 1, second.len()] {
        fs::write(world.file(2), &second[..length]).unwrap();
        fs::write(world.head(), &head).unwrap();
        login(&world.log(limits), 1000);
        let verdict = world.verdict();
        assert!(verdict.is_whole(), "{length} {:?}", verdict.faults);
        assert_eq!(world.read().0.last().unwrap().call, "1000");
        assert_eq!(world.files(), [1, 2]);
    }
}

#[test]
fn on_a_full_disk_the_event_is_refused_counted_and_the_log_stays_whole() {
    let world = World::with(3);
    let length = fs::metadata(world.file(1)).unwrap().len();
    assert!(start(&world.path(), &format!("full:{}", length + 100)).wait().unwrap().success());
    let verdict = world.verdict();
    assert_eq!((verdict.count, verdict.torn), (0, 0), "{:?}", verdict.faults);
    let (events, _) = world.read();
    let lost: Vec<_> = events.iter().filter(|entry| entry.kind() == Some(Kind::AuditLost)).collect();
    assert_eq!(lost.iter().map(|entry| entry.times).collect::<Vec<_>>(), [Some(3)]);
    assert_eq!(events.last().unwrap().call, "4");
}

#[test]
fn on_a_disk_that_is_full_from_the_start_nothing_is_left_behind_that_looks_like_tampering() {
    let world = World::new();
    assert!(start(&world.path(), "full:50").wait().unwrap().success());
    let verdict = world.verdict();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    assert_eq!(world.kinds(), [Kind::AuditOpened, Kind::AuditLost, Kind::Login]);
}
