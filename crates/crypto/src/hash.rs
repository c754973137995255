//! Hash functions as types of RustCrypto, for `rsa` and `hkdf`.

/// Runs `$body` with `$H` as the RustCrypto type of `$hash`.
macro_rules! with_hash {
    ($hash:expr, $H:ident => $body:expr) => {
        match $hash {
            $crate::Hash::Sha1 => {
                type $H = ::sha1::Sha1;
                $body
            }
            $crate::Hash::Sha224 => {
                type $H = ::sha2::Sha224;
                $body
            }
            $crate::Hash::Sha256 => {
                type $H = ::sha2::Sha256;
                $body
            }
            $crate::Hash::Sha384 => {
                type $H = ::sha2::Sha384;
                $body
            }
            $crate::Hash::Sha512 => {
                type $H = ::sha2::Sha512;
                $body
            }
        }
    };
}
pub(crate) use with_hash;
