//! What does wrapping a 32-byte key cost, beside the raw primitive?
#![allow(clippy::expect_used, missing_docs, reason = "a bench that cannot run says so and stops")]

use claviger_benches::{Bench, generate};
use claviger_crypto::{Key, Params, Secret, SystemRandom, Wrap, wrap};
use claviger_rules::{AttributeType, MechanismType, Mode};
use claviger_session::{MechanismCall, Room};
use criterion::{Criterion, criterion_group, criterion_main};

fn raw(criterion: &mut Criterion) {
    let key = Key::secret(Secret::new(vec![1; 32]));
    let engines: [(&str, &dyn Wrap); 2] = [("raw/kw", &wrap::AES_KW), ("raw/kwp", &wrap::AES_KWP)];
    for (name, engine) in engines {
        let mut blob = [0; 64];
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| engine.wrap(&key, &Params::None, &[2; 32], &mut blob, &mut SystemRandom::new()));
        });
    }
}

fn calls(criterion: &mut Criterion) {
    for mode in [Mode::Standard, Mode::Enforce] {
        let bench = Bench::new(mode);
        let flags = [(AttributeType::SENSITIVE, true), (AttributeType::EXTRACTABLE, true)];
        let payload = generate(&bench.session, "payload", &flags);
        for (name, id) in [("kw", MechanismType::AES_KEY_WRAP), ("kwp", MechanismType::AES_KEY_WRAP_KWP)] {
            let mut blob = [0; 64];
            criterion.bench_function(&format!("wrap_key/{name}/{}", mode.name()), |bencher| {
                bencher.iter(|| {
                    let mut call = MechanismCall::plain(id);
                    bench
                        .session
                        .wrap_key(&mut call, bench.trusted, payload, &mut Room::bytes(&mut blob))
                        .expect("a blob");
                });
            });
        }
    }
}

criterion_group!(benches, raw, calls);
criterion_main!(benches);
