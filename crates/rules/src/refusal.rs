//! Why a call was refused: the return value, the rule behind it, and a sentence. And the rules themselves, a row each.

use crate::Error;

macro_rules! rules {
    ($( $rule:ident $name:literal $says:literal $advice:literal ;)*) => {
        /// The origin of a refusal. R1 to R18 are the rules of `docs/ROLES.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the variants are the rules' own names")]
        pub enum Rule { $($rule),* }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// Its name in logs: `R1`, `role`, `standard`.
            pub const fn name(self) -> &'static str { match self { $(Self::$rule => $name),* } }

            /// What it says, in one sentence.
            pub const fn says(self) -> &'static str { match self { $(Self::$rule => $says),* } }

            /// What an application that ran into it does instead.
            pub const fn advice(self) -> &'static str { match self { $(Self::$rule => $advice),* } }
        }
    };
}

rules! {
   R1  "R1"  "a sensitive key leaves only under a trusted key, or never"
       "wrap the key under a key that a security officer marked TRUSTED, or make it with SENSITIVE=false if its value is no secret; do not ask for WRAP_WITH_TRUSTED=false";
   R2  "R2"  "protection only grows, and an object's history is the token's to write"
       "leave the attribute out of the template; make a new key instead of weakening one, and do not give one key ALWAYS_AUTHENTICATE together with UNWRAP, DERIVE or EXTRACTABLE";
   R3  "R3"  "a user has one role for life"
       "make a second user for the second role";
   R4  "R4"  "what may become trusted is a fresh AES-256 key of a key manager that only ever wraps"
       "let the key manager generate the wrapping key with CKM_AES_KEY_GEN, WRAP and UNWRAP and no other usage, and leave everything else out of the template";
   R5  "R5"  "what comes out of an unwrap under such a key is sensitive and leaves only under a trusted key"
       "leave SENSITIVE and WRAP_WITH_TRUSTED out of the template of C_UnwrapKey, or give them true";
   R6  "R6"  "TRUSTED rises only by a security officer, and only on a candidate"
       "let a key manager generate the wrapping key and a security officer mark it trusted: `claviger key trust`";
   R7  "R7"  "trusted wrapping keys are AES-256"
       "wrap under a trusted AES-256 key instead of an RSA key";
   R8  "R8"  "trust is never inherited"
       "leave CKA_TRUSTED out of the template; a security officer sets it afterwards";
   R9  "R9"  "a wrapping key is a candidate, then trusted, then retired, and never goes back"
       "have a security officer mark the candidate trusted before it is used; after retiring a key generate a new one for wrapping";
   R10 "R10" "under wrapping keys made for trust only KW, KWP, and GCM with an IV made by the token and a 128-bit tag; no padding oracle anywhere"
       "use CKM_AES_KEY_WRAP or CKM_AES_KEY_WRAP_KWP without an initial value, or CKM_AES_GCM with twelve zero bytes as IV, which the token replaces, and 128 tag bits; instead of RSA PKCS#1 v1.5 use OAEP";
   R11 "R11" "unwrapping never truncates: class, type and length fit the payload exactly"
       "name the key's true class and type, and its true CKA_VALUE_LEN or none; wrap what is no multiple of the block with KWP";
   R12 "R12" "only its owner changes, copies, destroys or wraps out an object"
       "do it as the owner; who a key is shared with may use it and nothing else";
   R13 "R13" "a copy is at least as strong, and wrapping keys made for trust are never copied"
       "share the wrapping key instead of copying it; leave weaker attributes out of the copy's template";
   R14 "R14" "protected keys have at least 16 bytes, RSA 2048 bits, EC 256 bits"
       "use a longer key, or make it with SENSITIVE=false and EXTRACTABLE=true if its value is no secret";
   R15 "R15" "a derived key is at least as protected as every key it comes from, and derivation is one-way"
       "leave SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED out of the derived key's template; derive with CKM_HKDF_DERIVE or CKM_ECDH1_DERIVE";
   R16 "R16" "nothing that the token says depends on a protected value"
       "digest only keys that are readable; compare keys by CKA_ID or CKA_UNIQUE_ID instead of their values";
   R17 "R17" "secret and private keys are private, and end with their session or login"
       "log in before keys are made or used; do not look for secret or private keys without a login";
   R18 "R18" "a backup is the whole token, sealed for its domain, and never raises rights"
       "restore into an empty token of the same domain";
   Role "role" "each role has its own powers"
       "do it as a user whose role may: normal users use keys on data, key managers make and share wrapping keys, security officers trust them and manage users";
   Quorum "quorum" "what one officer could turn against the others takes several: trust, users, policy, the quorum itself"
       "have other security officers approve the pending act: `claviger quorum pending` and `claviger quorum approve`";
   Standard "standard" "the standard itself refuses"
       "see the function's clause in PKCS#11";
}

/// A refused call. Nothing was changed, but that an act of the quorum may have been filed or approved (`filed`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What the C caller sees.
    pub error: Error,
    /// Which rule says so.
    pub rule: Rule,
    /// Why, and what to do next, in one sentence. Never holds a secret.
    pub reason: &'static str,
    /// What the call did all the same, where approvals of other security officers are still missing.
    pub filed: Option<Filed>,
}

/// An act of the quorum that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed {
    /// Its number.
    pub act: u64,
    /// The approvals that it has.
    pub approvals: u32,
    /// How many it takes.
    pub needed: u32,
}

impl Refusal {
    /// A refusal by `rule`.
    pub const fn new(error: Error, rule: Rule, reason: &'static str) -> Self {
        Self { error, rule, reason, filed: None }
    }

    /// The answer while approvals are missing.
    pub const fn filed(filed: Filed) -> Self {
        let reason = "filed as a pending act; too few security officers have approved it yet";
        Self { filed: Some(filed), ..Self::new(Error::ActionProhibited, Rule::Quorum, reason) }
    }

    /// A refusal by the standard itself.
    pub const fn standard(error: Error, reason: &'static str) -> Self {
        Self::new(error, Rule::Standard, reason)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::standard(error, "")
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.rule, self.reason, self.filed) {
            (Rule::Standard, "", _) => write!(f, "{}", self.error),
            (Rule::Standard, reason, _) => write!(f, "{}: {reason}", self.error),
            (rule, _, Some(filed)) => write!(f, "{} (rule {}): filed as {filed}", self.error, rule.name()),
            (rule, reason, None) => write!(f, "{} (rule {}): {reason}", self.error, rule.name()),
        }
    }
}

impl core::fmt::Display for Filed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { act, approvals, needed } = self;
        write!(
            f,
            "pending act {act}: {approvals} of {needed} approvals; another security officer approves it with \
             `claviger quorum approve {act}`"
        )
    }
}

impl core::error::Error for Refusal {}
