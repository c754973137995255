//! The store against a model that a page holds: random operations through two stores on one directory, with interruptions.
//! After each, users and objects are those of the model, read through either store.
//!
//! An interruption is a store dropped without a word and opened anew, or, over an engine of ours, an error at a random
//! call: then nothing has changed, and the same operation goes through when it is tried again. Not here: processes that
//! die (`cargo xtask kill`) and disks that fail (`cargo xtask cut`, `cargo xtask faults`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use claviger_rules::{Role, UserId};
use claviger_store::memory::Memory;
use claviger_store::storage::{ReadBody, Row, Storage, Table, Transaction, View, WriteBody};
use claviger_store::{Author, Change, Error, Keys, ObjectId, Result, Store};
use common::{PIN, Token, create, new_token, replace};
use proptest::prelude::*;

/// What is done. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Op {
    Create(bool, Vec<u8>),
    Replace(usize, Vec<u8>),
    Delete(usize),
    /// Two changes in one transaction, the second at a version that is not so: neither happens.
    Half(Vec<u8>),
    AddUser,
    Login(usize),
    WrongPin(usize),
    SetPin(usize),
    Unlock(usize),
    /// From here on the other store is used.
    Turn,
    /// The store is dropped and opened anew.
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        5 => (any::<bool>(), bytes()).prop_map(|(private, body)| Op::Create(private, body)),
        4 => (any::<usize>(), bytes()).prop_map(|(which, body)| Op::Replace(which, body)),
        2 => any::<usize>().prop_map(Op::Delete),
        1 => bytes().prop_map(Op::Half),
        1 => Just(Op::AddUser),
        1 => any::<usize>().prop_map(Op::Login),
        2 => any::<usize>().prop_map(Op::WrongPin),
        1 => any::<usize>().prop_map(Op::SetPin),
        1 => any::<usize>().prop_map(Op::Unlock),
        3 => Just(Op::Turn),
        1 => Just(Op::Reopen),
    ]
}

/// What must be there.
#[derive(Default)]
struct Model {
    /// Version, whether private, bytes.
    objects: BTreeMap<ObjectId, (u64, bool, Vec<u8>)>,
    /// Wrong PINs and the present PIN, of the normal users.
    users: BTreeMap<UserId, (String, u32, Vec<u8>)>,
}

impl Model {
    fn object(&self, which: usize) -> Option<(ObjectId, u64)> {
        let (id, (version, ..)) = self.objects.iter().nth(which % self.objects.len().max(1))?;
        Some((*id, *version))
    }

    fn user(&self, which: usize) -> Option<UserId> {
        self.users.keys().nth(which % self.users.len().max(1)).copied()
    }

    /// Does `op` with the store and, if that went well, with the model.
    fn step(&mut self, store: &Store, so: &Keys, op: &Op) -> Result<()> {
        let author = Author::User(so);
        match op {
            Op::Create(private, body) => {
                let made = store.commit(author, &[create(*private, body)])?;
                let id = *made.ids.first().ok_or(Error::Internal)?;
                assert!(
                    self.objects.insert(id, (made.generation, *private, body.clone())).is_none(),
                    "an id given twice"
                );
            }
            Op::Replace(which, body) => {
                let Some((id, version)) = self.object(*which) else { return Ok(()) };
                let made = store.commit(author, &[replace(id, version, body)])?;
                let entry = self.objects.get_mut(&id).ok_or(Error::Internal)?;
                (entry.0, entry.2) = (made.generation, body.clone());
            }
            Op::Delete(which) => {
                let Some((id, expected)) = self.object(*which) else { return Ok(()) };
                store.commit(author, &[Change::Delete { id, expected }])?;
                self.objects.remove(&id);
            }
            Op::Half(body) => {
                let Some((id, version)) = self.object(0) else { return Ok(()) };
                let both = store.commit(author, &[create(true, body), replace(id, version + 1, body)]);
                let Err(error) = both else { panic!("a conflict was committed") };
                return if error == Error::Conflict { Ok(()) } else { Err(error) };
            }
            _ => return self.step_users(store, so, op),
        }
        Ok(())
    }

    fn step_users(&mut self, store: &Store, so: &Keys, op: &Op) -> Result<()> {
        match op {
            Op::AddUser if self.users.len() < 3 => {
                let name = format!("app{}", self.users.len());
                let user = store.create_user(so, &name, Role::NormalUser, PIN)?;
                self.users.insert(user.id, (name, 0, PIN.to_vec()));
            }
            Op::Login(which) | Op::WrongPin(which) => {
                let Some(user) = self.user(*which) else { return Ok(()) };
                let (name, failures, pin) = self.users.get_mut(&user).ok_or(Error::Internal)?;
                let right = matches!(op, Op::Login(_));
                let tried = store.login(false, name, if right { pin } else { b"wrong" }).map(drop);
                match (tried, *failures) {
                    (Err(Error::PinLocked), 10) => {}
                    (Ok(()), 0..10) if right => *failures = 0,
                    (Err(Error::PinIncorrect), 0..10) if !right => *failures += 1,
                    (Err(error @ Error::Io), _) => return Err(error),
                    (other, failures) => panic!("{other:?} after {failures} wrong PINs"),
                }
            }
            Op::SetPin(which) => {
                let Some(user) = self.user(*which) else { return Ok(()) };
                let pin = [PIN, user.0.to_string().as_bytes()].concat();
                store.set_pin(so, user, &pin)?;
                let entry = self.users.get_mut(&user).ok_or(Error::Internal)?;
                (entry.1, entry.2) = (0, pin);
            }
            Op::Unlock(which) => {
                let Some(user) = self.user(*which) else { return Ok(()) };
                store.unlock(so, user)?;
                self.users.get_mut(&user).ok_or(Error::Internal)?.1 = 0;
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares all that `store` has.
    fn check(&self, store: &Store, so: &Keys) {
        let loaded = store.load(Author::User(so)).unwrap();
        assert!(loaded.damaged.is_empty(), "{:?}", loaded.damaged);
        let found: BTreeMap<_, _> = loaded
            .objects
            .iter()
            .map(|object| (object.id, (object.version, object.private, object.body.expose().to_vec())))
            .collect();
        assert_eq!(found, self.objects);
        let users = store.users().unwrap();
        let found: BTreeMap<_, _> = users
            .iter()
            .filter(|user| !user.role.is_so())
            .map(|user| (user.id, (user.name.clone(), user.failures)))
            .collect();
        let wanted: BTreeMap<_, _> =
            self.users.iter().map(|(id, (name, failures, _))| (*id, (name.clone(), *failures))).collect();
        assert_eq!(found, wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn two_stores_on_one_directory_are_one_map(ops in proptest::collection::vec(op(), 1..40)) {
        let token = Token::new();
        let so = token.so();
        let mut stores = [token.another(), token.another()];
        let (mut model, mut at) = (Model::default(), 0usize);
        for op in &ops {
            match op {
                Op::Turn => at = 1 - at,
                Op::Reopen => stores[at] = token.another(),
                op => model.step(&stores[at], &so, op).unwrap(),
            }
            model.check(&stores[1 - at], &so);
        }
    }

    #[test]
    fn an_error_of_the_engine_leaves_nothing_behind(ops in proptest::collection::vec((op(), 0i64..60), 1..40)) {
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let store = Store::over(Box::new(Failing { inner: Memory::new(), left: Arc::clone(&left) })).unwrap();
        store.initialize(&new_token()).unwrap();
        let so = store.login(true, "so", common::SO_PIN).unwrap().keys;
        let mut model = Model::default();
        for (op, calls) in &ops {
            // A login is several transactions, and a try counts before it is judged: it is not cut in two here.
            if !matches!(op, Op::Login(_) | Op::WrongPin(_)) {
                left.store(*calls, Ordering::Relaxed);
            }
            let first = model.step(&store, &so, op);
            left.store(i64::MAX, Ordering::Relaxed);
            model.check(&store, &so);
            match first {
                Ok(()) => {}
                Err(Error::Io) => model.step(&store, &so, op).unwrap(),
                Err(other) => panic!("{op:?}: {other:?}"),
            }
            model.check(&store, &so);
        }
    }
}

/// An engine that fails with `Io` when it has been called so often, and at every call from there on.
struct Failing {
    inner: Memory,
    left: Arc<AtomicI64>,
}

fn spend(left: &AtomicI64) -> Result<()> {
    if left.fetch_sub(1, Ordering::Relaxed) > 0 { Ok(()) } else { Err(Error::Io) }
}

impl Storage for Failing {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        spend(&self.left)?;
        self.inner.read(&mut |view| body(&Counted { inner: view, left: &self.left }))
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        spend(&self.left)?;
        self.inner.write(&mut |change| {
            body(&mut Counting { inner: RefCell::new(change), left: &self.left })?;
            // The commit itself.
            spend(&self.left)
        })
    }

    fn generation(&self) -> Result<u64> {
        spend(&self.left)?;
        self.inner.generation()
    }
}

struct Counted<'a> {
    inner: &'a dyn View,
    left: &'a AtomicI64,
}

impl View for Counted<'_> {
    fn generation(&self) -> u64 {
        self.inner.generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        spend(self.left)?;
        self.inner.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        spend(self.left)?;
        self.inner.scan(table, from, row)
    }
}

struct Counting<'a, 'b> {
    inner: RefCell<&'a mut (dyn Transaction + 'b)>,
    left: &'a AtomicI64,
}

impl View for Counting<'_, '_> {
    fn generation(&self) -> u64 {
        self.inner.borrow().generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        spend(self.left)?;
        self.inner.borrow().get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        spend(self.left)?;
        self.inner.borrow().scan(table, from, row)
    }
}

impl Transaction for Counting<'_, '_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        spend(self.left)?;
        self.inner.borrow_mut().put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        spend(self.left)?;
        self.inner.borrow_mut().delete(table, key)
    }

    fn clear(&mut self, table: Table) -> Result<()> {
        spend(self.left)?;
        self.inner.borrow_mut().clear(table)
    }

    fn advance(&mut self, least: u64) {
        self.inner.borrow_mut().advance(least);
    }
}
