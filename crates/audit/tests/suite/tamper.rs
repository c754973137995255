//! Somebody who can write the directory but has no key.

use std::fs;

use claviger_audit::{Event, Kind, Limits, Log, Origin, What, verify};

use crate::world::{World, login, now};

/// What is wrong, and where.
fn told(world: &World) -> Vec<(u64, What)> {
    world.verdict().faults.iter().map(|fault| (fault.line, fault.what)).collect()
}

#[test]
fn a_log_that_nobody_touched_is_whole() {
    let world = World::with(20);
    let verdict = world.verdict();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    assert_eq!((verdict.events, verdict.files, verdict.torn), (21, 1, 0));
    assert_eq!(verdict.last.unwrap().0, 21);
}

#[test]
fn a_log_that_was_never_written_is_whole_and_empty() {
    let world = World::new();
    assert!(world.verdict().is_whole());
    assert!(!world.path().exists());
}

#[test]
fn a_changed_line_is_named_and_the_others_hold() {
    let world = World::with(10);
    world.tamper(|lines| lines[4] = lines[4].replace("login", "logout"));
    assert_eq!(told(&world), [(5, What::Changed(1))]);
    assert_eq!(world.read().0.len(), 10);
    assert!(world.faults()[0].starts_with("000001.jsonl, line 5: the line does not follow"));
}

#[test]
fn a_deleted_line_is_noticed() {
    let world = World::with(10);
    world.tamper(|lines| drop(lines.remove(4)));
    assert_eq!(told(&world).first(), Some(&(5, What::Changed(1))));
}

#[test]
fn swapped_lines_are_noticed() {
    let world = World::with(10);
    world.tamper(|lines| lines.swap(4, 5));
    assert!(!world.verdict().is_whole());
}

#[test]
fn a_line_copied_from_before_is_noticed() {
    let world = World::with(10);
    world.tamper(|lines| lines.insert(8, lines[4].clone()));
    assert_eq!(told(&world), [(9, What::Changed(1))]);
}

#[test]
fn lines_copied_from_before_are_not_told_as_events_again() {
    let world = World::with(10);
    world.tamper(|lines| {
        let copied = lines[3..6].to_vec();
        lines.extend(copied);
    });
    assert_eq!(world.read().0.len(), 11);
    assert!(!world.verdict().is_whole());
}

#[test]
fn a_line_forged_without_the_key_is_noticed() {
    let world = World::with(10);
    let forged = World::new();
    let key = claviger_audit::AuditKey::new(&claviger_crypto::Secret::copy_of(&[8; 32])).unwrap();
    let log = Log::open(forged.path(), key, Limits::default(), Origin::new("enemy"));
    login(&log, 1);
    assert!(verify(log.read().unwrap()).is_whole());
    world.tamper(|lines| lines.push(forged.lines()[1].clone()));
    assert_eq!(told(&world), []);
    assert_eq!(world.verdict().torn, 1);
    assert_eq!(world.read().0.len(), 11);
    world.tamper(|lines| lines.insert(6, forged.lines()[1].clone()));
    assert!(told(&world).contains(&(7, What::Changed(1))));
}

#[test]
fn a_whole_log_of_another_key_is_no_log() {
    let world = World::with(10);
    let other = claviger_audit::AuditKey::new(&claviger_crypto::Secret::copy_of(&[8; 32])).unwrap();
    let log = Log::open(world.path(), other, Limits::default(), Origin::new("test"));
    let verdict = verify(log.read().unwrap());
    assert_eq!(verdict.events, 0);
    assert!(verdict.faults.iter().any(|fault| fault.what == What::HeadForged));
}

#[test]
fn a_cut_end_is_noticed_at_once() {
    let world = World::with(10);
    world.tamper(|lines| lines.truncate(7));
    assert_eq!(told(&world), [(0, What::EndCut(4))]);
}

#[test]
fn a_cut_end_stays_noticed_when_the_log_goes_on() {
    let world = World::with(10);
    world.tamper(|lines| lines.truncate(7));
    world.write(2);
    assert_eq!(told(&world), [(8, What::Cut(4))]);
    let (events, _) = world.read();
    assert_eq!(events.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 12, 13, 14]);
    assert_eq!(events[7].kind(), Some(Kind::AuditCut));
}

#[test]
fn a_cut_within_a_line_stays_noticed_when_the_log_goes_on() {
    let world = World::with(10);
    let text = fs::read_to_string(world.file(1)).unwrap();
    fs::write(world.file(1), &text[..text.len() - 30]).unwrap();
    assert!(!world.verdict().is_whole());
    world.write(2);
    let verdict = world.verdict();
    assert_eq!((verdict.torn, verdict.count), (1, 1));
    assert_eq!(verdict.faults[0].what, What::Cut(1));
}

#[test]
fn an_emptied_file_is_noticed_and_the_log_goes_on() {
    let world = World::with(10);
    fs::write(world.file(1), "").unwrap();
    assert_eq!(told(&world), [(0, What::FilesGone), (0, What::EndCut(11))]);
    world.write(2);
    assert!(told(&world).iter().any(|(_, what)| matches!(what, What::Cut(_))));
    assert_eq!(world.kinds().last(), Some(&Kind::Login));
}

#[test]
fn a_file_that_is_gone_is_noticed_and_the_log_goes_on() {
    let world = World::with(10);
    fs::remove_file(world.file(1)).unwrap();
    assert_eq!(told(&world), [(0, What::EndCut(11))]);
    world.write(2);
    assert_eq!(world.files(), [2]);
    let faults = told(&world);
    assert!(faults.contains(&(2, What::Cut(0))) && faults.contains(&(0, What::FilesGone)), "{faults:?}");
    assert_eq!(world.read().0.last().unwrap().seq, 15);
}

#[test]
fn a_missing_head_is_noticed_and_stays_noticed() {
    let world = World::with(10);
    fs::remove_file(world.head()).unwrap();
    assert_eq!(told(&world), [(0, What::HeadGone)]);
    world.write(1);
    assert_eq!(told(&world), [(12, What::Cut(0))]);
}

#[test]
fn a_forged_head_is_noticed_and_stays_noticed() {
    let world = World::with(10);
    for forged in [b"short".to_vec(), vec![0; 96], vec![0xff; 4096]] {
        fs::write(world.head(), forged).unwrap();
        assert_eq!(told(&world).last(), Some(&(0, What::HeadForged)));
    }
    world.write(1);
    assert_eq!(told(&world), [(12, What::Cut(0))]);
}

#[test]
fn an_old_head_hides_nothing() {
    let world = World::with(10);
    let old = fs::read(world.head()).unwrap();
    world.write(10);
    fs::write(world.head(), old).unwrap();
    assert_eq!(told(&world), [(0, What::HeadOld(10))]);
    world.write(1);
    assert!(world.verdict().is_whole());
    assert_eq!(world.verdict().events, 22);
}

#[test]
fn a_log_put_back_together_with_its_head_is_noticed_by_a_process_that_ran_meanwhile() {
    let world = World::with(10);
    let running = world.log(Limits::default());
    let (head, lines) = (fs::read(world.head()).unwrap(), world.lines());
    login(&running, 1);
    login(&running, 2);
    fs::write(world.head(), head).unwrap();
    world.set_lines(&lines);
    // As the documentation says: without such a process this is not noticed.
    assert!(world.verdict().is_whole());
    login(&running, 3);
    assert_eq!(told(&world), [(12, What::Cut(2))]);
    assert_eq!(world.read().0.last().unwrap().seq, 15);
}

#[test]
fn a_log_moved_under_another_number_is_noticed() {
    let world = World::with(10);
    fs::rename(world.file(1), world.file(2)).unwrap();
    assert!(told(&world).contains(&(1, What::Broken)));
}

#[test]
fn no_text_breaks_a_line_or_the_json() {
    let world = World::new();
    let names = ["a\nb", "\u{0}\u{1b}[31m\r\n", "\",\"chain\":\"", "\u{202e}txt", &"x".repeat(100_000), "\u{10ffff}"];
    let log = Log::open(
        world.path(),
        claviger_audit::AuditKey::new(&claviger_crypto::Secret::copy_of(&[7; 32])).unwrap(),
        Limits::default(),
        Origin::new("evil\n{\"seq\":1}\n"),
    );
    for name in names {
        let object = claviger_audit::Object { id: name, label: Some(name), class: None };
        log.append(&Event::new(Kind::KeyCreated, name).to(name).on(object), now()).unwrap();
    }
    assert!(world.verdict().is_whole());
    assert_eq!(world.lines().len(), 1 + names.len());
    assert!(world.lines().iter().all(|line| line.len() < 8000 && !line.contains(char::is_control)));
    let (events, _) = world.read();
    assert_eq!(events[1].label.as_deref(), Some("a\nb"));
    assert_eq!(events[5].label.as_deref().unwrap().chars().count(), 257);
}

#[test]
fn lines_without_end_and_junk_without_end_are_read_in_bounded_memory() {
    let world = World::with(3);
    let mut text = fs::read(world.file(1)).unwrap();
    text.extend(std::iter::repeat_n(b'x', 3 << 20));
    fs::write(world.file(1), &text).unwrap();
    world.write(1);
    let verdict = world.verdict();
    assert_eq!((verdict.count, verdict.torn, verdict.events), (0, 1, 6), "{:?}", verdict.faults);
}
