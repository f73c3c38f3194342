//! What the site does not speak of any more: taken away if Bedplate made it, given back if it was claimed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::diff::phase;
use super::place::ip;
use super::{Action, Inputs, Phase, Reason, Step};
use crate::base::name::LinkName;
use crate::state::{Key, Observation, Resource};

/// What is looked up for each thing that is withdrawn.
pub(super) struct Withdrawal<'a> {
    inputs: Inputs<'a>,
    /// The links that others put addresses on.
    used: BTreeSet<&'a LinkName>,
    /// The addresses that are to be somewhere.
    wanted: BTreeSet<IpAddr>,
}

impl<'a> Withdrawal<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        Self {
            inputs,
            used: used(inputs.observed),
            wanted: inputs.desired.state.keys().filter_map(ip).collect(),
        }
    }

    /// The step that takes `key` away or gives it back; none for what others made.
    pub(super) fn step(&self, key: &Key, before: &Resource) -> Option<Step> {
        let observed = self.inputs.observed;
        if observed.is_foreign(key) {
            return None;
        }
        let original = observed.before_claim(key);
        // Given back, an address that is to be on another link would be on both.
        let moves = original.is_some() && ip(key).is_some_and(|ip| self.wanted.contains(&ip));
        let after = original.filter(|_| !moves);
        let after = after.map(|original| self.given_back(key, original));
        let changes = after.as_ref().map(|original| original.changes_from(before));
        let action = match after {
            Some(_) => Action::Release,
            None if moves => Action::Carry,
            None => Action::Delete,
        };
        let applied = self.inputs.applied;
        Some(Step {
            key: key.clone(),
            action,
            because: Reason::Withdrawn,
            origin: applied
                .and_then(|applied| applied.origins.get(key))
                .cloned(),
            phase: match matches!(key, Key::Bmc { .. }) {
                // What there is to do to its machine is done through it.
                true => Phase::Machines,
                false => phase(key),
            },
            before: Some(before.clone()),
            after,
            changes: changes.unwrap_or_default(),
            original: original.cloned().map(Box::new),
        })
    }

    /// What a claimed thing goes back to: as it was, but a link that others put addresses on since stays up.
    fn given_back(&self, key: &Key, original: &Resource) -> Resource {
        let mut original = original.clone();
        if let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, &mut original) {
            link.up |= self.used.contains(name);
        }
        original.anywhere()
    }
}

fn used(observed: &Observation) -> BTreeSet<&LinkName> {
    let addresses = observed.state.keys().filter_map(|key| {
        if let Key::Address { link, .. } = key {
            Some((key, link))
        } else {
            None
        }
    });
    let foreign = addresses.filter(|(key, _)| observed.is_foreign(key));
    foreign.map(|(_, link)| link).collect()
}
