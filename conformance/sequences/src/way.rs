//! The ways in which a key seals and opens bytes: a mechanism with one of a few parameters, sane and hostile.

use std::fmt;

use claviger_conformance::mechanism::Mechanism;
use claviger_rules::MechanismType;
use claviger_rules::mechanism::Mechanism as Row;
use cryptoki_sys::{
    CKG_GENERATE, CKG_MGF1_SHA1, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_ECB, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP,
    CKM_SHA_1,
};

/// A mechanism with its parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// CKM_AES_KEY_WRAP.
    Kw,
    /// CKM_AES_KEY_WRAP_KWP.
    Kwp,
    /// CKM_AES_GCM with a tag of this many bits.
    Gcm(Iv, u8),
    /// CKM_AES_CBC.
    Cbc,
    /// CKM_AES_CBC_PAD.
    CbcPad,
    /// CKM_AES_ECB.
    Ecb,
    /// CKM_RSA_PKCS_OAEP with SHA-1.
    Oaep,
}

/// Where the IV of AES-GCM comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Iv {
    /// Always the same, the attacker's.
    Own,
    /// Twelve zeros, which the token replaces under a wrapping key made for trust.
    Zero,
    /// CK_GCM_WRAP_PARAMS with CKG_GENERATE: the token makes it under any key.
    Asked,
}

/// The attacker's IV for AES-GCM.
pub(crate) const OWN_IV: [u8; 12] = [0x42; 12];
/// The IV for the CBC modes. Not zero: then one block would be the same as in ECB.
pub(crate) const CBC_IV: [u8; 16] = [0x17; 16];
/// A block of AES.
pub(crate) const BLOCK_LEN: usize = 16;

impl Way {
    /// The number of the mechanism.
    pub(crate) const fn id(self) -> MechanismType {
        match self {
            Self::Kw => MechanismType::AES_KEY_WRAP,
            Self::Kwp => MechanismType::AES_KEY_WRAP_KWP,
            Self::Gcm(..) => MechanismType::AES_GCM,
            Self::Cbc => MechanismType::AES_CBC,
            Self::CbcPad => MechanismType::AES_CBC_PAD,
            Self::Ecb => MechanismType::AES_ECB,
            Self::Oaep => MechanismType::RSA_PKCS_OAEP,
        }
    }

    /// Its row in the production table.
    pub(crate) fn row(self) -> Option<&'static Row> {
        self.id().row()
    }

    /// What goes over the C interface. `iv` is that of the bytes to be opened, for AES-GCM.
    pub(crate) fn mechanism(self, iv: Option<&[u8]>) -> Mechanism {
        match self {
            Self::Kw => Mechanism::plain(CKM_AES_KEY_WRAP),
            Self::Kwp => Mechanism::plain(CKM_AES_KEY_WRAP_KWP),
            Self::Gcm(Iv::Asked, tag_bits) if iv.is_none() => {
                Mechanism::aes_gcm_wrap(&[0; 12], 0, CKG_GENERATE, tag_bits.into())
            }
            Self::Gcm(source, tag_bits) => {
                let own: &[u8] = if source == Iv::Own { &OWN_IV } else { &[0; 12] };
                Mechanism::aes_gcm(iv.unwrap_or(own), &[], tag_bits.into())
            }
            Self::Cbc => Mechanism::with_bytes(CKM_AES_CBC, &CBC_IV),
            Self::CbcPad => Mechanism::with_bytes(CKM_AES_CBC_PAD, &CBC_IV),
            Self::Ecb => Mechanism::plain(CKM_AES_ECB),
            Self::Oaep => Mechanism::rsa_oaep(CKM_SHA_1, CKG_MGF1_SHA1, &[]),
        }
    }

    /// Whether opening tells right bytes from wrong ones.
    pub(crate) const fn authenticates(self) -> bool {
        matches!(self, Self::Kw | Self::Kwp | Self::Oaep | Self::Gcm(_, 1..))
    }

    /// The tag of AES-GCM, in bytes.
    const fn tag_len(self) -> usize {
        match self {
            Self::Gcm(_, bits) => bits as usize / 8,
            _ => 0,
        }
    }

    /// How long `len` bytes are when they are sealed; none when they cannot be. The block modes are for whole blocks.
    pub(crate) fn sealed_len(self, len: usize) -> Option<usize> {
        match self {
            Self::Kw => (len >= 16 && len.is_multiple_of(8)).then_some(len + 8),
            Self::Kwp => Some(len.next_multiple_of(8) + 8),
            Self::Gcm(..) => Some(len + self.tag_len()),
            Self::Cbc | Self::Ecb => len.is_multiple_of(BLOCK_LEN).then_some(len),
            Self::CbcPad => Some((len / BLOCK_LEN + 1) * BLOCK_LEN),
            Self::Oaep => (len <= 214).then_some(256),
        }
    }

    /// How long what comes out of `len` bytes is at most; none when no sealed bytes have this length.
    pub(crate) fn opened_len(self, len: usize) -> Option<usize> {
        match self {
            Self::Kw => (len >= 24 && len.is_multiple_of(8)).then(|| len - 8),
            Self::Kwp => (len >= 16 && len.is_multiple_of(8)).then(|| len - 8),
            Self::Gcm(..) => len.checked_sub(self.tag_len()),
            Self::Cbc | Self::Ecb => len.is_multiple_of(BLOCK_LEN).then_some(len),
            Self::CbcPad => (len > 0 && len.is_multiple_of(BLOCK_LEN)).then_some(len),
            Self::Oaep => (len == 256).then_some(214),
        }
    }

    /// The same way as far as opening is concerned: there the IV is that of the bytes.
    pub(crate) fn opens(self, sealed: Self) -> bool {
        match (self, sealed) {
            (Self::Gcm(_, one), Self::Gcm(_, other)) => one == other,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.row().map_or("?", |row| row.name);
        match self {
            Self::Gcm(Iv::Own, tag) => write!(f, "CKM_{name}(own IV, {tag} tag bits)"),
            Self::Gcm(Iv::Zero, tag) => write!(f, "CKM_{name}(zero IV, {tag} tag bits)"),
            Self::Gcm(Iv::Asked, tag) => write!(f, "CKM_{name}(CKG_GENERATE, {tag} tag bits)"),
            _ => write!(f, "CKM_{name}"),
        }
    }
}
