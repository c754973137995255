//! The process under test: plays the workload, or one call of it, with the shim below.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use claviger_conformance::rv::Rv;
use cryptoki_sys::CKF_TOKEN_INITIALIZED;

use crate::trace;
use crate::workload::{self, Call, State, WORKLOAD, Who};
use crate::world::{World, create_data};

/// Plays all of it. After each call a line goes out, and the next begins when a line comes in: meanwhile the parent looks.
pub(crate) fn all() -> Result<(), String> {
    let trace = trace_path()?;
    let mut world = World::load()?;
    let mut turns = std::io::stdin().lock().lines();
    for (number, call) in WORKLOAD.iter().enumerate() {
        trace::mark(&trace, number, false)?;
        let answer = world.perform(*call);
        trace::mark(&trace, number, true)?;
        if answer != expected(*call) {
            return Err(format!("{call}: {}", told(answer)));
        }
        println!("{number}");
        std::io::stdout().flush().map_err(|error| error.to_string())?;
        turns.next().ok_or("The parent is gone.")?.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Plays call `number` with the shim armed, then whatever shows that the process goes on. Says what both answered.
pub(crate) fn one(number: usize) -> Result<(), String> {
    let call = *WORKLOAD.get(number).ok_or("There is no such call.")?;
    let state = workload::before(number);
    let mut world = World::load()?;
    world.reach(state).map_err(|rv| format!("Before {call}: {rv}."))?;
    if let Call::Command(_) = call {
        // It loads the shim anew, and takes nothing from this process but its environment.
        world.for_commands = vec![("FAULTS_ARMED", "1")];
    } else {
        steer(".arm")?;
    }
    let answer = world.perform(call);
    steer(".disarm")?;
    println!("answer {}", told(answer));
    // A session that could not be closed is closed by another call in `go_on`, and its login ends with it.
    let after = if answer.is_ok() || call == Call::CloseSession { call.after(state) } else { state };
    let went_on = go_on(&mut world, call, after);
    println!("goes on {}", went_on.map_or_else(|(what, rv)| format!("{what}: {rv}"), |()| "CKR_OK".to_owned()));
    Ok(())
}

/// The fault is over: the same process must be able to read, to log in and to write. A login of the security officer writes (its
/// try is counted and taken back) and leaves every other count as it is.
fn go_on(world: &mut World, call: Call, state: State) -> Result<(), (Call, Rv)> {
    let perform = |world: &mut World, call: Call| world.perform(call).map_err(|rv| (call, rv));
    if state == State::Closed {
        // A C_Initialize that failed may be tried again; after C_Finalize, too.
        perform(world, Call::Initialize)?;
    } else if matches!(call, Call::CloseSession | Call::OpenSession) {
        // Whether a session is left after those failed is not said: all are closed by another call.
        let _ = world.module().close_all_sessions(0);
    } else if let (Call::Finalize, Err(_)) = (call, world.module().info()) {
        perform(world, Call::Initialize)?;
    }
    if call == Call::Initialize && world.module().token_info(0).is_err() {
        // A slot that could not be opened says so for as long as the library is initialised.
        perform(world, Call::Finalize)?;
        perform(world, Call::Initialize)?;
    }
    if world.session().and_then(|session| session.info()).is_err() {
        let info = world.module().token_info(0).map_err(|rv| (Call::Initialize, rv))?;
        if info.flags & CKF_TOKEN_INITIALIZED == 0 {
            return Ok(());
        }
        perform(world, Call::OpenSession)?;
    }
    if let State::In(Who::User | Who::Renewed) = state {
        write(world).map_err(|rv| (Call::CreateData("probe", 100), rv))?;
    }
    let _ = world.perform(Call::Logout);
    perform(world, Call::Login(Who::So))?;
    perform(world, Call::Logout)?;
    perform(world, Call::Finalize)
}

fn write(world: &World) -> Result<(), Rv> {
    let session = world.session()?;
    let probe = create_data(&session, "probe", 100)?;
    session.destroy_object(probe)
}

fn steer(which: &str) -> Result<(), String> {
    let mut path = trace_path()?.into_os_string();
    path.push(which);
    // The shim takes the name as a word to itself; such a file is never there.
    match std::fs::File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        _ => Err("The shim is not loaded.".to_owned()),
    }
}

fn trace_path() -> Result<PathBuf, String> {
    std::env::var_os("FAULTS_TRACE").map(PathBuf::from).ok_or("FAULTS_TRACE is not set.".to_owned())
}

fn expected(call: Call) -> Result<(), Rv> {
    Rv(call.answer()).ok()
}

fn told(answer: Result<(), Rv>) -> String {
    answer.map_or_else(|rv| rv.to_string(), |()| "CKR_OK".to_owned())
}
