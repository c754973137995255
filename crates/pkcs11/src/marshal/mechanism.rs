//! CK_MECHANISM in, and the IV that the token makes out. Which mechanism takes which structure is in the mechanism
//! table; whether the values suit the key is the session's to say.
//!
//! PKCS#11 3.2 section 6: 6.1.7 (OAEP), 6.1.9 (PSS), 6.3 (ECDH), 6.13 (GCM), 6.43 (derivations with data), 6.62 (HKDF).
//! A structure must have exactly its size; what does not fit is CKR_MECHANISM_PARAM_INVALID, which the session reports in
//! its turn.

use core::cell::Cell;
use core::ptr;

use claviger_crypto::Secret;
use claviger_crypto::engine::Hash;
use claviger_crypto::params::{CbcDataParams, DataParams, EcdhParams, GcmParams, OaepParams, PssParams};
use claviger_rules::mechanism::{HkdfParameter, HkdfSalt, Usage};
use claviger_rules::{Error, MechanismType, Parameter, ParameterKind, Refusal};
use claviger_session::MechanismCall;
use cryptoki_sys::{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS, CK_BBOOL, CK_BYTE, CK_EC_KDF_TYPE, CK_ECDH1_DERIVE_PARAMS, CK_EXTRACT_PARAMS,
    CK_FALSE, CK_GCM_PARAMS, CK_GCM_WRAP_PARAMS, CK_HKDF_PARAMS, CK_KEY_DERIVATION_STRING_DATA, CK_MECHANISM,
    CK_MECHANISM_PTR, CK_OBJECT_HANDLE, CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS, CK_TRUE, CK_ULONG, CKD_NULL,
    CKD_SHA1_KDF, CKD_SHA224_KDF, CKD_SHA256_KDF, CKD_SHA384_KDF, CKD_SHA512_KDF, CKF_HKDF_SALT_DATA,
    CKF_HKDF_SALT_KEY, CKF_HKDF_SALT_NULL, CKG_GENERATE, CKG_GENERATE_RANDOM, CKG_MGF1_SHA1, CKG_MGF1_SHA224,
    CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512, CKG_NO_GENERATE, CKZ_DATA_SPECIFIED,
};

use super::{bad, copy, view};
use crate::Result;
use crate::call::Call;

/// The longest IV of GCM, in bytes (section 6.13).
const MAX_IV: CK_ULONG = 256;
/// The IV that a token makes for GCM, in bytes (SP 800-38D section 8.2.2).
const MADE_IV: CK_ULONG = 12;
/// The longest additional data of GCM, in bytes (section 6.13).
const MAX_AAD: CK_ULONG = u32::MAX as CK_ULONG;
/// The longest label, salt, info, point or data that is believed, in bytes; the standard names none.
const MAX_TEXT: CK_ULONG = 16 << 20;

/// The mechanism that a call names.
pub(crate) struct Mechanism<'a> {
    start: *const CK_MECHANISM,
    /// Where an IV that the token makes goes, and its length.
    iv: Cell<Option<(*mut CK_BYTE, usize)>>,
    call: &'a Call,
}

impl<'a> Mechanism<'a> {
    /// # Safety
    /// `start` is null or points to a CK_MECHANISM during the call, whose `pParameter` is null or points to
    /// `ulParameterLen` bytes; if these are the structure that the standard gives for the mechanism, its own pointers
    /// are null or valid for reads of their lengths, and pIv for writes as well. Nothing need be aligned.
    pub(crate) unsafe fn new(call: &'a Call, start: CK_MECHANISM_PTR) -> Self {
        Self { start, iv: Cell::new(None), call }
    }

    /// Whether there is none: what C_*Init takes as the wish to end the operation.
    pub(crate) fn is_null(&self) -> bool {
        self.start.is_null()
    }

    /// The mechanism with its parameter, which may be an error that the session reports in its turn.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when there is no mechanism.
    pub(crate) fn parse(&self, usage: Usage) -> Result<MechanismCall> {
        if self.is_null() {
            return Err(bad("the pointer to the mechanism is null"));
        }
        // SAFETY: not null, and readable by the contract of `new`.
        let mechanism = unsafe { self.start.read_unaligned() };
        self.call.mechanism.set(Some(mechanism.mechanism));
        let id = MechanismType(mechanism.mechanism);
        let block = Block { start: mechanism.pParameter.cast_const().cast(), len: mechanism.ulParameterLen };
        let parameter = match id.row() {
            None => Err(Refusal::standard(Error::MechanismInvalid, "the token does not have the mechanism")),
            Some(row) => self.parameter(row.parameter, usage, &block),
        };
        Ok(MechanismCall { id, parameter })
    }

    /// Writes an IV that the token made to the place where it belongs.
    pub(crate) fn write_back(&self, call: &MechanismCall) {
        if let (Some((start, len)), Ok(Parameter::Gcm(gcm))) = (self.iv.get(), &call.parameter)
            && gcm.iv.len() == len
        {
            // SAFETY: `start` is not null and has room for `len` bytes by the contract of `new`.
            unsafe { ptr::copy_nonoverlapping(gcm.iv.as_ptr(), start, len) };
        }
    }

    fn parameter(&self, kind: ParameterKind, usage: Usage, block: &Block) -> Result<Parameter> {
        match kind {
            ParameterKind::None if block.len == 0 => Ok(Parameter::None),
            ParameterKind::None => Err(invalid("the mechanism takes no parameter")),
            ParameterKind::Iv => block.read().map(Parameter::Iv),
            ParameterKind::Gcm => self.gcm(usage, block).map(Parameter::Gcm),
            ParameterKind::Pss => pss(block).map(Parameter::Pss),
            ParameterKind::Oaep => oaep(block).map(Parameter::Oaep),
            ParameterKind::KeyWrap8 => key_wrap::<8>(block),
            ParameterKind::KeyWrap4 => key_wrap::<4>(block),
            ParameterKind::Hkdf => hkdf(block).map(Parameter::Hkdf),
            ParameterKind::Ecdh => ecdh(block).map(Parameter::Ecdh),
            ParameterKind::Key => block.read::<CK_OBJECT_HANDLE>().map(Parameter::Key),
            ParameterKind::Data => data(block).map(Parameter::Data),
            ParameterKind::CbcData => cbc_data(block).map(Parameter::CbcData),
            ParameterKind::FirstBit => block.read::<CK_EXTRACT_PARAMS>().map(Parameter::FirstBit),
        }
    }

    /// CK_GCM_PARAMS as 2.40 with its errata has it and as its first text had it, without ulIvBits (NSS and Java offer
    /// either); CK_GCM_WRAP_PARAMS of 3.2 for wrapping and unwrapping.
    fn gcm(&self, usage: Usage, block: &Block) -> Result<GcmParams> {
        let wraps = matches!(usage, Usage::Wrap | Usage::Unwrap);
        if wraps && block.is::<CK_GCM_WRAP_PARAMS>() {
            return self.gcm_wrap(usage, block);
        }
        let params =
            if block.is::<ShortGcmParams>() { block.read::<ShortGcmParams>()?.into() } else { block.read()? };
        let CK_GCM_PARAMS { pIv, ulIvLen, ulIvBits, pAAD, ulAADLen, ulTagBits } = params;
        if ulIvBits != 0 && ulIvLen.checked_mul(8) != Some(ulIvBits) {
            return Err(invalid("ulIvBits is neither 0 nor the length of the IV"));
        }
        let iv = Field { start: pIv, len: ulIvLen }.copy(MAX_IV)?;
        if iv.is_empty() {
            return Err(invalid("the IV is empty"));
        }
        if usage == Usage::Wrap {
            self.iv.set(Some((pIv, iv.len())));
        }
        gcm(iv, Field { start: pAAD, len: ulAADLen }, ulTagBits)
    }

    /// An empty IV in the result asks the token to make one.
    fn gcm_wrap(&self, usage: Usage, block: &Block) -> Result<GcmParams> {
        let CK_GCM_WRAP_PARAMS { pIv, ulIvLen, ulIvFixedBits, ivGenerator, pAAD, ulAADLen, ulTagBits } =
            block.read()?;
        let aad = Field { start: pAAD, len: ulAADLen };
        if usage == Usage::Wrap && ivGenerator != CKG_NO_GENERATE {
            let random = matches!(ivGenerator, CKG_GENERATE | CKG_GENERATE_RANDOM);
            if !random || ulIvFixedBits != 0 || ulIvLen != MADE_IV || pIv.is_null() {
                return Err(invalid("the token makes IVs of 12 bytes, all of them random"));
            }
            self.iv.set(Some((pIv, super::extent(pIv, ulIvLen)?)));
            return gcm(Vec::new(), aad, ulTagBits);
        }
        let iv = Field { start: pIv, len: ulIvLen }.copy(MAX_IV)?;
        if iv.is_empty() {
            return Err(invalid("the IV is empty"));
        }
        gcm(iv, aad, ulTagBits)
    }
}

fn gcm(iv: Vec<u8>, aad: Field, tag_bits: CK_ULONG) -> Result<GcmParams> {
    let tag_bits = u32::try_from(tag_bits).map_err(|_| invalid("the tag is too long"))?;
    Ok(GcmParams { iv, aad: aad.copy(MAX_AAD)?, tag_bits })
}

/// CK_GCM_PARAMS without ulIvBits.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_snake_case, reason = "the standard's names")]
struct ShortGcmParams {
    pIv: *mut CK_BYTE,
    ulIvLen: CK_ULONG,
    pAAD: *mut CK_BYTE,
    ulAADLen: CK_ULONG,
    ulTagBits: CK_ULONG,
}

impl From<ShortGcmParams> for CK_GCM_PARAMS {
    fn from(short: ShortGcmParams) -> Self {
        let ShortGcmParams { pIv, ulIvLen, pAAD, ulAADLen, ulTagBits } = short;
        Self { pIv, ulIvLen, ulIvBits: 0, pAAD, ulAADLen, ulTagBits }
    }
}

fn pss(block: &Block) -> Result<PssParams> {
    let CK_RSA_PKCS_PSS_PARAMS { hashAlg, mgf, sLen } = block.read()?;
    let salt_len = usize::try_from(sLen).map_err(|_| invalid("the salt is too long"))?;
    Ok(PssParams { hash: hash(hashAlg)?, mgf: mgf1(mgf)?, salt_len })
}

fn oaep(block: &Block) -> Result<OaepParams> {
    let CK_RSA_PKCS_OAEP_PARAMS { hashAlg, mgf, source, pSourceData, ulSourceDataLen } = block.read()?;
    // libp11 names no source when there is no label.
    if source != CKZ_DATA_SPECIFIED && (source, ulSourceDataLen) != (0, 0) {
        return Err(invalid("the source of the label is not CKZ_DATA_SPECIFIED"));
    }
    let label = Field { start: pSourceData.cast(), len: ulSourceDataLen }.copy(MAX_TEXT)?;
    Ok(OaepParams { hash: hash(hashAlg)?, mgf: mgf1(mgf)?, label })
}

fn key_wrap<const N: usize>(block: &Block) -> Result<Parameter> {
    if block.len == 0 {
        return Ok(Parameter::None);
    }
    Ok(Parameter::KeyWrapIv(block.read::<[u8; N]>()?.to_vec()))
}

/// The salt is ignored without the extract step, the info without the expand step (section 6.62.3).
fn hkdf(block: &Block) -> Result<HkdfParameter> {
    let params: CK_HKDF_PARAMS = block.read()?;
    let (extract, expand) = (flag(params.bExtract)?, flag(params.bExpand)?);
    if !extract && !expand {
        return Err(invalid("neither step of HKDF is asked for"));
    }
    let salt = match params.ulSaltType {
        _ if !extract => HkdfSalt::Null,
        CKF_HKDF_SALT_NULL => HkdfSalt::Null,
        CKF_HKDF_SALT_DATA => HkdfSalt::Data(Field { start: params.pSalt, len: params.ulSaltLen }.copy(MAX_TEXT)?),
        CKF_HKDF_SALT_KEY => HkdfSalt::Key(params.hSaltKey),
        _ => return Err(invalid("the kind of salt is unknown")),
    };
    let info = if expand { Field { start: params.pInfo, len: params.ulInfoLen }.copy(MAX_TEXT)? } else { Vec::new() };
    Ok(HkdfParameter { extract, expand, hash: hash(params.prfHashMechanism)?, salt, info })
}

/// Without a key derivation function there is no shared data (section 6.3.17); a length of 0 says as much as a null
/// pointer.
fn ecdh(block: &Block) -> Result<EcdhParams> {
    let params: CK_ECDH1_DERIVE_PARAMS = block.read()?;
    let kdf = kdf(params.kdf)?;
    if kdf.is_none() && params.ulSharedDataLen != 0 {
        return Err(invalid("CKD_NULL takes no shared data"));
    }
    let shared_info = Field { start: params.pSharedData, len: params.ulSharedDataLen }.copy(MAX_TEXT)?;
    let public = Field { start: params.pPublicData, len: params.ulPublicDataLen }.copy(MAX_TEXT)?;
    Ok(EcdhParams { kdf, shared_info, public })
}

/// The key derivation functions of ANSI X9.63.
fn kdf(number: CK_EC_KDF_TYPE) -> Result<Option<Hash>> {
    Ok(Some(match number {
        CKD_NULL => return Ok(None),
        CKD_SHA1_KDF => Hash::Sha1,
        CKD_SHA224_KDF => Hash::Sha224,
        CKD_SHA256_KDF => Hash::Sha256,
        CKD_SHA384_KDF => Hash::Sha384,
        CKD_SHA512_KDF => Hash::Sha512,
        _ => return Err(invalid("the key derivation function is unknown")),
    }))
}

fn data(block: &Block) -> Result<DataParams> {
    let CK_KEY_DERIVATION_STRING_DATA { pData, ulLen } = block.read()?;
    let data = Field { start: pData, len: ulLen }.copy(MAX_TEXT)?;
    Ok(DataParams { data: Secret::new(data) })
}

fn cbc_data(block: &Block) -> Result<CbcDataParams> {
    let CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv, pData, length } = block.read()?;
    Ok(CbcDataParams { iv, data: Field { start: pData, len: length }.copy(MAX_TEXT)? })
}

fn flag(flag: CK_BBOOL) -> Result<bool> {
    match flag {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => Err(invalid("a flag is neither CK_TRUE nor CK_FALSE")),
    }
}

/// The hashes with the number of their MGF1.
const HASHES: [(MechanismType, CK_ULONG, Hash); 5] = [
    (MechanismType::SHA_1, CKG_MGF1_SHA1, Hash::Sha1),
    (MechanismType::SHA224, CKG_MGF1_SHA224, Hash::Sha224),
    (MechanismType::SHA256, CKG_MGF1_SHA256, Hash::Sha256),
    (MechanismType::SHA384, CKG_MGF1_SHA384, Hash::Sha384),
    (MechanismType::SHA512, CKG_MGF1_SHA512, Hash::Sha512),
];

fn hash(number: CK_ULONG) -> Result<Hash> {
    let row = HASHES.iter().find(|(mechanism, _, _)| mechanism.0 == number);
    row.map(|(_, _, hash)| *hash).ok_or(invalid("the hash is unknown"))
}

fn mgf1(number: CK_ULONG) -> Result<Hash> {
    let row = HASHES.iter().find(|(_, mgf, _)| *mgf == number);
    row.map(|(_, _, hash)| *hash).ok_or(invalid("the mask generation function is unknown"))
}

/// `pParameter`. Made by [`Mechanism::parse`] alone, under the contract of [`Mechanism::new`].
struct Block {
    start: *const u8,
    len: CK_ULONG,
}

impl Block {
    fn is<T>(&self) -> bool {
        self.len == super::ulong(size_of::<T>())
    }

    /// The structure. `T` is a structure of C or an array of bytes, which every bit pattern is.
    fn read<T: Copy>(&self) -> Result<T> {
        if self.start.is_null() || !self.is::<T>() {
            return Err(invalid("the parameter does not have the size of the mechanism's structure"));
        }
        // SAFETY: not null, and as many bytes are readable by the contract of `Mechanism::new`.
        Ok(unsafe { self.start.cast::<T>().read_unaligned() })
    }
}

/// A pointer with its length out of a structure. Made under the contract of [`Mechanism::new`].
struct Field {
    start: *const CK_BYTE,
    len: CK_ULONG,
}

impl Field {
    /// A copy of the bytes, if they are not more than `max`; null with length 0 is empty.
    fn copy(&self, max: CK_ULONG) -> Result<Vec<u8>> {
        if self.len > max {
            return Err(invalid("a length in the parameter is absurd"));
        }
        // SAFETY: null or readable by the contract of `Mechanism::new`, and copied before anything is written.
        let bytes = unsafe { view(self.start, self.len) }.map_err(|_| invalid("a pointer in the parameter is null"))?;
        Ok(core::mem::take(&mut *copy(bytes)?))
    }
}

fn invalid(reason: &'static str) -> Refusal {
    Refusal::standard(Error::MechanismParamInvalid, reason)
}
