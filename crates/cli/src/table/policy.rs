//! `claviger table policy`.

use claviger_rules::policy::{Action, Binds, Facts, Kind, Relation, Requirement, Subject, Under, authorize};
use claviger_rules::{Clause, Lifecycle, Mode, Power, Role, Rule, Rulebook, UserId};

use super::{Section, list};

pub(super) fn sections() -> Vec<Section> {
    vec![roles(), answers(), actions(), requirements(), clauses(), rules()]
}

fn roles() -> Section {
    let mark = |role: &Role, power| if role.powers().has(power) { "yes" } else { "" };
    Section {
        name: "Roles",
        about: "What each role may do at all in the mode `enforce`. Outside it, nu and km have each other's powers.",
        columns: std::iter::once("Power".to_owned())
            .chain(Role::ALL.iter().map(|role| role.name().to_owned()))
            .collect(),
        rows: Power::ALL
            .into_iter()
            .map(|power| {
                let marks = Role::ALL.iter().map(|role| mark(role, power).to_owned());
                std::iter::once(format!("{power:?}")).chain(marks).collect()
            })
            .collect(),
    }
}

/// The answers to whoever asks about a key in the commonest situations, in `enforce`.
fn answers() -> Section {
    let answer = |action: Action, who: &Asker| {
        let subject = Subject::new(who.role.map(|role| (UserId(1), role)), Rulebook::of(Mode::Enforce), true);
        let own = who.relation == Relation::Owner;
        let facts = Facts {
            relation: who.relation,
            kind: Kind::Secret,
            lifecycle: who.lifecycle,
            token: true,
            private: true,
            sensitive: true,
            extractable: own && who.lifecycle == Lifecycle::Data,
            wrap_with_trusted: true,
            modifiable: who.lifecycle == Lifecycle::Data,
            copyable: who.lifecycle == Lifecycle::Data,
            under: Under { trusted: true, template_matches: true },
            ..Facts::NONE
        };
        authorize(&subject, action, &facts).map_or_else(|refusal| refusal.error.name().to_owned(), |_| "yes".to_owned())
    };
    Section {
        name: "Answers",
        about: "What `enforce` says of a sensitive secret key on the token that has the usage asked for, of a mechanism that fits, and of a payload that leaves under a trusted key.",
        columns: std::iter::once("Action").chain(ASKERS.iter().map(|who| who.name)).map(str::to_owned).collect(),
        rows: Action::ALL
            .iter()
            .map(|action| {
                let answers = ASKERS.iter().map(|who| answer(*action, who));
                std::iter::once(action.name().to_owned()).chain(answers).collect()
            })
            .collect(),
    }
}

/// Who asks, and of what.
struct Asker {
    name: &'static str,
    role: Option<Role>,
    relation: Relation,
    lifecycle: Lifecycle,
}

const fn asker(name: &'static str, role: Option<Role>, relation: Relation, lifecycle: Lifecycle) -> Asker {
    Asker { name, role, relation, lifecycle }
}

const NU: Option<Role> = Some(Role::NormalUser);
const KM: Option<Role> = Some(Role::KeyManager);
const SO: Option<Role> = Some(Role::SecurityOfficer);

const ASKERS: [Asker; 9] = [
    asker("nobody", None, Relation::Hidden, Lifecycle::Data),
    asker("nu, own data key", NU, Relation::Owner, Lifecycle::Data),
    asker("nu, shared data key", NU, Relation::Sharee, Lifecycle::Data),
    asker("nu, shared trusted key", NU, Relation::Sharee, Lifecycle::Trusted),
    asker("km, own data key", KM, Relation::Owner, Lifecycle::Data),
    asker("km, own candidate", KM, Relation::Owner, Lifecycle::Candidate),
    asker("km, own trusted key", KM, Relation::Owner, Lifecycle::Trusted),
    asker("so, candidate", SO, Relation::Officer, Lifecycle::Candidate),
    asker("so, trusted key", SO, Relation::Officer, Lifecycle::Trusted),
];

fn actions() -> Section {
    let rows = Action::ALL.iter().map(|action| {
        [action.name().to_owned(), list(action.requirements().iter().map(|requirement| requirement.name()))]
    });
    let about = "What must hold for each action. The first requirement that does not hold is the answer.";
    Section::new("Actions", about, ["Action", "Requirements in order"], rows)
}

fn requirements() -> Section {
    let rows = Requirement::ALL.iter().map(|requirement| {
        let refusal = requirement.refusal();
        [requirement.name(), binds(requirement.binds()), refusal.error.name(), refusal.rule.name(), refusal.reason]
            .map(str::to_owned)
    });
    let about = "What each requirement answers when it does not hold.";
    Section::new("Requirements", about, ["Requirement", "Binds in", "Return value", "Rule", "Reason"], rows)
}

fn clauses() -> Section {
    let rows = Clause::ALL
        .iter()
        .map(|clause| [clause.name(), binds(clause.binds()), clause.rule().name(), clause.says()].map(str::to_owned));
    let about = "What shapes the objects that are born or changed, rather than saying no to an action.";
    Section::new("Clauses", about, ["Clause", "Binds in", "Rule", "What it says"], rows)
}

fn rules() -> Section {
    let rows = Rule::ALL.iter().map(|rule| [rule.name(), rule.says(), rule.advice()].map(str::to_owned));
    let about = "The rules, and what an application does that runs into one.";
    Section::new("Rules", about, ["Rule", "What it says", "What to do instead"], rows)
}

const fn binds(binds: Binds) -> &'static str {
    match binds {
        Binds::Always => "every mode",
        Binds::Enforce => "enforce",
    }
}
