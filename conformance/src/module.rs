//! The wall between safe Rust and the C interface: loading a PKCS#11 library (PKCS#11 3.2, sections 5.4 and 2.1)
//! and one thin typed call for each C function. Not the place of any judgement about what comes back, and not the
//! hostile calls: those are in `raw`.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::path::Path;

use cryptoki_sys::*;
use libloading::Library;

use crate::rv::Rv;
use crate::template::{RawAnswers, RawTemplate};

/// A loaded PKCS#11 library. Never unloaded: many libraries do not survive it.
pub struct Module {
    library: &'static Library,
    v2: CK_FUNCTION_LIST,
    v3: Option<CK_FUNCTION_LIST_3_0>,
}

/// An interface as C_GetInterfaceList reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `PKCS 11` for the standard's own.
    pub name: String,
    /// Major and minor version of the function list.
    pub version: (u8, u8),
    /// CKF_INTERFACE_FORK_SAFE or nothing.
    pub flags: CK_FLAGS,
    /// For each function of the list in order, whether the pointer is there.
    pub functions: Vec<bool>,
}

/// Where a function puts its output (PKCS#11 3.2, section 5.2).
pub struct Out<'a> {
    buffer: *mut u8,
    /// Room before the call, length of the output after it.
    pub length: CK_ULONG,
    _buffer: PhantomData<&'a mut [u8]>,
}

impl<'a> Out<'a> {
    /// Asks only how long the output will be.
    pub fn query() -> Self {
        Out { buffer: std::ptr::null_mut(), length: 0, _buffer: PhantomData }
    }

    /// Output goes to `buffer`, all of it free to use.
    pub fn into(buffer: &'a mut [u8]) -> Self {
        Out { buffer: buffer.as_mut_ptr(), length: buffer.len() as CK_ULONG, _buffer: PhantomData }
    }
}

/// The arguments of C_Initialize that a test may want to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct InitializeArgs {
    /// CKF_…
    pub flags: CK_FLAGS,
    /// How many of the four mutex functions to supply, in the order of the structure.
    pub mutex_functions: usize,
    /// Whether pReserved points somewhere.
    pub reserved: bool,
}

impl Module {
    /// Loads the library and takes its function lists; does not call C_Initialize.
    pub fn load(path: &Path) -> Result<Module, String> {
        // SAFETY: loading runs the library's constructors; a PKCS#11 library is trusted that far by every program.
        let library = unsafe { Library::new(path) }.map_err(|error| format!("{}: {error}", path.display()))?;
        let library: &'static Library = Box::leak(Box::new(library));
        let v2 = function_list(library)?;
        let v3 = interface(library, Some(c"PKCS 11".to_bytes_with_nul()), Some((3, 0)))
            // SAFETY: C_GetInterface said that this list is of version 3.0.
            .map(|found| unsafe { found.pFunctionList.cast::<CK_FUNCTION_LIST_3_0>().read_unaligned() })
            .ok();
        Ok(Module { library, v2, v3 })
    }

    /// Whether the library has C_GetInterface and a list of version 3.0.
    pub fn has_version_3(&self) -> bool {
        self.v3.is_some()
    }

    /// The version that stands in the 2.x function list.
    pub fn list_version(&self) -> (u8, u8) {
        (self.v2.version.major, self.v2.version.minor)
    }

    /// For each of the 68 functions of the 2.40 list in order, whether the pointer is there.
    pub fn functions_present(&self) -> Vec<bool> {
        // SAFETY: `v2` is a list of 68 pointers after the version.
        unsafe { pointers((&raw const self.v2).cast(), 68) }
    }

    /// C_GetInterfaceList; `None` where the library does not export it.
    pub fn interface_list(&self) -> Option<Result<Vec<Interface>, Rv>> {
        // SAFETY: the symbol has this type in every library of version 3.0 and later.
        let list = unsafe { self.library.get::<GetInterfaceList>(b"C_GetInterfaceList\0") }.ok()?;
        let mut count: CK_ULONG = 0;
        // SAFETY: a null list asks for the count.
        if let Err(rv) = Rv(unsafe { list(std::ptr::null_mut(), &raw mut count) }).ok() {
            return Some(Err(rv));
        }
        let mut rows = vec![CK_INTERFACE::default(); usize::try_from(count).unwrap_or(0)];
        // SAFETY: `rows` has room for `count` interfaces.
        if let Err(rv) = Rv(unsafe { list(rows.as_mut_ptr(), &raw mut count) }).ok() {
            return Some(Err(rv));
        }
        Some(Ok(rows.iter().map(describe).collect()))
    }

    /// C_GetInterface by name and version; CKR_FUNCTION_NOT_SUPPORTED where the library does not export it.
    pub fn interface(&self, name: Option<&str>, version: Option<(u8, u8)>) -> Result<Interface, Rv> {
        let name = name.map(|name| [name.as_bytes(), b"\0"].concat());
        interface(self.library, name.as_deref(), version).map(|found| describe(&found))
    }

    /// C_Initialize with a structure.
    pub fn initialize_with(&self, args: InitializeArgs) -> Result<(), Rv> {
        let supplied = |position: usize| args.mutex_functions > position;
        let mut reserved = 0u64;
        let mut args = CK_C_INITIALIZE_ARGS {
            CreateMutex: if supplied(0) { Some(create_mutex) } else { None },
            DestroyMutex: if supplied(1) { Some(ignore_mutex) } else { None },
            LockMutex: if supplied(2) { Some(ignore_mutex) } else { None },
            UnlockMutex: if supplied(3) { Some(ignore_mutex) } else { None },
            flags: args.flags,
            pReserved: if args.reserved { (&raw mut reserved).cast() } else { std::ptr::null_mut() },
        };
        self.initialize((&raw mut args).cast())
    }

    /// C_Initialize with null.
    pub fn initialize_null(&self) -> Result<(), Rv> {
        self.initialize(std::ptr::null_mut())
    }

    fn initialize(&self, args: *mut c_void) -> Result<(), Rv> {
        let function = self.v2.C_Initialize.ok_or(Rv(CKR_FUNCTION_NOT_SUPPORTED))?;
        // SAFETY: `args` is null or points to a CK_C_INITIALIZE_ARGS that lives through the call.
        Rv(unsafe { function(args) }).ok()
    }

    /// The entry points of the 3.0 list, or of the 2.40 list where there is no other, for the hostile calls.
    pub(crate) fn entry_points(&self) -> Vec<Option<unsafe extern "C" fn()>> {
        match &self.v3 {
            // SAFETY: a list is its version and then function pointers; 3.0 has 92.
            Some(v3) => unsafe { entry_points((&raw const *v3).cast(), 92) },
            // SAFETY: as above; 2.40 has 68.
            None => unsafe { entry_points((&raw const self.v2).cast(), 68) },
        }
    }
}

type GetInterfaceList = unsafe extern "C" fn(*mut CK_INTERFACE, *mut CK_ULONG) -> CK_RV;
type GetInterface = unsafe extern "C" fn(*mut CK_UTF8CHAR, *mut CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV;
type GetFunctionList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;

fn function_list(library: &Library) -> Result<CK_FUNCTION_LIST, String> {
    // SAFETY: the symbol has this type in every PKCS#11 library.
    let get = unsafe { library.get::<GetFunctionList>(b"C_GetFunctionList\0") }.map_err(|error| error.to_string())?;
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` is a place for one pointer.
    Rv(unsafe { get(&raw mut list) }).ok().map_err(|rv| format!("C_GetFunctionList: {rv}"))?;
    if list.is_null() {
        return Err("C_GetFunctionList: CKR_OK and a null list".to_owned());
    }
    // SAFETY: CKR_OK and not null: the list is there.
    Ok(unsafe { list.read_unaligned() })
}

fn interface(library: &Library, name: Option<&[u8]>, version: Option<(u8, u8)>) -> Result<CK_INTERFACE, Rv> {
    // SAFETY: the symbol has this type in every library of version 3.0 and later.
    let get = unsafe { library.get::<GetInterface>(b"C_GetInterface\0") };
    let get = get.map_err(|_| Rv(CKR_FUNCTION_NOT_SUPPORTED))?;
    let name = name.map_or(std::ptr::null_mut(), |name| name.as_ptr().cast_mut());
    let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
    let version = version.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    let mut found = std::ptr::null_mut();
    // SAFETY: the name ends in NUL, the version lives through the call, `found` is a place for one pointer.
    Rv(unsafe { get(name, version, &raw mut found, 0) }).ok()?;
    if found.is_null() {
        return Err(Rv(CKR_GENERAL_ERROR));
    }
    // SAFETY: CKR_OK and not null: the interface is there.
    Ok(unsafe { found.read_unaligned() })
}

fn describe(interface: &CK_INTERFACE) -> Interface {
    // SAFETY: the standard promises a name that ends in NUL.
    let name = unsafe { std::ffi::CStr::from_ptr(interface.pInterfaceName.cast()) };
    // SAFETY: each function list starts with its version.
    let version = unsafe { interface.pFunctionList.cast::<CK_VERSION>().read_unaligned() };
    let length = match (version.major, version.minor) {
        (2, _) => 68,
        (3, 0 | 1) => 92,
        (3, _) => 104,
        _ => 0,
    };
    Interface {
        name: name.to_string_lossy().into_owned(),
        version: (version.major, version.minor),
        flags: interface.flags,
        // SAFETY: a list of this version has this many pointers.
        functions: unsafe { pointers(interface.pFunctionList, length) },
    }
}

/// # Safety
/// `list` points to a function list with at least `count` functions.
unsafe fn entry_points(list: *const c_void, count: usize) -> Vec<Option<unsafe extern "C" fn()>> {
    let first = list.cast::<Option<unsafe extern "C" fn()>>().wrapping_add(1);
    // SAFETY: the version takes one pointer's room, then come `count` nullable function pointers.
    (0..count).map(|index| unsafe { first.wrapping_add(index).read_unaligned() }).collect()
}

/// # Safety
/// As `entry_points`.
unsafe fn pointers(list: *const c_void, count: usize) -> Vec<bool> {
    // SAFETY: handed on to the caller.
    unsafe { entry_points(list, count) }.iter().map(Option::is_some).collect()
}

unsafe extern "C" fn create_mutex(place: *mut *mut c_void) -> CK_RV {
    // SAFETY: the library hands a place for one pointer. Any value that is not null will do: nothing is locked.
    unsafe { place.write(std::ptr::dangling_mut()) };
    CKR_OK
}

unsafe extern "C" fn ignore_mutex(_mutex: *mut c_void) -> CK_RV {
    CKR_OK
}

fn input(bytes: &[u8]) -> *mut u8 {
    bytes.as_ptr().cast_mut()
}

fn length<T>(items: &[T]) -> CK_ULONG {
    items.len() as CK_ULONG
}

/// From each row a method of `Module`: safe arguments on the left, the words of the C call on the right.
macro_rules! calls {
    ($($name:ident ( $($argument:ident : $kind:ty),* ) = $list:ident . $function:ident ( $($word:expr),* );)*) => {
        impl Module { $(
            #[doc = concat!("`", stringify!($function), "`.")]
            #[allow(clippy::too_many_arguments)]
            pub(crate) fn $name(&self, $($argument: $kind),*) -> Result<(), Rv> {
                let function = calls!(@ self $list $function).ok_or(Rv(CKR_FUNCTION_NOT_SUPPORTED))?;
                // SAFETY: every pointer comes from a live borrow of the right type and length, or is null where
                // the standard allows null.
                Rv(unsafe { function($($word),*) }).ok()
            }
        )* }
    };
    (@ $self:ident v2 $function:ident) => { $self.v2.$function };
    (@ $self:ident v3 $function:ident) => { $self.v3.as_ref().and_then(|list| list.$function) };
}

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type RawMechanism = *mut CK_MECHANISM;

calls! {
    c_finalize() = v2.C_Finalize(std::ptr::null_mut());
    c_get_info(info: &mut CK_INFO) = v2.C_GetInfo(info);
    c_get_slot_list(present: bool, list: Option<&mut [CK_SLOT_ID]>, count: &mut CK_ULONG) =
        v2.C_GetSlotList(present.into(), list.map_or(std::ptr::null_mut(), <[_]>::as_mut_ptr), count);
    c_get_slot_info(slot: CK_SLOT_ID, info: &mut CK_SLOT_INFO) = v2.C_GetSlotInfo(slot, info);
    c_get_token_info(slot: CK_SLOT_ID, info: &mut CK_TOKEN_INFO) = v2.C_GetTokenInfo(slot, info);
    c_wait_for_slot_event(flags: CK_FLAGS, slot: &mut CK_SLOT_ID) =
        v2.C_WaitForSlotEvent(flags, slot, std::ptr::null_mut());
    c_get_mechanism_list(slot: CK_SLOT_ID, list: Option<&mut [CK_MECHANISM_TYPE]>, count: &mut CK_ULONG) =
        v2.C_GetMechanismList(slot, list.map_or(std::ptr::null_mut(), <[_]>::as_mut_ptr), count);
    c_get_mechanism_info(slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, info: &mut CK_MECHANISM_INFO) =
        v2.C_GetMechanismInfo(slot, kind, info);
    c_init_token(slot: CK_SLOT_ID, pin: &[u8], label: &[u8; 32]) =
        v2.C_InitToken(slot, input(pin), length(pin), input(label));
    c_init_pin(session: Session, pin: &[u8]) = v2.C_InitPIN(session, input(pin), length(pin));
    c_set_pin(session: Session, old: &[u8], new: &[u8]) =
        v2.C_SetPIN(session, input(old), length(old), input(new), length(new));
    c_open_session(slot: CK_SLOT_ID, flags: CK_FLAGS, session: &mut Session) =
        v2.C_OpenSession(slot, flags, std::ptr::null_mut(), None, session);
    c_close_session(session: Session) = v2.C_CloseSession(session);
    c_close_all_sessions(slot: CK_SLOT_ID) = v2.C_CloseAllSessions(slot);
    c_get_session_info(session: Session, info: &mut CK_SESSION_INFO) = v2.C_GetSessionInfo(session, info);
    c_get_operation_state(session: Session, out: &mut Out<'_>) =
        v2.C_GetOperationState(session, out.buffer, &raw mut out.length);
    c_set_operation_state(session: Session, state: &[u8], cipher: Object, authentication: Object) =
        v2.C_SetOperationState(session, input(state), length(state), cipher, authentication);
    c_login(session: Session, user: CK_USER_TYPE, pin: &[u8]) =
        v2.C_Login(session, user, input(pin), length(pin));
    c_logout(session: Session) = v2.C_Logout(session);
    c_create_object(session: Session, template: &mut RawTemplate<'_>, object: &mut Object) =
        v2.C_CreateObject(session, template.pointer(), template.count(), object);
    c_copy_object(session: Session, source: Object, template: &mut RawTemplate<'_>, object: &mut Object) =
        v2.C_CopyObject(session, source, template.pointer(), template.count(), object);
    c_destroy_object(session: Session, object: Object) = v2.C_DestroyObject(session, object);
    c_get_object_size(session: Session, object: Object, size: &mut CK_ULONG) =
        v2.C_GetObjectSize(session, object, size);
    c_get_attribute_value(session: Session, object: Object, answers: &mut RawAnswers) =
        v2.C_GetAttributeValue(session, object, answers.pointer(), answers.count());
    c_set_attribute_value(session: Session, object: Object, template: &mut RawTemplate<'_>) =
        v2.C_SetAttributeValue(session, object, template.pointer(), template.count());
    c_find_objects_init(session: Session, template: &mut RawTemplate<'_>) =
        v2.C_FindObjectsInit(session, template.pointer(), template.count());
    c_find_objects(session: Session, found: &mut [Object], count: &mut CK_ULONG) =
        v2.C_FindObjects(session, found.as_mut_ptr(), length(found), count);
    c_find_objects_final(session: Session) = v2.C_FindObjectsFinal(session);
    c_encrypt_init(session: Session, mechanism: RawMechanism, key: Object) =
        v2.C_EncryptInit(session, mechanism, key);
    c_encrypt(session: Session, data: &[u8], out: &mut Out<'_>) =
        v2.C_Encrypt(session, input(data), length(data), out.buffer, &raw mut out.length);
    c_encrypt_update(session: Session, part: &[u8], out: &mut Out<'_>) =
        v2.C_EncryptUpdate(session, input(part), length(part), out.buffer, &raw mut out.length);
    c_encrypt_final(session: Session, out: &mut Out<'_>) =
        v2.C_EncryptFinal(session, out.buffer, &raw mut out.length);
    c_decrypt_init(session: Session, mechanism: RawMechanism, key: Object) =
        v2.C_DecryptInit(session, mechanism, key);
    c_decrypt(session: Session, data: &[u8], out: &mut Out<'_>) =
        v2.C_Decrypt(session, input(data), length(data), out.buffer, &raw mut out.length);
    c_decrypt_update(session: Session, part: &[u8], out: &mut Out<'_>) =
        v2.C_DecryptUpdate(session, input(part), length(part), out.buffer, &raw mut out.length);
    c_decrypt_final(session: Session, out: &mut Out<'_>) =
        v2.C_DecryptFinal(session, out.buffer, &raw mut out.length);
    c_digest_init(session: Session, mechanism: RawMechanism) = v2.C_DigestInit(session, mechanism);
    c_digest(session: Session, data: &[u8], out: &mut Out<'_>) =
        v2.C_Digest(session, input(data), length(data), out.buffer, &raw mut out.length);
    c_digest_update(session: Session, part: &[u8]) = v2.C_DigestUpdate(session, input(part), length(part));
    c_digest_key(session: Session, key: Object) = v2.C_DigestKey(session, key);
    c_digest_final(session: Session, out: &mut Out<'_>) =
        v2.C_DigestFinal(session, out.buffer, &raw mut out.length);
    c_sign_init(session: Session, mechanism: RawMechanism, key: Object) = v2.C_SignInit(session, mechanism, key);
    c_sign(session: Session, data: &[u8], out: &mut Out<'_>) =
        v2.C_Sign(session, input(data), length(data), out.buffer, &raw mut out.length);
    c_sign_update(session: Session, part: &[u8]) = v2.C_SignUpdate(session, input(part), length(part));
    c_sign_final(session: Session, out: &mut Out<'_>) = v2.C_SignFinal(session, out.buffer, &raw mut out.length);
    c_verify_init(session: Session, mechanism: RawMechanism, key: Object) =
        v2.C_VerifyInit(session, mechanism, key);
    c_verify(session: Session, data: &[u8], signature: &[u8]) =
        v2.C_Verify(session, input(data), length(data), input(signature), length(signature));
    c_verify_update(session: Session, part: &[u8]) = v2.C_VerifyUpdate(session, input(part), length(part));
    c_verify_final(session: Session, signature: &[u8]) =
        v2.C_VerifyFinal(session, input(signature), length(signature));
    c_generate_key(session: Session, mechanism: RawMechanism, template: &mut RawTemplate<'_>, key: &mut Object) =
        v2.C_GenerateKey(session, mechanism, template.pointer(), template.count(), key);
    c_generate_key_pair(
        session: Session, mechanism: RawMechanism, public: &mut RawTemplate<'_>, private: &mut RawTemplate<'_>,
        public_key: &mut Object, private_key: &mut Object
    ) = v2.C_GenerateKeyPair(
        session, mechanism, public.pointer(), public.count(), private.pointer(), private.count(),
        public_key, private_key
    );
    c_wrap_key(session: Session, mechanism: RawMechanism, wrapping: Object, key: Object, out: &mut Out<'_>) =
        v2.C_WrapKey(session, mechanism, wrapping, key, out.buffer, &raw mut out.length);
    c_unwrap_key(
        session: Session, mechanism: RawMechanism, unwrapping: Object, wrapped: &[u8],
        template: &mut RawTemplate<'_>, key: &mut Object
    ) = v2.C_UnwrapKey(
        session, mechanism, unwrapping, input(wrapped), length(wrapped), template.pointer(), template.count(), key
    );
    c_derive_key(
        session: Session, mechanism: RawMechanism, base: Object, template: &mut RawTemplate<'_>, key: &mut Object
    ) = v2.C_DeriveKey(session, mechanism, base, template.pointer(), template.count(), key);
    c_seed_random(session: Session, seed: &[u8]) = v2.C_SeedRandom(session, input(seed), length(seed));
    c_generate_random(session: Session, bytes: &mut [u8]) =
        v2.C_GenerateRandom(session, bytes.as_mut_ptr(), length(bytes));
    c_get_function_status(session: Session) = v2.C_GetFunctionStatus(session);
    c_cancel_function(session: Session) = v2.C_CancelFunction(session);
    c_login_user(session: Session, user: CK_USER_TYPE, pin: &[u8], name: &[u8]) =
        v3.C_LoginUser(session, user, input(pin), length(pin), input(name), length(name));
    c_session_cancel(session: Session, flags: CK_FLAGS) = v3.C_SessionCancel(session, flags);
}
