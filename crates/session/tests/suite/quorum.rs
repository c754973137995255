//! The quorum through the safe API: by C calls and by commands, one security officer alone does none of what it covers.
//! Which approvals count is the store's tests.

use std::sync::Arc;

use claviger_rules::attribute::Value;
use claviger_rules::{AttributeType, Error, Filed, MechanismType, Mode, Role, Rule, Template};
use claviger_session::{Answer, Approved, Library, MechanismCall, ObjectHandle, Result, Room, Session, UserType};
use claviger_store::{Act, Cost, Effects, Quorum, Root, Store};

use crate::world::{PIN, SLOT, SO_PIN, World, refused, template};

/// A token with a quorum of two among `so`, `so2` and `so3`, and the users of [`World::with_users`]. Every officer sits
/// at an application of its own and stays logged in.
struct Board {
    world: World,
    officers: [(Library, Arc<Session>); 3],
}

impl Board {
    fn new() -> Self {
        Self::on(World::with_users())
    }

    fn on(world: World) -> Self {
        world.as_officer(|so| {
            so.create_user("so2", Role::SecurityOfficer, PIN).unwrap();
            so.create_user("so3", Role::SecurityOfficer, PIN).unwrap();
            so.set_quorum(2, None).unwrap();
        });
        let officers = [("so", SO_PIN), ("so2", PIN), ("so3", PIN)].map(|(name, pin)| officer(&world, name, pin));
        Self { world, officers }
    }

    /// The session of an officer, at the entry of a call.
    fn so(&self, who: usize) -> Arc<Session> {
        let (library, session) = &self.officers[who];
        library.session(session.handle()).unwrap()
    }

    /// A candidate of kim's.
    fn candidate(&self) {
        let kim = self.world.login("kim");
        let wrap = template([
            (AttributeType::WRAP, Value::Bool(true)),
            (AttributeType::UNWRAP, Value::Bool(true)),
            (AttributeType::LABEL, Value::bytes("kek")),
        ]);
        kim.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), wrap).unwrap();
        self.world.close(&kim).unwrap();
    }

    /// C_SetAttributeValue(TRUSTED) on the key `kek` by an officer.
    fn trust(&self, who: usize, trusted: bool) -> Result<()> {
        let so = self.so(who);
        so.set_attributes(find(&so, "kek"), trusted_is(trusted))
    }

    fn is_trusted(&self) -> bool {
        let so = self.so(2);
        let answers = so.attributes(find(&so, "kek"), &[AttributeType::TRUSTED]).unwrap();
        matches!(answers[..], [Answer::Value(Value::Bool(true))])
    }

    fn has_user(&self, name: &str) -> bool {
        self.world.library.users(SLOT).unwrap().iter().any(|user| user.name == name)
    }

    /// The numbers of the acts that wait.
    fn waiting(&self) -> Vec<u64> {
        self.so(2).pending_acts().unwrap().acts.iter().map(|act| act.id).collect()
    }

    fn store(&self) -> Store {
        Root::open(&self.world.data()).unwrap().slot(0).unwrap()
    }
}

fn officer(world: &World, name: &str, pin: &[u8]) -> (Library, Arc<Session>) {
    let library = world.another_process();
    let session = library.session(library.open_session(SLOT, true).unwrap()).unwrap();
    session.login_user(UserType::So, pin, name.as_bytes()).unwrap();
    (library, session)
}

fn trusted_is(trusted: bool) -> Template {
    template([(AttributeType::TRUSTED, Value::Bool(trusted))])
}

fn find(session: &Session, label: &str) -> ObjectHandle {
    session.find_init(template([(AttributeType::LABEL, Value::bytes(label))])).unwrap();
    let found = session.find(2).unwrap();
    session.find_final().unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

/// What a call that was not done filed: act, approvals, approvals needed.
#[track_caller]
fn filed<T>(outcome: Result<T>) -> (u64, u32, u32) {
    let refusal = outcome.err().unwrap();
    assert_eq!((refusal.error, refusal.rule), (Error::ActionProhibited, Rule::Quorum));
    let Filed { act, approvals, needed } = refusal.filed.unwrap();
    (act, approvals, needed)
}

#[test]
fn a_key_is_trusted_and_retired_by_the_same_c_call_of_two_officers() {
    let board = Board::new();
    board.candidate();
    for trusted in [true, false] {
        let (act, approvals, needed) = filed(board.trust(0, trusted));
        assert_eq!((approvals, needed), (1, 2));
        assert_eq!(filed(board.trust(0, trusted)), (act, 1, 2), "the same officer again is no one else");
        assert_eq!((board.is_trusted(), board.waiting()), (!trusted, vec![act]));
        board.trust(1, trusted).unwrap();
        assert_eq!((board.is_trusted(), board.waiting()), (trusted, vec![]));
    }
    assert_eq!(refused(board.trust(0, true)), Some(Error::AttributeReadOnly), "a retired key stays retired");
    assert!(board.waiting().is_empty());
}

#[test]
fn what_is_so_already_takes_no_approval() {
    let board = Board::new();
    board.candidate();
    filed(board.trust(0, true));
    board.trust(1, true).unwrap();
    board.trust(0, true).unwrap();
    assert!(board.waiting().is_empty());
}

#[test]
fn a_c_call_and_a_command_approve_the_same_act() {
    let board = Board::new();
    board.candidate();
    let (act, ..) = filed(board.trust(0, true));
    let done = board.so(1).approve(act).unwrap();
    assert!(matches!(done, Approved::Done { does, tightened: None } if does.starts_with("mark \"kek\" (0x")));
    assert!(board.is_trusted());
}

#[test]
fn no_command_that_the_quorum_covers_is_done_by_one_officer_and_each_is_by_two() {
    let board = Board::on(World::in_mode(Mode::Standard));
    board.world.as_officer(|so| so.create_user("app", Role::NormalUser, PIN)).unwrap();
    type Command = fn(&Session) -> Result<()>;
    let commands: [Command; 7] = [
        |so| so.delete_user("app"),
        |so| so.create_user("sol", Role::SecurityOfficer, PIN),
        |so| so.unlock_user("so3"),
        |so| so.change_password("so3", b"fresh"),
        |so| so.tighten(Mode::Audit).map(drop),
        |so| so.set_settings(Some(7), Some(Cost::Quick)),
        |so| so.set_quorum(3, Some(48)),
    ];
    let acts = commands.map(|command| filed(command(&board.so(0))));
    for (at, command) in commands.iter().enumerate().filter(|(at, _)| ![1, 3].contains(at)) {
        assert_eq!(filed(command(&board.so(0))), acts[at], "the same officer again");
    }
    assert_eq!(board.so(2).pending_acts().unwrap().acts.len(), commands.len());
    let before = board.world.library.token_info(SLOT).unwrap();
    assert_eq!((before.mode, before.quorum.unwrap().needed()), (Some(Mode::Standard), 2));
    assert!(board.has_user("app") && !board.has_user("sol"));
    for (act, ..) in acts {
        assert!(matches!(board.so(1).approve(act), Ok(Approved::Done { .. })), "act {act}");
    }
    let after = board.world.library.token_info(SLOT).unwrap();
    assert_eq!((after.mode, after.quorum), (Some(Mode::Audit), Quorum::new(3, 48).ok()));
    assert!(!board.has_user("app") && board.has_user("sol"));
    assert_eq!(board.store().header().unwrap().unwrap().settings.max_pin_failures, 7);
    assert!(board.store().login(true, "so3", b"fresh").is_ok());
    let ended = board.officers[2].0.session(board.officers[2].1.handle()).unwrap().pending_acts();
    assert_eq!(refused(ended), Some(Error::UserNotLoggedIn), "so3's PIN was reset");
}

#[test]
fn a46_one_officer_never_makes_up_the_number_alone() {
    let board = Board::new();
    board.candidate();
    filed(board.trust(0, true));
    // A new officer, another's PIN, an unlocked one: each needs somebody else.
    filed(board.so(0).create_user("mine", Role::SecurityOfficer, b"mine"));
    filed(board.so(0).change_password("so2", b"mine"));
    while board.store().login(true, "so3", b"wrong").err() != Some(claviger_store::Error::PinLocked) {}
    filed(board.so(0).unlock_user("so3"));
    filed(board.so(0).set_quorum(1, None));
    filed(board.so(0).delete_user("so3"));
    for (name, pin) in [("mine", &b"mine"[..]), ("so2", b"mine"), ("so3", PIN)] {
        let session = board.world.session();
        assert!(session.login_user(UserType::So, pin, name.as_bytes()).is_err(), "{name}");
        board.world.close(&session).unwrap();
    }
    for act in board.so(0).pending_acts().unwrap().acts {
        assert_eq!(act.approved_by, ["so"]);
        assert_eq!(refused(board.so(0).approve(act.id)), Some(Error::ActionProhibited));
    }
    assert_eq!(board.world.library.token_info(SLOT).unwrap().quorum.unwrap().needed(), 2);
    // A role made for something else does not help either.
    board.so(0).create_user("nu", Role::NormalUser, PIN).unwrap();
    let nu = board.world.login("nu");
    assert_eq!(refused(nu.approve(1)), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(nu.pending_acts()), Some(Error::UserNotLoggedIn));
    assert_eq!(refused(nu.set_quorum(1, None)), Some(Error::UserNotLoggedIn));
    assert!(!board.is_trusted());
}

#[test]
fn what_the_quorum_does_not_cover_one_officer_does() {
    let board = Board::new();
    let so = board.so(0);
    so.create_user("nu", Role::NormalUser, PIN).unwrap();
    so.create_user("km", Role::KeyManager, PIN).unwrap();
    so.change_password("nu", b"fresh").unwrap();
    so.unlock_user("km").unwrap();
    so.init_pin(b"fresh").unwrap();
    so.set_pin(SO_PIN, b"my new pin").unwrap();
    assert!(board.waiting().is_empty());
    board.world.library.init_token(SLOT, b"so2:1234", b"again").unwrap();
    let again = board.world.library.token_info(SLOT).unwrap();
    assert_eq!(again.quorum, Some(Quorum::ALONE), "one officer is all there is");
}

#[test]
fn an_act_that_needs_three_says_how_far_it_is() {
    let board = Board::new();
    let (raise, ..) = filed(board.so(0).set_quorum(3, None));
    board.so(1).approve(raise).unwrap();
    let (act, approvals, needed) = filed(board.so(0).delete_user("app"));
    assert_eq!((approvals, needed), (1, 3));
    assert_eq!(board.so(1).approve(act), Ok(Approved::Waits(Filed { act, approvals: 2, needed: 3 })));
    assert_eq!(refused(board.so(1).approve(act)), Some(Error::ActionProhibited));
    assert!(board.has_user("app"));
    let pending = &board.so(0).pending_acts().unwrap().acts[0];
    assert_eq!((pending.name, pending.does.as_str()), ("delete-user", "delete user \"app\""));
    assert_eq!((pending.filed_by.as_str(), &pending.approved_by[..]), ("so", &["so".into(), "so2".into()][..]));
    assert_eq!(pending.expires_at_s - pending.filed_at_s, 24 * 3600);
    assert!(matches!(board.so(2).approve(act), Ok(Approved::Done { .. })));
    assert!(!board.has_user("app"));
}

#[test]
fn the_quorum_is_bounded_by_the_officers_that_there_are() {
    let board = Board::new();
    assert_eq!(refused(board.so(0).set_quorum(4, None)), Some(Error::ActionProhibited));
    assert_eq!(refused(board.so(0).set_quorum(0, None)), Some(Error::ArgumentsBad));
    assert_eq!(refused(board.so(0).set_quorum(2, Some(0))), Some(Error::ArgumentsBad));
    let (raise, ..) = filed(board.so(0).set_quorum(3, None));
    board.so(1).approve(raise).unwrap();
    let refusal = board.so(0).delete_user("so3").err().unwrap();
    assert_eq!((refusal.error, refusal.filed), (Error::ActionProhibited, None), "nothing is filed");
}

#[test]
fn nobody_approves_an_act_on_oneself() {
    let board = Board::new();
    let (delete, ..) = filed(board.so(0).delete_user("so2"));
    let (reset, ..) = filed(board.so(0).change_password("so2", b"fresh"));
    for act in [delete, reset] {
        let refusal = board.so(1).approve(act).err().unwrap();
        assert_eq!((refusal.error, refusal.filed), (Error::ActionProhibited, None));
    }
    assert!(matches!(board.so(2).approve(delete), Ok(Approved::Done { .. })));
}

#[test]
fn a_key_that_changed_since_is_not_trusted_by_an_old_approval() {
    let board = Board::new();
    board.candidate();
    let (act, ..) = filed(board.trust(0, true));
    let kim = board.world.login("kim");
    let shared = template([(AttributeType::CLAVIGER_SHARED_WITH, Value::bytes("app"))]);
    kim.set_attributes(find(&kim, "kek"), shared).unwrap();
    assert!(board.waiting().is_empty(), "it no longer stands");
    let refusal = board.so(1).approve(act).err().unwrap();
    assert_eq!((refusal.error, refusal.rule, refusal.filed), (Error::ActionProhibited, Rule::Quorum, None));
    assert_eq!(refused(board.so(1).approve(act)), Some(Error::ArgumentsBad), "it fell away");
    let (again, ..) = filed(board.trust(1, true));
    assert_ne!(again, act);
    board.trust(0, true).unwrap();
    assert!(board.is_trusted());
}

#[test]
fn a_key_that_is_gone_takes_its_act_along() {
    let board = Board::new();
    board.candidate();
    let (act, ..) = filed(board.trust(0, true));
    let kim = board.world.login("kim");
    kim.destroy_object(find(&kim, "kek")).unwrap();
    assert_eq!(refused(board.so(1).approve(act)), Some(Error::ActionProhibited));
    assert!(board.waiting().is_empty());
}

#[test]
fn a_user_who_owns_objects_again_is_not_deleted_by_the_last_approval() {
    let board = Board::new();
    let (act, ..) = filed(board.so(0).delete_user("kim"));
    board.candidate();
    assert_eq!(refused(board.so(1).approve(act)), Some(Error::ActionProhibited));
    assert!(board.has_user("kim"));
}

#[test]
fn the_policy_is_asked_again_of_the_last_approver() {
    // In `standard` a security officer may mark any public key that it sees; in `enforce` only candidates.
    let board = Board::on(World::in_mode(Mode::Standard));
    board.world.as_officer(|so| so.create_user("kim", Role::KeyManager, PIN)).unwrap();
    let kim = board.world.login("kim");
    let plain = template([
        (AttributeType::TOKEN, Value::Bool(true)),
        (AttributeType::PRIVATE, Value::Bool(false)),
        (AttributeType::WRAP, Value::Bool(true)),
        (AttributeType::VALUE_LEN, Value::Ulong(32)),
        (AttributeType::LABEL, Value::bytes("kek")),
    ]);
    kim.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), plain).unwrap();
    let (trust, ..) = filed(board.trust(0, true));
    filed(board.so(0).tighten(Mode::Enforce));
    board.so(1).tighten(Mode::Enforce).unwrap();
    assert_eq!(refused(board.so(1).approve(trust)), Some(Error::AttributeReadOnly));
    assert_eq!(refused(board.so(1).approve(trust)), Some(Error::ArgumentsBad), "it fell away");
    assert!(!board.is_trusted());
}

#[test]
fn an_act_expires() {
    let board = Board::new();
    let yesterday = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 24 * 3600;
    let store = board.store();
    let so = store.login(true, "so", SO_PIN).unwrap().keys;
    let app = store.users().unwrap().into_iter().find(|user| user.name == "app").unwrap();
    store.perform(&so, &Act::DeleteUser(app.id), Effects::NONE, yesterday).unwrap();
    assert!(board.waiting().is_empty());
    let refusal = board.so(1).approve(1).err().unwrap();
    assert!(refusal.error == Error::ActionProhibited && refusal.reason.contains("expired"), "{refusal}");
    assert!(board.has_user("app"));
    let (again, approvals, _) = filed(board.so(1).delete_user("app"));
    assert_eq!((again, approvals), (2, 1), "the old approval is not taken over");
}

#[test]
fn an_act_outlives_the_programs_that_filed_it() {
    let Board { world, officers } = Board::new();
    let (act, ..) = filed(officers[0].1.delete_user("app"));
    drop(officers);
    let (_library, so2) = officer(&world, "so2", PIN);
    assert!(matches!(so2.approve(act), Ok(Approved::Done { .. })));
    assert!(!world.library.users(SLOT).unwrap().iter().any(|user| user.name == "app"));
}

#[test]
fn two_approvals_at_once_do_it_once() {
    for _ in 0..4 {
        let board = Board::new();
        board.candidate();
        let (act, ..) = filed(board.trust(0, true));
        let sessions = [board.so(1), board.so(2)];
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = sessions.iter().map(|so| scope.spawn(|| so.approve(act))).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Approved::Done { .. }))).count();
        assert_eq!(done, 1, "{outcomes:?}");
        assert!(board.is_trusted() && board.waiting().is_empty());
    }
}

#[test]
fn two_c_calls_at_once_are_both_told_that_the_key_is_trusted() {
    for _ in 0..4 {
        let board = Board::new();
        board.candidate();
        filed(board.trust(0, true));
        let sessions = [board.so(1), board.so(2)];
        let keys = [0, 1].map(|at: usize| find(&sessions[at], "kek"));
        std::thread::scope(|scope| {
            for (so, key) in sessions.iter().zip(keys) {
                scope.spawn(move || so.set_attributes(key, trusted_is(true)).unwrap());
            }
        });
        assert!(board.is_trusted() && board.waiting().is_empty());
    }
}

#[test]
fn who_filed_an_act_withdraws_it_and_who_approved_it_its_approval() {
    let board = Board::new();
    let (raise, ..) = filed(board.so(0).set_quorum(3, None));
    board.so(1).approve(raise).unwrap();
    let (act, ..) = filed(board.so(0).delete_user("app"));
    board.so(1).approve(act).unwrap();
    assert_eq!(refused(board.so(2).withdraw(act)), Some(Error::ActionProhibited));
    assert_eq!(board.so(1).withdraw(act), Ok(false));
    assert_eq!(board.waiting(), [act]);
    assert_eq!(board.so(0).withdraw(act), Ok(true));
    assert_eq!(refused(board.so(0).withdraw(act)), Some(Error::ArgumentsBad));
    assert!(board.waiting().is_empty() && board.has_user("app"));
}

#[test]
fn session_objects_are_not_marked_trusted_where_there_is_a_quorum() {
    let board = Board::on(World::in_mode(Mode::Standard));
    let so = board.so(0);
    let certificate = template([
        (AttributeType::CLASS, Value::Ulong(claviger_rules::ObjectClass::Certificate.id())),
        (AttributeType::CERTIFICATE_TYPE, Value::Ulong(0)),
        (AttributeType::SUBJECT, Value::bytes("subject")),
        (AttributeType::VALUE, Value::bytes("certificate")),
        (AttributeType::PRIVATE, Value::Bool(false)),
    ]);
    let made = so.create_object(certificate).unwrap();
    assert_eq!(refused(so.set_attributes(made, trusted_is(true))), Some(Error::ActionProhibited));
    assert!(board.waiting().is_empty(), "nobody else sees it");
}

/// Who approved first saw the certificate as it was.
#[test]
fn the_last_approval_changes_nothing_else_of_a_certificate() {
    let board = Board::new();
    let subject = |text: &str| (AttributeType::SUBJECT, Value::bytes(text));
    let certificate = template([
        (AttributeType::CLASS, Value::Ulong(claviger_rules::ObjectClass::Certificate.id())),
        (AttributeType::CERTIFICATE_TYPE, Value::Ulong(0)),
        (AttributeType::TOKEN, Value::Bool(true)),
        (AttributeType::LABEL, Value::bytes("kek")),
        (AttributeType::VALUE, Value::bytes("certificate")),
        subject("honest"),
    ]);
    board.world.login("app").create_object(certificate).unwrap();
    filed(board.trust(0, true));
    let so = board.so(1);
    let both = template([(AttributeType::TRUSTED, Value::Bool(true)), subject("another")]);
    assert_eq!(refused(so.set_attributes(find(&so, "kek"), both)), Some(Error::ActionProhibited));
    assert!(!board.is_trusted());
    board.trust(1, true).unwrap();
    assert!(board.is_trusted());
}

#[test]
fn a_trusted_key_works_only_from_the_last_approval_on() {
    let board = Board::new();
    board.candidate();
    let kim = board.world.login("kim");
    let shared = template([(AttributeType::CLAVIGER_SHARED_WITH, Value::bytes("app"))]);
    kim.set_attributes(find(&kim, "kek"), shared).unwrap();
    board.world.close(&kim).unwrap();
    let app = board.world.login("app");
    let data = template([
        (AttributeType::VALUE_LEN, Value::Ulong(16)),
        (AttributeType::SENSITIVE, Value::Bool(true)),
        (AttributeType::EXTRACTABLE, Value::Bool(true)),
    ]);
    let data = app.generate_key(MechanismCall::plain(MechanismType::AES_KEY_GEN), data).unwrap();
    let wrap = || {
        let app = board.world.again(&app).unwrap();
        let mut blob = [0; 64];
        let wrapping = find(&app, "kek");
        app.wrap_key(
            &mut MechanismCall::plain(MechanismType::AES_KEY_WRAP),
            wrapping,
            data,
            &mut Room::bytes(&mut blob),
        )
    };
    filed(board.trust(0, true));
    assert_eq!(refused(wrap()), Some(Error::KeyFunctionNotPermitted));
    board.trust(1, true).unwrap();
    assert_eq!(refused(wrap()), None);
    filed(board.trust(1, false));
    assert_eq!(refused(wrap()), None, "retiring waits too");
    board.trust(2, false).unwrap();
    assert_eq!(refused(wrap()), Some(Error::KeyFunctionNotPermitted));
}
