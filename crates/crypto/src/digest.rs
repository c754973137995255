//! Hash functions: SHA-1 and SHA-2 of FIPS 180-4.
//!
//! ring serves SHA-256, SHA-384 and SHA-512. aws-lc serves SHA-224, which ring lacks, and SHA-1, where
//! it is four times as quick.

use crate::engine::{Digest, DigestStream, Hash};

/// A hash function of FIPS 180-4.
pub struct Sha(Engine);

enum Engine {
    Ring(&'static ring::digest::Algorithm),
    AwsLc(&'static aws_lc_rs::digest::Algorithm),
}

/// SHA-1, 20 bytes.
pub static SHA_1: Sha = Sha(Engine::AwsLc(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY));
/// SHA-224, 28 bytes.
pub static SHA224: Sha = Sha(Engine::AwsLc(&aws_lc_rs::digest::SHA224));
/// SHA-256, 32 bytes.
pub static SHA256: Sha = Sha(Engine::Ring(&ring::digest::SHA256));
/// SHA-384, 48 bytes.
pub static SHA384: Sha = Sha(Engine::Ring(&ring::digest::SHA384));
/// SHA-512, 64 bytes.
pub static SHA512: Sha = Sha(Engine::Ring(&ring::digest::SHA512));

/// The longest digest.
pub(crate) const MAX_LEN: usize = 64;

impl Hash {
    /// The function itself.
    pub fn digest(self) -> &'static Sha {
        match self {
            Self::Sha1 => &SHA_1,
            Self::Sha224 => &SHA224,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }

    /// The length of a digest in bytes.
    pub fn digest_len(self) -> usize {
        self.digest().len()
    }
}

impl Digest for Sha {
    fn len(&self) -> usize {
        match &self.0 {
            Engine::Ring(algorithm) => algorithm.output_len(),
            Engine::AwsLc(algorithm) => algorithm.output_len(),
        }
    }

    fn digest(&self, message: &[u8], out: &mut [u8]) {
        match &self.0 {
            Engine::Ring(algorithm) => copy(ring::digest::digest(algorithm, message).as_ref(), out),
            Engine::AwsLc(algorithm) => copy(aws_lc_rs::digest::digest(algorithm, message).as_ref(), out),
        }
    }

    fn stream(&self) -> Box<dyn DigestStream> {
        Box::new(self.begin())
    }
}

impl Sha {
    /// [`Digest::stream`] without a box.
    pub(crate) fn begin(&self) -> ShaStream {
        match &self.0 {
            Engine::Ring(algorithm) => ShaStream::Ring(ring::digest::Context::new(algorithm)),
            Engine::AwsLc(algorithm) => ShaStream::AwsLc(aws_lc_rs::digest::Context::new(algorithm)),
        }
    }
}

/// A multi-part digest.
pub(crate) enum ShaStream {
    Ring(ring::digest::Context),
    AwsLc(aws_lc_rs::digest::Context),
}

impl DigestStream for ShaStream {
    fn update(&mut self, part: &[u8]) {
        match self {
            Self::Ring(context) => context.update(part),
            Self::AwsLc(context) => context.update(part),
        }
    }

    fn finish(&mut self, out: &mut [u8]) {
        match self {
            Self::Ring(context) => copy(context.clone().finish().as_ref(), out),
            Self::AwsLc(context) => copy(context.clone().finish().as_ref(), out),
        }
    }
}

/// Copies `digest` to the front of `out`; one that is too short gets what fits.
fn copy(digest: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(digest) {
        *to = *from;
    }
}
