//! The quorum: which approvals count, when an act takes effect, when it falls away, and that one officer never makes up
//! the number alone.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use claviger_rules::{Mode, Role, UserId};
use claviger_store::{
    Act, ActId, Author, Change, Cost, Count, Effects, Error, Fallen, HeaderChange, Keys, NewToken, ObjectId, Outcome,
    Quorum, Result, Settings, Step, Store, Withdrawn,
};
use common::{PIN, SO_PIN, Token, bodies, make, replace};
use rusqlite::Connection;

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;

/// A token with the officers `so`, `so2` and `so3`, the normal user `app1`, and a quorum of so many.
struct Board {
    token: Token,
    so: [Keys; 3],
    app: UserId,
}

impl Board {
    fn of(needed: u32) -> Self {
        Self::with(needed, common::settings())
    }

    fn with(needed: u32, settings: Settings) -> Self {
        let token = Token::with(settings);
        let first = token.so();
        let [second, third] = ["so2", "so3"].map(|name| {
            let act = token.store.new_officer(&first, name, PIN).unwrap();
            assert!(is_done(token.store.perform(&first, &act, Effects::NONE, NOW)));
            token.store.login(true, name, PIN).unwrap().keys
        });
        let app = token.add_user("app1").id;
        let quorum = Act::SetQuorum(Quorum::new(needed, 24).unwrap());
        assert!(is_done(token.store.perform(&first, &quorum, Effects::NONE, NOW)));
        Self { token, so: [first, second, third], app }
    }

    fn store(&self) -> &Store {
        &self.token.store
    }

    /// Does or files `act` as the officer `who`, at `NOW`.
    fn perform(&self, who: usize, act: &Act) -> Result<Outcome> {
        let seen = self.store().generation().unwrap();
        self.store().perform(&self.so[who], act, Effects { seen, ..Effects::NONE }, NOW)
    }

    /// Files `act` as the officer `who`, who is not enough.
    fn file(&self, who: usize, act: &Act) -> ActId {
        match self.perform(who, act).unwrap() {
            Outcome::Waits(Step::Filed, count) => count.act,
            other => panic!("{other:?}"),
        }
    }

    fn approve_at(&self, who: usize, id: ActId, now_s: u64) -> Result<Outcome> {
        let seen = self.store().generation().unwrap();
        let digest = self.digest(id).unwrap_or_default();
        self.store().approve(&self.so[who], id, &digest, Effects { seen, ..Effects::NONE }, now_s)
    }

    fn approve(&self, who: usize, id: ActId) -> Result<Outcome> {
        self.approve_at(who, id, NOW)
    }

    fn digest(&self, id: ActId) -> Option<[u8; 32]> {
        let pending = self.store().pending(NOW).unwrap().acts;
        pending.into_iter().find(|act| act.id == id).map(|act| act.digest)
    }

    /// The acts that wait, and how many approvals of each count.
    fn waiting(&self) -> Vec<(ActId, usize)> {
        let acts = self.store().pending(NOW).unwrap().acts.into_iter().filter(|act| act.fallen.is_none());
        acts.map(|act| (act.id, act.approvals.iter().filter(|(_, counts)| *counts).count())).collect()
    }

    fn has_user(&self, name: &str) -> bool {
        self.store().users().unwrap().iter().any(|user| user.name == name)
    }

    fn needed(&self) -> u32 {
        self.store().header().unwrap().unwrap().quorum.needed()
    }

    /// Wrong PINs until the officer is locked.
    fn lock(&self, name: &str) {
        while !matches!(self.store().login(true, name, b"0000"), Err(Error::PinLocked)) {}
    }

    fn delete_app(&self) -> Act {
        Act::DeleteUser(self.app)
    }

    /// A public object and the act that marks it trusted.
    fn object(&self) -> (ObjectId, u64, Act) {
        let (object, version) = make(self.store(), Author::User(&self.so[0]), false, b"candidate");
        (object, version, Act::Trust { object, version })
    }
}

fn is_done(outcome: Result<Outcome>) -> bool {
    matches!(outcome, Ok(Outcome::Done { .. }))
}

fn waits(step: Step, act: ActId, approvals: u32, needed: u32) -> Result<Outcome> {
    Ok(Outcome::Waits(step, Count { act, approvals, needed }))
}

#[test]
fn a_new_token_asks_for_one_officer_and_files_nothing() {
    let board = Board::of(1);
    assert!(is_done(board.perform(0, &board.delete_app())));
    assert!(!board.has_user("app1"));
    assert!(board.store().pending(NOW).unwrap().acts.is_empty());
}

#[test]
fn every_act_waits_for_the_second_officer_and_happens_with_its_approval() {
    let board = Board::of(2);
    let store = board.store();
    let user = |name: &str| store.users().unwrap().into_iter().find(|user| user.name == name).unwrap();
    let so3 = user("so3");
    let header = HeaderChange { max_pin_failures: Some(5), ..HeaderChange::default() };
    let acts = [
        board.delete_app(),
        store.new_officer(&board.so[0], "sol", PIN).unwrap(),
        Act::UnlockOfficer { user: so3.id, reset: so3.reset },
        store.new_lock(&board.so[0], so3.id, b"fresh pin").unwrap(),
        Act::ChangeHeader(header),
        Act::SetQuorum(Quorum::new(3, 48).unwrap()),
    ];
    store.login(true, "so3", b"0000").err().unwrap();
    let ids: Vec<ActId> = acts.iter().map(|act| board.file(0, act)).collect();
    for (act, id) in acts.iter().zip(&ids) {
        assert_eq!(board.perform(0, act), waits(Step::Repeated, *id, 1, 2), "the same officer again");
        assert_eq!(board.approve(0, *id), waits(Step::Repeated, *id, 1, 2));
    }
    assert_eq!(board.waiting().len(), acts.len());
    assert!(board.has_user("app1") && !board.has_user("sol") && user("so3").failures == 1 && board.needed() == 2);
    assert_eq!(store.header().unwrap().unwrap().settings, common::settings());
    assert!(store.login(true, "sol", PIN).is_err() && store.login(true, "so3", b"fresh pin").is_err());

    assert!(is_done(board.approve(1, ids[2])), "unlocking is void once the PIN is reset");
    assert_eq!(user("so3").failures, 0);
    for id in ids.iter().filter(|id| **id != ids[2]) {
        assert!(is_done(board.approve(1, *id)));
        assert_eq!(board.approve(1, *id), Err(Error::ActUnknown), "once");
    }
    assert!(!board.has_user("app1") && user("sol").role == Role::SecurityOfficer && board.needed() == 3);
    assert_eq!(store.header().unwrap().unwrap().settings.max_pin_failures, 5);
    assert!(store.login(true, "sol", PIN).is_ok() && store.login(true, "so3", b"fresh pin").is_ok());
    assert!(store.pending(NOW).unwrap().acts.is_empty());
}

#[test]
fn an_object_changes_with_the_last_approval_and_not_before() {
    let board = Board::of(2);
    let (object, version, act) = board.object();
    let change = [replace(object, version, b"trusted")];
    let effects = Effects { mode: Some(Mode::Enforce), objects: &change, seen: 0 };
    let store = board.store();
    assert!(matches!(store.perform(&board.so[0], &act, effects, NOW), Ok(Outcome::Waits(Step::Filed, _))));
    let author = Author::User(&board.so[0]);
    assert_eq!(bodies(&store.load(author).unwrap()), [b"candidate"]);
    let Ok(Outcome::Done { generation, act: Some(_) }) = store.perform(&board.so[1], &act, effects, NOW) else {
        panic!("the same act by another officer is its approval");
    };
    let loaded = store.load(author).unwrap();
    assert_eq!((bodies(&loaded), loaded.objects[0].version), (vec![&b"trusted"[..]], generation));
    assert_eq!(store.perform(&board.so[2], &act, effects, NOW), Err(Error::Conflict), "once");
}

#[test]
fn the_change_that_is_carried_out_is_of_the_act_s_object_and_no_other() {
    let board = Board::of(2);
    let (object, version, act) = board.object();
    let (other, at, _) = board.object();
    board.file(0, &act);
    let wrong: [&[Change]; 4] = [
        &[],
        &[replace(other, at, b"x")],
        &[replace(object, version, b"x"), replace(other, at, b"x")],
        &[Change::Delete { id: object, expected: version }],
    ];
    for objects in wrong {
        let outcome =
            board.store().perform(&board.so[1], &act, Effects { mode: Some(Mode::Enforce), objects, seen: 0 }, NOW);
        assert_eq!(outcome, Err(Error::Conflict));
    }
    let objects: &[Change] = &[replace(object, version, b"x")];
    for mode in [None, Some(Mode::Standard)] {
        let outcome = board.store().perform(&board.so[1], &act, Effects { mode, objects, seen: 0 }, NOW);
        assert_eq!(outcome, Err(Error::Conflict), "worked out by the rules of another mode");
    }
    assert_eq!(board.waiting(), [(ActId(1), 1)], "nothing of the refused transactions is left");
}

#[test]
fn a_quorum_of_three_takes_three_different_officers() {
    let board = Board::of(3);
    let id = board.file(0, &board.delete_app());
    assert_eq!(board.approve(1, id), waits(Step::Approved, id, 2, 3));
    assert_eq!(board.approve(1, id), waits(Step::Repeated, id, 2, 3));
    assert_eq!(board.approve(0, id), waits(Step::Repeated, id, 2, 3));
    assert!(is_done(board.approve(2, id)));
}

#[test]
fn an_officer_that_one_officer_makes_is_itself_an_act() {
    let board = Board::of(2);
    let sol = board.store().new_officer(&board.so[0], "sol", PIN).unwrap();
    board.file(0, &sol);
    assert!(matches!(board.store().login(true, "sol", PIN), Err(Error::PinIncorrect)));
}

#[test]
fn approvals_of_a_deleted_a_reset_and_a_locked_officer_count_no_more() {
    let board = Board::of(3);
    let id = board.file(0, &board.delete_app());
    board.approve(1, id).unwrap();
    board.lock("so2");
    assert_eq!(board.waiting(), [(id, 1)]);
    assert_eq!(board.approve(2, id), waits(Step::Approved, id, 2, 3), "the locked one's does not count");

    // Three officers, one locked: nothing can be done before a fourth exists. So another board.
    let board = Board::of(2);
    let gone = board.file(1, &board.delete_app());
    let so2 = board.so[1].user();
    let reset = board.store().new_lock(&board.so[0], so2, b"fresh pin").unwrap();
    let reset = board.file(0, &reset);
    assert!(is_done(board.approve(2, reset)));
    assert_eq!(board.waiting(), [], "its filer's PIN was reset");
    assert_eq!(board.approve(0, gone), Ok(Outcome::Fell(Fallen::FilerGone)));
    assert_eq!(board.approve(0, gone), Err(Error::ActUnknown));
    assert!(board.has_user("app1"));
}

#[test]
fn an_approval_of_an_officer_that_was_reset_or_deleted_since_does_not_count() {
    for deleted in [true, false] {
        let board = Board::of(3);
        let sol = board.store().new_officer(&board.so[0], "sol", PIN).unwrap();
        let sol = board.file(0, &sol);
        board.approve(1, sol).unwrap();
        assert!(is_done(board.approve(2, sol)));
        let keys = board.store().login(true, "sol", PIN).unwrap().keys;
        let id = board.file(0, &board.delete_app());
        let digest = board.digest(id).unwrap();
        board.store().approve(&keys, id, &digest, Effects::NONE, NOW).unwrap();
        assert_eq!(board.waiting(), [(id, 2)]);
        let end = match deleted {
            true => Act::DeleteUser(keys.user()),
            false => board.store().new_lock(&board.so[0], keys.user(), b"fresh pin").unwrap(),
        };
        let end = board.file(0, &end);
        board.approve(1, end).unwrap();
        assert!(is_done(board.approve(2, end)));
        assert_eq!(board.waiting(), [(id, 1)], "deleted: {deleted}");
        assert_eq!(board.store().approve(&keys, id, &digest, Effects::NONE, NOW), Err(Error::UserGone));
        assert_eq!(board.approve(1, id), waits(Step::Approved, id, 2, 3), "deleted: {deleted}");
    }
}

#[test]
fn an_officer_who_was_reset_may_approve_anew() {
    let board = Board::of(3);
    let id = board.file(0, &board.delete_app());
    board.approve(1, id).unwrap();
    let reset = board.store().new_lock(&board.so[0], board.so[1].user(), b"fresh pin").unwrap();
    let reset = board.file(0, &reset);
    board.approve(1, reset).unwrap();
    assert!(is_done(board.approve(2, reset)));
    assert_eq!(board.waiting(), [(id, 1)]);
    let again = board.store().login(true, "so2", b"fresh pin").unwrap().keys;
    let digest = board.digest(id).unwrap();
    let outcome = board.store().approve(&again, id, &digest, Effects::NONE, NOW);
    assert_eq!(outcome, waits(Step::Approved, id, 2, 3));
}

#[test]
fn ones_own_new_pin_takes_no_approval_away() {
    let board = Board::of(2);
    let id = board.file(0, &board.delete_app());
    board.store().change_pin(board.so[0].user(), SO_PIN, b"fresh pin").unwrap();
    assert!(is_done(board.approve(1, id)));
}

#[test]
fn an_act_expires_and_is_removed() {
    let board = Board::of(2);
    let id = board.file(0, &board.delete_app());
    assert_eq!(board.approve_at(2, id, NOW + 24 * HOUR), Ok(Outcome::Fell(Fallen::Expired)));
    assert!(board.has_user("app1") && board.digest(id).is_none());

    let id = board.file(0, &board.delete_app());
    let later = board.store().pending(NOW + 24 * HOUR).unwrap().acts;
    assert_eq!(later.iter().map(|act| act.fallen).collect::<Vec<_>>(), [Some(Fallen::Expired)]);
    let outcome = board.store().perform(&board.so[1], &board.delete_app(), Effects::NONE, NOW + 24 * HOUR);
    assert!(matches!(outcome, Ok(Outcome::Waits(Step::Filed, count)) if count.act != id && count.approvals == 1));
    assert!(board.digest(id).is_none(), "swept");
    let id = board.file(2, &Act::SetQuorum(Quorum::new(1, 1).unwrap()));
    assert!(is_done(board.approve_at(1, id, NOW + 24 * HOUR - 1)), "the last second");
}

#[test]
fn the_time_that_approvals_wait_is_the_quorums() {
    let board = Board::of(2);
    let id = board.file(0, &Act::SetQuorum(Quorum::new(2, 1).unwrap()));
    assert!(is_done(board.approve(1, id)));
    let id = board.file(0, &board.delete_app());
    assert_eq!(board.store().pending(NOW).unwrap().acts[0].expires_s, NOW + HOUR);
    assert_eq!(board.approve_at(1, id, NOW + HOUR), Ok(Outcome::Fell(Fallen::Expired)));
}

#[test]
fn an_act_falls_away_when_what_it_is_about_has_changed() {
    let board = Board::of(2);
    let store = board.store();
    let (object, version, trust) = board.object();
    let sol = store.new_officer(&board.so[0], "sol", PIN).unwrap();
    let reset = store.new_lock(&board.so[0], board.so[2].user(), b"fresh pin").unwrap();
    let ids = [&trust, &sol, &reset].map(|act| board.file(0, act));
    let other = store.new_lock(&board.so[1], board.so[2].user(), b"other pin").unwrap();
    let other = board.file(1, &other);

    store.commit(Author::User(&board.so[0]), &[replace(object, version, b"other")]).unwrap();
    store.create_user(&board.so[0], "sol", Role::NormalUser, PIN).unwrap();
    assert!(is_done(board.approve(0, other)));

    for id in ids {
        assert_eq!(board.approve(1, id), Ok(Outcome::Fell(Fallen::Overtaken)), "{id:?}");
    }
    assert!(matches!(store.login(true, "so3", b"fresh pin"), Err(Error::PinIncorrect)));
}

#[test]
fn what_cannot_be_done_is_refused_before_it_is_filed() {
    let board = Board::of(2);
    let (object, version, _) = board.object();
    let loosen = HeaderChange { mode: Some(Mode::Audit), ..HeaderChange::default() };
    let cases = [
        (Act::Trust { object, version: version + 1 }, Error::Conflict),
        (Act::Retire { object: ObjectId(99), version }, Error::Conflict),
        (Act::DeleteUser(UserId(99)), Error::UserUnknown),
        (Act::DeleteUser(UserId(0)), Error::UserUnknown),
        (Act::UnlockOfficer { user: board.so[2].user(), reset: 0 }, Error::Conflict),
        (Act::SetQuorum(Quorum::new(4, 24).unwrap()), Error::QuorumOutOfReach),
        (Act::ChangeHeader(loosen), Error::ModeLoosened),
    ];
    for (act, refusal) in cases {
        assert_eq!(board.perform(0, &act), Err(refusal));
    }
    assert!(board.store().pending(NOW).unwrap().acts.is_empty());
}

#[test]
fn a_quorum_is_never_larger_than_the_officers_who_can_approve() {
    let board = Board::of(2);
    for (needed, hours) in [(0, 24), (1, 0), (1, 721)] {
        assert_eq!(Quorum::new(needed, hours), Err(Error::QuorumInvalid));
    }
    let three = Act::SetQuorum(Quorum::new(3, 24).unwrap());
    let raise = board.file(0, &three);
    let delete = board.file(0, &Act::DeleteUser(board.so[2].user()));
    assert!(is_done(board.approve(1, raise)));
    assert_eq!(board.approve(1, delete), waits(Step::Approved, delete, 2, 3));
    assert_eq!(board.approve(2, delete), Err(Error::QuorumOutOfReach), "two would remain");
    assert_eq!(board.perform(1, &Act::DeleteUser(board.so[0].user())), Err(Error::QuorumOutOfReach));
    let lower = board.file(0, &Act::SetQuorum(Quorum::new(2, 24).unwrap()));
    board.approve(1, lower).unwrap();
    assert!(is_done(board.approve(2, lower)), "it takes the present quorum to lower it");
    assert!(is_done(board.approve(1, delete)), "and then the number is reached");
}

#[test]
fn a_locked_officer_is_none_of_those_who_can_approve() {
    let board = Board::with(1, Settings { max_pin_failures: 2, ..common::settings() });
    board.lock("so3");
    let act = Act::SetQuorum(Quorum::new(3, 24).unwrap());
    assert_eq!(board.perform(0, &act), Err(Error::QuorumOutOfReach));
    assert!(is_done(board.perform(0, &Act::SetQuorum(Quorum::new(2, 24).unwrap()))));
    assert_eq!(board.perform(0, &Act::DeleteUser(board.so[1].user())), Err(Error::QuorumOutOfReach));
    assert!(matches!(board.perform(0, &Act::DeleteUser(board.so[2].user())), Ok(Outcome::Waits(..))));
}

#[test]
fn a_lowered_quorum_lets_waiting_acts_through_at_the_next_word() {
    let board = Board::of(2);
    let id = board.file(0, &board.delete_app());
    let alone = board.file(0, &Act::SetQuorum(Quorum::new(1, 24).unwrap()));
    assert!(is_done(board.approve(1, alone)));
    assert!(is_done(board.approve(0, id)));
}

#[test]
fn filers_withdraw_acts_and_approvers_their_approvals() {
    let board = Board::of(3);
    let id = board.file(0, &board.delete_app());
    board.approve(1, id).unwrap();
    let withdraw = |who: usize, id| board.store().withdraw(&board.so[who], id, NOW);
    assert_eq!(withdraw(2, id), Err(Error::NotApproved));
    assert_eq!(withdraw(1, id), Ok(Withdrawn::Approval));
    assert_eq!(board.waiting(), [(id, 1)]);
    assert_eq!(withdraw(1, id), Err(Error::NotApproved));
    assert_eq!(withdraw(0, id), Ok(Withdrawn::Act));
    assert_eq!(withdraw(0, id), Err(Error::ActUnknown));
    assert_eq!(board.approve(2, id), Err(Error::ActUnknown));
}

#[test]
fn an_officer_has_at_most_16_acts_waiting_and_takes_no_room_from_others() {
    let board = Board::of(3);
    let lower = |hours| Act::SetQuorum(Quorum::new(2, hours).unwrap());
    for hours in 1..=16 {
        board.file(0, &lower(hours));
    }
    assert_eq!(board.perform(0, &lower(17)), Err(Error::ActsFull));
    assert!(matches!(board.perform(0, &lower(16)), Ok(Outcome::Waits(Step::Repeated, _))));
    assert!(matches!(board.perform(1, &lower(16)), Ok(Outcome::Waits(Step::Approved, _))), "an approval is none");
    let id = board.file(1, &lower(17));
    board.store().withdraw(&board.so[1], id, NOW).unwrap();
    board.store().withdraw(&board.so[0], ActId(2), NOW).unwrap();
    board.file(0, &lower(17));
}

#[test]
fn the_same_officer_s_new_filing_with_a_pin_takes_the_old_one_s_place() {
    let board = Board::of(2);
    let file = |who: usize, pin| board.file(who, &board.store().new_officer(&board.so[who], "sol", pin).unwrap());
    let old = file(0, b"first pin");
    let new = file(0, b"second pin");
    assert_ne!(old, new);
    let others = file(1, b"third pin");
    assert_eq!(board.waiting(), [(new, 1), (others, 1)], "another officer's is another act");
    assert!(is_done(board.approve(1, new)));
    assert!(board.store().login(true, "sol", b"second pin").is_ok());
    assert_eq!(board.approve(0, others), Ok(Outcome::Fell(Fallen::Overtaken)));
}

#[test]
fn an_approval_is_bound_to_the_content_that_was_seen() {
    let board = Board::of(2);
    let id = board.file(0, &board.delete_app());
    let approve = |digest: &[u8; 32]| board.store().approve(&board.so[1], id, digest, Effects::NONE, NOW);
    assert_eq!(approve(&[0; 32]), Err(Error::Conflict));
    assert_eq!(board.waiting(), [(id, 1)]);
}

#[test]
fn a_deletion_carried_out_takes_the_objects_that_were_seen_along_or_nothing() {
    let board = Board::of(2);
    let (store, act) = (board.store(), board.delete_app());
    let (object, version) = make(store, Author::User(&board.so[0]), true, b"shared with app1");
    let seen = store.generation().unwrap();
    let change = [replace(object, version, b"shared with nobody")];
    let effects = Effects { seen, objects: &change, mode: None };
    let id = board.file(0, &act);
    make(store, Author::User(&board.so[0]), true, b"meanwhile");
    let digest = board.digest(id).unwrap();
    assert_eq!(store.approve(&board.so[1], id, &digest, effects, NOW), Err(Error::Conflict));
    assert_eq!((board.waiting(), board.has_user("app1")), (vec![(id, 1)], true));
    let seen = store.generation().unwrap();
    assert!(is_done(store.approve(&board.so[1], id, &digest, Effects { seen, ..effects }, NOW)));
    assert_eq!(bodies(&store.load(Author::User(&board.so[0])).unwrap()), [&b"shared with nobody"[..], b"meanwhile"]);
}

#[test]
fn approvals_by_several_processes_at_once_carry_an_act_out_once() {
    for _ in 0..8 {
        let board = Board::of(2);
        let id = board.file(0, &board.delete_app());
        let digest = board.digest(id).unwrap();
        let stores = [board.token.another(), board.token.another()];
        let seen = board.store().generation().unwrap();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let approve = |at: usize| stores[at].approve(&board.so[at + 1], id, &digest, effects(seen), NOW);
            let running = [0, 1].map(|at| scope.spawn(move || approve(at)));
            running.map(|one| one.join().unwrap()).into()
        });
        let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Done { .. }))).count();
        assert_eq!(done, 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err(Error::ActUnknown)), "{outcomes:?}");
    }
}

const fn effects(seen: u64) -> Effects<'static> {
    Effects { seen, ..Effects::NONE }
}

#[test]
fn a_pending_act_outlives_the_process() {
    let board = Board::of(2);
    let id = board.file(0, &board.delete_app());
    let Board { token: Token { dir, store, .. }, .. } = board;
    drop(store);
    let store = common::open(dir.path());
    let so2 = store.login(true, "so2", PIN).unwrap().keys;
    let pending = store.pending(NOW).unwrap().acts;
    let seen = store.generation().unwrap();
    assert!(is_done(store.approve(&so2, id, &pending[0].digest, effects(seen), NOW)));
    assert_eq!(store.users().unwrap().len(), 3);
}

#[test]
fn initialising_again_forgets_pending_acts_and_the_quorum() {
    let board = Board::of(2);
    board.file(0, &board.delete_app());
    let again = NewToken { replaces: Some(board.token.header.token), ..common::new_token() };
    assert_eq!(board.store().initialize(&again).unwrap().quorum, Quorum::ALONE);
    assert!(board.store().pending(NOW).unwrap().acts.is_empty());
}

/// The act's key, as the database has it.
fn key_of(act: ActId) -> i64 {
    act.0.try_into().unwrap()
}

#[test]
fn a_damaged_act_is_named_and_hinders_no_other() {
    let board = Board::of(2);
    let (bad, good) = (board.file(0, &board.delete_app()), board.file(0, &Act::SetQuorum(Quorum::ALONE)));
    let database = Connection::open(board.token.database()).unwrap();
    let (key, read) = (key_of(bad), "SELECT value FROM acts WHERE key = ?1");
    let whole: Vec<u8> = database.query_row(read, [key], |row| row.get(0)).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        database.execute("UPDATE acts SET value = ?2 WHERE key = ?1", (key, &flipped)).unwrap();
        let pending = board.store().pending(NOW).unwrap();
        assert_eq!((pending.damaged, pending.acts.len()), (vec![bad], 1), "byte {at}");
    }
    assert_eq!(board.approve(1, bad), Err(Error::Damaged));
    assert!(is_done(board.approve(1, good)));
    assert_eq!(board.store().withdraw(&board.so[2], bad, NOW), Ok(Withdrawn::Act));
    assert!(board.store().pending(NOW).unwrap().damaged.is_empty());
}

#[test]
fn records_of_acts_do_not_open_in_each_others_place() {
    let board = Board::of(2);
    let (one, two) = (board.file(0, &board.delete_app()), board.file(0, &Act::SetQuorum(Quorum::ALONE)));
    let database = Connection::open(board.token.database()).unwrap();
    let swap = "UPDATE acts SET value = (SELECT value FROM acts WHERE key = ?2) WHERE key = ?1";
    database.execute(swap, [key_of(two), key_of(one)]).unwrap();
    assert_eq!(board.store().pending(NOW).unwrap().damaged, [two]);
}

#[test]
fn no_pin_is_stored_with_a_pending_act() {
    let board = Board::of(2);
    let pin = b"unmistakable pin of the new officer";
    board.file(0, &board.store().new_officer(&board.so[0], "sol", pin).unwrap());
    for name in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(board.token.dir.path().join("slot-0").join(name)).unwrap();
        assert!(!bytes.windows(pin.len()).any(|window| window == pin) && !bytes.windows(3).any(|part| part == b"sol"));
    }
}

#[test]
fn a_new_mode_is_an_act_and_takes_the_objects_along() {
    let board = Board::of(2);
    let harder = HeaderChange { cost: Some(Cost::Standard), ..HeaderChange::default() };
    let id = board.file(0, &Act::ChangeHeader(harder));
    let (object, version) = make(board.store(), Author::User(&board.so[0]), false, b"trusted");
    let change = [replace(object, version, b"stripped")];
    let digest = board.digest(id).unwrap();
    let seen = board.store().generation().unwrap();
    let outcome = board.store().approve(&board.so[1], id, &digest, Effects { seen, objects: &change, mode: None }, NOW);
    assert!(is_done(outcome));
    assert_eq!(board.store().header().unwrap().unwrap().settings.cost, Cost::Standard);
    assert_eq!(bodies(&board.store().load(Author::User(&board.so[0])).unwrap()), [b"stripped"]);
}
