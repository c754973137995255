//! The policy table: proven total over a grid of all its inputs, and its cells that matter most.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity, reason = "a test says so by failing")]

use claviger_rules::policy::{Action, Binds, Facts, Kind, Relation, Requirement, Subject, Under, authorize};
use claviger_rules::{Error, Lifecycle, Mode, Role, Rulebook, UserId};

fn subjects() -> Vec<Subject> {
    let logins = [None].into_iter().chain(Role::ALL.iter().map(|role| Some((UserId(1), *role))));
    logins
        .flat_map(|login| {
            Mode::ALL.map(|mode| [true, false].map(|writable| Subject::new(login, Rulebook::of(mode), writable)))
        })
        .flatten()
        .collect()
}

fn flags<const N: usize>() -> impl Iterator<Item = [bool; N]> {
    (0..1u32 << N).map(|bits| std::array::from_fn(|index| bits >> index & 1 == 1))
}

/// Calls `check` with every combination of facts: 5 x 3 x 4 x 2^15.
fn for_all_facts(mut check: impl FnMut(&Facts)) {
    for relation in [Relation::Owner, Relation::Sharee, Relation::Public, Relation::Officer, Relation::Hidden] {
        for kind in [Kind::Secret, Kind::Public, Kind::Other] {
            for lifecycle in [Lifecycle::Data, Lifecycle::Candidate, Lifecycle::Trusted, Lifecycle::Retired] {
                for bits in flags::<15>() {
                    check(&facts(relation, kind, lifecycle, bits));
                }
            }
        }
    }
}

fn facts(relation: Relation, kind: Kind, lifecycle: Lifecycle, bits: [bool; 15]) -> Facts {
    let [
        ownerless,
        token,
        private,
        usage,
        mechanism_allowed,
        sensitive,
        extractable,
        wrap_with_trusted,
        modifiable,
        copyable,
        destroyable,
        strict_mechanism,
        oracle,
        trusted,
        template_matches,
    ] = bits;
    Facts {
        object: 9,
        relation,
        ownerless,
        kind,
        token,
        private,
        usage,
        mechanism_allowed,
        lifecycle,
        sensitive,
        extractable,
        wrap_with_trusted,
        modifiable,
        copyable,
        destroyable,
        strict_mechanism,
        oracle,
        under: Under { trusted, template_matches },
    }
}

#[test]
fn the_answer_is_the_first_requirement_that_fails_and_binds() {
    let mut cells = 0u64;
    let (mut permitted, mut refused) = (0u64, 0u64);
    for (index, subject) in subjects().into_iter().enumerate() {
        for_all_facts(|facts| {
            // One action for every third cell keeps the test quick. The subject's number shifts both, so that the
            // combinations of facts meet every action under some subject.
            cells += 1;
            if !(cells as usize + index).is_multiple_of(3) {
                return;
            }
            let action = Action::ALL[(cells as usize + index) % Action::ALL.len()];
            let failing = action.requirements().iter().find(|requirement| {
                !requirement.holds(&subject, facts)
                    && (requirement.binds() == Binds::Always || subject.rules.mode() == Mode::Enforce)
            });
            match (authorize(&subject, action, facts), failing) {
                (Ok(permit), None) => {
                    permitted += 1;
                    assert_eq!((permit.action(), permit.object()), (action, 9));
                }
                (Err(refusal), Some(requirement)) => {
                    refused += 1;
                    assert_eq!(refusal, requirement.refusal());
                }
                (outcome, failing) => panic!("{action:?}: {outcome:?}, {failing:?}"),
            }
        });
    }
    assert!(permitted > 10_000 && refused > 10_000, "{permitted} permitted, {refused} refused of {cells}");
}

#[test]
fn no_two_requirements_of_an_action_are_the_same_and_each_is_used() {
    for action in Action::ALL {
        let list = action.requirements();
        assert!(list.iter().enumerate().all(|(index, requirement)| !list[..index].contains(requirement)), "{action:?}");
    }
    for requirement in Requirement::ALL {
        let used = Action::ALL.iter().any(|action| action.requirements().contains(requirement));
        assert!(used, "{} stands in no row", requirement.name());
    }
}

/// The payload rule of roles.md section 3: a protected key leaves only under a key that is trusted at that moment.
#[test]
fn in_enforce_no_protected_key_leaves_but_under_a_trusted_one() {
    for subject in subjects().iter().filter(|subject| subject.rules.mode() == Mode::Enforce) {
        for_all_facts(|facts| {
            if facts.kind == Kind::Secret && (facts.sensitive || !facts.extractable) {
                let leaves = authorize(subject, Action::WrapOut, facts).is_ok();
                assert!(
                    !leaves
                        || (facts.extractable
                            && facts.under.trusted
                            && (facts.relation == Relation::Owner || facts.ownerless))
                );
            }
        });
    }
}

#[test]
fn only_a_security_officer_trusts_and_only_what_is_a_candidate() {
    for subject in subjects().iter().filter(|subject| subject.rules.mode() == Mode::Enforce) {
        for_all_facts(|facts| {
            if authorize(subject, Action::Trust, facts).is_ok() {
                assert!(subject.officer);
                assert!(
                    facts.kind == Kind::Other || matches!(facts.lifecycle, Lifecycle::Candidate | Lifecycle::Trusted)
                );
            }
        });
    }
}

fn answer(role: Role, action: Action, facts: Facts) -> Result<(), Error> {
    let subject = Subject::new(Some((UserId(1), role)), Rulebook::of(Mode::Enforce), true);
    authorize(&subject, action, &facts).map(|_| ()).map_err(|refusal| refusal.error)
}

const OWN: Facts = Facts { relation: Relation::Owner, kind: Kind::Secret, private: true, ..Facts::NONE };

#[test]
fn the_permission_matrix_of_the_three_roles() {
    use Role::{KeyManager as KM, NormalUser as NU, SecurityOfficer as SO};
    let not_permitted = Err(Error::KeyFunctionNotPermitted);
    let not_logged_in = Err(Error::UserNotLoggedIn);
    let read_only = Err(Error::AttributeReadOnly);
    let candidate = Facts { lifecycle: Lifecycle::Candidate, relation: Relation::Officer, ..OWN };
    let table = [
        //                              NU             KM             SO
        (Action::Encrypt, OWN, Ok(()), not_permitted, not_logged_in),
        (Action::Sign, OWN, Ok(()), not_permitted, not_logged_in),
        (Action::Derive, OWN, Ok(()), not_permitted, not_logged_in),
        (Action::Make, OWN, Ok(()), Ok(()), not_logged_in),
        (Action::WrapUnder, OWN, Ok(()), Ok(()), not_logged_in),
        (Action::Share, OWN, read_only, Ok(()), read_only),
        (Action::Trust, candidate, read_only, read_only, Ok(())),
        (Action::Administer, Facts::NONE, not_logged_in, not_logged_in, Ok(())),
    ];
    for (action, facts, nu, km, so) in table {
        for (role, expected) in [(NU, nu), (KM, km), (SO, so)] {
            assert_eq!(answer(role, action, facts), expected, "{} by {}", action.name(), role.title());
        }
    }
}

#[test]
fn r9_the_life_of_a_wrapping_key() {
    let nu = |action, lifecycle| answer(Role::NormalUser, action, Facts { lifecycle, ..OWN });
    let refused = Err(Error::KeyFunctionNotPermitted);
    assert_eq!(nu(Action::WrapUnder, Lifecycle::Candidate), refused);
    assert_eq!(nu(Action::UnwrapUnder, Lifecycle::Candidate), refused);
    assert_eq!(nu(Action::WrapUnder, Lifecycle::Trusted), Ok(()));
    assert_eq!(nu(Action::UnwrapUnder, Lifecycle::Trusted), Ok(()));
    assert_eq!(nu(Action::WrapUnder, Lifecycle::Retired), refused);
    assert_eq!(nu(Action::UnwrapUnder, Lifecycle::Retired), Ok(()));
    let retired = Facts { lifecycle: Lifecycle::Retired, relation: Relation::Officer, ..OWN };
    assert_eq!(answer(Role::SecurityOfficer, Action::Trust, retired), Err(Error::AttributeReadOnly));
}

/// The precedence of errors: the login comes before ownership and what the role may do.
#[test]
fn nobody_is_told_to_log_in_before_changing_or_copying_what_has_an_owner() {
    let seen = Facts { relation: Relation::Public, kind: Kind::Other, ..Facts::NONE };
    let acts = [Action::Change, Action::Copy, Action::Destroy, Action::Share, Action::Trust, Action::Retire];
    for (mode, action) in Mode::ALL.into_iter().flat_map(|mode| acts.map(|action| (mode, action))) {
        let nobody = Subject::new(None, Rulebook::of(mode), true);
        let outcome = authorize(&nobody, action, &seen).map(|_| ()).map_err(|refusal| refusal.error);
        assert_eq!(outcome, Err(Error::UserNotLoggedIn), "{} in {}", action.name(), mode.name());
    }
}

#[test]
fn r12_a_sharee_uses_and_does_nothing_else() {
    let shared = Facts { relation: Relation::Sharee, ..OWN };
    let nu = |action| answer(Role::NormalUser, action, shared);
    assert_eq!(nu(Action::Encrypt), Ok(()));
    assert_eq!(nu(Action::WrapUnder), Ok(()));
    assert_eq!(nu(Action::WrapOut), Err(Error::KeyUnextractable));
    for action in [Action::Change, Action::Copy, Action::Destroy] {
        assert_eq!(nu(action), Err(Error::ActionProhibited), "{}", action.name());
    }
}

#[test]
fn audit_refuses_nothing_that_the_standard_allows_and_is_judged_as_in_enforce() {
    let subject = Subject::new(Some((UserId(1), Role::NormalUser)), Rulebook::of(Mode::Audit), true);
    let naked = Facts { sensitive: true, ..OWN };
    assert!(authorize(&subject, Action::WrapOut, &naked).is_ok(), "the standard allows it");
    let judged = authorize(&subject.under_enforce(), Action::WrapOut, &naked).map_err(|refusal| refusal.error);
    assert_eq!(judged.err(), Some(Error::KeyNotWrappable));
}
