//! `endurance forks`: a busy program that forks. The child is another application: it finds the library not
//! initialised, initialises it, works and ends, with neither session nor login nor handle of its parent, while the
//! parent's threads go on (PKCS#11 3.2, section 2 of the usage guide [PKCS11-UG], "applications and processes").

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::{InitializeArgs, Module};
use claviger_conformance::raw::fork;
use claviger_conformance::rv::Rv;
use claviger_conformance::samples::P256;
use claviger_conformance::session::{Object, Session};
use claviger_conformance::token::{Token, load_from_environment};
use cryptoki_sys::*;

use crate::application::Place;
use crate::seconds;

const THREADS: usize = 4;
/// A child that works needs a fraction of a second, most of it for the PIN.
const PATIENCE: Duration = Duration::from_secs(20);
/// What hangs so often hangs; the rest would only take long.
const HANGS: u32 = 5;
/// Forks of the lesser scenes.
const FEW: u32 = 20;
/// Exit statuses above this are steps of the child that failed.
const FIRST_STEP: i32 = 10;

/// The run: the program that forks is a process of its own.
pub(crate) fn run(count: u32) -> Result<(), String> {
    Place::with_token(|place| run_on(place, count))
}

fn run_on(place: &Place, count: u32) -> Result<(), String> {
    let status = place.this_program("forking")?.arg(count.to_string()).status().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("The program that forks ended with {status}."));
    }
    place.audit_is_whole()?;
    println!("audit log: whole");
    Ok(())
}

/// The program that forks.
struct Parent {
    token: Token,
    /// `name:pin` of the user of parent and children.
    pin: String,
}

/// What a child must not be able to use.
struct Inherited<'a> {
    session: Session<'a>,
    key: Object,
}

/// In the program that forks.
pub(crate) fn inside(count: u32) -> Result<(), String> {
    let module = load_from_environment();
    let args = InitializeArgs { flags: CKF_OS_LOCKING_OK, ..InitializeArgs::default() };
    module.initialize_with(args).map_err(named("C_Initialize"))?;
    let token = Token::with(module);
    let pin = token.users.user.clone();
    let parent = Parent { token, pin };
    let session = parent.open()?;
    session.login(CKU_USER, &parent.pin).map_err(named("C_Login"))?;
    let key = make_key(session).map_err(named("C_GenerateKeyPair"))?;
    let inherited = Inherited { session, key };
    the_checks_can_fail(&parent, &inherited)?;
    under_load(&parent, &inherited, count)?;
    a_child_that_does_not_use_the_library_just_ends(&parent, &inherited)
}

fn named(call: &'static str) -> impl Fn(Rv) -> String {
    move |rv| format!("{call}: {rv}")
}

impl Parent {
    fn open(&self) -> Result<Session<'_>, String> {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        self.token.module.open_session(self.token.slot, flags).map_err(named("C_OpenSession"))
    }
}

fn make_key(session: Session<'_>) -> Result<Object, Rv> {
    let public = attrs![CKA_TOKEN => true, CKA_EC_PARAMS => P256, CKA_VERIFY => true, CKA_LABEL => "fork"];
    let private = attrs![CKA_TOKEN => true, CKA_SIGN => true, CKA_LABEL => "fork"];
    session.generate_key_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private).map(|(_, private)| private)
}

fn data(label: &str) -> Vec<claviger_conformance::template::Attribute> {
    attrs![CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true, CKA_LABEL => label, CKA_VALUE => b"x"]
}

/// One step of a child.
type Step = fn(&Child<'_>) -> Result<(), Rv>;

/// A child, with what it has inherited.
struct Child<'a> {
    module: &'a Module,
    parent: &'a Parent,
    inherited: &'a Inherited<'a>,
    number: u32,
}

/// The steps of a child, in this order.
const STEPS: [(&str, Step); 6] = [
    ("the library is not initialised", not_initialised),
    ("C_Initialize", |child| child.module.initialize_null()),
    ("no session of the parent", no_session),
    ("no login and no handle of the parent", no_login),
    ("C_Login, C_FindObjects, C_Sign, C_CreateObject", works),
    ("C_Finalize", |child| child.module.finalize()),
];

impl Child<'_> {
    /// The exit status: 0, or which step failed.
    fn run(&self) -> i32 {
        let failed = STEPS.iter().zip(FIRST_STEP..).find_map(|((_, step), status)| step(self).err().map(|_| status));
        failed.unwrap_or(0)
    }

    fn open(&self) -> Result<Session<'_>, Rv> {
        self.module.open_session(self.parent.token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
    }
}

/// The refusal that must come; anything else is the failure.
fn must_refuse<T>(result: Result<T, Rv>, expected: CK_RV) -> Result<(), Rv> {
    match result {
        Err(Rv(rv)) if rv == expected => Ok(()),
        Err(rv) => Err(rv),
        Ok(_) => Err(Rv(CKR_GENERAL_ERROR)),
    }
}

fn not_initialised(child: &Child<'_>) -> Result<(), Rv> {
    let Inherited { session, key } = child.inherited;
    let expected = CKR_CRYPTOKI_NOT_INITIALIZED;
    must_refuse(child.module.info(), expected)?;
    must_refuse(child.module.slot_list(true), expected)?;
    must_refuse(child.open(), expected)?;
    must_refuse(session.info(), expected)?;
    must_refuse(session.sign_init(&Mechanism::plain(CKM_ECDSA), *key), expected)?;
    must_refuse(child.module.finalize(), expected)
}

fn no_session(child: &Child<'_>) -> Result<(), Rv> {
    let Inherited { session, key } = child.inherited;
    must_refuse(session.info(), CKR_SESSION_HANDLE_INVALID)?;
    must_refuse(session.sign_init(&Mechanism::plain(CKM_ECDSA), *key), CKR_SESSION_HANDLE_INVALID)
}

fn no_login(child: &Child<'_>) -> Result<(), Rv> {
    let session = child.open()?;
    if session.info()?.state != CKS_RW_PUBLIC_SESSION {
        return Err(Rv(CKR_USER_ALREADY_LOGGED_IN));
    }
    must_refuse(session.attribute(child.inherited.key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID)?;
    match session.find(&attrs![CKA_CLASS => CKO_PRIVATE_KEY])?.as_slice() {
        [] => session.close(),
        _ => Err(Rv(CKR_OBJECT_HANDLE_INVALID)),
    }
}

fn works(child: &Child<'_>) -> Result<(), Rv> {
    let session = child.open()?;
    session.login(CKU_USER, &child.parent.pin)?;
    let keys = session.find(&attrs![CKA_CLASS => CKO_PRIVATE_KEY, CKA_LABEL => "fork"])?;
    let key = keys.first().ok_or(Rv(CKR_KEY_HANDLE_INVALID))?;
    session.sign(&Mechanism::plain(CKM_ECDSA), *key, &[7; 32])?;
    session.create_object(&data(&child_label(child.number))).map(drop)
}

fn child_label(number: u32) -> String {
    format!("child {number}")
}

/// How children ended.
#[derive(Default)]
struct Ends {
    forks: u32,
    hangs: u32,
    failures: Vec<String>,
    /// Times that the parent did nothing after a fork.
    stalls: u32,
}

impl Ends {
    /// How a child ended: its exit status, or `None` when it was killed for hanging.
    fn count(&mut self, status: Option<i32>) {
        self.forks += 1;
        let step = |status: i32| STEPS.get(usize::try_from(status - FIRST_STEP).ok()?).map(|(step, _)| *step);
        match status {
            Some(0) => {}
            None => self.hangs += 1,
            Some(status) => self.failures.push(step(status).map_or(format!("status {status}"), str::to_owned)),
        }
    }

    fn report(&self, scene: &str) -> Result<(), String> {
        let Self { forks, hangs, failures, stalls } = self;
        println!("{scene}: {forks} forks, {hangs} hangs, {} failures, {stalls} stalls of the parent", failures.len());
        if *hangs + *stalls == 0 && failures.is_empty() {
            return Ok(());
        }
        Err(format!("{scene}: {hangs} hangs, {stalls} stalls; failed at: {}", failures.join("; ")))
    }
}

/// While four threads sign, search, create and destroy.
fn under_load(parent: &Parent, inherited: &Inherited<'_>, count: u32) -> Result<(), String> {
    let begun = Instant::now();
    let (stop, done) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; THREADS]);
    let sum = || done.iter().map(|done| done.load(Ordering::SeqCst)).sum::<u64>();
    let mut ends = Ends::default();
    let worked = std::thread::scope(|scope| {
        let busy: Vec<_> = done.iter().map(|done| scope.spawn(|| busy(parent, inherited.key, &stop, done))).collect();
        for number in 0..count {
            if ends.hangs == HANGS || busy.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
            let before = sum();
            let child = Child { module: &parent.token.module, parent, inherited, number };
            match fork(|| child.run()) {
                Ok(forked) => ends.count(forked.wait(PATIENCE)),
                Err(error) => ends.failures.push(format!("fork: {error}")),
            }
            ends.stalls += u32::from(!goes_on(|| sum() > before));
        }
        stop.store(true, Ordering::SeqCst);
        let ended =
            busy.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())));
        ended.collect::<Result<Vec<()>, String>>()
    });
    let each: Vec<_> = done.iter().map(|done| done.load(Ordering::SeqCst).to_string()).collect();
    println!("busy: {THREADS} threads, {} rounds meanwhile; {:.1} s", each.join(" + "), seconds(begun));
    ends.report("under load")?;
    worked?;
    if ends.forks != count || done.iter().any(|done| done.load(Ordering::SeqCst) == 0) {
        return Err("Not every fork happened under the load of every thread.".to_owned());
    }
    the_parent_sees_all(inherited, count)
}

/// One of the busy threads.
fn busy(parent: &Parent, key: Object, stop: &AtomicBool, done: &AtomicU64) -> Result<(), String> {
    let session = parent.open()?;
    while !stop.load(Ordering::SeqCst) {
        session.sign(&Mechanism::plain(CKM_ECDSA), key, &[7; 32]).map_err(named("C_Sign in the parent"))?;
        let object = session.create_object(&data("busy")).map_err(named("C_CreateObject in the parent"))?;
        session.destroy_object(object).map_err(named("C_DestroyObject in the parent"))?;
        done.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn goes_on(progress: impl Fn() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while !progress() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    progress()
}

/// The parent is still logged in, and sees what each child has made.
fn the_parent_sees_all(inherited: &Inherited<'_>, count: u32) -> Result<(), String> {
    is_logged_in(inherited)?;
    let found = |number: &u32| {
        let found = inherited.session.find(&attrs![CKA_LABEL => child_label(*number)]);
        Ok::<_, String>(found.map_err(named("C_FindObjects in the parent"))?.len() != 1)
    };
    let missing = (0..count).map(|number| found(&number)).collect::<Result<Vec<_>, _>>()?;
    match missing.into_iter().filter(|missing| *missing).count() {
        0 => println!("  the parent sees the objects of all {count} children, and is logged in"),
        missing => return Err(format!("lost: objects of {missing} children")),
    }
    Ok(())
}

fn is_logged_in(inherited: &Inherited<'_>) -> Result<(), String> {
    match inherited.session.info().map_err(named("C_GetSessionInfo in the parent"))?.state {
        CKS_RW_USER_FUNCTIONS => Ok(()),
        state => Err(format!("The parent's session is in state {state}.")),
    }
}

/// A program that forks and never touches the library in the child must be able to leave.
fn a_child_that_does_not_use_the_library_just_ends(parent: &Parent, inherited: &Inherited<'_>) -> Result<(), String> {
    let mut ends = Ends::default();
    for _ in 0..FEW {
        ends.count(fork(|| 0).map_err(|error| error.to_string())?.wait(PATIENCE));
    }
    ends.report("idle children")?;
    is_logged_in(inherited)?;
    parent.token.module.finalize().map_err(named("C_Finalize"))
}

/// In the parent itself, where library, session and login are there, the steps that look for them must fail; and a child
/// that hangs or fails is counted.
fn the_checks_can_fail(parent: &Parent, inherited: &Inherited<'_>) -> Result<(), String> {
    let here = Child { module: &parent.token.module, parent, inherited, number: 0 };
    let steps: [(&str, Step); 3] = [("initialised", not_initialised), ("session", no_session), ("login", no_login)];
    if let Some((passed, _)) = steps.iter().find(|(_, step)| step(&here).is_ok()) {
        return Err(format!("The check that a child inherits nothing ({passed}) cannot fail."));
    }
    let mut ends = Ends::default();
    let hang = fork(|| {
        loop {
            std::thread::sleep(PATIENCE)
        }
    })
    .map_err(|error| error.to_string())?;
    ends.count(hang.wait(Duration::from_millis(100)));
    ends.count(fork(|| FIRST_STEP).map_err(|error| error.to_string())?.wait(PATIENCE));
    if (ends.hangs, ends.failures.len()) != (1, 1) {
        return Err("A child that hangs or fails is not counted.".to_owned());
    }
    println!("the checks can fail: what is inherited is told in the parent, a child that hangs or fails is counted");
    Ok(())
}
