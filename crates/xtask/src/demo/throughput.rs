//! The speed of key wrap through the library, and of the same algorithm called directly.
//!
//! One thread, one session; the blob is written by a single C_WrapKey into a buffer that is long enough. Each figure
//! is the median of several runs.

use std::time::{Duration, Instant};

use claviger_conformance::attrs;
use claviger_conformance::mechanism::Mechanism;
use claviger_conformance::module::Out;
use claviger_conformance::session::{Object, Session};
use claviger_crypto::{Key, Params, SystemRandom, Wrap, generate, wrap};
use cryptoki_sys::*;

use super::stage::{Actor, Stage};
use crate::screen;

const RUNS: usize = 5;
const RUN_TIME: Duration = Duration::from_millis(300);

/// Longer than any blob here.
const ROOM: usize = 4096;

/// One line of the table.
struct Case {
    name: &'static str,
    mechanism: CK_MECHANISM_TYPE,
    algorithm: &'static dyn Wrap,
    payload: Payload,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Payload {
    Aes256,
    Rsa2048,
}

static CASES: [Case; 3] = [
    Case {
        name: "AES_KEY_WRAP      AES-256 key",
        mechanism: CKM_AES_KEY_WRAP,
        algorithm: &wrap::AES_KW,
        payload: Payload::Aes256,
    },
    Case {
        name: "AES_KEY_WRAP_KWP  AES-256 key",
        mechanism: CKM_AES_KEY_WRAP_KWP,
        algorithm: &wrap::AES_KWP,
        payload: Payload::Aes256,
    },
    Case {
        name: "AES_KEY_WRAP_KWP  RSA-2048 private key",
        mechanism: CKM_AES_KEY_WRAP_KWP,
        algorithm: &wrap::AES_KWP,
        payload: Payload::Rsa2048,
    },
];

/// Prints wraps per second for each case.
pub(super) fn show(stage: &Stage) -> Result<(), String> {
    screen::heading("7. Key wrap through C_WrapKey, one thread");
    stage.act(Actor::Named("app1"), |session| {
        let kek = find(session)?;
        for case in &CASES {
            let payload = case.payload.make(session)?;
            let (library, blob_len) = through_the_library(session, case, kek, payload)?;
            let raw = directly(case, blob_len - KEY_WRAP_OVERHEAD)?;
            let share = 100.0 * library / raw;
            screen::say(&format!(
                "{:<40} {library:>9.0} wraps/s   the bare algorithm {raw:>9.0} ({share:.0} %)",
                case.name
            ));
        }
        Ok(())
    })
}

/// RFC 3394 and RFC 5649 add eight bytes to a payload of whole blocks.
const KEY_WRAP_OVERHEAD: usize = 8;

impl Payload {
    /// A sensitive, extractable session key.
    fn make(self, session: &Session<'_>) -> Result<Object, String> {
        let protected = attrs![CKA_TOKEN => false, CKA_SENSITIVE => true, CKA_EXTRACTABLE => true];
        let key = match self {
            Self::Aes256 => {
                let template = [protected, attrs![CKA_VALUE_LEN => 32]].concat();
                session.generate_key(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
            }
            Self::Rsa2048 => {
                let public = attrs![CKA_TOKEN => false, CKA_MODULUS_BITS => 2048];
                let pair = session.generate_key_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &protected);
                pair.map(|(_, private)| private)
            }
        };
        key.map_err(|rv| format!("The key to wrap was not made: {rv}."))
    }
}

/// The trusted key of the flow.
fn find(session: &Session<'_>) -> Result<Object, String> {
    let found = session.find(&attrs![CKA_TRUSTED => true]).map_err(|rv| format!("C_FindObjects: {rv}."))?;
    found.first().copied().ok_or_else(|| "There is no trusted key.".to_owned())
}

/// Wraps per second, and the length of a blob.
fn through_the_library(
    session: &Session<'_>,
    case: &Case,
    kek: Object,
    payload: Object,
) -> Result<(f64, usize), String> {
    let mechanism = Mechanism::plain(case.mechanism);
    let mut blob = [0; ROOM];
    let mut len = 0;
    let rate = median_rate(|| {
        let mut out = Out::into(&mut blob);
        session.wrap_key_into(&mechanism, kek, payload, &mut out).map_err(|rv| format!("C_WrapKey: {rv}."))?;
        len = usize::try_from(out.length).unwrap_or(0);
        Ok(())
    })?;
    Ok((rate, len))
}

/// The same algorithm on as many bytes, without token, session or object.
fn directly(case: &Case, payload_len: usize) -> Result<f64, String> {
    let failed = |error| format!("The bare algorithm failed: {error:?}.");
    let key = Key::secret(generate::secret(32).map_err(failed)?);
    let payload = vec![0; payload_len];
    let mut blob = [0; ROOM];
    let mut random = SystemRandom::new();
    median_rate(|| case.algorithm.wrap(&key, &Params::None, &payload, &mut blob, &mut random).map(drop).map_err(failed))
}

/// The median over the runs of how often a second `once` runs.
fn median_rate(mut once: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let mut rates = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        let mut times = 0u32;
        while begun.elapsed() < RUN_TIME {
            for _ in 0..64 {
                once()?;
            }
            times += 64;
        }
        rates.push(f64::from(times) / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates.get(RUNS / 2).copied().unwrap_or(0.0))
}
