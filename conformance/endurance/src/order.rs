//! What the parent asks of an application and what that answers: one JSON value a line, through the application's
//! standard input and output. The parent gives the next order when it has the answer to the last, so it knows at every
//! moment what is about to be done and what has been acknowledged.

use cryptoki_sys::*;
use serde::{Deserialize, Serialize};

/// The classes of objects that are made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Class {
    /// The public half of a P-256 pair.
    Public,
    /// Its private half.
    Private,
    /// An AES-256 key for CMAC.
    Secret,
}

impl Class {
    /// CKO_…
    pub(crate) const fn code(self) -> CK_OBJECT_CLASS {
        match self {
            Self::Public => CKO_PUBLIC_KEY,
            Self::Private => CKO_PRIVATE_KEY,
            Self::Secret => CKO_SECRET_KEY,
        }
    }

    /// The class of this CKO_…, if it is one of these.
    pub(crate) fn of(code: CK_OBJECT_CLASS) -> Option<Self> {
        [Self::Public, Self::Private, Self::Secret].into_iter().find(|class| class.code() == code)
    }
}

/// What one call makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// C_GenerateKeyPair.
    Pair,
    /// C_GenerateKey.
    Secret,
}

impl Kind {
    /// The objects of one call.
    pub(crate) const fn classes(self) -> &'static [Class] {
        match self {
            Self::Pair => &[Class::Public, Class::Private],
            Self::Secret => &[Class::Secret],
        }
    }
}

/// One piece of work for an application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Load the library, C_Initialize, C_OpenSession, and C_Login as a normal user where a PIN is given.
    Start {
        /// `name:pin`.
        pin: Option<String>,
    },
    /// C_Logout if need be, and C_Login.
    Login {
        /// `name:pin`.
        pin: String,
    },
    /// One call that makes token objects; CKA_ID is the label.
    Make {
        /// What it makes.
        kind: Kind,
        /// Their CKA_LABEL.
        label: String,
    },
    /// C_FindObjects for each of these by class and label.
    Find {
        /// Class and label.
        wanted: Vec<(Class, String)>,
    },
    /// Sign with the private key, verify with the public one; both are found by their labels.
    Use {
        /// Label of the private key.
        private: String,
        /// Label of the public key.
        public: String,
    },
    /// One C_SetAttributeValue for CKA_LABEL and CKA_ID.
    Relabel {
        /// The object's class.
        class: Class,
        /// Its label.
        from: String,
        /// The label to be.
        to: String,
        /// Whether CKA_ID changes, too. Only a check of the checks leaves it.
        whole: bool,
    },
    /// C_DestroyObject.
    Destroy {
        /// The object's class.
        class: Class,
        /// Its label.
        label: String,
    },
    /// All token objects there are.
    Survey {
        /// Reads every attribute and uses every key as well.
        thorough: bool,
    },
}

/// The end of an order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// What came of it.
    pub(crate) outcome: Result<Outcome, Failure>,
    /// How long it took the application.
    pub(crate) elapsed_us: u64,
}

/// What an order that was carried out gives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// What was made, in the order of `Kind::classes`: see `Seen::print`.
    Made(Vec<Option<String>>),
    /// How many objects were found for each label.
    Found(Vec<usize>),
    /// The objects of a survey.
    Seen(Vec<Seen>),
}

/// A call that did not return CKR_OK.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The C function.
    pub(crate) call: String,
    /// What it returned.
    pub(crate) rv: CK_RV,
}

/// An object as a survey saw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Its class.
    pub(crate) class: Class,
    /// CKA_LABEL.
    pub(crate) label: String,
    /// CKA_ID.
    pub(crate) id: String,
    /// What tells its value: a MAC that the secret key makes, the public key's point. Only of a thorough survey.
    pub(crate) print: Option<String>,
    /// What could not be read or used.
    pub(crate) faults: Vec<Failure>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.call, claviger_conformance::rv::Rv(self.rv))
    }
}
