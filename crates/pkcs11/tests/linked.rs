//! How the built library is linked: what it exports, what it needs, and what it would run at exit. Not what it does.
#![allow(clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::PathBuf;

use elf::ElfBytes;
use elf::abi::{DT_FINI_ARRAYSZ, DT_FLAGS_1, DT_NEEDED, SHN_UNDEF};
use elf::endian::NativeEndian;

/// DF_1_NODELETE of glibc's `elf.h`.
const NODELETE: u64 = 0x8;

/// The library that Cargo built beside this test.
fn library() -> Vec<u8> {
    let test = std::env::current_exe().expect("the test's own path");
    let path: PathBuf = test.with_file_name("libclaviger_pkcs11.so");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(bytes: &[u8]) -> ElfBytes<'_, NativeEndian> {
    ElfBytes::minimal_parse(bytes).expect("an ELF file of this machine")
}

fn dynamic(elf: &ElfBytes<'_, NativeEndian>, tag: i64) -> Vec<u64> {
    let entries = elf.dynamic().expect("well-formed").expect("a dynamic section");
    entries.iter().filter(|entry| entry.d_tag == tag).map(|entry| entry.d_val()).collect()
}

#[test]
fn it_exports_the_c_functions_and_nothing_else() {
    let bytes = library();
    let (symbols, names) = parse(&bytes).dynamic_symbol_table().expect("well-formed").expect("dynamic symbols");
    let mut exported: Vec<_> = symbols
        .iter()
        .filter(|symbol| symbol.st_shndx != SHN_UNDEF && symbol.st_name != 0)
        .map(|symbol| names.get(symbol.st_name as usize).expect("a name"))
        .collect();
    let rows = include_str!("../src/functions/rows.rs");
    let mut expected: Vec<_> = rows
        .lines()
        .filter(|line| line.starts_with("        C_"))
        .filter_map(|line| line.trim().split('(').next())
        .collect();
    exported.sort_unstable();
    expected.sort_unstable();
    assert_eq!(expected.len(), 92);
    assert_eq!(exported, expected);
}

#[test]
fn it_runs_nothing_of_its_own_at_exit_and_stays_mapped() {
    let bytes = library();
    let elf = parse(&bytes);
    // The one entry is the C runtime's, which finds nothing to do.
    assert_eq!(dynamic(&elf, DT_FINI_ARRAYSZ), [size_of::<usize>() as u64]);
    assert!(dynamic(&elf, DT_FLAGS_1).iter().any(|flags| flags & NODELETE != 0));
}

#[test]
fn it_needs_no_library_but_those_of_the_c_runtime() {
    let bytes = library();
    let elf = parse(&bytes);
    let (_, names) = elf.dynamic_symbol_table().expect("well-formed").expect("dynamic symbols");
    for needed in dynamic(&elf, DT_NEEDED) {
        let name = names.get(usize::try_from(needed).expect("an offset")).expect("a name");
        let known = ["libc.so.", "libm.so.", "libgcc_s.so.", "libpthread.so.", "libdl.so.", "ld-linux"];
        assert!(known.iter().any(|known| name.starts_with(known)), "{name}");
    }
}
