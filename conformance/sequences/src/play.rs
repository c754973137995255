//! One sequence on both sides: call by call, the answers side by side; at the end, the oracle.

use std::sync::atomic::{AtomicUsize, Ordering};

use claviger_conformance::rv::Rv;
use claviger_rules::Mode;
use cryptoki_sys::CKR_OK;

use crate::call::{Call, Name, User};
use crate::model::{Answer, Seat, State};
use crate::oracle::Proof;
use crate::real::Real;
use crate::tally::Tally;
use crate::way::Way;

/// What a sequence came to.
pub(crate) struct Played {
    /// The protected keys whose values came out.
    pub(crate) revealed: Vec<Name>,
    /// The first call on which the two sides disagreed, and how.
    pub(crate) disagreement: Option<String>,
}

/// Plays `calls` from the model's `initial` state on.
///
/// # Errors
/// When the token cannot be made ready for the next sequence.
pub(crate) fn play(
    real: &mut Real<'_>,
    initial: &State,
    calls: &[Call],
    seen: Option<&AtomicUsize>,
    tally: &mut Tally,
) -> Result<Played, String> {
    let failed = |rv: Rv| format!("The token could not be made ready: {rv}.");
    let mut side = Sides { real, model: State::new(initial.rules().mode()), tally };
    let played = side.run(&initial.prelude, None).and_then(|()| side.run(calls, seen)).and_then(|()| side.look());
    let disagreement = played.err();
    let revealed = side.real.oracle.revealed();
    let (model, agreed) = (&side.model, disagreement.is_none());
    side.real.clear(|user: User| agreed && model.seat_of(user) == Seat::of(user)).map_err(failed)?;
    tally.sequences += 1;
    tally.revealed += revealed.len() as u64;
    tally.leaking += u64::from(!revealed.is_empty());
    Ok(Played { revealed, disagreement })
}

/// The library and the model of it.
struct Sides<'a, 't> {
    real: &'a mut Real<'t>,
    model: State,
    tally: &'a mut Tally,
}

impl Sides<'_, '_> {
    fn run(&mut self, calls: &[Call], seen: Option<&AtomicUsize>) -> Result<(), String> {
        for call in calls {
            if let Some(seen) = seen {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            // Of the calls by hand: one about a blob that the token did not give out.
            if !self.model.can_foretell(call) {
                continue;
            }
            self.step(call).map_err(|difference| format!("{call}\n    {difference}"))?;
        }
        Ok(())
    }

    /// What each application sees in the end: everything that the model sees and nothing else.
    fn look(&mut self) -> Result<(), String> {
        User::ALL.into_iter().try_for_each(|user| {
            self.step(&Call::Turn(user))?;
            self.real.compare_sight(&self.model)?;
            let all: Vec<Name> = self.model.objects().map(|(name, _)| name).collect();
            all.into_iter().try_for_each(|name| self.real.compare(name, &self.model))
        })
    }

    fn step(&mut self, call: &Call) -> Result<(), String> {
        let real = self.real.make(call, &self.model);
        self.model.step(call);
        let expected = self.model.last.clone();
        if !matches!(call, Call::Turn(_)) {
            self.tally.count(call, &expected);
        }
        compare_answers(&real, &expected)?;
        let Ok(effect) = expected else { return Ok(()) };
        for name in effect.born.iter().chain(&effect.changed) {
            self.real.compare(*name, &self.model)?;
        }
        if let Some(name) = effect.given {
            self.real.compare_len(name, &self.model)?;
        }
        self.listen(call, &effect.born);
        Ok(())
    }

    /// Takes what tells the values of the keys that were born, and of the key that wrapped.
    fn listen(&mut self, call: &Call, born: &[Name]) {
        for name in born {
            let protected = is_protected_birth(call, *name, &self.model);
            let proof = self.real.prove(*name, &self.model, protected);
            if protected {
                self.tally.prove(proof.as_ref());
            }
        }
        if let Call::Wrap { blob, way: Way::Kw | Way::Kwp, under, .. } = call {
            let protected = self.model.object(*under).and_then(|held| held.value).is_some_and(|value| {
                // Candidates and their like are protected from birth to end; of other keys there is a better proof.
                self.model.is_fresh(value) && self.model.object(*under).is_some_and(|held| held.object.is_protected())
            });
            if protected && self.model.rules().mode() == Mode::Enforce {
                self.real.oracle.prove(*under, self.real.blob_proof(*blob), true);
            }
        }
    }
}

/// Whether `name` is a secret that the token's random generator made in this call, protected from the start.
fn is_protected_birth(call: &Call, name: Name, model: &State) -> bool {
    matches!(call, Call::Generate { .. } | Call::Pair { .. })
        && model.object(name).is_some_and(|held| held.value.is_some() && held.object.is_protected())
}

fn compare_answers(real: &Result<(), Rv>, expected: &Answer) -> Result<(), String> {
    let code = expected.as_ref().err().map_or(CKR_OK, |refusal| refusal.error.code());
    let real = real.err().map_or(Rv(CKR_OK), |rv| rv);
    if real == Rv(code) {
        return Ok(());
    }
    let why = expected.as_ref().err().map_or_else(String::new, |refusal| format!(" ({refusal})"));
    Err(format!("the library says {real}, the policy functions say {}{why}", Rv(code)))
}

/// The sort of a proof, for the counts.
pub(crate) const fn is_whole(proof: &Proof) -> bool {
    !matches!(proof, Proof::Check(_))
}
