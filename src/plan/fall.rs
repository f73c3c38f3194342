//! What falls when other things go: the kernel takes away more than it is told to.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::base::limit::MTU_MIN_V6;
use crate::base::name::LinkName;
use crate::state::{Disruption, Ground, Key, Link, LinkKind, Resource, State, beside};

/// The things that fall with `steps` beside those that these take away, each with the thing that takes it along.
pub(super) fn falling(
    observed: &State,
    desired: &State,
    steps: &BTreeMap<Key, Vec<Step>>,
    movers: &BTreeSet<Key>,
) -> BTreeMap<Key, Key> {
    let first = |(key, steps): (&Key, &Vec<Step>)| Some((key.clone(), steps.first()?.clone()));
    let host = steps.iter().filter(|(key, _)| key.is_host());
    let ends: Vec<(Key, End)> = host
        .filter_map(first)
        .filter_map(|(key, step)| Some((key, end(&step, observed, desired)?)))
        .collect();
    if ends.is_empty() {
        return BTreeMap::new();
    }
    let mut fall = Fall::new(observed, movers);
    for (key, end) in &ends {
        if *end == End::Gone {
            fall.gone.insert(key.clone());
        }
    }
    fall.open = ends;
    fall.settle();
    fall.with
}

/// What becomes of a thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Gone,
    /// Down for a moment, or for good.
    Down,
    /// Too small for IPv6.
    Small,
    /// The first address of its prefix no more.
    Later,
}

/// What becomes of a thing by its first step; none where all that stands on it stays.
fn end(step: &Step, observed: &State, desired: &State) -> Option<End> {
    let (before, after) = match (&step.before, &step.after) {
        (_, None) => return Some(End::Gone),
        (Some(Resource::Link(before)), Some(Resource::Link(after))) => (before, after),
        (Some(Resource::Address(before)), Some(Resource::Address(after))) => {
            let places = (before.secondary, after.secondary);
            return (places == (Some(false), Some(true))).then_some(End::Later);
        }
        (None | Some(_), Some(_)) => return None,
    };
    let cycles = |of: &Option<LinkName>, state: &State| {
        of.as_ref()
            .is_some_and(|of| cycles_ports(of, &step.key, state))
    };
    let moves = before.port_of != after.port_of
        && (cycles(&before.port_of, observed) || cycles(&after.port_of, desired));
    let goes_down = before.up && !after.up;
    let is_small = |link: &Link| link.mtu.is_some_and(|mtu| mtu < MTU_MIN_V6);
    if moves || goes_down || after.disruption(before) == Disruption::Bounce {
        Some(End::Down)
    } else if !is_small(before) && is_small(after) {
        Some(End::Small)
    } else {
        None
    }
}

/// Whether a step takes its link down, for a moment or for good.
pub(super) fn takes_down(step: &Step, observed: &State, desired: &State) -> bool {
    end(step, observed, desired) == Some(End::Down)
}

/// Whether a link that becomes or ceases to be a port of `of` goes down for it: a bond opens and closes its ports, a VRF cycles them.
fn cycles_ports(of: &LinkName, port: &Key, state: &State) -> bool {
    let Key::Link { controller, .. } = port else {
        return false;
    };
    let of = Key::link(controller, of);
    let Some(Resource::Link(of)) = state.get(&of) else {
        return false;
    };
    matches!(of.kind, LinkKind::Bond(_) | LinkKind::Vrf(_))
}

/// Whether what holds a route is, or is on, a link that is up.
pub(super) fn is_up(state: &State, holder: &Key) -> bool {
    let (Key::Address {
        controller, link, ..
    }
    | Key::Link { controller, link }) = holder
    else {
        return true;
    };
    let on = Key::link(controller, link);
    matches!(state.get(&on), Some(Resource::Link(link)) if link.up)
}

/// A fall under way, over indexes of what stands on what.
struct Fall<'a> {
    observed: &'a State,
    movers: &'a BTreeSet<Key>,
    on_link: BTreeMap<&'a LinkName, Vec<&'a Key>>,
    tagged_on: BTreeMap<&'a LinkName, Vec<&'a Key>>,
    /// Ports of bonds and VRFs: what lets them go takes them down.
    ports_of: BTreeMap<&'a LinkName, Vec<&'a Key>>,
    /// The ways of routes that something holds.
    held: BTreeMap<Key, Vec<usize>>,
    /// The ways of routes: whose, and how much still holds them. One thing is enough; a route with a way less is another.
    ways: Vec<(&'a Key, usize)>,
    /// Listeners, by what they need.
    listeners: BTreeMap<Key, Vec<&'a Key>>,
    open: Vec<(Key, End)>,
    gone: BTreeSet<Key>,
    down: BTreeSet<Key>,
    /// What holds no route any more.
    idle: BTreeSet<Key>,
    with: BTreeMap<Key, Key>,
}

impl<'a> Fall<'a> {
    fn new(observed: &'a State, movers: &'a BTreeSet<Key>) -> Self {
        let mut fall = Self {
            observed,
            movers,
            on_link: BTreeMap::new(),
            tagged_on: BTreeMap::new(),
            ports_of: BTreeMap::new(),
            held: BTreeMap::new(),
            ways: Vec::new(),
            listeners: BTreeMap::new(),
            open: Vec::new(),
            gone: BTreeSet::new(),
            down: BTreeSet::new(),
            idle: BTreeSet::new(),
            with: BTreeMap::new(),
        };
        let ground = Ground::new(observed);
        for (key, resource) in observed {
            match (key, resource) {
                (Key::Address { link, .. }, _) => {
                    fall.on_link.entry(link).or_default().push(key);
                }
                (_, Resource::Link(link)) => {
                    if let Some(on) = link.kind.on() {
                        fall.tagged_on.entry(on).or_default().push(key);
                    }
                    let of = link.port_of.as_ref();
                    if let Some(of) = of.filter(|of| cycles_ports(of, key, observed)) {
                        fall.ports_of.entry(of).or_default().push(key);
                    }
                }
                (_, Resource::Route(_)) => {
                    for mut way in resource.ways(key, &ground) {
                        // The kernel resolved none through a link that is down.
                        if way.iter().any(|holder| is_up(observed, holder)) {
                            way.retain(|holder| is_up(observed, holder));
                        }
                        fall.ways.push((key, way.len()));
                        let way_at = fall.ways.len() - 1;
                        for holder in way {
                            fall.held.entry(holder).or_default().push(way_at);
                        }
                    }
                }
                (_, Resource::Listener(_)) => {
                    for needed in resource.requires(key, &ground) {
                        fall.listeners.entry(needed).or_default().push(key);
                    }
                }
                // What the servers hold stands on no link.
                (_, _) => {}
            }
        }
        fall
    }

    fn settle(&mut self) {
        while let Some((key, end)) = self.open.pop() {
            if end == End::Gone {
                for listener in self.listeners.remove(&key).unwrap_or_default() {
                    self.take(listener, &key);
                }
            }
            if let Key::Link { link, .. } = &key {
                self.link_ends(&key, link, end);
            } else {
                self.idle(&key, &key);
                self.later_ones(&key);
            }
        }
    }

    /// With the first IPv4 address of a prefix on a link the kernel takes the later ones (`__inet_del_ifa`). They are put back at once,
    /// and what they held is not.
    fn later_ones(&mut self, first: &Key) {
        let (
            Key::Address {
                controller,
                link,
                address,
            },
            Some(Resource::Address(flags)),
        ) = (first, self.observed.get(first))
        else {
            return;
        };
        if flags.secondary != Some(false) {
            return;
        }
        for (key, _) in beside(self.observed, controller, link, address.prefix()) {
            self.idle(key, first);
        }
    }

    fn link_ends(&mut self, key: &Key, link: &LinkName, end: End) {
        let addresses = self.on_link.get(link).cloned().unwrap_or_default();
        for address in addresses {
            let is_v6 = matches!(address, Key::Address { address, .. } if address.ip().is_ipv6());
            // An IPv4 address outlives its link's going down; an IPv6 one does not (`addrconf_ifdown`).
            if end == End::Gone || is_v6 {
                self.take(address, key);
            }
            if end != End::Small || is_v6 {
                self.idle(address, if end == End::Gone { address } else { key });
            }
        }
        if end == End::Small {
            return;
        }
        // Routes that name it go with it also where its addresses stay.
        self.idle(key, key);
        if end == End::Gone {
            for port in self.ports_of.remove(link).unwrap_or_default() {
                if self.down.insert(port.clone()) {
                    self.open.push((port.clone(), End::Down));
                }
            }
        }
        for tagged in self.tagged_on.get(link).cloned().unwrap_or_default() {
            if end == End::Gone {
                self.take(tagged, key);
            } else if self.down.insert(tagged.clone()) {
                self.open.push((tagged.clone(), End::Down));
            }
        }
    }

    /// `key` goes, since `with` does.
    fn take(&mut self, key: &Key, with: &Key) {
        if self.movers.contains(key) || !self.gone.insert(key.clone()) {
            return;
        }
        self.with.insert(key.clone(), with.clone());
        self.open.push((key.clone(), End::Gone));
    }

    /// What held routes does so no more.
    fn idle(&mut self, holder: &Key, with: &Key) {
        if !self.observed.contains_key(holder) || !self.idle.insert(holder.clone()) {
            return;
        }
        for way in self.held.get(holder).cloned().unwrap_or_default() {
            let Some((route, left)) = self.ways.get_mut(way) else {
                continue;
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                let route = *route;
                self.take(route, with);
            }
        }
    }
}
