//! Addresses that others made on a port, and that the site has on the bond or bridge above it: they move there, and come back once the
//! port is one no longer and nobody wants them elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::diff::phase;
use super::place::ip;
use super::{Action, Inputs, Obstruction, Reason, Step, ignore};
use crate::base::name::{HostName, LinkName};
use crate::state::{Ground, Key, Link, LinkKind, Ownership, Resource, Route, State};

/// Ports are ports of ports at most so deep: an Ethernet port of a bond of a bridge.
const DEEPEST: usize = 4;

/// Which addresses move, by where they are.
pub(super) struct Moves<'a> {
    inputs: Inputs<'a>,
    /// Up from a port, each with where the site has it.
    up: BTreeMap<&'a Key, &'a Key>,
    /// Back to where they were claimed, each with where it is now and with what it was.
    back: BTreeMap<&'a Key, (&'a Key, &'a Resource)>,
}

impl<'a> Moves<'a> {
    /// The moves that nothing stands in the way of: neither of what they lead to, nor of what they lead from.
    pub(super) fn new(
        inputs: Inputs<'a>,
        obstructed: &BTreeMap<Key, Obstruction>,
        staying: &BTreeMap<Key, Obstruction>,
    ) -> Self {
        let up = up(inputs, |key| staying.contains_key(key)).into_iter();
        let up =
            up.filter(|(from, to)| !obstructed.contains_key(*to) && !staying.contains_key(*from));
        let back = back(inputs).into_iter();
        let back = back.filter(|(_, (from, _))| !staying.contains_key(*from));
        Self {
            inputs,
            up: up.collect(),
            back: back.collect(),
        }
    }

    /// The step that takes an address away to where the site has it.
    pub(super) fn away(&self, key: &Key, before: &Resource) -> Option<Step> {
        let to = *self.up.get(key)?;
        let because = Reason::MovesTo { key: to.clone() };
        Some(Step {
            origin: self.inputs.desired.origins.get(to).cloned(),
            before: Some(before.clone()),
            ..step(key, Action::Claim, because)
        })
    }

    /// The steps that put addresses back where they were.
    pub(super) fn back(&self) -> impl Iterator<Item = Step> {
        self.back.iter().map(|(key, (from, before))| {
            let because = Reason::MovesFrom {
                key: (*from).clone(),
            };
            Step {
                after: Some((*before).clone().anywhere()),
                original: Some(Box::new((*before).clone())),
                ..step(key, Action::Release, because)
            }
        })
    }

    /// Says of what comes where it comes from.
    pub(super) fn tell(&self, steps: &mut [Step]) {
        let from: BTreeMap<&Key, &Key> = self.up.iter().map(|(from, to)| (*to, *from)).collect();
        for step in steps.iter_mut().filter(|step| step.before.is_none()) {
            if let Some(from) = from.get(&step.key).copied() {
                step.because = Reason::MovesFrom { key: from.clone() };
            }
        }
    }

    /// What is on the host when all is done, and no site says.
    pub(super) fn returned(&self) -> State {
        let back = self.back.iter();
        back.map(|(key, (_, before))| ((*key).clone(), (*before).clone()))
            .collect()
    }
}

fn step(key: &Key, action: Action, because: Reason) -> Step {
    Step {
        key: key.clone(),
        action,
        because,
        origin: None,
        phase: phase(key),
        before: None,
        after: None,
        changes: Vec::new(),
        original: None,
    }
}

/// The addresses of others that would move, and where to.
pub(super) fn up(inputs: Inputs<'_>, stays: impl Fn(&Key) -> bool) -> BTreeMap<&Key, &Key> {
    let (desired, observed) = (inputs.desired, inputs.observed);
    let links = Links {
        desired: &desired.state,
        observed: &observed.state,
        stays: &stays,
    };
    let mut ground = None;
    let mut up = BTreeMap::new();
    for key in observed.state.keys() {
        let Key::Address {
            controller,
            link,
            address,
        } = key
        else {
            continue;
        };
        if !observed.is_foreign(key)
            || desired.state.contains_key(key)
            || links.joined(controller, link).is_none()
            || ignore::is_left(desired, key)
            || desired.unmoved.contains(key)
        {
            continue;
        }
        let ground = ground.get_or_insert_with(|| Ground::new(&desired.state));
        let mut wanted = ground.holding(controller, address.ip());
        // Where it is there already, somebody has it twice and knows.
        let to = wanted.find(|to| !observed.state.contains_key(*to) && links.is_above(to, link));
        up.extend(to.map(|to| (key, to)));
    }
    up
}

/// Links as they are to be: as the site says, or as they are where they stay.
struct Links<'a, 'f> {
    desired: &'a State,
    observed: &'a State,
    stays: &'f dyn Fn(&Key) -> bool,
}

impl<'a> Links<'a, '_> {
    /// Whether the address `to` is on a bond or bridge that `link` is a port of, directly or over others.
    fn is_above(&self, to: &Key, link: &LinkName) -> bool {
        let Key::Address {
            controller,
            link: above,
            ..
        } = to
        else {
            return false;
        };
        let mut below = link;
        for _ in 0..DEEPEST {
            match self.joined(controller, below) {
                Some(on) if on == above => return true,
                Some(on) => below = on,
                None => return false,
            }
        }
        false
    }

    /// The bond or bridge that a link is to be a port of. Ports of a VRF keep their addresses.
    fn joined(&self, controller: &HostName, link: &LinkName) -> Option<&'a LinkName> {
        let of = self.link(controller, link)?.port_of.as_ref()?;
        let kind = &self.link(controller, of)?.kind;
        matches!(kind, LinkKind::Bond(_) | LinkKind::Bridge(_)).then_some(of)
    }

    fn link(&self, controller: &HostName, link: &LinkName) -> Option<&'a Link> {
        let key = Key::link(controller, link);
        let stays = || self.observed.get(&key).filter(|_| (self.stays)(&key));
        match self.desired.get(&key).or_else(stays) {
            Some(Resource::Link(link)) => Some(link),
            Some(_) | None => None,
        }
    }
}

fn back(inputs: Inputs<'_>) -> BTreeMap<&Key, (&Key, &Resource)> {
    let (desired, observed) = (&inputs.desired.state, inputs.observed);
    let mut back = BTreeMap::new();
    for (key, whose) in &observed.facts.ownership {
        let (Ownership::Claimed { before }, Some(address)) = (whose, ip(key)) else {
            continue;
        };
        let is_chosen = !inputs.desired.unmoved.contains(key);
        if observed.state.contains_key(key) || !is_chosen || !is_free(inputs, key) {
            continue;
        }
        let is_same = |other: &&Key| ip(other) == Some(address);
        let from = observed.state.keys().find(is_same);
        if let (Some(from), None) = (from, desired.keys().find(is_same)) {
            back.insert(key, (from, before));
        }
    }
    back
}

/// Whether the link of an address is there when all is done, and no port.
fn is_free(inputs: Inputs<'_>, address: &Key) -> bool {
    let Key::Address {
        controller, link, ..
    } = address
    else {
        return false;
    };
    let key = Key::link(controller, link);
    let (desired, observed) = (&inputs.desired.state, inputs.observed);
    let original = observed.before_claim(&key);
    let found = observed.state.get(&key);
    let last = desired.get(&key).or(original).or(found);
    let is_free = |last: &Resource| matches!(last, Resource::Link(link) if link.port_of.is_none());
    found.is_some() && last.is_some_and(is_free)
}

/// A route of others, by the links that the addresses towards its routers are on when all is done: it goes with them.
pub(super) fn following(
    controller: &HostName,
    route: &Route,
    before: &Ground<'_>,
    outcome: &Ground<'_>,
) -> Route {
    let mut route = route.clone();
    for hop in &mut route.hops {
        let (Some(via), Some(on)) = (hop.via, hop.link.as_ref()) else {
            continue;
        };
        let near = before.reaching(controller, via);
        let near = near.filter(|key| matches!(key, Key::Address { link, .. } if link == on));
        let ips: Vec<IpAddr> = near.filter_map(ip).collect();
        let now = ips
            .into_iter()
            .flat_map(|ip| outcome.holding(controller, ip));
        let mut links = now.filter_map(|key| {
            if let Key::Address { link, .. } = key {
                Some(link.clone())
            } else {
                None
            }
        });
        if let Some(link) = links.next() {
            hop.link = Some(link);
        }
    }
    route
}
