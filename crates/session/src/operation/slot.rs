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
