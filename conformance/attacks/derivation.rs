//! C_DeriveKey: children that are weaker than their parents, or that say what their parents are (PKCS#11 3.2,
//! sections 6.42, 6.43, 6.62 and 6.13.7).

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, SecretVictim, User, signing_secret};
use super::outside::{aes, ec, gcm, hash};
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::session::Object;
use crate::template::{Attribute, with};

/// A21. kS leaves only under a trusted key, but a child of it says nothing of that: derived, wrapped under kA, opened.
pub(super) const LAUNDER: &[Way] = &[
    |arena| {
        launder(
            arena,
            &Mechanism::with_data(CKM_CONCATENATE_BASE_AND_DATA, &[0x11; 8]),
            "CONCATENATE_BASE_AND_DATA",
            40,
            |child| child.get(..32).unwrap_or_default().to_vec(),
        )
    },
    |arena| {
        launder(
            arena,
            &Mechanism::with_data(CKM_CONCATENATE_DATA_AND_BASE, &[0x11; 8]),
            "CONCATENATE_DATA_AND_BASE",
            40,
            |child| child.get(8..).unwrap_or_default().to_vec(),
        )
    },
    |arena| {
        launder(arena, &Mechanism::with_data(CKM_XOR_BASE_AND_DATA, &[0x11; 32]), "XOR_BASE_AND_DATA", 32, |child| {
            gcm::xor(child, &[0x11; 32])
        })
    },
    |arena| {
        launder(arena, &Mechanism::with_number(CKM_EXTRACT_KEY_FROM_KEY, 0), "EXTRACT_KEY_FROM_KEY", 32, <[u8]>::to_vec)
    },
    launder_concatenated_key,
    |arena| launder_child(arena, Vec::new(), "silent of WRAP_WITH_TRUSTED"),
    |arena| launder_child(arena, attrs![CKA_WRAP_WITH_TRUSTED => false], "WRAP_WITH_TRUSTED=0"),
    launder_agreement,
];

/// A child from which kS can be computed.
fn launder(arena: &Arena<'_>, mechanism: &Mechanism, name: &str, bytes: usize, undo: fn(&[u8]) -> Vec<u8>) -> Ended {
    arena.needs(mechanism.kind(), name)?;
    let victim = arena.secret_victim(attrs![CKA_WRAP_WITH_TRUSTED => true])?;
    let child = arena.session.derive_key(mechanism, victim.key, &leaving(bytes));
    let child = step(format_args!("C_DeriveKey({name}, kS, {{EXTRACTABLE=1}})"), child)?;
    victim.recovered(&undo(&wrapped_out(arena, child, "the child of kS")?))
}

/// kS behind another key: CKM_CONCATENATE_BASE_AND_KEY.
fn launder_concatenated_key(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_CONCATENATE_BASE_AND_KEY, "CONCATENATE_BASE_AND_KEY")?;
    let victim = arena.secret_victim(attrs![CKA_WRAP_WITH_TRUSTED => true])?;
    let known = with(
        signing_secret(8),
        attrs![
            CKA_VALUE => &[0x11; 8], CKA_DERIVE => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
        ],
    );
    let known = known.into_iter().filter(|attribute| attribute.kind != CKA_VALUE_LEN).collect::<Vec<_>>();
    let base = scene("C_CreateObject(kA{DERIVE})", arena.session.create_object(&known))?;
    let mechanism = Mechanism::with_number(CKM_CONCATENATE_BASE_AND_KEY, victim.key);
    let child = arena.session.derive_key(&mechanism, base, &leaving(40));
    let child = step("C_DeriveKey(CONCATENATE_BASE_AND_KEY, kA, kS)", child)?;
    let value = wrapped_out(arena, child, "the child of kA and kS")?;
    victim.recovered(value.get(8..).unwrap_or_default())
}

/// A child that is a key of its own, and leaves where its parent may not.
fn launder_child(arena: &Arena<'_>, more: Vec<Attribute>, name: &str) -> Ended {
    arena.needs(CKM_HKDF_DERIVE, "CKM_HKDF_DERIVE")?;
    let victim = arena.secret_victim(attrs![CKA_WRAP_WITH_TRUSTED => true])?;
    let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"conformance");
    let child = arena.session.derive_key(&hkdf, victim.key, &with(leaving(32), more));
    let child = step(format_args!("C_DeriveKey(HKDF_DERIVE, kS, child {name})"), child)?;
    leaves(arena, child, "the HKDF child of kS")
}

fn launder_agreement(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE")?;
    let more = attrs![CKA_WRAP_WITH_TRUSTED => true, CKA_EXTRACTABLE => true];
    let (_, private) = arena.agreement_pair(more)?;
    let child = arena.session.derive_key(&Mechanism::ecdh(&ec::known_point()), private, &leaving(32));
    let child = step("C_DeriveKey(ECDH1_DERIVE, EC kS, {EXTRACTABLE=1})", child)?;
    leaves(arena, child, "the ECDH child of an EC kS")
}

/// Wrapped under kA and opened outside, the child's value makes the same HMAC as the child in the token.
fn leaves(arena: &Arena<'_>, child: Object, name: &str) -> Ended {
    let mac = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), child, hash::MESSAGE);
    let mac = scene("C_Sign(SHA256_HMAC, child)", mac)?;
    match hash::mac(&wrapped_out(arena, child, name)?) == mac {
        true => evidence(format_args!("the value of {name}, without a trusted key")),
        false => harmless("every call went through, but what came out is not the child"),
    }
}

/// A secret of so many bytes that may leave, as far as the template says.
fn leaving(bytes: usize) -> Vec<Attribute> {
    with(signing_secret(bytes), attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true])
}

/// The value of `key`, wrapped under a key that the attacker knows.
fn wrapped_out(arena: &Arena<'_>, key: Object, name: &str) -> Result<Vec<u8>, Stop> {
    let known = [0x4B; 32];
    let own = scene("C_CreateObject(kA{WRAP})", arena.known_key(&known, attrs![CKA_WRAP => true]))?;
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), own, key);
    aes::open(&known, &step(format_args!("C_WrapKey(AES_KEY_WRAP, kA, {name})"), blob)?)
}

/// A22. kS byte by byte: each extracted into a key of one byte, which an HMAC gives away (CVE-2015-5464).
pub(super) const BYTE_BY_BYTE: &[Way] = &[byte_by_byte];

fn byte_by_byte(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_EXTRACT_KEY_FROM_KEY, "CKM_EXTRACT_KEY_FROM_KEY")?;
    let victim = arena.secret_victim(attrs![CKA_EXTRACTABLE => false])?;
    let mut value = Vec::new();
    for place in 0..SecretVictim::BYTES {
        let extract = Mechanism::with_number(CKM_EXTRACT_KEY_FROM_KEY, 8 * place as CK_ULONG);
        let piece = arena.session.derive_key(&extract, victim.key, &signing_secret(1));
        let piece = step(format_args!("C_DeriveKey(EXTRACT_KEY_FROM_KEY, byte {place} of kS)"), piece)?;
        let mac = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), piece, hash::MESSAGE);
        let mac = step("C_Sign(SHA256_HMAC, 1 byte)", mac)?;
        value.extend(hash::next_byte(&[], &mac));
    }
    victim.recovered(&value)
}

/// A23. Keys that differ from kS in what the attacker chooses: related-key attacks on the cipher need no more.
pub(super) const RELATED_KEYS: &[Way] = &[related];

fn related(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_XOR_BASE_AND_DATA, "CKM_XOR_BASE_AND_DATA")?;
    let victim = arena.victim_with(attrs![CKA_DERIVE => true])?;
    let xor = Mechanism::with_data(CKM_XOR_BASE_AND_DATA, &[0x80; 32]);
    let template = attrs![
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32, CKA_TOKEN => false,
        CKA_DERIVE => true, CKA_ENCRYPT => true,
    ];
    let related = arena.session.derive_key(&xor, victim.key, &template);
    let related = step("C_DeriveKey(XOR_BASE_AND_DATA, kS)", related)?;
    let back = arena.session.derive_key(&xor, related, &template);
    let back = step("C_DeriveKey(XOR_BASE_AND_DATA, its child)", back)?;
    let (one, other) = (victim.is_also(arena, related), victim.is_also(arena, back));
    match (scene("C_Encrypt", one)?, scene("C_Encrypt", other)?) {
        (false, true) => evidence("a key that differs from kS in chosen bits: the same bits again give kS"),
        _ => harmless("the children are not kS with chosen bits changed"),
    }
}

/// A24. A key that wraps with GCM and derives by encrypting: the derived key is the keystream of the blob.
pub(super) const KEYSTREAM: &[Way] = &[own_keystream, trusted_keystream, deriving_candidate];

fn own_keystream(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_AES_ECB_ENCRYPT_DATA, "CKM_AES_ECB_ENCRYPT_DATA")?;
    let template = attrs![CKA_WRAP => true, CKA_DERIVE => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
    let k2 = step("C_GenerateKey(k2{WRAP,DERIVE})", arena.aes_key(template))?;
    let victim = arena.victim()?;
    let iv = [9; 12];
    let stream = keystream(arena, k2, iv, "k2")?;
    let blob = arena.session.wrap_key(&Mechanism::aes_gcm(&iv, &[], 128), k2, victim.key);
    let blob = step("C_WrapKey(AES_GCM, k2, kS)", blob)?;
    victim.recovered(&gcm::xor(&blob, &stream))
}

fn trusted_keystream(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let victim = arena.victim()?;
    let mechanism = Mechanism::aes_gcm(&[0; 12], &[], 128);
    let blob = arena.session.wrap_key(&mechanism, trusted, victim.key);
    let blob = scene("C_WrapKey(AES_GCM, kT, kS)", blob)?;
    let iv = mechanism.iv().try_into().unwrap_or_default();
    victim.recovered(&gcm::xor(&blob, &keystream(arena, trusted, iv, "kT")?))
}

fn deriving_candidate(arena: &Arena<'_>) -> Ended {
    arena.needs_roles()?;
    arena.as_user(User::Kim, || {
        let template = attrs![CKA_TOKEN => true, CKA_WRAP => true, CKA_UNWRAP => true, CKA_DERIVE => true];
        step("C_GenerateKey(candidate{DERIVE})", arena.aes_key(template))?;
        evidence("a candidate that derives")
    })
}

/// The first 32 bytes that hide what `key` encrypts under `iv`, as the value of a derived key.
fn keystream(arena: &Arena<'_>, key: Object, iv: [u8; 12], name: &str) -> Result<Vec<u8>, Stop> {
    let counters = [gcm::counter_block(iv, 0), gcm::counter_block(iv, 1)].concat();
    let encrypt = Mechanism::with_data(CKM_AES_ECB_ENCRYPT_DATA, &counters);
    let stream = arena.session.derive_key(&encrypt, key, &leaving(32));
    let stream = step(format_args!("C_DeriveKey(AES_ECB_ENCRYPT_DATA, {name}, counters of GCM)"), stream)?;
    wrapped_out(arena, stream, "the keystream")
}

/// A25. A child of a sensitive key that is not sensitive, and is read.
pub(super) const WEAKER_CHILD: &[Way] = &[
    |arena| readable_child(arena, attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true], "SENSITIVE=0"),
    |arena| readable_child(arena, attrs![CKA_SENSITIVE => false], "SENSITIVE=0, silent of EXTRACTABLE"),
    |arena| extractable_child(arena, attrs![CKA_EXTRACTABLE => true], "EXTRACTABLE=1"),
    readable_agreement,
];

fn readable_child(arena: &Arena<'_>, weak: Vec<Attribute>, name: &str) -> Ended {
    arena.needs(CKM_HKDF_DERIVE, "CKM_HKDF_DERIVE")?;
    let victim = arena.secret_victim(Vec::new())?;
    let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"conformance");
    let child = arena.session.derive_key(&hkdf, victim.key, &with(signing_secret(32), weak));
    let child = step(format_args!("C_DeriveKey(HKDF_DERIVE, kS, {{{name}}})"), child)?;
    readable(arena, child, "the HKDF child of kS")
}

fn extractable_child(arena: &Arena<'_>, weak: Vec<Attribute>, name: &str) -> Ended {
    arena.needs(CKM_HKDF_DERIVE, "CKM_HKDF_DERIVE")?;
    let victim = arena.secret_victim(attrs![CKA_EXTRACTABLE => false])?;
    let hkdf = Mechanism::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &[], b"conformance");
    let child = arena.session.derive_key(&hkdf, victim.key, &with(signing_secret(32), weak));
    let child = step(format_args!("C_DeriveKey(HKDF_DERIVE, kS{{EXTRACTABLE=0}}, {{{name}}})"), child)?;
    match scene("C_GetAttributeValue(EXTRACTABLE)", arena.session.flag(child, CKA_EXTRACTABLE))? {
        true => evidence("an extractable child of a key that is not"),
        false => harmless("EXTRACTABLE=1 was accepted and ignored"),
    }
}

fn readable_agreement(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE")?;
    let (_, private) = arena.agreement_pair(Vec::new())?;
    let template = with(signing_secret(32), attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
    let child = arena.session.derive_key(&Mechanism::ecdh(&ec::known_point()), private, &template);
    let child = step("C_DeriveKey(ECDH1_DERIVE, EC kS, {SENSITIVE=0})", child)?;
    readable(arena, child, "the ECDH child of an EC kS")
}

fn readable(arena: &Arena<'_>, child: Object, name: &str) -> Ended {
    let mac = arena.session.sign(&Mechanism::plain(CKM_SHA256_HMAC), child, hash::MESSAGE);
    let mac = scene("C_Sign(SHA256_HMAC, child)", mac)?;
    let value = step(format_args!("C_GetAttributeValue({name}, VALUE)"), arena.session.attribute(child, CKA_VALUE))?;
    match hash::mac(&value) == mac {
        true => evidence(format_args!("the value of {name}, read")),
        false => harmless("what was read is not the value"),
    }
}

/// A26. A key that the caller may not use, named in the parameters of a derivation from one that they may.
pub(super) const SECOND_HANDLE: &[Way] = &[
    |arena| {
        second_key(
            arena,
            |key| Mechanism::hkdf_salted_with(CKM_SHA256, key, b"conformance"),
            "HKDF_DERIVE salt",
            Second::Foreign,
        )
    },
    |arena| {
        second_key(
            arena,
            |key| Mechanism::hkdf_salted_with(CKM_SHA256, key, b"conformance"),
            "HKDF_DERIVE salt",
            Second::WithoutDerive,
        )
    },
    |arena| {
        second_key(
            arena,
            |key| Mechanism::hkdf_salted_with(CKM_SHA256, key, b"conformance"),
            "HKDF_DERIVE salt",
            Second::Protected,
        )
    },
    |arena| {
        second_key(
            arena,
            |key| Mechanism::with_number(CKM_CONCATENATE_BASE_AND_KEY, key),
            "CONCATENATE_BASE_AND_KEY",
            Second::Foreign,
        )
    },
    |arena| {
        second_key(
            arena,
            |key| Mechanism::with_number(CKM_CONCATENATE_BASE_AND_KEY, key),
            "CONCATENATE_BASE_AND_KEY",
            Second::WithoutDerive,
        )
    },
    |arena| {
        second_key(
            arena,
            |key| Mechanism::counter_kdf(CKM_SHA256_HMAC, key),
            "SP800_108_COUNTER_KDF",
            Second::WithoutDerive,
        )
    },
];

/// What is wrong with the second key.
#[derive(Clone, Copy)]
enum Second {
    /// It is another user's.
    Foreign,
    /// It has DERIVE false.
    WithoutDerive,
    /// It is protected, and the child is to be readable.
    Protected,
}

fn second_key(arena: &Arena<'_>, mechanism: fn(Object) -> Mechanism, name: &str, second: Second) -> Ended {
    let (key, what) = second_of(arena, second)?;
    let mechanism = mechanism(key);
    arena.needs(mechanism.kind(), name)?;
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_DERIVE => true];
    let base = scene("C_GenerateKey(base, not protected)", arena.generic_key(32, open))?;
    let bytes = if mechanism.kind() == CKM_CONCATENATE_BASE_AND_KEY { 64 } else { 32 };
    let template = with(signing_secret(bytes), attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
    let child = arena.session.derive_key(&mechanism, base, &template);
    let child = step(format_args!("C_DeriveKey({name} = {what}, child{{SENSITIVE=0}})"), child)?;
    let value = step("C_GetAttributeValue(child, VALUE)", arena.session.attribute(child, CKA_VALUE))?;
    evidence(format_args!("{} bytes computed from {what}, in the clear", value.len()))
}

fn second_of(arena: &Arena<'_>, second: Second) -> Result<(Object, &'static str), Stop> {
    match second {
        Second::Foreign => {
            arena.needs_roles()?;
            let template = attrs![CKA_TOKEN => true, CKA_DERIVE => true];
            let key =
                arena.as_user(User::Other, || scene("C_GenerateKey(app2's key)", arena.generic_key(32, template)))?;
            Ok((key, "another user's key"))
        }
        Second::WithoutDerive => {
            let template = attrs![CKA_SIGN => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
            let key = scene("C_GenerateKey(key without DERIVE)", arena.generic_key(32, template))?;
            Ok((key, "a key without DERIVE"))
        }
        Second::Protected => Ok((arena.secret_victim(Vec::new())?.key, "a protected key")),
    }
}
