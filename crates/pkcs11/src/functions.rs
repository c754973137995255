//! The exported functions and their lists, made from the rows of `functions/rows.rs`. Not what they do.
//!
//! PKCS#11 3.2 sections 3.6 (function lists, interfaces) and 5.1. The macro makes of a row: the exported symbol with
//! its guard ([`call::run`]), its place in the lists of its version and of every later one, and its entry in [`ROWS`].
#![allow(unsafe_code)]

use core::ffi::CStr;

use claviger_rules::{Error, Refusal};
use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_PTR, CK_INTERFACE, CK_INTERFACE_PTR, CK_RV, CK_VERSION,
};

use crate::{c, call, marshal};

/// The only name of an interface that the standard defines; NUL included.
pub(crate) const INTERFACE_NAME: &CStr = c"PKCS 11";

/// The 2.40 list.
pub(crate) fn list_2_40() -> CK_FUNCTION_LIST_PTR {
    (&raw const LIST_2_40).cast_mut()
}

/// Every interface, the newest first.
pub(crate) fn interfaces() -> &'static [CK_INTERFACE] {
    &INTERFACES.0
}

/// An interface as C_GetInterface hands it out.
pub(crate) fn interface_ptr(interface: &'static CK_INTERFACE) -> CK_INTERFACE_PTR {
    (&raw const *interface).cast_mut()
}

/// The version at the head of an interface's list.
pub(crate) fn version_of(interface: &'static CK_INTERFACE) -> CK_VERSION {
    // SAFETY: only `INTERFACES` makes interfaces that live for ever, and each of its lists begins with a version.
    unsafe { interface.pFunctionList.cast::<CK_VERSION>().read() }
}

/// Interfaces hold raw pointers, which are not `Sync` by themselves.
struct Interfaces([CK_INTERFACE; 2]);

// SAFETY: the pointers lead to constants, and nothing here or in a well-behaved program writes through them.
unsafe impl Sync for Interfaces {}

static INTERFACES: Interfaces = Interfaces([
    interface((&raw const LIST_3_0).cast_mut().cast()),
    interface((&raw const LIST_2_40).cast_mut().cast()),
]);

/// No CKF_INTERFACE_FORK_SAFE: a child of fork begins with C_Initialize.
const fn interface(list: cryptoki_sys::CK_VOID_PTR) -> CK_INTERFACE {
    CK_INTERFACE { pInterfaceName: INTERFACE_NAME.as_ptr().cast_mut().cast(), pFunctionList: list, flags: 0 }
}

macro_rules! cryptoki {
    (
        v2_40 { $( $a:ident $a_parameters:tt => $a_module:ident $(:: $a_function:ident $a_values:tt)? ; )* }
        v3_0 { $( $b:ident $b_parameters:tt => $b_module:ident $(:: $b_function:ident $b_values:tt)? ; )* }
        v3_2 { $( $c:ident $c_parameters:tt => $c_module:ident $(:: $c_function:ident $c_values:tt)? ; )* }
    ) => {
        $( cryptoki!(@export $a $a_parameters => $a_module $(:: $a_function $a_values)?); )*
        $( cryptoki!(@export $b $b_parameters => $b_module $(:: $b_function $b_values)?); )*
        $( cryptoki!(@export $c $c_parameters => $c_module $(:: $c_function $c_values)?); )*

        static LIST_2_40: CK_FUNCTION_LIST =
            CK_FUNCTION_LIST { version: CK_VERSION { major: 2, minor: 40 }, $( $a: Some($a), )* };

        static LIST_3_0: CK_FUNCTION_LIST_3_0 =
            CK_FUNCTION_LIST_3_0 { version: CK_VERSION { major: 3, minor: 0 }, $( $a: Some($a), )* $( $b: Some($b), )* };

        #[cfg(test)]
        mod rows {
            use core::mem::{offset_of, zeroed};

            use super::*;

            /// Where the pointers to the functions stand in CK_FUNCTION_LIST, in the order of the rows.
            pub(super) const OFFSETS_2_40: &[usize] = &[$( offset_of!(CK_FUNCTION_LIST, $a) ),*];

            /// The same for CK_FUNCTION_LIST_3_0.
            pub(super) const OFFSETS_3_0: &[usize] = &[
                $( offset_of!(CK_FUNCTION_LIST_3_0, $a), )*
                $( offset_of!(CK_FUNCTION_LIST_3_0, $b), )*
            ];

            /// Every function, whether it is supported, and a call of it with nothing but zeros and null pointers.
            pub(super) const CALLS: &[(&str, bool, fn() -> CK_RV)] = &[
                $( cryptoki!(@call $a $a_parameters $a_module), )*
                $( cryptoki!(@call $b $b_parameters $b_module), )*
                $( cryptoki!(@call $c $c_parameters $c_module), )*
            ];
        }
    };

    (@export $name:ident ( $($parameter:ident : $type:ident),* ) => unsupported) => {
        cryptoki! {
            @symbol $name ( $($parameter : $type),* ) |_call| {
                Err(Refusal::standard(Error::FunctionNotSupported, "this library does not have the function"))
            }
        }
    };
    (
        @export $name:ident ( $($parameter:ident : $type:ident),* )
        => $module:ident :: $function:ident ( $( $shape:ident $(( $($part:ident),+ ))? ),* )
    ) => {
        cryptoki! {
            @symbol $name ( $($parameter : $type),* ) |call| {
                c::$module::$function( $( cryptoki!(@value call $shape $(( $($part),+ ))?) ),* )
            }
        }
    };

    (@symbol $name:ident ( $($parameter:ident : $type:ident),* ) |$call:ident| $body:block) => {
        #[doc = concat!("`", stringify!($name), "` of PKCS#11.")]
        ///
        /// # Safety
        /// Every pointer is null, or valid for what the standard says the function reads and writes there.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case, unused_variables, clippy::too_many_arguments, reason = "the standard's own signature")]
        pub unsafe extern "C" fn $name( $($parameter: cryptoki_sys::$type),* ) -> CK_RV {
            call::run(stringify!($name), || [ $( cryptoki!(@number $parameter $type) ),* ], |$call| $body)
        }
    };

    (@call $name:ident ( $($parameter:ident : $type:ident),* ) $module:ident) => {
        (
            stringify!($name),
            !matches!(stringify!($module).as_bytes(), b"unsupported"),
            // SAFETY: numbers and pointers may be zero, and every function takes null pointers.
            || unsafe { $name( $( zeroed::<cryptoki_sys::$type>() ),* ) },
        )
    };

    (@value $call:ident $parameter:ident) => { $parameter };
    (@value $call:ident $shape:ident ( $($part:ident),+ )) => {
        // SAFETY: the caller vouches for the pointers, and `$call` lives no longer than the call does.
        unsafe { marshal::$shape::new($call, $($part),+) }
    };

    // What a trace line shows of the arguments: what names a thing, never what may hold or measure data.
    (@number $parameter:ident CK_SLOT_ID) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident CK_SESSION_HANDLE) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident CK_OBJECT_HANDLE) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident CK_MECHANISM_TYPE) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident CK_USER_TYPE) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident CK_FLAGS) => { Some((stringify!($parameter), $parameter)) };
    (@number $parameter:ident $type:ident) => { None };
}

include!("functions/rows.rs");

#[cfg(test)]
mod tests {
    use core::ptr;

    use cryptoki_sys::{
        CK_FLAGS, CKF_INTERFACE_FORK_SAFE, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED,
        CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
    };

    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_standards_lists_and_fill_them() {
        for (offsets, count, size) in [
            (rows::OFFSETS_2_40, 68, size_of::<CK_FUNCTION_LIST>()),
            (rows::OFFSETS_3_0, 92, size_of::<CK_FUNCTION_LIST_3_0>()),
        ] {
            let pointer = size_of::<usize>();
            let expected: Vec<_> = (1..=count).map(|index| index * pointer).collect();
            assert_eq!(offsets, expected);
            assert_eq!(size, (count + 1) * pointer);
        }
    }

    #[test]
    fn before_c_initialize_only_the_lists_can_be_had() {
        for (name, supported, call) in rows::CALLS {
            let expected = match *name {
                "C_Initialize" => continue,
                "C_GetFunctionList" | "C_GetInterfaceList" | "C_GetInterface" => CKR_ARGUMENTS_BAD,
                _ if *supported => CKR_CRYPTOKI_NOT_INITIALIZED,
                _ => CKR_FUNCTION_NOT_SUPPORTED,
            };
            assert_eq!(call(), expected, "{name}");
        }
    }

    #[test]
    fn the_function_list_is_that_of_2_40() {
        let mut list = ptr::null_mut();
        // SAFETY: there is a place for the pointer.
        assert_eq!(unsafe { C_GetFunctionList(&raw mut list) }, CKR_OK);
        // SAFETY: the list lives for ever.
        let version = unsafe { (*list).version };
        assert_eq!((version.major, version.minor), (2, 40));
    }

    fn interface_of(name: Option<&CStr>, version: Option<(u8, u8)>, flags: CK_FLAGS) -> Result<(u8, u8), CK_RV> {
        let name = name.map_or(ptr::null_mut(), |name| name.as_ptr().cast_mut().cast());
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let mut interface = ptr::null_mut();
        // SAFETY: a C string, a version and a place, each or null.
        let rv = unsafe { C_GetInterface(name, version, &raw mut interface, flags) };
        if rv != CKR_OK {
            return Err(rv);
        }
        // SAFETY: interfaces live for ever.
        let own = version_of(unsafe { &*interface });
        Ok((own.major, own.minor))
    }

    #[test]
    fn an_interface_is_found_by_name_version_and_flags() {
        assert_eq!(interface_of(None, None, 0), Ok((3, 0)));
        assert_eq!(interface_of(Some(c"PKCS 11"), None, 0), Ok((3, 0)));
        assert_eq!(interface_of(Some(c"PKCS 11"), Some((2, 40)), 0), Ok((2, 40)));
        assert_eq!(interface_of(None, Some((3, 0)), 0), Ok((3, 0)));
        for absent in [(2, 20), (3, 1), (3, 2), (0, 0)] {
            assert_eq!(interface_of(None, Some(absent), 0), Err(CKR_ARGUMENTS_BAD));
        }
        for other in [c"", c"PKCS", c"PKCS 111", c"pkcs 11", c"Vendor Claviger"] {
            assert_eq!(interface_of(Some(other), None, 0), Err(CKR_ARGUMENTS_BAD));
        }
        assert_eq!(interface_of(None, None, CKF_INTERFACE_FORK_SAFE), Err(CKR_ARGUMENTS_BAD));
    }

    #[test]
    fn the_list_of_interfaces_follows_the_two_call_convention() {
        let mut count = 77;
        // SAFETY: a null list asks for the count.
        assert_eq!(unsafe { C_GetInterfaceList(ptr::null_mut(), &raw mut count) }, CKR_OK);
        assert_eq!(count, 2);
        let mut one = CK_INTERFACE::default();
        count = 1;
        // SAFETY: there is room for one.
        assert_eq!(unsafe { C_GetInterfaceList(&raw mut one, &raw mut count) }, CKR_BUFFER_TOO_SMALL);
        assert_eq!((count, one.pFunctionList), (2, ptr::null_mut()));
        let mut both = [CK_INTERFACE::default(); 2];
        // SAFETY: there is room for two.
        assert_eq!(unsafe { C_GetInterfaceList(both.as_mut_ptr(), &raw mut count) }, CKR_OK);
        assert!(both.iter().all(|interface| interface.flags == 0));
        assert_eq!(both[1].pFunctionList, list_2_40().cast());
    }
}
