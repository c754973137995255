//! The contract of `storage`, held against every engine.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use claviger_store::memory::Memory;
use claviger_store::sqlite::Sqlite;
use claviger_store::storage::{self, Scan, Storage, Table, Transaction, View};
use claviger_store::{Error, Result};

/// Keys of objects, of users and of what is in `meta`.
const A: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1];
const B: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 2];
const C: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 0];
const LAST: &[u8] = &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const USER: &[u8] = &[0, 0, 0, 1];
const ONE: &[u8] = &[1];

fn put(engine: &dyn Storage, key: &[u8], value: &[u8]) {
    engine.write(&mut |change| change.put(Table::Objects, key, value)).unwrap();
}

fn get(engine: &dyn Storage, key: &[u8]) -> Option<Vec<u8>> {
    storage::read(engine, |view| view.get(Table::Objects, key)).unwrap()
}

fn keys(view: &(impl View + ?Sized), table: Table, from: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    view.scan(table, from, &mut |key, _| {
        keys.push(key.to_vec());
        Ok(Scan::More)
    })
    .unwrap();
    keys
}

fn what_was_put_is_got(engine: &dyn Storage) {
    put(engine, A, b"1");
    put(engine, A, b"2");
    put(engine, LAST, b"last");
    put(engine, C, b"");
    assert_eq!(get(engine, A).as_deref(), Some(&b"2"[..]));
    assert_eq!(get(engine, LAST).as_deref(), Some(&b"last"[..]));
    assert_eq!(get(engine, C).as_deref(), Some(&b""[..]));
    assert_eq!(get(engine, B), None);
}

fn what_is_no_key_of_the_table_is_not_put(engine: &dyn Storage) {
    put(engine, A, b"1");
    let above = [0x80, 0, 0, 0, 0, 0, 0, 1];
    for key in [&b""[..], ONE, USER, &[0; 9], &[0, 0, 0, 0, 0, 0, 0, 0, 1], &above] {
        let put = engine.write(&mut |change| change.put(Table::Objects, key, b"2"));
        assert_eq!(put, Err(Error::Internal), "{key:?}");
        assert_eq!(get(engine, key), None);
        engine.write(&mut |change| change.delete(Table::Objects, key)).unwrap();
    }
    assert_eq!(engine.write(&mut |change| change.put(Table::Users, A, b"2")), Err(Error::Internal));
    storage::read(engine, |view| {
        assert_eq!(keys(view, Table::Objects, b""), [A]);
        Ok(())
    })
    .unwrap();
}

fn tables_are_apart(engine: &dyn Storage) {
    put(engine, A, b"object");
    storage::read(engine, |view| {
        assert_eq!(view.get(Table::Acts, A)?, None);
        assert!(keys(view, Table::Log, b"").is_empty());
        assert!(keys(view, Table::Meta, b"").is_empty());
        Ok(())
    })
    .unwrap();
}

fn a_scan_is_in_key_order_from_the_given_key(engine: &dyn Storage) {
    let zero: &[u8] = &[0; 8];
    for key in [B, A, LAST, C, zero] {
        put(engine, key, b"v");
    }
    storage::read(engine, |view| {
        assert_eq!(keys(view, Table::Objects, b""), [zero, A, B, C, LAST]);
        assert_eq!(keys(view, Table::Objects, B), [B, C, LAST]);
        assert_eq!(keys(view, Table::Objects, &[0, 0, 0, 0, 0, 0, 0xff, 0]), [C, LAST]);
        let mut seen = 0;
        view.scan(Table::Objects, b"", &mut |_, _| {
            seen += 1;
            Ok(if seen == 2 { Scan::Enough } else { Scan::More })
        })?;
        assert_eq!(seen, 2);
        Ok(())
    })
    .unwrap();
}

fn a_transaction_sees_its_own_changes(engine: &dyn Storage) {
    put(engine, A, b"1");
    storage::write(engine, |change| {
        change.put(Table::Objects, B, b"2")?;
        change.delete(Table::Objects, A)?;
        change.delete(Table::Objects, C)?;
        assert_eq!(change.get(Table::Objects, B)?.as_deref(), Some(&b"2"[..]));
        assert_eq!(keys(change, Table::Objects, b""), [B]);
        Ok(())
    })
    .unwrap();
    assert_eq!(get(engine, A), None);
}

fn clearing_empties_one_table(engine: &dyn Storage) {
    put(engine, A, b"1");
    engine.write(&mut |change| change.put(Table::Users, USER, b"1")).unwrap();
    storage::write(engine, |change| {
        change.put(Table::Objects, B, b"2")?;
        change.clear(Table::Objects)?;
        change.put(Table::Objects, C, b"3")
    })
    .unwrap();
    storage::read(engine, |view| {
        assert_eq!(keys(view, Table::Objects, b""), [C]);
        assert_eq!(keys(view, Table::Users, b""), [USER]);
        Ok(())
    })
    .unwrap();
}

fn a_failed_body_leaves_nothing(engine: &dyn Storage) {
    put(engine, A, b"1");
    let before = engine.generation().unwrap();
    let failed = engine.write(&mut |change| {
        change.put(Table::Objects, A, b"2")?;
        change.clear(Table::Objects)?;
        Err(Error::Conflict)
    });
    assert_eq!(failed, Err(Error::Conflict));
    assert_eq!(get(engine, A).as_deref(), Some(&b"1"[..]));
    assert_eq!(engine.generation(), Ok(before));
}

fn every_commit_raises_the_generation_by_one(engine: &dyn Storage) {
    let before = engine.generation().unwrap();
    let mut inside = 0;
    let after = engine
        .write(&mut |change| {
            inside = change.generation();
            Ok(())
        })
        .unwrap();
    assert_eq!((inside, after), (before + 1, before + 1));
    assert_eq!(engine.generation(), Ok(after));
    assert_eq!(storage::read(engine, |view| Ok(view.generation())), Ok(after));
}

fn no_update_is_lost_between_threads(engine: &dyn Storage) {
    let add_one = |change: &mut dyn Transaction| {
        let old = change.get(Table::Meta, ONE)?.map_or(0, |bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
        change.put(Table::Meta, ONE, &(old + 1).to_be_bytes())
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| assert!(engine.write(&mut |change| add_one(change)).is_ok())));
        }
    });
    let sum = storage::read(engine, |view| view.get(Table::Meta, ONE)).unwrap().unwrap();
    assert_eq!(sum, 100_u32.to_be_bytes());
    assert_eq!(engine.generation(), Ok(100));
}

fn a_transaction_is_seen_whole_or_not_at_all(engine: &dyn Storage) {
    let pair = |view: &dyn View| Ok((view.get(Table::Objects, A)?, view.get(Table::Users, USER)?));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for value in 0..50_u8 {
                storage::write(engine, |change| {
                    change.put(Table::Objects, A, &[value])?;
                    change.put(Table::Users, USER, &[value])
                })
                .unwrap();
            }
        });
        while !writer.is_finished() {
            let (one, other) = storage::read(engine, pair).unwrap();
            assert_eq!(one, other);
        }
    });
}

macro_rules! contract {
    ($engine:ident, $open:expr; $($case:ident)*) => {
        mod $engine {
            #[allow(unused_imports, reason = "not every engine's opener needs them")]
            use super::*;
            $(
                #[test]
                fn $case() {
                    let dir = tempfile::tempdir().unwrap();
                    #[allow(clippy::redundant_closure_call)]
                    let engine = $open(dir.path()).unwrap();
                    super::$case(&engine);
                }
            )*
        }
    };
    ($($engine:ident $open:expr;)*) => {
        $(contract! { $engine, $open;
            what_was_put_is_got
            what_is_no_key_of_the_table_is_not_put
            tables_are_apart
            a_scan_is_in_key_order_from_the_given_key
            a_transaction_sees_its_own_changes
            clearing_empties_one_table
            a_failed_body_leaves_nothing
            every_commit_raises_the_generation_by_one
            no_update_is_lost_between_threads
            a_transaction_is_seen_whole_or_not_at_all
        })*
    };
}

contract! {
    memory |_: &Path| -> Result<Memory> { Ok(Memory::new()) };
    sqlite Sqlite::open;
}

#[cfg(feature = "sled")]
contract! { sled claviger_store::sled::Sled::open; }

fn survives_reopening<E: Storage>(open: impl Fn(&Path) -> Result<E>) {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    put(&engine, A, b"1");
    drop(engine);
    // sled gives its lock back a moment after it is dropped.
    let deadline = Instant::now() + Duration::from_secs(5);
    let again = loop {
        match open(dir.path()) {
            Ok(engine) => break engine,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(get(&again, A).as_deref(), Some(&b"1"[..]));
    assert_eq!(again.generation(), Ok(1));
}

#[test]
fn sqlite_survives_reopening() {
    survives_reopening(Sqlite::open);
}

#[cfg(feature = "sled")]
#[test]
fn sled_survives_reopening() {
    survives_reopening(claviger_store::sled::Sled::open);
}

#[test]
fn a_reader_never_waits_for_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Sqlite::open(dir.path()).unwrap(), Sqlite::open(dir.path()).unwrap());
    put(&one, A, b"1");
    let (inside, done) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            storage::write(&one, |change| {
                change.put(Table::Objects, A, b"2")?;
                inside.wait();
                done.wait();
                Ok(())
            })
            .unwrap();
        });
        inside.wait();
        for engine in [&one, &two] {
            assert_eq!(get(engine, A).as_deref(), Some(&b"1"[..]));
        }
        assert_eq!(two.generation(), Ok(1));
        done.wait();
    });
    assert_eq!(get(&two, A).as_deref(), Some(&b"2"[..]));
}
