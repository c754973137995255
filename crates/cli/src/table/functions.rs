//! `claviger table functions`: the rows from which the C library makes its exported functions, read here as names
//! alone. Taking the crate itself would put its C symbols into the command.

use super::Section;

macro_rules! cryptoki {
    ($( $version:ident {
        $( $name:ident ( $($argument:tt)* ) => $module:ident $(:: $function:ident ( $($value:tt)* ))? ; )*
    } )*) => {
        /// Name, the list of the standard that first has it, the module that does it.
        const FUNCTIONS: &[(&str, &str, &str)] =
            &[$( $( (stringify!($name), stringify!($version), stringify!($module)), )* )*];
    };
}

include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../pkcs11/src/functions/rows.rs"));

pub(super) fn sections() -> Vec<Section> {
    let rows = FUNCTIONS.iter().map(|(name, version, module)| {
        let since = version.trim_start_matches('v').replace('_', ".");
        let state = if *module == "unsupported" { "CKR_FUNCTION_NOT_SUPPORTED" } else { "works" };
        [(*name).to_owned(), since, state.to_owned()]
    });
    let about = "Every function of the C interface, the version of PKCS#11 that brought it, and what it does here.";
    vec![Section::new("Functions", about, ["Function", "Since", "State"], rows)]
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;

    #[test]
    fn both_lists_of_the_standard_are_complete() {
        let of = |wanted: &str| FUNCTIONS.iter().filter(|(_, version, _)| *version == wanted).count();
        assert_eq!((of("v2_40"), of("v2_40") + of("v3_0")), (68, 92));
    }
}
