//! Padding oracles: what a token says of a blob that was changed.

use std::collections::BTreeSet;

use cryptoki_sys::*;

use super::outside::gcm::xor;
use super::{Arena, Ended, Stop, Way, evidence, harmless, scene, step};
use crate::attrs;
use crate::mechanism::Mechanism;
use crate::rv::Rv;
use crate::session::Object;
use crate::template::Attribute;

/// A29. Good PKCS#1 v1.5 padding is told from bad: a thousand and some such answers open any blob (Bleichenbacher 1998;
/// Bardou and others 2012).
pub(super) const PKCS1_PADDING: &[Way] = &[unwrap_oracle, decrypt_oracle];

/// How many changed ciphertexts are tried. One in some 2^16 is well padded by chance.
const TRIES: usize = 64;

fn unwrap_oracle(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_RSA_PKCS, "CKM_RSA_PKCS")?;
    let (public, private) = pair(arena, attrs![CKA_WRAP => true], attrs![CKA_UNWRAP => true])?;
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_ENCRYPT => true];
    let key = scene("C_GenerateKey(k, not protected)", arena.aes_key(open))?;
    let pkcs = Mechanism::plain(CKM_RSA_PKCS);
    let blob = scene("C_WrapKey(RSA_PKCS, pub, k)", arena.session.wrap_key(&pkcs, public, key))?;
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false];
    let good = arena.session.unwrap_key(&pkcs, private, &blob, &template);
    step("C_UnwrapKey(RSA_PKCS, priv)", good)?;
    let told = changed(&blob).filter(|blob| arena.session.unwrap_key(&pkcs, private, blob, &template).is_err()).count();
    match told {
        0 => harmless("unwrapping says CKR_OK of every changed blob"),
        _ => evidence(format_args!("good padding is told from bad: {told} of {TRIES} changed blobs are refused")),
    }
}

/// Implicit rejection: what is badly padded decrypts to something, always the same, that looks like nothing special.
fn decrypt_oracle(arena: &Arena<'_>) -> Ended {
    arena.needs(CKM_RSA_PKCS, "CKM_RSA_PKCS")?;
    let (public, private) = pair(arena, attrs![CKA_ENCRYPT => true], attrs![CKA_DECRYPT => true])?;
    let pkcs = Mechanism::plain(CKM_RSA_PKCS);
    let secret = [0x4B; 32];
    let good = scene("C_Encrypt(RSA_PKCS)", arena.session.encrypt(&pkcs, public, &secret))?;
    let opened = scene("C_Decrypt(RSA_PKCS)", arena.session.decrypt(&pkcs, private, &good))?;
    if opened != secret {
        return scene("C_Decrypt of an honest ciphertext", Err(Rv(CKR_ENCRYPTED_DATA_INVALID)));
    }
    let (mut answers, mut lengths) = (BTreeSet::new(), BTreeSet::new());
    for (number, bad) in changed(&good).enumerate() {
        let (once, twice) = (arena.session.decrypt(&pkcs, private, &bad), arena.session.decrypt(&pkcs, private, &bad));
        let (Ok(once), Ok(twice)) = (once.as_deref(), twice.as_deref()) else {
            let rv = once.err().or(twice.err()).unwrap_or(Rv(CKR_OK));
            return evidence(format_args!("good padding is told from bad: {rv} for changed ciphertext {number}"));
        };
        if once != twice {
            return evidence("a badly padded ciphertext decrypts to something else each time, a good one does not");
        }
        lengths.insert(once.len());
        answers.insert(once.to_vec());
    }
    match (answers.len(), lengths.len()) {
        (TRIES, 2..) => harmless(format_args!(
            "C_Decrypt says CKR_OK of {TRIES} changed ciphertexts, with as many plaintexts of {} lengths, each always the same",
            lengths.len()
        )),
        (answers, lengths) => evidence(format_args!(
            "bad padding is known by its plaintext: {answers} plaintexts of {lengths} lengths for {TRIES} ciphertexts"
        )),
    }
}

fn pair(arena: &Arena<'_>, public: Vec<Attribute>, private: Vec<Attribute>) -> Result<(Object, Object), Stop> {
    let public = [attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048], public].concat();
    let private = [attrs![CKA_TOKEN => false], private].concat();
    let generation = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    scene("C_GenerateKeyPair(RSA)", arena.session.generate_key_pair(&generation, &public, &private))
}

/// The blob with one byte changed, never the first, so that it stays below the modulus.
fn changed(blob: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..TRIES).map(move |number| {
        let mut blob = blob.to_vec();
        blob.iter_mut().skip(1 + number).take(1).for_each(|byte| *byte ^= 0x55);
        blob
    })
}

/// A30. Whether CBC_PAD's padding is good gives kS byte by byte (Vaudenay 2002).
pub(super) const CBC_PADDING: &[Way] = &[
    |arena| {
        let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        cbc_padding(arena, step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?, "k2")
    },
    |arena| cbc_padding(arena, arena.trusted_key()?, "kT"),
    |arena| cbc_pad_opens(arena, arena.trusted_key()?, "kT"),
    |arena| {
        let k2 = arena.aes_key(attrs![CKA_WRAP => true, CKA_UNWRAP => true]);
        cbc_pad_opens(arena, step("C_GenerateKey(k2{WRAP,UNWRAP})", k2)?, "k2")
    },
];

fn cbc_padding(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD")?;
    let victim = arena.victim()?;
    let iv = [0; 16];
    let blob = arena.session.wrap_key(&Mechanism::with_bytes(CKM_AES_CBC_PAD, &iv), key, victim.key);
    let blob = step(format_args!("C_WrapKey(AES_CBC_PAD, {name}, kS)"), blob)?;
    let mut value = Vec::new();
    let mut before: &[u8] = &iv;
    for block in blob.chunks(16).take(2) {
        let Some(inner) = before_the_chain(arena, key, block) else {
            return harmless("nothing tells good padding from bad");
        };
        value.extend(xor(&inner, before));
        before = block;
    }
    victim.recovered(&value)
}

/// What `block` decrypts to before the chain is added, from the last byte on.
fn before_the_chain(arena: &Arena<'_>, key: Object, block: &[u8]) -> Option<[u8; 16]> {
    let mut inner = [0u8; 16];
    for place in (0..16).rev() {
        inner[place] = (0..=u8::MAX).find(|guess| guess_is_right(arena, key, block, inner, place, *guess))?;
    }
    Some(inner)
}

/// The chain is chosen so that the padding is good if `guess` is what the block decrypts to at `place`.
fn guess_is_right(arena: &Arena<'_>, key: Object, block: &[u8], mut inner: [u8; 16], place: usize, guess: u8) -> bool {
    inner[place] = guess;
    let mut chain = [0u8; 16];
    for later in place..16 {
        chain[later] = inner[later] ^ (16 - place) as u8;
    }
    if !padding_is_good(arena, key, &chain, block) {
        return false;
    }
    // A longer padding that is good by chance ends when the byte before it changes.
    if place > 0 {
        chain[place - 1] ^= 0xFF;
    }
    padding_is_good(arena, key, &chain, block)
}

/// In front stands a block of no meaning, so that a payload is left whatever the padding.
fn padding_is_good(arena: &Arena<'_>, key: Object, chain: &[u8; 16], block: &[u8]) -> bool {
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false];
    let blob = [[0; 16].as_slice(), chain, block].concat();
    let cbc = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]);
    match arena.session.unwrap_key(&cbc, key, &blob, &template) {
        Ok(object) => arena.session.destroy_object(object).is_ok(),
        Err(_) => false,
    }
}

/// Whether there is an oracle to ask at all: any answer but a refusal of the mechanism.
fn cbc_pad_opens(arena: &Arena<'_>, key: Object, name: &str) -> Ended {
    arena.needs(CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD")?;
    let template = attrs![CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => false];
    let cbc = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]);
    match arena.session.unwrap_key(&cbc, key, &[0x5A; 32], &template) {
        Err(Rv(CKR_WRAPPED_KEY_INVALID | CKR_WRAPPED_KEY_LEN_RANGE | CKR_ENCRYPTED_DATA_INVALID)) | Ok(_) => {
            evidence(format_args!("C_UnwrapKey(AES_CBC_PAD, {name}) looks at the padding"))
        }
        Err(rv) => step(format_args!("C_UnwrapKey(AES_CBC_PAD, {name}, any blob)"), Err(rv)),
    }
}
