//! One thing in the place of another: the blob of a key, the key behind a label.

use cryptoki_sys::*;

use super::arena::{KEY_WRAP, User, imported};
use super::{Arena, Ended, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::vendor::CKA_CLAVIGER_SHARED_WITH;

/// A19. Where blobs are stored, the blob of kS is replaced by one of kA, made under the same kT.
///
/// A blob says of its key no more than the value, whatever the mechanism: the token cannot tell whose it was. What it
/// does guarantee is that the key that comes out is as protected as kS, and known as not made here.
pub(super) const SWAP_BLOB: &[Way] = &[
    |arena| swap_blob(arena, || Mechanism::plain(KEY_WRAP), "AES_KEY_WRAP"),
    |arena| swap_blob(arena, || Mechanism::plain(CKM_AES_KEY_WRAP_KWP), "AES_KEY_WRAP_KWP"),
    |arena| swap_blob(arena, || Mechanism::aes_gcm(&[0; 12], &[], 128), "AES_GCM"),
];

fn swap_blob(arena: &Arena<'_>, mechanism: fn() -> Mechanism, name: &str) -> Ended {
    let trusted = arena.trusted_key()?;
    let own = arena.known_key(&[0x4B; 32], attrs![CKA_ENCRYPT => true]);
    let own = scene("C_CreateObject(kA)", own)?;
    let mechanism = mechanism();
    let blob = arena.session.wrap_key(&mechanism, trusted, own);
    let blob = step(format_args!("C_WrapKey({name}, kT, kA)"), blob)?;
    let taken = arena.session.unwrap_key(&mechanism, trusted, &blob, &imported(attrs![CKA_ENCRYPT => true]));
    let taken = step(format_args!("C_UnwrapKey({name}, kT, the blob of kA)"), taken)?;
    for (kind, kept, attribute) in [
        (CKA_LOCAL, false, "LOCAL"),
        (CKA_TRUSTED, false, "TRUSTED"),
        (CKA_ALWAYS_SENSITIVE, false, "ALWAYS_SENSITIVE"),
        (CKA_SENSITIVE, true, "SENSITIVE"),
        (CKA_WRAP_WITH_TRUSTED, true, "WRAP_WITH_TRUSTED"),
    ] {
        if scene(attribute, arena.session.flag(taken, kind))? != kept {
            return evidence(format_args!("the key of a swapped blob has {attribute}={}", u8::from(!kept)));
        }
    }
    harmless(format_args!(
        "a blob ({name}) does not say whose key it is, so kA comes out in the place of kS: LOCAL=0, TRUSTED=0, \
         ALWAYS_SENSITIVE=0, SENSITIVE=1, WRAP_WITH_TRUSTED=1, and nothing of kS is learnt"
    ))
}

/// A39. Programs find keys by label: the attacker puts a key of their own behind the label of kT.
pub(super) const SWAP_LABEL: &[Way] = &[destroy_and_replace, relabel, same_label, owner_replaces];

fn destroy_and_replace(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    step("C_DestroyObject(kT) by a user it is shared with", arena.session.destroy_object(trusted))?;
    evidence("the label is free for another key")
}

fn relabel(arena: &Arena<'_>) -> Ended {
    let trusted = arena.trusted_key()?;
    let renamed = arena.session.set_attribute_value(trusted, &attrs![CKA_LABEL => "retired"]);
    step("C_SetAttributeValue(kT, LABEL) by a user it is shared with", renamed)?;
    evidence("the label is free for another key")
}

/// The attacker's key of the same label is theirs alone: who else looks for the label finds kT.
fn same_label(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    let trusted = arena.trusted_key_named(&label)?;
    let unique = scene("C_GetAttributeValue(UNIQUE_ID)", arena.session.attribute(trusted, CKA_UNIQUE_ID))?;
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => &label, CKA_WRAP => true, CKA_PRIVATE => false];
    step("C_GenerateKey(label of kT)", arena.aes_key(template))?;
    arena.become_user(User::Other)?;
    let found = scene("C_FindObjects(LABEL)", arena.session.find(&attrs![CKA_LABEL => &label]))?;
    let ids: Vec<_> = found.iter().map(|key| arena.session.attribute(*key, CKA_UNIQUE_ID)).collect();
    match ids.as_slice() {
        [Ok(only)] if *only == unique => {
            harmless("another user finds kT alone behind the label, by the same UNIQUE_ID")
        }
        _ => evidence(format_args!("another user finds {} keys behind the label", found.len())),
    }
}

/// The key manager has turned and puts an untrusted key behind the label: kS does not go under it.
fn owner_replaces(arena: &Arena<'_>) -> Ended {
    let label = arena.label("kT");
    arena.trusted_key_named(&label)?;
    arena.as_user(User::Kim, || {
        scene("C_DestroyObject(kT) by its owner", arena.session.destroy_object(arena.find(&label)?))?;
        let known = attrs![
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => true, CKA_LABEL => &label,
            CKA_VALUE => &[0x4B; 32], CKA_WRAP => true, CKA_PRIVATE => false,
        ];
        let own = scene("C_CreateObject(kA with the label of kT)", arena.session.create_object(&known))?;
        let share = attrs![CKA_CLAVIGER_SHARED_WITH => "app1"];
        scene("C_SetAttributeValue(SHARED_WITH)", arena.session.set_attribute_value(own, &share))
    })?;
    let victim = arena.victim()?;
    let found = scene("C_FindObjects(LABEL)", arena.session.find(&attrs![CKA_LABEL => &label]))?;
    let Some(key) = found.first() else {
        return harmless("the key behind the label is not seen by those kT was shared with");
    };
    let blob = arena.session.wrap_key(&Mechanism::plain(KEY_WRAP), *key, victim.key);
    let blob = step("C_WrapKey(the key behind the label, kS)", blob)?;
    victim.recovered(&super::outside::aes::open(&[0x4B; 32], &blob)?)
}
