//! The C interface of Claviger: `libclaviger_pkcs11.so`. The C ABI and nothing else.
//!
//! A call enters through its row in [`functions`], which stops panics, traces and turns a refusal into its CKR number;
//! [`marshal`] makes safe values of the caller's pointers; a few lines in [`c`] find the session and call the method of
//! `claviger-session` that bears the same name. No rule, no algorithm and no state is here but the one global of
//! [`library`]. PKCS#11 3.2 chapters 2, 3 and 5.
//!
//! `unsafe` is allowed in `functions` and `marshal` alone.

mod c;
mod call;
pub mod functions;
mod library;
mod marshal;
mod trace;

/// The result of a call.
type Result<T> = claviger_session::Result<T>;
