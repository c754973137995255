//! From the shape of an argument: the words of a good call, and the words of every bad one.

use claviger_conformance::fixture::{SO_PIN, USER_PIN};
use claviger_conformance::samples::P256;
use cryptoki_sys::*;

use crate::functions::{Input, Shape, Used, Written};
use crate::scene::Scene;

/// What a bad argument must lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Any value that the function may return.
    Any,
    /// Any of those but CKR_OK.
    Refusal,
    /// Just this one.
    Only(CK_RV),
}

/// A bad argument.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<u64>,
    pub(crate) expect: Expect,
}

const ABSURD: u64 = u64::MAX;
const HALF: u64 = 1 << 63;

/// The words of the argument in a good call.
pub(crate) fn good(shape: Shape, scene: &mut Scene<'_>) -> Vec<u64> {
    match shape {
        Shape::Session | Shape::LegacySession => vec![scene.session.handle],
        Shape::Slot => vec![scene.slot],
        Shape::Key(made) => vec![scene.key(made)],
        Shape::Object => vec![scene.data_object()],
        Shape::NoKey | Shape::Reserved | Shape::Nothing | Shape::Unused => vec![0],
        Shape::Mechanism(used) => mechanism(used, scene, None, 0),
        Shape::Template(written) => template(written, scene, None, 0),
        Shape::Answers => answers(scene, 0),
        Shape::In(input) => input_words(input, scene, 0),
        Shape::Out => vec![scene.place(&[0; 512], 0), scene.words(&[512], 0)],
        Shape::Filled(length) => vec![scene.place(&vec![0; length], 0), length as u64],
        Shape::Handles => vec![scene.words(&[0; 8], 0), 8, scene.words(&[0], 0)],
        Shape::List(size) => vec![scene.place(&vec![0; 256 * size], 0), scene.words(&[256], 0)],
        Shape::Place(size) => vec![scene.place(&vec![0; size], 0)],
        Shape::Number(number) => vec![number],
        Shape::DoNotBlock => vec![CKF_DONT_BLOCK],
        Shape::UserType => vec![CKU_USER],
        Shape::Label => vec![scene.place(&[b'c'; 32], 0)],
        Shape::InitializeArgs => vec![scene.words(&[0, 0, 0, 0, CKF_OS_LOCKING_OK, 0], 0)],
        Shape::InterfaceName => vec![scene.place(b"PKCS 11\0", 0)],
        Shape::InterfaceVersion => vec![scene.place(&[3, 0], 0)],
    }
}

/// Every bad form of the argument.
pub(crate) fn bad(shape: Shape, scene: &mut Scene<'_>) -> Vec<Case> {
    match shape {
        Shape::Session => handles(&[scene.stale_session()], Expect::Only(CKR_SESSION_HANDLE_INVALID)),
        Shape::LegacySession => handles(&[scene.stale_session()], Expect::Refusal),
        Shape::Slot => vec![
            case("an absurd slot", &[ABSURD], Expect::Only(CKR_SLOT_ID_INVALID)),
            case("a slot that is not there", &[77_777], Expect::Only(CKR_SLOT_ID_INVALID)),
        ],
        Shape::Key(_) => handles(&[scene.stale_object(), scene.data_object()], Expect::Refusal),
        Shape::Object => handles(&[scene.stale_object()], Expect::Only(CKR_OBJECT_HANDLE_INVALID)),
        Shape::NoKey => vec![case("an absurd handle", &[ABSURD], Expect::Any)],
        Shape::Mechanism(used) => mechanisms(used, scene),
        Shape::Template(written) => templates(written, scene),
        Shape::Answers => bad_answers(scene),
        Shape::In(input) => inputs(input, scene),
        Shape::Out => outputs(scene, 512, 1),
        Shape::List(size) => outputs(scene, 256 * size, size),
        Shape::Filled(length) => vec![
            case("null output", &[0, 16], Expect::Refusal),
            case("an absurd length", &[scene.place(&vec![0; length], 0), ABSURD], Expect::Refusal),
            case("half of all memory", &[scene.place(&vec![0; length], 0), HALF], Expect::Refusal),
            case("misaligned output", &[scene.place(&vec![0; length], 1), length as u64], Expect::Any),
        ],
        Shape::Handles => find_outputs(scene),
        Shape::Place(size) => vec![
            case("null place", &[0], Expect::Refusal),
            case("misaligned place", &[scene.place(&vec![0; size], 1)], Expect::Any),
        ],
        Shape::Number(_) => vec![
            case("zero", &[0], Expect::Any),
            case("all bits", &[ABSURD], Expect::Any),
            case("one bit", &[HALF], Expect::Any),
        ],
        Shape::DoNotBlock => vec![case("all bits", &[ABSURD], Expect::Any)],
        Shape::UserType => vec![
            case("a type that is none", &[7], Expect::Refusal),
            case("all bits", &[ABSURD], Expect::Refusal),
            case("context", &[CKU_CONTEXT_SPECIFIC], Expect::Refusal),
        ],
        Shape::Label => vec![
            case("null label", &[0], Expect::Refusal),
            case("a label that is no UTF-8", &[scene.place(&[0xFF; 32], 1)], Expect::Any),
        ],
        Shape::Reserved => vec![case("not null", &[scene.words(&[0], 0)], Expect::Only(CKR_ARGUMENTS_BAD))],
        Shape::Unused => vec![case("not null", &[scene.words(&[0], 0)], Expect::Any)],
        Shape::Nothing => Vec::new(),
        Shape::InitializeArgs => initialize_args(scene),
        Shape::InterfaceName => vec![
            case("null name", &[0], Expect::Any),
            case("empty name", &[scene.place(&[0], 0)], Expect::Refusal),
            case("another name", &[scene.place(b"Vendor\0", 0)], Expect::Refusal),
        ],
        Shape::InterfaceVersion => vec![
            case("null version", &[0], Expect::Any),
            case("another version", &[scene.place(&[9, 9], 0)], Expect::Refusal),
        ],
    }
}

/// The bad forms of an input and an output that lie in the same memory. Equal places are allowed by section 5.8.2;
/// the rest must only be survived.
pub(crate) fn overlapping(input: Input, scene: &mut Scene<'_>) -> Vec<Case> {
    let shared = scene.place(&[7; 512], 0);
    let length = scene.words(&[512], 0);
    let short = scene.words(&[256], 0);
    let size = bytes(input, scene).len() as u64;
    vec![
        case("output over input", &[shared, size, shared, length], Expect::Any),
        case("output one byte into input", &[shared, size, shared + 1, short], Expect::Any),
        case("input one byte into output", &[shared + 1, size, shared, short], Expect::Any),
    ]
}

fn case(name: &'static str, words: &[u64], expect: Expect) -> Case {
    Case { name, words: words.to_vec(), expect }
}

fn handles(more: &[u64], expect: Expect) -> Vec<Case> {
    let mut cases = vec![
        case("handle zero", &[0], expect),
        case("an absurd handle", &[ABSURD], expect),
        case("a handle never given", &[1 << 40], expect),
    ];
    cases.extend(more.iter().map(|handle| case("a handle of something else or long gone", &[*handle], expect)));
    cases
}

fn inputs(input: Input, scene: &mut Scene<'_>) -> Vec<Case> {
    let bytes = bytes(input, scene);
    let length = bytes.len() as u64;
    let start = scene.place(&bytes, 0);
    vec![
        case("null input with a length", &[0, length], Expect::Refusal),
        case("null input without a length", &[0, 0], Expect::Any),
        case("no input", &[start, 0], Expect::Any),
        case("an absurd length", &[start, ABSURD], Expect::Refusal),
        case("half of all memory", &[start, HALF], Expect::Refusal),
        case("misaligned input", &[scene.place(&bytes, 1), length], Expect::Any),
    ]
}

fn outputs(scene: &mut Scene<'_>, room: usize, unit: usize) -> Vec<Case> {
    let count = (room / unit) as u64;
    let buffer = scene.place(&vec![0; room], 0);
    vec![
        case("null length", &[buffer, 0], Expect::Refusal),
        case("null output and null length", &[0, 0], Expect::Refusal),
        case("null output", &[0, scene.words(&[0], 0)], Expect::Any),
        case("no room", &[buffer, scene.words(&[0], 0)], Expect::Any),
        case("room for one", &[scene.place(&vec![0; unit], 0), scene.words(&[1], 0)], Expect::Any),
        case("absurd room", &[buffer, scene.words(&[ABSURD], 0)], Expect::Any),
        case("misaligned output", &[scene.place(&vec![0; room], 1), scene.words(&[count], 0)], Expect::Any),
        case("misaligned length", &[buffer, scene.words(&[count], 1)], Expect::Any),
        case("output that begins with its own length", &length_in_buffer(scene, room, count), Expect::Any),
    ]
}

fn length_in_buffer(scene: &mut Scene<'_>, room: usize, count: u64) -> [u64; 2] {
    let mut bytes = vec![0; room];
    bytes[..8].copy_from_slice(&count.to_ne_bytes());
    let shared = scene.place(&bytes, 0);
    [shared, shared]
}

fn find_outputs(scene: &mut Scene<'_>) -> Vec<Case> {
    let (buffer, count) = (scene.words(&[0; 8], 0), scene.words(&[0], 0));
    vec![
        case("null handles", &[0, 8, count], Expect::Refusal),
        case("null count", &[buffer, 8, 0], Expect::Refusal),
        case("no room", &[buffer, 0, count], Expect::Any),
        case("absurd room", &[buffer, ABSURD, count], Expect::Any),
        case("misaligned handles", &[scene.words(&[0; 8], 1), 8, count], Expect::Any),
        case("misaligned count", &[buffer, 8, scene.words(&[0], 1)], Expect::Any),
    ]
}

fn initialize_args(scene: &mut Scene<'_>) -> Vec<Case> {
    let words = |reserved, flags| [0, 0, 0, 0, flags, reserved];
    vec![
        case("null", &[0], Expect::Any),
        case("misaligned", &[scene.words(&words(0, CKF_OS_LOCKING_OK), 1)], Expect::Any),
        case("reserved pointer", &[scene.words(&words(8, 0), 0)], Expect::Only(CKR_ARGUMENTS_BAD)),
        case("all flags", &[scene.words(&words(0, ABSURD), 0)], Expect::Any),
        case("one mutex function", &[scene.words(&[8, 0, 0, 0, 0, 0], 0)], Expect::Only(CKR_ARGUMENTS_BAD)),
    ]
}

fn bytes(input: Input, scene: &Scene<'_>) -> Vec<u8> {
    match input {
        Input::SoPin => SO_PIN.as_bytes().to_vec(),
        Input::UserPin => USER_PIN.as_bytes().to_vec(),
        Input::Name => b"user".to_vec(),
        Input::Bytes(length) => vec![7; length],
        Input::Blob => scene.blob(),
    }
}

fn input_words(input: Input, scene: &mut Scene<'_>, slack: usize) -> Vec<u64> {
    let bytes = bytes(input, scene);
    vec![scene.place(&bytes, slack), bytes.len() as u64]
}

/// The fields of a mechanism's parameter, each of one word.
enum Field {
    Number(u64),
    /// A pointer, and after it the length.
    Bytes(&'static [u8]),
}

fn fields(used: Used) -> (CK_MECHANISM_TYPE, Vec<Field>) {
    use Field::{Bytes, Number};
    match used {
        Used::Cbc => (CKM_AES_CBC, vec![Number(1), Number(2)]),
        Used::Gcm => (CKM_AES_GCM, vec![Bytes(&[1; 12]), Number(96), Bytes(b"header"), Number(128)]),
        Used::Sha256 => (CKM_SHA256, vec![]),
        Used::Hmac => (CKM_SHA256_HMAC, vec![]),
        Used::Oaep => (
            CKM_RSA_PKCS_OAEP,
            vec![Number(CKM_SHA_1), Number(CKG_MGF1_SHA1), Number(CKZ_DATA_SPECIFIED), Bytes(b"label")],
        ),
        Used::Pss => (CKM_RSA_PKCS_PSS, vec![Number(CKM_SHA256), Number(CKG_MGF1_SHA256), Number(32)]),
        Used::AesKeyGen => (CKM_AES_KEY_GEN, vec![]),
        Used::EcPairGen => (CKM_EC_KEY_PAIR_GEN, vec![]),
        Used::KeyWrap => (CKM_AES_KEY_WRAP, vec![]),
        // The two flags of CK_HKDF_PARAMS share the first word; the salt is data.
        Used::Hkdf => (
            CKM_HKDF_DERIVE,
            vec![
                Number(0x0101),
                Number(CKM_SHA256),
                Number(CKF_HKDF_SALT_DATA),
                Bytes(b"salt"),
                Number(0),
                Bytes(b"info"),
            ],
        ),
    }
}

/// The parameter as words, with the word at `spoilt` replaced.
fn parameter(used: Used, scene: &mut Scene<'_>, spoilt: Option<(usize, u64)>) -> Vec<u64> {
    let mut words = Vec::new();
    for field in fields(used).1 {
        match field {
            Field::Number(number) => words.push(number),
            Field::Bytes(bytes) => words.extend([scene.place(bytes, 0), bytes.len() as u64]),
        }
    }
    if let Some((index, word)) = spoilt {
        words[index] = word;
    }
    words
}

fn mechanism(used: Used, scene: &mut Scene<'_>, spoilt: Option<(usize, u64)>, slack: usize) -> Vec<u64> {
    let words = parameter(used, scene, spoilt);
    let pointer = if words.is_empty() { 0 } else { scene.words(&words, slack) };
    vec![scene.words(&[fields(used).0, pointer, 8 * words.len() as u64], slack)]
}

fn mechanisms(used: Used, scene: &mut Scene<'_>) -> Vec<Case> {
    let kind = fields(used).0;
    let start = scene.words(&[0; 8], 0);
    let mut cases = vec![
        case("null mechanism", &[0], Expect::Any),
        case("misaligned mechanism", &mechanism(used, scene, None, 1), Expect::Any),
        case("an unknown mechanism", &[scene.words(&[0x7FFF_7777, 0, 0], 0)], Expect::Refusal),
        case("all bits of a mechanism", &[scene.words(&[ABSURD, 0, 0], 0)], Expect::Refusal),
        case("null parameter with a length", &[scene.words(&[kind, 0, 16], 0)], Expect::Any),
        case("parameter of absurd length", &[scene.words(&[kind, start, ABSURD], 0)], Expect::Any),
        case("parameter of one byte", &[scene.words(&[kind, start, 1], 0)], Expect::Any),
        case("parameter without a length", &[scene.words(&[kind, start, 0], 0)], Expect::Any),
    ];
    for index in 0..parameter(used, scene, None).len() {
        for (name, word) in [("a field of zeros", 0), ("a field of all bits", ABSURD)] {
            // A pointer of all bits is followed by nobody's contract; all its neighbours may lie.
            if word == ABSURD && is_pointer(used, index) {
                continue;
            }
            cases.push(case(name, &mechanism(used, scene, Some((index, word)), 0), Expect::Any));
        }
    }
    cases
}

fn is_pointer(used: Used, wanted: usize) -> bool {
    let mut index = 0;
    for field in fields(used).1 {
        let pointer = matches!(field, Field::Bytes(_));
        if pointer && index == wanted {
            return true;
        }
        index += if pointer { 2 } else { 1 };
    }
    false
}

fn rows(written: Written) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let number = |number: CK_ULONG| number.to_ne_bytes().to_vec();
    let flag = |flag: CK_BBOOL| vec![flag];
    let secret = vec![
        (CKA_CLASS, number(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, number(CKK_AES)),
        (CKA_TOKEN, flag(CK_FALSE)),
        (CKA_ENCRYPT, flag(CK_TRUE)),
    ];
    match written {
        Written::Data => vec![
            (CKA_CLASS, number(CKO_DATA)),
            (CKA_TOKEN, flag(CK_FALSE)),
            (CKA_LABEL, b"label".to_vec()),
            (CKA_VALUE, vec![1, 2, 3]),
        ],
        Written::Change | Written::Search => vec![(CKA_LABEL, b"another".to_vec())],
        Written::Aes | Written::WithUnwrapTemplate => {
            vec![(CKA_TOKEN, flag(CK_FALSE)), (CKA_VALUE_LEN, number(32)), (CKA_LABEL, b"label".to_vec())]
        }
        Written::EcPublic => vec![(CKA_TOKEN, flag(CK_FALSE)), (CKA_EC_PARAMS, P256.to_vec())],
        Written::EcPrivate => vec![(CKA_TOKEN, flag(CK_FALSE)), (CKA_SIGN, flag(CK_TRUE))],
        Written::Unwrapped => secret,
        Written::Derived => [secret, vec![(CKA_VALUE_LEN, number(32))]].concat(),
    }
}

/// Pointer and count of a template, with one word of one row replaced.
fn template(written: Written, scene: &mut Scene<'_>, spoilt: Option<(usize, u64)>, slack: usize) -> Vec<u64> {
    let mut words = Vec::new();
    for (kind, value) in rows(written) {
        words.extend([kind, scene.place(&value, slack), value.len() as u64]);
    }
    if matches!(written, Written::WithUnwrapTemplate) {
        let value = scene.place(&[CK_TRUE], 0);
        let inner = scene.words(&[CKA_SENSITIVE, value, 1], slack);
        words.extend([CKA_UNWRAP_TEMPLATE, inner, 24]);
    }
    if let Some((index, word)) = spoilt {
        words[index] = word;
    }
    let count = words.len() as u64 / 3;
    vec![scene.words(&words, slack), count]
}

fn templates(written: Written, scene: &mut Scene<'_>) -> Vec<Case> {
    let good = template(written, scene, None, 0);
    let mut cases = vec![
        case("null template with a count", &[0, good[1]], Expect::Refusal),
        case("null template without a count", &[0, 0], Expect::Any),
        case("a template of no rows", &[good[0], 0], Expect::Any),
        case("an absurd count", &[good[0], ABSURD], Expect::Refusal),
        case("a count that overflows in bytes", &[good[0], ABSURD / 24 + 2], Expect::Refusal),
        case("misaligned template", &template(written, scene, None, 1), Expect::Any),
    ];
    for row in 0..good[1] as usize {
        cases.push(case("a type that is none", &template(written, scene, Some((3 * row, ABSURD)), 0), Expect::Refusal));
        cases.push(case("a null value", &template(written, scene, Some((3 * row + 1, 0)), 0), Expect::Refusal));
        cases.push(case("an absurd value", &template(written, scene, Some((3 * row + 2, ABSURD)), 0), Expect::Refusal));
        cases.push(case("an empty value", &template(written, scene, Some((3 * row + 2, 0)), 0), Expect::Any));
    }
    if matches!(written, Written::WithUnwrapTemplate) {
        let last = 3 * (good[1] as usize - 1) + 2;
        cases.push(case("half a row inside", &template(written, scene, Some((last, 23)), 0), Expect::Refusal));
    }
    cases
}

fn answers(scene: &mut Scene<'_>, slack: usize) -> Vec<u64> {
    let (label, value) = (scene.place(&[0; 64], slack), scene.place(&[0; 64], slack));
    vec![scene.words(&[CKA_LABEL, label, 64, CKA_VALUE, value, 64], slack), 2]
}

fn bad_answers(scene: &mut Scene<'_>) -> Vec<Case> {
    let good = answers(scene, 0);
    let value = scene.place(&[0; 8], 0);
    vec![
        case("null template with a count", &[0, 2], Expect::Refusal),
        case("null template without a count", &[0, 0], Expect::Any),
        case("an absurd count", &[good[0], ABSURD], Expect::Refusal),
        case("a count that overflows in bytes", &[good[0], ABSURD / 24 + 2], Expect::Refusal),
        case("misaligned template", &answers(scene, 1), Expect::Any),
        case("a type that is none", &[scene.words(&[ABSURD, value, 8], 0), 1], Expect::Refusal),
        case("no room", &[scene.words(&[CKA_VALUE, value, 0], 0), 1], Expect::Only(CKR_BUFFER_TOO_SMALL)),
        case("absurd room", &[scene.words(&[CKA_VALUE, value, ABSURD], 0), 1], Expect::Any),
        case("null value with room", &[scene.words(&[CKA_VALUE, 0, 64], 0), 1], Expect::Any),
    ]
}
