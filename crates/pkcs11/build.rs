//! How `libclaviger_pkcs11.so` is linked. What it exports is not said here: rustc already hides everything but the
//! `no_mangle` functions of this crate. `tests/linked.rs` looks at the result.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // Our function lists point to our own functions, even in a program that is linked with another PKCS#11 library.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
    // Stay mapped after dlclose: a thread that called us still runs its thread-local destructors when it ends.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Nothing of ours runs when the process exits.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-T,{}/link.ld", env!("CARGO_MANIFEST_DIR"));
}
