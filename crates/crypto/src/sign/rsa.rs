//! What the RSA schemes share: which half of a key serves, and aws-lc's names for hashes and paddings.
//!
//! aws-lc-rs signs with SHA-256, SHA-384 and SHA-512 alone and verifies SHA-1 besides (PKCS #1 v1.5
//! only); the rest falls to `rsa`.

use std::sync::{LazyLock, OnceLock};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters,
    RsaPssSaltLength, RsaSignatureEncoding, UnparsedPublicKey,
};

use crate::key::{MAX_RSA_BITS, RsaPrivate, RsaPublic, prepared};
use crate::{Error, Hash, Key, KeyKind, Result, encoding};

/// The encoding of a public key that aws-lc parses to verify.
#[derive(Default)]
pub(crate) struct Verifying(OnceLock<Vec<u8>>);

/// More than the longest salt that fits the largest modulus.
const SALT_LENS: u16 = (MAX_RSA_BITS / 8) as u16;

/// aws-lc's PSS parameters for every salt length: it wants them `'static`.
struct BySalt<T>(LazyLock<Vec<T>>);

macro_rules! by_salt {
    ($name:ident: $type:ty = $base:expr) => {
        static $name: BySalt<$type> = BySalt(LazyLock::new(|| {
            (0..SALT_LENS).map(|len| $base.with_pss_salt_length(RsaPssSaltLength::Custom(len))).collect()
        }));
    };
}

by_salt!(SIGN_SHA256: RsaSignatureEncoding = RSA_PSS_SHA256);
by_salt!(SIGN_SHA384: RsaSignatureEncoding = RSA_PSS_SHA384);
by_salt!(SIGN_SHA512: RsaSignatureEncoding = RSA_PSS_SHA512);
by_salt!(VERIFY_SHA256: RsaParameters = RSA_PSS_2048_8192_SHA256);
by_salt!(VERIFY_SHA384: RsaParameters = RSA_PSS_2048_8192_SHA384);
by_salt!(VERIFY_SHA512: RsaParameters = RSA_PSS_2048_8192_SHA512);

/// aws-lc's way to sign by PKCS #1 v1.5, where it has one.
pub(super) fn pkcs1_signing(hash: Hash) -> Option<&'static RsaSignatureEncoding> {
    match hash {
        Hash::Sha1 | Hash::Sha224 => None,
        Hash::Sha256 => Some(&RSA_PKCS1_SHA256),
        Hash::Sha384 => Some(&RSA_PKCS1_SHA384),
        Hash::Sha512 => Some(&RSA_PKCS1_SHA512),
    }
}

/// aws-lc's way to verify by PKCS #1 v1.5, where it has one.
pub(super) fn pkcs1_verifying(hash: Hash) -> Option<&'static RsaParameters> {
    match hash {
        Hash::Sha1 => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha224 => None,
        Hash::Sha256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Hash::Sha384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Hash::Sha512 => Some(&RSA_PKCS1_2048_8192_SHA512),
    }
}

/// aws-lc's way to sign by PSS, where it has one.
pub(super) fn pss_signing(hash: Hash, salt_len: usize) -> Option<&'static RsaSignatureEncoding> {
    let table = match hash {
        Hash::Sha1 | Hash::Sha224 => return None,
        Hash::Sha256 => &SIGN_SHA256,
        Hash::Sha384 => &SIGN_SHA384,
        Hash::Sha512 => &SIGN_SHA512,
    };
    table.0.get(salt_len)
}

/// aws-lc's way to verify by PSS, where it has one.
pub(super) fn pss_verifying(hash: Hash, salt_len: usize) -> Option<&'static RsaParameters> {
    let table = match hash {
        Hash::Sha1 | Hash::Sha224 => return None,
        Hash::Sha256 => &VERIFY_SHA256,
        Hash::Sha384 => &VERIFY_SHA384,
        Hash::Sha512 => &VERIFY_SHA512,
    };
    table.0.get(salt_len)
}

/// Signs `digest`, made by `hash`, on aws-lc.
pub(super) fn sign_digest(
    key: &RsaPrivate,
    encoding: &'static RsaSignatureEncoding,
    hash: Hash,
    digest: &[u8],
    out: &mut [u8],
) -> Result<()> {
    key.signing.sign_digest(encoding, &import(hash, digest)?, out).map_err(|_| Error::Internal)
}

/// Verifies a signature over `digest`, made by `hash`, on aws-lc.
pub(super) fn verify_digest(
    key: &RsaPublic,
    params: &'static RsaParameters,
    hash: Hash,
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let der = prepared(&key.verifying.0, || encoding::rsa_public_key(&key.modulus, &key.public_exponent))?;
    UnparsedPublicKey::new(params, der)
        .verify_digest(&import(hash, digest)?, signature)
        .map_err(|_| Error::SignatureInvalid)
}

/// The public half, of a public key alone.
pub(super) fn verifying_key(key: &Key) -> Result<&RsaPublic> {
    if key.kind() == KeyKind::RsaPublic { key.as_rsa_public() } else { Err(Error::KeyType) }
}

fn import(hash: Hash, bytes: &[u8]) -> Result<Digest> {
    let algorithm = match hash {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha224 => &digest::SHA224,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    Digest::import_less_safe(bytes, algorithm).map_err(|_| Error::DataLen)
}
