//! A shared library for LD_PRELOAD that stands between a program and the kernel's file calls: it writes down what is done to
//! the files of one directory, or lets the n-th such call fail. Reads matter only where they are made to fail.
//!
//! What it does not see: writes through memory mappings, modes and times of files. The driver refuses a library that imports
//! another function that changes files (`imports.rs`). `sync_file_range` is not here because it makes nothing durable
//! (sync_file_range(2), "Warning").
//!
//! It runs inside other people's calls, before and after their `main`, so it uses no input or output of the standard library:
//! those would come back through these very functions.
#![allow(unsafe_code)]

mod frame;
mod hooks;
mod kernel;
mod settings;
