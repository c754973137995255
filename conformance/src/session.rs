//! Slots and sessions with safe methods named after the C functions. Each method is one C call, or a query for the
//! length and then the call (PKCS#11 3.2, section 5.2) where it returns bytes; `…_into` is the bare single call.

use cryptoki_sys::*;

use crate::mechanism::Mechanism;
use crate::module::{Module, Out};
use crate::rv::Rv;
use crate::template::{Attribute, RawAnswers, RawTemplate};

/// A handle of an object, good in the application that made it.
pub type Object = CK_OBJECT_HANDLE;

/// An open session. Not closed on drop: a test says when.
#[derive(Clone, Copy)]
pub struct Session<'m> {
    /// The library the session belongs to.
    pub module: &'m Module,
    /// Its handle.
    pub handle: CK_SESSION_HANDLE,
}

/// The library as a whole: chapters 5.4 and 5.5 of the standard.
impl Module {
    /// C_Finalize.
    pub fn finalize(&self) -> Result<(), Rv> {
        self.c_finalize()
    }

    /// C_GetInfo.
    pub fn info(&self) -> Result<CK_INFO, Rv> {
        let mut info = CK_INFO::default();
        self.c_get_info(&mut info).map(|()| info)
    }

    /// C_GetSlotList.
    pub fn slot_list(&self, token_present: bool) -> Result<Vec<CK_SLOT_ID>, Rv> {
        let mut count = 0;
        self.c_get_slot_list(token_present, None, &mut count)?;
        let mut list = vec![0; usize::try_from(count).unwrap_or(0)];
        self.c_get_slot_list(token_present, Some(&mut list), &mut count)?;
        list.truncate(usize::try_from(count).unwrap_or(0));
        Ok(list)
    }

    /// C_GetSlotList with a buffer of `room` entries: what it said, and the count it left.
    pub fn slot_list_into(&self, room: usize) -> (Result<(), Rv>, CK_ULONG) {
        let mut list = vec![0; room];
        let mut count = room as CK_ULONG;
        (self.c_get_slot_list(false, Some(&mut list), &mut count), count)
    }

    /// C_GetSlotInfo.
    pub fn slot_info(&self, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO, Rv> {
        let mut info = CK_SLOT_INFO::default();
        self.c_get_slot_info(slot, &mut info).map(|()| info)
    }

    /// C_GetTokenInfo.
    pub fn token_info(&self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO, Rv> {
        let mut info = CK_TOKEN_INFO::default();
        self.c_get_token_info(slot, &mut info).map(|()| info)
    }

    /// C_WaitForSlotEvent.
    pub fn wait_for_slot_event(&self, flags: CK_FLAGS) -> Result<CK_SLOT_ID, Rv> {
        let mut slot = 0;
        self.c_wait_for_slot_event(flags, &mut slot).map(|()| slot)
    }

    /// C_GetMechanismList.
    pub fn mechanism_list(&self, slot: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>, Rv> {
        let mut count = 0;
        self.c_get_mechanism_list(slot, None, &mut count)?;
        let mut list = vec![0; usize::try_from(count).unwrap_or(0)];
        self.c_get_mechanism_list(slot, Some(&mut list), &mut count)?;
        list.truncate(usize::try_from(count).unwrap_or(0));
        Ok(list)
    }

    /// C_GetMechanismList with a buffer of `room` entries: what it said, and the count it left.
    pub fn mechanism_list_into(&self, slot: CK_SLOT_ID, room: usize) -> (Result<(), Rv>, CK_ULONG) {
        let mut list = vec![0; room];
        let mut count = room as CK_ULONG;
        (self.c_get_mechanism_list(slot, Some(&mut list), &mut count), count)
    }

    /// C_GetMechanismInfo.
    pub fn mechanism_info(&self, slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE) -> Result<CK_MECHANISM_INFO, Rv> {
        let mut info = CK_MECHANISM_INFO::default();
        self.c_get_mechanism_info(slot, kind, &mut info).map(|()| info)
    }

    /// C_InitToken; the label is padded with blanks.
    pub fn init_token(&self, slot: CK_SLOT_ID, pin: &str, label: &str) -> Result<(), Rv> {
        let mut padded = [b' '; 32];
        for (place, byte) in padded.iter_mut().zip(label.bytes()) {
            *place = byte;
        }
        self.c_init_token(slot, pin.as_bytes(), &padded)
    }

    /// C_OpenSession.
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<Session<'_>, Rv> {
        let mut handle = 0;
        self.c_open_session(slot, flags, &mut handle).map(|()| Session { module: self, handle })
    }

    /// C_CloseAllSessions.
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<(), Rv> {
        self.c_close_all_sessions(slot)
    }
}

/// Section 5.6: sessions and logins.
impl Session<'_> {
    /// C_CloseSession.
    pub fn close(&self) -> Result<(), Rv> {
        self.module.c_close_session(self.handle)
    }

    /// C_GetSessionInfo.
    pub fn info(&self) -> Result<CK_SESSION_INFO, Rv> {
        let mut info = CK_SESSION_INFO::default();
        self.module.c_get_session_info(self.handle, &mut info).map(|()| info)
    }

    /// C_Login.
    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> Result<(), Rv> {
        self.module.c_login(self.handle, user, pin.as_bytes())
    }

    /// C_LoginUser.
    pub fn login_user(&self, user: CK_USER_TYPE, pin: &str, name: &str) -> Result<(), Rv> {
        self.module.c_login_user(self.handle, user, pin.as_bytes(), name.as_bytes())
    }

    /// C_Logout.
    pub fn logout(&self) -> Result<(), Rv> {
        self.module.c_logout(self.handle)
    }

    /// C_InitPIN.
    pub fn init_pin(&self, pin: &str) -> Result<(), Rv> {
        self.module.c_init_pin(self.handle, pin.as_bytes())
    }

    /// C_SetPIN.
    pub fn set_pin(&self, old: &str, new: &str) -> Result<(), Rv> {
        self.module.c_set_pin(self.handle, old.as_bytes(), new.as_bytes())
    }

    /// C_SessionCancel.
    pub fn cancel(&self, flags: CK_FLAGS) -> Result<(), Rv> {
        self.module.c_session_cancel(self.handle, flags)
    }

    /// C_SetOperationState.
    pub fn set_operation_state(&self, state: &[u8], cipher: Object, authentication: Object) -> Result<(), Rv> {
        self.module.c_set_operation_state(self.handle, state, cipher, authentication)
    }

    /// C_GetFunctionStatus.
    pub fn function_status(&self) -> Result<(), Rv> {
        self.module.c_get_function_status(self.handle)
    }

    /// C_CancelFunction.
    pub fn cancel_function(&self) -> Result<(), Rv> {
        self.module.c_cancel_function(self.handle)
    }
}

/// Section 5.7: objects.
impl Session<'_> {
    /// C_CreateObject.
    pub fn create_object(&self, template: &[Attribute]) -> Result<Object, Rv> {
        let mut object = 0;
        self.module.c_create_object(self.handle, &mut RawTemplate::new(template), &mut object).map(|()| object)
    }

    /// C_CopyObject.
    pub fn copy_object(&self, source: Object, template: &[Attribute]) -> Result<Object, Rv> {
        let mut object = 0;
        let template = &mut RawTemplate::new(template);
        self.module.c_copy_object(self.handle, source, template, &mut object).map(|()| object)
    }

    /// C_DestroyObject.
    pub fn destroy_object(&self, object: Object) -> Result<(), Rv> {
        self.module.c_destroy_object(self.handle, object)
    }

    /// C_GetObjectSize.
    pub fn object_size(&self, object: Object) -> Result<CK_ULONG, Rv> {
        let mut size = 0;
        self.module.c_get_object_size(self.handle, object, &mut size).map(|()| size)
    }

    /// C_GetAttributeValue, one call.
    pub fn attribute_values_into(&self, object: Object, answers: &mut RawAnswers) -> Result<(), Rv> {
        self.module.c_get_attribute_value(self.handle, object, answers)
    }

    /// One attribute: C_GetAttributeValue for its length, then for its value.
    pub fn attribute(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>, Rv> {
        let mut answers = RawAnswers::asking(&[(kind, None)]);
        self.attribute_values_into(object, &mut answers)?;
        let length = answers.lengths().first().and_then(|length| usize::try_from(*length).ok());
        let mut answers = RawAnswers::asking(&[(kind, Some(length.ok_or(Rv(CKR_GENERAL_ERROR))?))]);
        self.attribute_values_into(object, &mut answers)?;
        answers.values().into_iter().next().flatten().ok_or(Rv(CKR_GENERAL_ERROR))
    }

    /// One CK_BBOOL attribute.
    pub fn flag(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> Result<bool, Rv> {
        match self.attribute(object, kind)?.as_slice() {
            [CK_FALSE] => Ok(false),
            [CK_TRUE] => Ok(true),
            _ => Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)),
        }
    }

    /// One CK_ULONG attribute.
    pub fn number(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> Result<CK_ULONG, Rv> {
        let bytes = self.attribute(object, kind)?;
        bytes.try_into().map(CK_ULONG::from_ne_bytes).map_err(|_| Rv(CKR_ATTRIBUTE_VALUE_INVALID))
    }

    /// C_SetAttributeValue.
    pub fn set_attribute_value(&self, object: Object, template: &[Attribute]) -> Result<(), Rv> {
        self.module.c_set_attribute_value(self.handle, object, &mut RawTemplate::new(template))
    }

    /// C_FindObjectsInit.
    pub fn find_objects_init(&self, template: &[Attribute]) -> Result<(), Rv> {
        self.module.c_find_objects_init(self.handle, &mut RawTemplate::new(template))
    }

    /// C_FindObjects for at most `most` handles.
    pub fn find_objects(&self, most: usize) -> Result<Vec<Object>, Rv> {
        let mut found = vec![0; most];
        let mut count = 0;
        self.module.c_find_objects(self.handle, &mut found, &mut count)?;
        found.truncate(usize::try_from(count).unwrap_or(0));
        Ok(found)
    }

    /// C_FindObjectsFinal.
    pub fn find_objects_final(&self) -> Result<(), Rv> {
        self.module.c_find_objects_final(self.handle)
    }

    /// A whole search: C_FindObjectsInit, C_FindObjects until it has no more, C_FindObjectsFinal.
    pub fn find(&self, template: &[Attribute]) -> Result<Vec<Object>, Rv> {
        self.find_objects_init(template)?;
        let mut all = Vec::new();
        loop {
            let found = self.find_objects(16)?;
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
        self.find_objects_final().map(|()| all)
    }
}

/// Sections 5.8 to 5.15: operations on data.
impl Session<'_> {
    /// C_EncryptInit.
    pub fn encrypt_init(&self, mechanism: &Mechanism, key: Object) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_encrypt_init(self.handle, raw, key))
    }

    /// C_EncryptInit and C_Encrypt.
    pub fn encrypt(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.encrypt_init(mechanism, key)?;
        both_calls(|out| self.encrypt_into(data, out))
    }

    /// C_DecryptInit.
    pub fn decrypt_init(&self, mechanism: &Mechanism, key: Object) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_decrypt_init(self.handle, raw, key))
    }

    /// C_DecryptInit and C_Decrypt.
    pub fn decrypt(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.decrypt_init(mechanism, key)?;
        both_calls(|out| self.decrypt_into(data, out))
    }

    /// C_DigestInit.
    pub fn digest_init(&self, mechanism: &Mechanism) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_digest_init(self.handle, raw))
    }

    /// C_DigestInit and C_Digest.
    pub fn digest(&self, mechanism: &Mechanism, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.digest_init(mechanism)?;
        both_calls(|out| self.digest_into(data, out))
    }

    /// C_DigestUpdate.
    pub fn digest_update(&self, part: &[u8]) -> Result<(), Rv> {
        self.module.c_digest_update(self.handle, part)
    }

    /// C_DigestKey.
    pub fn digest_key(&self, key: Object) -> Result<(), Rv> {
        self.module.c_digest_key(self.handle, key)
    }

    /// C_SignInit.
    pub fn sign_init(&self, mechanism: &Mechanism, key: Object) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_sign_init(self.handle, raw, key))
    }

    /// C_SignInit and C_Sign.
    pub fn sign(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.sign_init(mechanism, key)?;
        both_calls(|out| self.sign_into(data, out))
    }

    /// C_SignUpdate.
    pub fn sign_update(&self, part: &[u8]) -> Result<(), Rv> {
        self.module.c_sign_update(self.handle, part)
    }

    /// C_VerifyInit.
    pub fn verify_init(&self, mechanism: &Mechanism, key: Object) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_verify_init(self.handle, raw, key))
    }

    /// C_VerifyInit and C_Verify.
    pub fn verify(&self, mechanism: &Mechanism, key: Object, data: &[u8], signature: &[u8]) -> Result<(), Rv> {
        self.verify_init(mechanism, key)?;
        self.verify_signature(data, signature)
    }

    /// C_Verify.
    pub fn verify_signature(&self, data: &[u8], signature: &[u8]) -> Result<(), Rv> {
        self.module.c_verify(self.handle, data, signature)
    }

    /// C_VerifyUpdate.
    pub fn verify_update(&self, part: &[u8]) -> Result<(), Rv> {
        self.module.c_verify_update(self.handle, part)
    }

    /// C_VerifyFinal.
    pub fn verify_final(&self, signature: &[u8]) -> Result<(), Rv> {
        self.module.c_verify_final(self.handle, signature)
    }
}

macro_rules! outputs {
    ($($into:ident($($argument:ident : $kind:ty),*) = $call:ident, $name:literal;)*) => {
        /// The functions with output, as the one bare call.
        impl Session<'_> { $(
            #[doc = concat!($name, ", one call.")]
            pub fn $into(&self, $($argument: $kind,)* out: &mut Out<'_>) -> Result<(), Rv> {
                self.module.$call(self.handle, $($argument,)* out)
            }
        )* }
    };
}

outputs! {
    operation_state_into() = c_get_operation_state, "C_GetOperationState";
    encrypt_into(data: &[u8]) = c_encrypt, "C_Encrypt";
    encrypt_update_into(part: &[u8]) = c_encrypt_update, "C_EncryptUpdate";
    encrypt_final_into() = c_encrypt_final, "C_EncryptFinal";
    decrypt_into(data: &[u8]) = c_decrypt, "C_Decrypt";
    decrypt_update_into(part: &[u8]) = c_decrypt_update, "C_DecryptUpdate";
    decrypt_final_into() = c_decrypt_final, "C_DecryptFinal";
    digest_into(data: &[u8]) = c_digest, "C_Digest";
    digest_final_into() = c_digest_final, "C_DigestFinal";
    sign_into(data: &[u8]) = c_sign, "C_Sign";
    sign_final_into() = c_sign_final, "C_SignFinal";
}

macro_rules! both {
    ($($whole:ident($($argument:ident : $kind:ty),*) = $into:ident, $name:literal;)*) => {
        /// The steps of operations in several parts, as both calls of section 5.2.
        impl Session<'_> { $(
            #[doc = concat!($name, ", for the length and then for the output.")]
            pub fn $whole(&self, $($argument: $kind),*) -> Result<Vec<u8>, Rv> {
                both_calls(|out| self.$into($($argument,)* out))
            }
        )* }
    };
}

both! {
    operation_state() = operation_state_into, "C_GetOperationState";
    encrypt_update(part: &[u8]) = encrypt_update_into, "C_EncryptUpdate";
    encrypt_final() = encrypt_final_into, "C_EncryptFinal";
    decrypt_update(part: &[u8]) = decrypt_update_into, "C_DecryptUpdate";
    decrypt_final() = decrypt_final_into, "C_DecryptFinal";
    digest_final() = digest_final_into, "C_DigestFinal";
    sign_final() = sign_final_into, "C_SignFinal";
}

/// Sections 5.18 and 5.19: keys and random numbers.
impl Session<'_> {
    /// C_GenerateKey.
    pub fn generate_key(&self, mechanism: &Mechanism, template: &[Attribute]) -> Result<Object, Rv> {
        let mut key = 0;
        let template = &mut RawTemplate::new(template);
        mechanism.with_raw(|raw| self.module.c_generate_key(self.handle, raw, template, &mut key)).map(|()| key)
    }

    /// C_GenerateKeyPair: the public and the private key.
    pub fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(Object, Object), Rv> {
        let (mut public_key, mut private_key) = (0, 0);
        let (public, private) = (&mut RawTemplate::new(public), &mut RawTemplate::new(private));
        mechanism
            .with_raw(|raw| {
                let (session, keys) = (self.handle, (&mut public_key, &mut private_key));
                self.module.c_generate_key_pair(session, raw, public, private, keys.0, keys.1)
            })
            .map(|()| (public_key, private_key))
    }

    /// C_WrapKey, for the length and then for the blob.
    pub fn wrap_key(&self, mechanism: &Mechanism, wrapping: Object, key: Object) -> Result<Vec<u8>, Rv> {
        both_calls(|out| self.wrap_key_into(mechanism, wrapping, key, out))
    }

    /// C_WrapKey, one call.
    pub fn wrap_key_into(
        &self,
        mechanism: &Mechanism,
        wrapping: Object,
        key: Object,
        out: &mut Out<'_>,
    ) -> Result<(), Rv> {
        mechanism.with_raw(|raw| self.module.c_wrap_key(self.handle, raw, wrapping, key, out))
    }

    /// C_UnwrapKey.
    pub fn unwrap_key(
        &self,
        mechanism: &Mechanism,
        unwrapping: Object,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<Object, Rv> {
        let mut key = 0;
        let template = &mut RawTemplate::new(template);
        mechanism
            .with_raw(|raw| self.module.c_unwrap_key(self.handle, raw, unwrapping, wrapped, template, &mut key))
            .map(|()| key)
    }

    /// C_DeriveKey.
    pub fn derive_key(&self, mechanism: &Mechanism, base: Object, template: &[Attribute]) -> Result<Object, Rv> {
        let mut key = 0;
        let template = &mut RawTemplate::new(template);
        mechanism.with_raw(|raw| self.module.c_derive_key(self.handle, raw, base, template, &mut key)).map(|()| key)
    }

    /// C_SeedRandom.
    pub fn seed_random(&self, seed: &[u8]) -> Result<(), Rv> {
        self.module.c_seed_random(self.handle, seed)
    }

    /// C_GenerateRandom.
    pub fn generate_random(&self, length: usize) -> Result<Vec<u8>, Rv> {
        let mut bytes = vec![0; length];
        self.module.c_generate_random(self.handle, &mut bytes).map(|()| bytes)
    }
}

/// The convention of section 5.2: a call with a null buffer for the length, then the call for the output.
fn both_calls(mut call: impl FnMut(&mut Out<'_>) -> Result<(), Rv>) -> Result<Vec<u8>, Rv> {
    let mut query = Out::query();
    call(&mut query)?;
    let mut buffer = vec![0; usize::try_from(query.length).map_err(|_| Rv(CKR_HOST_MEMORY))?];
    let mut out = Out::into(&mut buffer);
    call(&mut out)?;
    let length = usize::try_from(out.length).map_err(|_| Rv(CKR_HOST_MEMORY))?;
    buffer.truncate(length);
    Ok(buffer)
}
