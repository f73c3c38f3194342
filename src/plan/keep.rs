//! What must stay: what is protected, and what that stands on. Such steps are withheld; all others run. What is protected and not there
//! for a while is remembered, since nobody lifted that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::first::place;
use super::moving::up;
use super::place::{ip, placed};
use super::{Inputs, Obstruction};
use crate::base::name::LinkName;
use crate::base::origin::Origin;
use crate::state::{Ground, Guards, Key, Objects, Resource, State};

/// Things that the site does not speak of, and that stay.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Keep {
    /// With what is protected and not there.
    pub(super) staying: BTreeMap<Key, Stay>,
    /// Protected routes that change in place before what held them goes, rather than fall with it.
    pub(super) movers: BTreeSet<Key>,
    /// What is not there, and what it stood on, as they were.
    lost: State,
}

/// Why a thing stays, and where the site says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stay {
    pub(super) on: Obstruction,
    pub(super) origin: Option<Origin>,
}

/// What is known of things that the site does not speak of any more.
pub(super) struct Memory {
    /// Protections that nobody lifted, whether or not the thing is there.
    pub(super) guards: BTreeMap<Key, Guards>,
    /// Things that are not there, as they were, and whose place is free.
    absent: State,
    /// Things that are there, as they were: a port whose bridge is gone shows no trace of it.
    there: State,
}

impl Memory {
    /// From what was applied last. `said` is all that the site declares.
    pub(super) fn new(inputs: Inputs<'_>, said: &State) -> Self {
        let mut memory = Self {
            guards: BTreeMap::new(),
            absent: State::new(),
            there: State::new(),
        };
        let Some(applied) = inputs.applied else {
            return memory;
        };
        let (desired, observed) = (&inputs.desired.state, inputs.observed);
        let is_declared = |key: &Key| said.contains_key(key) || desired.contains_key(key);
        for (key, guards) in &applied.protected {
            if !is_declared(key)
                && let Some(left) = guards.among(&inputs.desired.objects)
            {
                memory.guards.insert(key.clone(), left);
            }
        }
        if memory.guards.is_empty() {
            return memory;
        }
        let is_there = |key: &Key| observed.state.contains_key(key) && !observed.is_foreign(key);
        let known = applied.state.iter().chain(inputs.kept);
        let known = known.filter(|(key, _)| !is_declared(key));
        let known = known.map(|(key, resource)| (key.clone(), resource.clone()));
        let (there, absent) = known.partition(|(key, _)| is_there(key));
        memory.there = there;
        memory.absent = placed(absent, desired);
        memory
    }
}

impl Keep {
    /// What must stay while the things in `obstructed` cannot be made.
    pub(super) fn new(
        inputs: Inputs<'_>,
        memory: &Memory,
        obstructed: &BTreeMap<Key, Obstruction>,
    ) -> Self {
        let mut keep = Self {
            movers: movers(inputs, obstructed),
            ..Self::default()
        };
        // Of what is desired only a route falls with other things: an address goes with its link, which is desired then too.
        let declared = inputs.desired.protected.iter().filter(|(key, _)| {
            matches!(key, Key::Route { .. })
                && inputs.desired.state.contains_key(*key)
                && !keep.movers.contains(*key)
        });
        let mut open: Vec<(Key, Option<Origin>)> = declared
            .map(|(key, guards)| (key.clone(), Some(guards.nearest.says.origin.clone())))
            .collect();
        for (key, guards) in &memory.guards {
            let is_there = inputs.observed.state.contains_key(key);
            let stay = Stay::protected(guards, &inputs.desired.objects, is_there);
            open.push((key.clone(), stay.origin.clone()));
            keep.staying.insert(key.clone(), stay);
        }
        keep.hold(inputs, memory, open);
        // What others made is not taken away in any case, but for addresses that are to move.
        let is_foreign = |key: &&Key| inputs.observed.is_foreign(key);
        if keep.staying.keys().any(|key| is_foreign(&key)) {
            let moving = up(inputs, |key| keep.staying.contains_key(key));
            let moving: BTreeSet<&Key> = moving.into_keys().collect();
            keep.staying
                .retain(|key, _| !is_foreign(&key) || moving.contains(key));
        }
        keep
    }

    /// Adds what the things in `open` stand on.
    fn hold(&mut self, inputs: Inputs<'_>, memory: &Memory, mut open: Vec<(Key, Option<Origin>)>) {
        let (observed, absent) = (&inputs.observed.state, &memory.absent);
        if open.is_empty() {
            return;
        }
        let (ground, lost_ground) = (Ground::new(observed), Ground::new(absent));
        let [found, lost_ports, there] = [observed, absent, &memory.there].map(Ports::new);
        let mut seen: BTreeSet<Key> = open.iter().map(|(key, _)| key.clone()).collect();
        while let Some((by, origin)) = open.pop() {
            let lost = absent.get(&by);
            if let Some(resource) = lost {
                self.lost.insert(by.clone(), resource.clone());
            }
            let Some(resource) = observed.get(&by).or(lost) else {
                continue;
            };
            let mut needs = resource.requires(&by, &ground);
            // What fell together stood on each other.
            needs.extend(
                lost.iter()
                    .flat_map(|lost| lost.requires(&by, &lost_ground)),
            );
            // A later address comes after the first one of its prefix, and stays without it.
            needs.retain(|key| place(&by).is_none() || place(key).is_none());
            needs.extend(found.of(&by).chain(lost_ports.of(&by)).cloned());
            needs.extend(lost.iter().flat_map(|_| there.of(&by)).cloned());
            for key in needs {
                let is_there = observed.contains_key(&key);
                let is_known = is_there || absent.contains_key(&key);
                let is_safe = inputs.desired.state.contains_key(&key);
                if !is_known || is_safe || !seen.insert(key.clone()) {
                    continue;
                }
                if let Some(was) = lost.and(memory.there.get(&key)) {
                    self.lost.insert(key.clone(), was.clone());
                }
                if is_there {
                    let on = Obstruction::Needed { by: by.clone() };
                    let origin = origin.clone();
                    self.staying.insert(key.clone(), Stay { on, origin });
                }
                open.push((key, origin.clone()));
            }
        }
    }

    /// The things that stay, as they are.
    pub(super) fn state(&self, observed: &State) -> State {
        let found = |key: &Key| Some((key.clone(), observed.get(key)?.clone()));
        self.staying.keys().filter_map(found).collect()
    }

    /// What a start brings back: the things that stay, and those that are not there with what they stood on. Who was the first of a
    /// prefix is nobody's to say any more.
    pub(super) fn kept(&self, observed: &State) -> State {
        let mut kept = self.state(observed);
        kept.extend(self.lost.clone());
        let kept = kept.into_iter();
        kept.map(|(key, resource)| (key, resource.anywhere()))
            .collect()
    }
}

impl Stay {
    fn protected(guards: &Guards, objects: &Objects, is_there: bool) -> Self {
        let guard = &guards.nearest;
        let (reason, origin) = (guard.says.reason.clone(), guard.says.origin.clone());
        // A line of the site that was applied then is none of this one's.
        let (origin, once) = if guard.is_said(objects) {
            (Some(origin), None)
        } else {
            (None, Some(origin))
        };
        let on = if is_there {
            Obstruction::Protected { reason, once }
        } else {
            Obstruction::Absent { reason, once }
        };
        Self { on, origin }
    }
}

/// The ports of each bridge: without them it stays, and reaches nobody.
struct Ports<'a>(BTreeMap<&'a LinkName, Vec<&'a Key>>);

impl<'a> Ports<'a> {
    fn new(state: &'a State) -> Self {
        let mut ports: BTreeMap<&LinkName, Vec<&Key>> = BTreeMap::new();
        for (key, resource) in state {
            if let Resource::Link(link) = resource
                && let Some(of) = &link.port_of
            {
                ports.entry(of).or_default().push(key);
            }
        }
        Self(ports)
    }

    fn of(&self, bridge: &Key) -> impl Iterator<Item = &'a Key> {
        let ports = if let Key::Link { link, .. } = bridge {
            self.0.get(link)
        } else {
            None
        };
        ports.into_iter().flatten().copied()
    }
}

/// Routes that are protected and lead elsewhere from now on: once changed they need nothing of what held them before, unless an address
/// that one of them is to stand on must come from there.
fn movers(inputs: Inputs<'_>, obstructed: &BTreeMap<Key, Obstruction>) -> BTreeSet<Key> {
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let protected = inputs.desired.protected.keys();
    let routes = protected.filter(|key| matches!(key, Key::Route { .. }));
    let changed = routes.filter_map(|key| {
        let (after, before) = (desired.get(key)?, observed.get(key)?);
        let is_changed = !after.changes_from(before).is_empty();
        is_changed.then_some((key, after, before))
    });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() {
        return BTreeSet::new();
    }
    let (ground, after_ground) = (Ground::new(observed), Ground::new(desired));
    let going = |key: &Key| !desired.contains_key(key);
    let left: BTreeSet<IpAddr> = changed
        .iter()
        .flat_map(|(key, _, before)| before.requires(key, &ground))
        .filter(going)
        .filter_map(|key| ip(&key))
        .collect();
    let is_free = |key: &Key| {
        observed.contains_key(key) || ip(key).is_none_or(|address| !left.contains(&address))
    };
    let moves = |key: &Key, after: &Resource| {
        let ground = after.requires(key, &after_ground);
        !obstructed.contains_key(key) && !ground.is_empty() && ground.iter().all(is_free)
    };
    changed
        .into_iter()
        .filter(|(key, after, _)| moves(key, after))
        .map(|(key, ..)| key.clone())
        .collect()
}
