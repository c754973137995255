//! The functions of the 3.0 list in its order, each with the state it is called in and the shape of its arguments.

use cryptoki_sys::*;

/// What stands before the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// C_Finalize was called.
    Down,
    /// Initialised, no session.
    NoSession,
    /// A session, nobody logged in.
    Public,
    /// A session of the user.
    User,
    /// A session of the SO.
    So,
    /// The user with an active operation, or two.
    Encrypting,
    Decrypting,
    Digesting,
    Signing,
    Verifying,
    Finding,
    DigestingEncrypting,
    DecryptingDigesting,
    SigningEncrypting,
    DecryptingVerifying,
}

/// One or two C parameters that belong together.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Session,
    /// A session that the function does not look at (section 5.20).
    LegacySession,
    Slot,
    /// A handle of a key made for this.
    Key(Made),
    /// A handle of a data object.
    Object,
    /// A key handle for which zero means none.
    NoKey,
    Mechanism(Used),
    /// Pointer and count of attributes.
    Template(Written),
    /// Pointer and count of attributes that are asked for.
    Answers,
    /// Pointer and length of input.
    In(Input),
    /// Pointer to output, pointer to its length.
    Out,
    /// Pointer to output of just this many bytes, and the length.
    Filled(usize),
    /// Pointer, room, and pointer to the count, for handles.
    Handles,
    /// Pointer to a list with elements of this many bytes, pointer to the count.
    List(usize),
    /// Pointer to a structure of this many bytes that is filled.
    Place(usize),
    /// A number, of which any value is possible.
    Number(CK_ULONG),
    /// The flags of C_WaitForSlotEvent, which must not block.
    DoNotBlock,
    UserType,
    Label,
    /// A pointer that must be null.
    Reserved,
    /// A pointer that the library does not follow.
    Unused,
    /// A callback that is not given.
    Nothing,
    InitializeArgs,
    InterfaceName,
    InterfaceVersion,
}

#[derive(Clone, Copy)]
pub(crate) enum Made {
    Cipher,
    Mac,
    Wrapping,
    Open,
    Base,
}

#[derive(Clone, Copy)]
pub(crate) enum Used {
    Cbc,
    Gcm,
    Sha256,
    Hmac,
    Oaep,
    Pss,
    AesKeyGen,
    EcPairGen,
    KeyWrap,
    Hkdf,
}

#[derive(Clone, Copy)]
pub(crate) enum Written {
    Data,
    Change,
    Search,
    Aes,
    EcPublic,
    EcPrivate,
    Unwrapped,
    Derived,
    WithUnwrapTemplate,
}

#[derive(Clone, Copy)]
pub(crate) enum Input {
    SoPin,
    UserPin,
    Name,
    Bytes(usize),
    Blob,
}

/// A function and how it is called.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) before: Before,
    pub(crate) arguments: &'static [Shape],
}

macro_rules! functions {
    ($($name:ident $before:ident [$($shape:expr),*];)*) => {
        &[$(Function { name: stringify!($name), before: Before::$before, arguments: &[$($shape),*] }),*]
    };
}

const INPUT: Shape = Shape::In(Input::Bytes(32));
const USER_PIN: Shape = Shape::In(Input::UserPin);

use Shape::*;

/// Every function once, in the order of CK_FUNCTION_LIST_3_0.
#[rustfmt::skip]
pub(crate) const FUNCTIONS: &[Function] = functions! {
    C_Initialize Down [InitializeArgs];
    C_Finalize NoSession [Reserved];
    C_GetInfo NoSession [Place(size_of::<CK_INFO>())];
    C_GetFunctionList NoSession [Place(8)];
    C_GetSlotList NoSession [Number(1), List(8)];
    C_GetSlotInfo NoSession [Slot, Place(size_of::<CK_SLOT_INFO>())];
    C_GetTokenInfo NoSession [Slot, Place(size_of::<CK_TOKEN_INFO>())];
    C_GetMechanismList NoSession [Slot, List(8)];
    C_GetMechanismInfo NoSession [Slot, Number(CKM_AES_CBC), Place(size_of::<CK_MECHANISM_INFO>())];
    C_InitToken NoSession [Slot, In(Input::SoPin), Label];
    C_InitPIN So [Session, USER_PIN];
    C_SetPIN User [Session, USER_PIN, USER_PIN];
    C_OpenSession NoSession [Slot, Number(CKF_SERIAL_SESSION | CKF_RW_SESSION), Unused, Nothing, Place(8)];
    C_CloseSession User [Session];
    C_CloseAllSessions User [Slot];
    C_GetSessionInfo User [Session, Place(size_of::<CK_SESSION_INFO>())];
    C_GetOperationState Digesting [Session, Out];
    C_SetOperationState User [Session, INPUT, NoKey, NoKey];
    C_Login Public [Session, UserType, USER_PIN];
    C_Logout User [Session];
    C_CreateObject User [Session, Template(Written::Data), Place(8)];
    C_CopyObject User [Session, Object, Template(Written::Change), Place(8)];
    C_DestroyObject User [Session, Object];
    C_GetObjectSize User [Session, Object, Place(8)];
    C_GetAttributeValue User [Session, Object, Answers];
    C_SetAttributeValue User [Session, Object, Template(Written::Change)];
    C_FindObjectsInit User [Session, Template(Written::Search)];
    C_FindObjects Finding [Session, Handles];
    C_FindObjectsFinal Finding [Session];
    C_EncryptInit User [Session, Mechanism(Used::Cbc), Key(Made::Cipher)];
    C_Encrypt Encrypting [Session, INPUT, Out];
    C_EncryptUpdate Encrypting [Session, INPUT, Out];
    C_EncryptFinal Encrypting [Session, Out];
    C_DecryptInit User [Session, Mechanism(Used::Cbc), Key(Made::Cipher)];
    C_Decrypt Decrypting [Session, INPUT, Out];
    C_DecryptUpdate Decrypting [Session, INPUT, Out];
    C_DecryptFinal Decrypting [Session, Out];
    C_DigestInit User [Session, Mechanism(Used::Sha256)];
    C_Digest Digesting [Session, INPUT, Out];
    C_DigestUpdate Digesting [Session, INPUT];
    C_DigestKey Digesting [Session, Key(Made::Open)];
    C_DigestFinal Digesting [Session, Out];
    C_SignInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_Sign Signing [Session, INPUT, Out];
    C_SignUpdate Signing [Session, INPUT];
    C_SignFinal Signing [Session, Out];
    C_SignRecoverInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_SignRecover User [Session, INPUT, Out];
    C_VerifyInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_Verify Verifying [Session, INPUT, INPUT];
    C_VerifyUpdate Verifying [Session, INPUT];
    C_VerifyFinal Verifying [Session, INPUT];
    C_VerifyRecoverInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_VerifyRecover User [Session, INPUT, Out];
    C_DigestEncryptUpdate DigestingEncrypting [Session, INPUT, Out];
    C_DecryptDigestUpdate DecryptingDigesting [Session, INPUT, Out];
    C_SignEncryptUpdate SigningEncrypting [Session, INPUT, Out];
    C_DecryptVerifyUpdate DecryptingVerifying [Session, INPUT, Out];
    C_GenerateKey User [Session, Mechanism(Used::AesKeyGen), Template(Written::Aes), Place(8)];
    C_GenerateKeyPair User [Session, Mechanism(Used::EcPairGen), Template(Written::EcPublic),
        Template(Written::EcPrivate), Place(8), Place(8)];
    C_WrapKey User [Session, Mechanism(Used::KeyWrap), Key(Made::Wrapping), Key(Made::Open), Out];
    C_UnwrapKey User [Session, Mechanism(Used::KeyWrap), Key(Made::Wrapping), In(Input::Blob),
        Template(Written::Unwrapped), Place(8)];
    C_DeriveKey User [Session, Mechanism(Used::Hkdf), Key(Made::Base), Template(Written::Derived), Place(8)];
    C_SeedRandom User [Session, INPUT];
    C_GenerateRandom User [Session, Filled(32)];
    C_GetFunctionStatus User [LegacySession];
    C_CancelFunction User [LegacySession];
    C_WaitForSlotEvent NoSession [DoNotBlock, Place(8), Unused];
    C_GetInterfaceList NoSession [List(24)];
    C_GetInterface NoSession [InterfaceName, InterfaceVersion, Place(8), Number(0)];
    C_LoginUser Public [Session, UserType, USER_PIN, In(Input::Name)];
    C_SessionCancel Encrypting [Session, Number(CKF_ENCRYPT)];
    C_MessageEncryptInit User [Session, Mechanism(Used::Gcm), Key(Made::Cipher)];
    C_EncryptMessage User [Session, INPUT, INPUT, INPUT, Out];
    C_EncryptMessageBegin User [Session, INPUT, INPUT];
    C_EncryptMessageNext User [Session, INPUT, INPUT, Out, Number(0)];
    C_MessageEncryptFinal User [Session];
    C_MessageDecryptInit User [Session, Mechanism(Used::Gcm), Key(Made::Cipher)];
    C_DecryptMessage User [Session, INPUT, INPUT, INPUT, Out];
    C_DecryptMessageBegin User [Session, INPUT, INPUT];
    C_DecryptMessageNext User [Session, INPUT, INPUT, Out, Number(0)];
    C_MessageDecryptFinal User [Session];
    C_MessageSignInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_SignMessage User [Session, INPUT, INPUT, Out];
    C_SignMessageBegin User [Session, INPUT];
    C_SignMessageNext User [Session, INPUT, INPUT, Out];
    C_MessageSignFinal User [Session];
    C_MessageVerifyInit User [Session, Mechanism(Used::Hmac), Key(Made::Mac)];
    C_VerifyMessage User [Session, INPUT, INPUT, INPUT];
    C_VerifyMessageBegin User [Session, INPUT];
    C_VerifyMessageNext User [Session, INPUT, INPUT, INPUT];
    C_MessageVerifyFinal User [Session];
};

/// Functions once more, with mechanisms and templates that hold pointers of their own.
pub(crate) const AGAIN: &[Function] = functions! {
    C_EncryptInit User [Session, Mechanism(Used::Gcm), Key(Made::Cipher)];
    C_EncryptInit User [Session, Mechanism(Used::Oaep), Key(Made::Cipher)];
    C_SignInit User [Session, Mechanism(Used::Pss), Key(Made::Mac)];
    C_WrapKey User [Session, Mechanism(Used::Gcm), Key(Made::Wrapping), Key(Made::Open), Out];
    C_GenerateKey User [Session, Mechanism(Used::AesKeyGen), Template(Written::WithUnwrapTemplate), Place(8)];
};
