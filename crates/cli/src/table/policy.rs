//! `claviger table policy`.

use claviger_rules::policy::{Action, Binds, Requirement};
use claviger_rules::{Power, Role};

use super::{Section, list};

pub(super) fn sections() -> Vec<Section> {
    vec![roles(), actions(), requirements()]
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
        let binds = match requirement.binds() {
            Binds::Always => "every mode",
            Binds::Enforce => "enforce",
        };
        [requirement.name(), binds, refusal.error.name(), refusal.rule.name(), refusal.reason].map(str::to_owned)
    });
    let about = "What each requirement answers when it does not hold.";
    Section::new("Requirements", about, ["Requirement", "Binds in", "Return value", "Rule", "Reason"], rows)
}
