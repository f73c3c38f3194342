//! Which of the IPv4 addresses of a prefix on a link is the first one, where that is the site's to say: the host sends from it, and what
//! the others hold goes when another becomes the first.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Inputs, Obstruction, Step};
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::state::{Ground, Key, Resource, State, beside};

/// The prefixes in which everybody keeps the place that they have.
pub(super) struct Order {
    /// Each with what it is settled for.
    settled: BTreeMap<(LinkName, Prefix), Key>,
}

impl Order {
    /// Around what stays and what waits, and under protected routes, which would fall: but for those that go elsewhere first.
    pub(super) fn new(
        inputs: Inputs<'_>,
        obstructed: &BTreeMap<Key, Obstruction>,
        staying: &BTreeMap<Key, Obstruction>,
    ) -> Self {
        let observed = &inputs.observed.state;
        let held = staying.keys().chain(obstructed.keys());
        let held = held.filter(|key| observed.contains_key(*key));
        let mut settled: BTreeMap<_, Key> = held
            .filter_map(|key| Some((place(key)?, key.clone())))
            .collect();
        let protected = inputs.desired.protected.keys().chain(staying.keys());
        let mut routes = protected
            .filter(|key| matches!(key, Key::Route { .. }))
            .filter_map(|key| Some((key, observed.get(key)?)))
            .filter(|(key, found)| {
                let wanted = inputs.desired.state.get(*key);
                let leaves = wanted.is_some_and(|wanted| !wanted.changes_from(found).is_empty());
                !leaves || obstructed.contains_key(*key)
            })
            .peekable();
        if routes.peek().is_some() {
            let ground = Ground::new(observed);
            for (key, route) in routes {
                let under = route.requires(key, &ground);
                settled.extend(
                    under
                        .iter()
                        .filter_map(|on| Some((place(on)?, key.clone()))),
                );
            }
        }
        Self { settled }
    }

    /// What is wanted of a thing that is not to change its place.
    pub(super) fn applied_to<'w>(&self, key: &Key, wanted: Cow<'w, Resource>) -> Cow<'w, Resource> {
        if place(key).is_some_and(|at| self.settled.contains_key(&at)) {
            Cow::Owned(wanted.into_owned().anywhere())
        } else {
            wanted
        }
    }

    /// Why an address that the site wants to be the first of its prefix comes after another one; none where it does not.
    pub(super) fn withheld(
        &self,
        inputs: Inputs<'_>,
        key: &Key,
        wanted: &Resource,
    ) -> Option<Obstruction> {
        if !is_first(wanted) {
            return None;
        }
        let found = inputs.observed.state.get(key);
        let is_later = |found: &Resource| matches!(found, Resource::Address(address) if address.secondary == Some(true));
        if !found.is_none_or(is_later) {
            return None;
        }
        let of = self.settled.get(&place(key)?).cloned();
        let of = of.or_else(|| beside_others(inputs, key))?;
        Some(Obstruction::Behind { of })
    }
}

/// An address in the prefix of another one, on the same link, that no site speaks of, or a lease's.
pub(super) fn beside_others(inputs: Inputs<'_>, key: &Key) -> Option<Key> {
    let Key::Address {
        controller,
        link,
        address,
    } = key
    else {
        return None;
    };
    let prefix = address.prefix();
    let found = beside(&inputs.observed.state, controller, link, prefix);
    let is_other =
        |key: &Key| inputs.observed.is_foreign(key) && !inputs.desired.state.contains_key(key);
    let other = found.into_iter().find(|(other, _)| is_other(other));
    let mut leased = inputs.observed.facts.beside.addresses.iter();
    let leased = || {
        leased
            .find(|one| one.link.as_ref() == Some(link) && one.address.prefix() == prefix)
            .map(|one| Key::Address {
                controller: controller.clone(),
                link: link.clone(),
                address: one.address,
            })
    };
    other.map(|(other, _)| other.clone()).or_else(leased)
}

/// A state put together of parts, with the places of addresses where one of them is the first.
pub(super) fn places_known(state: State) -> State {
    let mut known: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for (key, resource) in &state {
        if let Some(at) = place(key) {
            let (firsts, all) = known.entry(at).or_default();
            *firsts += usize::from(is_first(resource));
            *all += 1;
        }
    }
    let is_known = |key: &Key| {
        let known = place(key).and_then(|at| known.get(&at));
        known.is_some_and(|(firsts, all)| *firsts == 1 && *all > 1)
    };
    let known = |(key, resource): (Key, Resource)| {
        let resource = if is_known(&key) {
            resource
        } else {
            resource.anywhere()
        };
        (key, resource)
    };
    state.into_iter().map(known).collect()
}

/// The first addresses of their prefixes that steps take away or change.
pub(super) fn firsts(steps: &[Step]) -> BTreeMap<(LinkName, Prefix), &Key> {
    let changed = steps
        .iter()
        .filter(|step| step.before.as_ref().is_some_and(is_first));
    changed
        .filter_map(|step| Some((place(&step.key)?, &step.key)))
        .collect()
}

pub(super) fn is_first(resource: &Resource) -> bool {
    matches!(resource, Resource::Address(address) if address.secondary == Some(false))
}

/// The link and the prefix of an address.
pub(super) fn place(key: &Key) -> Option<(LinkName, Prefix)> {
    if let Key::Address { link, address, .. } = key {
        Some((link.clone(), address.prefix()))
    } else {
        None
    }
}
