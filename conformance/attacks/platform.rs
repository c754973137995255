//! Around the interface: hostile arguments, and the store's files.

use std::path::PathBuf;

use cryptoki_sys::*;
use rusqlite::Connection;

use super::{Arena, Ended, Stop, Way, evidence, harmless, not_applicable, scene};
use crate::attrs;
use crate::raw::{Guarded, RawCalls};
use crate::rv::Rv;
use crate::session::{Object, Session};
use crate::template::Attribute;

/// A40. Null pointers, absurd lengths and counts, parameters that lie about their size, with and without a session.
/// The suite's test `hostile` sends some thousand more; here it is the attacker who is asked what they gain.
pub(super) const MARSHALLING: &[Way] = &[hostile_calls];

/// The places of the functions in the list (PKCS#11 3.2, section 2.1) that are left out of the calls with nothing but
/// zeros: C_Initialize and C_Finalize end the scene, C_WaitForSlotEvent may wait.
const LEFT_OUT: [usize; 3] = [0, 1, 67];
/// Functions that begin with a pointer, which cannot be absurd as a handle can: C_GetInfo, C_GetFunctionList,
/// C_GetInterfaceList and C_GetInterface.
const POINTER_FIRST: [usize; 4] = [2, 3, 68, 69];

/// A word of a hostile call.
#[derive(Clone, Copy)]
enum Word {
    Session,
    Victim,
    Null,
    /// A length, or a count.
    Huge,
    /// Eight bytes before a page that nobody may touch.
    Place,
    /// A CK_MECHANISM of AES-GCM with a null parameter of absurd length.
    Mechanism,
}

use Word::{Huge, Mechanism as Mech, Null, Place, Session as Sess, Victim as Vict};

/// Calls by the place of the function in the list.
const LYING: &[(usize, &[Word])] = &[
    (10, &[Sess, Null, Huge]),
    (11, &[Sess, Null, Huge, Null, Huge]),
    (17, &[Sess, Null, Huge, Null, Null]),
    (18, &[Sess, Null, Null, Huge]),
    (20, &[Sess, Null, Huge, Place]),
    (21, &[Sess, Vict, Null, Huge, Place]),
    (24, &[Sess, Vict, Null, Huge]),
    (25, &[Sess, Vict, Null, Huge]),
    (26, &[Sess, Null, Huge]),
    (29, &[Sess, Mech, Vict]),
    (30, &[Sess, Null, Huge, Null, Place]),
    (33, &[Sess, Mech, Vict]),
    (37, &[Sess, Mech]),
    (39, &[Sess, Null, Huge]),
    (42, &[Sess, Mech, Vict]),
    (48, &[Sess, Mech, Vict]),
    (58, &[Sess, Mech, Null, Huge, Place]),
    (59, &[Sess, Mech, Null, Huge, Null, Huge, Place, Place]),
    (60, &[Sess, Mech, Vict, Vict, Null, Place]),
    (61, &[Sess, Mech, Vict, Null, Huge, Null, Huge, Place]),
    (62, &[Sess, Mech, Vict, Null, Huge, Place]),
    (63, &[Sess, Null, Huge]),
    (64, &[Sess, Null, Huge]),
];

fn hostile_calls(arena: &Arena<'_>) -> Ended {
    let victim = arena.victim()?;
    let calls = RawCalls::of(&arena.token.module);
    let mut made = 0;
    // Without a session first: nothing may be had for nothing.
    for place in (0..calls.count()).filter(|place| !LEFT_OUT.contains(place)) {
        let absurd = if POINTER_FIRST.contains(&place) { 0 } else { u64::MAX };
        for session in [0, absurd] {
            let mut words = [0; 10];
            words[0] = session;
            made += u32::from(calls.call(place, &words).is_some());
        }
    }
    let session = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    let session = scene("C_OpenSession", session)?;
    for (place, words) in LYING {
        let memory = Guarded::new(&[0; 8], 0);
        let mechanism = Guarded::new(&mechanism_bytes(), 0);
        let words: Vec<u64> = words
            .iter()
            .map(|word| match word {
                Word::Session => session.handle,
                Word::Victim => victim.key,
                Word::Null => 0,
                Word::Huge => CK_ULONG::MAX / 2,
                Word::Place => memory.address(),
                Word::Mechanism => mechanism.address(),
            })
            .collect();
        made += u32::from(calls.call(*place, &words).is_some());
    }
    unharmed(arena, &victim, made)
}

fn mechanism_bytes() -> Vec<u8> {
    [CKM_AES_GCM, 0, CK_ULONG::MAX / 2].iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// The library lives, and kS is what it was.
fn unharmed(arena: &Arena<'_>, victim: &super::arena::Victim, made: u32) -> Ended {
    let session = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION);
    let session = scene("C_OpenSession after the calls", session)?;
    match session.flag(victim.key, CKA_SENSITIVE) {
        Ok(false) => evidence("kS is no longer sensitive"),
        Ok(true) => harmless(format_args!("{made} hostile calls: no crash, and kS is as it was")),
        // A call with zeros may have ended the sessions, as the standard has it.
        Err(rv) if rv.0 == CKR_OBJECT_HANDLE_INVALID => {
            harmless(format_args!("{made} hostile calls: no crash, and kS is gone with its session"))
        }
        Err(rv) => scene("C_GetAttributeValue(kS, SENSITIVE) after the calls", Err(rv)),
    }
}

/// A41. The attacker writes to the directory of the token, without its device key: records edited, moved, copied,
/// deleted, put back.
pub(super) const STORE: &[Way] = &[edited, swapped, copied, deleted, put_back, users_swapped];

/// The labels of the token objects of the scene.
struct Stored {
    path: PathBuf,
    protected: String,
    open: String,
    trusted: String,
    /// The files of the slot that belong together, as they were.
    untampered: Vec<(PathBuf, Vec<u8>)>,
}

/// Where an object stands in the store, and its sealed record.
type Record = (i64, Vec<u8>);

/// A protected key, an open one, and kT in the store; then the library is down and the file lies open.
fn stored(arena: &Arena<'_>) -> Result<Stored, Stop> {
    arena.needs_roles()?;
    let Some(root) = std::env::var_os("CLAVIGER_TOKEN_DATA") else {
        return not_applicable("the directory of the token is not known");
    };
    let path = PathBuf::from(root).join(format!("slot-{}", arena.token.slot)).join("store.db");
    let (protected, open, trusted) = (arena.label("kS"), arena.label("open"), arena.label("kT"));
    arena.trusted_key_named(&trusted)?;
    let base = attrs![CKA_TOKEN => true, CKA_ENCRYPT => true, CKA_DECRYPT => true];
    let make = |label: &String, more: Vec<Attribute>| {
        let template = [base.clone(), attrs![CKA_LABEL => label], more].concat();
        scene("C_GenerateKey(TOKEN=1)", arena.aes_key(template))
    };
    make(&protected, attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false])?;
    make(&open, attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true])?;
    scene("C_Finalize", arena.token.module.finalize())?;
    // What stands in the log goes into the database, which is then one file.
    files(&path, |store| store.pragma_update(None, "wal_checkpoint", "TRUNCATE"))?;
    let files = [path.clone(), path.with_file_name("anchor")];
    let read = |file: PathBuf| std::fs::read(&file).map(|bytes| (file, bytes));
    let untampered = files.into_iter().map(read).collect::<std::io::Result<_>>();
    let untampered = scene("reading the store", untampered.map_err(|_| Rv(CKR_DEVICE_ERROR)))?;
    Ok(Stored { path, protected, open, trusted, untampered })
}

fn files<T>(path: &PathBuf, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Stop> {
    let changed = Connection::open(path).and_then(|store| change(&store));
    scene("changing the store", changed.map_err(|_| Rv(CKR_DEVICE_ERROR)))
}

impl Stored {
    /// The store as it was before.
    fn restore(&self) -> Result<(), Stop> {
        for more in ["-wal", "-shm"] {
            let mut name = self.path.clone().into_os_string();
            name.push(more);
            let _ = std::fs::remove_file(name);
        }
        let restored = self.untampered.iter().try_for_each(|(file, bytes)| std::fs::write(file, bytes));
        scene("restoring the store", restored.map_err(|_| Rv(CKR_DEVICE_ERROR)))
    }

    /// Every object's key in the store, with its record.
    fn objects(&self) -> Result<Vec<Record>, Stop> {
        files(&self.path, |store| {
            let mut rows = store.prepare("SELECT key, value FROM objects ORDER BY key")?;
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    fn write(&self, key: i64, value: &[u8]) -> Result<(), Stop> {
        files(&self.path, |store| store.execute("INSERT OR REPLACE INTO objects VALUES (?1, ?2)", (key, value)))
            .map(|_| ())
    }

    /// What the token shows of the three keys: each gone, or as it was made. Otherwise, what is wrong.
    fn look(&self, arena: &Arena<'_>) -> Result<Option<String>, Stop> {
        scene("C_Initialize", arena.token.module.initialize_null())?;
        let wrong = self.wrong(arena);
        scene("C_Finalize", arena.token.module.finalize())?;
        wrong
    }

    fn wrong(&self, arena: &Arena<'_>) -> Result<Option<String>, Stop> {
        let opened = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        // A store that is not opened at all gives nothing away.
        let Ok(session) = opened else { return Ok(None) };
        if session.login(CKU_USER, &arena.token.users.user).is_err() {
            return Ok(None);
        }
        let kept = [
            (&self.protected, CKA_SENSITIVE, true, "SENSITIVE"),
            (&self.protected, CKA_EXTRACTABLE, false, "EXTRACTABLE"),
            (&self.open, CKA_TRUSTED, false, "TRUSTED"),
            (&self.trusted, CKA_EXTRACTABLE, false, "EXTRACTABLE"),
            (&self.trusted, CKA_DECRYPT, false, "DECRYPT"),
        ];
        for (label, kind, value, name) in kept {
            for key in session.find(&attrs![CKA_LABEL => label]).unwrap_or_default() {
                if session.flag(key, kind).is_ok_and(|read| read != value) {
                    return Ok(Some(format!("{label} has {name}={}", u8::from(!value))));
                }
                if *label == self.protected && session.attribute(key, CKA_VALUE).is_ok() {
                    return Ok(Some(format!("the value of {label} is readable")));
                }
            }
        }
        Ok(doubled(&session, &self.protected))
    }

    /// Whether kT is trusted, as the attacker sees it.
    fn is_trusted(&self, arena: &Arena<'_>) -> Result<bool, Stop> {
        scene("C_Initialize", arena.token.module.initialize_null())?;
        let session = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION);
        let trusted = session.and_then(|session| {
            session.login(CKU_USER, &arena.token.users.user)?;
            let found = match session.find(&attrs![CKA_LABEL => &self.trusted]) {
                // Its record is not believed.
                Err(Rv(CKR_DEVICE_ERROR)) => Vec::new(),
                found => found?,
            };
            found.first().map_or(Ok(false), |key| session.flag(*key, CKA_TRUSTED))
        });
        scene("C_Finalize", arena.token.module.finalize())?;
        scene("C_GetAttributeValue(TRUSTED)", trusted)
    }

    /// Whether the attacker or the SO logs in.
    fn logs_in(&self, arena: &Arena<'_>) -> Result<bool, Stop> {
        scene("C_Initialize", arena.token.module.initialize_null())?;
        let users = &arena.token.users;
        let session = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let opened = session.is_ok_and(|session| {
            session.login(CKU_USER, &users.user).is_ok() || session.login(CKU_SO, &users.so).is_ok()
        });
        scene("C_Finalize", arena.token.module.finalize())?;
        Ok(opened)
    }

    /// Up again as it was, so that the library can end as it does after any attack.
    fn end(&self, arena: &Arena<'_>, ended: Ended) -> Ended {
        self.restore()?;
        scene("C_Initialize", arena.token.module.initialize_null())?;
        ended
    }
}

fn doubled(session: &Session<'_>, label: &str) -> Option<String> {
    let found: Vec<Object> = session.find(&attrs![CKA_LABEL => label]).unwrap_or_default();
    let read = found.iter().filter(|key| session.attribute(**key, CKA_LABEL).is_ok()).count();
    (read > 1).then(|| format!("{label} stands in the store twice"))
}

/// One bit at each of many places of every record.
fn edited(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    let objects = stored.objects()?;
    let mut tries = 0;
    for share in 0..24 {
        for (key, value) in &objects {
            let mut changed = value.clone();
            // The head of a record byte by byte, then the rest evenly.
            let place = if share < 12 { share } else { value.len() * (share - 11) / 13 };
            changed.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
            stored.write(*key, &changed)?;
        }
        tries += objects.len();
        if let Some(wrong) = stored.look(arena)? {
            return stored.end(arena, evidence(format_args!("with a bit of the store flipped, {wrong}")));
        }
        stored.restore()?;
    }
    stored.end(
        arena,
        harmless(format_args!("{tries} records with a bit flipped: each object is as it was, or does not open")),
    )
}

/// Each record in the place of each other.
fn swapped(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    let objects = stored.objects()?;
    let mut tries = 0;
    for shift in 1..objects.len().min(8) {
        for (index, (key, _)) in objects.iter().enumerate() {
            if let Some((_, other)) = objects.get((index + shift) % objects.len()) {
                stored.write(*key, other)?;
            }
        }
        tries += 1;
        if let Some(wrong) = stored.look(arena)? {
            return stored.end(arena, evidence(format_args!("with the records moved, {wrong}")));
        }
        stored.restore()?;
    }
    stored.end(arena, harmless(format_args!("{tries} times every record in the place of another: none opens there")))
}

/// Each record once more under a new id.
fn copied(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    for (copy, (_, value)) in (1000..).zip(stored.objects()?) {
        stored.write(copy, &value)?;
    }
    let wrong = stored.look(arena)?;
    stored.end(
        arena,
        match wrong {
            Some(wrong) => evidence(format_args!("with records copied, {wrong}")),
            None => harmless("every record copied to a new id: no copy opens"),
        },
    )
}

fn deleted(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    for (key, _) in stored.objects()? {
        files(&stored.path, |store| store.execute("DELETE FROM objects WHERE key = ?1", [&key]))?;
        if let Some(wrong) = stored.look(arena)? {
            return stored.end(arena, evidence(format_args!("with a record deleted, {wrong}")));
        }
    }
    stored.end(arena, harmless("records deleted one after another: what is left is as it was, and the loss is noticed"))
}

/// The record of kT from before it was retired.
fn put_back(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    let before = stored.objects()?;
    scene("C_Initialize", arena.token.module.initialize_null())?;
    let session = arena.token.module.open_session(arena.token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    let session = scene("C_OpenSession", session)?;
    scene("C_Login(so)", session.login(CKU_SO, &arena.token.users.so))?;
    let found = scene("C_FindObjects", session.find(&attrs![CKA_LABEL => &stored.trusted]))?;
    let key = scene("C_FindObjects", found.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID)))?;
    scene("C_SetAttributeValue(TRUSTED=0)", session.set_attribute_value(key, &attrs![CKA_TRUSTED => false]))?;
    scene("C_Finalize", arena.token.module.finalize())?;
    for (key, value) in &before {
        stored.write(*key, value)?;
    }
    let wrong = stored.look(arena)?;
    let ended = match wrong {
        Some(wrong) => evidence(format_args!("with older records put back, {wrong}")),
        None if stored.is_trusted(arena)? => evidence("with older records put back, a retired key is trusted again"),
        None => harmless("older records put back are refused: a retired key is not trusted again"),
    };
    stored.end(arena, ended)
}

/// The records of the users, each in the place of another: nobody logs in as somebody else.
fn users_swapped(arena: &Arena<'_>) -> Ended {
    let stored = stored(arena)?;
    let users: Vec<Record> = files(&stored.path, |store| {
        let mut rows = store.prepare("SELECT key, value FROM users ORDER BY key")?;
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })?;
    for shift in 1..users.len() {
        for (index, (key, _)) in users.iter().enumerate() {
            let Some((_, other)) = users.get((index + shift) % users.len()) else { continue };
            files(&stored.path, |store| store.execute("UPDATE users SET value = ?2 WHERE key = ?1", (key, other)))?;
        }
        if stored.logs_in(arena)? {
            return stored.end(arena, evidence("a user logs in with the record of another"));
        }
        stored.restore()?;
    }
    let tries = users.len().saturating_sub(1);
    stored.end(
        arena,
        harmless(format_args!("{tries} times every user's record in the place of another's: nobody logs in")),
    )
}
