//! Holds the shim to what it claims: of the functions of the C library that change files, the programs under test import none
//! that the shim does not shadow.

use std::path::Path;

use elf::ElfBytes;
use elf::endian::AnyEndian;

/// Functions that change files, their names or their lengths, and that the shim does not shadow. Some change modes or times
/// alone (fchmod, utimes), some write to streams (fwrite): those are not in the list.
const UNSEEN: &[&str] = &[
    "__open_2",
    "__open64_2",
    "aio_write",
    "aio_write64",
    "copy_file_range",
    "fopen",
    "fopen64",
    "freopen",
    "io_submit",
    "io_uring_enter",
    "link",
    "linkat",
    "mkostemp",
    "mkostemp64",
    "mkstemp",
    "mkstemp64",
    "posix_fallocate",
    "posix_fallocate64",
    "process_vm_writev",
    "pwritev2",
    "pwritev64v2",
    "sendfile",
    "sendfile64",
    "splice",
    "symlink",
    "symlinkat",
    "tmpfile",
    "truncate",
    "truncate64",
    "vmsplice",
];

/// Refuses a program that changes files in a way that the shim does not see. `allowed` is what is known to be harmless there.
pub(crate) fn check(program: &Path, allowed: &[&str]) -> Result<(), String> {
    let fault = |what: &dyn std::fmt::Display| format!("{}: {what}.", program.display());
    let bytes = std::fs::read(program).map_err(|error| fault(&error))?;
    let file = ElfBytes::<AnyEndian>::minimal_parse(&bytes).map_err(|error| fault(&error))?;
    let Some((symbols, names)) = file.dynamic_symbol_table().map_err(|error| fault(&error))? else {
        return Err(fault(&"no symbols: what it imports cannot be seen"));
    };
    let imported = symbols.iter().filter(|symbol| symbol.is_undefined());
    let imported: Vec<_> = imported.filter_map(|symbol| names.get(symbol.st_name as usize).ok()).collect();
    if !imported.contains(&"fdatasync") {
        return Err(fault(&"fdatasync is not among its imports: the shim would not see what it does"));
    }
    match imported.iter().find(|name| UNSEEN.contains(name) && !allowed.contains(name)) {
        Some(name) => Err(fault(&format!("it imports {name}, which the shim does not shadow"))),
        None => Ok(()),
    }
}
