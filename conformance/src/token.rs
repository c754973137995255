//! A token under test, as seen by the process that uses it.

use cryptoki_sys::*;

use crate::fixture::{self, NamedUsers, SO_PIN, USER_PIN, Users};
use crate::module::Module;
use crate::rv::Rv;
use crate::session::Session;

/// An initialised library, the slot of the token, and who may log in.
pub struct Token {
    /// The library, after C_Initialize.
    pub module: Module,
    /// The slot of the token.
    pub slot: CK_SLOT_ID,
    /// Its users.
    pub users: Users,
    /// Whether the library is Claviger: then nothing may be missing.
    pub is_claviger: bool,
}

/// Variables by which a parent tells its child of an existing token.
const SLOT: &str = "CONFORMANCE_SLOT";
const LABEL: &str = "CONFORMANCE_LABEL";
const PINS: [&str; 5] =
    ["CONFORMANCE_SO", "CONFORMANCE_USER", "CONFORMANCE_KIM", "CONFORMANCE_APP1", "CONFORMANCE_APP2"];

impl Token {
    /// Makes the token of the 2.40 flow: C_Initialize, C_InitToken, C_Login of the SO, C_InitPIN, C_Logout.
    #[track_caller]
    pub fn with_default_user() -> Token {
        let module = load_from_environment();
        must("C_Initialize", module.initialize_null());
        let slots = must("C_GetSlotList", module.slot_list(false));
        let Some(free) = slots.first() else { panic!("C_GetSlotList: no slot") };
        must("C_InitToken", module.init_token(*free, SO_PIN, "conformance"));
        let slot = slot_of(&module, "conformance");
        let session = must("C_OpenSession", module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION));
        must("C_Login(CKU_SO)", session.login(CKU_SO, SO_PIN));
        must("C_InitPIN", session.init_pin(USER_PIN));
        must("C_Logout", session.logout());
        must("C_CloseSession", session.close());
        let users = Users { so: SO_PIN.to_owned(), user: USER_PIN.to_owned(), named: None };
        let is_claviger = fixture::module().is_ok_and(|path| fixture::is_claviger(&path));
        Token { module, slot, users, is_claviger }
    }

    /// The token that the parent made, after C_Initialize.
    #[track_caller]
    pub fn from_environment() -> Token {
        let module = load_from_environment();
        must("C_Initialize", module.initialize_null());
        Token::with(module)
    }

    /// The token that the parent made, through a library that the caller has loaded and initialised.
    #[track_caller]
    pub fn with(module: Module) -> Token {
        let [so, user, kim, app1, app2] = PINS.map(|name| std::env::var(name).ok());
        let named = match (kim, app1, app2) {
            (Some(kim), Some(app1), Some(app2)) => Some(NamedUsers { kim, app1, app2 }),
            _ => None,
        };
        let users = Users { so: so.unwrap_or_default(), user: user.unwrap_or_default(), named };
        let slot = match named_slot(&module) {
            Ok(slot) => slot,
            Err(sentence) => panic!("{sentence}"),
        };
        let is_claviger = fixture::module().is_ok_and(|path| fixture::is_claviger(&path));
        Token { module, slot, users, is_claviger }
    }

    /// The token of an attack: the one the parent made, or one made on the spot.
    #[track_caller]
    pub fn for_attack() -> Token {
        if std::env::var_os(PINS[1]).is_some() { Token::from_environment() } else { Token::with_default_user() }
    }

    /// Whether the library loads and, where the environment names a token, whether its user's PIN is right.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn can_be_used() -> Result<(), String> {
        let module = Module::load(&fixture::module()?)
            .map_err(|error| format!("The library cannot be loaded: {error}. Is it a PKCS#11 library?"))?;
        module.initialize_null().map_err(|rv| format!("C_Initialize: {rv}. See the library's own settings."))?;
        let Ok(pin) = std::env::var(PINS[1]) else { return Ok(()) };
        let slot = named_slot(&module)?;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let session = module.open_session(slot, flags).map_err(|rv| {
            format!("C_OpenSession on slot {slot}: {rv}. Name a slot that holds a token with --slot or --token-label.")
        })?;
        session.login(CKU_USER, &pin).map_err(|rv| match rv.0 {
            CKR_PIN_INCORRECT => {
                format!("C_Login on slot {slot}: {rv}. Give the PIN of this token's normal user with --pin.")
            }
            CKR_PIN_LOCKED => format!("C_Login on slot {slot}: {rv}. The security officer must unlock the user first."),
            _ => format!("C_Login on slot {slot}: {rv}."),
        })
    }

    /// What `from_environment` needs to find.
    pub fn environment(users: &Users) -> Vec<(String, String)> {
        let mut pairs = vec![(PINS[0].to_owned(), users.so.clone()), (PINS[1].to_owned(), users.user.clone())];
        if let Some(named) = &users.named {
            pairs.push((PINS[2].to_owned(), named.kim.clone()));
            pairs.push((PINS[3].to_owned(), named.app1.clone()));
            pairs.push((PINS[4].to_owned(), named.app2.clone()));
        }
        pairs
    }

    /// The pair that names a slot to `from_environment`.
    pub fn slot_variable(slot: CK_SLOT_ID) -> (String, String) {
        (SLOT.to_owned(), slot.to_string())
    }

    /// The pair that names a token's label to `from_environment`.
    pub fn label_variable(label: &str) -> (String, String) {
        (LABEL.to_owned(), label.to_owned())
    }

    /// C_OpenSession, read and write.
    #[track_caller]
    pub fn session(&self) -> Session<'_> {
        must("C_OpenSession", self.module.open_session(self.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION))
    }

    /// C_OpenSession, read only.
    #[track_caller]
    pub fn read_only_session(&self) -> Session<'_> {
        must("C_OpenSession", self.module.open_session(self.slot, CKF_SERIAL_SESSION))
    }

    /// A session with the normal user logged in.
    #[track_caller]
    pub fn user_session(&self) -> Session<'_> {
        let session = self.session();
        must("C_Login(CKU_USER)", session.login(CKU_USER, &self.users.user));
        session
    }

    /// The named users; only where `with_roles` ran.
    #[track_caller]
    pub fn named(&self) -> &NamedUsers {
        match &self.users.named {
            Some(named) => named,
            None => panic!("this token has no named users"),
        }
    }

    /// Whether the token offers a mechanism. Claviger must offer every mechanism that a test asks for; of another
    /// library the answer is printed and the part of the test left out.
    #[track_caller]
    pub fn offers(&self, kind: CK_MECHANISM_TYPE) -> bool {
        match self.module.mechanism_info(self.slot, kind) {
            Ok(_) => true,
            Err(rv) => {
                assert!(!self.is_claviger, "C_GetMechanismInfo({kind:#x}): {rv}: the token must offer it");
                println!("not applicable: mechanism {kind:#x} is not offered ({rv})");
                false
            }
        }
    }
}

/// Loads the library that the environment names.
#[track_caller]
pub fn load_from_environment() -> Module {
    match fixture::module().and_then(|path| Module::load(&path)) {
        Ok(module) => module,
        Err(sentence) => panic!("{sentence}"),
    }
}

/// The slot that the environment names, by number or by label; otherwise the first with a token.
fn named_slot(module: &Module) -> Result<CK_SLOT_ID, String> {
    if let Some(slot) = std::env::var(SLOT).ok().and_then(|slot| slot.parse().ok()) {
        return Ok(slot);
    }
    if let Ok(label) = std::env::var(LABEL) {
        return find_slot(module, &label)?.ok_or_else(|| format!("No slot holds a token with the label {label:?}."));
    }
    let initialised =
        |slot: &CK_SLOT_ID| module.token_info(*slot).is_ok_and(|info| info.flags & CKF_TOKEN_INITIALIZED != 0);
    let slots = module.slot_list(true).map_err(|rv| format!("C_GetSlotList: {rv}."))?;
    let none = || "No slot holds an initialised token. Initialise one first.".to_owned();
    slots.into_iter().find(initialised).ok_or_else(none)
}

fn find_slot(module: &Module, label: &str) -> Result<Option<CK_SLOT_ID>, String> {
    let slots = module.slot_list(true).map_err(|rv| format!("C_GetSlotList: {rv}."))?;
    let labelled = |slot: &CK_SLOT_ID| {
        module.token_info(*slot).is_ok_and(|info| String::from_utf8_lossy(&info.label).trim_end() == label)
    };
    Ok(slots.into_iter().find(labelled))
}

/// The slot whose token has this label: libraries may move a token to another slot when it is initialised.
#[track_caller]
pub fn slot_of(module: &Module, label: &str) -> CK_SLOT_ID {
    match find_slot(module, label) {
        Ok(Some(slot)) => slot,
        Ok(None) => panic!("no slot holds the token {label:?}"),
        Err(sentence) => panic!("{sentence}"),
    }
}

/// The value, or a panic that names the call and what it returned.
#[track_caller]
pub fn must<T>(call: &str, result: Result<T, Rv>) -> T {
    match result {
        Ok(value) => value,
        Err(rv) => panic!("{call}: {rv}"),
    }
}

/// Asserts that a call was refused with one of `allowed`.
#[track_caller]
pub fn refused<T>(call: &str, result: Result<T, Rv>, allowed: &[CK_RV]) {
    let names: Vec<String> = allowed.iter().map(|rv| Rv(*rv).to_string()).collect();
    match result {
        Ok(_) => panic!("{call}: CKR_OK, expected {}", names.join(" or ")),
        Err(rv) => assert!(allowed.contains(&rv.0), "{call}: {rv}, expected {}", names.join(" or ")),
    }
}
