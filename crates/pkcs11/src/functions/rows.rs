// One row per C function, in the order of the standard's lists: CK_FUNCTION_LIST (2.40), then what
// CK_FUNCTION_LIST_3_0 adds, then 3.2 (PKCS#11 3.2 sections 3.6 and 5.1, pkcs11f.h).
//
//     C_Name(its C parameters) => module::function(arguments);
//     C_Name(its C parameters) => unsupported;
//
// An argument is a parameter as it is, or `Shape(parameters)`: one of the shapes of `marshal`. `functions.rs` turns the
// rows into the exported functions and their lists; the command line reads the same file for `claviger table functions`.
// A list is offered only when the section of every version up to it is complete.

cryptoki! {
    v2_40 {
        C_Initialize(init_args: CK_VOID_PTR) => general::initialize(InitializeArgs(init_args));
        C_Finalize(reserved: CK_VOID_PTR) => general::finalize(reserved);
        C_GetInfo(info: CK_INFO_PTR) => general::info(Place(info));
        C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) => general::function_list(Place(list));
        C_GetSlotList(token_present: CK_BBOOL, slots: CK_SLOT_ID_PTR, count: CK_ULONG_PTR) => slot::list(token_present, List(slots, count));
        C_GetSlotInfo(slot: CK_SLOT_ID, info: CK_SLOT_INFO_PTR) => slot::info(slot, Place(info));
        C_GetTokenInfo(slot: CK_SLOT_ID, info: CK_TOKEN_INFO_PTR) => slot::token_info(slot, Place(info));
        C_GetMechanismList(slot: CK_SLOT_ID, mechanisms: CK_MECHANISM_TYPE_PTR, count: CK_ULONG_PTR) => slot::mechanisms(slot, List(mechanisms, count));
        C_GetMechanismInfo(slot: CK_SLOT_ID, mechanism: CK_MECHANISM_TYPE, info: CK_MECHANISM_INFO_PTR) => slot::mechanism_info(slot, mechanism, Place(info));
        C_InitToken(slot: CK_SLOT_ID, pin: CK_UTF8CHAR_PTR, pin_len: CK_ULONG, label: CK_UTF8CHAR_PTR) => slot::init_token(slot, In(pin, pin_len), Label(label));
        C_InitPIN(session: CK_SESSION_HANDLE, pin: CK_UTF8CHAR_PTR, pin_len: CK_ULONG) => slot::init_pin(session, In(pin, pin_len));
        C_SetPIN(session: CK_SESSION_HANDLE, old: CK_UTF8CHAR_PTR, old_len: CK_ULONG, new: CK_UTF8CHAR_PTR, new_len: CK_ULONG) => slot::set_pin(session, In(old, old_len), In(new, new_len));
        C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, application: CK_VOID_PTR, notify: CK_NOTIFY, session: CK_SESSION_HANDLE_PTR) => session::open(slot, flags, Place(session));
        C_CloseSession(session: CK_SESSION_HANDLE) => session::close(session);
        C_CloseAllSessions(slot: CK_SLOT_ID) => session::close_all(slot);
        C_GetSessionInfo(session: CK_SESSION_HANDLE, info: CK_SESSION_INFO_PTR) => session::info(session, Place(info));
        C_GetOperationState(session: CK_SESSION_HANDLE, state: CK_BYTE_PTR, state_len: CK_ULONG_PTR) => unsupported;
        C_SetOperationState(session: CK_SESSION_HANDLE, state: CK_BYTE_PTR, state_len: CK_ULONG, encryption_key: CK_OBJECT_HANDLE, authentication_key: CK_OBJECT_HANDLE) => unsupported;
        C_Login(session: CK_SESSION_HANDLE, user_type: CK_USER_TYPE, pin: CK_UTF8CHAR_PTR, pin_len: CK_ULONG) => session::login(session, user_type, In(pin, pin_len));
        C_Logout(session: CK_SESSION_HANDLE) => session::logout(session);
        C_CreateObject(session: CK_SESSION_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG, object: CK_OBJECT_HANDLE_PTR) => object::create(session, Attributes(template, count), Place(object));
        C_CopyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG, copy: CK_OBJECT_HANDLE_PTR) => object::copy(session, object, Attributes(template, count), Place(copy));
        C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) => object::destroy(session, object);
        C_GetObjectSize(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, size: CK_ULONG_PTR) => object::size(session, object, Place(size));
        C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG) => object::attributes(session, object, Wanted(template, count));
        C_SetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG) => object::set_attributes(session, object, Attributes(template, count));
        C_FindObjectsInit(session: CK_SESSION_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG) => object::find_init(session, Attributes(template, count));
        C_FindObjects(session: CK_SESSION_HANDLE, objects: CK_OBJECT_HANDLE_PTR, max: CK_ULONG, count: CK_ULONG_PTR) => object::find(session, Found(objects, max, count));
        C_FindObjectsFinal(session: CK_SESSION_HANDLE) => object::find_final(session);
        C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => encrypt::init(session, Mechanism(mechanism), key);
        C_Encrypt(session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_len: CK_ULONG, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR) => encrypt::encrypt(session, InOut(data, data_len, encrypted, encrypted_len));
        C_EncryptUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR) => encrypt::update(session, InOut(part, part_len, encrypted, encrypted_len));
        C_EncryptFinal(session: CK_SESSION_HANDLE, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR) => encrypt::finish(session, Out(encrypted, encrypted_len));
        C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => decrypt::init(session, Mechanism(mechanism), key);
        C_Decrypt(session: CK_SESSION_HANDLE, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG, data: CK_BYTE_PTR, data_len: CK_ULONG_PTR) => decrypt::decrypt(session, InOut(encrypted, encrypted_len, data, data_len));
        C_DecryptUpdate(session: CK_SESSION_HANDLE, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG_PTR) => decrypt::update(session, InOut(encrypted, encrypted_len, part, part_len));
        C_DecryptFinal(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG_PTR) => decrypt::finish(session, Out(part, part_len));
        C_DigestInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR) => digest::init(session, Mechanism(mechanism));
        C_Digest(session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_len: CK_ULONG, digest: CK_BYTE_PTR, digest_len: CK_ULONG_PTR) => digest::digest(session, InOut(data, data_len, digest, digest_len));
        C_DigestUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG) => digest::update(session, In(part, part_len));
        C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) => digest::key(session, key);
        C_DigestFinal(session: CK_SESSION_HANDLE, digest: CK_BYTE_PTR, digest_len: CK_ULONG_PTR) => digest::finish(session, Out(digest, digest_len));
        C_SignInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => sign::init(session, Mechanism(mechanism), key);
        C_Sign(session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG_PTR) => sign::sign(session, InOut(data, data_len, signature, signature_len));
        C_SignUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG) => sign::update(session, In(part, part_len));
        C_SignFinal(session: CK_SESSION_HANDLE, signature: CK_BYTE_PTR, signature_len: CK_ULONG_PTR) => sign::finish(session, Out(signature, signature_len));
        C_SignRecoverInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_SignRecover(session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG_PTR) => unsupported;
        C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => verify::init(session, Mechanism(mechanism), key);
        C_Verify(session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG) => verify::verify(session, In(data, data_len), In(signature, signature_len));
        C_VerifyUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG) => verify::update(session, In(part, part_len));
        C_VerifyFinal(session: CK_SESSION_HANDLE, signature: CK_BYTE_PTR, signature_len: CK_ULONG) => verify::finish(session, In(signature, signature_len));
        C_VerifyRecoverInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_VerifyRecover(session: CK_SESSION_HANDLE, signature: CK_BYTE_PTR, signature_len: CK_ULONG, data: CK_BYTE_PTR, data_len: CK_ULONG_PTR) => unsupported;
        C_DigestEncryptUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR) => unsupported;
        C_DecryptDigestUpdate(session: CK_SESSION_HANDLE, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG_PTR) => unsupported;
        C_SignEncryptUpdate(session: CK_SESSION_HANDLE, part: CK_BYTE_PTR, part_len: CK_ULONG, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR) => unsupported;
        C_DecryptVerifyUpdate(session: CK_SESSION_HANDLE, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG_PTR) => unsupported;
        C_GenerateKey(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, template: CK_ATTRIBUTE_PTR, count: CK_ULONG, key: CK_OBJECT_HANDLE_PTR) => keys::generate(session, Mechanism(mechanism), Attributes(template, count), Place(key));
        C_GenerateKeyPair(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, public: CK_ATTRIBUTE_PTR, public_count: CK_ULONG, private: CK_ATTRIBUTE_PTR, private_count: CK_ULONG, public_key: CK_OBJECT_HANDLE_PTR, private_key: CK_OBJECT_HANDLE_PTR) => keys::generate_pair(session, Mechanism(mechanism), Attributes(public, public_count), Attributes(private, private_count), Place(public_key), Place(private_key));
        C_WrapKey(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, wrapping_key: CK_OBJECT_HANDLE, key: CK_OBJECT_HANDLE, wrapped: CK_BYTE_PTR, wrapped_len: CK_ULONG_PTR) => keys::wrap(session, Mechanism(mechanism), wrapping_key, key, Out(wrapped, wrapped_len));
        C_UnwrapKey(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, unwrapping_key: CK_OBJECT_HANDLE, wrapped: CK_BYTE_PTR, wrapped_len: CK_ULONG, template: CK_ATTRIBUTE_PTR, count: CK_ULONG, key: CK_OBJECT_HANDLE_PTR) => keys::unwrap(session, Mechanism(mechanism), unwrapping_key, Copied(wrapped, wrapped_len), Attributes(template, count), Place(key));
        C_DeriveKey(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, base_key: CK_OBJECT_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG, key: CK_OBJECT_HANDLE_PTR) => keys::derive(session, Mechanism(mechanism), base_key, Attributes(template, count), Place(key));
        C_SeedRandom(session: CK_SESSION_HANDLE, seed: CK_BYTE_PTR, seed_len: CK_ULONG) => random::seed(session, In(seed, seed_len));
        C_GenerateRandom(session: CK_SESSION_HANDLE, random: CK_BYTE_PTR, random_len: CK_ULONG) => random::generate(session, Fill(random, random_len));
        C_GetFunctionStatus(session: CK_SESSION_HANDLE) => general::function_status(session);
        C_CancelFunction(session: CK_SESSION_HANDLE) => general::cancel_function(session);
        C_WaitForSlotEvent(flags: CK_FLAGS, slot: CK_SLOT_ID_PTR, reserved: CK_VOID_PTR) => slot::wait_for_event(flags, Place(slot), reserved);
    }
    v3_0 {
        C_GetInterfaceList(interfaces: CK_INTERFACE_PTR, count: CK_ULONG_PTR) => general::interface_list(List(interfaces, count));
        C_GetInterface(name: CK_UTF8CHAR_PTR, version: CK_VERSION_PTR, interface: CK_INTERFACE_PTR_PTR, flags: CK_FLAGS) => general::interface(Name(name), Given(version), Place(interface), flags);
        C_LoginUser(session: CK_SESSION_HANDLE, user_type: CK_USER_TYPE, pin: CK_UTF8CHAR_PTR, pin_len: CK_ULONG, username: CK_UTF8CHAR_PTR, username_len: CK_ULONG) => session::login_user(session, user_type, In(pin, pin_len), In(username, username_len));
        C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) => session::cancel(session, flags);
        C_MessageEncryptInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_EncryptMessage(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, associated: CK_BYTE_PTR, associated_len: CK_ULONG, plaintext: CK_BYTE_PTR, plaintext_len: CK_ULONG, ciphertext: CK_BYTE_PTR, ciphertext_len: CK_ULONG_PTR) => unsupported;
        C_EncryptMessageBegin(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, associated: CK_BYTE_PTR, associated_len: CK_ULONG) => unsupported;
        C_EncryptMessageNext(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG, encrypted: CK_BYTE_PTR, encrypted_len: CK_ULONG_PTR, flags: CK_FLAGS) => unsupported;
        C_MessageEncryptFinal(session: CK_SESSION_HANDLE) => unsupported;
        C_MessageDecryptInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_DecryptMessage(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, associated: CK_BYTE_PTR, associated_len: CK_ULONG, ciphertext: CK_BYTE_PTR, ciphertext_len: CK_ULONG, plaintext: CK_BYTE_PTR, plaintext_len: CK_ULONG_PTR) => unsupported;
        C_DecryptMessageBegin(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, associated: CK_BYTE_PTR, associated_len: CK_ULONG) => unsupported;
        C_DecryptMessageNext(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG, decrypted: CK_BYTE_PTR, decrypted_len: CK_ULONG_PTR, flags: CK_FLAGS) => unsupported;
        C_MessageDecryptFinal(session: CK_SESSION_HANDLE) => unsupported;
        C_MessageSignInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_SignMessage(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, data: CK_BYTE_PTR, data_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG_PTR) => unsupported;
        C_SignMessageBegin(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG) => unsupported;
        C_SignMessageNext(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG_PTR) => unsupported;
        C_MessageSignFinal(session: CK_SESSION_HANDLE) => unsupported;
        C_MessageVerifyInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE) => unsupported;
        C_VerifyMessage(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, data: CK_BYTE_PTR, data_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG) => unsupported;
        C_VerifyMessageBegin(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG) => unsupported;
        C_VerifyMessageNext(session: CK_SESSION_HANDLE, parameter: CK_VOID_PTR, parameter_len: CK_ULONG, part: CK_BYTE_PTR, part_len: CK_ULONG, signature: CK_BYTE_PTR, signature_len: CK_ULONG) => unsupported;
        C_MessageVerifyFinal(session: CK_SESSION_HANDLE) => unsupported;
    }
    v3_2 {
    }
}
