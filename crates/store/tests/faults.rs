//! A fault at every call of the storage below the store: each operation has happened wholly or not at all, and says so.
//!
//! The engine is asked through a decorator that fails at the n-th call: a read or a write that does not begin, a get, a scan, a
//! put, a delete, a clear, a commit that is refused, and a commit that is done and not acknowledged. For n from 1 until
//! the operation gets through. Over the engine in memory and over SQLite.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

mod common;

use claviger_crypto::Secret;
use claviger_rules::{Mode, Role, UserId};
use claviger_store::memory::Memory;
use claviger_store::sqlite::Sqlite;
use claviger_store::storage::{ReadBody, Row, Storage, Table, Transaction, View, WriteBody};
use claviger_store::{Act, Author, Change, Error, HeaderChange, Keys, NewToken, Result, Settings, Store};
use common::{PIN, SO_PIN, alone, create, new_token, replace, settings};

/// When the storage fails, and how it has been called.
#[derive(Default)]
struct Plan {
    /// The call that fails, from 1; 0 for none.
    at: AtomicUsize,
    calls: AtomicUsize,
    hits: AtomicUsize,
}

impl Plan {
    fn arm(&self, at: usize) {
        self.at.store(at, Ordering::SeqCst);
        self.calls.store(0, Ordering::SeqCst);
        self.hits.store(0, Ordering::SeqCst);
    }

    /// Whether the fault was come upon. None comes any more.
    fn disarm(&self) -> bool {
        self.at.store(0, Ordering::SeqCst);
        self.hits.load(Ordering::SeqCst) > 0
    }

    fn call(&self, error: Error) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if call != self.at.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.hits.fetch_add(1, Ordering::SeqCst);
        Err(error)
    }
}

/// The decorator.
struct Failing(Box<dyn Storage>, Arc<Plan>);

/// A view or a transaction of it.
struct Watched<'a, V: ?Sized>(&'a mut V, &'a Plan);
struct Seeing<'a>(&'a dyn View, &'a Plan);

impl Storage for Failing {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        self.1.call(Error::Io)?;
        self.0.read(&mut |view| body(&Seeing(view, &self.1)))
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        self.1.call(Error::Busy)?;
        let generation = self.0.write(&mut |change| {
            body(&mut Watched(change, &self.1))?;
            self.1.call(Error::Full)
        })?;
        // The one error after which a change may have happened.
        self.1.call(Error::Io)?;
        Ok(generation)
    }

    fn generation(&self) -> Result<u64> {
        self.1.call(Error::Io)?;
        self.0.generation()
    }
}

impl View for Seeing<'_> {
    fn generation(&self) -> u64 {
        self.0.generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.1.call(Error::Io)?;
        self.0.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        self.1.call(Error::Io)?;
        self.0.scan(table, from, row)
    }
}

impl View for Watched<'_, dyn Transaction + '_> {
    fn generation(&self) -> u64 {
        self.0.generation()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.1.call(Error::Io)?;
        self.0.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], row: &mut Row<'_>) -> Result<()> {
        self.1.call(Error::Io)?;
        self.0.scan(table, from, row)
    }
}

impl Transaction for Watched<'_, dyn Transaction + '_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.1.call(Error::Full)?;
        self.0.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.1.call(Error::Io)?;
        self.0.delete(table, key)
    }

    fn clear(&mut self, table: Table) -> Result<()> {
        self.1.call(Error::Io)?;
        self.0.clear(table)
    }

    fn advance(&mut self, least: u64) {
        self.0.advance(least);
    }
}

/// A token on failing storage, and who is logged in.
struct Scene {
    store: Store,
    plan: Arc<Plan>,
    so: Keys,
    app: Keys,
    app2: UserId,
}

impl Scene {
    fn new(engine: Box<dyn Storage>) -> Self {
        let plan = Arc::new(Plan::default());
        let store = Store::over(Box::new(Failing(engine, Arc::clone(&plan)))).unwrap();
        let settings = Settings { max_pin_failures: 1000, ..settings() };
        store.initialize(&NewToken { settings, ..new_token() }).unwrap();
        let so = store.login(true, "so", SO_PIN).unwrap().keys;
        store.create_user(&so, "app1", Role::NormalUser, PIN).unwrap();
        let app2 = store.create_user(&so, "app2", Role::NormalUser, PIN).unwrap().id;
        let app = store.login(false, "app1", PIN).unwrap().keys;
        store.commit(Author::User(&app), &[create(true, b"text"), create(false, b"open")]).unwrap();
        Self { store, plan, so, app, app2 }
    }

    fn author(&self) -> Author<'_> {
        Author::User(&self.app)
    }

    /// Id and version of the first object whose bytes begin so.
    fn find(&self, beginning: &[u8]) -> Result<(claviger_store::ObjectId, u64, Vec<u8>)> {
        let loaded = self.store.load(self.author())?;
        let found = loaded.objects.iter().find(|object| object.body.expose().starts_with(beginning)).unwrap();
        Ok((found.id, found.version, found.body.expose().to_vec()))
    }

    fn see(&self) -> Seen {
        let header = self.store.header().unwrap().unwrap();
        let users = self.store.users().unwrap();
        let examined = self.store.examine(Some(self.author())).unwrap();
        assert!(examined.findings.is_empty(), "{:?}", examined.findings);
        // After an initialisation the login is of another token.
        let loaded = self.store.load(self.author()).ok();
        assert!(
            loaded.as_ref().is_none_or(|loaded| loaded.damaged.is_empty()),
            "damaged: {:?}",
            loaded.map(|l| l.damaged)
        );
        let mut objects: Vec<_> = loaded.iter().flat_map(|loaded| &loaded.objects).collect::<Vec<_>>();
        objects.sort_by(|one, other| one.body.expose().cmp(other.body.expose()));
        Seen {
            label: String::from_utf8(header.label.to_vec()).unwrap(),
            most_failures: header.settings.max_pin_failures,
            users: users.iter().map(|user| (user.name.clone(), user.failures)).collect(),
            objects: objects.iter().map(|object| String::from_utf8(object.body.expose().to_vec()).unwrap()).collect(),
            found: self.store.find(self.author(), &[TERM.to_vec()]).map_or(0, |found| found.unwrap().objects.len()),
            acts: self.store.pending(0).unwrap().acts.len(),
        }
    }
}

/// What can be seen of the token.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    label: String,
    most_failures: u32,
    /// Wrong PINs by name.
    users: BTreeMap<String, u32>,
    objects: Vec<String>,
    /// How many objects are found by [`TERM`].
    found: usize,
    acts: usize,
}

impl Seen {
    fn count(&mut self, user: &str, failures: u32) {
        self.users.insert(user.to_owned(), failures);
    }

    fn add(&mut self, object: &str) {
        self.objects.push(object.to_owned());
        self.objects.sort();
        self.found += 1;
    }
}

/// An operation: what comes before it each time, itself, and what it makes of the token.
struct Operation {
    name: &'static str,
    before: fn(&Scene),
    run: fn(&Scene, &Seen) -> Result<()>,
    after: fn(&mut Seen),
    /// Whose PIN it tries: its wrong PINs may be one more until the try is settled.
    tries: Option<&'static str>,
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "commit of a pair",
        before: nothing,
        run: |scene, _| {
            let pair = [findable(true, b"private half"), findable(false, b"public half")];
            scene.store.commit(scene.author(), &pair).map(drop)
        },
        after: |seen| {
            seen.add("private half");
            seen.add("public half");
        },
        tries: None,
    },
    Operation {
        name: "commit of a change",
        before: nothing,
        run: |scene, _| {
            let (id, version, mut body) = scene.find(b"text")?;
            body.push(b'+');
            scene.store.commit(scene.author(), &[replace(id, version, &body)]).map(drop)
        },
        after: |seen| {
            let text = seen.objects.iter_mut().find(|object| object.starts_with("text")).unwrap();
            text.push('+');
            seen.objects.sort();
        },
        tries: None,
    },
    Operation {
        name: "commit of an end",
        before: |scene| {
            scene.store.commit(scene.author(), &[findable(true, b"victim")]).unwrap();
        },
        run: |scene, _| {
            let (id, expected, _) = scene.find(b"victim")?;
            scene.store.commit(scene.author(), &[Change::Delete { id, expected }]).map(drop)
        },
        after: |seen| {
            let victim = seen.objects.iter().position(|object| object == "victim").unwrap();
            seen.objects.remove(victim);
            seen.found -= 1;
        },
        tries: None,
    },
    Operation {
        name: "create_user",
        before: |scene| {
            let made = scene.store.users().unwrap().into_iter().find(|user| user.name == "new");
            if let Some(user) = made {
                alone(&scene.store, &scene.so, &Act::DeleteUser(user.id), scene.store.generation().unwrap(), &[])
                    .unwrap();
            }
        },
        run: |scene, _| scene.store.create_user(&scene.so, "new", Role::NormalUser, PIN).map(drop),
        after: |seen| seen.count("new", 0),
        tries: None,
    },
    Operation {
        name: "deletion of a user",
        before: |scene| {
            if scene.store.users().unwrap().iter().all(|user| user.name != "new") {
                scene.store.create_user(&scene.so, "new", Role::NormalUser, PIN).unwrap();
            }
        },
        run: |scene, _| {
            let user = scene.store.users()?.into_iter().find(|user| user.name == "new").unwrap();
            alone(&scene.store, &scene.so, &Act::DeleteUser(user.id), scene.store.generation()?, &[])
        },
        after: |seen| {
            seen.users.remove("new");
        },
        tries: None,
    },
    Operation {
        name: "change of the header",
        before: nothing,
        run: |scene, before| {
            let change = HeaderChange { max_pin_failures: Some(before.most_failures + 1), ..HeaderChange::default() };
            alone(&scene.store, &scene.so, &Act::ChangeHeader(change), scene.store.generation()?, &[])
        },
        after: |seen| seen.most_failures += 1,
        tries: None,
    },
    Operation {
        name: "login with a wrong PIN",
        before: nothing,
        run: |scene, _| answered_wrong(scene.store.login(false, "app2", b"wrong").map(drop)),
        after: |seen| *seen.users.get_mut("app2").unwrap() += 1,
        tries: None,
    },
    Operation {
        name: "login of nobody",
        before: nothing,
        run: |scene, _| answered_wrong(scene.store.login(false, "nobody", b"wrong").map(drop)),
        after: |_| (),
        tries: None,
    },
    Operation {
        name: "login",
        before: count_one,
        run: |scene, _| scene.store.login(false, "app2", PIN).map(drop),
        after: |seen| seen.count("app2", 0),
        tries: Some("app2"),
    },
    Operation {
        name: "change_pin",
        before: count_one,
        run: |scene, _| scene.store.change_pin(scene.app2, PIN, PIN),
        after: |seen| seen.count("app2", 0),
        tries: Some("app2"),
    },
    Operation {
        name: "set_pin",
        before: count_one,
        run: |scene, _| scene.store.set_pin(&scene.so, scene.app2, PIN),
        after: |seen| seen.count("app2", 0),
        tries: None,
    },
    Operation {
        name: "unlock",
        before: count_one,
        run: |scene, _| scene.store.unlock(&scene.so, scene.app2),
        after: |seen| seen.count("app2", 0),
        tries: None,
    },
    Operation {
        name: "reading",
        before: nothing,
        run: |scene, _| {
            let (id, ..) = scene.find(b"text")?;
            assert_eq!(scene.store.read(scene.author(), &[id])?.objects.len(), 1);
            assert_eq!(scene.store.users()?.len(), 3);
            scene.store.find(scene.author(), &[TERM.to_vec()])?;
            scene.store.examine(Some(scene.author()))?;
            let header = scene.store.header()?.unwrap();
            scene.store.changes_since(header.token, 0)?;
            scene.store.pending(0)?;
            scene.store.generation().map(drop)
        },
        after: |_| (),
        tries: None,
    },
    // Last: it ends the logins of the scene.
    Operation {
        name: "initialize",
        before: nothing,
        run: |scene, _| {
            let replaces = scene.store.header()?.map(|header| header.token);
            let settings = Settings { max_pin_failures: 7, ..settings() };
            let new =
                NewToken { replaces, label: [b'x'; 32], mode: Mode::Enforce, settings, so_name: "so", so_pin: SO_PIN };
            scene.store.initialize(&new).map(drop)
        },
        after: |seen| {
            *seen = Seen {
                label: "x".repeat(32),
                most_failures: 7,
                users: BTreeMap::from([("so".to_owned(), 0)]),
                objects: Vec::new(),
                found: 0,
                acts: 0,
            };
        },
        tries: None,
    },
];

/// What the objects are found by that are made here.
const TERM: &[u8] = b"made here";

fn findable(private: bool, body: &[u8]) -> Change {
    Change::Create { private, body: Secret::copy_of(body), terms: vec![TERM.to_vec()] }
}

fn nothing(_: &Scene) {}

fn count_one(scene: &Scene) {
    answered_wrong(scene.store.login(false, "app2", b"wrong").map(drop)).unwrap();
}

/// That a PIN is wrong is the answer here, and anything else an error.
fn answered_wrong(answer: Result<()>) -> Result<()> {
    match answer {
        Err(Error::PinIncorrect) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => panic!("a wrong PIN was right"),
    }
}

/// Lets the operation fail at one call after another until it gets through; how many calls there were.
fn at_every_call(scene: &Scene, operation: &Operation) -> usize {
    for at in 1.. {
        (operation.before)(scene);
        let before = scene.see();
        let mut after = before.clone();
        (operation.after)(&mut after);
        scene.plan.arm(at);
        let answer = (operation.run)(scene, &before);
        let hit = scene.plan.disarm();
        let seen = scene.see();
        let place = format!("{} at call {at}: {answer:?}", operation.name);
        match answer {
            Ok(()) => assert_eq!(seen, after, "{place}"),
            Err(Error::Io | Error::Full | Error::Busy) => {
                assert!(hit, "{place}, and nothing had failed");
                assert!(
                    seen == before || seen == after || is_counted(operation, &seen, &before),
                    "{place}: between: {seen:?}\n{before:?}"
                );
            }
            Err(error) => panic!("{place}: {error} is not what failed"),
        }
        if !hit {
            return at - 1;
        }
    }
    0
}

fn is_counted(operation: &Operation, seen: &Seen, before: &Seen) -> bool {
    let Some(user) = operation.tries else { return false };
    let mut counted = before.clone();
    *counted.users.get_mut(user).unwrap() += 1;
    *seen == counted
}

fn every_operation(engine: impl Fn() -> Box<dyn Storage>) {
    let scene = Scene::new(engine());
    let mut calls = Vec::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.name != "initialize") {
        calls.push((operation.name, at_every_call(&scene, operation)));
    }
    // What a failing disk was told stays true once it works again.
    let again = scene.store.login(false, "app1", PIN).unwrap();
    assert!(scene.store.load(Author::User(&again.keys)).unwrap().damaged.is_empty());
    let initialize = OPERATIONS.iter().find(|operation| operation.name == "initialize").unwrap();
    calls.push((initialize.name, at_every_call(&scene, initialize)));
    println!("faults by operation: {calls:?}");
    assert!(calls.iter().all(|(_, calls)| *calls > 1), "an operation that never failed: {calls:?}");
}

#[test]
fn in_memory_every_operation_is_done_or_not_whatever_call_fails() {
    every_operation(|| Box::new(Memory::new()));
}

#[test]
fn over_sqlite_every_operation_is_done_or_not_whatever_call_fails() {
    let dir = tempfile::tempdir().unwrap();
    every_operation(|| Box::new(Sqlite::open(dir.path()).unwrap()));
}

/// A storage that says a commit was done when it was not.
struct Lying(Box<dyn Storage>, Arc<Plan>);

impl Storage for Lying {
    fn read(&self, body: &mut ReadBody<'_>) -> Result<()> {
        self.0.read(body)
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<u64> {
        let mut would = 0;
        let lies = self.1.call(Error::Io).is_err();
        let answer = self.0.write(&mut |change| {
            would = change.generation();
            body(change)?;
            if lies { Err(Error::Full) } else { Ok(()) }
        });
        if lies && answer == Err(Error::Full) { Ok(would) } else { answer }
    }

    fn generation(&self) -> Result<u64> {
        self.0.generation()
    }
}

#[test]
#[should_panic(expected = "RolledBack")]
fn a_commit_that_never_happened_is_noticed_by_these_tests() {
    let plan = Arc::new(Plan::default());
    let mut scene = Scene::new(Box::new(Lying(Box::new(Memory::new()), Arc::clone(&plan))));
    scene.plan = plan;
    at_every_call(&scene, &OPERATIONS[0]);
}
