//! The workload: calls in a row, as a table. What each leaves the application in follows from what it is.

use cryptoki_sys::*;

/// The PIN of each user, and the one that C_SetPIN gives the user `user`.
pub(crate) const SO_PIN: &str = "12345678";
pub(crate) const USER_PIN: &str = "1234";
pub(crate) const NEW_PIN: &str = "4321";
pub(crate) const KIM_PIN: &str = "kim-pin-1";
/// The PIN that is nobody's.
pub(crate) const WRONG_PIN: &str = "0000";

/// The settings of the token: PINs cheap to try, a user locked after the third wrong one, an audit log that soon begins a
/// new file and soon drops an old one.
pub(crate) const CONFIGURATION: &str = "slots = [0]\n[pin]\ncost = \"quick\"\nmax-failures = 3\n\
    [audit]\nmax-file-bytes = 4096\nmax-files = 2\n";

/// A user of the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    So,
    User,
    /// The same with its new PIN.
    Renewed,
    Kim,
}

/// What the application is between two calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Before C_Initialize.
    Closed,
    /// No session.
    Out,
    /// A session, nobody logged in.
    Nobody,
    /// A session, this user logged in.
    In(Who),
}

/// One call. Keys and data have labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Initialize,
    Finalize,
    InitToken(&'static str),
    /// `claviger` with these arguments, as the security officer, in a process of its own.
    Command(&'static [&'static str]),
    OpenSession,
    CloseSession,
    Login(Who),
    /// C_Login of the user `user` with the wrong PIN.
    WrongPin,
    Logout,
    InitPin,
    SetPin,
    GenerateKey(&'static str),
    GenerateKeyPair(&'static str),
    /// A public data object of so many bytes.
    CreateData(&'static str, usize),
    /// A wrapping key that can become trusted.
    Candidate(&'static str),
    Relabel(&'static str, &'static str),
    /// C_SetAttributeValue so many times, each of which writes the object anew as it was.
    Rewrite(&'static str, usize),
    Destroy(&'static str),
    Trust(&'static str, bool),
}

/// The largest value of an object.
const LARGE: usize = 64 * 1024;
/// So often must a large object be written until SQLite copies its log into the database and begins it anew (1000 pages of
/// 4096 bytes).
const OFTEN: usize = 65;

use Call::*;

/// The calls, in order.
pub(crate) const WORKLOAD: &[Call] = &[
    Initialize,
    InitToken("first"),
    OpenSession,
    Login(Who::So),
    InitPin,
    Logout,
    Command(&["user", "create", "--username", "kim", "--role", "km", "--password", KIM_PIN]),
    Login(Who::User),
    GenerateKey("one"),
    GenerateKeyPair("pair"),
    CreateData("note", 300),
    Relabel("one", "uno"),
    GenerateKey("two"),
    Destroy("two"),
    Logout,
    WrongPin,
    WrongPin,
    Login(Who::User),
    SetPin,
    Logout,
    Login(Who::Kim),
    Candidate("kT"),
    Candidate("kR"),
    Logout,
    Login(Who::So),
    Trust("kT", true),
    Trust("kR", true),
    Trust("kR", false),
    Logout,
    CloseSession,
    Finalize,
    Initialize,
    OpenSession,
    Login(Who::Renewed),
    CreateData("large", LARGE),
    Rewrite("large", OFTEN),
    GenerateKey("three"),
    Relabel("three", "tres"),
    Destroy("large"),
    CloseSession,
    Finalize,
    Initialize,
    InitToken("second"),
    Finalize,
];

impl Call {
    /// What the application is after the call.
    pub(crate) fn after(self, before: State) -> State {
        match self {
            Initialize => State::Out,
            Finalize => State::Closed,
            OpenSession | Logout => State::Nobody,
            CloseSession => State::Out,
            Login(who) => State::In(who),
            SetPin => State::In(Who::Renewed),
            _ => before,
        }
    }

    /// What it answers.
    pub(crate) fn answer(self) -> CK_RV {
        if self == WrongPin { CKR_PIN_INCORRECT } else { CKR_OK }
    }

    /// Whose PIN it tries: while it runs, one wrong PIN more may be counted.
    pub(crate) fn tries(self) -> Option<Who> {
        match self {
            Login(who) => Some(who),
            WrongPin | SetPin => Some(Who::User),
            Command(_) | InitToken(_) => Some(Who::So),
            _ => None,
        }
    }
}

/// What the application is before call `number`.
pub(crate) fn before(number: usize) -> State {
    WORKLOAD.iter().take(number).fold(State::Closed, |state, call| call.after(state))
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Initialize | Finalize | OpenSession | CloseSession | Logout | InitToken(_) => write!(f, "C_{self:?}"),
            Command(arguments) => {
                write!(f, "claviger {}", arguments.iter().take(2).copied().collect::<Vec<_>>().join(" "))
            }
            Login(who) => write!(f, "C_Login({who:?})"),
            WrongPin => f.write_str("C_Login(wrong PIN)"),
            InitPin => f.write_str("C_InitPIN"),
            SetPin => f.write_str("C_SetPIN"),
            GenerateKey(label) | Candidate(label) => write!(f, "C_GenerateKey({label})"),
            GenerateKeyPair(label) => write!(f, "C_GenerateKeyPair({label})"),
            CreateData(label, _) => write!(f, "C_CreateObject({label})"),
            Relabel(from, to) => write!(f, "C_SetAttributeValue({from} to {to})"),
            Rewrite(label, times) => write!(f, "C_SetAttributeValue({label}), {times} times"),
            Destroy(label) => write!(f, "C_DestroyObject({label})"),
            Trust(label, trusted) => write!(f, "C_SetAttributeValue({label}, TRUSTED {trusted})"),
        }
    }
}
