//! Ways through the universe, as API calls.

use std::collections::VecDeque;

use claviger_rules::Template;

use crate::alphabet::show;
use crate::universe::{Born, Call, Heir, How, StateId, Universe};

impl Universe {
    /// A call as a trace shows it.
    pub fn show(&self, call: Call) -> String {
        let template = |list: &[Template], index: usize| list.get(index).map(show).unwrap_or_default();
        match call {
            Call::Set(index) => format!("C_SetAttributeValue({})", template(&self.alphabet.sets, index)),
            Call::Copy(index) => format!("C_CopyObject({})", template(&self.alphabet.copies, index)),
            Call::Trust => "C_SetAttributeValue({TRUSTED=1})".to_owned(),
            Call::Retire => "C_SetAttributeValue({TRUSTED=0})".to_owned(),
            Call::Share => "C_SetAttributeValue({CLAVIGER_SHARED_WITH=app1})".to_owned(),
        }
    }

    /// The shortest way to a state, a call a line.
    pub fn way_to(&self, state: StateId) -> Vec<String> {
        let mut came: Vec<Option<(Option<StateId>, String)>> = vec![None; self.states.len()];
        let mut queue = VecDeque::new();
        let mut reach = |queue: &mut VecDeque<_>, from, to: StateId, call: &dyn Fn() -> String| {
            if let Some(place) = came.get_mut(to).filter(|place| place.is_none()) {
                *place = Some((from, call()));
                queue.push_back(to);
            }
        };
        for born in &self.births {
            for half in [Some(born.state), born.public].into_iter().flatten() {
                reach(&mut queue, None, half, &|| format!("{:<10} {}", born.who.name(), self.show_born(born)));
            }
        }
        while let Some(at) = queue.pop_front() {
            let Some(from) = self.states.get(at) else { continue };
            for edge in &from.edges {
                reach(&mut queue, Some(at), edge.to, &|| format!("{:<10} {}", edge.who.name(), self.show(edge.call)));
            }
            let lists =
                [("C_UnwrapKey", &self.unwrapped, from.unwraps_to), ("C_DeriveKey", &self.derived, from.derives_to)];
            for (call, lists, list) in lists {
                for heir in lists.get(list).into_iter().flatten() {
                    reach(&mut queue, Some(at), heir.state, &|| self.show_heir(call, heir));
                }
            }
        }
        let mut way = Vec::new();
        let mut at = Some(state);
        while let Some((from, call)) = at.and_then(|state| came.get_mut(state)?.take()) {
            way.push(call);
            at = from;
        }
        way.reverse();
        way
    }

    /// The shortest way to a state, and on to an heir of it.
    pub fn way_through(&self, state: StateId, call: &str, heir: &Heir) -> Vec<String> {
        let mut way = self.way_to(state);
        way.push(self.show_heir(call, heir));
        way
    }

    fn show_heir(&self, call: &str, heir: &Heir) -> String {
        format!("{:<10} {call}({}), under or from it", heir.who.name(), self.show_birth(heir.template))
    }

    /// A birth as a trace shows it.
    pub fn show_born(&self, born: &Born) -> String {
        let template = self.show_birth(born.template);
        match born.how {
            How::Generate => format!("C_GenerateKey(AES, {template})"),
            How::GenerateShort => format!("C_GenerateKey(5 bytes, {template})"),
            How::Pair => format!("C_GenerateKeyPair(RSA, private {template})"),
            How::Import => format!("C_CreateObject({template})"),
        }
    }

    /// The template of a birth as a trace shows it.
    pub fn show_birth(&self, template: usize) -> String {
        self.alphabet.births.get(template).map(show).unwrap_or_default()
    }
}
