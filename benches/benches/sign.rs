//! What do C_SignInit and C_Sign cost together, beside the raw primitive?
#![allow(clippy::expect_used, missing_docs, reason = "a bench that cannot run says so and stops")]

use claviger_benches::Bench;
use claviger_crypto::{Curve, Key, Params, Sign, SystemRandom, encoding, generate, sign};
use claviger_rules::{AttributeType, MechanismType, Mode, Template, Value};
use claviger_session::{MechanismCall, Room};
use criterion::{Criterion, criterion_group, criterion_main};

const DIGEST: [u8; 32] = [3; 32];

fn raw(criterion: &mut Criterion) {
    let parts = generate::ec(Curve::P256).expect("a key pair");
    let key = Key::ec_private(parts.curve, parts.scalar).expect("a key");
    let mut signature = [0; 64];
    criterion.bench_function("raw/ecdsa_p256", |bencher| {
        bencher.iter(|| sign::ECDSA.sign(&key, &Params::None, &DIGEST, &mut signature, &mut SystemRandom::new()));
    });
    let parts = generate::rsa(2048, &[1, 0, 1]).expect("a key pair");
    let key = Key::rsa_private(parts).expect("a key");
    let mut signature = [0; 256];
    criterion.bench_function("raw/rsa_2048", |bencher| {
        bencher.iter(|| {
            sign::SHA256_RSA_PKCS.sign(&key, &Params::None, &DIGEST, &mut signature, &mut SystemRandom::new())
        });
    });
}

fn calls(criterion: &mut Criterion) {
    let bench = Bench::new(Mode::Enforce);
    let session = &bench.session;
    let curve = encoding::ec_params(Curve::P256).expect("the curve's parameters");
    let cases = [
        (
            "ecdsa_p256",
            MechanismType::EC_KEY_PAIR_GEN,
            (AttributeType::EC_PARAMS, Value::bytes(curve)),
            MechanismType::ECDSA,
        ),
        (
            "rsa_2048",
            MechanismType::RSA_PKCS_KEY_PAIR_GEN,
            (AttributeType::MODULUS_BITS, Value::Ulong(2048)),
            MechanismType::SHA256_RSA_PKCS,
        ),
    ];
    for (name, pair, public, mechanism) in cases {
        let public = Template::from_list([public]).expect("a template");
        let (_, private) =
            session.generate_key_pair(MechanismCall::plain(pair), public, Template::new()).expect("a key pair");
        let mut signature = [0; 256];
        criterion.bench_function(&format!("sign/{name}"), |bencher| {
            bencher.iter(|| {
                session.sign_init(MechanismCall::plain(mechanism), private).expect("an operation");
                session.sign(&DIGEST, &mut Room::bytes(&mut signature)).expect("a signature");
            });
        });
    }
}

criterion_group!(benches, raw, calls);
criterion_main!(benches);
