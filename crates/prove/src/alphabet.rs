//! The templates that the attacker chooses from.

use claviger_rules::{AttributeType as A, KeyType, ObjectClass, Template, Value};

/// The usages that the model tells apart. SIGN and VERIFY reveal no more than ENCRYPT does.
pub const USAGES: [A; 5] = [A::WRAP, A::UNWRAP, A::ENCRYPT, A::DECRYPT, A::DERIVE];

/// Templates by what they are for.
pub struct Alphabet {
    /// For keys that are generated, imported, unwrapped or derived.
    pub births: Vec<Template>,
    /// For C_SetAttributeValue.
    pub sets: Vec<Template>,
    /// For C_CopyObject.
    pub copies: Vec<Template>,
}

type Flags = Vec<(A, bool)>;

impl Alphabet {
    /// Every combination of protection and usage, and every single change.
    pub fn full() -> Self {
        let protections = every(&[A::SENSITIVE, A::EXTRACTABLE, A::WRAP_WITH_TRUSTED]);
        let mut births = Vec::new();
        for protection in &protections {
            births.push(template(protection));
            for usages in subsets(&USAGES) {
                births.push(with(protection, &usages));
            }
        }
        births.extend(special());
        let mut sets = single(&[A::SENSITIVE, A::EXTRACTABLE, A::WRAP_WITH_TRUSTED]);
        sets.extend(single(&USAGES));
        sets.push(template(&[(A::SENSITIVE, true), (A::WRAP_WITH_TRUSTED, false)]));
        sets.push(template(&[(A::SENSITIVE, false), (A::WRAP_WITH_TRUSTED, true)]));
        sets.push(template(&[(A::PRIVATE, false)]));
        let mut copies: Vec<_> = protections.iter().map(|flags| template(flags)).collect();
        copies.extend(single(&[A::PRIVATE, A::MODIFIABLE]));
        Self { births, sets, copies }
    }

    /// The few that attacks need, small enough to search: of the changes only those that weaken a key or give it another
    /// use, since an attacker gains nothing by the others.
    pub fn small() -> Self {
        let weaker = [(A::SENSITIVE, false), (A::EXTRACTABLE, true), (A::WRAP_WITH_TRUSTED, false)];
        let more = [(A::WRAP, true), (A::DECRYPT, true)];
        let sets = weaker.iter().chain(&more).map(|change| template(&[*change])).collect();
        Self { sets, ..Self::middle() }
    }

    /// Enough to see the effect of every rule.
    pub fn middle() -> Self {
        let protections: [&[(A, bool)]; 4] = [
            &[(A::SENSITIVE, true), (A::EXTRACTABLE, true)],
            &[(A::SENSITIVE, true), (A::EXTRACTABLE, false)],
            &[(A::SENSITIVE, false), (A::EXTRACTABLE, true)],
            &[(A::SENSITIVE, true), (A::EXTRACTABLE, true), (A::WRAP_WITH_TRUSTED, false)],
        ];
        let usages: [&[A]; 4] = [&[], &[A::WRAP, A::DECRYPT], &[A::UNWRAP, A::ENCRYPT], &[A::WRAP, A::UNWRAP]];
        let mut births = Vec::new();
        for protection in protections {
            for usage in usages {
                let usage: Flags = usage.iter().map(|usage| (*usage, true)).collect();
                births.push(with(protection, &usage));
            }
        }
        births.extend(special());
        let mut sets = single(&[A::SENSITIVE, A::EXTRACTABLE, A::WRAP_WITH_TRUSTED]);
        sets.extend(single(&[A::WRAP, A::DECRYPT]));
        let copies =
            [vec![], vec![(A::EXTRACTABLE, true)], vec![(A::SENSITIVE, false)], vec![(A::WRAP_WITH_TRUSTED, false)]];
        let mut copies: Vec<_> = copies.iter().map(|flags| template(flags)).collect();
        copies.extend(single(&[A::PRIVATE, A::MODIFIABLE]));
        Self { births, sets, copies }
    }
}

/// What no honest caller asks for: trust at birth, forged history, public secret keys, carried templates.
fn special() -> Vec<Template> {
    let wraps = [(A::WRAP, true), (A::UNWRAP, true)];
    let mut list = vec![
        with(&[(A::TRUSTED, true)], &[(A::WRAP, true)]),
        with(&[(A::TRUSTED, true)], &[(A::WRAP, true), (A::DECRYPT, true)]),
        with(&[(A::LOCAL, true)], &[(A::WRAP, true)]),
        with(&[(A::ALWAYS_SENSITIVE, true), (A::NEVER_EXTRACTABLE, true)], &[(A::WRAP, true)]),
        with(&[(A::PRIVATE, false)], &[(A::DECRYPT, true)]),
        with(&[(A::EXTRACTABLE, true)], &wraps),
        with(&[(A::COPYABLE, true), (A::MODIFIABLE, true)], &wraps),
    ];
    let carried: [&[(A, bool)]; 4] = [
        &[(A::TRUSTED, true)],
        &[(A::WRAP_WITH_TRUSTED, false)],
        &[(A::SENSITIVE, false), (A::EXTRACTABLE, true)],
        &[(A::EXTRACTABLE, true)],
    ];
    for flags in carried {
        let mut carrier = template(&wraps);
        carrier.set(A::UNWRAP_TEMPLATE, Value::Template(template(flags)));
        list.push(carrier);
    }
    let mut matcher = with(&[], &[(A::WRAP, true)]);
    let mut value = Template::new();
    value.set(A::VALUE, Value::bytes([1]));
    matcher.set(A::WRAP_TEMPLATE, Value::Template(value));
    list.push(matcher);
    list
}

/// Every way to name, or not to name, the attributes.
fn every(attributes: &[A]) -> Vec<Flags> {
    attributes.iter().fold(vec![Vec::new()], |lists, attribute| {
        let more = |list: &Flags| {
            [None, Some(false), Some(true)].map(|value| {
                let mut list = list.clone();
                list.extend(value.map(|value| (*attribute, value)));
                list
            })
        };
        lists.iter().flat_map(more).collect()
    })
}

/// Every set of usages, named; the empty one by denying ENCRYPT, since naming none means all.
fn subsets(usages: &[A]) -> Vec<Flags> {
    (0..1u32 << usages.len())
        .map(|bits| {
            let chosen = usages.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
            let chosen: Flags = chosen.map(|(_, usage)| (*usage, true)).collect();
            if chosen.is_empty() { vec![(A::ENCRYPT, false)] } else { chosen }
        })
        .collect()
}

fn single(attributes: &[A]) -> Vec<Template> {
    attributes.iter().flat_map(|attribute| [false, true].map(|value| template(&[(*attribute, value)]))).collect()
}

fn template(flags: &[(A, bool)]) -> Template {
    let mut template = Template::new();
    flags.iter().for_each(|(attribute, value)| template.set(*attribute, Value::Bool(*value)));
    template
}

fn with(some: &[(A, bool)], more: &[(A, bool)]) -> Template {
    let mut both = some.to_vec();
    both.extend_from_slice(more);
    template(&both)
}

/// The template as a program would name it for a new secret key of `key_type`.
pub fn keyed(template: &Template, class: ObjectClass, key_type: KeyType) -> Template {
    let mut template = template.clone();
    template.set(A::CLASS, Value::Ulong(class.id()));
    template.set(A::KEY_TYPE, Value::Ulong(key_type.id()));
    template.set(A::TOKEN, Value::Bool(true));
    template
}

/// `{SENSITIVE=1, WRAP=1}`.
pub fn show(template: &Template) -> String {
    let hidden = [A::CLASS, A::KEY_TYPE, A::TOKEN, A::VALUE, A::VALUE_LEN];
    let shown: Vec<String> = template
        .iter()
        .filter(|(attribute, _)| !hidden.contains(attribute))
        .map(|(attribute, value)| {
            let name = attribute.row().map_or("?", |row| row.name).trim_start_matches("CKA_");
            match value {
                Value::Bool(flag) => format!("{name}={}", u8::from(*flag)),
                Value::Template(nested) if nested.get(A::VALUE).is_some() => format!("{name}={{VALUE}}"),
                Value::Template(nested) => format!("{name}={}", show(nested)),
                _ => name.to_owned(),
            }
        })
        .collect();
    format!("{{{}}}", shown.join(", "))
}
