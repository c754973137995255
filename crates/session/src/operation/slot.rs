//! The life of an operation: one table for every kind of operation.
//!
//! An operation of one kind (encryption, search, …) is in one [`Stage`]; a call is an [`Event`]; [`cell`] says
//! whether the call runs and where it leads. PKCS#11 3.2 sections 5.8 to 5.15 ("always terminates the active
//! operation unless …", "cannot be used to terminate a multi-part operation") and section 5.2. Not here: what an
//! operation computes; that is in closures that run only when the table lets them.

use core::mem;

use claviger_rules::{Error, Refusal};

use crate::Result;

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is none.
    Idle,
    /// Initialised, and nothing processed yet.
    Ready,
    /// Parts have been processed.
    Streaming,
    /// Finished, but the buffer was too small for the output: only the last call can be made again.
    Held,
}

/// What a call does to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// C_*Init with a mechanism; C_FindObjectsInit.
    Init,
    /// C_*Init without a mechanism; C_SessionCancel.
    Cancel,
    /// C_Encrypt and the like: everything at once.
    OneShot,
    /// C_*Update; C_DigestKey; C_FindObjects.
    Update,
    /// C_*Final.
    Final,
}

/// What came of a call that ran without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It did its work, and its output, if any, is with the caller.
    Output,
    /// It was a size query.
    Length,
    /// It did its work, but the buffer was too small: the output is kept, and the caller is told so.
    Held,
}

/// One cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The call is refused, and the operation is then in that stage.
    Refused(Error, Stage),
    /// The call runs; the stage when it has done its work. A size query and CKR_BUFFER_TOO_SMALL leave the
    /// operation as it is, every other error ends it.
    Runs(Stage),
}

/// The table.
///
/// CKR_OPERATION_ACTIVE is what the lists of C_Encrypt, C_Decrypt, C_Digest, C_Sign and C_Verify allow for a
/// one-shot call after C_*Update; it "cannot be used to terminate a multi-part operation", so the operation stays.
/// C_*Update after a C_*Final that was refused for its buffer is an error like any other, and ends it.
pub(crate) const fn cell(stage: Stage, event: Event) -> Cell {
    use Cell::{Refused, Runs};
    use Error::{OperationActive as Active, OperationNotInitialized as None};
    use Event::{Cancel, Final, Init, OneShot, Update};
    use Stage::{Held, Idle, Ready, Streaming};
    match (stage, event) {
        (Idle, Init) => Runs(Ready),
        (Idle, Cancel) => Runs(Idle),
        (Idle, OneShot | Update | Final) => Refused(None, Idle),

        (Ready, Init) => Refused(Active, Ready),
        (Ready, Cancel) => Runs(Idle),
        (Ready, OneShot) => Runs(Idle),
        (Ready, Update) => Runs(Streaming),
        (Ready, Final) => Runs(Idle),

        (Streaming, Init) => Refused(Active, Streaming),
        (Streaming, Cancel) => Runs(Idle),
        (Streaming, OneShot) => Refused(Active, Streaming),
        (Streaming, Update) => Runs(Streaming),
        (Streaming, Final) => Runs(Idle),

        (Held, Init) => Refused(Active, Held),
        (Held, Cancel) => Runs(Idle),
        (Held, OneShot) => Refused(Active, Held),
        (Held, Update) => Refused(Active, Idle),
        (Held, Final) => Runs(Idle),
    }
}

/// Whether an operation must end when its user logs out (rule R17).
pub(crate) trait Private {
    /// Whether it uses what only the user may use.
    fn is_private(&self) -> bool;
}

/// The one operation of a kind that a session can have: `R` is what Init prepared, `S` what takes parts.
pub(crate) struct Slot<R, S>(State<R, S>);

enum State<R, S> {
    Idle,
    Ready(R),
    Streaming(S),
    Held(S),
}

impl<R, S> Slot<R, S> {
    /// No operation.
    pub(crate) const fn idle() -> Self {
        Self(State::Idle)
    }

    /// Where the operation stands.
    pub(crate) const fn stage(&self) -> Stage {
        match self.0 {
            State::Idle => Stage::Idle,
            State::Ready(_) => Stage::Ready,
            State::Streaming(_) => Stage::Streaming,
            State::Held(_) => Stage::Held,
        }
    }

    /// Looks at the operation, if there is one.
    pub(crate) fn look<T>(&self, ready: impl FnOnce(&R) -> T, stream: impl FnOnce(&S) -> T) -> Option<T> {
        match &self.0 {
            State::Idle => None,
            State::Ready(it) => Some(ready(it)),
            State::Streaming(it) | State::Held(it) => Some(stream(it)),
        }
    }

    /// The operation, if it was initialised and nothing has been processed yet.
    pub(crate) const fn ready_mut(&mut self) -> Option<&mut R> {
        match &mut self.0 {
            State::Ready(it) => Some(it),
            _ => None,
        }
    }

    /// Refuses `event` if the table does.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE or CKR_OPERATION_NOT_INITIALIZED.
    pub(crate) fn admit(&mut self, event: Event) -> Result<()> {
        match cell(self.stage(), event) {
            Cell::Runs(_) => Ok(()),
            Cell::Refused(error, stage) => {
                if stage == Stage::Idle {
                    self.0 = State::Idle;
                }
                Err(Refusal::standard(error, reason(error)))
            }
        }
    }

    /// C_*Init: `make` prepares the operation.
    pub(crate) fn init(&mut self, make: impl FnOnce() -> Result<R>) -> Result<()> {
        self.admit(Event::Init)?;
        self.0 = State::Ready(make()?);
        Ok(())
    }

    /// Ends the operation, if there is one.
    pub(crate) fn cancel(&mut self) {
        self.place(next(self.stage(), Event::Cancel, &Ok(Came::Output)), None, None);
    }

    /// Everything at once.
    pub(crate) fn one_shot(&mut self, run: impl FnOnce(&mut R) -> Result<Came>) -> Result<()> {
        let stage = self.stage();
        self.admit(Event::OneShot)?;
        let State::Ready(mut ready) = self.take() else { return Err(none()) };
        let result = run(&mut ready);
        self.place(next(stage, Event::OneShot, &result), Some(ready), None);
        told(result)
    }

    /// One more part. `open` makes what takes parts, when this is the first.
    pub(crate) fn update(
        &mut self,
        open: impl FnOnce(&mut R) -> Result<S>,
        run: impl FnOnce(&mut S) -> Result<Came>,
    ) -> Result<()> {
        self.stream(Event::Update, open, run)
    }

    /// The end of a multi-part operation, be there parts or not. `run` may be called again after [`Came::Held`].
    pub(crate) fn finish(
        &mut self,
        open: impl FnOnce(&mut R) -> Result<S>,
        run: impl FnOnce(&mut S) -> Result<Came>,
    ) -> Result<()> {
        self.stream(Event::Final, open, run)
    }

    fn stream(
        &mut self,
        event: Event,
        open: impl FnOnce(&mut R) -> Result<S>,
        run: impl FnOnce(&mut S) -> Result<Came>,
    ) -> Result<()> {
        let stage = self.stage();
        self.admit(event)?;
        let (ready, mut stream) = match self.take() {
            State::Idle => return Err(none()),
            State::Ready(mut ready) => {
                let stream = open(&mut ready)?;
                (Some(ready), stream)
            }
            State::Streaming(stream) | State::Held(stream) => (None, stream),
        };
        let result = run(&mut stream);
        self.place(next(stage, event, &result), ready, Some(stream));
        told(result)
    }

    /// Leaves the slot idle while a call runs: a call that panics has ended its operation.
    const fn take(&mut self) -> State<R, S> {
        mem::replace(&mut self.0, State::Idle)
    }

    fn place(&mut self, stage: Stage, ready: Option<R>, stream: Option<S>) {
        self.0 = match (stage, ready, stream) {
            (Stage::Ready, Some(ready), _) => State::Ready(ready),
            (Stage::Streaming, _, Some(stream)) => State::Streaming(stream),
            (Stage::Held, _, Some(stream)) => State::Held(stream),
            _ => State::Idle,
        };
    }
}

impl<R: Private, S: Private> Slot<R, S> {
    /// Ends the operation if it is private.
    pub(crate) fn end_private(&mut self) {
        if self.look(R::is_private, S::is_private) == Some(true) {
            self.cancel();
        }
    }
}

/// The stage after a call that ran.
fn next(stage: Stage, event: Event, result: &Result<Came>) -> Stage {
    match (result, cell(stage, event)) {
        (Ok(Came::Output), Cell::Runs(done)) => done,
        (Ok(Came::Length), _) => stage,
        (Ok(Came::Held), _) => Stage::Held,
        (Err(refusal), _) if refusal.error == Error::BufferTooSmall => stage,
        (Ok(Came::Output) | Err(_), _) => Stage::Idle,
    }
}

/// What the caller is told.
fn told(result: Result<Came>) -> Result<()> {
    match result? {
        Came::Output | Came::Length => Ok(()),
        Came::Held => {
            Err(Refusal::standard(Error::BufferTooSmall, "the output is kept until the buffer is large enough"))
        }
    }
}

const fn reason(error: Error) -> &'static str {
    match error {
        Error::OperationActive => "an operation of this kind is under way; finish or cancel it first",
        _ => "no operation of this kind was initialised",
    }
}

const fn none() -> Refusal {
    Refusal::standard(Error::OperationNotInitialized, reason(Error::OperationNotInitialized))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [Stage; 4] = [Stage::Idle, Stage::Ready, Stage::Streaming, Stage::Held];
    const EVENTS: [Event; 5] = [Event::Init, Event::Cancel, Event::OneShot, Event::Update, Event::Final];

    /// What a call must lead to.
    enum Must {
        /// It is refused with this error, and the operation is then in that stage.
        Refuse(Error, Stage),
        /// It runs; the stage after output, after a size query, after CKR_BUFFER_TOO_SMALL, after an output that was
        /// made and kept, and after any other error.
        Run { output: Stage, length: Stage, too_small: Stage, held: Stage, failed: Stage },
    }

    /// Chapter 5 of the standard, cell by cell, written down without looking at the table. The clauses:
    ///
    /// * a: CKR_OPERATION_ACTIVE: "there is already an active operation (or combination of active operations) which
    ///   prevents Cryptoki from activating the specified operation" (5.1.6).
    /// * b: "… can be called with pMechanism set to NULL_PTR to terminate an active operation" (5.8.1 and the like);
    ///   C_SessionCancel ignores a flag "for an operation that has not been initialized" (5.6.5).
    /// * c: "always terminates the active operation unless it returns CKR_BUFFER_TOO_SMALL or is a successful call to
    ///   determine the length of the buffer needed" (C_Encrypt, C_Decrypt, C_Digest, C_Sign, and the C_*Final of each).
    /// * d: "cannot be used to terminate a multi-part operation, and MUST be called after C_*Init without intervening
    ///   C_*Update calls" (C_Encrypt, C_Decrypt, C_Digest, C_Sign, C_Verify).
    /// * e: "a call to C_*Update which results in an error other than CKR_BUFFER_TOO_SMALL terminates the operation".
    /// * f: "the operation MUST have been initialized with C_*Init".
    /// * g: "call C_*Update zero or more times, followed by C_*Final".
    #[rustfmt::skip]
    fn chapter_5(stage: Stage, event: Event) -> Must {
        use Error::{OperationActive as ACTIVE, OperationNotInitialized as NOT_INITIALIZED};
        use Event::*;
        use Stage::*;
        let run = |output, same, held| Must::Run { output, length: same, too_small: same, held, failed: Idle };
        match (stage, event) {
            //                                    output     query,     kept
            //                                               too small  output
            (Idle,      Init)    => run(          Ready,     Idle,      Held),      // a
            (Idle,      Cancel)  => run(          Idle,      Idle,      Idle),      // b
            (Idle,      OneShot) => Must::Refuse(NOT_INITIALIZED, Idle),            // f
            (Idle,      Update)  => Must::Refuse(NOT_INITIALIZED, Idle),            // f
            (Idle,      Final)   => Must::Refuse(NOT_INITIALIZED, Idle),            // f

            (Ready,     Init)    => Must::Refuse(ACTIVE, Ready),                    // a
            (Ready,     Cancel)  => run(          Idle,      Idle,      Idle),      // b
            (Ready,     OneShot) => run(          Idle,      Ready,     Idle),      // c
            (Ready,     Update)  => run(          Streaming, Ready,     Held),      // e
            (Ready,     Final)   => run(          Idle,      Ready,     Held),      // c, g

            (Streaming, Init)    => Must::Refuse(ACTIVE, Streaming),                // a
            (Streaming, Cancel)  => run(          Idle,      Idle,      Idle),      // b
            (Streaming, OneShot) => Must::Refuse(ACTIVE, Streaming),                // d
            (Streaming, Update)  => run(          Streaming, Streaming, Held),      // e
            (Streaming, Final)   => run(          Idle,      Streaming, Held),      // c

            (Held,      Init)    => Must::Refuse(ACTIVE, Held),                     // a
            (Held,      Cancel)  => run(          Idle,      Idle,      Idle),      // b
            (Held,      OneShot) => Must::Refuse(ACTIVE, Held),                     // d
            (Held,      Update)  => Must::Refuse(ACTIVE, Idle),                     // e
            (Held,      Final)   => run(          Idle,      Held,      Held),      // c
        }
    }

    fn slot(stage: Stage) -> Slot<(), ()> {
        Slot(match stage {
            Stage::Idle => State::Idle,
            Stage::Ready => State::Ready(()),
            Stage::Streaming => State::Streaming(()),
            Stage::Held => State::Held(()),
        })
    }

    fn call(slot: &mut Slot<(), ()>, event: Event, result: Result<Came>, ran: &mut bool) -> Result<()> {
        let mut run = |(): &mut ()| {
            *ran = true;
            result
        };
        match event {
            Event::Init => slot.init(|| run(&mut ()).map(drop)),
            Event::Cancel => {
                *ran = true;
                slot.cancel();
                Ok(())
            }
            Event::OneShot => slot.one_shot(run),
            Event::Update => slot.update(|()| Ok(()), run),
            Event::Final => slot.finish(|()| Ok(()), run),
        }
    }

    /// The ways a call that runs can end, with the stage that follows; Init and Cancel have no output to ask for.
    fn ways(event: Event, must: &Must) -> Vec<(Result<Came>, Stage)> {
        let Must::Run { output, length, too_small, held, failed } = *must else { return Vec::new() };
        let refused = |error: Error| Err(error.into());
        let all = [
            (Ok(Came::Output), output),
            (refused(Error::DataLenRange), failed),
            (Ok(Came::Length), length),
            (refused(Error::BufferTooSmall), too_small),
            (Ok(Came::Held), held),
        ];
        let count = match event {
            Event::Init => 2,
            Event::Cancel => 1,
            Event::OneShot => 4,
            Event::Update => 4,
            Event::Final => 5,
        };
        all.into_iter().take(count).collect()
    }

    #[test]
    fn every_cell_is_what_chapter_5_says() {
        let mut cells = 0;
        for (stage, event) in STAGES.iter().flat_map(|stage| EVENTS.iter().map(move |event| (*stage, *event))) {
            let must = chapter_5(stage, event);
            if let Must::Refuse(error, after) = must {
                let (mut slot, mut ran) = (slot(stage), false);
                let told = call(&mut slot, event, Ok(Came::Output), &mut ran).map_err(|refusal| refusal.error);
                assert_eq!((told, slot.stage(), ran), (Err(error), after, false), "{stage:?} x {event:?}");
                cells += 1;
            }
            for (result, after) in ways(event, &must) {
                let (mut slot, mut ran) = (slot(stage), false);
                let told = call(&mut slot, event, result, &mut ran).map_err(|refusal| refusal.error);
                let expected = match result {
                    Ok(Came::Output | Came::Length) => Ok(()),
                    Ok(Came::Held) => Err(Error::BufferTooSmall),
                    Err(refusal) => Err(refusal.error),
                };
                assert_eq!((told, slot.stage(), ran), (expected, after, true), "{stage:?} x {event:?} x {result:?}");
                cells += 1;
            }
        }
        // Nine refusals; one Init, four Cancel, one one-shot, two Update and three Final that run, each in all its ways.
        assert_eq!(cells, 9 + 2 + 4 + 4 + 2 * 4 + 3 * 5);
    }

    #[test]
    fn what_cannot_take_parts_ends_at_the_first_part() {
        let mut slot = slot(Stage::Ready);
        let told = slot.update(|()| Err(Error::FunctionNotSupported.into()), |()| Ok(Came::Output));
        assert_eq!(told.map_err(|refusal| refusal.error), Err(Error::FunctionNotSupported));
        assert_eq!(slot.stage(), Stage::Idle);
    }

    #[test]
    fn a_call_that_panics_has_ended_its_operation() {
        let mut slot = slot(Stage::Streaming);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            slot.update(|()| Ok(()), |()| panic!("on purpose"))
        }));
        assert!(panicked.is_err());
        assert_eq!(slot.stage(), Stage::Idle);
    }
}
